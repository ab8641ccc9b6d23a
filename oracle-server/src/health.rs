//! What the process says of itself: written by the engine, read by HTTP.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_feeds::health::Health;

use crate::disk::DiskHealth;
use crate::store::BodiesToday;

/// How the process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process announces and attests.
    pub leader: bool,
    /// `ok`, or why the signing journal cannot be used. Never a path.
    pub journal: String,
    /// `ok`, or why this process announces and attests nothing.
    pub signing: String,
    /// Providers, by name; a generic source by its own.
    pub providers: BTreeMap<String, ProviderHealth>,
    /// What is known about the clock.
    pub clock: ClockHealth,
    /// Passes of the engine in a row that could not be finished. Nothing is lost by
    /// one, and while they last nothing is attested.
    pub failed_passes: u32,
    /// Room where the service writes; whoever leads.
    pub disk: DiskHealth,
    /// What came of bodies today.
    pub bodies: BodiesToday,
}

/// What is known about the clock besides what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockHealth {
    /// Whether it jumped ahead, by the monotonic clock, and no provider has
    /// said yet that it is right; or a provider contradicts it since the start.
    pub jumped: bool,
    /// How far it is ahead of each root that told the time within an hour,
    /// seconds.
    pub ahead_s: BTreeMap<String, i64>,
    /// Roots that say alike that it is wrong.
    pub doubt: Option<ClockDoubt>,
    /// Why it is not believed for everything, or what waits for somebody to tell the
    /// time.
    pub unconfirmed: Option<String>,
    /// Whether something has waited for that for more than a minute.
    pub is_held: bool,
}

/// Independent roots that say alike that the clock is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockDoubt {
    /// How far it is ahead of theirs, seconds; negative where it is behind.
    pub ahead_s: i64,
    /// Two at least.
    pub roots: Vec<String>,
    /// Since when, by the doubted clock.
    pub since: DateTime<Utc>,
}

impl HealthReport {
    /// Of a process that leads and has seen nothing yet.
    pub fn leading() -> Self {
        Self {
            leader: true,
            ..Self::standby()
        }
    }

    /// Of a process that only reads: it has no journal to be wrong.
    pub fn standby() -> Self {
        Self {
            leader: false,
            journal: "ok".to_owned(),
            signing: "ok".to_owned(),
            providers: BTreeMap::new(),
            clock: ClockHealth::default(),
            failed_passes: 0,
            disk: DiskHealth::default(),
            bodies: BodiesToday::default(),
        }
    }

    /// `ok`, or that bodies of answers are not kept.
    pub fn evidence(&self) -> String {
        let BodiesToday { dropped, limit, .. } = self.bodies;
        match dropped {
            0 => "ok".to_owned(),
            _ => format!(
                "sources send more than is kept of a day: {dropped} bytes of bodies were not \
                 kept today; see who sends it (oracle_evidence_bytes_total), or raise \
                 store.evidence_per_day ({limit} bytes)"
            ),
        }
    }

    /// Begins anew, as one that leads or one that only reads. The disk is the same.
    pub fn begin(&mut self, leader: bool) {
        let disk = std::mem::take(&mut self.disk);
        *self = Self {
            leader,
            disk,
            ..Self::standby()
        };
    }
}

/// How a provider is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The last answer held an observation.
    pub ok: bool,
    /// When one last did.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why the last answer held none, if it did not; without secrets.
    pub last_error: Option<String>,
    /// Success, lag and deviation; whether it is left alone for a while.
    pub record: Health,
}
