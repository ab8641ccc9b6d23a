//! Saved exchanges: what `oracle-server probe --save` writes, in the shape of the
//! samples, and what a test reads again.
//!
//! A directory has one `index.json`, an array with a row for each exchange, and
//! beside it the bodies as they came. A row says what was asked and what the
//! adapter read in the answer; [`reread`] asks the adapter of this build again.

use std::collections::BTreeMap;

use chrono::DateTime;
use oracle_schema::policy::{FactSource, SourcePolicy};
use oracle_schema::source_id::SourceId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::observation::{Exchange, PriceQuery, Query, Reading, SourceReading};
use crate::provider::provider;
use crate::record::{self, RecordError};
use crate::time::http_date;

/// A question that needs nothing beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// A price at a time.
    Price {
        /// Whom to ask for what.
        source: SourcePolicy,
        /// T, Unix seconds.
        at: i64,
        /// Oldest usable price, seconds before T.
        max_trade_age_s: u32,
        /// For a source without history how long before T it is read, seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sample_from_s: Option<u32>,
    },
    /// What a source of facts says now.
    Fact(FactSource),
}

impl Question {
    /// As adapters are asked it.
    pub fn query(&self) -> Query<'_> {
        match self {
            Self::Price {
                source,
                at,
                max_trade_age_s,
                sample_from_s,
            } => Query::Price(PriceQuery {
                source,
                at: *at,
                max_trade_age_s: *max_trade_age_s,
                sample_from_s: *sample_from_s,
            }),
            Self::Fact(source) => Query::Fact(source),
        }
    }
}

/// What an adapter read, as far as two builds must agree on it: the words of a
/// refusal are for people and may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// [`Reading::verdict`].
    pub verdict: String,
    /// The literal of an observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// To when a price belongs, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<i64>,
    /// A fact, as evidence records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<serde_json::Value>,
}

impl Read {
    /// What an adapter read.
    pub fn of(reading: &Reading) -> Result<Self, RecordError> {
        Ok(Self {
            verdict: reading.verdict().to_owned(),
            literal: match reading {
                Reading::Observation(_) => Some(reading.detail().to_owned()),
                _ => None,
            },
            effective_at: reading.price().map(|p| p.effective_at),
            fact: record::fact(reading)?,
        })
    }
}

/// One exchange of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The body's file, relative to the directory; none where no body came.
    pub file: Option<String>,
    /// As it was asked, secrets redacted.
    pub url: String,
    /// The JSON that was posted there; absent for a GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<String>,
    /// HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The headers that evidence keeps, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Who recorded it, and when.
    pub source: String,
    /// How sure the shape is: `H`, it was seen.
    pub conf: String,
    /// What was read, for people.
    pub expect: String,
    /// Which reading it belongs to: rows with an equal name are one.
    pub reading: String,
    /// Place among the exchanges of the reading, from 0.
    pub exchange: usize,
    /// When it was asked, Unix milliseconds.
    pub sent_ms: i64,
    /// When the answer was complete, Unix milliseconds.
    pub received_ms: i64,
    /// Why no complete answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What was asked.
    pub question: Question,
    /// What the exchanges of the reading say together.
    pub read: Read,
}

/// The rows of a reading, and the bodies by their file's name.
///
/// `by`: who recorded it, for people.
pub fn rows(
    question: &Question,
    seen: &SourceReading,
    by: &str,
) -> Result<Vec<(Row, Vec<u8>)>, RecordError> {
    let Some(first) = seen.exchanges.first() else {
        return Ok(Vec::new());
    };
    let asked = first.sent_at.timestamp();
    let id = SourceId::read(&seen.source);
    let reading = format!("{}/{}-{asked}", plain(id.provider()), plain(id.asked()));
    let read = Read::of(&seen.reading)?;
    let words = format!("{}: {}", seen.reading.verdict(), seen.reading.detail());
    let row = |(n, exchange): (usize, &Exchange)| {
        let file = format!("{reading}-{n}.{}", extension(exchange));
        let row = Row {
            file: exchange.sha256.is_some().then_some(file),
            url: exchange.url.clone(),
            posted: exchange.posted.clone(),
            status: exchange.status,
            headers: exchange.headers.iter().cloned().collect(),
            source: by.to_owned(),
            conf: "H".to_owned(),
            expect: words.clone(),
            reading: reading.clone(),
            exchange: n,
            sent_ms: exchange.sent_at.timestamp_millis(),
            received_ms: exchange.received_at.timestamp_millis(),
            failure: exchange.failure.clone(),
            question: question.clone(),
            read: read.clone(),
        };
        (row, exchange.body.clone())
    };
    Ok(seen.exchanges.iter().enumerate().map(row).collect())
}

/// A file's name out of foreign text.
fn plain(text: &str) -> String {
    let keep = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    };
    text.chars().take(80).map(keep).collect()
}

fn extension(exchange: &Exchange) -> &'static str {
    match exchange.header("content-type") {
        Some(kind) if kind.contains("json") => "json",
        Some(kind) if kind.contains("csv") => "csv",
        Some(kind) if kind.contains("html") => "html",
        _ => "txt",
    }
}

/// Why saved rows are no reading.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// No row, or rows of several questions.
    #[error("{0}: not the rows of one reading")]
    Rows(String),
    /// A body that was not handed over.
    #[error("{0}: no such body")]
    Body(String),
    /// Beyond any calendar.
    #[error("{0}: not a time")]
    Time(String),
    /// An adapter that this build has not.
    #[error("unknown provider {0:?}")]
    Provider(String),
    /// What is read in them has no recorded form.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What the adapter of this build reads in the rows of one reading; `body` finds
/// a file's bytes.
pub fn reread(
    rows: &[Row],
    body: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<(Read, Read), SampleError> {
    let first = rows.first();
    let first = first.ok_or_else(|| SampleError::Rows("nothing".to_owned()))?;
    let fits = |(n, row): (usize, &Row)| {
        row.exchange == n && row.question == first.question && row.read == first.read
    };
    if !rows.iter().enumerate().all(fits) {
        return Err(SampleError::Rows(first.reading.clone()));
    }
    let mut exchanges = Vec::with_capacity(rows.len());
    for row in rows {
        exchanges.push(exchange(row, &body)?);
    }
    let query = first.question.query();
    let adapter = provider(query.provider())
        .ok_or_else(|| SampleError::Provider(query.provider().to_owned()))?;
    let again = adapter.interpret(&query, &exchanges);
    Ok((first.read.clone(), Read::of(&again)?))
}

fn exchange(row: &Row, body: &impl Fn(&str) -> Option<Vec<u8>>) -> Result<Exchange, SampleError> {
    let bytes = match &row.file {
        Some(file) => Some(body(file).ok_or_else(|| SampleError::Body(file.clone()))?),
        None => None,
    };
    let time = |ms| {
        DateTime::from_timestamp_millis(ms).ok_or_else(|| SampleError::Time(row.reading.clone()))
    };
    Ok(Exchange {
        url: row.url.clone(),
        posted: row.posted.clone(),
        sent_at: time(row.sent_ms)?,
        received_at: time(row.received_ms)?,
        status: row.status,
        headers: row.headers.clone().into_iter().collect(),
        certificate: None,
        sha256: bytes.as_ref().map(|bytes| Sha256::digest(bytes).into()),
        body: bytes.unwrap_or_default(),
        date: row.headers.get("date").and_then(|date| http_date(date)),
        failure: row.failure.clone(),
    })
}
