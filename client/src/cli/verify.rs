//! `oracle verify`: messages from anywhere, checked without a network.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use oracle_client::{Announcement, Attestation, Verified};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::tlog::{NoteKey, TlogProof};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use secp256k1::XOnlyPublicKey;

use super::{Failure, key, output, output::printable};

/// Longest file read, bytes; the largest possible message in hex fits.
const MAX_FILE: u64 = 32 * 1024 * 1024;

const EXAMPLES: &str = "\
Prints `ok …` and exits 0, or `error: …` and exits 1.

A proof is a `.tlog-proof` of this oracle's log (/v1/proofs/ID?format=tlog-proof):
it must hold the announcement or the attestation given beside it, under a
checkpoint signed by the log's key.

Examples:
  oracle verify --announcement announcement.json
  oracle verify --announcement fdd824… --attestation attestation.bin
  curl -s $URL/v1/announcements/$ID?format=hex > a.hex
  oracle verify --announcement a.hex --key 9be3…
  oracle verify --announcement a.hex --proof a.tlog-proof --log-key oracle.example/log+…";

/// Check an announcement, and an attestation against it, offline
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// The announcement: hex, or a file of hex, JSON or raw bytes; a TLV or
    /// the bare body of one
    #[arg(long, value_name = "HEX|FILE")]
    announcement: String,
    /// The attestation, in the same forms; with or without an outcome count
    #[arg(long, value_name = "HEX|FILE")]
    attestation: Option<String>,
    /// The oracle key that the announcement must be signed by, x-only hex
    #[arg(long, value_name = "HEX", value_parser = key)]
    key: Option<XOnlyPublicKey>,
    /// A proof that one of them is in the oracle's log; may be given twice
    #[arg(long, value_name = "FILE", requires = "log_key")]
    proof: Vec<PathBuf>,
    /// The key that signs the log's checkpoints, `name+id+base64` (C2SP vkey)
    #[arg(long, value_name = "VKEY", requires = "proof")]
    log_key: Option<NoteKey>,
}

impl Verify {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let announcement = self.announcement()?;
        let event = &announcement.event;
        let attested = self
            .attestation
            .as_deref()
            .map(|input| attested(input, &announcement))
            .transpose()?;
        let proved = self.proved(&announcement, attested.as_ref())?;
        let id = printable(event.event_id.as_str());
        output::line(&format!(
            "ok announcement {id} key={} maturity={}",
            announcement.oracle_public_key, event.maturity
        ))?;
        if let Some(attestation) = attested {
            let outcome = attestation.outcome().to_string();
            let outcome = printable(&outcome);
            output::line(&format!("ok attestation {id} outcome={outcome}"))?;
        }
        for line in proved {
            output::line(&line)?;
        }
        Ok(())
    }

    /// What the proofs prove, a line each.
    fn proved(
        &self,
        announcement: &Verified<Announcement>,
        attestation: Option<&Verified<Attestation>>,
    ) -> Result<Vec<String>, Failure> {
        let Some(key) = &self.log_key else {
            return Ok(Vec::new());
        };
        let prove = |file: &PathBuf| {
            let bad = |e: &dyn std::fmt::Display| {
                Failure::Invalid(format!("proof {}: {e}", file.display()))
            };
            let text = std::fs::read_to_string(file).map_err(|e| bad(&e))?;
            let proof: TlogProof = text.parse().map_err(|e| bad(&e))?;
            let entry = proof.entry(key).map_err(|e| bad(&e))?;
            let entry = LogEntry::from_bytes(entry).map_err(|e| bad(&e))?;
            let what = match entry {
                LogEntry::Announcement {
                    announcement: a, ..
                } if a == **announcement => "announcement",
                LogEntry::Attestation { attestation: a, .. }
                    if attestation.is_some_and(|given| a == **given) =>
                {
                    "attestation"
                }
                _ => return Err(bad(&"it is of another entry than the messages given")),
            };
            let checkpoint = proof.note.checkpoint();
            Ok(format!(
                "ok proof {what} position={} log={} size={}",
                proof.index,
                printable(&checkpoint.origin),
                checkpoint.size
            ))
        };
        self.proof.iter().map(prove).collect()
    }

    fn announcement(&self) -> Result<Verified<Announcement>, Failure> {
        let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("announcement: {e}"));
        let bytes = read(&self.announcement).map_err(|e| bad(&e))?;
        let announcement = Announcement::from_any(&bytes).map_err(|e| bad(&e))?;
        if let Some(key) = self.key
            && key != announcement.oracle_public_key
        {
            let got = announcement.oracle_public_key;
            return Err(bad(&format_args!("signed by key {got}, expected {key}")));
        }
        verify_announcement(announcement).map_err(|e| bad(&e))
    }
}

/// The attestation, if it is valid.
fn attested(
    input: &str,
    announcement: &Verified<Announcement>,
) -> Result<Verified<Attestation>, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("attestation: {e}"));
    let bytes = read(input).map_err(|e| bad(&e))?;
    let attestation = Attestation::from_any(&bytes).map_err(|e| bad(&e))?;
    verify_attestation(attestation, announcement).map_err(|e| bad(&e))
}

/// A file of that name, else the message itself. No file is tried for what can
/// only be a message, so a stray file cannot shadow one.
pub(super) fn read(input: &str) -> Result<Vec<u8>, String> {
    let text = input.trim();
    if text.starts_with('{') || (text.len() >= 64 && hex::decode(text).is_ok()) {
        return Ok(text.as_bytes().to_vec());
    }
    let file = std::fs::File::open(Path::new(input)).map_err(|e| {
        format!("{input}: neither a message in hex or JSON nor a readable file: {e}")
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("{input}: {e}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{input}: longer than {MAX_FILE} bytes"));
    }
    Ok(bytes)
}
