//! One witness or mirror over HTTP: C2SP `tlog-witness`, `add-checkpoint`.
//!
//! Whoever answers is believed as far as a signature goes, and is bounded in
//! time and size.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use oracle_schema::tlog::checkpoint::{MAX_NOTE_BYTES, NoteError, NoteKey};
use oracle_schema::tlog::{Hash, Note};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;
use url::Url;

use super::super::outbox::printable;
use crate::clock::Clock;
use crate::log;
use crate::store::{NewCosignature, ReadStore, SignedHead, StoreError};

/// The media type of a size in a conflict.
const SIZE: &str = "text/x.tlog.size";
/// How far a witness's clock may be ahead, seconds.
const TOLERANCE_S: i64 = 60;
/// A witness may be told the wrong old size once, and once more when somebody
/// else submits meanwhile.
const TRIES: usize = 3;

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(super) enum WitnessError {
    /// No whole answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("{0}")]
    Http(&'static str),
    /// An answer that is none of the specification's, or says no.
    #[error("status {0}: {1}")]
    Status(u16, String),
    /// More than any answer needs.
    #[error("the answer is longer than {MAX_NOTE_BYTES} bytes")]
    TooLong,
    /// Not UTF-8, no signature lines, or none that verifies.
    #[error("the answer is no cosignature: {0}")]
    Note(#[from] NoteError),
    /// Not UTF-8.
    #[error("the answer is not text")]
    Text,
    /// A cosignature of the future.
    #[error("the cosignature is {0} s ahead of this clock")]
    Future(i64),
    /// Conflict without end, or without a size.
    #[error("the witness says a conflict and no size that would solve it")]
    Conflict,
    /// It knows a larger tree than the one submitted.
    #[error("it has cosigned {theirs} entries, and {ours} were submitted")]
    Ahead {
        /// The size it says.
        theirs: u64,
        /// The size submitted.
        ours: u64,
    },
    /// It knows less than was submitted, and is not to be told the rest.
    #[error("it has cosigned {0} entries only")]
    Behind(u64),
    /// It knows another tree.
    #[error("it has cosigned other entries than the first {0} of this log")]
    Forked(u64),
    /// The proof could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a witness said to a submission.
enum Answer {
    /// 200: signature lines.
    Lines(String),
    /// 409, with the size of the last checkpoint that it cosigned.
    Conflict(Option<u64>),
    /// 422.
    Inconsistent,
}

/// A client that follows no redirect: a witness's word counts where it was
/// asked.
pub(super) fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("peercoin-dlc-oracle/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        .referer(false)
        .build()
}

/// One witness.
#[derive(Debug)]
pub(super) struct Witness {
    /// In the policy.
    pub(super) name: String,
    pub(super) key: NoteKey,
    url: Url,
    http: reqwest::Client,
    patience: Duration,
}

impl Witness {
    pub(super) fn new(
        name: &str,
        key: &NoteKey,
        url: &Url,
        http: reqwest::Client,
        patience: Duration,
    ) -> Self {
        Self {
            name: name.to_owned(),
            key: key.clone(),
            url: below(url, "add-checkpoint"),
            http,
            patience,
        }
    }

    /// Asks for a cosignature of `head`; `known` is the size that the witness
    /// cosigned last, as far as is known. All of it takes no longer than the
    /// witness's patience. `feed`: a witness that knows less is told the rest.
    pub(super) async fn cosign(
        &self,
        store: &ReadStore,
        clock: &dyn Clock,
        head: &SignedHead,
        known: u64,
        feed: bool,
    ) -> Result<NewCosignature, WitnessError> {
        timeout(self.patience, async {
            let lines = self.submit(store, head, known, feed).await?;
            self.read(head, &lines, clock.now())
        })
        .await
        .map_err(|_| WitnessError::Timeout(self.patience))?
    }

    /// Submits a head with the proof from the size that the witness says it
    /// has; answers the signature lines.
    async fn submit(
        &self,
        store: &ReadStore,
        head: &SignedHead,
        known: u64,
        feed: bool,
    ) -> Result<String, WitnessError> {
        let mut old = known.min(head.size);
        // A conflict at equal sizes is about the roots, and may come without a
        // size: what the witness has is then asked for.
        let mut was_equal = false;
        for _ in 0..TRIES {
            let proof = log::consistency(store, old, head.size).await?;
            let body = request(old, &proof, &head.note);
            match self.post(body).await? {
                Answer::Lines(lines) => return Ok(lines),
                Answer::Conflict(Some(theirs)) if theirs > head.size => {
                    return Err(WitnessError::Ahead {
                        theirs,
                        ours: head.size,
                    });
                }
                Answer::Conflict(Some(theirs))
                    if theirs == head.size && (was_equal || theirs == old) =>
                {
                    return Err(WitnessError::Forked(theirs));
                }
                Answer::Conflict(Some(theirs)) if theirs < head.size && !feed => {
                    return Err(WitnessError::Behind(theirs));
                }
                Answer::Conflict(Some(theirs)) if theirs != old => old = theirs,
                Answer::Conflict(None) if old == head.size && !was_equal => {
                    was_equal = true;
                    old = 0;
                }
                Answer::Inconsistent if old > 0 => return Err(WitnessError::Forked(old)),
                Answer::Conflict(_) | Answer::Inconsistent => break,
            }
        }
        Err(WitnessError::Conflict)
    }

    async fn post(&self, body: String) -> Result<Answer, WitnessError> {
        let response = self.http.post(self.url.clone()).body(body).send().await;
        let response = response.map_err(|e| failure(&e))?;
        let status = response.status();
        let says_size = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|media| media.trim().eq_ignore_ascii_case(SIZE));
        let text = String::from_utf8(read(response).await?).map_err(|_| WitnessError::Text);
        match status {
            StatusCode::OK => Ok(Answer::Lines(text?)),
            StatusCode::CONFLICT => {
                let size = text.ok().filter(|_| says_size);
                Ok(Answer::Conflict(size.as_deref().and_then(read_size)))
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Answer::Inconsistent),
            other => {
                let text = printable(&text.unwrap_or_default());
                Err(WitnessError::Status(other.as_u16(), text))
            }
        }
    }

    /// The witness's cosignature among the lines of its answer. Those of other
    /// keys are passed over.
    fn read(
        &self,
        head: &SignedHead,
        lines: &str,
        now: DateTime<Utc>,
    ) -> Result<NewCosignature, WitnessError> {
        let own = Note::parse(&head.note)?;
        // As one note: what its text says cannot change, as lines are all there
        // may be behind it.
        let note = Note::parse(&format!("{}{lines}", head.note))?;
        if note.checkpoint() != own.checkpoint() {
            return Err(NoteError::Text.into());
        }
        let time_s = i64::try_from(note.signed_by(&self.key)?).unwrap_or(i64::MAX);
        let ahead_s = time_s.saturating_sub(now.timestamp());
        let time = DateTime::from_timestamp(time_s, 0)
            .filter(|_| ahead_s <= TOLERANCE_S)
            .ok_or(WitnessError::Future(ahead_s))?;
        Ok(NewCosignature {
            witness: self.key.to_string(),
            size: head.size,
            line: note.line_of(&self.key)?,
            time,
        })
    }
}

/// A mirror's checkpoint, if `key` signed it.
pub(super) async fn mirrored(
    http: &reqwest::Client,
    mirror: &Url,
    key: &NoteKey,
    patience: Duration,
) -> Result<Note, WitnessError> {
    timeout(patience, async {
        let response = http.get(below(mirror, "checkpoint")).send().await;
        let response = response.map_err(|e| failure(&e))?;
        let status = response.status();
        let body = read(response).await?;
        if status != StatusCode::OK {
            return Err(WitnessError::Status(status.as_u16(), String::new()));
        }
        let text = String::from_utf8(body).map_err(|_| WitnessError::Text)?;
        let note = Note::parse(&text)?;
        note.verify(key)?;
        Ok(note)
    })
    .await
    .map_err(|_| WitnessError::Timeout(patience))?
}

/// An address below a prefix, with or without a slash at its end.
fn below(prefix: &Url, name: &str) -> Url {
    let mut url = prefix.clone();
    let path = format!("{}/{name}", prefix.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// Old size, proof, empty line, checkpoint.
fn request(old: u64, proof: &[Hash], checkpoint: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        // Writing into a String does not fail.
        let _ = writeln!(body, "{}", STANDARD.encode(hash));
    }
    body.push('\n');
    body + checkpoint
}

/// A decimal number without leading zeros, and a line feed.
fn read_size(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('\n').unwrap_or(text);
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, WitnessError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
        if body.len() + chunk.len() > MAX_NOTE_BYTES {
            return Err(WitnessError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A fixed word for each kind of error, so that no URL can leak through one.
fn failure(error: &reqwest::Error) -> WitnessError {
    WitnessError::Http(if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_old_size_proof_empty_line_and_checkpoint() {
        assert_eq!(request(0, &[], "note\n"), "old 0\n\nnote\n");
        assert_eq!(
            request(7, &[[0; 32], [255; 32]], "note\n"),
            "old 7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
             //////////////////////////////////////////8=\n\nnote\n"
        );
    }

    #[test]
    fn a_size_is_a_decimal_number_and_nothing_else() {
        assert_eq!(read_size("0\n"), Some(0));
        assert_eq!(read_size("12"), Some(12));
        assert_eq!(read_size("18446744073709551615\n"), Some(u64::MAX));
        for bad in ["", "\n", "+1\n", "01\n", "1 \n", "1\n\n", "-1\n", "x\n"] {
            assert_eq!(read_size(bad), None, "{bad:?}");
        }
        assert_eq!(read_size("18446744073709551616\n"), None);
    }

    #[test]
    fn an_address_is_below_its_prefix_with_and_without_a_slash() {
        for prefix in ["https://w.example/a", "https://w.example/a/"] {
            let url = below(&prefix.parse().unwrap(), "add-checkpoint");
            assert_eq!(url.as_str(), "https://w.example/a/add-checkpoint");
        }
        let url = below(&"https://w.example".parse().unwrap(), "checkpoint");
        assert_eq!(url.as_str(), "https://w.example/checkpoint");
    }
}
