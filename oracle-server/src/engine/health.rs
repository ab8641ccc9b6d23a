//! What the engine notes of its providers and of itself.

use chrono::{DateTime, Utc};
use oracle_feeds::observation::{Reading, SourceReading};
use oracle_feeds::rule::{Cause, Trace};
use oracle_schema::source_id::SourceId;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::clock_trust::Moment;
use super::{Engine, EngineError};
use crate::health::{ClockDoubt, ClockHealth, Condition, ProviderHealth, Unconfirmed};
use crate::signer::Signing;

impl Engine {
    /// Notes how sources answered.
    pub(super) fn note_sources(&self, readings: &[SourceReading], now: DateTime<Utc>) {
        let now_ms = now.timestamp_millis();
        self.health.send_modify(|report| {
            for reading in readings {
                let name = SourceId::read(&reading.source).record().to_owned();
                let verdict = reading.reading.verdict();
                let has_fact = matches!(reading.reading, Reading::Observation(_));
                metrics::counter!("oracle_source_readings_total",
                    "provider" => name.clone(), "verdict" => verdict)
                .increment(1);
                // Whoever was not asked has not failed.
                let Some(last) = reading.exchanges.last() else {
                    continue;
                };
                let provider = report.providers.entry(name).or_default();
                let took = (last.received_at - last.sent_at).num_milliseconds();
                let readable = reading.reading.is_readable();
                let record = &mut provider.record;
                record.note_answer(readable, took.max(0).unsigned_abs(), now_ms);
                provider.ok = has_fact;
                if provider.ok {
                    provider.last_success_at = Some(now);
                    provider.last_error = None;
                } else {
                    provider.last_error = Some(format!("{verdict}: {}", reading.reading.detail()));
                }
            }
        });
    }

    /// Notes what the roots of these readings say about the time.
    pub(super) fn note_skews(&mut self, begun: Moment, readings: &[SourceReading]) {
        for reading in readings {
            self.note_skew(begun, reading);
        }
    }

    /// Says what is wrong with the clock, once when it begins and once when it
    /// ends; what waited for the end is due.
    pub(super) async fn note_clock(&mut self, now: DateTime<Utc>) -> Result<(), EngineError> {
        let is_held = self.is_held_for_time();
        let jumped = self.clock_trust.has_jumped();
        self.store.confirm_time(self.clock_trust.is_confirmed());
        let is_over = self.time.note_held(is_held, self.clock.uptime());
        let skews = self.clock_trust.skews(&*self.clock);
        let before = self.health.borrow().clock.clone();
        let since = |known: Option<DateTime<Utc>>| known.unwrap_or(now);
        let clock = ClockHealth {
            jumped,
            doubt: skews.doubt().map(|doubt| ClockDoubt {
                ahead_s: doubt.ahead_s,
                roots: doubt.roots,
                since: since(before.doubt.as_ref().map(|d| d.since)),
            }),
            ahead_s: skews.by_root().clone(),
            unconfirmed: self.unconfirmed(),
            is_held: self.time.is_long_held(self.clock.uptime()),
        };
        // What was put off by a wrong clock would wait for its time.
        let is_over = is_over || before.doubt.is_some() && clock.doubt.is_none();
        if clock != before {
            tell_clock(&before, &clock, now);
            self.health.send_modify(|report| report.clock = clock);
        }
        if is_over {
            // So would sources that answered under it: their rests end by it.
            self.legs.clear();
            self.store.reclaim_rounds(now).await?;
        }
        Ok(())
    }

    /// Why the clock is not believed for everything, or what waits for the time.
    fn unconfirmed(&self) -> Option<Unconfirmed> {
        let wanted = || self.time.is_wanted().then_some(Unconfirmed::Wanted);
        self.clock_trust.unconfirmed().or_else(wanted)
    }

    /// Notes how far prices were from the median of their leg.
    pub(super) fn note_deviations(&self, trace: &Trace, now: DateTime<Utc>) {
        let Some(median) = trace.first_median else {
            return;
        };
        self.health.send_modify(|report| {
            for source in &trace.sources {
                let Some(price) = source.price else { continue };
                let name = SourceId::read(&source.source).record().to_owned();
                let provider = report.providers.entry(name).or_default();
                let ppm = (price - median)
                    .abs()
                    .checked_mul(Decimal::from(1_000_000))
                    .and_then(|distance| distance.checked_div(median))
                    .and_then(|ppm| ppm.to_u64())
                    .unwrap_or(u64::MAX / 2);
                let dropped = !source.used;
                provider
                    .record
                    .note_deviation(ppm, dropped, now.timestamp_millis());
            }
        });
    }

