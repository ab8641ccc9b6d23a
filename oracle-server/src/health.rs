//! What the process says of itself: written by the engine, read by HTTP.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// How the process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process announces and attests.
    pub leader: bool,
    /// `ok`, or why the signing journal cannot be used. Never a path.
    pub journal: String,
    /// Sources, by their configured name.
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

/// How a source is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The last answer held an observation.
    pub ok: bool,
    /// When one last did.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Answers without one since then.
    pub consecutive_failures: u32,
    /// Why the last of those held none; without secrets.
    pub last_error: Option<String>,
}
