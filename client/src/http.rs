//! One bounded request. Time, length and redirects are capped because the server
//! is not trusted with the client's memory or patience either.

use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use oracle_schema::policy::question::is_unseen;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::backoff::Backoff;
use crate::model::Problem;
use crate::{Error, Options};

/// Longest answer read, bytes after decompression. The largest real message,
/// a digit event of 64 digits, is below 10 KiB.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 3;

/// A message in TLV.
pub(crate) const TLV: &str = "application/octet-stream";
/// What the API answers.
pub(crate) const JSON: &str = "application/json";
/// News as they happen.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// A file of the log or of evidence, which a mirror may serve under any type.
pub(crate) const ANY: &str = "*/*";
/// Every refusal of the service (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// The HTTP side of a client: a connection pool and the base address.
#[derive(Clone)]
pub(crate) struct Http {
    pool: reqwest::Client,
    base: Url,
    timeout: Duration,
    backoff: Backoff,
}

impl fmt::Debug for Http {
    /// The host only: an address may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

/// What to ask for.
#[derive(Clone, Copy)]
pub(crate) struct Get<'a> {
    /// Named in errors.
    pub(crate) what: &'static str,
    /// Path segments after the base, not yet percent-encoded.
    pub(crate) path: &'a [&'a str],
    /// Query pairs.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// Media type wanted; an answer of another one is not the oracle's.
    pub(crate) accept: &'static str,
    /// How long the server is asked to hold the request.
    pub(crate) hold: Duration,
    /// How often to ask while the failure is transient; at least once.
    pub(crate) attempts: u32,
}

