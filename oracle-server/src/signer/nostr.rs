//! Nostr events of the oracle: of which messages there are any, and what their tags may say.

use oracle_schema::nostr::{NostrEvent, Tag, is_fit_kind, tags};
use oracle_schema::policy::policy_hash;
use oracle_schema::verify::Verified;
use oracle_schema::{Announcement, Attestation, EventId};
use secp256k1::XOnlyPublicKey;

use super::announce::Draft;
use super::{Signer, SignerError};

/// What an announced event asks, as tags say it.
///
/// Its policy is in the announcement by way of the nonces alone, so the signer derives one
/// of them again before it signs such tags.
#[derive(Debug, Clone)]
pub struct NostrTags {
    tags: Vec<Tag>,
    draft: Draft,
    nonces: Vec<XOnlyPublicKey>,
}

impl NostrTags {
    /// Of an announcement and the canonical policy document behind it.
    pub fn new(message: &Verified<Announcement>, policy: &[u8]) -> Result<Self, SignerError> {
        let event = &message.event;
        let tags = tags(event, policy)
            .map_err(|error| SignerError::Statement(format!("the policy: {error}")))?;
        Ok(Self {
            tags,
            draft: Draft {
                event_id: event.event_id.clone(),
                maturity: event.maturity,
                descriptor: event.descriptor.clone(),
                policy_hash: policy_hash(policy),
            },
            nonces: event.nonces.clone(),
        })
    }
}

/// One Nostr event (NIP-01) around one verified message of the oracle.
///
/// The same message, kind, time and tags always give the same event.
#[derive(Debug, Clone)]
pub struct NostrStatement {
    event: NostrEvent,
    /// Of which event the message is.
    of: EventId,
    is_announcement: bool,
    tags: Option<NostrTags>,
}

impl NostrStatement {
    /// An announcement, published at `created_at` (Unix seconds).
    pub fn announcement(kind: u16, created_at: i64, message: &Verified<Announcement>) -> Self {
        Self {
            event: NostrEvent::announcement(kind, created_at, message, Vec::new()),
            of: message.event.event_id.clone(),
            is_announcement: true,
            tags: None,
        }
    }

    /// An attestation, published at `created_at` (Unix seconds), of what the
    /// event `announcement` announced; refused if that is not its announcement.
    pub fn attestation(
        kind: u16,
        created_at: i64,
        message: &Verified<Attestation>,
        announcement: &Self,
    ) -> Result<Self, SignerError> {
        let is_of = announcement.is_announcement
            && message.event_id.as_ref() == Some(&announcement.of)
            && message.oracle_public_key == announcement.event.author;
        if !is_of {
            return Err(SignerError::Statement(
                "the attestation is of another announcement".to_owned(),
            ));
        }
        let id = announcement.id();
        Ok(Self {
            event: NostrEvent::attestation(kind, created_at, message, id, Vec::new()),
            of: announcement.of.clone(),
            is_announcement: false,
            tags: None,
        })
    }

    /// With the tags by which the event is found; refused if they are another event's.
    pub fn with(mut self, tags: NostrTags) -> Result<Self, SignerError> {
        if tags.draft.event_id != self.of {
            return Err(SignerError::Statement(
                "the tags are of another event".to_owned(),
            ));
        }
        self.event.tags.extend(tags.tags.iter().cloned());
        self.tags = Some(tags);
        Ok(self)
    }

    /// The id, if this signer's oracle may sign it.
    pub(super) fn signed_by(&self, signer: &Signer) -> Result<[u8; 32], SignerError> {
        let event = &self.event;
        let refusal = if event.author != signer.public_key() {
            format!("the message is of oracle {}, not of this one", event.author)
        } else if !is_fit_kind(event.kind) {
            format!("relays do not keep every event of kind {}", event.kind)
        } else if event.created_at < 0 {
            format!("created at {}", event.created_at)
        } else if self.tags.as_ref().is_some_and(|t| !signer.has_announced(t)) {
            "the tags are of a policy that is not the announced event's".to_owned()
        } else {
            return Ok(self.id());
        };
        Err(SignerError::Statement(refusal))
    }

    /// The event, which lacks nothing but the signature.
    pub fn event(&self) -> &NostrEvent {
        &self.event
    }

    /// The event's id, which is what the signature is over: SHA-256 of its
    /// serialisation (NIP-01). That begins with `[0,"`, as nothing else does
    /// that this key signs: everything else is a tagged hash.
    pub fn id(&self) -> [u8; 32] {
        self.event.id()
    }
}

impl Signer {
    /// Whether this signer derives a nonce of the announcement from event and policy: each
    /// of them is bound to both.
    fn has_announced(&self, tags: &NostrTags) -> bool {
        let content_hash = tags.draft.content_hash().ok();
        let nonce = content_hash.and_then(|hash| self.nonces.derive(&hash, 0));
        nonce.is_some_and(|nonce| tags.nonces.contains(&nonce.public().0))
    }
}
