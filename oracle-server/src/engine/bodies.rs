//! Bodies of answers: how many are kept, and when they are forgotten.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Engine, EngineError};
use crate::store::BodiesToday;

/// How often bodies are looked through for those to be forgotten.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);

/// How long a body that no manifest names is kept after it was last received: longer
/// than any event stays open, so that its decision finds it.
const KEPT_UNUSED: TimeDelta = TimeDelta::days(400);

impl Engine {
    /// Now and then forgets what a licence does not let be kept, and what no outcome
    /// rests on. A clock that runs ahead forgets nothing.
    pub(super) async fn forget_bodies(&mut self, now: DateTime<Utc>) -> Result<(), EngineError> {
        if now < self.forget_at || self.clock_trust.runs_ahead(&*self.clock) {
            return Ok(());
        }
        self.forget_at = now + FORGET_EVERY;
        let forgotten = self.store.forget_bodies(now, now - KEPT_UNUSED).await?;
        if forgotten > 0 {
            tracing::info!(
                bodies = forgotten,
                "forgotten: their licence wants it, or no outcome rests on them"
            );
        }
        report_bodies(self.store.kept_bodies().await?);
        Ok(())
    }

    /// Says what is kept of today, and when bodies begin to be dropped.
    pub(super) fn note_bodies(&self) {
        let today = self.store.bodies_today();
        let before = self.health.borrow().bodies;
        if today == before {
            return;
        }
        report_today(today);
        if today.dropped > 0 && before.dropped == 0 {
            tracing::error!(
                kept = today.kept,
                limit = today.limit,
                "sources send more than is kept of a day: answers count, and their bodies \
                 are not kept (store.evidence_per_day)"
            );
        }
        self.health.send_modify(|report| report.bodies = today);
    }
}

/// The gauges of kept bodies.
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format"
)]
fn report_bodies(kept: [(i64, i64); 2]) {
    for (named, (bodies, bytes)) in ["yes", "no"].into_iter().zip(kept) {
        metrics::gauge!("oracle_evidence_bodies", "named" => named).set(bodies as f64);
        metrics::gauge!("oracle_evidence_bytes", "named" => named).set(bytes as f64);
    }
}

/// The gauges of today's bodies.
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format"
)]
fn report_today(today: BodiesToday) {
    let of = |name: &'static str| metrics::gauge!("oracle_evidence_day_bytes", "of" => name);
    of("kept").set(today.kept as f64);
    of("dropped").set(today.dropped as f64);
    of("limit").set(today.limit as f64);
}
