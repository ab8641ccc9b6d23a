//! Everything that can go wrong between a participant and an oracle.

use std::time::Duration;

use oracle_schema::EventId;
use oracle_schema::bundle::BundleError;
use oracle_schema::hour::HourError;
use oracle_schema::nonces::NonceReused;
use secp256k1::XOnlyPublicKey;

/// Why the client has no answer, or refuses the one it got.
///
/// Nothing in it repeats the address asked, which may hold credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not an `http` or `https` one.
    #[error("url: {0}")]
    Url(String),
    /// The server could not be reached, or the connection broke.
    #[error("{what}: {source}")]
    Transport {
        /// What was asked for.
        what: &'static str,
        /// The cause, without the address.
        #[source]
        source: Cause,
    },
    /// Something else than the oracle answered: a proxy, a captive portal, a web server
    /// in front of it. The oracle's own answers are problems (RFC 9457) or of the type
    /// asked for.
    #[error(
        "{what}: the oracle is out of reach: the answer, {status} with {says}, is not its own; \
         something between here and it gave that"
    )]
    NotTheOracle {
        /// What was asked for.
        what: &'static str,
        /// HTTP status code.
        status: u16,
        /// The answer in a few words.
        says: String,
        /// When whoever answered wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// 409 `ahead-of-log`: the log of this server does not reach the position that the
    /// stream was to be resumed from.
    #[error("stream: position {position}, to resume from, is ahead of the server's log: {detail}")]
    AheadOfLog {
        /// The position that this reader has.
        position: u64,
        /// The server's words, with the last position of its log.
        detail: String,
    },
    /// The answer is longer than anything this protocol needs.
    #[error("{what}: answer is longer than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: &'static str,
        /// Length allowed, bytes.
        limit: usize,
    },
    /// The answer is not what the documented HTTP API says.
    #[error("{what}: {reason}")]
    Malformed {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The message's bytes are not one.
    #[error("{what}: {source}")]
    Decode {
        /// Which message.
        what: &'static str,
        /// The codec's finding.
        #[source]
        source: oracle_schema::codec::CodecError,
    },
    /// The message is well-formed but not the oracle's, or breaks a rule.
    #[error("{what}: {source}")]
    Verify {
        /// Which message.
        what: &'static str,
        /// The rule broken.
        #[source]
        source: oracle_schema::verify::VerifyError,
    },
    /// The server answered with another event than the one asked for.
    #[error("{what}: asked for event {asked}, got {got}")]
    WrongEvent {
        /// Which answer.
        what: &'static str,
        /// The event asked for.
        asked: EventId,
        /// The event answered.
        got: String,
    },
    /// What the server showed as proof of the event proves nothing.
    #[error("event {id} is not proven: {source}")]
    Unproven {
        /// The event.
        id: EventId,
        /// Which part, and why.
        #[source]
        source: Box<BundleError>,
    },
    /// What the server, or a mirror, has of an hour of the log proves nothing, or does not
    /// go on where the hours before end.
    #[error("hour {hour} of the log: {source}")]
    Hour {
        /// Which hour.
        hour: String,
        /// What is wrong with it.
        #[source]
        source: Box<HourError>,
    },
    /// The log is not the one that was seen before: its oracle, or somebody with the
    /// log's key, shows different readers different logs. Keep both and tell others.
    #[error(
        "hour {hour}: this is another log than was seen before: of the first {size} entries the          root was {seen}, here it is {got}"
    )]
    Forked {
        /// Which hour shows it.
        hour: String,
        /// Entries of both.
        size: u64,
        /// Root that was seen before, hex.
        seen: String,
        /// Root now, hex.
        got: String,
    },
    /// The same, where an hour and what was seen before have no entry in common.
    #[error(
        "hour {hour}: this is another log than was seen before: its first {older} entries are \
         not the beginning of the {newer}"
    )]
    Apart {
        /// Which hour shows it.
        hour: String,
        /// Entries of the smaller one of the two.
        older: u64,
        /// Entries of the larger one.
        newer: u64,
    },
    /// The log has fewer entries than it had.
    #[error("hour {hour}: the log ends at {got} entries; it had {had} before")]
    Shorter {
        /// Which hour shows it.
        hour: String,
        /// Entries that were seen.
        had: u64,
        /// Entries now.
        got: u64,
    },
    /// The directory of a mirror cannot be used, or is damaged.
    #[error("mirror {file}: {reason}")]
    Mirror {
        /// Its name, or that of the file in it.
        file: String,
        /// What is wrong with it, or what the system says.
        reason: String,
    },
    /// The mirror has no announcement of the event: it is not announced yet, its
    /// announcement is older than the mirror, or the name is wrong.
    #[error(
        "event {id}: the mirror has no announcement of it{}; sync it, or look at the name",
        .hours.as_ref().map_or(", nor any hour".to_owned(), |hours| format!(" in its hours {hours}"))
    )]
    NotMirrored {
        /// The event.
        id: EventId,
        /// The hours that the mirror has.
        hours: Option<String>,
    },
    /// The log has two entries where an honest one has one.
    #[error("event {id}: the log has a {what} at position {first}, and another at {second}")]
    Twice {
        /// The event.
        id: EventId,
        /// What there are two of.
        what: &'static str,
        /// Position of the first.
        first: u64,
        /// Position of another.
        second: u64,
    },
    /// The announcement has a nonce that was attested under in another one.
    #[error("announcement of event {id}: {reused}")]
    NonceReused {
        /// The event that the announcement names.
        id: EventId,
        /// Which nonce, and where it is from.
        reused: NonceReused,
    },
    /// The server names another log than the pinned identity.
    #[error("oracle: its log is {got}, the identity is {expected}")]
    WrongIdentity {
        /// The pinned identity.
        expected: String,
        /// The verifier key that follows from what the server says.
        got: String,
    },
    /// The file in which the client remembers what was proven.
    #[error("memory {file}: {reason}")]
    Memory {
        /// Its name.
        file: String,
        /// What is wrong with it, or what the system says.
        reason: String,
    },
    /// The message or the server names another oracle key than the trusted one.
    #[error("{what}: signed by oracle key {got}, expected {expected}")]
    WrongKey {
        /// Which answer.
        what: &'static str,
        /// The trusted key.
        expected: Box<XOnlyPublicKey>,
        /// The key found.
        got: Box<XOnlyPublicKey>,
    },
    /// The oracle signs in a dialect that this client does not read.
    #[error("oracle: dialect is {0:?}; only \"tagged\" can be verified")]
    Dialect(String),
    /// 404 `unknown-event`: the server has no event of that name.
    #[error("event {0} is unknown to the server")]
    UnknownEvent(EventId),
    /// 404 `not-attested`: no outcome has been published yet.
    #[error("event {id} is not attested yet")]
    NotAttested {
        /// The event.
        id: EventId,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// 404 `not-announced`: the event is scheduled, its nonces are not out yet.
    #[error("event {id} is not announced yet")]
    NotAnnounced {
        /// The event.
        id: EventId,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// 410 `refunded`: the server says that it will never attest the event.
    ///
    /// Proven by the notice in the oracle's log; with [`crate::Options::unproven`] the
    /// server's word.
    #[error("event {id} will never be attested (refunded): {reason}")]
    Refunded {
        /// The event.
        id: EventId,
        /// The server's reason, one sentence.
        reason: String,
    },
    /// 410 `withdrawn`: the event was never announced and never will be.
    #[error("event {id} was withdrawn: {reason}")]
    Withdrawn {
        /// The event.
        id: EventId,
        /// The server's reason, one sentence.
        reason: String,
    },
    /// Any other refusal, an RFC 9457 problem.
    #[error("{what}: server answered {status} {kind}: {detail}")]
    Problem {
        /// What was asked for.
        what: &'static str,
        /// HTTP status code.
        status: u16,
        /// Last segment of the problem's `type`; `about:blank` without one.
        kind: String,
        /// The problem's `detail`, else its `title`, else empty.
        detail: String,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An operator's key or request that cannot be used.
    #[error(transparent)]
    Operator(#[from] crate::operator::OperatorError),
    /// The outcome rests on no recorded evidence, by the log or, without it, by what
    /// the server states.
    #[error("event {0}: there is no evidence of its outcome")]
    NoEvidence(EventId),
    /// The server states no policy for the event.
    #[error("event {0}: the server states no policy")]
    NoPolicy(EventId),
    /// A file of a saved bundle cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// Its name.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The points asked for do not exist.
    #[error(transparent)]
    Points(#[from] crate::points::PointsError),
}

/// Why a connection gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// From the HTTP stack, address removed.
    #[error("{}", chain(.0))]
    Http(#[source] reqwest::Error),
    /// No byte came for so long that the connection counts as dead.
    #[error("nothing received for {} s", .0.as_secs())]
    Silent(Duration),
}

/// reqwest names only the outermost layer; the useful word ("connection
/// refused") is the innermost.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text.push_str(other_scheme(&text).unwrap_or_default());
    text
}

/// What to do about a server that speaks TLS where it was not expected, or does not
/// where it was.
fn other_scheme(text: &str) -> Option<&'static str> {
    if text.contains("InvalidContentType") {
        return Some("; what answers there speaks no TLS: try http:// instead of https://");
    }
    text.contains("invalid HTTP version").then_some(
        "; what answers there speaks no HTTP, maybe TLS: try https:// instead of http://",
    )
}

impl Error {
    pub(crate) fn transport(what: &'static str, source: reqwest::Error) -> Self {
        Self::Transport {
            what,
            source: Cause::Http(source.without_url()),
        }
    }

    /// Whether the answer is "not yet": the event exists and may still be
    /// announced or attested. Ask again, or [`crate::Client::wait`].
    pub fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotAttested { .. } | Self::NotAnnounced { .. })
    }

    /// Whether the answer is "never": refunded or withdrawn. A contract on the
    /// event ends with its refund transaction.
    ///
    /// ```
    /// use oracle_client::Error;
    ///
    /// let error = Error::Refunded { id: "match".parse()?, reason: String::new() };
    /// assert!(error.is_never() && !error.is_not_yet() && !error.is_transient());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Refunded { .. } | Self::Withdrawn { .. })
    }

    /// Whether asking again later may help without anyone changing anything.
    ///
    /// ```
    /// use oracle_client::Error;
    ///
    /// let busy = Error::Problem {
    ///     what: "event",
    ///     status: 503,
    ///     kind: "overloaded".to_owned(),
    ///     detail: String::new(),
    ///     retry_after: Some(std::time::Duration::from_secs(2)),
    /// };
    /// assert!(busy.is_transient() && busy.retry_after().is_some());
    /// assert!(!Error::Url("no address".to_owned()).is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::NotTheOracle { .. } => true,
            Self::Problem { status, .. } => matches!(status, 408 | 429 | 500..=599),
            // Witnesses cosign a moment after the oracle has signed.
            Self::Unproven { source, .. } => matches!(**source, BundleError::Quorum(_)),
            _ => false,
        }
    }

    /// Whether the answer cannot be read at all: cut short, garbled, of another
    /// service. Nobody has said anything with it, true or false.
    pub(crate) fn is_unreadable(&self) -> bool {
        match self {
            Self::Decode { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => true,
            Self::Unproven { source, .. } => matches!(**source, BundleError::Json(_)),
            Self::Hour { source, .. } => matches!(**source, HourError::Json(_)),
            _ => false,
        }
    }

    /// When the server wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotAttested { retry_after, .. }
            | Self::NotAnnounced { retry_after, .. }
            | Self::NotTheOracle { retry_after, .. }
            | Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Gives a problem about one event its own variant.
    pub(crate) fn about(self, id: &EventId) -> Self {
        let Self::Problem {
            status,
            ref kind,
            ref detail,
            retry_after,
            ..
        } = self
        else {
            return self;
        };
        let id = id.clone();
        match (status, kind.as_str()) {
            (404, "unknown-event") => Self::UnknownEvent(id),
            (404, "not-attested") => Self::NotAttested { id, retry_after },
            (404, "not-announced") => Self::NotAnnounced { id, retry_after },
            (410, "refunded") => Self::Refunded {
                id,
                reason: detail.clone(),
            },
            (410, "withdrawn") => Self::Withdrawn {
                id,
                reason: detail.clone(),
            },
            _ => self,
        }
    }
}