impl Http {
    pub(crate) fn new(base: &str, options: &Options) -> Result<Self, Error> {
        let timeout = options.timeout;
        let base = address(base)?;
        let pool = reqwest::Client::builder()
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS))
            .user_agent(concat!("oracle-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::transport("http client", e))?;
        Ok(Self {
            pool,
            base,
            timeout,
            backoff: Backoff::new(options.first_backoff, options.max_backoff),
        })
    }

    /// The whole body of a 200 answer.
    pub(crate) async fn get(&self, get: Get<'_>) -> Result<Vec<u8>, Error> {
        self.get_up_to(MAX_BODY, get).await
    }

    /// The same for what may be longer than a message; `limit` in bytes.
    pub(crate) async fn get_up_to(&self, limit: usize, get: Get<'_>) -> Result<Vec<u8>, Error> {
        let mut backoff = self.backoff.clone();
        let mut attempt = 1;
        loop {
            match self.get_once(limit, &get).await {
                Err(error) if error.is_transient() && attempt < get.attempts => {
                    tokio::time::sleep(backoff.pause(error.retry_after())).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn get_once(&self, limit: usize, get: &Get<'_>) -> Result<Vec<u8>, Error> {
        let response = self
            .request(get)?
            // The budget covers the body too, so a trickling server ends here.
            .timeout(self.timeout.saturating_add(get.hold))
            .send()
            .await
            .map_err(|e| Error::transport(get.what, e))?;
        let response = accepted(get.what, get.accept, response).await?;
        let body = read(get.what, response, limit).await?;
        if body.is_empty() && get.accept != ANY {
            return Err(Error::NotTheOracle {
                what: get.what,
                status: StatusCode::OK.as_u16(),
                says: "nothing at all".to_owned(),
                retry_after: None,
            });
        }
        Ok(body)
    }

    /// A 200 answer whose body is read as it comes, without a time limit.
    pub(crate) async fn open(
        &self,
        get: Get<'_>,
        header: Option<(HeaderName, String)>,
    ) -> Result<Response, Error> {
        let mut request = self.request(&get)?;
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let sent = tokio::time::timeout(self.timeout, request.send())
            .await
            .map_err(|_| Error::Transport {
                what: get.what,
                source: crate::error::Cause::Silent(self.timeout),
            })?;
        let response = sent.map_err(|e| Error::transport(get.what, e))?;
        accepted(get.what, get.accept, response).await
    }

    /// Sends a body to an address from [`Http::address`]; the status and body of
    /// an answer of success.
    pub(crate) async fn post(
        &self,
        what: &'static str,
        url: Url,
        fields: [(&'static str, String); 4],
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let mut request = self.pool.post(url).timeout(self.timeout).body(body);
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let response = request
            .send()
            .await
            .map_err(|e| Error::transport(what, e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refusal(what, JSON, response).await);
        }
        Ok((status, read(what, response, MAX_BODY).await?))
    }

    fn request(&self, get: &Get<'_>) -> Result<reqwest::RequestBuilder, Error> {
        Ok(self
            .pool
            .get(self.address(get.path)?)
            .query(get.query)
            .header(ACCEPT, get.accept))
    }

    /// The base address and these segments, percent-encoded, without a query.
    pub(crate) fn address(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut()
            .map_err(|()| Error::Url("address cannot have a path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

/// The base address, or what is wrong with it. Nothing of it is repeated that may be a
/// password.
fn address(text: &str) -> Result<Url, Error> {
    let is_plain = |text: &str| !text.contains('@') && !text.chars().any(is_unseen);
    let what = if is_plain(text) { text } else { "the address" };
    if !text.contains("://") {
        let likely = if is_plain(text) {
            let is_local = text.starts_with("127.") || text.starts_with("localhost");
            let scheme = if is_local { "http" } else { "https" };
            format!("{scheme}://{text}")
        } else {
            "https://…".to_owned()
        };
        return Err(Error::Url(format!(
            "{what:?} does not say how to connect; write {likely}"
        )));
    }
    let url = Url::parse(text).map_err(|e| Error::Url(format!("{what:?}: {e}")))?;
    if matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    let scheme = url.scheme();
    Err(Error::Url(format!(
        "scheme is {scheme:?}; http or https is needed"
    )))
}

/// Passes a 200 of the type wanted on and turns everything else into an error.
async fn accepted(what: &'static str, accept: &str, response: Response) -> Result<Response, Error> {
    let is_wanted = |media: &str| {
        // Of a mirror, JSON is a file.
        media == accept || (accept == JSON && media == TLV)
    };
    if response.status() == StatusCode::OK
        && (accept == ANY || is_wanted(&media(response.headers())))
    {
        return Ok(response);
    }
    Err(refusal(what, accept, response).await)
}

/// The media type without its parameters; empty where none is named.
fn media(headers: &HeaderMap) -> String {
    let field = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = field.and_then(|text| text.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

/// A problem of the service, or an answer that is not the oracle's: a proxy's or a
/// captive portal's page.
async fn refusal(what: &'static str, accept: &str, response: Response) -> Error {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let media = media(response.headers());
    let body = tokio::time::timeout(PROBLEM_PATIENCE, read(what, response, MAX_BODY)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    let problem = problem.unwrap_or_default();
    let is_ours = !status.is_success() && media == PROBLEM && problem.is_named();
    if accept != ANY && !is_ours {
        return Error::NotTheOracle {
            what,
            status: status.as_u16(),
            says: says(&media, &body),
            retry_after,
        };
    }
    Error::Problem {
        what,
        status: status.as_u16(),
        kind: problem.kind(),
        detail: problem.detail(),
        retry_after,
    }
}

/// An answer in a few words: its type and, of a page, the title.
fn says(media: &str, body: &[u8]) -> String {
    const LONGEST: usize = 80;
    if body.is_empty() {
        return "nothing at all".to_owned();
    }
    let media = if media.is_empty() { "no type" } else { media };
    let text = String::from_utf8_lossy(body);
    // ASCII only, so positions in both are the same.
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let from = at + "<title>".len();
        let to = from + lower.get(from..)?.find("</title>")?;
        text.get(from..to)
    });
    let title = title.map(|title| {
        let words: Vec<&str> = title.split_whitespace().collect();
        let words = words.join(" ");
        let seen = words.chars().filter(|c| !is_unseen(*c));
        seen.take(LONGEST).collect::<String>()
    });
    match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("{media} titled {title:?}"),
        None => media.to_owned(),
    }
}

/// RFC 9110 §10.2.3: seconds, or a date. A date is read against the answer's own
/// `Date`, so that nobody's clock has to be right.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text| DateTime::parse_from_rfc2822(text).ok();
    let wait = date(asked)?.signed_duration_since(date(text(DATE)?)?);
    // A time that has passed asks for no wait at all.
    Some(wait.to_std().unwrap_or_default())
}

/// How long the body of a refusal may take.
const PROBLEM_PATIENCE: Duration = Duration::from_secs(5);

/// Counts what arrives, not what `Content-Length` claims, and after
/// decompression, so that neither a lie nor a bomb fills memory.
async fn read(what: &'static str, mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|e| Error::transport(what, e))?
    {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(Error::TooLarge { what, limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_address_that_cannot_be_used_is_answered_with_one_that_can() {
        let why = |text: &str| address(text).unwrap_err().to_string();
        assert!(why("oracle.example").contains("write https://oracle.example"));
        assert!(why("127.0.0.1:8080").contains("write http://127.0.0.1:8080"));
        assert!(why("localhost:8080/x").contains("write http://localhost:8080/x"));
        assert!(why("ftp://oracle.example").contains("http or https"));
        assert!(why("").contains("https://"));
        for secret in ["me:hunter2@oracle.example", "http://me:hunter2@[::zz]"] {
            assert!(!why(secret).contains("hunter2"), "{}", why(secret));
        }
    }

    #[test]
    fn a_page_is_told_by_its_title_and_cannot_redraw_the_screen() {
        let page = "<HTML><Title>\n Sign\u{1b}[2J in </TITLE>";
        assert_eq!(
            says("text/html", page.as_bytes()),
            r#"text/html titled "Sign[2J in""#
        );
        assert_eq!(says("text/html", b"<title>"), "text/html");
        assert_eq!(says("", b"\xff"), "no type");
        assert_eq!(says("text/html", b""), "nothing at all");
    }

    #[test]
    fn a_server_says_in_seconds_or_as_a_date_when_to_come_back() {
        let asked = |retry: &'static str, date: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let now = "Sun, 22 Nov 2026 16:00:00 GMT";
        assert_eq!(asked("120", now), Some(120));
        assert_eq!(asked("Sun, 22 Nov 2026 16:00:30 GMT", now), Some(30));
        assert_eq!(asked("Sun, 22 Nov 2026 15:00:00 GMT", now), Some(0));
        assert_eq!(asked("Sun, 22 Nov 2026 16:00:30 GMT", "yesterday"), None);
        assert_eq!(asked("soon", now), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
