//! Which events the series will have, by their schedules alone: what readers are told
//! of events that are not announced yet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::{AssetId, EventId, Maturity, SeriesId};

use super::{Series, check_refund};

/// The series as configured.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    series: BTreeMap<SeriesId, Series>,
    /// Whose events are named by an asset.
    by_asset: BTreeMap<AssetId, SeriesId>,
}

/// An event that a series has, or will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// Its name.
    pub event_id: EventId,
    /// When its outcome is fixed.
    pub maturity: Maturity,
    /// When it is announced.
    pub announce_at: DateTime<Utc>,
    /// When it becomes a refund.
    pub attest_by: DateTime<Utc>,
}

impl Calendar {
    /// Of these series.
    pub fn new(series: &BTreeMap<SeriesId, Series>) -> Self {
        let by_asset = |s: &Series| Some((s.id_format.p2pd()?.clone(), s.id.clone()));
        Self {
            by_asset: series.values().filter_map(by_asset).collect(),
            series: series.clone(),
        }
    }

    /// The series with this name.
    pub fn series(&self, id: &str) -> Option<&Series> {
        self.series.get(&SeriesId::parse(id).ok()?)
    }

    /// Series in the order of their names, from the one after `after` on.
    pub fn after(&self, after: Option<&str>) -> impl Iterator<Item = &Series> {
        self.series
            .values()
            .filter(move |s| after.is_none_or(|after| s.id.as_str() > after))
    }

    /// The series and the event of this name, where a series has one at the maturity that
    /// the name says and that is ahead of `now`: series announce nothing after the fact.
    pub fn event(&self, id: &str, now: DateTime<Utc>) -> Option<(&Series, Upcoming)> {
        let (series, maturity) = self.named(id)?;
        let maturity = Maturity::from_unix(maturity).ok()?;
        let is_due = maturity.to_datetime() > now
            && series.id_format.event_id(maturity).as_str() == id
            && series.schedule.has(maturity.unix());
        let upcoming = is_due.then(|| Upcoming::of(series, maturity)).flatten()?;
        Some((series, upcoming))
    }

    /// The series and the maturity that an id seems to name.
    fn named(&self, id: &str) -> Option<(&Series, i64)> {
        if let Some((series, maturity)) = id.split_once('@') {
            let maturity = DateTime::parse_from_rfc3339(maturity).ok()?;
            return Some((self.series(series)?, maturity.timestamp()));
        }
        let (asset, maturity) = id.split_at_checked(AssetId::BYTES)?;
        let series = self.by_asset.get(&AssetId::parse(asset).ok()?)?;
        Some((self.series.get(series)?, maturity.parse().ok()?))
    }
}

impl Series {
    /// How long before their maturity its events are announced, in whole seconds.
    pub fn ahead(&self) -> TimeDelta {
        let ahead = i64::try_from(self.announce_ahead.as_secs()).ok();
        // The configuration bounds it to five years.
        ahead
            .and_then(TimeDelta::try_seconds)
            .unwrap_or(TimeDelta::MAX)
    }

    /// When its event of that maturity is announced.
    pub fn announce_at(&self, maturity: Maturity) -> DateTime<Utc> {
        let at = maturity.to_datetime().checked_sub_signed(self.ahead());
        at.unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// Its events that mature after `after`, the earliest first, for as long as a
    /// contract on one can have a refund.
    pub fn upcoming(&self, after: DateTime<Utc>) -> impl Iterator<Item = Upcoming> {
        let next = |after| self.schedule.next_after(after);
        std::iter::successors(next(after.timestamp()), move |maturity| next(*maturity))
            .map_while(|maturity| Maturity::from_unix(maturity).ok())
            .map_while(|maturity| Upcoming::of(self, maturity))
    }
}

impl Upcoming {
    /// None where the series has ended by then, as it does for the engine.
    fn of(series: &Series, maturity: Maturity) -> Option<Self> {
        let give_up_after_s = series.definition.policy.give_up_after_s;
        check_refund(maturity.unix(), give_up_after_s).ok()?;
        Some(Self {
            event_id: series.id_format.event_id(maturity),
            maturity,
            announce_at: series.announce_at(maturity),
            attest_by: series.definition.attest_by(maturity),
        })
    }
}
