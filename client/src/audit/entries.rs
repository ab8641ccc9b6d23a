//! What each entry of the log must be by itself, and together with the earlier
//! ones that it names. Source: docs/log-format.md.

use std::io;

use oracle_schema::log_entry::{LogEntry, NoticeKind, StatusKind};
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::operator::Verb;
use oracle_schema::verify::{attested_outcome, check_announcement};
use oracle_schema::{Announcement, Attestation, Descriptor, EventId, Maturity, Outcome, Promise};
use secp256k1::XOnlyPublicKey;
use sha2::{Digest, Sha256};

use super::index::{Kind, Mention};
use super::report::{Finding, Subject, Totals};

/// One entry as read.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
}

/// What an announcement or an attestation rests on besides the log.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) position: u64,
    pub(super) event_id: EventId,
    pub(super) maturity: Maturity,
    pub(super) descriptor: Descriptor,
    pub(super) policy_hash: [u8; 32],
    /// Of an attestation: the manifest's hash, and what was attested.
    pub(super) outcome: Option<([u8; 32], Outcome)>,
}

/// One entry, checked.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) mentions: Vec<Mention>,
    pub(super) violations: Vec<Finding>,
    pub(super) totals: Totals,
    pub(super) link: Option<Link>,
}

/// What entries are checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The oracle's key.
    pub(super) key: XOnlyPublicKey,
    /// Whether this entry's signatures are due.
    pub(super) signatures: bool,
}

/// What an entry is, for people.
pub(super) fn describe(entry: &LogEntry) -> String {
    match entry {
        LogEntry::Genesis(_) => "genesis".to_owned(),
        LogEntry::Announcement { announcement, .. } => {
            format!("announcement of {}", announcement.event.event_id)
        }
        LogEntry::Attestation { attestation, .. } => match &attestation.event_id {
            Some(id) => format!("attestation of {id}"),
            None => "attestation".to_owned(),
        },
        LogEntry::Notice { kind, event_id, .. } => match kind {
            NoticeKind::Refund => format!("refund of {event_id}"),
            NoticeKind::Withdrawn => format!("withdrawal of {event_id}"),
        },
        LogEntry::Status(status) => {
            let what = match &status.kind {
                StatusKind::Proposal(_) => "proposal for",
                StatusKind::Hold => "hold of",
                StatusKind::Late => "lateness of",
            };
            format!("{what} {}", status.event_id)
        }
        LogEntry::OperatorAction(action) => {
            format!(
                "{} of {} by {}",
                action.verb, action.event_id, action.operator
            )
        }
        LogEntry::NonceProof {
            announcement_position: at,
            ..
        } => format!("proof of the nonces of entry {at}"),
    }
}

/// The entry at a position, named.
pub(super) fn subject(position: u64, bytes: &[u8]) -> Subject {
    let what = LogEntry::from_bytes(bytes).map_or_else(|_| String::new(), |e| describe(&e));
    Subject::Entry { position, what }
}

/// Checks one entry. `earlier` gives the bytes of entries before it.
pub(super) fn check(
    raw: &Raw,
    rules: Rules,
    earlier: impl FnMut(u64) -> io::Result<Vec<u8>>,
) -> io::Result<Checked> {
    let position = raw.position;
    let mut checked = Checked::default();
    checked.totals.entries = 1;
    let entry = match LogEntry::from_bytes_of(&raw.bytes, &rules.key) {
        Ok(entry) => entry,
        Err(e) => {
            checked
                .violations
                .push(Finding::new(Subject::entry(position), e));
            return Ok(checked);
        }
    };
    let mut wrong = Vec::new();
    if (position == 0) != matches!(entry, LogEntry::Genesis(_)) {
        wrong.push("a log has one genesis, at position 0".to_owned());
    }
    if rules.signatures {
        match &entry {
            LogEntry::Genesis(_) | LogEntry::OperatorAction(_) => checked.totals.signatures += 1,
            _ => {}
        }
        wrong.extend(entry.verify().err().map(|e| e.to_string()));
    }
    wrong.extend(ruled(&mut checked, rules, raw, entry, earlier)?);
    if !wrong.is_empty() {
        let subject = subject(position, &raw.bytes);
        let found = wrong.into_iter().map(|w| Finding::new(subject.clone(), w));
        checked.violations.extend(found);
    }
    Ok(checked)
}

