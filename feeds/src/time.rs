//! The one way this crate learns the time: it is told.

use chrono::{DateTime, Utc};

/// Where the fetcher and the loopback venues take the time from.
pub trait TimeSource: Send + Sync {
    /// The current time, UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// IMF-fixdate, RFC 9110 section 5.6.7.
pub(crate) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(Into::into)
}
