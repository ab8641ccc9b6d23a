//! The one HTTP client: timeout, size cap, per-host limit, redaction,
//! recording.

mod allowance;
mod credential;
mod hidden;
mod time;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::HeaderMap;
pub use reqwest::header::HeaderName;
use sha2::{Digest, Sha256};
use url::Url;

use allowance::Allowance;
use credential::Credential;
pub use credential::{ApiKey, Login};
use hidden::Hidden;

pub use crate::time::TimeSource;

use crate::limits::{Limits, Pace};
use crate::observation::{Exchange, Query, Reading, Request, SourceReading, Target};
use crate::provider::{MAX_REQUESTS, Provider, provider, provider_names, untimely};
use crate::rate::Rate;
use crate::redact::redacted;
use crate::time::http_date;

/// Longest header value recorded, bytes.
const MAX_HEADER: usize = 256;

const USER_AGENT: &str = concat!("peercoin-dlc-oracle/", env!("CARGO_PKG_VERSION"));

const ACCEPT: &str = "application/json, text/csv;q=0.9, */*;q=0.1";

/// The headers an [`Exchange`] keeps.
const RECORDED_HEADERS: [&str; 6] = [
    "date",
    "age",
    "etag",
    "last-modified",
    "content-type",
    "retry-after",
];

/// The failure of an answer that holds the key it was asked with.
const REPEATS_KEY: &str = "the answer repeats the API key and is not kept";

/// The same of a login.
const REPEATS_LOGIN: &str = "the answer repeats the login and is not kept";

/// The failure of an answer beyond what is kept of its source.
const MORE_THAN_KEPT: &str = "the source has sent more than is kept of it, and this is not";

/// One request.
struct Asked<'a> {
    url: Url,
    /// Posted JSON.
    posted: Option<String>,
    /// Without the body of the answer (HEAD).
    is_bare: bool,
    credential: Option<Credential<'a>>,
    /// Bytes of the answer that are read at most, after content decoding.
    longest: usize,
}

/// How one provider is reached; for a generic source, keyed by its entry's
/// name ([`oracle_schema::policy::SourcePolicy::symbol`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Scheme, host and port instead of the provider's own. A generic source
    /// has its whole URL in its policy; there this is only where the key may go.
    pub base_url: Option<String>,
    /// For the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// Instead of the provider's stated limit. Where several share a
    /// scheme, host and port, the slowest holds for all.
    pub rate: Option<Rate>,
    /// Sent to the base URL's host in the header for it, and nowhere else.
    pub api_key: Option<ApiKey>,
    /// The header for the key instead of the provider's own.
    pub api_key_header: Option<HeaderName>,
    /// The user and password of a node, sent likewise.
    pub login: Option<Login>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            base_url: None,
            timeout: Duration::from_secs(10),
            rate: None,
            api_key: None,
            api_key_header: None,
            login: None,
        }
    }
}

/// Why a fetcher could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FetchConfigError {
    /// Not `http://host[:port]` or `https://host[:port]`. The text is withheld,
    /// as it may hold credentials.
    #[error("provider.{provider}.base_url is not scheme, host and port")]
    BaseUrl {
        /// The provider so configured.
        provider: String,
    },
    /// A timeout of nothing.
    #[error("provider.{provider}.timeout is zero")]
    Timeout {
        /// The provider so configured.
        provider: String,
    },
    /// TLS or the resolver could not be set up.
    #[error("HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Asks sources and records every exchange.
pub struct Fetcher {
    client: reqwest::Client,
    settings: BTreeMap<String, ProviderSettings>,
    limits: Limits,
    time: Arc<dyn TimeSource>,
    allowance: Allowance,
    /// Every configured key: what one host was given, another may have been told.
    keys: Hidden,
}

impl Fetcher {
    /// A fetcher with these settings; a provider without an entry has the
    /// defaults.
    pub fn new(
        settings: BTreeMap<String, ProviderSettings>,
        time: Arc<dyn TimeSource>,
    ) -> Result<Self, FetchConfigError> {
        for (name, entry) in &settings {
            if entry.timeout.is_zero() {
                return Err(FetchConfigError::Timeout {
                    provider: name.clone(),
                });
            }
            if entry.base_url.as_ref().is_some_and(|b| origin(b).is_none()) {
                return Err(FetchConfigError::BaseUrl {
                    provider: name.clone(),
                });
            }
        }
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tls_info(true)
            .build()
            .map_err(FetchConfigError::Client)?;
        let keys = settings.values().filter_map(|s| s.api_key.as_ref());
        let keys = Hidden::of(keys.map(ApiKey::bytes));
        let fetcher = Self {
            client,
            allowance: Allowance::default(),
            keys,
            settings,
            limits: Limits::default(),
            time,
        };
        fetcher.register_limits();
        Ok(fetcher)
    }

