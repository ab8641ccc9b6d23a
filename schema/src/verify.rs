//! The only source of [`Verified`].
//!
//! The codec has already refused what is not one exact, well-formed message
//! (curve points, minimal lengths, NFC, distinct non-empty outcomes); here is
//! decided whether it is true. Two rules need more than one message and are not
//! checked here: that a nonce never occurs in another event, and that an event
//! id is announced once. The store and the audit check them.

use std::collections::HashSet;
use std::ops::Deref;

use sha2::{Digest as _, Sha256};

use crate::announcement::{Announcement, Promise};
use crate::attestation::Attestation;
use crate::event::{EventId, Outcome, OutcomeError};
use crate::tag::{announcement_hash, attestation_hash};

/// A message that can be verified, and what verifying it established.
pub trait Message: sealed::Sealed {
    /// [`Outcome`] for an attestation, nothing more for an announcement.
    type Established: Clone + std::fmt::Debug + PartialEq + Eq;
}

impl Message for Announcement {
    type Established = ();
}
impl Message for Attestation {
    type Established = Outcome;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::announcement::Announcement {}
    impl Sealed for crate::attestation::Attestation {}
}

/// A message whose every rule and signature has been checked.
///
/// Only [`verify_announcement`] and [`verify_attestation`] make one, and it
/// cannot be changed: it is read through `Deref` or given up with
/// [`Verified::into_inner`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T: Message> {
    message: T,
    established: T::Established,
}

impl<T: Message> Verified<T> {
    /// The message, no longer known to be verified.
    pub fn into_inner(self) -> T {
        self.message
    }
}

impl Verified<Attestation> {
    /// What the oracle attested, inside the descriptor it announced.
    pub fn outcome(&self) -> &Outcome {
        &self.established
    }
}

impl<T: Message> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}

/// Which rule a message breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// One nonce for an enum event, one per digit (and one for the sign) else.
    #[error("announcement has {got} nonces; its descriptor needs {expected}")]
    NonceCount {
        /// Nonces found.
        got: usize,
        /// Nonces due.
        expected: usize,
    },
    /// Two nonces of one event are the same.
    #[error("nonce {index} occurs earlier in the same event")]
    DuplicateNonce {
        /// Position of the second, from 0.
        index: usize,
    },
    /// A nonce is the oracle's own key.
    #[error("nonce {index} is the oracle's public key")]
    NonceIsKey {
        /// Its position, from 0.
        index: usize,
    },
    /// The announcement is not signed by the key it names.
    #[error("announcement signature is not valid")]
    AnnouncementSignature,
    /// Signed as the first oracles did, over hashes without a tag. One nonce signed in
    /// both dialects reveals the key, so nothing of the older one is taken for good.
    #[error(
        "the signature is of the older dialect of DLC oracles, whose hashes have no tag; only the \
         tagged dialect of dlcspecs is read: ask its oracle for messages of that one"
    )]
    OlderDialect,
    /// The attestation is about another event.
    #[error("attestation is for event {got:?}; the announcement is of {expected:?}")]
    EventId {
        /// Event attested.
        got: EventId,
        /// Event announced.
        expected: EventId,
    },
    /// The attestation names another key.
    #[error("attestation names another oracle key than the announcement")]
    PublicKey,
    /// Not as many signatures as nonces.
    #[error("attestation has {got} signatures; the announcement has {expected} nonces")]
    SignatureCount {
        /// Signatures found.
        got: usize,
        /// Nonces announced.
        expected: usize,
    },
    /// Not as many outcome texts as nonces.
    #[error("attestation has {got} outcomes; the announcement has {expected} nonces")]
    OutcomeCount {
        /// Texts found.
        got: usize,
        /// Nonces announced.
        expected: usize,
    },
    /// A signature uses another nonce than the one announced for its position.
    #[error("signature {index} does not use nonce {index} of the announcement")]
    Nonce {
        /// Its position, from 0.
        index: usize,
    },
    /// The texts are not an outcome of the announced descriptor.
    #[error("attested outcome: {0}")]
    Outcome(#[from] OutcomeError),
    /// A signature over its outcome text does not hold.
    #[error("signature {index} is not valid over its outcome")]
    Signature {
        /// Its position, from 0.
        index: usize,
    },
}

impl VerifyError {
    /// A stable name for the rule, as the vectors have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NonceCount { .. } => "nonce-count",
            Self::DuplicateNonce { .. } => "duplicate-nonce",
            Self::NonceIsKey { .. } => "nonce-is-key",
            Self::AnnouncementSignature => "announcement-signature",
            Self::OlderDialect => "older-dialect",
            Self::EventId { .. } => "event-id",
            Self::PublicKey => "public-key",
            Self::SignatureCount { .. } => "signature-count",
            Self::OutcomeCount { .. } => "outcome-count",
            Self::Nonce { .. } => "nonce",
            Self::Outcome(_) => "outcome",
            Self::Signature { .. } => "signature",
        }
    }
}

