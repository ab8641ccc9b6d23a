//! `[compat]`: which series the p2pd and sibyls dialects offer, under which name.

use std::collections::BTreeMap;
use std::time::Duration;

use oracle_schema::SeriesId;

use super::{IdFormat, Refusal, Schedule, Series, file};

/// Longest name of an asset, bytes.
const NAME_BYTES: usize = 16;

/// A series as the p2pd and sibyls dialects offer it.
#[derive(Debug, Clone)]
pub struct Asset {
    /// As configured; sibyls clients say it in capitals.
    pub name: String,
    /// Which series it is.
    pub series: SeriesId,
    /// How the series names its events; only ids of p2pd are offered to p2pd.
    pub id_format: IdFormat,
    /// Seconds from one maturity to the next, aligned to the Unix epoch; `None`
    /// where they follow a calendar or a list.
    pub every_s: Option<u32>,
    /// How long before maturity events are announced.
    pub announce_ahead: Duration,
}

/// The key of one asset, dotted.
pub(super) fn key(name: &str) -> String {
    format!("compat.assets.{name}")
}

/// What `[compat]` calls each p2pd series; one name each, since it stands in
/// the events' ids.
pub(super) fn names<'a>(
    assets: &'a BTreeMap<String, String>,
    sections: &[file::Entry],
) -> Result<BTreeMap<&'a str, &'a str>, Refusal> {
    let mut names = BTreeMap::new();
    for (name, series) in assets {
        let is_p2pd = |s: &file::Entry| s.id == *series && s.id_format.is_some();
        if sections.iter().any(is_p2pd)
            && let Some(other) = names.insert(series.as_str(), name.as_str())
        {
            return Err(Refusal::new(
                key(name),
                format!(
                    "is {other:?} already: the asset's name begins the ids of a series with \
                     id_format = \"p2pd\", so it can have one only"
                ),
            ));
        }
    }
    Ok(names)
}

/// Checks the assets against the series.
pub(super) fn assets(
    assets: &BTreeMap<String, String>,
    series: &BTreeMap<SeriesId, Series>,
) -> Result<Vec<Asset>, Refusal> {
    let mut all: Vec<Asset> = Vec::with_capacity(assets.len());
    for (name, id) in assets {
        let refuse = |reason: String| Err(Refusal::new(key(name), reason));
        if !(1..=NAME_BYTES).contains(&name.len())
            || !name.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return refuse(format!(
                "an asset's name is 1 to {NAME_BYTES} letters or digits"
            ));
        }
        if all.iter().any(|a| a.name.eq_ignore_ascii_case(name)) {
            return refuse("another asset differs from it in capitals only".to_owned());
        }
        let Some(one) = series.values().find(|s| s.id.as_str() == id) else {
            return refuse(format!("there is no series {id:?}"));
        };
        let kind = one.definition.policy.rule.kind();
        if kind != "digits" {
            return refuse(format!(
                "series {id:?} is of kind {kind:?}; clients of assets read numbers, of kind \"digits\""
            ));
        }
        all.push(Asset {
            name: name.clone(),
            series: one.id.clone(),
            id_format: one.id_format.clone(),
            every_s: match one.schedule {
                Schedule::Every(step) => Some(step),
                Schedule::Cron(_) | Schedule::At(_) => None,
            },
            announce_ahead: one.announce_ahead,
        });
    }
    Ok(all)
}
