//! What the series will ask, and when. The server's word: nothing here is signed.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::EventId;
use serde::{Deserialize, Serialize};

use crate::model::EventState;
use crate::{Client, Error};

/// A series of events: `GET /v1/series/{id}`. Unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesInfo {
    /// Its name.
    pub series_id: String,
    /// `digits`, `threshold`, ….
    pub kind: String,
    /// What its events ask, in one line, without their maturity.
    pub title: String,
    /// What counts, what does not, where to look.
    #[serde(default)]
    pub description: Option<String>,
    /// Names for people, by role or outcome.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// When its events mature.
    pub period: Period,
    /// How long before their maturity its events are announced, seconds.
    pub announce_ahead_s: u64,
    /// From a maturity to the earliest decision, seconds.
    pub settle_delay_s: i64,
    /// From a maturity to [`UpcomingEvent::attest_by`], seconds.
    pub give_up_after_s: u32,
    /// Outcomes of enum events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Vec<String>>,
    /// Descriptor of digit events, as the server words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<serde_json::Value>,
    /// Nonces of each announcement, and signatures of each attestation.
    pub nonces: usize,
    /// SHA-256 of the policy of events to come, hex.
    pub policy_hash: String,
    /// Its events ahead, the earliest maturity first.
    pub next: Vec<UpcomingEvent>,
    /// What to give as `from` for those after; `None` where there are none.
    #[serde(default)]
    pub next_from: Option<DateTime<Utc>>,
}

/// When the events of a series mature.
///
/// ```
/// use oracle_client::Period;
///
/// let period: Period = serde_json::from_str(r#"{"cron": "0 16 * * *"}"#)?;
/// assert_eq!(period.to_string(), "0 16 * * * (cron, UTC)");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Every so many seconds, in step with the Unix epoch.
    EveryS(u32),
    /// A cron expression, UTC.
    Cron(String),
    /// At so many times that the operator lists.
    Listed(usize),
    /// In a way that this client does not know.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EveryS(seconds) => {
                let every = std::time::Duration::from_secs(u64::from(*seconds));
                write!(f, "every {}", humantime::format_duration(every))
            }
            Self::Cron(pattern) => write!(f, "{pattern} (cron, UTC)"),
            Self::Listed(times) => write!(f, "at {times} times that the operator lists"),
            Self::Other(value) => write!(f, "{value}"),
        }
    }
}

/// An event that is ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpcomingEvent {
    /// Its name, by which it will be announced.
    pub event_id: EventId,
    /// When its outcome is fixed.
    pub maturity: DateTime<Utc>,
    /// When it is or was due to be announced.
    pub announce_at: DateTime<Utc>,
    /// No attestation comes after this; set refund locktimes after it.
    pub attest_by: DateTime<Utc>,
    /// Where it stands; `None` until it is made, which is when it is due to be
    /// announced.
    #[serde(default)]
    pub state: Option<EventState>,
}

/// A page of `GET /v1/series`, by name. Unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesPage {
    /// Each with its next event.
    pub series: Vec<SeriesInfo>,
    /// Where to go on; `None` after the last page.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

impl Client {
    /// A page of the oracle's series, by name, after `cursor`. Unsigned.
    ///
    /// ```no_run
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// for series in client.series(None).await?.series {
    ///     println!("{} {} {}", series.series_id, series.title, series.period);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn series(&self, cursor: Option<&str>) -> Result<SeriesPage, Error> {
        let query: Vec<(&str, &str)> = cursor.map(|c| ("cursor", c)).into_iter().collect();
        self.json_with("series", &["v1", "series"], &query).await
    }

    /// One series with its events ahead: of maturities at or after `from`, at most
    /// `limit` of them (1 to 500). Those after are asked for with
    /// [`SeriesInfo::next_from`]. Unsigned.
    ///
    /// Fails with [`Error::Problem`] `unknown-series` for a name that the server does
    /// not know.
    pub async fn one_series(
        &self,
        id: &str,
        from: Option<DateTime<Utc>>,
        limit: Option<u32>,
    ) -> Result<SeriesInfo, Error> {
        const WHAT: &str = "series";
        let from = from.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let limit = limit.map(|limit| limit.to_string());
        let given = [("from", from.as_deref()), ("limit", limit.as_deref())];
        let query: Vec<_> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let path = ["v1", "series", id];
        let series: SeriesInfo = self.json_with(WHAT, &path, &query).await?;
        if series.series_id == id {
            return Ok(series);
        }
        Err(Error::Malformed {
            what: WHAT,
            reason: format!("it is series {:?}, not {id:?}", series.series_id),
        })
    }
}
