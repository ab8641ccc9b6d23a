//! An operator's request as the log keeps it: with its signature, so that
//! everyone can check who said what about which event.

use std::fmt;

use super::body::MAX_BODY_BYTES;
use crate::codec::{Object, Reader, put_bytes, put_string};
use crate::event::{EventId, MAX_STRING_BYTES};
use crate::http_signature::{
    BaseError, SignatureBase, SignatureError, VerifiedRequest, body_sha256, verify_ed25519,
};
use crate::log_entry::LogEntryError;

/// What an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Created an event: `POST /v1/events`.
    Create,
    /// Reported an outcome: `POST /v1/events/{id}/reports`.
    Report,
    /// Approved a report or a proposal: `POST /v1/events/{id}/approvals`.
    Approve,
    /// Vetoed: `POST /v1/events/{id}/veto`.
    Veto,
    /// Proposed to void: `POST /v1/events/{id}/void`.
    Void,
}

impl Verb {
    /// Every verb, in the order of the log's codes, which begin at 1.
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Report,
        Self::Approve,
        Self::Veto,
        Self::Void,
    ];

    /// The log's code.
    pub fn code(self) -> u8 {
        match self {
            Self::Create => 1,
            Self::Report => 2,
            Self::Approve => 3,
            Self::Veto => 4,
            Self::Void => 5,
        }
    }

    /// `create`, `report`, `approve`, `veto` or `void`: the command, and, but
    /// for `veto`, the scope it needs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Report => "report",
            Self::Approve => "approve",
            Self::Veto => "veto",
            Self::Void => "void",
        }
    }

    /// The verb of a [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.code() == code)
    }

    /// Last segment of the path; none for [`Self::Create`], whose path names
    /// no event.
    pub fn segment(self) -> Option<&'static str> {
        match self {
            Self::Create => None,
            Self::Report => Some("reports"),
            Self::Approve => Some("approvals"),
            Self::Veto => Some("veto"),
            Self::Void => Some("void"),
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Body of a log entry of type 4: one signed request that the oracle accepted
/// or kept as evidence (`docs/log-format.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAction {
    /// The event it is about, or that it created.
    pub event_id: EventId,
    /// When the oracle received it, Unix milliseconds.
    pub time_ms: u64,
    /// What it does.
    pub verb: Verb,
    /// The operator's name.
    pub operator: String,
    /// The operator's Ed25519 key.
    pub public_key: [u8; 32],
    /// What was signed.
    pub base: String,
    /// Ed25519 over `base`.
    pub signature: [u8; 64],
    /// As sent.
    pub body: Vec<u8>,
}

/// Why an entry is not what the operator signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Another form than the profile's.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The entry says another thing than the request signed.
    #[error("{0} of the entry is not what was signed")]
    Differs(&'static str),
}

impl OperatorAction {
    /// The entry of a verified request.
    pub fn new(verb: Verb, event_id: EventId, time_ms: u64, request: &VerifiedRequest) -> Self {
        Self {
            event_id,
            time_ms,
            verb,
            operator: request.operator().to_owned(),
            public_key: *request.public_key(),
            base: request.base().to_owned(),
            signature: *request.signature(),
            body: request.body().to_vec(),
        }
    }

    /// Checks that the operator's key signed this: the signature over the base,
    /// and that operator, verb, event and body of the entry are those of the
    /// base.
    ///
    /// That the key was the operator's, that the nonce was new and that the
    /// request came in time is the oracle's word.
    pub fn verify(&self) -> Result<(), ActionError> {
        let base = SignatureBase::parse(&self.base)?;
        if base.parameters.keyid() != self.operator {
            return Err(ActionError::Differs("operator"));
        }
        if base.body_sha256 != body_sha256(&self.body) {
            return Err(ActionError::Differs("body"));
        }
        if base.method != "POST" {
            return Err(ActionError::Differs("verb"));
        }
        self.check_path(base.path)?;
        Ok(verify_ed25519(
            &self.public_key,
            &self.base,
            &self.signature,
        )?)
    }

    /// A public address may have a path of its own before `/v1`.
    fn check_path(&self, path: &str) -> Result<(), ActionError> {
        let Some(segment) = self.verb.segment() else {
            if !path.ends_with("/v1/events") {
                return Err(ActionError::Differs("verb"));
            }
            let id = Object::parse(&self.body)
                .and_then(|mut body| body.take("id")?.text_up_to(EventId::MAX_BYTES));
            return match id {
                Ok(id) if id == self.event_id.as_str() => Ok(()),
                _ => Err(ActionError::Differs("event")),
            };
        };
        let path = path
            .strip_suffix(segment)
            .and_then(|path| path.strip_suffix('/'))
            .ok_or(ActionError::Differs("verb"))?;
        match path.rsplit_once("/v1/events/") {
            Some((_, id)) if percent_decoded(id) == self.event_id.as_str().as_bytes() => Ok(()),
            _ => Err(ActionError::Differs("event")),
        }
    }

    /// Appends the entry's body.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), LogEntryError> {
        put_string(out, self.event_id.as_str());
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        out.push(self.verb.code());
        for (field, text) in [("operator", &self.operator), ("signature_base", &self.base)] {
            let got = text.len();
            if got == 0 || got > MAX_STRING_BYTES {
                return Err(LogEntryError::Text { field, got, min: 1 });
            }
        }
        put_string(out, &self.operator);
        out.extend_from_slice(&self.public_key);
        put_string(out, &self.base);
        out.extend_from_slice(&self.signature);
        if self.body.len() > MAX_BODY_BYTES {
            return Err(LogEntryError::OperatorBody(self.body.len()));
        }
        put_bytes(out, &self.body);
        Ok(())
    }

    /// Reads the entry's body to its end.
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, LogEntryError> {
        let text = |field, reader: &mut Reader<'_>| match reader.string(field)? {
            text if text.is_empty() => Err(LogEntryError::Text {
                field,
                got: 0,
                min: 1,
            }),
            text => Ok(text),
        };
        let event_id = EventId::parse(&reader.string("event_id")?)?;
        let time_ms = reader.u64("time_ms")?;
        let verb = reader.u8("verb")?;
        let verb = Verb::from_code(verb).ok_or(LogEntryError::Verb(verb))?;
        let action = Self {
            event_id,
            time_ms,
            verb,
            operator: text("operator", &mut reader)?,
            public_key: reader.array("public_key")?,
            base: text("signature_base", &mut reader)?,
            signature: reader.array("signature")?,
            body: reader.bytes("body", MAX_BODY_BYTES)?.to_vec(),
        };
        reader.end("operator action")?;
        Ok(action)
    }
}

/// The bytes of a path segment. What is no escape stands for itself.
fn percent_decoded(segment: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let mut escaped = [0];
        let hex = after.get(..2).filter(|_| byte == b'%');
        if hex.is_some_and(|hex| hex::decode_to_slice(hex, &mut escaped).is_ok()) {
            out.push(escaped[0]);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}
