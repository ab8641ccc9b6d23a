//! A named operator's side: keys, and requests signed with them.
//!
//! The profile is [`oracle_schema::http_signature`]'s.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use ed25519_dalek::SigningKey;
use oracle_schema::EventId;
use oracle_schema::http_signature::{MAX_LIFETIME_S, Parameters, Request, SignatureError, sign};
use oracle_schema::operator::{Approval, MAX_BODY_BYTES, Reason, Report, Verb};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::Http;
use crate::{Error, Options};

/// Why a key or a request cannot be used. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The key file cannot be read or made.
    #[error("key file {file}: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The key file holds something else.
    #[error("key file {0}: does not hold 64 hexadecimal digits")]
    NotAKey(String),
    /// The machine gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The request cannot be signed.
    #[error("cannot sign: {0}")]
    Sign(#[from] SignatureError),
    /// A body longer than any oracle reads.
    #[error("the body is {0} bytes long; at most {MAX_BODY_BYTES} are allowed")]
    TooLong(usize),
}

/// An operator's Ed25519 key. Wiped from memory when dropped.
///
/// ```no_run
/// use oracle_client::operator::OperatorKey;
///
/// let key = OperatorKey::create("alice.key".as_ref())?;
/// println!("public key for the oracle's configuration: {}", key.public_hex());
/// # Ok::<(), oracle_client::operator::OperatorError>(())
/// ```
pub struct OperatorKey(SigningKey);

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OperatorKey")
            .field(&self.public_hex())
            .finish()
    }
}

impl OperatorKey {
    /// A new key, written to a new file that only its owner may read: 64
    /// hexadecimal digits and a newline. An existing file is left alone.
    pub fn create(path: &Path) -> Result<Self, OperatorError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(OperatorError::Random)?;
        let key = Self(SigningKey::from_bytes(&seed));
        let text = Zeroizing::new(hex::encode(seed.as_slice()) + "\n");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(|source| file_error(path, source))?;
        Ok(key)
    }

    /// Reads what [`OperatorKey::create`] wrote.
    pub fn load(path: &Path) -> Result<Self, OperatorError> {
        let text = std::fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        let text = Zeroizing::new(text);
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut *seed)
            .map_err(|_| OperatorError::NotAKey(path.display().to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The public key as an oracle's configuration has it, hex.
    pub fn public_hex(&self) -> String {
        hex::encode(self.0.verifying_key().to_bytes())
    }
}

fn file_error(path: &Path, source: std::io::Error) -> OperatorError {
    OperatorError::File {
        file: path.display().to_string(),
        source,
    }
}

/// What an operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create an event: the JSON of an `[[event]]`, sent as it is.
    Create(Vec<u8>),
    /// Report what came out.
    Report(EventId, Report),
    /// Approve another operator's report or proposal.
    Approve(EventId, Approval),
    /// Hold the event.
    Veto(EventId, Reason),
    /// Propose to void the event.
    Void(EventId, Reason),
}

impl Action {
    fn verb(&self) -> Verb {
        match self {
            Self::Create(_) => Verb::Create,
            Self::Report(..) => Verb::Report,
            Self::Approve(..) => Verb::Approve,
            Self::Veto(..) => Verb::Veto,
            Self::Void(..) => Verb::Void,
        }
    }

    fn event(&self) -> Option<&EventId> {
        match self {
            Self::Create(_) => None,
            Self::Report(id, _) | Self::Approve(id, _) | Self::Veto(id, _) | Self::Void(id, _) => {
                Some(id)
            }
        }
    }

    fn body(&self) -> Vec<u8> {
        let json = match self {
            Self::Create(event) => return event.clone(),
            Self::Report(_, body) => body.to_json(),
            Self::Approve(_, body) => body.to_json(),
            Self::Veto(_, body) | Self::Void(_, body) => body.to_json(),
        };
        json.to_string().into_bytes()
    }
}

/// The oracle's answer to an accepted request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// The event.
    pub event_id: String,
    /// Where it stands now.
    pub state: String,
    /// SHA-256 of the body, hex: what an approval names.
    pub sha256: String,
    /// Whether the oracle had it already.
    #[serde(skip)]
    pub repeated: bool,
    /// The answer as it came.
    #[serde(skip)]
    pub json: Value,
}

/// Signs and sends for one operator at one oracle.
///
/// ```no_run
/// use oracle_client::operator::{Action, Operator, OperatorKey};
///
/// # async fn demo(now: i64) -> Result<(), Box<dyn std::error::Error>> {
/// let key = OperatorKey::load("alice.key".as_ref())?;
/// let alice = Operator::new("https://oracle.example/", "alice", key)?;
/// let event = std::fs::read("event.json")?;
/// let receipt = alice.send(&Action::Create(event), now).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Operator {
    http: Http,
    name: String,
    key: OperatorKey,
}

impl Operator {
    /// An operator as the oracle at `url` (its public address) knows it.
    pub fn new(url: &str, name: &str, key: OperatorKey) -> Result<Self, Error> {
        Ok(Self {
            http: Http::new(url, &Options::default())?,
            name: name.to_owned(),
            key,
        })
    }

    /// Signs with a new nonce at `now` (Unix seconds) and sends. A request
    /// whose answer was lost may be sent again: the oracle says so.
    pub async fn send(&self, action: &Action, now: i64) -> Result<Receipt, Error> {
        let what = action.verb().name();
        let body = action.body();
        if body.len() > MAX_BODY_BYTES {
            return Err(OperatorError::TooLong(body.len()).into());
        }
        let mut path = vec!["v1", "events"];
        path.extend(action.event().map(EventId::as_str));
        path.extend(action.verb().segment());
        let url = self.http.address(&path)?;
        let authority = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let request = Request {
            method: "POST",
            authority: &authority,
            path: url.path(),
            query: None,
            body: &body,
        };
        let parameters = Parameters::new(now, now + MAX_LIFETIME_S, &nonce()?, &self.name)
            .map_err(OperatorError::from)?;
        let signed = sign(&request, &parameters, &self.key.0).map_err(OperatorError::from)?;
        let fields = [
            ("content-type", "application/json".to_owned()),
            ("content-digest", signed.content_digest),
            ("signature-input", signed.signature_input),
            ("signature", signed.signature),
        ];
        let answer = self.http.post(what, url, fields, body).await;
        let (status, answer) = answer.map_err(|e| match action.event() {
            Some(id) => e.about(id),
            None => e,
        })?;
        let malformed = |e: serde_json::Error| Error::Malformed {
            what,
            reason: e.to_string(),
        };
        let json: Value = serde_json::from_slice(&answer).map_err(malformed)?;
        let receipt = Receipt::deserialize(&json).map_err(malformed)?;
        Ok(Receipt {
            repeated: status.as_u16() == 200,
            json,
            ..receipt
        })
    }
}

fn nonce() -> Result<String, OperatorError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(OperatorError::Random)?;
    Ok(hex::encode(bytes))
}
