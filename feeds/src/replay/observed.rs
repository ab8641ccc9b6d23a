//! Exchanges: the bodies are those that were hashed, the requests those that
//! the adapter makes, and the adapter reads in them what was recorded.

use std::collections::{BTreeMap, BTreeSet};

use oracle_schema::evidence::{Manifest, Observation as Row, method};
use oracle_schema::policy::Policy;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Checked, Standing};
use crate::observation::{Exchange, PriceQuery, Query, Reading, Request, SourceReading, Target};
use crate::provider::{Licence, Provider, provider};
use crate::record;
use crate::redact::redacted;
use crate::time::http_date;

/// SHA-256 of nothing, which every reader has.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The exchanges of a manifest, checked, and the readings they make.
pub(super) struct Replayed {
    /// In the manifest's order.
    pub(super) checked: Vec<Checked>,
    /// In the order of their first exchange.
    pub(super) readings: Vec<Attempt>,
}

/// One attempt at one source.
pub(super) struct Attempt {
    pub(super) leg: Option<String>,
    pub(super) number: i64,
    pub(super) reading: SourceReading,
}

pub(super) fn replay(
    manifest: &Manifest,
    policy: &Policy,
    at: i64,
    bodies: &BTreeMap<String, Vec<u8>>,
) -> Replayed {
    let rows = &manifest.observations;
    let mut attempts: BTreeMap<(Option<&str>, &str, i64), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        attempts.entry(key(row)).or_default().push(row);
    }
    let mut seen = BTreeSet::new();
    let mut standings = BTreeMap::new();
    let mut readings = Vec::with_capacity(attempts.len());
    for row in rows {
        let key = key(row);
        let Some(rows) = attempts.get(&key).filter(|_| seen.insert(key)) else {
            continue;
        };
        let mut attempt = match query(policy, at, row) {
            Ok(query) => reread(&query, rows, bodies),
            Err(why) => Outcome::of(rows, &Standing::Mismatch(why)),
        };
        attempt.standings.reverse();
        standings.insert(key, attempt.standings);
        if let Some(reading) = attempt.reading {
            readings.push(Attempt {
                leg: row.leg.clone(),
                number: row.attempt,
                reading,
            });
        }
    }
    let checked = rows
        .iter()
        .map(|row| {
            let next = standings.get_mut(&key(row)).and_then(Vec::pop);
            let (standing, note) = next.unwrap_or((Standing::Withheld, None));
            checked(row, standing, note)
        })
        .collect();
    Replayed { checked, readings }
}

fn key(row: &Row) -> (Option<&str>, &str, i64) {
    (row.leg.as_deref(), &row.source, row.attempt)
}

fn checked(row: &Row, standing: Standing, note: Option<String>) -> Checked {
    let not_kept = row.not_kept.as_ref();
    let not_kept = not_kept.filter(|_| standing == Standing::Withheld);
    let note = not_kept.map(|why| format!("not kept: {why}")).or(note);
    Checked {
        leg: row.leg.clone(),
        source: row.source.clone(),
        attempt: row.attempt,
        url: row.url.clone(),
        sha256: row.sha256.clone(),
        verdict: row.verdict.clone(),
        literal: row.literal.clone(),
        standing,
        note,
    }
}

/// What the policy asks of the row's source.
fn query<'a>(policy: &'a Policy, at: i64, row: &Row) -> Result<Query<'a>, String> {
    let unknown = || format!("source: the policy has no {:?}", row.source);
    match (policy.rule.price(), &row.leg) {
        (Some(price), Some(name)) => {
            let leg = price.legs.iter().find(|l| l.name == *name);
            let leg = leg.ok_or_else(|| format!("leg: the policy has no {name:?}"))?;
            let source = leg.sources.iter().find(|s| s.id == row.source);
            let source = source.ok_or_else(unknown)?;
            Ok(Query::Price(PriceQuery::of(leg, source, at)))
        }
        (None, None) => {
            let mut sources = policy.rule.fact_sources().iter();
            let source = sources.find(|s| s.id == row.source);
            Ok(Query::Fact(source.ok_or_else(unknown)?))
        }
        (Some(_), None) => Err("leg: none, and the policy is about a price".to_owned()),
        (None, Some(_)) => Err("leg: there is one, and the policy is not about a price".to_owned()),
    }
}

/// What became of the exchanges of one attempt.
struct Outcome {
    standings: Vec<(Standing, Option<String>)>,
    reading: Option<SourceReading>,
}

impl Outcome {
    fn of(rows: &[&Row], standing: &Standing) -> Self {
        Self {
            standings: rows.iter().map(|_| (standing.clone(), None)).collect(),
            reading: None,
        }
    }
}

