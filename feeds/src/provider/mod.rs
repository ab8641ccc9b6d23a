//! Adapters: one file a provider, each two pure functions of what was asked and
//! what came back. `docs/adding-a-feed.md` walks through one.

use std::collections::BTreeMap;
use std::time::Duration;

use oracle_schema::policy::{ElectionBasis, FactSource};

use crate::json;
use crate::observation::{Exchange, Observation, PriceQuery, Query, Reading, Request};
use crate::rate::Rate;

mod ap;
mod api_football;
mod bars;
mod bitstamp;
pub(crate) mod bundeswahlleiterin;
mod coinbase;
mod espn_nfl;
mod football_data;
mod gemini;
mod generic;
mod generic_bars;
mod generic_csv;
mod generic_fact;
mod generic_sample;
mod kraken;
mod leagues;
mod matches;
mod mlb;
mod nba;
mod nhl;
mod openligadb;
pub mod peercoin;
mod recent;
mod rpc;
mod table;
mod template;
mod trades;

pub use generic::check_path;
pub use generic_sample::{SAMPLE_ANSWER_S, answered_late, untimely};
pub use template::{Template, TemplateError};

/// The adapter of JSON and tables that no other one knows.
pub use oracle_schema::source_id::GENERIC;
/// Its parameter, and a node's, that names the entry of the configuration.
pub const GENERIC_NAME: &str = "name";

/// Most requests one observation may take.
pub const MAX_REQUESTS: usize = 12;

/// What an adapter wants after the exchanges so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Another request.
    Ask(Request),
    /// Nothing more: this is what the exchanges say.
    Done(Reading),
}

/// What a provider can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Prices of a symbol.
    Price,
    /// Matches.
    Match,
    /// Elections.
    Election,
    /// Other public values.
    Value,
}

impl Subject {
    /// As configurations name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Match => "match",
            Self::Election => "election",
            Self::Value => "value",
        }
    }
}

/// Who may see a provider's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    /// Anybody: bodies are published beside their hashes.
    Public,
    /// The provider's terms limit redistribution and storage: bodies are kept for
    /// auditors for a while, their hashes are published.
    HashOnly,
}

impl Licence {
    /// How long bodies are kept; none: for ever.
    pub fn kept_for(self) -> Option<Duration> {
        match self {
            Self::Public => None,
            Self::HashOnly => Some(Duration::from_hours(400 * 24)),
        }
    }
}

/// Bytes.
const MIB: usize = 1024 * 1024;

/// A provider. `step` is the whole adapter; recorded exchanges replay through
/// it to the same reading, because it sees nothing else.
pub trait Provider: Send + Sync {
    /// As in the configuration, for example `kraken`.
    fn name(&self) -> &'static str;

    /// Grows with every change of what an answer is read as.
    fn version(&self) -> u32 {
        1
    }

    /// Scheme and host of the real provider; empty for generic sources.
    fn base_url(&self) -> &'static str;

    /// The provider's stated limit.
    fn rate(&self) -> Rate;

    /// What it can be asked.
    fn subject(&self) -> Subject {
        Subject::Price
    }

    /// What a [`FactSource`] must say, in
    /// the order of its id; all of them, and nothing else.
    fn parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a [`FactSource`] may say beside: each narrows the question.
    fn optional_parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds the parameters of an election's source that follow from what settles it,
    /// so that the policy holds the whole question.
    fn complete(&self, basis: ElectionBasis, parameters: &mut BTreeMap<String, String>) {
        let _ = (basis, parameters);
    }

    /// Why the answer to a question may hold more than the announced subject, for
    /// whoever checks a configuration.
    fn doubt_about_request(&self, parameters: &BTreeMap<String, String>) -> Option<String> {
        let _ = parameters;
        None
    }

    /// Why the value of a parameter cannot be one.
    fn check_parameter(&self, name: &str, value: &str) -> Result<(), String> {
        let _ = name;
        plain(value)
            .then_some(())
            .ok_or_else(|| "must be 1 to 40 of A-Z a-z 0-9 - _".to_owned())
    }

    /// Whether it tells the result of regular time from the final one. Where not,
    /// overtime is part of the game, and regular time never ends in a draw.
    fn tells_regular_time(&self) -> bool {
        true
    }

    /// Longest answer that is read, bytes after content decoding. What an outcome
    /// rests on is kept for ever, so it is no longer than the provider needs.
    fn longest_answer(&self) -> usize {
        8 * MIB
    }

    /// The header that carries an API key, if the provider wants one.
    fn key_header(&self) -> Option<&'static str> {
        None
    }

    /// Who may see its answers.
    fn licence(&self) -> Licence {
        Licence::Public
    }

    /// The fields of its answers on which the reading rests: damaged, they make
    /// it a refusal. Keys joined by dots, `[]` for every item of an array, `[4]`
    /// for one of them, `*` for every key; for tables the names of the columns. An
    /// adapter that reads several answers puts the name of the answer before, and a
    /// colon.
    ///
    /// Whatever is neither here nor in [`hints`](Self::hints) may be missing,
    /// new, odd or malformed without changing the reading. Tests hold the adapter
    /// to both lists, and `docs/feeds.md` says what the fields mean. Where the
    /// configuration names the fields, these are its keys for them; where several
    /// answers are read, the field has the answer's name in front: `name: field`.
    fn deciding(&self) -> &'static [&'static str] {
        &[]
    }

    /// The fields that can only take away: they may make an answer doubtful, a
    /// part of its fact unknown, or refuse it, and never make it another fact.
    fn hints(&self) -> &'static [&'static str] {
        &[]
    }

    /// The next request, or the reading. The n-th exchange answers the n-th
    /// request.
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step;

    /// The next request, or `None` when the exchanges suffice or
    /// [`MAX_REQUESTS`] are spent.
    fn plan(&self, query: &Query<'_>, done: &[Exchange]) -> Option<Request> {
        if done.len() >= MAX_REQUESTS {
            return None;
        }
        match self.step(query, done) {
            Step::Ask(request) => Some(request),
            Step::Done(_) => None,
        }
    }

    /// What the exchanges say.
    fn interpret(&self, query: &Query<'_>, done: &[Exchange]) -> Reading {
        match self.step(query, done) {
            Step::Done(reading) => reading,
            Step::Ask(_) if done.len() >= MAX_REQUESTS => {
                Reading::NoData(format!("undecided after {MAX_REQUESTS} requests"))
            }
            Step::Ask(_) => Reading::transient("exchanges missing"),
        }
    }
}

