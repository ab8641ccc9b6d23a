//! Bodies of operator requests: strict JSON, no unknown and no repeated member.

use serde_json::{Value, json};

use crate::codec::{CodecError, Member, Object};

/// Longest body of an operator's request, bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;
/// Most pieces of evidence in a report.
pub const MAX_EVIDENCE: usize = 16;
/// Longest note or reason, characters.
pub const MAX_TEXT_CHARS: usize = 2000;
/// Longest address, characters.
pub const MAX_URL_CHARS: usize = 2000;
/// Longest outcome, characters.
pub const MAX_OUTCOME_CHARS: usize = 1000;

/// Why bytes are not the body they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`].
    #[error("body is {0} bytes long; at most {MAX_BODY_BYTES} are allowed")]
    TooLong(usize),
    /// Not JSON, not an object, or a member occurs twice.
    #[error("body is not the JSON object that is due: {0}")]
    Json(String),
    /// A member that is missing, unknown or wrong.
    #[error("{field} {problem}")]
    Field {
        /// The member, for example `evidence[1].sha256`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl BodyError {
    /// The member at fault, if it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::TooLong(_) | Self::Json(_) => None,
        }
    }
}

impl From<CodecError> for BodyError {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::JsonShape { path, problem } if !path.is_empty() => Self::Field {
                field: path,
                problem,
            },
            CodecError::Json(problem) => Self::Json(problem),
            other => Self::Json(other.to_string()),
        }
    }
}

/// An operator's answer: `{"outcome", "evidence": [{"url", "sha256"}], "note"}`,
/// the latter two optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One of the event's; not empty, at most [`MAX_OUTCOME_CHARS`].
    pub outcome: String,
    /// What it rests on, at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// For people, at most [`MAX_TEXT_CHARS`].
    pub note: Option<String>,
}

/// A document that an operator points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// `http` or `https`, at most [`MAX_URL_CHARS`].
    pub url: String,
    /// Of the document as the operator read it.
    pub sha256: [u8; 32],
}

impl Report {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut root = object(body)?;
        let outcome = root.take("outcome")?;
        let path = outcome.path.clone();
        let outcome = outcome.text_up_to(MAX_OUTCOME_CHARS)?;
        if outcome.is_empty() {
            return Err(Member::wrong(path, "an outcome: it is empty").into());
        }
        let mut evidence = Vec::new();
        if root.has("evidence") {
            let list = root.take("evidence")?;
            evidence = list.list_of(0..=MAX_EVIDENCE, Evidence::read)?;
        }
        let mut note = None;
        if root.has("note") {
            note = Some(root.take("note")?.text_up_to(MAX_TEXT_CHARS)?);
        }
        root.end()?;
        Ok(Self {
            outcome,
            evidence,
            note,
        })
    }

    /// The body, without the members it does not need.
    pub fn to_json(&self) -> Value {
        let mut body = json!({ "outcome": self.outcome });
        if !self.evidence.is_empty() {
            let evidence = self.evidence.iter();
            body["evidence"] = evidence
                .map(|e| json!({ "url": e.url, "sha256": hex::encode(e.sha256) }))
                .collect();
        }
        if let Some(note) = &self.note {
            body["note"] = json!(note);
        }
        body
    }
}

impl Evidence {
    fn read(member: Member) -> Result<Self, CodecError> {
        let mut root = member.object()?;
        let url = root.take("url")?;
        let path = url.path.clone();
        let url = url.text_up_to(MAX_URL_CHARS)?;
        if !is_web_address(&url) {
            return Err(Member::wrong(path, "an http or https address"));
        }
        let (sha256, _) = root.take("sha256")?.bytes::<32>()?;
        root.end()?;
        Ok(Self { url, sha256 })
    }
}

/// Enough to show it as a link: scheme and something after it, nothing that
/// breaks a line.
fn is_web_address(url: &str) -> bool {
    let after = |scheme| url.strip_prefix(scheme);
    after("http://")
        .or_else(|| after("https://"))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// An operator's consent to what another proposed: `{"report": "<sha256>"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// SHA-256 of the body of the report, or of the proposal to void.
    pub report: [u8; 32],
}

impl Approval {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut root = object(body)?;
        let (report, _) = root.take("report")?.bytes::<32>()?;
        root.end()?;
        Ok(Self { report })
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        json!({ "report": hex::encode(self.report) })
    }
}

/// Why an operator vetoes, or proposes to void: `{"reason": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// For people; may be empty, at most [`MAX_TEXT_CHARS`].
    pub reason: String,
}

impl Reason {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let mut root = object(body)?;
        let reason = root.take("reason")?.text_up_to(MAX_TEXT_CHARS)?;
        root.end()?;
        Ok(Self { reason })
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        json!({ "reason": self.reason })
    }
}

fn object(body: &[u8]) -> Result<Object, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLong(body.len()));
    }
    Ok(Object::parse(body)?)
}
