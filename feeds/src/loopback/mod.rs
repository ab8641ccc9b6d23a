//! The venues on 127.0.0.1, for the demo and the tests: real HTTP, the venues'
//! real shapes, prices from a function, time from outside, faults on demand.
//!
//! Every venue has a port of its own, so that limits and failures stay apart
//! as they do outside.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::time::TimeSource;

mod facts;
mod leagues;
mod node;
mod path;
mod shapes;

pub use facts::{MatchStage, ScriptedMatch, ScriptedRace, kerg2};
pub use node::{LoopbackNode, NodeFault};
pub use path::price_path;

/// `(venue, symbol, open of the minute in Unix seconds)` to that minute's
/// close; `None` for a minute without trades.
pub type PriceFn = dyn Fn(&str, &str, i64) -> Option<Decimal> + Send + Sync;

/// What a venue does wrong, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Connections are closed before a byte is answered.
    Down,
    /// Every answer takes this long.
    Slow(Duration),
    /// Every price is multiplied.
    Factor(Decimal),
    /// HTTP 200 with the venue's error body.
    ErrorBody200,
    /// This status with the venue's error body (429 with `Retry-After: 7`).
    Http(u16),
    /// The last two whole minutes had no trades.
    MissingBar,
    /// Bars and trades appear this long after they should.
    LateBar(Duration),
    /// Bars appear this long after they should, and trades in time.
    LateCandles(Duration),
    /// HTTP 200 with a web page.
    Html,
    /// The connection breaks in the middle of the body.
    Truncated,
    /// The `Date` header is off by this much.
    ClockSkew(TimeDelta),
    /// The `Date` header says nothing.
    Dateless,
    /// A cache answers with what it has held for so many seconds: `Date` is as
    /// old, and `Age` says so.
    Cached(u32),
    /// HTTP 200 with nothing.
    Empty,
    /// HTTP 302 to another host.
    Redirect,
    /// HTTP 200 with ten megabytes of blanks.
    TooLarge,
}

/// One request as a venue saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The venue asked.
    pub venue: String,
    /// As sent.
    pub path_and_query: String,
    /// By the injected time.
    pub at: DateTime<Utc>,
}

/// Running venues. They stop when this is dropped.
pub struct LoopbackVenues {
    addresses: BTreeMap<String, SocketAddr>,
    shared: Arc<Shared>,
    // Dropping the sender is the signal.
    _stop: watch::Sender<()>,
}

struct Shared {
    time: Arc<dyn TimeSource>,
    price: Arc<PriceFn>,
    faults: Mutex<BTreeMap<String, Fault>>,
    requests: Mutex<Vec<RecordedRequest>>,
    /// Those for headers alone (HEAD), which ask for the time and no price.
    asked_time: Mutex<Vec<RecordedRequest>>,
    /// By venue and beginning of the path.
    answers: Mutex<BTreeMap<(String, String), String>>,
}

/// A test's panic while holding the lock must not hide its message.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LoopbackVenues {
    /// Names of the venues with a shape of their own; every other name is a
    /// generic JSON venue.
    pub const BUILT_IN: [&'static str; 4] = ["kraken", "coinbase", "bitstamp", "gemini"];

    /// Starts venues on the ports given, 0 for a free one.
    ///
    /// Ports matter where a policy holds a generic venue's whole URL: a
    /// restarted demo must find it where it was.
    pub async fn start(
        venues: &[(&str, u16)],
        time: Arc<dyn TimeSource>,
        price: Arc<PriceFn>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            time,
            price,
            faults: Mutex::default(),
            requests: Mutex::default(),
            asked_time: Mutex::default(),
            answers: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(());
        let mut addresses = BTreeMap::new();
        for (name, port) in venues {
            let listener = TcpListener::bind(("127.0.0.1", *port)).await?;
            addresses.insert((*name).to_owned(), listener.local_addr()?);
            let venue = Venue {
                name: (*name).to_owned(),
                shared: Arc::clone(&shared),
            };
            let gate = Gate {
                listener,
                venue: venue.clone(),
            };
            let router = Router::new().fallback(answer).with_state(venue);
            let mut stopped = stopped.clone();
            tokio::spawn(async move {
                let stop = async move {
                    let _ = stopped.changed().await;
                };
                axum::serve(gate, router).with_graceful_shutdown(stop).await
            });
        }
        Ok(Self {
            addresses,
            shared,
            _stop: stop,
        })
    }

    /// `http://127.0.0.1:PORT` of a running venue.
    pub fn base_url(&self, venue: &str) -> Option<String> {
        self.addresses.get(venue).map(|a| format!("http://{a}"))
    }

    /// URL of a generic venue for a symbol, with `{unix}` to be filled in. Its
    /// answer is `{"symbol":…,"price":"…","ts":SECONDS}`.
    pub fn generic_url(&self, venue: &str, symbol: &str) -> Option<String> {
        self.base_url(venue)
            .map(|base| format!("{base}/{symbol}?at={{unix}}"))
    }

    /// Breaks a venue, or mends it.
    pub fn set_fault(&self, venue: &str, fault: Option<Fault>) {
        let mut faults = lock(&self.shared.faults);
        match fault {
            Some(fault) => faults.insert(venue.to_owned(), fault),
            None => faults.remove(venue),
        };
    }

    /// Puts an answer behind every path of a venue that begins so; it replaces
    /// what stood there, and the venue's market.
    pub fn set_answer(&self, venue: &str, path: &str, body: impl Into<String>) {
        let key = (venue.to_owned(), path.to_owned());
        lock(&self.shared.answers).insert(key, body.into());
    }

    /// Puts a match behind its path at a provider of matches.
    pub fn set_match(&self, provider: &str, game: &ScriptedMatch) {
        if let Some((path, body)) = game.path(provider).zip(game.body(provider)) {
            self.set_answer(provider, &path, body);
        }
    }

    /// Every request so far, in order of arrival, but those for the time alone.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Every request for headers alone, which asks what time it is.
    pub fn asked_time(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.asked_time).clone()
    }
}

