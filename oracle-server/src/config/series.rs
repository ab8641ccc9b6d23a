//! `[[series]]`: when their events mature.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use oracle_schema::{AssetId, EventId, Maturity, SeriesId};

use super::definition::{check_refund, check_size, definition};
use super::place::Place;
use super::{Context, Refusal, Series, compat, duration, file, instant, seconds};

/// When the events of a series mature.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Every so many seconds, aligned to the Unix epoch.
    Every(u32),
    /// A cron expression, UTC.
    Cron(Box<croner::Cron>),
    /// Listed times, Unix seconds, ascending.
    At(Vec<i64>),
}

impl Schedule {
    /// The first maturity strictly after `after` (Unix seconds).
    pub fn next_after(&self, after: i64) -> Option<i64> {
        match self {
            Self::Every(step) => {
                let step = i64::from(*step);
                after.div_euclid(step).checked_add(1)?.checked_mul(step)
            }
            Self::Cron(cron) => {
                let after = DateTime::<Utc>::from_timestamp(after, 0)?;
                cron.find_next_occurrence(&after, false)
                    .ok()
                    .map(|t| t.timestamp())
            }
            Self::At(times) => times.get(times.partition_point(|t| *t <= after)).copied(),
        }
    }

    /// Whether there is a maturity at that time (Unix seconds).
    pub fn has(&self, at: i64) -> bool {
        match self {
            Self::Every(step) => at.rem_euclid(i64::from(*step)) == 0,
            Self::Cron(cron) => DateTime::<Utc>::from_timestamp(at, 0)
                .is_some_and(|at| cron.is_time_matching(&at).unwrap_or(false)),
            Self::At(times) => times.binary_search(&at).is_ok(),
        }
    }
}

/// How a series names its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdFormat {
    /// `{series}@{maturity}`.
    Series(SeriesId),
    /// `{asset}{Unix seconds}`, as p2pd clients need it.
    P2pd(AssetId),
}

impl IdFormat {
    /// The name of the event that matures then.
    pub fn event_id(&self, maturity: Maturity) -> EventId {
        match self {
            Self::Series(series) => EventId::in_series(series, maturity),
            Self::P2pd(asset) => EventId::of_asset(asset, maturity),
        }
    }

    /// The asset as p2pd clients know it, where they can.
    pub fn p2pd(&self) -> Option<&AssetId> {
        match self {
            Self::Series(_) => None,
            Self::P2pd(asset) => Some(asset),
        }
    }
}

/// `asset`: what `[compat]` calls the series.
fn id_format(
    place: &Place,
    section: &file::Entry,
    id: &SeriesId,
    asset: Option<&str>,
) -> Result<IdFormat, Refusal> {
    match section.id_format.as_deref() {
        None => Ok(IdFormat::Series(id.clone())),
        Some("p2pd") => match asset {
            Some(asset) => AssetId::parse(asset)
                .map_err(|e| Refusal::new(compat::key(asset), format!("{e}; {P2PD_IDS}"))),
            None => AssetId::parse(&section.id).map_err(|_| {
                place.refuse(
                    "id_format",
                    format!(
                        "{P2PD_IDS}: give {:?} such an id, or an asset of [compat] for a name",
                        section.id
                    ),
                )
            }),
        }
        .map(IdFormat::P2pd),
        Some(other) => Err(place.refuse(
            "id_format",
            format!("{other:?} is not a format of ids; known is \"p2pd\""),
        )),
    }
}

const P2PD_IDS: &str = "the ids of p2pd events begin with six letters or digits";

pub(super) fn series(
    key: &str,
    section: &file::Entry,
    context: &Context<'_>,
    asset: Option<&str>,
) -> Result<Series, Refusal> {
    let place = Place::new(key);
    let id = SeriesId::parse(&section.id).map_err(|e| place.refuse("id", e))?;
    let id_format = id_format(&place, section, &id, asset)?;
    let definition = definition(&place, section, context, None)?;
    check_size(
        &place,
        &definition,
        &id_format.event_id(Maturity::from_epoch(u32::MAX)),
    )?;
    let schedule = schedule(&place, section)?;
    if let Schedule::At(times) = &schedule
        && let Some(last) = times.last()
    {
        check_refund(*last, definition.policy.give_up_after_s)
            .map_err(|why| place.refuse("give_up_after", why))?;
    }
    let announce_ahead = place.required("announce_ahead", section.announce_ahead.as_deref())?;
    let announce_ahead = duration(place.at("announce_ahead"), announce_ahead)?;
    if announce_ahead.as_secs() == 0 || announce_ahead.as_secs() > 5 * 366 * 86_400 {
        return Err(place.refuse(
            "announce_ahead",
            "must be at least 1s and at most five years",
        ));
    }
    let mut fingerprint = format!(
        "{} {}s every {:?} cron {:?} at {:?}",
        hex::encode(definition.policy_hash),
        announce_ahead.as_secs(),
        section.every,
        section.cron,
        section.at
    );
    if let Some(asset) = id_format.p2pd() {
        fingerprint = format!("{fingerprint} p2pd {asset}");
    }
    Ok(Series {
        id,
        id_format,
        definition,
        schedule,
        announce_ahead,
        fingerprint,
    })
}

fn schedule(place: &Place, section: &file::Entry) -> Result<Schedule, Refusal> {
    let given = [
        section.every.is_some(),
        section.cron.is_some(),
        section.at.is_some(),
    ];
    if given.iter().filter(|g| **g).count() != 1 {
        return Err(place.refuse("every", "exactly one of every, cron and at must be given"));
    }
    if let Some(every) = &section.every {
        let step = seconds(place.at("every"), every)?;
        if step == 0 {
            return Err(place.refuse("every", "must be at least 1s"));
        }
        return Ok(Schedule::Every(step));
    }
    if let Some(cron) = &section.cron {
        return croner::Cron::from_str(cron)
            .map(|c| Schedule::Cron(Box::new(c)))
            .map_err(|e| place.refuse("cron", e));
    }
    let mut times = Vec::new();
    for (i, text) in section.at.iter().flatten().enumerate() {
        times.push(instant(&place.at(&format!("at[{i}]")), text)?.unix());
    }
    if times.is_empty() {
        return Err(place.refuse("at", "lists no time"));
    }
    times.sort_unstable();
    times.dedup();
    Ok(Schedule::At(times))
}
