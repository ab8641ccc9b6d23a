//! What the store keeps of sources and operators, as rules take it.

use oracle_feeds::observation::SourceReading;
use oracle_feeds::record::{self, RecordError};
use oracle_feeds::rule::OperatorReport;
use oracle_schema::evidence::Observation;
use oracle_schema::operator::Verb;

use crate::store::{ActionRow, StoreError};

/// What stored rows say, those of one attempt at one source together.
pub(super) fn readings(rows: &[Observation]) -> Result<Vec<SourceReading>, StoreError> {
    let damaged = |e: RecordError| StoreError::Damaged(format!("observation: {e}"));
    let mut readings: Vec<(i64, SourceReading)> = Vec::with_capacity(rows.len());
    for row in rows {
        // Rules see facts; whoever replays has the bytes.
        let exchange = record::exchange(row, Vec::new()).map_err(damaged)?;
        match readings.last_mut() {
            Some((number, reading)) if *number == row.attempt && reading.source == row.source => {
                reading.exchanges.push(exchange);
            }
            _ => readings.push((
                row.attempt,
                SourceReading {
                    source: row.source.clone(),
                    root: row.root.clone(),
                    exchanges: vec![exchange],
                    reading: record::reading(row).map_err(damaged)?,
                },
            )),
        }
    }
    Ok(readings.into_iter().map(|(_, reading)| reading).collect())
}

/// The reports among what operators did about an event, as a panel weighs them. A
/// refused one counts too: it is what voids its author's vote.
pub(super) fn reports(actions: &[ActionRow]) -> Vec<OperatorReport> {
    let reports = actions.iter().filter(|a| a.verb == Verb::Report);
    let report = |action: &ActionRow| {
        Some(OperatorReport {
            operator: action.operator.clone(),
            public_key: hex::encode(action.public_key),
            outcome: action.outcome.clone()?,
            received_ms: action.received_at.timestamp_millis(),
            sha256: action.sha256,
        })
    };
    reports.filter_map(report).collect()
}
