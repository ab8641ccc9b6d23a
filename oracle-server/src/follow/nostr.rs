//! Events and answers as relays have them (NIP-01).

use std::sync::Arc;

use oracle_schema::codec::CodecError;
use oracle_schema::nostr::Tag;
use oracle_schema::verify::{Verified, VerifyError, verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation};
use serde::Serialize;
use tokio::task::JoinError;

use super::outbox::printable;
use crate::signer::{NostrStatement, NostrTags, Signer, SignerError, Statement};
use crate::store::{OutboxItem, OutboxMessage, OutboxTlv};

/// Prefixes of an `OK false` that passes by itself; with any other, or none,
/// the relay refuses the event as it is.
const PASSING: [&str; 2] = ["rate-limited", "error"];

/// An event ready to be sent.
#[derive(Debug)]
pub(super) struct Event {
    /// Lower-case hex.
    pub(super) id: String,
    /// `["EVENT",{…}]`.
    pub(super) text: String,
}

/// Why a stored message has no event.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// A stored message that this build cannot read.
    #[error("stored message: {0}")]
    Codec(#[from] CodecError),
    /// A stored message that is not true.
    #[error("stored message: {0}")]
    Verify(#[from] VerifyError),
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

#[derive(Serialize)]
struct EventJson<'a> {
    id: &'a str,
    pubkey: String,
    created_at: i64,
    kind: u16,
    tags: &'a [Tag],
    content: &'a str,
    sig: String,
}

impl Event {
    /// The event of a queued message: the same bytes each time. A row is believed as
    /// far as the oracle's own signature in it goes.
    pub(super) fn new(signer: &Signer, item: &OutboxItem) -> Result<Self, EventError> {
        let statement = match &item.message {
            OutboxMessage::Announcement(stored) => {
                announced(item.kind, stored, &item.policy)?.statement
            }
            OutboxMessage::Attestation {
                attestation,
                announcement,
                announcement_kind,
            } => {
                let announced = announced(*announcement_kind, announcement, &item.policy)?;
                let at = attestation.published_at.timestamp();
                let (message, _) = Attestation::from_tlv(&attestation.tlv)?;
                let message = verify_attestation(message, &announced.message)?;
                let statement =
                    NostrStatement::attestation(item.kind, at, &message, &announced.statement)?;
                tagged(statement, attestation, &announced.message, &item.policy)?
            }
        };
        let signature = signer.statement(Statement::Nostr(&statement))?;
        let id = hex::encode(statement.id());
        let event = statement.event();
        let json = EventJson {
            id: &id,
            pubkey: hex::encode(event.author.to_byte_array()),
            created_at: event.created_at,
            kind: event.kind,
            tags: &event.tags,
            content: &event.content,
            sig: hex::encode(signature.as_byte_array()),
        };
        // Texts and numbers: nothing that JSON lacks.
        let text = serde_json::to_string(&("EVENT", json)).unwrap_or_default();
        Ok(Self { id, text })
    }
}

struct Announced {
    statement: NostrStatement,
    message: Verified<Announcement>,
}

fn announced(kind: u16, stored: &OutboxTlv, policy: &[u8]) -> Result<Announced, EventError> {
    let message = verify_announcement(Announcement::from_tlv(&stored.tlv)?)?;
    let at = stored.published_at.timestamp();
    let statement = NostrStatement::announcement(kind, at, &message);
    let statement = tagged(statement, stored, &message, policy)?;
    Ok(Announced { statement, message })
}

/// The statement with its tags, if a message of its time has any.
fn tagged(
    statement: NostrStatement,
    stored: &OutboxTlv,
    announcement: &Verified<Announcement>,
    policy: &[u8],
) -> Result<NostrStatement, EventError> {
    Ok(if stored.has_tags {
        statement.with(NostrTags::new(announcement, policy)?)?
    } else {
        statement
    })
}

/// The events of a batch, in its order. The arithmetic is for a blocking thread;
/// an error is a panic there, or the end of the runtime.
pub(super) async fn events(
    signer: &Arc<Signer>,
    items: &Arc<[OutboxItem]>,
) -> Result<Vec<Result<Event, EventError>>, JoinError> {
    let (signer, items) = (signer.clone(), items.clone());
    tokio::task::spawn_blocking(move || {
        items.iter().map(|item| Event::new(&signer, item)).collect()
    })
    .await
}

/// What a relay says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has it.
    Accepted,
    /// Not now; in its words.
    Later(String),
    /// Not as it is; in its words.
    Refused(String),
}

impl Verdict {
    /// `["OK", ID, true|false, MESSAGE]` as (ID, verdict); `None` for any other
    /// message.
    pub(super) fn read(text: &str) -> Option<(String, Self)> {
        let message: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
        let [label, id, accepted, rest @ ..] = message.as_slice() else {
            return None;
        };
        if label.as_str() != Some("OK") {
            return None;
        }
        let reason = rest
            .first()
            .and_then(|reason| reason.as_str())
            .unwrap_or_default();
        let prefix = reason
            .split_once(':')
            .map_or("", |(prefix, _)| prefix.trim());
        let verdict = if accepted.as_bool()? || prefix == "duplicate" {
            Self::Accepted
        } else if PASSING.contains(&prefix) {
            Self::Later(printable(reason))
        } else {
            Self::Refused(printable(reason))
        };
        Some((id.as_str()?.to_ascii_lowercase(), verdict))
    }

    /// Whether the relay wants to be left alone for a while.
    pub(super) fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Later(reason) if reason.starts_with("rate-limited"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_what_nip_01_says_it_is() {
        let read = |text: &str| {
            Verdict::read(text).map(|(id, verdict)| {
                assert_eq!(id, "ab");
                verdict
            })
        };
        let refused = |reason: &str| Some(Verdict::Refused(reason.to_owned()));
        let later = |reason: &str| Some(Verdict::Later(reason.to_owned()));
        assert_eq!(read(r#"["OK","ab",true,""]"#), Some(Verdict::Accepted));
        assert_eq!(read(r#"["OK","AB",true]"#), Some(Verdict::Accepted));
        assert_eq!(
            read(r#"["OK","ab",true,"duplicate: have it"]"#),
            Some(Verdict::Accepted)
        );
        assert_eq!(
            read(r#"["OK","ab",false,"duplicate: have it"]"#),
            Some(Verdict::Accepted)
        );
        for reason in ["rate-limited: slow down", "error: disk"] {
            assert_eq!(
                read(&format!(r#"["OK","ab",false,"{reason}"]"#)),
                later(reason)
            );
        }
        for reason in [
            "blocked: no",
            "invalid: kind",
            "pow: 25 bits",
            "restricted: pay",
            "auth-required: log in",
            "no prefix",
            "",
        ] {
            assert_eq!(
                read(&format!(r#"["OK","ab",false,"{reason}"]"#)),
                refused(reason)
            );
        }
        assert_eq!(read(r#"["OK","ab",false]"#), refused(""));
    }

    #[test]
    fn what_is_no_verdict_is_passed_over() {
        for text in [
            "",
            "{}",
            "[]",
            "[1,2,3]",
            r#"["NOTICE","ab"]"#,
            r#"["AUTH","challenge"]"#,
            r#"["OK","ab"]"#,
            r#"["OK","ab","true",""]"#,
            r#"["OK",7,true,""]"#,
            r#"["EVENT","ab",true,""]"#,
        ] {
            assert_eq!(Verdict::read(text), None, "{text}");
        }
    }
}