#[derive(Clone)]
struct Venue {
    name: String,
    shared: Arc<Shared>,
}

impl Venue {
    fn fault(&self) -> Option<Fault> {
        lock(&self.shared.faults).get(&self.name).cloned()
    }

    /// What was put behind the longest matching beginning of a path.
    fn scripted(&self, path: &str) -> Option<String> {
        let answers = lock(&self.shared.answers);
        let (_, body) = answers
            .iter()
            .filter(|((venue, begin), _)| *venue == self.name && path.starts_with(begin.as_str()))
            .max_by_key(|((_, begin), _)| begin.len())?;
        Some(body.clone())
    }
}

/// Drops connections to a venue that is down. Answers say `Connection: close`,
/// so no connection outlives the moment its venue goes down.
struct Gate {
    listener: TcpListener,
    venue: Venue,
}

impl Listener for Gate {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let accepted = Listener::accept(&mut self.listener).await;
            if self.venue.fault() != Some(Fault::Down) {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn answer(State(venue): State<Venue>, method: Method, uri: Uri) -> Response {
    let now = venue.shared.time.now();
    let requests = match method {
        Method::HEAD => &venue.shared.asked_time,
        _ => &venue.shared.requests,
    };
    lock(requests).push(RecordedRequest {
        venue: venue.name.clone(),
        path_and_query: uri.to_string(),
        at: now,
    });
    let fault = venue.fault();
    if let Some(Fault::Slow(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let market = shapes::Market {
        venue: &venue.name,
        now: now.timestamp(),
        price: venue.shared.price.as_ref(),
        fault: fault.as_ref(),
    };
    let scripted = venue.scripted(&uri.to_string());
    let mut response = respond(&market, scripted, &uri, fault.as_ref());
    let skew = match fault {
        Some(Fault::ClockSkew(skew)) => skew,
        Some(Fault::Cached(age)) => -TimeDelta::seconds(i64::from(age)),
        _ => TimeDelta::zero(),
    };
    let date = match fault {
        // The server would add one of its own where there is none.
        Some(Fault::Dateless) => "-".to_owned(),
        _ => (now + skew).format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    };
    let headers = response.headers_mut();
    if let Ok(date) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, date);
    }
    if let Some(Fault::Cached(age)) = fault {
        headers.insert(header::AGE, HeaderValue::from(age));
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn respond(
    market: &shapes::Market<'_>,
    scripted: Option<String>,
    uri: &Uri,
    fault: Option<&Fault>,
) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let html = [(header::CONTENT_TYPE, "text/html")];
    match fault {
        Some(Fault::Html) => {
            (html, "<html><body>Checking your browser</body></html>").into_response()
        }
        Some(Fault::Empty) => json.into_response(),
        Some(Fault::TooLarge) => (json, " ".repeat(10 * 1024 * 1024)).into_response(),
        Some(Fault::ErrorBody200) => (json, market.error_body()).into_response(),
        Some(Fault::Redirect) => {
            let to = [(header::LOCATION, "http://127.0.0.2:1/elsewhere")];
            (StatusCode::FOUND, to).into_response()
        }
        Some(Fault::Http(status)) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            let wait = [(header::RETRY_AFTER, "7")];
            if status == StatusCode::TOO_MANY_REQUESTS {
                return (status, wait, json, market.error_body()).into_response();
            }
            (status, json, market.error_body()).into_response()
        }
        _ => match scripted.map_or_else(|| market.answer(uri), Ok) {
            Ok(body) if fault == Some(&Fault::Truncated) => truncated(&body),
            Ok(body) => (json, body).into_response(),
            Err(status) => (status, json, market.error_body()).into_response(),
        },
    }
}

/// Half a body under the whole one's length.
fn truncated(body: &str) -> Response {
    let half = Bytes::copy_from_slice(body.as_bytes().get(..body.len() / 2).unwrap_or_default());
    // A stream hides its length, so the header below stands; the pause lets the
    // half leave before the connection breaks.
    let stream = futures::stream::unfold(Some(half), |half| async {
        tokio::task::yield_now().await;
        half.map(|half| (Ok::<_, io::Error>(half), None))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, body.len().to_string()),
    ];
    (headers, Body::from_stream(stream)).into_response()
}
