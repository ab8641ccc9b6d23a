//! What the engine notes of its sources and of itself.

use chrono::{DateTime, Utc};
use oracle_feeds::observation::SourceReading;

use super::Engine;

impl Engine {
    /// Notes how sources answered.
    pub(super) fn note_sources(&self, readings: &[SourceReading], now: DateTime<Utc>) {
        self.health.send_modify(|report| {
            for reading in readings {
                let source = report.providers.entry(reading.source.clone()).or_default();
                let verdict = reading.reading.verdict();
                source.ok = verdict == "observation";
                if source.ok {
                    source.last_success_at = Some(now);
                    source.consecutive_failures = 0;
                    source.last_error = None;
                } else {
                    source.consecutive_failures = source.consecutive_failures.saturating_add(1);
                    source.last_error = Some(format!("{verdict}: {}", reading.reading.detail()));
                }
                metrics::counter!("oracle_source_readings_total",
                    "source" => reading.source.clone(), "verdict" => verdict)
                .increment(1);
            }
        });
    }

    /// Publishes the figures of the last tick.
    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges are floats by their format; the counts are small"
    )]
    pub(super) fn report_metrics(&self) {
        metrics::gauge!("oracle_observations_in_flight")
            .set((self.in_flight.len() + self.asking.len()) as f64);
        metrics::gauge!("oracle_rounds_waiting").set(self.waiting.len() as f64);
        metrics::gauge!("oracle_leader_epoch").set(self.store.epoch() as f64);
    }
}
