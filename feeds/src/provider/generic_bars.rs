//! Bars of trades as a generic source lists them: which of them fixes T.
//!
//! What decides: the time of every row, and of the rows that may count, newest
//! first, the volume and, of the first one with trades, the close. Rows outside
//! the window and closes of rows without trades are not read.

use oracle_schema::policy::{BarFormat, Stamp};
use rust_decimal::Decimal;

use super::generic::Stated;
use crate::observation::{PriceQuery, Reading};

/// A bar's time may lie this far from T, milliseconds, before it is taken for
/// one in the wrong unit.
const SANE_MS: u64 = 366 * 86_400_000;

/// The rows of an answer.
pub(super) trait Rows {
    /// How many there are.
    fn len(&self) -> usize;
    /// The time of a row, Unix milliseconds, rounded up.
    fn millis(&self, row: usize) -> Result<i64, Reading>;
    /// Its close, and the literal of it.
    fn price(&self, row: usize) -> Result<(String, Decimal), Reading>;
    /// Its volume; none where the source does not state volumes.
    fn volume(&self, row: usize) -> Result<Option<Decimal>, Reading>;
}

/// The close of the newest bar with trades that ended at or before T.
///
/// Nothing is known of T before the source shows that it moved past it, by a
/// bar that ends later: a bar that is missing until then may only be late.
pub(super) fn newest(
    query: &PriceQuery<'_>,
    format: &BarFormat,
    rows: &impl Rows,
) -> Result<Stated, Reading> {
    let t_ms = query.at.saturating_mul(1000);
    let mut ends = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        ends.push((end(rows.millis(row)?, format), row));
    }
    if !ends.is_empty() && ends.iter().all(|(end, _)| end.abs_diff(t_ms) > SANE_MS) {
        return Err(Reading::Contradiction(
            "no bar is anywhere near T: wrong unit?".to_owned(),
        ));
    }
    if !moved_past(t_ms, &ends) {
        return Err(Reading::Lagging(
            "no bar ends after T: the source has not shown that it moved past T".to_owned(),
        ));
    }
    let oldest = t_ms.saturating_sub(i64::from(query.max_trade_age_s).saturating_mul(1000));
    ends.retain(|(end, _)| (oldest..=t_ms).contains(end));
    ends.sort_by(|a, b| b.cmp(a));
    for same in ends.chunk_by(|a, b| a.0 == b.0) {
        if let Some(stated) = traded(rows, same)? {
            return Ok(stated);
        }
    }
    Err(Reading::NoData(format!(
        "no bar with trades ends in the {} s up to T: stale",
        query.max_trade_age_s
    )))
}

/// When the bar ended, Unix milliseconds.
fn end(millis: i64, format: &BarFormat) -> i64 {
    match format.stamped {
        Stamp::Close => millis,
        Stamp::Open => millis.saturating_add(i64::from(format.length_s.get()) * 1000),
    }
}

/// Whether the source has shown that nothing it may still add ended by T: bars
/// follow one another, so one that ends later began when the last of those was
/// over.
fn moved_past(t_ms: i64, ends: &[(i64, usize)]) -> bool {
    ends.iter().any(|(end, _)| *end > t_ms)
}

/// What the rows of one bar state; none if nothing traded in it. Two different
/// rows of one bar are a contradiction.
fn traded(rows: &impl Rows, same: &[(i64, usize)]) -> Result<Option<Stated>, Reading> {
    let mut found: Option<Stated> = None;
    let mut volumes = Vec::with_capacity(same.len());
    for (end, row) in same {
        let volume = rows.volume(*row)?;
        if volume.is_some_and(|v| v < Decimal::ZERO) {
            return Err(Reading::Contradiction(format!(
                "the bar that ends at {end} ms has a negative volume"
            )));
        }
        volumes.push(volume);
        if volume.is_some_and(|v| v.is_zero()) {
            continue;
        }
        let (literal, price) = rows.price(*row)?;
        if found.as_ref().is_some_and(|other| other.price != price) {
            return Err(twice(*end));
        }
        found = Some(Stated {
            literal,
            price,
            millis: *end,
        });
    }
    let differ = volumes.windows(2).any(|pair| pair.first() != pair.last());
    match same.first() {
        Some((end, _)) if differ => Err(twice(*end)),
        _ => Ok(found),
    }
}

fn twice(end: i64) -> Reading {
    Reading::Contradiction(format!("two different bars end at {end} ms"))
}
