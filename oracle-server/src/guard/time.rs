//! The clock against the last committed work; whether it can be believed while the
//! service runs is `engine::clock_trust`.

use chrono::{DateTime, Utc};

use crate::engine::{StartError, Started};
use crate::signer::Signer;
use crate::store::Store;

/// How far the clock may be behind the last committed work, milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Refuses a clock that is behind the last committed work, unless told to
/// accept it. What was accepted is kept, and later starts measure by it: work that was
/// committed under a clock that stood ahead keeps them out no more.
pub(super) async fn check(
    store: &Store,
    signer: &Signer,
    now: DateTime<Utc>,
    accept: bool,
) -> Result<Started, StartError> {
    let high_water = store.high_water_ms().await?;
    let behind_ms = high_water - now.timestamp_millis();
    let last = DateTime::from_timestamp_millis(high_water).unwrap_or_default();
    if behind_ms > CLOCK_TOLERANCE_MS && !accept {
        return Err(StartError::ClockBehind {
            behind_s: behind_ms / 1000,
            last,
        });
    }
    if accept {
        tracing::error!(
            %now,
            %last,
            behind_s = behind_ms / 1000,
            "the clock is right, whatever the last committed work and providers say: \
             accepted by --accept-clock"
        );
        store.accept_clock(high_water, now).await?;
    }
    signer.set_high_water(store.high_water_ms().await?);
    let has_work = store.has_work().await?;
    Ok(Started {
        last_work: has_work.then_some(last),
        is_accepted: accept,
    })
}
