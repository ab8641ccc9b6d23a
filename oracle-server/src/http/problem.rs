//! The only status-code table: every error answer of the service, as RFC 9457
//! problem details.

use std::borrow::Cow;
use std::fmt;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::logging;
use crate::store::StoreError;

/// Media type of every error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! problem_table {
    ($($(#[doc = $doc:literal])* $kind:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        /// What can be wrong. The last path segment of the problem's `type` is
        /// [`Kind::slug`]; it never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[doc = $doc])* $kind,)* }

        impl Kind {
            /// Every kind, for the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// Last path segment of `type`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)* }
            }

            /// One line for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

problem_table! {
    /// A query parameter, path segment or header that cannot be read.
    BadParameter = BAD_REQUEST, "bad-parameter", "A parameter is not valid";
    /// A query parameter that this endpoint does not have.
    UnknownParameter = BAD_REQUEST, "unknown-parameter", "There is no such parameter";
    /// An operator's body that is not the JSON due, or an event that cannot be made.
    BadBody = UNPROCESSABLE_ENTITY, "bad-body", "The request body is not valid";
    /// An operator's request without a signature.
    Unsigned = UNAUTHORIZED, "unsigned", "The request is not signed";
    /// A signature in another form than the profile's, by another key, or over another request.
    BadSignature = UNAUTHORIZED, "bad-signature", "The signature is not valid";
    /// A nonce that was used before.
    Replayed = UNAUTHORIZED, "replayed", "The request was made before";
    /// A request outside the time it was signed for.
    Expired = UNAUTHORIZED, "expired", "The request is outside its time";
    /// The operator may not do this.
    Scope = FORBIDDEN, "scope", "The operator may not do this";
    /// The operator is not on the event's panel.
    NotOnPanel = FORBIDDEN, "not-on-panel", "The operator is not on the panel";
    /// An operator's approval of what is their own.
    SelfApproval = FORBIDDEN, "self-approval", "Nobody approves their own";
    /// A report before the event's maturity, or what can only follow it.
    NotMatured = CONFLICT, "not-matured", "The event has not matured";
    /// An outcome that the event does not have.
    Outcome = UNPROCESSABLE_ENTITY, "outcome", "The event has no such outcome";
    /// An approval that names no report and no proposal.
    UnknownReport = UNPROCESSABLE_ENTITY, "unknown-report", "There is no such report";
    /// An approval of a report on an event that is not held.
    NotHeld = CONFLICT, "not-held", "The event is not held";
    /// A veto on a price.
    NotVetoable = CONFLICT, "not-vetoable", "The event cannot be vetoed";
    /// The event's end is fixed.
    AlreadyCommitted = CONFLICT, "already-committed", "The event's end is fixed";
    /// A report that contradicts its author's; kept as evidence.
    ConflictingReport = CONFLICT, "conflicting-report", "The report contradicts an earlier one";
    /// The operator sent as many requests on the event as are kept.
    TooManyActions = CONFLICT, "too-many-actions", "As much was said on this event as is kept";
    /// The name of the event is burned.
    EventExists = CONFLICT, "event-exists", "There is an event of that name";
    /// One outside party would choose among too many outcomes.
    ChoiceBudget = CONFLICT, "choice-budget", "Too much open choice";
    /// No such resource.
    NotFound = NOT_FOUND, "not-found", "There is nothing at this address";
    /// No event of that name.
    UnknownEvent = NOT_FOUND, "unknown-event", "There is no such event";
    /// No series of that name.
    UnknownSeries = NOT_FOUND, "unknown-series", "There is no such series";
    /// No asset of that name.
    UnknownAsset = NOT_FOUND, "unknown-asset", "There is no such asset";
    /// The event is known; its announcement is not yet published.
    NotAnnounced = NOT_FOUND, "not-announced", "The event is not announced yet";
    /// The event is known; its attestation is not yet published.
    NotAttested = NOT_FOUND, "not-attested", "The event is not attested yet";
    /// No recorded body of that hash, or one that may not be passed on.
    UnknownEvidence = NOT_FOUND, "unknown-evidence", "There is no such evidence";
    /// No tile or entry bundle of that name in the published log.
    UnknownTile = NOT_FOUND, "unknown-tile", "The published log has no such tile";
    /// No head has the cosignatures that make a quorum.
    NotCosigned = NOT_FOUND, "not-cosigned", "No quorum of witnesses has cosigned the log yet";
    /// A reader knows more entries than the log has: the log, or the reader's state, is not of this oracle, or went back.
    AheadOfLog = CONFLICT, "ahead-of-log", "The log does not have that many entries";
    /// The log got nothing in that hour or before, or the hour is ahead.
    UnknownHour = NOT_FOUND, "unknown-hour", "The log has nothing of that hour";
    /// No policy or manifest of that hash.
    UnknownDocument = NOT_FOUND, "unknown-document", "There is no such document";
    /// The method is not one of those named in `Allow`.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here";
    /// None of the media types in `Accept`, or of the codings in `Accept-Encoding`, can be served.
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "No acceptable format";
    /// The event will never be attested.
    Refunded = GONE, "refunded", "The event will never be attested";
    /// The event was never announced and never will be.
    Withdrawn = GONE, "withdrawn", "The event was withdrawn before its announcement";
    /// The request body exceeds 64 KiB.
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The request is too large";
    /// The event has more points than one answer holds.
    TooManyPoints = UNPROCESSABLE_ENTITY, "too-many-points", "The event has too many points to list";
    /// The client address sent more than its share.
    RateLimited = TOO_MANY_REQUESTS, "rate-limited", "Too many requests";
    /// A fault of the service; its log says which.
    Internal = INTERNAL_SERVER_ERROR, "internal", "The service failed";
    /// The store does not answer at the moment.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The service is not available at the moment";
    /// The answer took too long.
    Timeout = GATEWAY_TIMEOUT, "timeout", "The service took too long";
}

impl Kind {
    /// `type` of a problem of this kind: a reference relative to the service.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// What an answer of this kind can look like, for the documentation.
    pub fn example(self) -> serde_json::Value {
        serde_json::json!({
            "type": self.uri(),
            "title": self.title(),
            "status": self.status().as_u16(),
            "detail": "what was wrong this time, in one sentence",
        })
    }

    /// A problem of this kind with its particular explanation.
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            kind: self,
            detail: detail.into(),
            field: None,
            retry_after_s: None,
        }
    }
}

/// One error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    retry_after_s: Option<i64>,
}

