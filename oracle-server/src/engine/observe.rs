//! Rounds: observe their legs, decide, look again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use oracle_feeds::Exact;
use oracle_feeds::fetch::Fetcher;
use oracle_feeds::observation::{Exchange, PriceQuery, Query, Reading, SourceReading};
use oracle_feeds::provider::{Licence, provider};
use oracle_feeds::record;
use oracle_feeds::rule::Cause;
use oracle_feeds::rule::price::{Fixing as LegFixing, cross, decide_leg};
use oracle_schema::Maturity;
use oracle_schema::evidence::{MANIFEST_VERSION, Manifest, Observation};
use oracle_schema::policy::{LegPolicy, SourcePolicy, canonical_json};
use oracle_schema::source_id::SourceId;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinError;

use super::clock_trust::Moment;
use super::health::alarm_of_clock;
use super::leg::LegProgress;
use super::{Engine, EngineError, LegAt, RETRY, ROUNDS_PER_TICK, Seen};
use crate::clock::Clock;
use crate::keys::{LegKey, Observed, Question, RoundId};
use crate::store::{Attempt, DueRound, ObservedExchange, RoundResult};

/// How long an observation may take over all its sources: mostly for its turn,
/// where many prices want the same host at once. A single request is bounded by
/// its provider's timeout.
const OBSERVATION_LIMIT: Duration = Duration::from_mins(10);

/// How long the other sources are waited for once there are enough.
const GRACE: Duration = Duration::from_millis(750);

/// The same while late sources are waited for: one takes a question more, and must
/// be heard to be waited for.
const LAG_GRACE: Duration = Duration::from_secs(10);

/// How far a round is put off while it is being observed: if this process dies
/// the round comes back by itself.
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// How long a round that cannot be worked on is left alone.
const STUCK_RETRY: TimeDelta = TimeDelta::minutes(5);

/// What was seen of a leg.
pub(super) struct LegSeen {
    begun: Moment,
    key: LegKey,
    at: Maturity,
    /// From the sources that were asked, or would have been but for their record.
    asked: Vec<SourceReading>,
    /// Of all its sources.
    roots: Vec<String>,
    /// Whether a source has no history, so that what it votes with was read at times of
    /// the clock here.
    is_sampled: bool,
    decision: LegFixing,
}

/// A leg's decision as stored.
#[derive(Debug, Serialize, Deserialize)]
struct Fixing {
    price: Decimal,
    trace: serde_json::Value,
}

/// A round's decision as stored and published.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RoundDecision {
    /// Exact product of the legs.
    pub(super) price: Exact,
    /// Per leg: its name, its fixing and how it came about.
    pub(super) legs: Vec<LegDecision>,
}

/// One leg of a [`RoundDecision`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LegDecision {
    name: String,
    price: Decimal,
    trace: serde_json::Value,
}

impl Engine {
    /// Starts the observations of rounds that are due, attests those whose
    /// price already stands.
    pub(super) async fn start_rounds(&mut self, now: DateTime<Utc>) -> Result<(), EngineError> {
        let waiting = i64::try_from(self.waiting.len()).unwrap_or(i64::MAX);
        let room = ROUNDS_PER_TICK.saturating_sub(waiting).max(0);
        let due = self.store.due_rounds(now, room).await?;
        let started = self.start_batch(&due, now).await;
        self.answers.end_tick();
        started?;
        self.evaluate_waiting(now).await
    }

