//! The clock against the last committed work; whether it can be believed while the
//! service runs is `engine::clock_trust`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::{StartError, Started};
use crate::signer::Signer;
use crate::store::Store;

/// How far the clock may be behind the last committed work.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// Refuses a clock that is behind the last committed work, unless told to
/// accept it. What was accepted is kept, and later starts measure by it: work that was
/// committed under a clock that stood ahead keeps them out no more.
pub(super) async fn check(
    store: &Store,
    signer: &Signer,
    now: DateTime<Utc>,
    accept: bool,
) -> Result<Started, StartError> {
    let last = store.high_water().await?;
    let behind = last - now;
    if behind > CLOCK_TOLERANCE && !accept {
        return Err(StartError::ClockBehind {
            behind_s: behind.num_seconds(),
            last,
        });
    }
    if accept {
        tracing::error!(
            %now,
            %last,
            behind_s = behind.num_seconds(),
            "the clock is right, whatever the last committed work and providers say: \
             accepted by --accept-clock"
        );
        store.accept_clock(last, now).await?;
    }
    signer.set_high_water(store.high_water().await?.timestamp_millis());
    let has_work = store.has_work().await?;
    Ok(Started {
        last_work: has_work.then_some(last),
        is_accepted: accept,
    })
}
