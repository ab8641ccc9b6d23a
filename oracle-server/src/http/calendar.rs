//! Events that are not there yet: when a series will announce them.

use chrono::{DateTime, Utc};

use super::AppState;
use super::events::time;
use super::problem::{Kind, Problem};

/// When to ask again, at the latest, for an announcement that should be there, seconds.
const OVERDUE_RETRY_S: i64 = 30;

/// There is no such event; where a series will have it, with when it is announced. Only
/// what the database has of that series too: whoever leads may go by another file, or may
/// have passed that maturity over.
pub(super) async fn unknown(app: &AppState, id: &str) -> Problem {
    let now = app.clock.now();
    let Some((series, upcoming)) = app.calendar.event(id, now) else {
        return Problem::unknown_event(id);
    };
    let known = match app.store.one_series(series.id.as_str()).await {
        Ok(known) => known,
        Err(error) => return error.into(),
    };
    let is_made_later = known.is_some_and(|known| {
        known.policy_hash == series.definition.policy_hash
            && known
                .next_maturity
                .is_some_and(|next| next <= upcoming.maturity)
    });
    if !is_made_later {
        return Problem::unknown_event(id);
    }
    due_at(id, upcoming.announce_at, now)
}

/// The event is known, and is announced later.
pub(super) fn due_at(id: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> Problem {
    // What is overdue waits for something that nobody here knows: the longer it does, the
    // less often it is worth asking.
    let wait = if at > now {
        (at - now).num_seconds() + 1
    } else {
        (now - at).num_seconds().clamp(1, OVERDUE_RETRY_S)
    };
    Kind::NotAnnounced
        .because(format!("event {id} is due to be announced at {}", time(at)))
        .retry_after_s(wait)
}
