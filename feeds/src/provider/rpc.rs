//! JSON-RPC 1.0 over HTTP POST, as Bitcoin's descendants speak it: what is asked,
//! alone or several at once, and what an answer says.
//!
//! An error of a method comes as HTTP 500 (404 for an unknown method, 400 for an
//! unreadable request) with a JSON body; several calls at once always as 200, each
//! with its own result or error. A refused login is a bare 401, a method that the
//! user may not call a bare 403.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answered;
use crate::json::{self, Field};
use crate::observation::{Exchange, Reading, Request};

/// No such block, transaction, ….
pub(super) const NOT_FOUND: i64 = -5;
/// A parameter that the method has no use for, such as a height beyond the tip.
pub(super) const INVALID_PARAMETER: i64 = -8;
/// The node has just started.
const WARMING_UP: i64 = -28;
/// Codes of requests that no node of another mood would understand.
const NOT_UNDERSTOOD: [i64; 3] = [-32_601, -32_600, -32_700];

/// A method and its parameters, a JSON array. The text is written here, and not by
/// a serialiser, so that every build asks the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    method: &'static str,
    params: String,
}

impl Call {
    /// `params`: JSON, without anything that a text would have to escape.
    pub(super) fn new(method: &'static str, params: String) -> Self {
        Self { method, params }
    }

    fn numbered(&self, id: usize) -> String {
        let Self { method, params } = self;
        format!(r#"{{"jsonrpc":"1.0","id":{id},"method":"{method}","params":{params}}}"#)
    }

    /// The request of this call alone.
    pub(super) fn request(&self) -> Request {
        Request::post("/".to_owned(), self.numbered(0))
    }
}

/// The request of several calls at once.
pub(super) fn batch(calls: &[Call]) -> Request {
    let calls = calls.iter().enumerate();
    let calls: Vec<String> = calls.map(|(id, call)| call.numbered(id)).collect();
    Request::post("/".to_owned(), format!("[{}]", calls.join(",")))
}

/// Why a call has no result: the node's code, if it gave one, and what it means
/// unless the method gives that code a meaning of its own.
pub(super) struct Failed {
    pub(super) code: Option<i64>,
    pub(super) reading: Reading,
}

impl From<Reading> for Failed {
    fn from(reading: Reading) -> Self {
        let code = None;
        Self { code, reading }
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    result: Field<&'a RawValue>,
    #[serde(default)]
    error: Field<Failure>,
    #[serde(default)]
    id: Field<usize>,
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    message: Field<String>,
}

/// The result of a call that was asked alone.
pub(super) fn result(exchange: &Exchange) -> Result<&RawValue, Failed> {
    let body = body(exchange)?;
    let reply: Reply<'_> = json::parse(body)?;
    result_of(reply)
}

/// The results of `count` calls that were asked at once, in the order of the
/// calls.
pub(super) fn results(exchange: &Exchange, count: usize) -> Result<Vec<&RawValue>, Failed> {
    let replies: Vec<Reply<'_>> = json::parse(body(exchange)?)?;
    let mut found: Vec<Option<&RawValue>> = vec![None; count];
    let wrong = |why: &str| Reading::Contradiction(format!("a batch of {count}: {why}"));
    for reply in replies {
        let id = *reply.id.as_ref().due("id")?;
        let slot = found.get_mut(id).ok_or_else(|| wrong("a foreign id"))?;
        if slot.replace(result_of(reply)?).is_some() {
            return Err(wrong("an id twice").into());
        }
    }
    let found: Option<Vec<&RawValue>> = found.into_iter().collect();
    found.ok_or_else(|| wrong("an answer is missing").into())
}

fn result_of(reply: Reply<'_>) -> Result<&RawValue, Failed> {
    match reply.error.clean("error")? {
        None => Ok(reply.result.due("result")?),
        Some(failure) => Err(failed(failure)),
    }
}

fn failed(failure: Failure) -> Failed {
    let code = failure.code;
    let words = failure.message.hint().unwrap_or_default();
    let detail = format!("the node says {:?} (code {code})", json::quote(words));
    let reading = if NOT_UNDERSTOOD.contains(&code) {
        Reading::Permanent(detail)
    } else if code == NOT_FOUND || code == INVALID_PARAMETER {
        Reading::NotYet(detail)
    } else if code == WARMING_UP {
        Reading::transient(format!("the node has just started: {detail}"))
    } else {
        Reading::transient(detail)
    };
    let code = Some(code);
    Failed { code, reading }
}

/// The body of an answer that speaks JSON-RPC, whatever its status.
fn body(exchange: &Exchange) -> Result<&[u8], Failed> {
    match exchange.status {
        Some(401) if exchange.failure.is_none() => {
            Err(Reading::Permanent("the node refuses this login".to_owned()).into())
        }
        Some(403) if exchange.failure.is_none() => Err(Reading::Permanent(
            "the node refuses this user or address, or does not let it call the method".to_owned(),
        )
        .into()),
        Some(400 | 404 | 500) if exchange.failure.is_none() && tells_error(&exchange.body) => {
            Ok(&exchange.body)
        }
        _ => Ok(answered(exchange)?),
    }
}

/// Whether a body is an answer whose error can be read.
fn tells_error(body: &[u8]) -> bool {
    let reply = json::parse::<Reply<'_>>(body);
    reply.is_ok_and(|reply| matches!(reply.error, Field::Is(_)))
}
