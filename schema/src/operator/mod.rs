//! What operators say: the bodies of their requests, and the log entry that
//! keeps a request with its signature.

mod action;
mod body;

pub use action::{ActionError, OperatorAction, Verb};
pub use body::{
    Approval, BodyError, Evidence, MAX_BODY_BYTES, MAX_EVIDENCE, MAX_OUTCOME_CHARS, MAX_TEXT_CHARS,
    MAX_URL_CHARS, Reason, Report,
};
