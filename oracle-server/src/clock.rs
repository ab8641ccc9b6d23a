//! The only clock. Everything that needs the time is given one.

use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// Now, UTC.
    fn now(&self) -> DateTime<Utc>;
    /// Time since some fixed moment, by a clock that is never set.
    fn uptime(&self) -> Duration;
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

    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn uptime(&self) -> Duration {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed()
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
    hands: Mutex<Hands>,
    moved: watch::Sender<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy)]
struct Hands {
    now: DateTime<Utc>,
    uptime: Duration,
}

impl TestClock {
    /// Standing at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            hands: Mutex::new(Hands {
                now,
                uptime: Duration::ZERO,
            }),
            moved: watch::Sender::new(now),
        }
    }

    /// Sets the time; forwards, time has also gone by.
    pub fn set(&self, now: DateTime<Utc>) {
        self.change(|hands| {
            hands.uptime += (now - hands.now).to_std().unwrap_or_default();
            hands.now = now;
        });
    }

    /// Lets time go by.
    pub fn advance(&self, by: TimeDelta) {
        self.set(self.now() + by);
    }

    /// Somebody sets the clock, without time going by.
    pub fn jump(&self, by: TimeDelta) {
        self.change(|hands| hands.now += by);
    }

    fn change(&self, change: impl FnOnce(&mut Hands)) {
        let mut hands = self.hands();
        change(&mut hands);
        self.moved.send_replace(hands.now);
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.hands
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.hands().now
    }

    fn uptime(&self) -> Duration {
        self.hands().uptime
    }

    fn sleep_until(&self, at: DateTime<Utc>) -> futures::future::BoxFuture<'_, ()> {
        let mut moved = self.moved.subscribe();
        Box::pin(async move {
            // The sender lives as long as self; an error cannot occur.
            let _ = moved.wait_for(|now| *now >= at).await;
        })
    }
}
