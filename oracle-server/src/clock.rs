//! The only clock. Everything that needs the time is given one.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// Now, UTC.
    fn now(&self) -> DateTime<Utc>;
    /// Resolves when [`Clock::now`] may have reached `at`; it may resolve
    /// earlier (callers ask again).
    fn sleep_until(&self, at: DateTime<Utc>) -> futures::future::BoxFuture<'_, ()>;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep_until(&self, at: DateTime<Utc>) -> futures::future::BoxFuture<'_, ()> {
        // Bounded, so that a step of the machine's clock is noticed.
        let wait = (at - self.now())
            .to_std()
            .unwrap_or_default()
            .min(Duration::from_secs(1));
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock that a test moves.
#[derive(Debug)]
pub struct TestClock {
    now: Mutex<DateTime<Utc>>,
    moved: watch::Sender<DateTime<Utc>>,
}

impl TestClock {
    /// Standing at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now: Mutex::new(now),
            moved: watch::Sender::new(now),
        }
    }

    /// Sets the time, backwards too.
    pub fn set(&self, now: DateTime<Utc>) {
        *self
            .now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        self.moved.send_replace(now);
    }

    /// Moves the time.
    pub fn advance(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self
            .now
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sleep_until(&self, at: DateTime<Utc>) -> futures::future::BoxFuture<'_, ()> {
        let mut moved = self.moved.subscribe();
        Box::pin(async move {
            // The sender lives as long as self; an error cannot occur.
            let _ = moved.wait_for(|now| *now >= at).await;
        })
    }
}
