//! `oracle verify`: messages from anywhere, checked without a network.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use oracle_client::bundle::{Bundle, BundleError, End, MAX_BUNDLE_BYTES, Proven};
use oracle_client::{Announcement, Attestation, Memory, NoteKey, Verified};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonces::AttestedEvent;
use oracle_schema::tlog::TlogProof;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use serde_json::{Map, Value};

use super::output::printable;
use super::trust::{KEY_PROVES_NOTHING, Trust};
use super::{Failure, output};

/// Longest file read, bytes; the largest possible message in hex fits.
const MAX_FILE: u64 = MAX_BUNDLE_BYTES as u64;

const EXAMPLES: &str = "\
Prints `ok …` and exits 0; or `error: …` and exits 1; or `ok …` and `unproven: …`
and exits 3, if every signature holds and nothing shows that the oracle's log
knows of it. Whoever can choose the outcomes of enough open events can forge an
announcement in the oracle's name; only the log tells it from a real one.

A bundle (/v1/events/ID/bundle) is everything that proves one event.

A proof is a `.tlog-proof` of this oracle's log (/v1/proofs/ID?format=tlog-proof):
it must hold the announcement or the attestation given beside it, under a
checkpoint signed by the identity.

Examples:
  curl -s $URL/v1/events/$ID/bundle > event.json
  oracle verify event.json --identity oracle.example/log+…
  oracle verify --announcement announcement.json
  oracle verify --announcement fdd824… --attestation attestation.bin
  oracle verify --announcement a.hex --proof a.tlog-proof --identity oracle.example/log+…";

/// Check a bundle, or an announcement and an attestation against it, offline
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Everything that proves one event: a file of `/v1/events/ID/bundle`
    #[arg(required_unless_present = "announcement", conflicts_with_all = ["announcement", "attestation", "proof"])]
    bundle: Option<PathBuf>,
    /// The announcement: hex, or a file of hex, JSON or raw bytes; a TLV or
    /// the bare body of one
    #[arg(long, value_name = "HEX|FILE")]
    announcement: Option<String>,
    /// The attestation, in the same forms; with or without an outcome count
    #[arg(long, value_name = "HEX|FILE", requires = "announcement")]
    attestation: Option<String>,
    /// A proof that one of them is in the oracle's log; may be given twice
    #[arg(long, value_name = "FILE", requires = "announcement")]
    proof: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

impl Verify {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match (self.json, self.verdict()) {
            (true, verdict) => in_json(verdict),
            (false, Ok(found)) => {
                for line in &found.lines {
                    output::line(&printable(line))?;
                }
                match found.unproven {
                    Some(why) => Err(Failure::Verdict(3, Some(format!("unproven: {why}")))),
                    None => Ok(()),
                }
            }
            (false, Err(failure)) => Err(failure),
        }
    }

    fn verdict(&self) -> Result<Found, Failure> {
        match (&self.bundle, &self.announcement) {
            (Some(file), _) => self.bundle(file),
            (None, Some(announcement)) => self.messages(announcement),
            (None, None) => Err(Failure::Usage("a bundle or --announcement".to_owned())),
        }
    }

    fn bundle(&self, file: &Path) -> Result<Found, Failure> {
        let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("bundle: {e}"));
        let bytes = read_file(file).map_err(|e| bad(&e))?;
        let bundle = Bundle::parse(&bytes).map_err(|e| bad(&e))?;
        let pinned = self.trust.identity()?;
        let identity = match &pinned {
            Some(identity) => identity.clone(),
            None => bundle.named_identity().map_err(|e| bad(&e))?,
        };
        let witnesses = self.trust.witnesses()?;
        let proven = bundle
            .verify(&identity, witnesses.as_ref())
            .map_err(|e| bad(&e))?;
        self.is_by_key(&proven.announcement)?;
        let memory = self.trust.memory()?;
        memory.check(&proven.announcement)?;
        if pinned.is_some() {
            compare(&memory, &identity, &bundle, &proven)?;
            if let Some(attestation) = proven.attestation() {
                memory.learn(&AttestedEvent::of(&proven.announcement, attestation))?;
            }
        }
        let mut found = Found::of(&proven);
        if pinned.is_none() {
            found.is_unproven(&format!(
                "the bundle is of the log {identity}; whose that is, only --identity can say"
            ));
        }
        Ok(found)
    }

    fn messages(&self, announcement: &str) -> Result<Found, Failure> {
        let announcement = verified_announcement(announcement)?;
        self.is_by_key(&announcement)?;
        let event = &announcement.event;
        let attested = self
            .attestation
            .as_deref()
            .map(|input| attested(input, &announcement))
            .transpose()?;
        let memory = self.trust.memory()?;
        memory.check(&announcement)?;
        let proved = self.proved(&announcement, attested.as_ref())?;
        let mut found = Found::default();
        let id = event.event_id.as_str();
        found.say(format!(
            "ok announcement {id} key={} maturity={}",
            announcement.oracle_public_key, event.maturity
        ));
        found.is_of(&announcement);
        if let Some(attestation) = &attested {
            let outcome = attestation.outcome().to_string();
            found.say(format!("ok attestation {id} outcome={outcome}"));
            found.put("outcome", outcome);
        }
        for proof in &proved {
            found.say(proof.line.clone());
            found.put(proof.member, proof.position);
        }
        let is_proven = |what| proved.iter().any(|proof| proof.what == what);
        let is_attestation_proven = attested.is_none() || is_proven(ATTESTATION);
        if is_proven(ANNOUNCEMENT) && is_attestation_proven {
            if let Some(attestation) = &attested {
                memory.learn(&AttestedEvent::of(&announcement, attestation))?;
            }
            return Ok(found);
        }
        found.is_unproven(if proved.is_empty() {
            "verify the event's bundle with --identity"
        } else if is_attestation_proven {
            "give a --proof of the announcement too"
        } else {
            "give a --proof of the attestation too"
        });
        Ok(found)
    }

    /// What the proofs prove.
    fn proved(
        &self,
        announcement: &Verified<Announcement>,
        attestation: Option<&Verified<Attestation>>,
    ) -> Result<Vec<Proved>, Failure> {
        let Some(key) = self.trust.identity()? else {
            if self.proof.is_empty() {
                return Ok(Vec::new());
            }
            return Err(Failure::Usage(
                "--proof is a proof of some log: --identity says of which".to_owned(),
            ));
        };
        let witnesses = self.trust.witnesses()?;
        let proofs = self.proof.iter().map(|file| {
            let (proof, proved) = proved(file, &key, announcement, attestation)?;
            if let Some(policy) = &witnesses {
                let bad = |e| Failure::Invalid(format!("proof {}: {e}", file.display()));
                policy.check(&proof.note).map_err(bad)?;
            }
            Ok(proved)
        });
        proofs.collect()
    }

    fn is_by_key(&self, announcement: &Announcement) -> Result<(), Failure> {
        match self.trust.key {
            Some(key) if key != announcement.oracle_public_key => Err(Failure::Invalid(format!(
                "announcement: signed by key {}, expected {key}",
                announcement.oracle_public_key
            ))),
            _ => Ok(()),
        }
    }
}