    async fn start_batch(
        &mut self,
        due: &[DueRound],
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        for round in due {
            match self.start_round(round, now).await {
                Ok(()) => {}
                Err(e) if e.is_about_one_round() => self.put_off(round, &e, now).await?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    async fn start_round(
        &mut self,
        round: &DueRound,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        if round.decided.is_some() {
            return self.attest_round(round).await;
        }
        let Question::Price(price) = &round.question else {
            return self.evaluate_event(round, now).await;
        };
        if self.store.close_round(round).await? {
            return Ok(());
        }
        let at = round.id.maturity;
        let legs = price.legs()?;
        if self.is_sampling(&legs, at)? {
            return Ok(());
        }
        self.store.lease_round(round, now + LEASE).await?;
        for leg in legs {
            let key = LegKey::of(&leg)?;
            if self.store.fixing(&key, at).await?.is_some()
                || self.in_flight.contains_key(&(key.clone(), at))
            {
                continue;
            }
            let samples = self.samples(&leg, &key, at).await?;
            let (fetcher, clock) = (self.fetcher.clone(), self.clock.clone());
            let leg_at = (key.clone(), at);
            let resting = self.legs.get(&leg_at).map(|leg| leg.resting(now));
            let left_alone = leg
                .sources
                .iter()
                .filter_map(|s| Some((s.id.clone(), self.disabled(&s.id, now)?)))
                .collect();
            let question = LegQuestion {
                leg,
                key,
                at,
                samples,
                resting: resting.unwrap_or_default(),
                left_alone,
            };
            let task = self
                .observing
                .spawn(async move { Seen::Leg(observe(fetcher, clock, question).await) });
            self.in_flight.insert(leg_at, task.id());
        }
        self.waiting.insert(round.id.clone(), round.clone());
        Ok(())
    }

    /// A round that cannot be worked on is an alarm, and does not keep the
    /// others waiting.
    async fn put_off(
        &self,
        round: &DueRound,
        error: &EngineError,
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let (key, at) = (round.id.round_key.as_str(), round.id.maturity.unix());
        tracing::error!(round = key, maturity = at, %error, "round is stuck");
        metrics::counter!("oracle_stuck_total").increment(1);
        let until = now + STUCK_RETRY;
        self.store.put_off_round(round, until).await?;
        Ok(())
    }

    /// Keeps what was seen. A task that died has seen nothing: what it observed
    /// is free again and is looked at again later.
    pub(super) async fn take_in(
        &mut self,
        seen: Result<Seen, JoinError>,
    ) -> Result<(), EngineError> {
        let taken = match seen {
            Ok(Seen::Leg(seen)) => self.take_in_leg(seen).await,
            Ok(Seen::Subject(seen)) => self.take_in_subject(seen).await,
            Ok(Seen::Sample(seen)) => self.take_in_sample(seen).await,
            Ok(Seen::Time(seen)) => {
                self.take_in_time(&seen);
                Ok(())
            }
            Err(e) => {
                tracing::error!(error = %e, "observation died");
                self.in_flight.retain(|_, task| *task != e.id());
                self.asking.retain(|_, (task, _)| *task != e.id());
                self.sampling.died(e.id());
                if let Some(root) = self.time.died(e.id()) {
                    self.clock_trust.heard(&root);
                }
                Ok(())
            }
        };
        match taken {
            // It is as if it had not been asked: nothing is decided by what has no
            // evidence, its lease brings it back, and the others go on.
            Err(e @ EngineError::Unrecordable { .. }) => {
                tracing::error!(error = %e, "an answer is lost");
                metrics::counter!("oracle_stuck_total").increment(1);
                Ok(())
            }
            taken => taken,
        }
    }

    async fn take_in_leg(&mut self, seen: LegSeen) -> Result<(), EngineError> {
        let leg_at = (seen.key.clone(), seen.at);
        let now = self.clock.now();
        self.in_flight.remove(&leg_at);
        self.note_sources(&seen.asked, now);
        self.note_deviations(seen.decision.trace(), now);
        self.note_skews(seen.begun, &seen.asked);
        if let Some(cause) = self.time_is_open(&seen) {
            // Nor is this evidence: a replay knows no doubt, and would decide by it.
            alarm_of_clock(&cause);
            let progress = self.legs.entry(leg_at).or_default();
            progress.note(seen.asked, cause, now);
            return Ok(());
        }
        let exchanges = seen
            .asked
            .iter()
            .flat_map(|r| r.exchanges.iter().map(move |e| exchange_row(r, e)))
            .collect::<Result<_, _>>()?;
        let decision = match seen.decision {
            LegFixing::Attest { price, trace } => {
                self.legs.remove(&leg_at);
                Some(json(&Fixing {
                    price,
                    trace: serde_json::to_value(trace).map_err(stored("trace"))?,
                })?)
            }
            LegFixing::Pending { cause, .. } => {
                alarm_of_clock(&cause);
                let progress = self.legs.entry(leg_at).or_default();
                progress.note(seen.asked, cause, now);
                None
            }
        };
        self.store
            .save_attempt(&Attempt {
                leg_key: seen.key,
                maturity: seen.at,
                exchanges,
                decision,
            })
            .await?;
        Ok(())
    }

    /// Why what was seen of a leg is not used, as it is open what time it was.
    fn time_is_open(&mut self, seen: &LegSeen) -> Option<Cause> {
        let is_decided = matches!(seen.decision, LegFixing::Attest { .. });
        let mut exchanges = seen.asked.iter().flat_map(|r| &r.exchanges);
        let has_answers = exchanges.any(|exchange| exchange.status.is_some());
        let roots = seen.roots.iter().map(String::as_str);
        if (is_decided || has_answers) && self.waits_for_time(roots) {
            return Some(Cause::Untold);
        }
        // Samples say nothing of the time: under a clock that stands ahead they would be
        // the price before the last of them was taken.
        let is_doubted = seen.is_sampled
            && (self.clock_trust.runs_ahead(&*self.clock)
                || self.clock_trust.skews(&*self.clock).doubt().is_some());
        (is_doubted && is_decided).then_some(Cause::ClockJumped)
    }

    /// Decides the rounds whose legs are all seen, or says when to look again.
    pub(super) async fn evaluate_waiting(&mut self, now: DateTime<Utc>) -> Result<(), EngineError> {
        let keys: Vec<RoundId> = self.waiting.keys().cloned().collect();
        for key in keys {
            let Some(DueRound { id, question, .. }) = self.waiting.get(&key) else {
                continue;
            };
            let Question::Price(price) = question else {
                continue;
            };
            let legs = price.legs()?;
            let at = id.maturity;
            let mut leg_keys = Vec::with_capacity(legs.len());
            for leg in &legs {
                leg_keys.push((LegKey::of(leg)?, at));
            }
            if leg_keys.iter().any(|k| self.in_flight.contains_key(k)) {
                continue;
            }
            let Some(round) = self.waiting.remove(&key) else {
                continue;
            };
            match self.finish_round(&round, &legs, &leg_keys, now).await {
                Ok(()) => {}
                Err(e) if e.is_about_one_round() => self.put_off(&round, &e, now).await?,
                Err(e) => return Err(e),
            }
        }
        let in_flight = &self.in_flight;
        self.legs
            .retain(|leg, progress| in_flight.contains_key(leg) || !progress.is_forgotten(now));
        Ok(())
    }

    /// Decides a round whose legs are all seen, or says when to look again.
    async fn finish_round(
        &self,
        round: &DueRound,
        legs: &[LegPolicy],
        leg_keys: &[LegAt],
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let result = self.evaluate(round, legs, leg_keys, now).await?;
        self.finish_attempt(round, &result, now).await?;
        let is_of_time = |key| self.legs.get(key).is_some_and(LegProgress::is_of_time);
        if let RoundResult::Pending { due, .. } = result
            && leg_keys.iter().any(is_of_time)
        {
            // Under a clock that stands ahead it is due long after its time: leased, it
            // comes back when the clock is right again.
            self.store.lease_round(round, due).await?;
        }
        Ok(())
    }

    async fn evaluate(
        &self,
        round: &DueRound,
        legs: &[LegPolicy],
        leg_keys: &[LegAt],
        now: DateTime<Utc>,
    ) -> Result<RoundResult, EngineError> {
        let mut decided = Vec::with_capacity(legs.len());
        let mut missing = Vec::new();
        let pace = now + RETRY.random(round.attempts);
        let mut next: Option<DateTime<Utc>> = None;
        for (leg, key) in legs.iter().zip(leg_keys) {
            if let Some(fixing) = self.store.fixing(&key.0, key.1).await? {
                let fixing: Fixing = serde_json::from_str(&fixing).map_err(stored("fixing"))?;
                decided.push(LegDecision {
                    name: leg.name.clone(),
                    price: fixing.price,
                    trace: fixing.trace,
                });
            } else {
                let progress = self.legs.get(key);
                let reason =
                    progress.map_or_else(|| "not observed".to_owned(), LegProgress::reason);
                missing.push(format!("{}: {reason}", leg.name));
                let due = progress.and_then(LegProgress::next_question).unwrap_or(now);
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        let pending = |reason: String| RoundResult::Pending {
            due: next.map_or(pace, |due| due.max(pace)),
            reason,
        };
        if !missing.is_empty() {
            return Ok(pending(missing.join("; ")));
        }
        let prices: Vec<Decimal> = decided.iter().map(|d| d.price).collect();
        let price = match cross(&prices) {
            Ok(price) => price,
            Err(e) => return Ok(pending(e.to_string())),
        };
        let decision = RoundDecision {
            price,
            legs: decided,
        };
        let manifest = self.manifest(round, legs, leg_keys, &decision, now).await?;
        Ok(RoundResult::Decided {
            reason: None,
            decision: json(&decision)?,
            manifest_sha256: Sha256::digest(&manifest).into(),
            manifest,
        })
    }

    /// The canonical evidence manifest: what was seen and what follows from it.
    async fn manifest(
        &self,
        round: &DueRound,
        legs: &[LegPolicy],
        leg_keys: &[LegAt],
        decision: &RoundDecision,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, EngineError> {
        let reader = self.store.reader();
        let mut observations = Vec::new();
        for (leg, (key, at)) in legs.iter().zip(leg_keys) {
            let seen = reader
                .observations(Observed::Leg(key, *at), DateTime::UNIX_EPOCH)
                .await?;
            observations.extend(seen.into_iter().map(|o| Observation {
                leg: Some(leg.name.clone()),
                ..o
            }));
        }
        canonical_json(&Manifest {
            version: MANIFEST_VERSION,
            maturity: round.id.maturity.unix(),
            decided_ms: now.timestamp_millis(),
            observations,
            operators: Vec::new(),
            decision: serde_json::to_value(decision).map_err(stored("decision"))?,
        })
        .map_err(stored("manifest"))
    }
}

/// What is asked about a leg.
struct LegQuestion {
    leg: LegPolicy,
    key: LegKey,
    at: Maturity,
    /// What was sampled before the maturity.
    samples: Vec<SourceReading>,
    /// What sources answered that are left alone for it.
    resting: Vec<SourceReading>,
    /// Sources that are not asked because of their record, and why.
    left_alone: BTreeMap<String, String>,
}

/// Asks every source of a leg at once that is not left alone; once enough have
/// answered the others get a short grace, so that one hanging venue delays nothing.
async fn observe(fetcher: Arc<Fetcher>, clock: Arc<dyn Clock>, question: LegQuestion) -> LegSeen {
    let LegQuestion {
        leg,
        key,
        at,
        samples,
        resting,
        left_alone,
    } = question;
    let begun = Moment::of(&*clock);
    let rests = |id: &str| resting.iter().any(|r| r.source == id);
    let mut pending: FuturesUnordered<_> = leg
        .sources
        .iter()
        .filter(|source| !source.is_sampled())
        .filter(|source| !left_alone.contains_key(&source.id) && !rests(&source.id))
        .map(|source| {
            let (fetcher, leg) = (&fetcher, &leg);
            async move {
                let query = Query::Price(PriceQuery::of(leg, source, at.unix()));
                fetcher.observe(&query).await
            }
        })
        .collect();
    let decide = |readings: &[SourceReading]| {
        let all: Vec<SourceReading> = samples.iter().chain(readings).cloned().collect();
        decide_leg(&leg, at.unix(), clock.now(), &all)
    };
    let mut readings = resting.clone();
    let limit = tokio::time::sleep(OBSERVATION_LIMIT);
    tokio::pin!(limit);
    let mut enough = false;
    loop {
        tokio::select! {
            biased;
            reading = pending.next() => match reading {
                Some(reading) => readings.push(reading),
                None => break,
            },
            () = &mut limit => break,
        }
        if !enough && matches!(decide(&readings), LegFixing::Attest { .. }) {
            enough = true;
            limit.set(tokio::time::sleep(grace(&leg, at, clock.now())));
        }
    }
    drop(pending);
    for source in leg.sources.iter().filter(|s| !s.is_sampled()) {
        if !readings.iter().any(|r| r.source == source.id) {
            readings.push(SourceReading {
                source: source.id.clone(),
                root: source.root.clone(),
                exchanges: Vec::new(),
                reading: Reading::Transient {
                    detail: left_alone
                        .get(&source.id)
                        .cloned()
                        .unwrap_or_else(|| "no answer in time".to_owned()),
                    retry_after: None,
                },
            });
        }
    }
    // Policy order, so that the trace does not depend on who answered first.
    readings.sort_by_key(|r| leg.sources.iter().position(|s| s.id == r.source));
    let decision = decide(&readings);
    readings.retain(|r| !rests(&r.source));
    LegSeen {
        begun,
        roots: leg.sources.iter().map(|s| s.root.clone()).collect(),
        is_sampled: leg.sources.iter().any(SourcePolicy::is_sampled),
        key,
        at,
        asked: readings,
        decision,
    }
}

/// How long the other sources of a leg are waited for once there are enough.
fn grace(leg: &LegPolicy, at: Maturity, now: DateTime<Utc>) -> Duration {
    let waits = |lag: u32| now < at.to_datetime() + TimeDelta::seconds(lag.into());
    if leg.max_lag_s.is_some_and(waits) {
        LAG_GRACE
    } else {
        GRACE
    }
}

/// An exchange as evidence. Without its adapter nobody could read it again, and its
/// licence would not be known: what of it may be passed on, and for how long it is kept.
pub(super) fn exchange_row(
    reading: &SourceReading,
    exchange: &Exchange,
) -> Result<ObservedExchange, EngineError> {
    let unrecordable = |reason: &dyn std::fmt::Display| EngineError::Unrecordable {
        source_id: reading.source.clone(),
        reason: reason.to_string(),
    };
    let observed = reading.reading.price();
    let source = SourceId::read(&reading.source);
    let adapter = provider(source.provider())
        .ok_or_else(|| unrecordable(&"this build has no adapter of its name"))?;
    let kept_for = adapter.licence().kept_for().map(TimeDelta::from_std);
    let kept_for = kept_for.transpose().map_err(|e| unrecordable(&e))?;
    let headers = serde_json::to_string(&exchange.headers).map_err(|e| unrecordable(&e))?;
    let fact = record::fact(&reading.reading).map_err(|e| unrecordable(&e))?;
    let body = exchange.sha256.map(|_| deflate(&exchange.body));
    let body = body.transpose().map_err(|e| unrecordable(&e))?;
    if let Some(body) = &body {
        let provider = source.record().to_owned();
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        metrics::counter!("oracle_evidence_bytes_total", "provider" => provider).increment(bytes);
    }
    Ok(ObservedExchange {
        source: reading.source.clone(),
        root: reading.root.clone(),
        url: exchange.url.clone(),
        posted: exchange.posted.clone(),
        sent_at: exchange.sent_at,
        received_at: exchange.received_at,
        status: exchange.status,
        headers,
        sha256: exchange.sha256,
        body,
        literal: match &reading.reading {
            Reading::Observation(_) => Some(reading.reading.detail().to_owned()),
            _ => None,
        },
        effective_at: observed.map(|o| o.effective_at),
        keep_until: kept_for.map(|kept| exchange.received_at + kept),
        is_public: adapter.licence() == Licence::Public,
        adapter: record::read_by(adapter),
        failure: exchange.failure.clone(),
        date: exchange.date,
        certificate: exchange.certificate,
        fact: fact.map(|fact| fact.to_string()),
        verdict: reading.reading.verdict(),
        detail: exchange
            .failure
            .clone()
            .or_else(|| Some(reading.reading.detail().to_owned()))
            .filter(|detail| !detail.is_empty()),
    })
}

fn deflate(body: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

pub(super) fn json(value: &impl Serialize) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(stored("decision"))
}

/// Turns a JSON error into an [`EngineError::Stored`] about `what`.
pub(super) fn stored(what: &'static str) -> impl Fn(serde_json::Error) -> EngineError {
    move |e| EngineError::Stored {
        what: what.to_owned(),
        reason: e.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn answered(source: &str) -> (SourceReading, Exchange) {
        let exchange = Exchange {
            url: "https://venue.test/".to_owned(),
            posted: None,
            sent_at: DateTime::UNIX_EPOCH,
            received_at: DateTime::UNIX_EPOCH,
            status: Some(200),
            headers: vec![("age".to_owned(), "1".to_owned())],
            certificate: None,
            body: b"{}".to_vec(),
            sha256: Some([7; 32]),
            date: None,
            failure: None,
        };
        let reading = SourceReading {
            source: source.to_owned(),
            root: "venue".to_owned(),
            exchanges: Vec::new(),
            reading: Reading::NotYet("not yet".to_owned()),
        };
        (reading, exchange)
    }

    #[test]
    fn evidence_names_its_adapter_or_is_none() {
        let (reading, exchange) = answered("kraken:XBTUSD");
        let row = exchange_row(&reading, &exchange).unwrap();
        assert!(row.adapter.starts_with("kraken/"), "{}", row.adapter);
        assert_eq!(row.headers, r#"[["age","1"]]"#);
        let (reading, exchange) = answered("nobody:XBTUSD");
        let error = exchange_row(&reading, &exchange).unwrap_err().to_string();
        assert!(error.starts_with("the answer of nobody:XBTUSD"), "{error}");
    }
}
