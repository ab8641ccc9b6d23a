//! What caches may keep: published things for ever, everything else not at all
//! or only after asking.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::{Kind, Problem};

/// Of what is published.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What a representation depends on.
pub(crate) const VARY_BY: &str = "accept, accept-encoding";
/// Of what may still grow.
pub(crate) const REVALIDATE: &str = "no-cache";
/// Of what is true only now.
pub(crate) const NO_STORE: &str = "no-store";
/// Of the log's head, which grows: a moment old is as good.
pub(crate) const BRIEFLY: &str = "public, max-age=2";

/// One representation of a resource with its validator.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    body: Bytes,
    content_type: &'static str,
    /// Weak: compression changes the bytes on the wire, not what they say.
    etag: HeaderValue,
}

impl Representation {
    /// Bytes of a media type.
    pub(crate) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let hash = hex::encode(Sha256::digest(&body));
        let tag = format!("W/\"{}\"", hash.get(..32).unwrap_or_default());
        Self {
            body,
            content_type,
            // Hex and quotes are always a valid header value.
            etag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\"")),
        }
    }

    /// A JSON document.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        serde_json::to_vec(value)
            .map(|body| Self::new("application/json", body))
            .map_err(|error| {
                tracing::error!(%error, "answer could not be written as JSON");
                Kind::Internal.because("the answer could not be written")
            })
    }

    /// The bytes.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Size in memory, bytes.
    pub(crate) fn weight(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX)
    }

    /// Answers a request for something published: it never changes.
    pub(crate) fn immutable(&self, request: &HeaderMap) -> Response {
        self.answer(request, IMMUTABLE)
    }

    /// Answers a request for something that may still grow.
    pub(crate) fn revalidated(&self, request: &HeaderMap) -> Response {
        self.answer(request, REVALIDATE)
    }

    /// Answers a request for the log's head: caches may keep it for a moment.
    pub(crate) fn briefly(&self, request: &HeaderMap) -> Response {
        self.answer(request, BRIEFLY)
    }

    /// As [`Self::immutable`], for a body that is written while it is sent; this one
    /// only tells its versions apart.
    pub(crate) fn immutable_stream(&self, request: &HeaderMap, body: Body) -> Response {
        streamed(self.immutable(request), body)
    }

    /// As [`Self::briefly`], likewise.
    pub(crate) fn brief_stream(&self, request: &HeaderMap, body: Body) -> Response {
        streamed(self.briefly(request), body)
    }

    fn answer(&self, request: &HeaderMap, caching: &'static str) -> Response {
        let mut response = if self.is_known_to(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = self.body.clone().into_response();
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            response
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        // The compression layer says so of bodies only, and a 304 has none.
        headers.insert(VARY, HeaderValue::from_static(VARY_BY));
        response
    }

    /// RFC 9110, 13.1.2: weak comparison with any of the listed tags.
    fn is_known_to(&self, request: &HeaderMap) -> bool {
        let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        let mine = self.etag.to_str().map(opaque).unwrap_or_default();
        request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || opaque(tag) == mine)
    }
}

/// The answer with this body, unless the reader has it.
fn streamed(mut response: Response, body: Body) -> Response {
    if response.status() == StatusCode::OK {
        *response.body_mut() = body;
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// A JSON answer that is true only now.
pub(crate) fn fresh_json(status: StatusCode, value: &impl Serialize) -> Response {
    match Representation::json(value) {
        Ok(json) => (
            status,
            [
                (CONTENT_TYPE, HeaderValue::from_static(json.content_type)),
                (CACHE_CONTROL, HeaderValue::from_static(NO_STORE)),
            ],
            json.body,
        )
            .into_response(),
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_has_the_bytes_gets_304_without_them() {
        let r = Representation::new("text/plain", "abc");
        let first = r.immutable(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert!(
            first.headers()[CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for known in [
            tag.clone(),
            format!("\"other\", {tag}"),
            tag.replace("W/", ""),
            "*".to_owned(),
        ] {
            let mut request = HeaderMap::new();
            request.insert(IF_NONE_MATCH, known.parse().unwrap());
            let again = r.immutable(&request);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers()[ETAG], tag.as_str());
        }
        let mut request = HeaderMap::new();
        request.insert(IF_NONE_MATCH, "\"other\"".parse().unwrap());
        assert_eq!(r.immutable(&request).status(), StatusCode::OK);
    }

    #[test]
    fn different_bytes_have_different_validators() {
        let a = Representation::new("text/plain", "a");
        let b = Representation::new("text/plain", "b");
        assert_ne!(a.etag, b.etag);
    }
}