    /// Known hosts first, so that their pace holds from the first request.
    fn register_limits(&self) {
        for adapter in provider_names().filter_map(provider) {
            let settings = self.settings_of(adapter.name());
            if let Some(url) = origin(base_url(adapter, &settings)) {
                self.limits
                    .register(&authority(&url), pace(adapter, &settings));
            }
        }
    }

    fn settings_of(&self, name: &str) -> ProviderSettings {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// Plans, asks and interprets until the source has answered or the budget
    /// of requests is spent. Never fails: what went wrong is the reading.
    ///
    /// Before a price's T nothing is sent; to a source without history nothing
    /// but from the beginning of its sampling to T.
    pub async fn observe(&self, query: &Query<'_>) -> SourceReading {
        let mut exchanges = Vec::new();
        let reading = match provider(query.provider()) {
            None => Reading::Permanent(format!("unknown provider {:?}", query.provider())),
            Some(adapter) => self.ask(adapter, query, &mut exchanges).await,
        };
        SourceReading {
            source: query.source().to_owned(),
            root: query.root().to_owned(),
            exchanges,
            reading,
        }
    }

    /// Why a request sent now could not count.
    fn untimely(&self, query: &Query<'_>) -> Option<Reading> {
        let Query::Price(query) = query else {
            return None;
        };
        let now = self.time.now();
        match query.sample_from_s {
            Some(from_s) => untimely(query.at, from_s, now),
            None => {
                (now.timestamp() < query.at).then(|| Reading::NotYet("T is not reached".to_owned()))
            }
        }
    }

    async fn ask(
        &self,
        adapter: &'static dyn Provider,
        query: &Query<'_>,
        exchanges: &mut Vec<Exchange>,
    ) -> Reading {
        if let Some(reading) = self.untimely(query) {
            return reading;
        }
        let settings = self.settings_of(query.settings());
        while exchanges.len() < MAX_REQUESTS {
            let Some(request) = adapter.plan(query, exchanges) else {
                break;
            };
            let Some(url) = resolve(adapter, &settings, &request) else {
                return Reading::Permanent("the source's URL is not http or https".to_owned());
            };
            let host = authority(&url);
            self.limits.wait(&host, pace(adapter, &settings)).await;
            // Both are looked at last: while this one waited, an answer may have
            // asked for rest, and its time may have run out.
            if let Some(left) = self.limits.held(&host, self.time.now()) {
                return left_alone(left);
            }
            if let Some(reading) = self.untimely(query) {
                return reading;
            }
            let credential = credential(adapter, &settings, &url);
            let asked = Asked {
                url,
                posted: request.body,
                is_bare: false,
                credential,
                longest: adapter.longest_answer(),
            };
            let mut exchange = self.exchange(asked, settings.timeout).await;
            self.keep_or_refuse(query.source(), &mut exchange);
            if let Some(wait) = refused_for(&exchange) {
                self.limits.hold(&host, exchange.received_at, wait);
            }
            exchanges.push(exchange);
        }
        adapter.interpret(query, exchanges)
    }

    /// One request, recorded.
    async fn exchange(&self, asked: Asked<'_>, timeout: Duration) -> Exchange {
        let mut exchange = Exchange {
            url: redacted(&asked.url).into(),
            posted: asked.posted.clone(),
            sent_at: self.time.now(),
            received_at: DateTime::default(),
            status: None,
            headers: Vec::new(),
            certificate: None,
            body: Vec::new(),
            sha256: None,
            date: None,
            failure: None,
        };
        let outcome = self.send(asked, &mut exchange);
        let outcome = tokio::time::timeout(timeout, outcome).await;
        exchange.received_at = self.time.now();
        match outcome {
            Ok(Ok(body)) => {
                exchange.sha256 = Some(Sha256::digest(&body).into());
                exchange.body = body;
            }
            Ok(Err(failure)) => exchange.failure = Some(failure.to_owned()),
            Err(_) => exchange.failure = Some("timeout".to_owned()),
        }
        exchange
    }

    /// An answer beyond what is kept of its source counts as failed.
    fn keep_or_refuse(&self, source: &str, exchange: &mut Exchange) {
        let Some(sha256) = &exchange.sha256 else {
            return;
        };
        if !self.allowance.admits(source, sha256, &exchange.body) {
            exchange.sha256 = None;
            exchange.body = Vec::new();
            exchange.failure = Some(MORE_THAN_KEPT.to_owned());
        }
    }

    async fn send(
        &self,
        asked: Asked<'_>,
        exchange: &mut Exchange,
    ) -> Result<Vec<u8>, &'static str> {
        let Asked {
            url,
            is_bare,
            credential,
            longest,
            ..
        } = asked;
        let request = match &exchange.posted {
            None if is_bare => self.client.head(url),
            None => self.client.get(url),
            Some(json) => {
                let request = self.client.post(url).body(json.clone());
                request.header("content-type", "application/json")
            }
        };
        let mut request = request
            .header("accept", ACCEPT)
            // A cache on the way should ask its origin: what was made before
            // the maturity does not count, however late it is passed on.
            .header("cache-control", "no-cache");
        let mut login = Hidden::default();
        if let Some(credential) = &credential {
            (request, login) = credential.add(request)?;
        }
        let holds = |text: &[u8]| self.keys.is_in(text) || login.is_in(text);
        let mut response = request.send().await.map_err(|e| failure(&e))?;
        exchange.status = Some(response.status().as_u16());
        exchange.headers = recorded(response.headers());
        exchange
            .headers
            .retain(|(_, value)| !holds(value.as_bytes()));
        exchange.certificate = response
            .extensions()
            .get::<reqwest::tls::TlsInfo>()
            .and_then(reqwest::tls::TlsInfo::peer_certificate)
            .map(|der| Sha256::digest(der).into());
        exchange.date = exchange.header("date").and_then(http_date);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| cut(&e))? {
            if body.len() + chunk.len() > longest {
                return Err("too large");
            }
            body.extend_from_slice(&chunk);
        }
        // Answers are published, and some providers repeat a key they refuse.
        if holds(&body) {
            return Err(match credential {
                Some(Credential::Login(_)) => REPEATS_LOGIN,
                _ => REPEATS_KEY,
            });
        }
        Ok(body)
    }
}