const ANNOUNCEMENT: &str = "announcement";
const ATTESTATION: &str = "attestation";

/// That a message is in the log.
struct Proved {
    what: &'static str,
    /// What its position is called in JSON.
    member: &'static str,
    position: u64,
    line: String,
}

/// What was found, for people and as members of one JSON object.
#[derive(Default)]
struct Found {
    lines: Vec<String>,
    members: Map<String, Value>,
    unproven: Option<String>,
}

impl Found {
    fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    fn is_unproven(&mut self, what_to_do: &str) {
        self.unproven = Some(format!("{KEY_PROVES_NOTHING}; {what_to_do}"));
    }

    fn is_of(&mut self, announcement: &Announcement) {
        let event = &announcement.event;
        self.put("event_id", event.event_id.as_str());
        self.put(
            "oracle_public_key",
            announcement.oracle_public_key.to_string(),
        );
        self.put("maturity", event.maturity.to_string());
    }
}

/// The verdict as one object, and the exit code that goes with it.
fn in_json(verdict: Result<Found, Failure>) -> Result<(), Failure> {
    let (verdict, reason, members, code) = match verdict {
        Ok(found) => match found.unproven {
            None => ("ok", None, found.members, 0),
            Some(why) => ("unproven", Some(why), found.members, 3),
        },
        Err(Failure::Invalid(why)) => ("invalid", Some(why), Map::new(), 1),
        Err(Failure::Client(error)) if super::exit_code(&error) == 1 => {
            ("invalid", Some(error.to_string()), Map::new(), 1)
        }
        Err(failure) => return Err(failure),
    };
    let mut object = Map::new();
    object.insert("verdict".to_owned(), verdict.into());
    object.insert("reason".to_owned(), reason.into());
    object.extend(members);
    output::json(&Value::Object(object), true)?;
    match code {
        0 => Ok(()),
        code => Err(Failure::Verdict(code, None)),
    }
}

