//! What the log proves: bundles, hours, entries, single messages.
#![forbid(unsafe_code)]

use oracle_schema::bundle::{Bundle, End, Proven};
use oracle_schema::codec::Layout;
use oracle_schema::hour::Hour;
use oracle_schema::log_entry::{LogEntry, NoticeKind};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::policy::Policy;
use oracle_schema::tlog::{Checkpoint, NoteKey, Policy as WitnessPolicy, TlogProof};
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, Descriptor, Outcome, Verified};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::abi::{Failure, text};

fn identity(bytes: &[u8]) -> Result<NoteKey, Failure> {
    let text = text("identity", bytes)?;
    text.parse()
        .map_err(|error| Failure::request(format!("identity: {error}")))
}

/// What a reader of bundles may have beside the identity.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beside {
    witnesses: Option<String>,
    known: Option<Known>,
}

/// The checkpoint of an earlier answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    size: u64,
    root: String,
}

pub(crate) fn bundle(bundle: &[u8], key: &[u8], beside: &[u8]) -> Result<Value, Failure> {
    let key = identity(key)?;
    let beside: Beside = if beside.is_empty() {
        Beside::default()
    } else {
        serde_json::from_slice(beside)
            .map_err(|error| Failure::request(format!("options: {error}")))?
    };
    let witnesses = beside.witnesses.map(|text| {
        WitnessPolicy::parse(text.as_bytes())
            .map_err(|error| Failure::request(format!("options.witnesses: {error}")))
    });
    let witnesses = witnesses.transpose()?;
    let refused = |error: oracle_schema::bundle::BundleError| Failure::refused(error.name(), error);
    let bundle = Bundle::parse(bundle).map_err(refused)?;
    let proven = bundle.verify(&key, witnesses.as_ref()).map_err(refused)?;
    if let Some(known) = beside.known {
        let mut root = [0; 32];
        hex::decode_to_slice(&known.root, &mut root)
            .map_err(|error| Failure::request(format!("options.known.root: {error}")))?;
        let known = Checkpoint {
            origin: proven.checkpoint.origin.clone(),
            size: known.size,
            root,
        };
        bundle
            .continues(&proven.checkpoint, &known)
            .map_err(refused)?;
    }
    described(&proven)
}

fn described(proven: &Proven) -> Result<Value, Failure> {
    let policy = Policy::parse(proven.policy.as_bytes())
        .map_err(|error| Failure::refused("policy", format!("policy: {error}")))?;
    let maturity = i64::from(proven.announcement.event.maturity.epoch());
    let question = policy.question(Some(maturity));
    let end = proven.end.as_ref().map(|end| match end {
        End::Attested {
            position,
            manifest_sha256,
            attestation,
        } => json!({
            "kind": "attested",
            "position": position,
            "manifest_sha256": hex::encode(manifest_sha256),
            "attestation": attestation_json(attestation),
        }),
        End::Refunded {
            position,
            time_ms,
            reason,
        } => json!({
            "kind": "refunded", "position": position, "time_ms": time_ms, "reason": reason,
        }),
    });
    Ok(json!({
        "network": proven.genesis.network,
        "checkpoint": checkpoint_json(&proven.checkpoint),
        "cosigned_by": proven.cosigned_by,
        "announcement": announcement_json(&proven.announcement),
        "announcement_position": proven.announcement_position,
        "nonce_proof": proven.nonce_proof.map(|proof| hex::encode(proof.to_bytes())),
        "policy_hash": hex::encode(proven.policy_hash),
        "policy": proven.policy,
        "title": question.title,
        "description": question.description,
        "names": question.names,
        "attest_by": maturity.saturating_add(i64::from(policy.give_up_after_s)),
        "end": end,
        "anchor_txid": proven.anchor.as_ref().map(|anchor| anchor.txid.to_string()),
    }))
}

fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    json!({
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": hex::encode(checkpoint.root),
    })
}

fn announcement_json(announcement: &Announcement) -> Value {
    let event = &announcement.event;
    let asks = match &event.descriptor {
        Descriptor::Enum(choice) => json!({ "outcomes": choice.outcomes() }),
        Descriptor::Digits(digits) => json!({
            "base": digits.base(),
            "signed": digits.is_signed(),
            "nb_digits": digits.nb_digits(),
            "unit": digits.unit(),
            "precision": digits.precision(),
        }),
    };
    json!({
        "event_id": event.event_id.as_str(),
        "public_key": hex::encode(announcement.oracle_public_key.to_byte_array()),
        "maturity": event.maturity.epoch(),
        "descriptor": asks,
        "tlv": hex::encode(announcement.to_tlv()),
    })
}

fn attestation_json(attestation: &Verified<Attestation>) -> Value {
    let outcome: &Outcome = attestation.outcome();
    json!({
        "outcome": outcome.to_string(),
        "messages": attestation.outcomes,
        "tlv": hex::encode(attestation.to_tlv(Layout::Spec)),
    })
}

