//! What the engine says of itself: read by the health endpoint.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_feeds::observation::SourceReading;

use super::Engine;

/// How the process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process announces and attests.
    pub leader: bool,
    /// State of the signing journal.
    pub journal: String,
    /// Sources, by their configured name.
    pub providers: BTreeMap<String, ProviderHealth>,
}

/// How a source is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderHealth {
    /// Answers that held an observation.
    pub succeeded: u64,
    /// Answers that did not.
    pub failed: u64,
    /// How the last answer was read.
    pub last_verdict: String,
    /// What that rested on.
    pub last_detail: Option<String>,
    /// When.
    pub last_at: Option<DateTime<Utc>>,
}

impl HealthReport {
    /// Of a process that leads and has seen nothing yet.
    pub fn leading() -> Self {
        Self {
            leader: true,
            journal: "ok".to_owned(),
            providers: BTreeMap::new(),
        }
    }

    /// Of a process that only reads.
    pub fn standby() -> Self {
        Self {
            leader: false,
            journal: "unused".to_owned(),
            providers: BTreeMap::new(),
        }
    }
}

impl Engine {
    /// Notes how sources answered.
    pub(super) fn note_sources(&self, readings: &[SourceReading], now: DateTime<Utc>) {
        self.health.send_modify(|report| {
            for reading in readings {
                let source = report.providers.entry(reading.source.clone()).or_default();
                let verdict = reading.reading.verdict();
                if verdict == "observation" {
                    source.succeeded += 1;
                } else {
                    source.failed += 1;
                }
                metrics::counter!("oracle_source_readings_total",
                    "source" => reading.source.clone(), "verdict" => verdict)
                .increment(1);
                verdict.clone_into(&mut source.last_verdict);
                source.last_detail = reading.reading.detail().map(str::to_owned);
                source.last_at = Some(now);
            }
        });
    }

    /// Publishes the figures of the last tick.
    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges are floats by their format; the counts are small"
    )]
    pub(super) fn report_health(&self) {
        metrics::gauge!("oracle_observations_in_flight").set(self.in_flight.len() as f64);
        metrics::gauge!("oracle_rounds_waiting").set(self.waiting.len() as f64);
        metrics::gauge!("oracle_leader_epoch").set(self.store.epoch() as f64);
    }
}
