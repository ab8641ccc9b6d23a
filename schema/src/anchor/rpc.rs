//! What is said to a node, and what its answers mean (JSON-RPC 1.0). No I/O.

use serde_json::{Value, json};

/// Not found: a transaction, a block, a wallet's transaction.
pub const NOT_FOUND: i64 = -5;
/// Inputs that are spent or never were.
pub const MISSING_INPUTS: i64 = -25;
/// Refused by the rules, or by a transaction that waits.
pub const REJECTED: i64 = -26;
/// It is in a block already.
pub const ALREADY_IN_CHAIN: i64 = -27;
/// The node has just started.
pub const WARMING_UP: i64 = -28;

/// Longest text of a node that is kept, characters.
const MAX_TEXT: usize = 200;

/// Why a node's answer is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The method failed, in the node's words.
    #[error("{message} (code {code})")]
    Method {
        /// The node's code, such as [`NOT_FOUND`].
        code: i64,
        /// Its words, without control characters and not for ever.
        message: String,
    },
    /// No JSON-RPC answer.
    #[error("the answer is not JSON-RPC")]
    Form,
}

impl AnswerError {
    /// The node's code, if the method failed.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Method { code, .. } => Some(*code),
            Self::Form => None,
        }
    }
}

/// The body of a request.
pub fn request(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "1.0", "id": method, "method": method, "params": params }).to_string()
}

/// The result in an answer's body.
pub fn result(body: &[u8]) -> Result<Value, AnswerError> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| AnswerError::Form)?;
    match answer.get("error") {
        None | Some(Value::Null) => answer.get("result").cloned().ok_or(AnswerError::Form),
        Some(error) => Err(AnswerError::Method {
            code: error
                .get("code")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            message: printable(
                error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or("no words"),
            ),
        }),
    }
}

/// User and password of a node's cookie file.
pub fn cookie(text: &str) -> Option<(&str, &str)> {
    text.trim().split_once(':')
}

/// What a node on this network (`peercoin`, `peercoin-testnet`,
/// `peercoin-regtest`) calls its chain.
pub fn chain_of(network: &str) -> Option<&'static str> {
    match network {
        "peercoin" => Some("main"),
        "peercoin-testnet" => Some("test"),
        "peercoin-regtest" => Some("regtest"),
        _ => None,
    }
}

/// Somebody else's words for a log line.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}
