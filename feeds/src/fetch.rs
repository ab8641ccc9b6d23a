//! The one HTTP client: timeout, size cap, per-host limit, redaction,
//! recording.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use governor::clock::Clock;
use governor::{Quota, RateLimiter};
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use url::Url;

pub use crate::time::TimeSource;

use crate::observation::{Exchange, PriceQuery, Reading, Request, SourceReading, Target};
use crate::provider::{MAX_REQUESTS, PriceProvider, provider, provider_names};
use crate::rate::Rate;

/// Largest body read, bytes, after content decoding.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

/// Longest header value recorded, bytes.
const MAX_HEADER: usize = 256;

const USER_AGENT: &str = concat!("peercoin-dlc-oracle/", env!("CARGO_PKG_VERSION"));

/// The headers an [`Exchange`] keeps.
const RECORDED_HEADERS: [&str; 5] = [
    "date",
    "etag",
    "last-modified",
    "content-type",
    "retry-after",
];

/// Query keys whose values are secrets.
const SECRET_KEYS: [&str; 12] = [
    "key",
    "apikey",
    "api_key",
    "api-key",
    "x-api-key",
    "token",
    "access_token",
    "auth",
    "secret",
    "signature",
    "password",
    "appid",
];

/// How one provider is reached; for a generic source, keyed by its entry's
/// name ([`oracle_schema::policy::SourcePolicy::symbol`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Scheme, host and port instead of the provider's own. Without meaning
    /// for generic sources, whose policy holds the whole URL.
    pub base_url: Option<String>,
    /// For the whole exchange, from connecting to the last byte.
    pub timeout: Duration,
    /// Instead of the provider's published limit, which is the provider's own.
    /// Where several are given for one scheme, host and port, the slowest
    /// holds for all of them.
    pub rate: Option<Rate>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            base_url: None,
            timeout: Duration::from_secs(10),
            rate: None,
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
            .build()
            .map_err(FetchConfigError::Client)?;
        let fetcher = Self {
            client,
            settings,
            limits: Limits::default(),
            time,
        };
        fetcher.register_limits();
        Ok(fetcher)
    }

    /// Known hosts first, so that the slowest rate holds from the first request.
    fn register_limits(&self) {
        for adapter in provider_names().filter_map(provider) {
            let settings = self.settings_of(adapter.name());
            if let Some(url) = origin(base_url(adapter, &settings)) {
                let (bucket, rate) = limit(adapter, &settings, &url);
                self.limits.limiter(&bucket, rate);
            }
        }
    }

    fn settings_of(&self, name: &str) -> ProviderSettings {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// Plans, asks and interprets until the source has answered or the budget
    /// of requests is spent. Never fails: what went wrong is the reading.
    ///
    /// Before T nothing is sent.
    pub async fn observe(&self, query: &PriceQuery<'_>) -> SourceReading {
        let mut exchanges = Vec::new();
        let reading = match provider(&query.source.provider) {
            None => Reading::Permanent(format!("unknown provider {:?}", query.source.provider)),
            Some(_) if self.time.now().timestamp() < query.at => {
                Reading::NotYet("T is not reached".to_owned())
            }
            Some(adapter) => self.ask(adapter, query, &mut exchanges).await,
        };
        SourceReading {
            source: query.source.id.clone(),
            root: query.source.root.clone(),
            exchanges,
            reading,
        }
    }

    async fn ask(
        &self,
        adapter: &'static dyn PriceProvider,
        query: &PriceQuery<'_>,
        exchanges: &mut Vec<Exchange>,
    ) -> Reading {
        let name = match query.source.selector {
            Some(_) => query.source.symbol.as_str(),
            None => adapter.name(),
        };
        let settings = self.settings_of(name);
        while exchanges.len() < MAX_REQUESTS {
            let Some(request) = adapter.plan(query, exchanges) else {
                break;
            };
            let Some(url) = resolve(adapter, &settings, &request) else {
                return Reading::Permanent("the source's URL is not http or https".to_owned());
            };
            let (bucket, rate) = limit(adapter, &settings, &url);
            self.limits.wait(&bucket, rate).await;
            exchanges.push(self.exchange(url, settings.timeout).await);
        }
        adapter.interpret(query, exchanges)
    }

    /// One GET, recorded.
    async fn exchange(&self, url: Url, timeout: Duration) -> Exchange {
        let mut exchange = Exchange {
            url: redacted(&url),
            sent_at: self.time.now(),
            received_at: DateTime::default(),
            status: None,
            headers: Vec::new(),
            body: Vec::new(),
            sha256: None,
            date: None,
            failure: None,
        };
        let outcome = tokio::time::timeout(timeout, self.get(url, &mut exchange)).await;
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

    async fn get(&self, url: Url, exchange: &mut Exchange) -> Result<Vec<u8>, &'static str> {
        let mut response = self
            .client
            .get(url)
            .header("accept", "application/json")
            .send()
            .await
            .map_err(|e| failure(&e))?;
        exchange.status = Some(response.status().as_u16());
        exchange.headers = recorded(response.headers());
        exchange.date = exchange.header("date").and_then(http_date);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| cut(&e))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err("too large");
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
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

/// IMF-fixdate, RFC 9110 section 5.6.7.
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(Into::into)
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

fn base_url<'a>(adapter: &dyn PriceProvider, settings: &'a ProviderSettings) -> &'a str {
    settings.base_url.as_deref().unwrap_or(adapter.base_url())
}

