//! An event that has its outcome, and what every answer is held against.

use oracle_schema::nonces::AttestedEvent;
use oracle_schema::{Announcement, Attestation, EventId, Outcome, Verified};
use secp256k1::XOnlyPublicKey;

use crate::Error;

/// An attested event, checked from the announcement's first byte to the
/// outcome's last.
///
/// ```
/// use oracle_client::{Announcement, Attestation, Attested, sample, verify::*};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let announcement = Announcement::from_any(sample::MATCH_ANNOUNCEMENT.as_bytes())?;
/// let announcement = verify_announcement(announcement)?;
/// let attestation = Attestation::from_any(sample::MATCH_ATTESTATION.as_bytes())?;
/// let attestation = verify_attestation(attestation, &announcement)?;
/// let attested = Attested { announcement, attestation };
/// assert_eq!(attested.outcome_text(), "draw");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// What was promised.
    pub announcement: Verified<Announcement>,
    /// What was signed.
    pub attestation: Verified<Attestation>,
}

impl Attested {
    /// What happened.
    pub fn outcome(&self) -> &Outcome {
        self.attestation.outcome()
    }

    /// What a reader remembers of it.
    pub(crate) fn remembered(&self) -> AttestedEvent {
        AttestedEvent::of(&self.announcement, &self.attestation)
    }

    /// The enum text, or the attested integer in decimal.
    pub fn outcome_text(&self) -> String {
        self.outcome().to_string()
    }
}

/// A missing id is the wire's old form: the nonces tie it to its event.
pub(crate) fn check_event(
    what: &'static str,
    asked: &EventId,
    got: Option<&EventId>,
) -> Result<(), Error> {
    match got {
        Some(got) if got != asked => Err(Error::WrongEvent {
            what,
            asked: asked.clone(),
            got: got.to_string(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn check_key(
    what: &'static str,
    expected: XOnlyPublicKey,
    got: XOnlyPublicKey,
) -> Result<(), Error> {
    if expected == got {
        return Ok(());
    }
    Err(Error::WrongKey {
        what,
        expected: Box::new(expected),
        got: Box::new(got),
    })
}
