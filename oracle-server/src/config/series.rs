//! `[[series]]`: when their events mature.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use oracle_schema::SeriesId;

use super::definition::{Place, definition};
use super::{Context, Refusal, Series, duration, file, instant, seconds};

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
            Self::At(times) => times.iter().copied().find(|t| *t > after),
        }
    }
}

pub(super) fn series(
    key: &str,
    section: &file::Entry,
    context: &Context<'_>,
) -> Result<Series, Refusal> {
    let place = Place::new(key);
    let id = SeriesId::parse(&section.id).map_err(|e| place.refuse("id", e))?;
    let definition = definition(&place, section, context, None)?;
    let schedule = schedule(&place, section)?;
    let announce_ahead = place.required("announce_ahead", section.announce_ahead.as_deref())?;
    let announce_ahead = duration(place.at("announce_ahead"), announce_ahead)?;
    if announce_ahead.as_secs() == 0 || announce_ahead.as_secs() > 5 * 366 * 86_400 {
        return Err(place.refuse(
            "announce_ahead",
            "must be at least 1s and at most five years",
        ));
    }
    let fingerprint = format!(
        "{} {}s every {:?} cron {:?} at {:?}",
        hex::encode(definition.policy_hash),
        announce_ahead.as_secs(),
        section.every,
        section.cron,
        section.at
    );
    Ok(Series {
        id,
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
