//! What the signer must never do, tried.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod attesting;
mod journaling;
mod keys;
mod nonces;
mod statements;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use oracle_schema::{Descriptor, DigitsDescriptor, EnumDescriptor, EventId, Maturity, Outcome};
use secp256k1::{SecretKey, XOnlyPublicKey};
use secrecy::SecretString;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::keystore::Secrets;
use super::{Draft, Journal, SignedAnnouncement, Signer, SignerConfig};
use crate::clock::TestClock;
use crate::store::CommittedOutcome;

pub(super) const MATURITY: u32 = 1_800_000_000;
/// Cheap scrypt: 2^2.
pub(super) const WORK_FACTOR: u8 = 2;

pub(super) fn time(unix: u32) -> DateTime<Utc> {
    Maturity::from_epoch(unix).to_datetime()
}

pub(super) fn config(dir: &TempDir) -> SignerConfig {
    SignerConfig {
        keystore: dir.path().join("keystore.age"),
        passphrase: SecretString::from("correct horse"),
        journal: dir.path().join("journal"),
    }
}

/// A signer with the key 32 times `fill`, standing at [`MATURITY`].
pub(super) struct Rig {
    pub(super) dir: TempDir,
    pub(super) clock: Arc<TestClock>,
    pub(super) signer: Signer,
}

pub(super) fn rig(fill: u8) -> Rig {
    let dir = TempDir::new().unwrap();
    let cfg = config(&dir);
    let secrets = Secrets {
        network: "peercoin-regtest".to_owned(),
        signing_key: SecretKey::from_secret_bytes([fill; 32]).unwrap(),
        nonce_seed: Box::new(Zeroizing::new([7; 32])),
        log_key: Box::new(Zeroizing::new([9; 32])),
    };
    let public_key = super::OracleKey::new(&secrets.signing_key).public();
    secrets
        .write(&cfg.keystore, cfg.passphrase.clone(), WORK_FACTOR)
        .unwrap();
    Journal::create(&cfg.journal, &public_key.to_byte_array()).unwrap();
    let clock = Arc::new(TestClock::at(time(MATURITY)));
    let signer = Signer::open_with(cfg, clock.clone(), || ()).unwrap();
    signer.gate().open();
    Rig { dir, clock, signer }
}

impl Rig {
    /// Closes the signer and opens it again.
    pub(super) fn reopened(self) -> Self {
        let Self { dir, clock, signer } = self;
        drop(signer);
        let signer = Signer::open_with(config(&dir), clock.clone(), || ()).unwrap();
        signer.gate().open();
        Self { dir, clock, signer }
    }
}

pub(super) fn enum_event() -> Descriptor {
    Descriptor::Enum(EnumDescriptor::new(vec!["above".to_owned(), "not_above".to_owned()]).unwrap())
}

pub(super) fn digits_event(base: u16, signed: bool, digits: u16) -> Descriptor {
    Descriptor::Digits(DigitsDescriptor::new(base, signed, "u".to_owned(), 0, digits).unwrap())
}

pub(super) fn number(descriptor: &Descriptor, value: i128) -> Outcome {
    match descriptor {
        Descriptor::Digits(d) => Outcome::Digits(d.split(value)),
        Descriptor::Enum(d) => {
            let index = usize::try_from(value.unsigned_abs()).unwrap() % d.outcomes().len();
            Outcome::Enum(d.outcomes()[index].clone())
        }
    }
}

pub(super) fn draft(id: &str, descriptor: Descriptor) -> Draft {
    Draft {
        event_id: EventId::one_off(id).unwrap(),
        maturity: Maturity::from_epoch(MATURITY),
        descriptor,
        policy_hash: [3; 32],
    }
}

pub(super) fn announce(signer: &Signer, draft: &Draft) -> SignedAnnouncement {
    signer
        .announce(std::slice::from_ref(draft))
        .unwrap()
        .remove(0)
}

pub(super) fn ticket(draft: &Draft, a: &SignedAnnouncement, outcome: Outcome) -> CommittedOutcome {
    CommittedOutcome::for_tests(
        &a.announcement,
        a.nonce_map.clone(),
        draft.policy_hash,
        outcome,
    )
}