fn resolve(
    adapter: &dyn PriceProvider,
    settings: &ProviderSettings,
    request: &Request,
) -> Option<Url> {
    match &request.target {
        Target::Path(path) => {
            let base = origin(base_url(adapter, settings))?;
            let url = base.join(path).ok()?;
            (url.origin() == base.origin()).then_some(url)
        }
        Target::Absolute(url) => Url::parse(url).ok().filter(is_http),
    }
}

/// Which limit holds for a request, and what shares it.
///
/// A configured rate is the host's: all that have one for the same scheme,
/// host and port share it. A published limit is its provider's: venues behind
/// one address, a proxy for instance, do not wait for each other.
fn limit(adapter: &dyn PriceProvider, settings: &ProviderSettings, url: &Url) -> (String, Rate) {
    let host = authority(url);
    match settings.rate {
        Some(rate) => (host, rate),
        None => (format!("{} at {host}", adapter.name()), adapter.rate()),
    }
}

/// Scheme, host and port: what shares a limit.
fn authority(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The URL without credentials, fragment and the values of secret query keys.
fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Both fail only for URLs without a host, which are never fetched.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    let is_secret = |key: &str| SECRET_KEYS.contains(&key.to_lowercase().as_str());
    if url.query_pairs().any(|(key, _)| is_secret(&key)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let value = if is_secret(&key) {
                    "REDACTED".to_owned()
                } else {
                    value.into_owned()
                };
                (key.into_owned(), value)
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    shown.into()
}

/// Tokio's monotonic clock, so that a paused test runtime pauses the limits.
#[derive(Debug, Clone, Copy, Default)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        tokio::time::Instant::now().into_std()
    }
}

type Limiter = RateLimiter<
    governor::state::NotKeyed,
    governor::state::InMemoryState,
    RuntimeClock,
    governor::middleware::NoOpMiddleware<std::time::Instant>,
>;

/// One limiter for each bucket; see [`limit`].
#[derive(Default)]
struct Limits(Mutex<BTreeMap<String, (Rate, Arc<Limiter>)>>);

impl Limits {
    /// The host's limiter. A slower rate than the one in force replaces it.
    fn limiter(&self, authority: &str, rate: Rate) -> Arc<Limiter> {
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, limiter)) = limits.get(authority)
            && held.interval() >= rate.interval()
        {
            return Arc::clone(limiter);
        }
        let quota = Quota::with_period(rate.interval())
            .unwrap_or_else(|| Quota::per_second(rate.burst()))
            .allow_burst(rate.burst());
        let limiter = Arc::new(RateLimiter::direct_with_clock(quota, RuntimeClock));
        limits.insert(authority.to_owned(), (rate, Arc::clone(&limiter)));
        limiter
    }

    /// Waits for the host's next free slot.
    async fn wait(&self, authority: &str, rate: Rate) {
        let limiter = self.limiter(authority, rate);
        while let Err(until) = limiter.check() {
            tokio::time::sleep(until.wait_time_from(RuntimeClock.now())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn shown(url: &str) -> String {
        redacted(&Url::parse(url).unwrap())
    }

    #[test]
    fn no_secret_of_a_url_is_recorded() {
        assert_eq!(
            shown("https://user:pw@x.test/p?id=1&API_KEY=s3cret&token=t0p#f"),
            "https://x.test/p?id=1&API_KEY=REDACTED&token=REDACTED"
        );
        assert_eq!(shown("http://x.test/p?at=%20a"), "http://x.test/p?at=%20a");
    }

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

    #[tokio::test(start_paused = true)]
    async fn a_burst_beyond_the_rate_is_spread_over_time() {
        let limits = Limits::default();
        let begin = tokio::time::Instant::now();
        let mut sent = Vec::new();
        for _ in 0..5 {
            limits.wait("http://x.test", Rate::per_second(2)).await;
            sent.push(begin.elapsed().as_millis());
        }
        // Two at once, then one each half second; timers tick in milliseconds.
        for (at, least) in sent.iter().zip([0, 0, 500, 1000, 1500]) {
            assert!((least..least + 5).contains(at), "{sent:?}");
        }
    }

    #[test]
    fn given_rates_are_the_hosts_and_published_limits_the_providers_own() {
        let url = Url::parse("http://x.test:8/a?b").unwrap();
        let bucket = |name: &str, rate: Option<Rate>| {
            let settings = ProviderSettings {
                rate,
                ..ProviderSettings::default()
            };
            limit(provider(name).unwrap(), &settings, &url)
        };
        let fast = Some(Rate::per_second(9));
        assert_eq!(bucket("kraken", fast), bucket("gemini", fast));
        let (kraken, gemini) = (bucket("kraken", None), bucket("gemini", None));
        assert_ne!(kraken.0, gemini.0);
        assert_eq!(kraken.1, provider("kraken").unwrap().rate());
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_rates_for_one_host_the_slower_holds_for_both() {
        let limits = Limits::default();
        limits.limiter("http://x.test", Rate::per_second(100));
        limits.limiter("http://x.test", Rate::per_second(1));
        let begin = tokio::time::Instant::now();
        for _ in 0..3 {
            limits.wait("http://x.test", Rate::per_second(100)).await;
        }
        assert!(begin.elapsed() >= Duration::from_secs(2));
        limits.wait("http://y.test", Rate::per_second(1)).await;
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "hosts do not share"
        );
    }
}
