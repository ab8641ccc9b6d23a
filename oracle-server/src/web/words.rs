//! Times, spans and states as the pages write them.

use std::fmt;

use askama::filters::HtmlSafe;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::http::events::state_name;
use crate::store::read::EventState;

/// A time for people and programs, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(pub(super) DateTime<Utc>);

impl Stamp {
    /// Of Unix milliseconds.
    pub(super) fn of_ms(ms: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(ms).map(Self)
    }

    /// Of Unix seconds.
    pub(super) fn of_s(s: i64) -> Option<Self> {
        DateTime::from_timestamp(s, 0).map(Self)
    }

    /// RFC 3339.
    pub(super) fn iso(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    /// `2026-11-22 16:00:00.123`; the fraction only where there is one.
    pub(super) fn text(&self) -> String {
        let ms = self.0.timestamp_subsec_millis();
        let whole = self.0.format("%Y-%m-%d %H:%M:%S");
        if ms == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{ms:03}")
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (iso, text) = (self.iso(), self.text());
        write!(f, "<time datetime=\"{iso}\" title=\"UTC\">{text}</time>")
    }
}

// Digits and punctuation alone.
impl HtmlSafe for Stamp {}

/// How far away a time is; the live script keeps it true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distance {
    pub(super) to: DateTime<Utc>,
    pub(super) from: DateTime<Utc>,
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.to - self.from).num_seconds();
        let unix = self.to.timestamp();
        write!(f, "<span class=\"rel\" data-at=\"{unix}\">")?;
        if seconds >= 0 {
            write!(f, "in {}", rough(seconds))?;
        } else {
            write!(f, "{} ago", rough(-seconds))?;
        }
        f.write_str("</span>")
    }
}

impl HtmlSafe for Distance {}

/// The largest two units of a span: `2 d 3 h`, `4 min 10 s`.
pub(super) fn rough(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds.max(0);
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Milliseconds as seconds with three decimals, from an hour on roughly.
pub(super) fn late(ms: i64) -> String {
    let sign = if ms < 0 { "−" } else { "" };
    let ms = ms.unsigned_abs();
    if ms >= 3_600_000 {
        return format!(
            "{sign}{}",
            rough(i64::try_from(ms / 1000).unwrap_or(i64::MAX))
        );
    }
    format!("{sign}{}.{:03} s", ms / 1000, ms % 1000)
}

/// A state as a label: its name, a sign that differs in shape, a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Badge(pub(super) EventState);

impl Badge {
    /// Of nothing but lower-case letters.
    pub(super) fn name(self) -> &'static str {
        state_name(self.0)
    }

    /// What it means, in a sentence.
    pub(super) fn meaning(self) -> &'static str {
        match self.0 {
            EventState::Scheduled => "It will be announced.",
            EventState::Announced => "Its nonces are published; the outcome is still to come.",
            EventState::Matured => "Its time has come; the sources are being asked.",
            EventState::Provisional => "Sources agree; the settle delay runs.",
            EventState::Held => "It waits until sources agree again, or for people.",
            EventState::Committed => "The outcome is fixed; its signature is about to follow.",
            EventState::Attested => "The outcome is signed and published, for ever.",
            EventState::Voided => "It was attested as void.",
            EventState::Refund => "It will never be attested; contracts on it are refunded.",
            EventState::Withdrawn => "It was never announced and never will be.",
        }
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        write!(f, "<span class=\"state {name}\">{name}</span>")
    }
}

impl HtmlSafe for Badge {}

/// Kinds in words.
pub(super) fn kind(kind: &str) -> &'static str {
    match kind {
        "digits" => "price, digit by digit",
        "threshold" => "price against a level",
        "match" => "match",
        "election" => "election",
        "operators" => "question to operators",
        _ => "event",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units_that_follow_each_other() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_601, "1 h"),
            (90_000, "1 d 1 h"),
            (-5, "0 s"),
        ] {
            assert_eq!(rough(seconds), text);
        }
    }

    #[test]
    fn lateness_is_exact_to_the_millisecond() {
        assert_eq!(late(1_234), "1.234 s");
        assert_eq!(late(-7), "−0.007 s");
        assert_eq!(late(3_600_000), "1 h");
    }

    #[test]
    fn a_time_is_written_for_people_and_for_programs() {
        let at = DateTime::from_timestamp_millis(1_795_363_200_120).unwrap_or_default();
        assert_eq!(
            Stamp(at).to_string(),
            "<time datetime=\"2026-11-22T16:00:00.120Z\" title=\"UTC\">2026-11-22 16:00:00.120</time>"
        );
    }
}