/// Body of an error answer (RFC 9457), media type `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/not-attested",
    "title": "The event is not attested yet",
    "status": 404,
    "detail": "event ppcusd-daily@2026-11-22T16:00:00Z is attested after its maturity"
}))]
pub struct ProblemJson<'a> {
    /// URI reference naming the kind of problem; its last path segment is stable.
    #[serde(rename = "type")]
    #[schema(pattern = "^/problems/[a-z]+(-[a-z]+)*$")]
    kind: String,
    /// The same for every problem of this kind.
    title: &'a str,
    /// The HTTP status, repeated.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong this time.
    detail: &'a str,
    /// The parameter, path segment or header at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    field: Option<&'a str>,
}

impl Problem {
    /// Names the input at fault.
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// When asking again makes sense, in seconds; at least 1 is said.
    pub fn retry_after_s(mut self, seconds: i64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// A parameter that cannot be read.
    pub fn bad(field: impl Into<Cow<'static, str>>, why: impl Into<Cow<'static, str>>) -> Self {
        Kind::BadParameter.because(why).field(field)
    }

    /// No event of that name.
    pub fn unknown_event(id: &str) -> Self {
        Kind::UnknownEvent
            .because(format!("there is no event {id:?}"))
            .field("id")
    }

    /// Nothing of that hour.
    pub fn unknown_hour(why: impl Into<Cow<'static, str>>) -> Self {
        Kind::UnknownHour.because(why).field("hour")
    }

    /// No series of that name.
    pub fn unknown_series(id: &str) -> Self {
        Kind::UnknownSeries
            .because(format!("there is no series {id:?}"))
            .field("id")
    }

    /// What is wrong this time.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The input at fault, where one is.
    pub fn at_fault(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What kind of problem this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn body(&self) -> ProblemJson<'_> {
        ProblemJson {
            kind: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.slug(), self.detail)
    }
}

impl From<StoreError> for Problem {
    /// Store errors stop here: logged once, told to nobody.
    fn from(error: StoreError) -> Self {
        if let Some(left_out) = logging::FAILED.admit() {
            tracing::error!(%error, left_out, "store read failed");
        }
        match error {
            StoreError::Sqlx(_) => Kind::Unavailable
                .because("the store does not answer")
                .retry_after_s(5),
            _ => Kind::Internal.because("the store holds something unexpected"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The body is strings and a number, which always serialise.
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.kind.status(), body).into_response();
        response.extensions_mut().insert(self.kind);
        response.extensions_mut().insert(self.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_slug_and_an_error_status() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|k| k.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn retry_after_is_never_zero_or_negative() {
        let response = Kind::NotAttested
            .because("soon")
            .retry_after_s(-7)
            .into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
}
