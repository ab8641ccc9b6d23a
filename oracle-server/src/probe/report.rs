//! What was probed, as people read it.

use std::fmt;

use oracle_feeds::Reading;
use oracle_feeds::observation::{Exchange, PriceQuery, Query};

use oracle_schema::evidence::method;

use super::{Probed, Report};

/// Characters shown of what was posted: a batch of calls is long.
const SHOWN_OF_BODY: usize = 200;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            writeln!(f, "{source}")?;
        }
        for would_be in &self.decisions {
            writeln!(f, "{}\n  {}", would_be.about, would_be.decision)?;
        }
        let (readable, all) = self.readable();
        writeln!(f, "\n{readable} of {all} sources answered as documented")
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = &self.seen;
        writeln!(
            f,
            "{} (root {}), for {}",
            seen.source,
            seen.root,
            self.used_by.join(", ")
        )?;
        if let Query::Price(PriceQuery {
            sample_from_s: Some(from_s),
            ..
        }) = self.question.query()
        {
            writeln!(
                f,
                "  has no history: sampled in the {from_s} s before a maturity, asked now"
            )?;
        }
        for exchange in &seen.exchanges {
            asked(f, exchange)?;
        }
        // Foreign text, as the headers: a terminal must not obey it.
        let detail = printable(seen.reading.detail());
        write!(f, "  {}: {detail}", seen.reading.verdict())?;
        match (&seen.reading, seen.reading.price().map(|p| p.effective_at)) {
            (Reading::Observation(_), Some(at)) => writeln!(f, ", of {}", time(at)),
            (
                Reading::Transient {
                    retry_after: Some(wait),
                    ..
                },
                _,
            ) => writeln!(f, "; asks to be left alone for {} s", wait.as_secs()),
            _ => writeln!(f),
        }
    }
}

fn asked(f: &mut fmt::Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    let took = exchange.received_at - exchange.sent_at;
    let posted = exchange.posted.as_deref();
    writeln!(f, "  {} {}", method(posted), exchange.url)?;
    if let Some(posted) = posted {
        let cut: String = posted.chars().take(SHOWN_OF_BODY).collect();
        let more = if cut.len() < posted.len() { " …" } else { "" };
        writeln!(f, "    {}{more}", printable(&cut))?;
    }
    let status = exchange
        .status
        .map_or_else(|| "no status".to_owned(), |s| s.to_string());
    let bytes = exchange.body.len();
    write!(
        f,
        "    {status}, {bytes} bytes, {} ms",
        took.num_milliseconds()
    )?;
    if let Some(failure) = &exchange.failure {
        write!(f, ", {failure}")?;
    }
    writeln!(f)?;
    for (name, value) in &exchange.headers {
        // Foreign text: a terminal must not obey it.
        writeln!(f, "    {name}: {}", value.escape_default())?;
    }
    Ok(())
}

/// Without what commands a terminal; letters of any language stay.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn time(unix: i64) -> String {
    chrono::DateTime::from_timestamp(unix, 0)
        .map_or_else(|| unix.to_string(), |t| t.format("%FT%TZ").to_string())
}