/// Checks an announcement: nonce count, nonces pairwise distinct and none the
/// oracle's key, signature over the event TLV.
///
/// Source: dlcspecs `Oracle.md`.
pub fn verify_announcement(
    announcement: Announcement,
) -> Result<Verified<Announcement>, VerifyError> {
    check_announcement(&announcement)?;
    Ok(Verified {
        message: announcement,
        established: (),
    })
}

/// The same check, for who has no use for a [`Verified`] message.
pub fn check_announcement(announcement: &Announcement) -> Result<(), VerifyError> {
    let Announcement {
        signature,
        oracle_public_key,
        event,
    } = announcement;
    let expected = event.descriptor.nonce_count();
    if event.nonces.len() != expected {
        return Err(VerifyError::NonceCount {
            got: event.nonces.len(),
            expected,
        });
    }
    let mut seen = HashSet::with_capacity(expected);
    for (index, nonce) in event.nonces.iter().enumerate() {
        if nonce == oracle_public_key {
            return Err(VerifyError::NonceIsKey { index });
        }
        if !seen.insert(nonce.to_byte_array()) {
            return Err(VerifyError::DuplicateNonce { index });
        }
    }
    let tlv = event.to_tlv();
    let is_by = |digest: &[u8; 32]| signature.verify(digest, oracle_public_key).is_ok();
    if is_by(&announcement_hash(&tlv)) {
        return Ok(());
    }
    // Some hashed the event's body, some all of it.
    let mut older = [&*tlv, body(&tlv)].into_iter().map(untagged);
    Err(if older.any(|digest| is_by(&digest)) {
        VerifyError::OlderDialect
    } else {
        VerifyError::AnnouncementSignature
    })
}

/// What the older dialect signs.
fn untagged(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// A TLV without its type of three bytes and its length.
fn body(tlv: &[u8]) -> &[u8] {
    let length = match tlv.get(3) {
        Some(0xfd) => 3,
        Some(0xfe) => 5,
        _ => 1,
    };
    tlv.get(3 + length..).unwrap_or_default()
}

/// Checks an attestation against its announcement: same event and key, one
/// signature and one text per nonce in announced order, texts inside the
/// descriptor, every signature valid.
///
/// The old wire form has no event id; then the nonces alone tie it to the
/// event, which they do, since a nonce is announced once.
///
/// Source: dlcspecs `Oracle.md`, "Signing Algorithm".
pub fn verify_attestation(
    attestation: Attestation,
    announcement: &Verified<Announcement>,
) -> Result<Verified<Attestation>, VerifyError> {
    let established = attested_outcome(&attestation, &Promise::from(&**announcement))?;
    Ok(Verified {
        message: attestation,
        established,
    })
}

/// The same check, for who verifies the announcement at another time: an audit
/// of a log meets each announcement twice and verifies it once. What comes of
/// it is no [`Verified`] message.
pub fn attested_outcome(
    attestation: &Attestation,
    promise: &Promise,
) -> Result<Outcome, VerifyError> {
    let event = promise;
    if let Some(got) = &attestation.event_id
        && *got != event.event_id
    {
        return Err(VerifyError::EventId {
            got: got.clone(),
            expected: event.event_id.clone(),
        });
    }
    if attestation.oracle_public_key != promise.oracle_public_key {
        return Err(VerifyError::PublicKey);
    }
    let expected = event.nonces.len();
    let got = attestation.signatures.len();
    if got != expected {
        return Err(VerifyError::SignatureCount { got, expected });
    }
    let got = attestation.outcomes.len();
    if got != expected {
        return Err(VerifyError::OutcomeCount { got, expected });
    }
    let outcome = event.descriptor.parse_messages(&attestation.outcomes)?;
    let signed = attestation.signatures.iter().zip(&attestation.outcomes);
    for (index, ((signature, text), nonce)) in signed.zip(&event.nonces).enumerate() {
        if !signature.as_byte_array().starts_with(nonce) {
            return Err(VerifyError::Nonce { index });
        }
        let key = &promise.oracle_public_key;
        let is_by = |digest: &[u8; 32]| signature.verify(digest, key).is_ok();
        if !is_by(&attestation_hash(text)) {
            return Err(if is_by(&untagged(text.as_bytes())) {
                VerifyError::OlderDialect
            } else {
                VerifyError::Signature { index }
            });
        }
    }
    Ok(outcome)
}
