//! What the process says of itself: written by the engine, read by HTTP.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oracle_feeds::health::Health;

/// How the process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process announces and attests.
    pub leader: bool,
    /// `ok`, or why the signing journal cannot be used. Never a path.
    pub journal: String,
    /// Providers, by name; a generic source by its own.
    pub providers: BTreeMap<String, ProviderHealth>,
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
            providers: BTreeMap::new(),
        }
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