    /// Why a source is not asked now, if its provider's record says so.
    pub(super) fn disabled(&self, source: &str, now: DateTime<Utc>) -> Option<String> {
        let report = self.health.borrow();
        let record = SourceId::read(source).record();
        let record = &report.providers.get(record)?.record;
        let until = record.disabled_until_ms(now.timestamp_millis())?;
        let until = DateTime::from_timestamp_millis(until)?.format("%FT%TZ");
        Some(format!("left alone until {until} for its record"))
    }

    /// Publishes the figures of the last tick.
    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges are floats by their format; the counts are small"
    )]
    pub(super) fn report_metrics(&self) {
        let asked = self.asking.len() + self.sampling.under_way() + self.time.under_way();
        let under_way = self.in_flight.len() + asked;
        metrics::gauge!("oracle_observations_in_flight").set(under_way as f64);
        metrics::gauge!("oracle_rounds_waiting").set(self.waiting.len() as f64);
        metrics::gauge!("oracle_leader_epoch").set(self.store.epoch() as f64);
        let now_ms = self.clock.now().timestamp_millis();
        for (name, ProviderHealth { record, .. }) in &self.health.borrow().providers {
            let gauge = |what: &'static str, value: u64| {
                metrics::gauge!(what, "provider" => name.clone()).set(value as f64);
            };
            gauge(
                "oracle_provider_success_permille",
                record.success_permille(),
            );
            gauge("oracle_provider_lag_ms", record.lag_ms());
            gauge("oracle_provider_deviation_ppm", record.deviation_ppm());
            let disabled = record.disabled_until_ms(now_ms).is_some();
            gauge("oracle_provider_disabled", u64::from(disabled));
        }
    }
}

/// Whether the signer signs, as health tells it.
pub(super) fn condition(signing: &Signing) -> Condition {
    match signing {
        Signing::On => Condition::Works,
        Signing::Waiting(why) | Signing::Doubted(why) | Signing::Stopped(why) => {
            Condition::Fails(why.clone())
        }
    }
}

/// A decision that waits because the clock is wrong is an alarm.
pub(super) fn alarm_of_clock(cause: &Cause) {
    if cause.is_clock() {
        metrics::counter!("oracle_clock_alarms_total").increment(1);
        tracing::warn!(%cause, "a decision waits for the clock");
    }
}

/// Says what is new about the clock.
fn tell_clock(before: &ClockHealth, clock: &ClockHealth, now: DateTime<Utc>) {
    if clock.jumped && !before.jumped {
        metrics::counter!("oracle_clock_alarms_total").increment(1);
        tracing::error!(%now, "the clock has jumped ahead; nothing is announced");
    }
    match clock.unconfirmed {
        Some(why) if clock.is_held && !before.is_held => {
            metrics::counter!("oracle_clock_alarms_total").increment(1);
            tracing::error!(%now, %why, "the time is not confirmed");
        }
        Some(why) if before.unconfirmed != Some(why) => {
            tracing::info!(%now, %why, "the time is not confirmed");
        }
        None if before.unconfirmed.is_some() => tracing::info!(%now, "the time is confirmed"),
        _ => {}
    }
    match (&before.doubt, &clock.doubt) {
        (None, Some(doubt)) => {
            metrics::counter!("oracle_clock_alarms_total").increment(1);
            tracing::error!(
                ahead_s = doubt.ahead_s,
                roots = doubt.roots.join(", "),
                "providers doubt the clock; what rests on their answers waits"
            );
        }
        (Some(_), None) => tracing::info!("no two providers doubt the clock any more"),
        _ => {}
    }
    report_clock(before, clock);
}

/// The clock's gauges; a root that says nothing any more is `NaN`.
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format"
)]
fn report_clock(before: &ClockHealth, clock: &ClockHealth) {
    metrics::gauge!("oracle_clock_jumped").set(f64::from(u8::from(clock.jumped)));
    metrics::gauge!("oracle_clock_unconfirmed")
        .set(f64::from(u8::from(clock.unconfirmed.is_some())));
    let doubting = clock.doubt.as_ref().map_or(0, |doubt| doubt.roots.len());
    metrics::gauge!("oracle_clock_doubting_roots").set(doubting as f64);
    let ahead =
        |root: &String| metrics::gauge!("oracle_clock_ahead_seconds", "root" => root.clone());
    for root in before.ahead_s.keys() {
        if !clock.ahead_s.contains_key(root) {
            ahead(root).set(f64::NAN);
        }
    }
    for (root, skew) in &clock.ahead_s {
        ahead(root).set(*skew as f64);
    }
}