fn proved(
    file: &Path,
    key: &NoteKey,
    announcement: &Verified<Announcement>,
    attestation: Option<&Verified<Attestation>>,
) -> Result<(TlogProof, Proved), Failure> {
    let bad =
        |e: &dyn std::fmt::Display| Failure::Invalid(format!("proof {}: {e}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| bad(&e))?;
    let proof: TlogProof = text.parse().map_err(|e| bad(&e))?;
    let entry = proof.entry(key).map_err(|e| bad(&e))?;
    let entry = LogEntry::from_bytes(entry).map_err(|e| bad(&e))?;
    let (what, member) = match entry {
        LogEntry::Announcement {
            announcement: a, ..
        } if a == **announcement => (ANNOUNCEMENT, "announcement_position"),
        LogEntry::Attestation { attestation: a, .. }
            if attestation.is_some_and(|given| a == **given) =>
        {
            (ATTESTATION, "attestation_position")
        }
        _ => return Err(bad(&"it is of another entry than the messages given")),
    };
    let checkpoint = proof.note.checkpoint();
    let line = format!(
        "ok proof {what} position={} log={} size={}",
        proof.index, checkpoint.origin, checkpoint.size
    );
    let position = proof.index;
    let proved = Proved {
        what,
        member,
        position,
        line,
    };
    Ok((proof, proved))
}

/// Refuses a bundle of another log than the one that was proven before, as far as a
/// file can show it: it may be older than what is remembered, or later and without a
/// proof that it continues that.
fn compare(
    memory: &Memory,
    identity: &NoteKey,
    bundle: &Bundle,
    proven: &Proven,
) -> Result<(), Failure> {
    let Some(known) = memory.head(identity)? else {
        return Ok(());
    };
    let note = |what: &str| {
        output::note(&format!(
            "note: a checkpoint of {} entries was proven before; {what}",
            known.size
        ));
    };
    match bundle.continues(&proven.checkpoint, &known) {
        Err(BundleError::Older { .. }) => {
            note("this bundle's is older, and nothing shows that it is of the same log");
        }
        Err(BundleError::NoConsistency(_)) => {
            note("nothing shows that this bundle's continues it");
        }
        Err(e) => return Err(Failure::Invalid(format!("bundle: {e}"))),
        Ok(()) => {}
    }
    Ok(())
}

impl Found {
    /// Everything that a bundle proves.
    fn of(proven: &Proven) -> Self {
        let mut found = Self::default();
        let checkpoint = &proven.checkpoint;
        let cosigned = match proven.cosigned_by.as_slice() {
            [] => String::new(),
            names => format!(" cosigned-by={}", names.join(",")),
        };
        let (origin, size) = (&checkpoint.origin, checkpoint.size);
        found.say(format!("ok log {origin} size={size}{cosigned}"));
        found.put("log_origin", origin.as_str());
        found.put("log_size", size);
        found.put("cosigned_by", proven.cosigned_by.clone());
        let event = &proven.announcement.event;
        let id = event.event_id.as_str();
        found.say(format!(
            "ok announcement {id} key={} maturity={} position={}",
            proven.announcement.oracle_public_key, event.maturity, proven.announcement_position
        ));
        found.is_of(&proven.announcement);
        found.put("announcement_position", proven.announcement_position);
        let count = event.nonces.len();
        found.say(match proven.nonce_proof {
            Some(_) => format!("ok nonces {id} known to the oracle: {count}"),
            None => format!(
                "not proven {id}: that the oracle knows its nonces; add it to no other oracle's"
            ),
        });
        found.put("nonces_proven", proven.nonce_proof.is_some());
        let policy_hash = hex::encode(proven.policy_hash);
        found.say(format!("ok policy {policy_hash}"));
        found.put("policy_hash", policy_hash);
        found.ended(id, proven.end.as_ref());
        if let Some(anchor) = &proven.anchor {
            let height = anchor.block.map_or(0, |(_, height)| height);
            found.say(format!(
                "ok anchor size={} transaction={} block={height} (whether the block is in the chain, a node says)",
                anchor.payload.size, anchor.txid
            ));
            found.put("anchor_transaction", anchor.txid.to_string());
        }
        found
    }

    fn ended(&mut self, id: &str, end: Option<&End>) {
        match end {
            Some(End::Attested {
                position,
                attestation,
                ..
            }) => {
                let outcome = attestation.outcome().to_string();
                self.say(format!(
                    "ok attestation {id} outcome={outcome} position={position}"
                ));
                self.put("outcome", outcome);
                self.put("attestation_position", *position);
            }
            Some(End::Refunded {
                position, reason, ..
            }) => {
                self.say(format!(
                    "ok refund {id} position={position} reason={reason}"
                ));
                self.put("refund_position", *position);
                self.put("refund_reason", reason.as_str());
            }
            None => self.say(format!("not attested {id} under this checkpoint")),
        }
    }
}

fn verified_announcement(input: &str) -> Result<Verified<Announcement>, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::Invalid(format!("announcement: {e}"));
    let bytes = read(input).map_err(|e| bad(&e))?;
    let announcement = Announcement::from_any(&bytes).map_err(|e| bad(&e))?;
    verify_announcement(announcement).map_err(|e| bad(&e))
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
    read_file(Path::new(input))
        .map_err(|e| format!("neither a message in hex or JSON nor a readable file: {e}"))
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{}: longer than {MAX_FILE} bytes", path.display()));
    }
    Ok(bytes)
}