/// What the rules of its type find wrong with an entry; what it says besides
/// goes into `checked`.
fn ruled(
    checked: &mut Checked,
    rules: Rules,
    raw: &Raw,
    entry: LogEntry,
    earlier: impl FnMut(u64) -> io::Result<Vec<u8>>,
) -> io::Result<Option<String>> {
    let position = raw.position;
    match entry {
        LogEntry::Genesis(_) => {}
        LogEntry::Announcement {
            policy_hash,
            announcement,
        } => {
            return Ok(announced(
                checked,
                rules,
                position,
                announcement,
                policy_hash,
            ));
        }
        LogEntry::Attestation {
            announcement_position: at,
            manifest_sha256: manifest,
            attestation,
        } => {
            let named = promise(position, at, rules, earlier)?;
            let judged = named.and_then(|named| {
                attested(checked, rules, position, (&attestation, manifest), named)
            });
            return Ok(judged.err());
        }
        LogEntry::Notice {
            kind,
            event_id,
            time_ms,
            ..
        } => {
            checked.totals.notices = 1;
            let kind = match kind {
                NoticeKind::Refund => Kind::Refunded,
                NoticeKind::Withdrawn => Kind::Withdrawn,
            };
            let mut mention = Mention::of_event(kind, &event_id, position);
            mention.time.0 = u32::try_from(time_ms / 1000).unwrap_or(u32::MAX);
            checked.mentions.push(mention);
        }
        LogEntry::Status(status) => {
            checked.totals.statuses = 1;
            let mention = Mention::of_event(Kind::Status, &status.event_id, position);
            checked.mentions.push(mention);
        }
        LogEntry::OperatorAction(action) => {
            checked.totals.operator_actions = 1;
            if matches!(action.verb, Verb::Void | Verb::Approve) {
                let mention = Mention::of_event(Kind::Operated, &action.event_id, position);
                checked.mentions.push(mention);
            }
            let key = Sha256::digest(&raw.bytes).into();
            checked
                .mentions
                .push(Mention::new(Kind::Logged, key, position));
        }
        LogEntry::NonceProof {
            announcement_position: at,
            proof,
        } => {
            checked.totals.nonce_proofs = 1;
            let proven = announcement(position, at, rules, earlier)?;
            let judged = proven.and_then(|announcement| {
                let id = &announcement.event.event_id;
                checked
                    .mentions
                    .push(Mention::of_event(Kind::Proven, id, position));
                proves(rules, &announcement, &proof)
            });
            return Ok(judged.err());
        }
    }
    Ok(None)
}

fn announced(
    checked: &mut Checked,
    rules: Rules,
    position: u64,
    announcement: Announcement,
    policy_hash: [u8; 32],
) -> Option<String> {
    let nonces = &announcement.event.nonces;
    let mentions = nonces.iter().map(XOnlyPublicKey::to_byte_array);
    let mentions = mentions.map(|nonce| Mention::new(Kind::Nonce, nonce, position));
    checked.mentions.extend(mentions);
    checked.totals.announcements = 1;
    checked.totals.nonces = nonces.len() as u64;
    let key = announcement.oracle_public_key;
    let mut wrong = None;
    if rules.signatures {
        checked.totals.signatures += 1;
        let verified = check_announcement(&announcement);
        wrong = verified.err().map(|e| e.to_string());
    }
    let event = announcement.event;
    checked.link = Some(Link {
        position,
        event_id: event.event_id,
        maturity: event.maturity,
        descriptor: event.descriptor,
        policy_hash,
        outcome: None,
    });
    if key == rules.key {
        wrong
    } else {
        Some(format!("is by key {key}, not by the oracle's"))
    }
}

/// The announcement that a proof names.
fn announcement(
    position: u64,
    at: u64,
    rules: Rules,
    mut earlier: impl FnMut(u64) -> io::Result<Vec<u8>>,
) -> io::Result<Result<Announcement, String>> {
    if at >= position {
        return Ok(Err(format!("refers to entry {at}, which is not before it")));
    }
    Ok(match LogEntry::from_bytes_of(&earlier(at)?, &rules.key) {
        Ok(LogEntry::Announcement { announcement, .. }) => Ok(announcement),
        _ => Err(format!("refers to entry {at}, which is no announcement")),
    })
}

/// Whether whoever announced knew the nonces, where that is to be checked.
fn proves(rules: Rules, announcement: &Announcement, proof: &[u8]) -> Result<(), String> {
    if !rules.signatures {
        return Ok(());
    }
    let proof = NonceProof::from_bytes(proof).and_then(|proof| proof.verify(announcement));
    proof.map_err(|e| {
        format!(
            "does not prove that the oracle knows the nonces of {}: {e}",
            announcement.event.event_id
        )
    })
}

/// The policy's hash and the announcement that an attestation names.
type Named = ([u8; 32], Promise);

/// The announcement that an attestation names; none where it is not needed.
fn promise(
    position: u64,
    at: u64,
    rules: Rules,
    mut earlier: impl FnMut(u64) -> io::Result<Vec<u8>>,
) -> io::Result<Result<Option<Named>, String>> {
    if at >= position {
        return Ok(Err(format!("refers to entry {at}, which is not before it")));
    }
    if !rules.signatures {
        return Ok(Ok(None));
    }
    let promise = LogEntry::promise_of(&earlier(at)?, &rules.key);
    let none = || format!("refers to entry {at}, which is no announcement");
    Ok(promise.map(Some).ok_or_else(none))
}

fn attested(
    checked: &mut Checked,
    rules: Rules,
    position: u64,
    (attestation, manifest): (&Attestation, [u8; 32]),
    promise: Option<Named>,
) -> Result<(), String> {
    checked.totals.attestations = 1;
    if let Some(id) = &attestation.event_id {
        let mention = Mention::of_event(Kind::Attested, id, position);
        checked.mentions.push(mention);
    }
    let Some((policy_hash, event)) = promise else {
        return Ok(());
    };
    if attestation.oracle_public_key != rules.key {
        let key = attestation.oracle_public_key;
        return Err(format!("is by key {key}, not by the oracle's"));
    }
    checked.totals.signatures += attestation.signatures.len() as u64;
    let outcome = attested_outcome(attestation, &event).map_err(|e| e.to_string())?;
    checked.link = Some(Link {
        position,
        event_id: event.event_id,
        maturity: event.maturity,
        descriptor: event.descriptor,
        policy_hash,
        outcome: Some((manifest, outcome)),
    });
    Ok(())
}