/// Decoded and verified, for everything that takes an announcement.
pub(crate) fn announced(bytes: &[u8]) -> Result<Verified<Announcement>, Failure> {
    let read = Announcement::from_any(bytes)
        .map_err(|e| Failure::refused(e.name(), format!("announcement: {e}")))?;
    verify_announcement(read).map_err(|e| Failure::refused(e.name(), format!("announcement: {e}")))
}

/// The same for the attestation of an announcement.
pub(crate) fn attested(
    bytes: &[u8],
    announcement: &Verified<Announcement>,
) -> Result<Verified<Attestation>, Failure> {
    let read = Attestation::from_any(bytes)
        .map_err(|e| Failure::refused(e.name(), format!("attestation: {e}")))?;
    verify_attestation(read, announcement)
        .map_err(|e| Failure::refused(e.name(), format!("attestation: {e}")))
}

pub(crate) fn announcement(bytes: &[u8]) -> Result<Value, Failure> {
    announced(bytes).map(|announcement| announcement_json(&announcement))
}

pub(crate) fn attestation(bytes: &[u8], announcement: &[u8]) -> Result<Value, Failure> {
    let announcement = announced(announcement)?;
    attested(bytes, &announcement).map(|attestation| attestation_json(&attestation))
}

pub(crate) fn nonces(proof: &[u8], announcement: &[u8]) -> Result<Value, Failure> {
    let announcement = announced(announcement)?;
    NonceProof::from_bytes(proof)
        .and_then(|proof| proof.verify(&announcement))
        .map_err(|error| Failure::refused(error.name(), error))?;
    Ok(json!({}))
}

pub(crate) fn hour(bundle: &[u8], hour: &[u8], key: &[u8]) -> Result<Value, Failure> {
    let key = identity(key)?;
    let name = text("hour", hour)?;
    let refused = |error: oracle_schema::hour::HourError| Failure::refused(error.name(), error);
    let read = Hour::parse(bundle).map_err(refused)?;
    let proven = read.verify(name, &key).map_err(refused)?;
    let entries = proven.entries.iter();
    let entries: Vec<Value> = entries
        .map(|(position, entry)| entry_json(*position, entry))
        .collect();
    Ok(json!({
        "network": proven.genesis.network,
        "public_key": hex::encode(proven.genesis.oracle_public_key.to_byte_array()),
        "complete": proven.complete,
        "next": proven.next,
        "checkpoint": checkpoint_json(&proven.checkpoint),
        "first": proven.first,
        "before": { "size": proven.before.size(), "root": hex::encode(proven.before.root()) },
        "entries": entries,
        "unknown": proven.unknown,
    }))
}

/// What a wallet looks for in the log; of the rest only where it stands.
fn entry_json(position: u64, entry: &LogEntry) -> Value {
    match entry {
        LogEntry::Announcement {
            policy_hash,
            announcement,
        } => json!({
            "position": position,
            "kind": "announcement",
            "event_id": announcement.event.event_id.as_str(),
            "policy_hash": hex::encode(policy_hash),
            "tlv": hex::encode(announcement.to_tlv()),
        }),
        LogEntry::Attestation {
            announcement_position,
            attestation,
            ..
        } => json!({
            "position": position,
            "kind": "attestation",
            "announcement_position": announcement_position,
            "tlv": hex::encode(attestation.to_tlv(Layout::Spec)),
        }),
        LogEntry::NonceProof {
            announcement_position,
            proof,
        } => json!({
            "position": position,
            "kind": "nonce_proof",
            "announcement_position": announcement_position,
            "proof": hex::encode(proof),
        }),
        LogEntry::Notice {
            kind,
            event_id,
            reason,
            ..
        } => json!({
            "position": position,
            "kind": match kind {
                NoticeKind::Refund => "refund",
                NoticeKind::Withdrawn => "withdrawn",
            },
            "event_id": event_id.as_str(),
            "reason": reason,
        }),
        LogEntry::Genesis(_) | LogEntry::OperatorAction(_) | LogEntry::Status(_) => {
            json!({ "position": position, "kind": "other" })
        }
    }
}

pub(crate) fn log_proof(proof: &[u8], entry: &[u8], key: &[u8]) -> Result<Value, Failure> {
    let key = identity(key)?;
    let refused =
        |error: oracle_schema::tlog::proof::TlogProofError| Failure::refused("log-proof", error);
    let proof: TlogProof = text("proof", proof)?.parse().map_err(refused)?;
    let held = proof.entry(&key).map(<[u8]>::to_vec);
    let entry = if entry.is_empty() {
        held.map_err(refused)?
    } else {
        proof.verify(entry, &key).map_err(refused)?;
        entry.to_vec()
    };
    Ok(json!({
        "index": proof.index,
        "checkpoint": checkpoint_json(proof.note.checkpoint()),
        "entry": hex::encode(entry),
    }))
}