/// Reads an attempt again where its bodies are there; else takes it as recorded.
fn reread(query: &Query<'_>, rows: &[&Row], bodies: &BTreeMap<String, Vec<u8>>) -> Outcome {
    let Some(adapter) = provider(query.provider()) else {
        let why = format!("adapter: this build has no {:?}", query.provider());
        return Outcome::of(rows, &Standing::Missing(why));
    };
    let mut standings = Vec::with_capacity(rows.len());
    let mut exchanges: Vec<Exchange> = Vec::with_capacity(rows.len());
    let mut complete = true;
    for row in rows {
        let planned = complete.then(|| adapter.plan(query, &exchanges));
        let (standing, body) = find_body(adapter, row, bodies);
        complete &= body.is_some();
        let checked = consistent(adapter, query, row)
            .and_then(|()| planned.map_or(Ok(Asked::Planned(None)), |p| asked(adapter, p, row)))
            .and_then(|asked| {
                let exchange = record::exchange(row, body.unwrap_or_default());
                exchange
                    .map(|exchange| (exchange, asked))
                    .map_err(|e| e.to_string())
            });
        match checked {
            Ok((exchange, asked)) => {
                exchanges.push(exchange);
                standings.push(match asked {
                    Asked::Planned(note) => (standing, note),
                    // From here on the attempt is taken as recorded.
                    Asked::Otherwise(why) => {
                        complete = false;
                        (otherwise(standing, why), None)
                    }
                });
            }
            Err(why) => {
                complete = false;
                standings.push((Standing::Mismatch(why), None));
            }
        }
    }
    let again = complete.then(|| adapter.interpret(query, &exchanges));
    for (row, (standing, _)) in rows.iter().zip(&mut standings) {
        judge(adapter, row, again.as_ref(), standing);
    }
    let recorded = || rows.last().and_then(|row| record::reading(row).ok());
    // What another version read otherwise is taken as recorded, and named above.
    let version = record::read_by(adapter);
    let otherwise = |again: &Reading| {
        let mut others = rows.iter().filter(|row| row.adapter != version);
        others.any(|row| difference(row, again).is_some())
    };
    let again = again.filter(|again| !otherwise(again));
    let reading = again.or_else(recorded).map(|reading| SourceReading {
        source: query.source().to_owned(),
        root: query.root().to_owned(),
        exchanges,
        reading,
    });
    share_worst(&mut standings);
    Outcome { standings, reading }
}

/// What a row that another version of its adapter asked for is, given what its
/// body is.
fn otherwise(of_body: Standing, why: String) -> Standing {
    match of_body {
        Standing::Mismatch(_) => of_body,
        _ => Standing::Missing(why),
    }
}

/// A reading is as good as the worst of the exchanges it rests on.
fn share_worst(standings: &mut [(Standing, Option<String>)]) {
    let has = |of: fn(&Standing) -> bool| standings.iter().any(|(s, _)| of(s));
    let worst = if has(|s| matches!(s, Standing::Missing(_) | Standing::Mismatch(_))) {
        Standing::Missing("an exchange that it belongs to was not read again".to_owned())
    } else if has(|s| *s == Standing::Withheld) {
        Standing::Withheld
    } else {
        return;
    };
    for (standing, _) in standings {
        if matches!(standing, Standing::Reproduced | Standing::Unanswered) {
            *standing = worst.clone();
        }
    }
}

/// Compares what is read again, or what can still be said without.
fn judge(adapter: &dyn Provider, row: &Row, again: Option<&Reading>, standing: &mut Standing) {
    if let Standing::Mismatch(_) = standing {
        return;
    }
    if let Err(e) = record::reading(row) {
        *standing = Standing::Mismatch(e.to_string());
        return;
    }
    let version = record::read_by(adapter);
    // That a source lags was not always told apart.
    if row.adapter != version
        && row.verdict == "not_yet"
        && matches!(again, Some(Reading::NotYet(_) | Reading::Lagging(_)))
    {
        return;
    }
    let Some(why) = again.and_then(|again| difference(row, again)) else {
        return;
    };
    *standing = if row.adapter == version {
        Standing::Mismatch(why)
    } else {
        Standing::Missing(format!(
            "adapter: {} read it, this build has {version} ({why})",
            row.adapter
        ))
    };
}

/// The first field in which a reading is not the recorded one. Words for people
/// may differ, values may not.
fn difference(row: &Row, again: &Reading) -> Option<String> {
    let literal = match again {
        Reading::Observation(_) => Some(again.detail()),
        _ => None,
    };
    let fact = match record::fact(again) {
        Ok(fact) => fact,
        Err(error) => return Some(error.to_string()),
    };
    let fields: [(&str, Value, Value); 4] = [
        ("verdict", json!(row.verdict), json!(again.verdict())),
        ("literal", json!(row.literal), json!(literal)),
        (
            "effective_at",
            json!(row.effective_at),
            json!(again.price().map(|p| p.effective_at)),
        ),
        ("fact", json!(row.fact), json!(fact)),
    ];
    let differs = |a: &Value, b: &Value| without_words(a.clone()) != without_words(b.clone());
    let (field, recorded, read) = fields.into_iter().find(|(_, a, b)| differs(a, b))?;
    Some(format!("{field}: recorded {recorded}, read again {read}"))
}

/// A value of a row; of a fact's doubts only that there are some, as rules know no
/// more of them and another build may word them otherwise.
fn without_words(mut value: Value) -> Value {
    for fact in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let doubts = fact.get_mut("doubts");
        let worded = doubts.and_then(|doubts| Some((doubts.as_array()?.is_empty(), doubts)));
        if let Some((is_empty, doubts)) = worded {
            *doubts = Value::Bool(!is_empty);
        }
    }
    value
}

