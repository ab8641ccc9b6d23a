//! Looking for events.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::{EventState, EventsPage};
use crate::{Client, Error};

/// Which events to look for; what is empty restricts nothing.
///
/// ```
/// use oracle_client::{EventState, Search};
///
/// let open = Search {
///     kind: Some("match".to_owned()),
///     state: Some(EventState::Announced),
///     ..Search::default()
/// };
/// assert_eq!(open.limit, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this series.
    pub series: Option<String>,
    /// Only in this state.
    pub state: Option<EventState>,
    /// Maturity at or after.
    pub from: Option<DateTime<Utc>>,
    /// Maturity at or before.
    pub to: Option<DateTime<Utc>>,
    /// Part of the event id; or of the title or a name, in any case.
    pub text: Option<String>,
    /// Events in a page, 1 to 500; the server's number if not given.
    pub limit: Option<u32>,
}

impl Search {
    fn query(&self, cursor: Option<&str>) -> Vec<(&'static str, String)> {
        let time = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let pairs = [
            ("kind", self.kind.clone()),
            ("series", self.series.clone()),
            ("state", self.state.map(|state| state.to_string())),
            ("from", self.from.as_ref().map(time)),
            ("to", self.to.as_ref().map(time)),
            ("q", self.text.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        let given = pairs.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

impl Client {
    /// A page of the events that are looked for, oldest maturity first, after
    /// `cursor`. Unsigned.
    ///
    /// ```no_run
    /// use oracle_client::Search;
    ///
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// let cup = Search { text: Some("cup final".to_owned()), ..Search::default() };
    /// for event in client.search(&cup, None).await?.events {
    ///     println!("{} {}", event.event_id, event.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn search(&self, search: &Search, cursor: Option<&str>) -> Result<EventsPage, Error> {
        let query = search.query(cursor);
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        self.json_with("events", &["v1", "events"], &query).await
    }
}
