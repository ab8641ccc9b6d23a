//! The one way this crate learns the time: it is told.

use chrono::{DateTime, Utc};

/// Where the fetcher and the loopback venues take the time from.
pub trait TimeSource: Send + Sync {
    /// The current time, UTC.
    fn now(&self) -> DateTime<Utc>;
}
