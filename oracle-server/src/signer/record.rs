//! The records of the signing journal: how an event ended, and how far the log was
//! published.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::lifecycle::{IntentKind, intent_digest};

/// How one event ended, as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// The event.
    pub event_id: String,
    /// Which end.
    pub kind: IntentKind,
    /// SHA-256 of what the event's nonces are bound to.
    pub content_hash: [u8; 32],
    /// Takeover epoch under which it was committed.
    pub epoch: i64,
    /// Unix seconds.
    pub maturity: u32,
    /// Announced nonces, x-only, in announced order. They bind an attest record
    /// and say nothing in another.
    pub nonces: Vec<[u8; 32]>,
    /// The texts to sign, one per nonce; empty unless attesting.
    pub messages: Vec<String>,
}

/// A published head of the log: the journal's own memory of how far the database
/// had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalHead {
    /// Entries.
    pub size: u64,
    /// Root of the Merkle tree over them.
    pub root: [u8; 32],
}

/// What a record holds.
pub(super) enum Entry {
    /// How an event ended.
    End(JournalRecord),
    /// How far the log was published.
    Head(JournalHead),
}

/// Kind byte of a head. 1 and 2 are ends; 3 was kept for one that nothing ever wrote.
const HEAD: u8 = 4;

impl JournalHead {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.push(HEAD);
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&self.root);
    }

    /// The exact inverse of [`JournalHead::encode`], the kind byte gone.
    fn decode(mut rest: &[u8]) -> Option<Self> {
        let size = u64::from_be_bytes(take(&mut rest)?);
        let root = take(&mut rest)?;
        rest.is_empty().then_some(Self { size, root })
    }
}

impl Entry {
    /// What was encoded, or `None`.
    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        match body.split_first()? {
            (&HEAD, rest) => JournalHead::decode(rest).map(Self::Head),
            _ => JournalRecord::decode(body).map(Self::End),
        }
    }
}

impl JournalRecord {
    /// What must be equal for two records to be the same end; see
    /// [`intent_digest`].
    pub fn digest(&self) -> [u8; 32] {
        intent_digest(
            self.kind,
            &self.event_id,
            &self.content_hash,
            &self.messages,
        )
    }

    /// The digest together with the nonces of an attest record.
    ///
    /// The nonces decide the challenges. Were they taken from the database a
    /// second time without this, a tampered list could obtain a second
    /// challenge under the same k, and with it the key.
    pub(super) fn binding(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.digest());
        if self.kind == IntentKind::Attest {
            for nonce in &self.nonces {
                hash.update(nonce);
            }
        }
        hash.finalize().into()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            IntentKind::Attest => 1,
            IntentKind::Refund => 2,
        });
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.maturity.to_be_bytes());
        put_text(out, &self.event_id);
        out.extend_from_slice(&self.content_hash);
        out.extend_from_slice(&count(self.nonces.len()).to_be_bytes());
        for nonce in &self.nonces {
            out.extend_from_slice(nonce);
        }
        out.extend_from_slice(&count(self.messages.len()).to_be_bytes());
        for message in &self.messages {
            put_text(out, message);
        }
    }

    /// The exact inverse of [`JournalRecord::encode`]; `None` for anything else.
    fn decode(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let kind = match take::<1>(&mut rest)? {
            [1] => IntentKind::Attest,
            [2] => IntentKind::Refund,
            _ => return None,
        };
        let epoch = i64::from_be_bytes(take(&mut rest)?);
        let maturity = u32::from_be_bytes(take(&mut rest)?);
        let event_id = take_text(&mut rest)?;
        let content_hash = take(&mut rest)?;
        // Collecting grows with what is there, not with what a count claims.
        let nonces = (0..u32::from_be_bytes(take(&mut rest)?))
            .map(|_| take(&mut rest))
            .collect::<Option<Vec<_>>>()?;
        let messages = (0..u32::from_be_bytes(take(&mut rest)?))
            .map(|_| take_text(&mut rest))
            .collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self {
            event_id,
            kind,
            content_hash,
            epoch,
            maturity,
            nonces,
            messages,
        })
    }
}

impl fmt::Display for JournalRecord {
    /// Names the end in an alarm: `attest 0,1,1 (content 5f…)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if !self.messages.is_empty() {
            write!(f, " {}", self.messages.join(","))?;
        }
        let binding = self.binding();
        write!(
            f,
            " (content {}, binding {})",
            hex::encode(self.content_hash.split_at(8).0),
            hex::encode(binding.split_at(8).0)
        )
    }
}

/// A length that 16 MiB records keep within u32; a longer one cannot be
/// encoded, its record is refused by length first.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&count(text.len()).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Splits `N` bytes off the front.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let len = u32::from_be_bytes(take(rest)?) as usize;
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    String::from_utf8(head.to_vec()).ok()
}
