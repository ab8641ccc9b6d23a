//! `oracle prove-equivocation`: two outcomes under one nonce give the key away.

use std::path::PathBuf;

use clap::Args;
use oracle_client::equivocation::{Equivocation, prove};
use oracle_client::verify::verify_announcement;
use oracle_client::{Announcement, Attestation};
use serde_json::json;

use super::Failure;
use super::output::{self, printable};
use super::verify::read;

const EXAMPLES: &str = "\
Prints the oracle's secret key, which follows from the two signatures, writes the
proof and exits 0. Exits 1 with the reason when the two prove nothing: an honest
oracle signs one message under a nonce.

Examples:
  oracle prove-equivocation mine.json theirs.json
  oracle prove-equivocation mine.hex fdd868… --out ./proof";

/// Prove that an oracle signed two outcomes, out of two of its attestations
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProveEquivocation {
    /// One attestation: hex, or a file of hex, JSON or raw bytes
    first: String,
    /// The other
    second: String,
    /// The announcement of the nonce, to be checked and kept with the proof
    #[arg(long, value_name = "HEX|FILE")]
    announcement: Option<String>,
    /// Write the proof into this directory instead of equivocation-NONCE
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ProveEquivocation {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (first, second) = (attestation(&self.first)?, attestation(&self.second)?);
        let invalid = |e: &dyn std::fmt::Display| Failure::Invalid(e.to_string());
        let proof = prove(&first, &second).map_err(|e| invalid(&e))?;
        let announcement = self.announcement(&proof)?;
        let nonce = hex::encode(proof.nonce);
        let out = self.out.clone().unwrap_or_else(|| {
            let short: String = nonce.chars().take(16).collect();
            PathBuf::from(format!("equivocation-{short}"))
        });
        let unwritten = |e| invalid(&format!("{}: {e}", out.display()));
        proof.save(&out, [&first, &second]).map_err(unwritten)?;
        if let Some(announcement) = announcement {
            let file = out.join("announcement.tlv");
            std::fs::write(file, announcement.to_tlv()).map_err(unwritten)?;
        }
        if self.json {
            let messages: Vec<_> = proof.signed.iter().map(|s| &s.message).collect();
            return Ok(output::json(
                &json!({
                    "public_key": proof.public_key.to_string(),
                    "nonce": nonce,
                    "messages": messages,
                    "secret_key": hex::encode(proof.secret_key()),
                    "directory": out.display().to_string(),
                }),
                true,
            )?);
        }
        output::line(&format!(
            "oracle {} signed under nonce {nonce}",
            proof.public_key
        ))?;
        for signed in &proof.signed {
            let message = printable(&signed.message).into_owned();
            output::line(&format!("  {message:?} (signature {})", signed.index))?;
        }
        let key = hex::encode(proof.secret_key());
        output::line(&format!("its secret key is {key}"))?;
        let dir = out.display().to_string();
        Ok(output::line(&format!(
            "ok equivocation: proven; what a stranger needs to check it is in {}",
            printable(&dir)
        ))?)
    }

    /// The announcement, if it is valid and has the nonce.
    fn announcement(&self, proof: &Equivocation) -> Result<Option<Announcement>, Failure> {
        let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("announcement: {e}"));
        let Some(input) = &self.announcement else {
            return Ok(None);
        };
        let bytes = read(input).map_err(|e| bad(&e))?;
        let announcement = Announcement::from_any(&bytes).map_err(|e| bad(&e))?;
        let announcement = verify_announcement(announcement).map_err(|e| bad(&e))?;
        let mut nonces = announcement.event.nonces.iter();
        let has_it = nonces.any(|nonce| nonce.to_byte_array() == proof.nonce);
        if !has_it || announcement.oracle_public_key != proof.public_key {
            return Err(bad(&"does not announce the nonce of the two attestations"));
        }
        Ok(Some(announcement.into_inner()))
    }
}

fn attestation(input: &str) -> Result<Attestation, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("attestation: {e}"));
    let bytes = read(input).map_err(|e| bad(&e))?;
    Attestation::from_any(&bytes).map_err(|e| bad(&e))
}
