//! A Peercoin DLC oracle.
//!
//! One way through: observation → decision → committed outcome → signature →
//! log entry → head → reader. [`engine`] is the only orchestration, [`store`]
//! the only SQL, [`signer`] the only place with secrets, [`clock`] the only
//! clock; [`http`] sees neither feeds nor signer.

pub mod clock;
pub mod health;
pub mod http;
pub mod lifecycle;
pub mod signer;
pub mod store;