/// For how long a host that refused to answer wants no question at all. It says so
/// to whoever asked; the next question from here would be the same visitor's.
fn refused_for(exchange: &Exchange) -> Option<Duration> {
    let refused = matches!(exchange.status, Some(429 | 500..));
    exchange.retry_after().filter(|_| refused)
}

/// The reading of a question that was not sent.
fn left_alone(left: Duration) -> Reading {
    // Whole seconds, rounded up: a second too early would only meet the hold again.
    let left = Duration::from_secs(left.as_secs().saturating_add(1));
    Reading::Transient {
        detail: format!(
            "its host asked to be left alone for {} s more",
            left.as_secs()
        ),
        retry_after: Some(left),
    }
}

/// A fixed word for each kind of error, so that no URL can leak through one.
fn failure(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "connection lost"
    }
}

/// The same once the body has begun.
fn cut(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else {
        "truncated"
    }
}

fn recorded(headers: &HeaderMap) -> Vec<(String, String)> {
    RECORDED_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            (value.len() <= MAX_HEADER).then(|| ((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

/// Scheme, host and port and nothing else.
fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(is_http)?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then_some(url)
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn base_url<'a>(adapter: &dyn Provider, settings: &'a ProviderSettings) -> &'a str {
    settings.base_url.as_deref().unwrap_or(adapter.base_url())
}

fn resolve(adapter: &dyn Provider, settings: &ProviderSettings, request: &Request) -> Option<Url> {
    match &request.target {
        Target::Path(path) => {
            let base = origin(base_url(adapter, settings))?;
            let url = base.join(path).ok()?;
            (url.origin() == base.origin()).then_some(url)
        }
        Target::Absolute(url) => Url::parse(url).ok().filter(is_http),
    }
}

/// What a request is sent with. A policy may be older than the settings: its
/// host gets a key or a login only if that is the host's.
fn credential<'a>(
    adapter: &'static dyn Provider,
    settings: &'a ProviderSettings,
    url: &Url,
) -> Option<Credential<'a>> {
    let own = origin(base_url(adapter, settings))?;
    if own.origin() != url.origin() {
        return None;
    }
    if let Some(login) = &settings.login {
        return Some(Credential::Login(login));
    }
    let header = settings.api_key_header.as_ref().map(HeaderName::as_str);
    let header = header.or_else(|| adapter.key_header())?;
    Some(Credential::Key(header, settings.api_key.as_ref()?))
}

/// Scheme, host and port: what shares a limit.
fn authority(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What was configured, else what the provider states.
fn pace(adapter: &dyn Provider, settings: &ProviderSettings) -> Pace {
    settings
        .rate
        .map_or_else(|| Pace::Stated(adapter.rate()), Pace::Configured)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_base_url_is_scheme_host_and_port_only() {
        for good in ["http://127.0.0.1:9101", "https://api.x.test/"] {
            assert!(origin(good).is_some(), "{good}");
        }
        for bad in [
            "127.0.0.1:9101",
            "ftp://x.test",
            "https://x.test/v1",
            "https://x.test/?a=b",
            "https://u:p@x.test",
            "https://x.test/#f",
            "",
        ] {
            assert!(origin(bad).is_none(), "{bad}");
        }
    }
}
