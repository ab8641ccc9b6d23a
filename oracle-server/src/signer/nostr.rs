//! Nostr events of the oracle: what they say, their bytes, their ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use oracle_schema::codec::Layout;
use oracle_schema::nostr::is_fit_kind;
use oracle_schema::verify::Verified;
use oracle_schema::{Announcement, Attestation, EventId};
use secp256k1::XOnlyPublicKey;
use sha2::{Digest as _, Sha256};

use super::SignerError;

/// One Nostr event (NIP-01) around one verified message of the oracle.
///
/// The same message, kind and time always give the same event. Its content is
/// standard base64 of the message's TLV, the attestation in the counted layout;
/// an attestation has one tag, `["e", ID]` of its announcement's event; an
/// announcement has none.
#[derive(Debug, Clone)]
pub struct NostrStatement {
    kind: u16,
    created_at: i64,
    /// Of an announcement: which event it announces.
    announces: Option<EventId>,
    announcement_id: Option<[u8; 32]>,
    content: String,
    author: XOnlyPublicKey,
}

impl NostrStatement {
    /// An announcement, published at `created_at` (Unix seconds).
    pub fn announcement(kind: u16, created_at: i64, message: &Verified<Announcement>) -> Self {
        Self {
            kind,
            created_at,
            announces: Some(message.event.event_id.clone()),
            announcement_id: None,
            content: BASE64.encode(message.to_tlv()),
            author: message.oracle_public_key,
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
        let is_of = message.event_id.is_some()
            && message.event_id == announcement.announces
            && message.oracle_public_key == announcement.author;
        if !is_of {
            return Err(SignerError::Statement(
                "the attestation is of another announcement".to_owned(),
            ));
        }
        Ok(Self {
            kind,
            created_at,
            announces: None,
            announcement_id: Some(announcement.id()),
            content: BASE64.encode(message.to_tlv(Layout::Counted)),
            author: message.oracle_public_key,
        })
    }

    /// The id, if the oracle whose key is `key` may sign it.
    pub(super) fn signed_by(&self, key: &XOnlyPublicKey) -> Result<[u8; 32], SignerError> {
        let refusal = if self.author != *key {
            format!("the message is of oracle {}, not of this one", self.author)
        } else if !is_fit_kind(self.kind) {
            format!("relays do not keep every event of kind {}", self.kind)
        } else if self.created_at < 0 {
            format!("created at {}", self.created_at)
        } else {
            return Ok(self.id());
        };
        Err(SignerError::Statement(refusal))
    }

    /// Event kind.
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// Unix seconds.
    pub fn created_at(&self) -> i64 {
        self.created_at
    }

    /// The key that the message names as the oracle's.
    pub fn author(&self) -> XOnlyPublicKey {
        self.author
    }

    /// Base64 of the message.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Tags, each a list of strings.
    pub fn tags(&self) -> Vec<Vec<String>> {
        self.announcement_id
            .iter()
            .map(|id| vec!["e".to_owned(), hex::encode(id)])
            .collect()
    }

    /// The event's id, which is what the signature is over: SHA-256 of its
    /// serialisation (NIP-01). That begins with `[0,"`, as nothing else does
    /// that this key signs: everything else is a tagged hash.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(self.serialised()).into()
    }

    /// `[0,pubkey,created_at,kind,tags,content]` without white space. All texts
    /// in it are hexadecimal or base64, of which NIP-01 escapes nothing.
    fn serialised(&self) -> String {
        let tags = self.announcement_id.map_or_else(
            || "[]".to_owned(),
            |id| format!("[[\"e\",\"{}\"]]", hex::encode(id)),
        );
        format!(
            "[0,\"{}\",{},{},{tags},\"{}\"]",
            hex::encode(self.author.to_byte_array()),
            self.created_at,
            self.kind,
            self.content
        )
    }
}