static PROVIDERS: &[&dyn Provider] = &[
    &kraken::Kraken,
    &coinbase::Coinbase,
    &bitstamp::Bitstamp,
    &gemini::Gemini,
    &ap::Ap,
    &bundeswahlleiterin::Bundeswahlleiterin,
    &generic::Generic,
    &openligadb::OpenLigaDb,
    &football_data::FootballData,
    &api_football::ApiFootball,
    &mlb::Mlb,
    &nhl::Nhl,
    &nba::Nba,
    &espn_nfl::EspnNfl,
    &peercoin::Peercoin,
];

/// The adapter of that name.
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|p| p.name() == name)
}

/// Every adapter's name.
pub fn provider_names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|p| p.name())
}

/// Takes the step of a price adapter; a reading found on the way is the answer.
fn price_step(
    query: &Query<'_>,
    done: &[Exchange],
    step: fn(&PriceQuery<'_>, &[Exchange]) -> Result<Step, Reading>,
) -> Step {
    match query {
        Query::Price(query) => step(query, done).unwrap_or_else(Step::Done),
        Query::Fact(_) => Step::Done(Reading::Permanent("is asked for prices only".to_owned())),
    }
}

/// Takes the step of an adapter that needs one request: where to, and what the
/// body says. A reading found on the way is the answer.
fn fact_step(
    query: &Query<'_>,
    done: &[Exchange],
    ask: fn(&FactSource) -> Result<Request, Reading>,
    read: fn(&FactSource, &[u8]) -> Result<Observation, Reading>,
) -> Step {
    let Query::Fact(source) = query else {
        return Step::Done(Reading::Permanent("is not asked for prices".to_owned()));
    };
    let step = match done.first() {
        None => ask(source).map(Step::Ask),
        Some(exchange) => answered(exchange)
            .and_then(|body| read(source, body))
            .map(|o| Step::Done(Reading::Observation(o))),
    };
    step.unwrap_or_else(Step::Done)
}

/// The value of a source's parameter.
fn parameter<'a>(source: &'a FactSource, name: &str) -> Result<&'a str, Reading> {
    source
        .parameters
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Reading::Permanent(format!("the source has no parameter {name:?}")))
}

/// The same, once `check` has found that it can stand in a URL as it is.
fn checked<'a>(
    source: &'a FactSource,
    name: &str,
    check: fn(&str, &str) -> Result<(), String>,
) -> Result<&'a str, Reading> {
    let value = parameter(source, name)?;
    check(name, value).map_err(|must| Reading::Permanent(format!("{name} {must}")))?;
    Ok(value)
}

/// The body of an answer that may be read for T, or why it may not. What was
/// made before T cannot hold what happened until T, however much later a cache
/// passed it on.
fn accept<'a>(query: &PriceQuery<'_>, exchange: &'a Exchange) -> Result<&'a [u8], Reading> {
    if exchange.sent_at.timestamp() < query.at {
        return Err(Reading::NotYet("asked before T".to_owned()));
    }
    if let Some(made) = exchange.made_at().filter(|d| d.timestamp() < query.at) {
        return Err(Reading::NotYet(format!("answered at {made}, before T")));
    }
    answered(exchange)
}

/// Whether an answer says by the provider's own clock that T is over. Without a
/// `Date` it says nothing.
fn answered_past(query: &PriceQuery<'_>, exchange: &Exchange) -> bool {
    exchange.date.is_some_and(|d| d.timestamp() >= query.at)
}

/// The same of a venue that also reports errors with status 200.
fn accept_data<'a>(query: &PriceQuery<'_>, exchange: &'a Exchange) -> Result<&'a [u8], Reading> {
    let body = accept(query, exchange)?;
    error_body(body).map_or(Ok(body), Err)
}

/// The body of an answer, or why there is none.
fn answered(exchange: &Exchange) -> Result<&[u8], Reading> {
    if let Some(failure) = &exchange.failure {
        return Err(Reading::transient(failure.clone()));
    }
    match exchange.status {
        Some(200) => Ok(&exchange.body),
        None => Err(Reading::transient("no answer")),
        Some(status @ (408 | 425 | 429 | 500..)) => Err(Reading::Transient {
            detail: http_detail(status, &exchange.body),
            retry_after: exchange.retry_after(),
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

/// A symbol that can stand in a URL as it is.
fn symbol<'a>(query: &PriceQuery<'a>) -> Result<&'a str, Reading> {
    let symbol = query.source.symbol.as_str();
    if !plain(symbol) {
        return Err(Reading::Permanent(format!(
            "symbol {:?} is not a plain name",
            json::quote(symbol)
        )));
    }
    Ok(symbol)
}

/// Whether a text can stand in a URL as it is.
fn plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= 40 && text.chars().all(plain)
}
