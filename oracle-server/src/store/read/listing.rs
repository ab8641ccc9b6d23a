//! Published messages in the order of their maturities, for readers that list
//! announcements with their attestations.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::ReadStore;
use crate::store::db::{Arg, Row, args, seconds};
use crate::store::states::UNPUBLISHED;
use crate::store::{StoreError, event_id};
use oracle_schema::{EventId, Maturity};

/// An event as lists of messages have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Name.
    pub event_id: EventId,
    /// When the outcome is fixed.
    pub maturity: Maturity,
    /// Enum text or attested integer, once attested.
    pub outcome: Option<String>,
}

/// Which announced events to list.
#[derive(Debug, Clone, Default)]
pub struct PublishedFilter<'a> {
    /// Only this series.
    pub series: Option<&'a str>,
    /// Maturity strictly after.
    pub matures_after: Option<DateTime<Utc>>,
    /// Maturity at or before.
    pub matured_by: Option<DateTime<Utc>>,
    /// Only what stands before this (maturity, event id).
    pub before: Option<(Maturity, &'a str)>,
    /// Latest maturity first; otherwise the earliest.
    pub latest_first: bool,
    /// Rows to leave out first.
    pub skip: i64,
    /// Rows at most.
    pub limit: i64,
}

impl ReadStore {
    /// Announced events with what came out.
    pub async fn published(
        &self,
        filter: &PublishedFilter<'_>,
    ) -> Result<Vec<PublishedEvent>, StoreError> {
        // Every other state is one after the announcement.
        let mut sql = format!(
            "SELECT e.event_id, e.maturity FROM event e WHERE e.state NOT IN {UNPUBLISHED}"
        );
        let mut args: Vec<Arg> = Vec::new();
        let mut put = |part: &str, arg: Arg| {
            args.push(arg);
            sql.push_str(&part.replace('?', &format!("${}", args.len())));
        };
        if let Some(series) = filter.series {
            put(" AND e.series = ?", series.into());
        }
        if let Some(time) = filter.matures_after {
            put(" AND e.maturity > ?", seconds(time));
        }
        if let Some(time) = filter.matured_by {
            put(" AND e.maturity <= ?", seconds(time));
        }
        if let Some((maturity, id)) = filter.before {
            put(" AND (e.maturity, e.event_id) < (?", maturity.into());
            put(", ?)", id.into());
        }
        let order = if filter.latest_first {
            " ORDER BY e.maturity DESC, e.event_id DESC"
        } else {
            " ORDER BY e.maturity, e.event_id"
        };
        put(&format!("{order} LIMIT ?"), filter.limit.into());
        put(" OFFSET ?", filter.skip.into());
        // What was signed is looked up for the rows of the page alone.
        let sql = format!(
            "SELECT e.event_id, e.maturity, t.outcome FROM ({sql}) e \
             LEFT JOIN attestation t ON t.event_id = e.event_id{order}"
        );
        let rows = self.db.fetch(AssertSqlSafe(sql), args).await?;
        rows.iter().map(published).collect()
    }

    /// An event of a series, announced or not, with what came out. An event of
    /// that name that is not the series' own is none.
    pub async fn series_event(
        &self,
        series: &str,
        id: &str,
    ) -> Result<Option<PublishedEvent>, StoreError> {
        self.db
            .fetch_optional(
                "SELECT e.event_id, e.maturity, t.outcome FROM event e \
                 LEFT JOIN attestation t ON t.event_id = e.event_id \
                 WHERE e.event_id = $1 AND e.series = $2",
                args![id, series],
            )
            .await?
            .map(|row| published(&row))
            .transpose()
    }
}

fn published(row: &Row) -> Result<PublishedEvent, StoreError> {
    let id: String = row.get("event_id")?;
    Ok(PublishedEvent {
        event_id: event_id(&id)?,
        maturity: row.maturity()?,
        outcome: row.get("outcome")?,
    })
}