/// The body of a row, and what its absence means.
fn find_body(
    adapter: &dyn Provider,
    row: &Row,
    bodies: &BTreeMap<String, Vec<u8>>,
) -> (Standing, Option<Vec<u8>>) {
    let Some(sha256) = &row.sha256 else {
        return (Standing::Unanswered, Some(Vec::new()));
    };
    match bodies.get(sha256) {
        Some(body) if hex::encode(Sha256::digest(body)) == *sha256 => {
            (Standing::Reproduced, Some(body.clone()))
        }
        Some(body) => {
            let found = hex::encode(Sha256::digest(body));
            let why = format!("sha256: recorded {sha256}, the body has {found}");
            (Standing::Mismatch(why), None)
        }
        None if sha256 == EMPTY => (Standing::Reproduced, Some(Vec::new())),
        // An oracle that kept no body says so itself: where nobody forbade it to show
        // one, its word is no evidence.
        None if adapter.licence() == Licence::Public && row.not_kept.is_some() => {
            let why = row.not_kept.as_deref().unwrap_or_default();
            (Standing::Missing(format!("not kept: {why}")), None)
        }
        None if row.not_kept.is_some() => (Standing::Withheld, None),
        None if row.public => (Standing::Missing(format!("sha256: no body {sha256}")), None),
        None if adapter.licence() == Licence::Public => (
            Standing::Missing("public: withheld, and its licence does not ask for that".to_owned()),
            None,
        ),
        None => (Standing::Withheld, None),
    }
}

/// What of a row can be checked without its body.
fn consistent(adapter: &dyn Provider, query: &Query<'_>, row: &Row) -> Result<(), String> {
    if row.root != query.root() {
        return Err(format!(
            "root: recorded {:?}, the policy has {:?}",
            row.root,
            query.root()
        ));
    }
    if record::adapter_name(&row.adapter) != adapter.name() {
        return Err(format!(
            "adapter: recorded {:?}, the policy asks {:?}",
            row.adapter,
            adapter.name()
        ));
    }
    let due = method(row.posted.as_deref());
    if row.method != due {
        return Err(format!(
            "method: {:?}, but what is recorded is a {due}",
            row.method
        ));
    }
    if row.sha256.is_some() == row.failure.is_some() {
        return Err("failure: there is a body or a failure, and not both".to_owned());
    }
    if row.not_kept.is_some() && (row.sha256.is_none() || row.public) {
        return Err("not_kept: of an answer that is there, or of none".to_owned());
    }
    let mut headers = row.headers.iter();
    let date = headers.find(|(name, _)| name == "date");
    let date_ms = date.and_then(|(_, value)| Some(http_date(value)?.timestamp_millis()));
    if date_ms != row.date_ms {
        return Err("date_ms: not that of the header".to_owned());
    }
    Ok(())
}

/// How a row's request fits what the adapter of this build would ask.
enum Asked {
    /// It is that; a note if it was asked elsewhere than at the provider's own.
    Planned(Option<String>),
    /// Another version of the adapter asked otherwise, which this one cannot judge.
    Otherwise(String),
}

/// Whether a row asks what the adapter wants to know next. What another version of
/// it asked may differ, but not where a policy's own URL leads.
fn asked(adapter: &dyn Provider, planned: Option<Request>, row: &Row) -> Result<Asked, String> {
    let version = record::read_by(adapter);
    let refused = |why: String| {
        if row.adapter == version {
            return Err(why);
        }
        let read_by = &row.adapter;
        let why =
            format!("adapter: {read_by} asked otherwise than {version}, this build's ({why})");
        Ok(Asked::Otherwise(why))
    };
    let Some(planned) = planned else {
        return refused("url: the adapter needs no further request".to_owned());
    };
    let url = match &planned.target {
        Target::Path(path) => Url::parse(adapter.base_url()).and_then(|base| base.join(path)),
        Target::Absolute(url) => Url::parse(url),
    };
    let planned_url = redacted(&url.map_err(|e| format!("url: the policy's is none: {e}"))?);
    let asked = Url::parse(&row.url).map_err(|e| format!("url: {e}"))?;
    let elsewhere = asked.origin() != planned_url.origin();
    let other = asked.path() != planned_url.path() || asked.query() != planned_url.query();
    let why = format!("url: {} asked, {planned_url} planned", row.url);
    if matches!(planned.target, Target::Absolute(_)) && (other || elsewhere) {
        return Err(why);
    }
    if other {
        return refused(why);
    }
    if row.posted != planned.body {
        let shown = |body: &Option<String>| body.clone().unwrap_or_else(|| "nothing".to_owned());
        let (sent, planned) = (shown(&row.posted), shown(&planned.body));
        return refused(format!("posted: {sent} sent, {planned} planned"));
    }
    // Where a provider is reached is the oracle's configuration, not its policy.
    let note = elsewhere.then(|| format!("not asked at {}", adapter.base_url()));
    Ok(Asked::Planned(note))
}
