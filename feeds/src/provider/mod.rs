//! Adapters: one file a venue, each two pure functions of what was asked and
//! what came back.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::json;
use crate::observation::{Exchange, PriceQuery, Reading, Request};
use crate::rate::Rate;

mod bars;
mod bitstamp;
mod coinbase;
mod gemini;
mod generic;
mod kraken;
mod trades;

pub use generic::check_path;

/// Most requests one observation may take.
pub const MAX_REQUESTS: usize = 12;

/// Longest wait that a `Retry-After` can impose.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// What an adapter wants after the exchanges so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Another request.
    Ask(Request),
    /// Nothing more: this is what the exchanges say.
    Done(Reading),
}

/// A venue. `step` is the whole adapter; recorded exchanges replay through it
/// to the same reading, because it sees nothing else.
pub trait PriceProvider: Send + Sync {
    /// As in the configuration, for example `kraken`.
    fn name(&self) -> &'static str;

    /// Scheme and host of the real venue; empty for generic sources.
    fn base_url(&self) -> &'static str;

    /// The venue's published limit.
    fn rate(&self) -> Rate;

    /// The next request, or the reading. The n-th exchange answers the n-th
    /// request.
    fn step(&self, query: &PriceQuery<'_>, done: &[Exchange]) -> Step;

    /// The next request, or `None` when the exchanges suffice or
    /// [`MAX_REQUESTS`] are spent.
    fn plan(&self, query: &PriceQuery<'_>, done: &[Exchange]) -> Option<Request> {
        if done.len() >= MAX_REQUESTS {
            return None;
        }
        match self.step(query, done) {
            Step::Ask(request) => Some(request),
            Step::Done(_) => None,
        }
    }

    /// What the exchanges say.
    fn interpret(&self, query: &PriceQuery<'_>, done: &[Exchange]) -> Reading {
        match self.step(query, done) {
            Step::Done(reading) => reading,
            Step::Ask(_) if done.len() >= MAX_REQUESTS => {
                Reading::NoData(format!("undecided after {MAX_REQUESTS} requests"))
            }
            Step::Ask(_) => Reading::transient("exchanges missing"),
        }
    }
}

static PROVIDERS: [&dyn PriceProvider; 5] = [
    &kraken::Kraken,
    &coinbase::Coinbase,
    &bitstamp::Bitstamp,
    &gemini::Gemini,
    &generic::Generic,
];

/// The adapter of that name.
pub fn provider(name: &str) -> Option<&'static dyn PriceProvider> {
    PROVIDERS.iter().copied().find(|p| p.name() == name)
}

/// Every adapter's name.
pub fn provider_names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|p| p.name())
}

/// Settles a step written with `?`: a reading found on the way is the answer.
fn settle(step: Result<Step, Reading>) -> Step {
    step.unwrap_or_else(Step::Done)
}

/// The body of an answer that may be read for T, or why it may not.
fn accept<'a>(query: &PriceQuery<'_>, exchange: &'a Exchange) -> Result<&'a [u8], Reading> {
    if exchange.sent_at.timestamp() < query.at {
        return Err(Reading::NotYet("asked before T".to_owned()));
    }
    if let Some(date) = exchange.date.filter(|d| d.timestamp() < query.at) {
        return Err(Reading::NotYet(format!("answered at {date}, before T")));
    }
    if let Some(failure) = &exchange.failure {
        return Err(Reading::transient(failure.clone()));
    }
    match exchange.status {
        Some(200) => Ok(&exchange.body),
        None => Err(Reading::transient("no answer")),
        Some(status @ (408 | 425 | 429 | 500..)) => Err(Reading::Transient {
            detail: http_detail(status, &exchange.body),
            retry_after: retry_after(exchange),
        }),
        Some(status @ 300..400) => Err(Reading::Permanent(format!(
            "HTTP {status}: redirects are not followed"
        ))),
        Some(status) => Err(Reading::Permanent(http_detail(status, &exchange.body))),
    }
}

fn http_detail(status: u16, body: &[u8]) -> String {
    let status = format!("HTTP {status}");
    error_text(body).map_or(status.clone(), |text| format!("{status}: {text}"))
}

/// What an error body says of itself, if it is a JSON object that does.
fn error_text(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    ["reason", "message", "error", "code"]
        .iter()
        .find_map(|key| match value.get(key)? {
            serde_json::Value::String(text) => Some(json::quote(text)),
            serde_json::Value::Number(number) => Some(json::quote(number)),
            _ => None,
        })
}

/// The reading of an error body that came as HTTP 200.
fn error_body(body: &[u8]) -> Option<Reading> {
    const UNKNOWN: [&str; 5] = [
        "invalidsymbol",
        "invalid symbol",
        "notfound",
        "not found",
        "unknown",
    ];
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let text = error_text(body)?;
    let lower = text.to_lowercase();
    Some(if UNKNOWN.iter().any(|u| lower.contains(u)) {
        Reading::Permanent(text)
    } else {
        Reading::transient(text)
    })
}

fn retry_after(exchange: &Exchange) -> Option<Duration> {
    let value = exchange.header("retry-after")?;
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let until: DateTime<Utc> = DateTime::parse_from_rfc2822(value).ok()?.into();
        let from = exchange.date.unwrap_or(exchange.received_at);
        (until - from).to_std().unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// A symbol that can stand in a URL as it is.
fn symbol<'a>(query: &PriceQuery<'a>) -> Result<&'a str, Reading> {
    let symbol = query.source.symbol.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if symbol.is_empty() || symbol.len() > 40 || !symbol.chars().all(plain) {
        return Err(Reading::Permanent(format!(
            "symbol {:?} is not a plain name",
            json::quote(symbol)
        )));
    }
    Ok(symbol)
}
