//! The clock against the last committed work; whether it can be believed while the
//! service runs is `engine::clock_trust`.

use chrono::{DateTime, Utc};

use crate::engine::StartError;
use crate::signer::Signer;
use crate::store::Store;

/// How far the clock may be behind the last committed work, milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Refuses a clock that is behind the last committed work, unless told to
/// accept it.
pub(super) async fn check(
    store: &Store,
    signer: &Signer,
    now: DateTime<Utc>,
    accept: bool,
) -> Result<(), StartError> {
    let high_water = store.high_water_ms().await?;
    let behind_ms = high_water - now.timestamp_millis();
    if behind_ms <= CLOCK_TOLERANCE_MS {
        signer.set_high_water(high_water);
        return Ok(());
    }
    let last = DateTime::from_timestamp_millis(high_water).unwrap_or_default();
    if !accept {
        return Err(StartError::ClockBehind {
            behind_s: behind_ms / 1000,
            last,
        });
    }
    tracing::error!(
        behind_s = behind_ms / 1000,
        %last,
        "clock behind the last committed work, accepted by --accept-clock"
    );
    Ok(())
}
