//! The way back from recorded evidence: rows of a manifest to exchanges and
//! readings.

use chrono::{DateTime, Utc};
use oracle_schema::evidence::Observation as Recorded;
use serde_json::{Map, Value};

use crate::decimal;
use crate::observation::{Exchange, Observation, PriceObservation, Reading};
use crate::provider::Provider;

/// Why a row cannot be what was recorded; begins with the row's field.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Beyond any calendar.
    #[error("{0}: not a time")]
    Time(&'static str),
    /// Not 64 hex digits.
    #[error("{0}: not a SHA-256 in hex")]
    Hash(&'static str),
    /// A word that is none of [`Reading::verdict`].
    #[error("verdict: unknown word {0:?}")]
    Verdict(String),
    /// Not a fact of this build.
    #[error("fact: {0}")]
    Fact(String),
    /// A fact that JSON has no form for.
    #[error("fact: a {kind} cannot be written as JSON: {reason}; report this as a bug")]
    Unwritable {
        /// `match`, `election` or `value`.
        kind: &'static str,
        /// What JSON lacks.
        reason: String,
    },
    /// An observation without a readable price or its time.
    #[error("{0}: missing, or not a number")]
    Price(&'static str),
}

/// What a row of a source that lags says beside its verdict: rules wait for such
/// a source, and not for every `not_yet`.
const LAGGING: &str = "lagging";

/// The recorded form of a reading's fact, `{"match": {…}}`, `{"election": {…}}`
/// or `{"value": {…}}`, and `{"lagging": true}` of [`Reading::Lagging`]; none for
/// prices and failures.
pub fn fact(reading: &Reading) -> Result<Option<Value>, RecordError> {
    let observation = match reading {
        Reading::Observation(observation) => observation,
        Reading::Lagging(_) => {
            let lags = Map::from_iter([(LAGGING.to_owned(), Value::Bool(true))]);
            return Ok(Some(lags.into()));
        }
        _ => return Ok(None),
    };
    let (kind, fact) = match observation {
        Observation::Price(_) => return Ok(None),
        Observation::Match(fact) => ("match", serde_json::to_value(fact)),
        Observation::Election(fact) => ("election", serde_json::to_value(fact)),
        Observation::Value(fact) => ("value", serde_json::to_value(fact)),
    };
    let fact = fact.map_err(|e| RecordError::Unwritable {
        kind,
        reason: e.to_string(),
    })?;
    Ok(Some(Map::from_iter([(kind.to_owned(), fact)]).into()))
}

/// The adapter that read a row, and its version: `kraken/2`.
pub fn read_by(adapter: &dyn Provider) -> String {
    format!("{}/{}", adapter.name(), adapter.version())
}

/// The name in what [`read_by`] wrote.
pub fn adapter_name(read_by: &str) -> &str {
    read_by.split_once('/').map_or(read_by, |(name, _)| name)
}

/// What a row says was read, its body unseen.
pub fn reading(row: &Recorded) -> Result<Reading, RecordError> {
    let detail = row.detail.clone().unwrap_or_default();
    Ok(match row.verdict.as_str() {
        "observation" => Reading::Observation(match &row.fact {
            Some(fact) => observed_fact(fact)?,
            None => Observation::Price(price(row)?),
        }),
        "not_yet" => match &row.fact {
            Some(fact) if fact.get(LAGGING) == Some(&Value::Bool(true)) => Reading::Lagging(detail),
            _ => Reading::NotYet(detail),
        },
        "no_data" => Reading::NoData(detail),
        "transient" => Reading::transient(detail),
        "permanent" => Reading::Permanent(detail),
        "contradiction" => Reading::Contradiction(detail),
        other => return Err(RecordError::Verdict(other.to_owned())),
    })
}

fn price(row: &Recorded) -> Result<PriceObservation, RecordError> {
    let literal = row.literal.clone().ok_or(RecordError::Price("literal"))?;
    // A table may have a decimal comma; no source that was read groups digits.
    let plain = literal.replace(',', ".");
    Ok(PriceObservation {
        price: decimal::parse_scientific(&plain).map_err(|_| RecordError::Price("literal"))?,
        literal,
        effective_at: row.effective_at.ok_or(RecordError::Price("effective_at"))?,
    })
}

fn observed_fact(fact: &Value) -> Result<Observation, RecordError> {
    let mut kinds = fact.as_object().into_iter().flatten();
    let (Some((kind, fact)), None) = (kinds.next(), kinds.next()) else {
        return Err(RecordError::Fact("not an object of one kind".to_owned()));
    };
    let bad = |e: serde_json::Error| RecordError::Fact(e.to_string());
    let fact = fact.clone();
    Ok(match kind.as_str() {
        "match" => Observation::Match(serde_json::from_value(fact).map_err(bad)?),
        "election" => Observation::Election(serde_json::from_value(fact).map_err(bad)?),
        "value" => Observation::Value(serde_json::from_value(fact).map_err(bad)?),
        other => return Err(RecordError::Fact(format!("unknown kind {other:?}"))),
    })
}

/// The exchange of a row with this body.
pub fn exchange(row: &Recorded, body: Vec<u8>) -> Result<Exchange, RecordError> {
    let date = row.date_ms.map(|ms| time("date_ms", ms)).transpose()?;
    Ok(Exchange {
        url: row.url.clone(),
        posted: row.posted.clone(),
        sent_at: time("sent_ms", row.sent_ms)?,
        received_at: time("received_ms", row.received_ms)?,
        status: row.status,
        headers: row.headers.clone(),
        certificate: hash("certificate_sha256", row.certificate_sha256.as_deref())?,
        body,
        sha256: hash("sha256", row.sha256.as_deref())?,
        date,
        failure: row.failure.clone(),
    })
}

fn time(field: &'static str, ms: i64) -> Result<DateTime<Utc>, RecordError> {
    DateTime::from_timestamp_millis(ms).ok_or(RecordError::Time(field))
}

fn hash(field: &'static str, hex: Option<&str>) -> Result<Option<[u8; 32]>, RecordError> {
    let Some(hex) = hex else { return Ok(None) };
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex, &mut bytes).map_err(|_| RecordError::Hash(field))?;
    Ok(Some(bytes))
}
