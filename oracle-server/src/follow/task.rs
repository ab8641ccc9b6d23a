//! The one shape of what follows the log, and what runs it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::stop::stopped;
use crate::store::StoreError;

/// Before a follower that panicked is started anew.
const PANIC_PAUSE: Duration = Duration::from_secs(5);
/// Before a follower goes on after an error of the database.
const STORE_RETRY: TimeDelta = TimeDelta::seconds(5);
/// How long stopping may take before followers are dropped where they stand.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// When a follower has something to do again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once.
    Now,
    /// At that time, or when it is woken.
    At(DateTime<Utc>),
    /// When so much time has gone by, by the monotonic clock, or when it is woken.
    After(Duration),
    /// When it is woken.
    Woken,
}

/// Something that follows the log on the process that leads, one step after the other.
/// What it must not forget stands in rows, so that it can be dropped and started anew
/// anywhere.
pub trait Follower: Sized + Send + 'static {
    /// The counter of how often it panicked and was started anew.
    const PANICS: &'static str;

    /// For lines of the log.
    fn name(&self) -> String;

    /// What its times are read from.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// The same, which knows nothing yet but its settings: what a start begins with.
    fn anew(&self) -> Self;

    /// Does what is due, and answers when it is to be called again. A step that talks to
    /// others gives up on them when `stop` says so; what it writes down it finishes.
    fn step(
        &mut self,
        stop: &mut watch::Receiver<bool>,
    ) -> impl Future<Output = Result<Next, StoreError>> + Send;

    /// Resolves when there is something to do before the time that the last step named.
    /// It is dropped and called again at will.
    fn woken(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Closes what it has open, after its last step.
    fn leave(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// The followers of a process while it leads: each in a task of its own, so that one
/// which hangs delays no other, and all under one stop signal. Dropped, they stop at once.
#[derive(Default)]
pub struct Followers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Followers {
    /// Has it go on by itself until [`Followers::stop`].
    pub fn start(&mut self, follower: impl Follower) {
        let stop = self.stop.subscribe();
        self.tasks.spawn(keep_running(follower, PANIC_PAUSE, stop));
    }

    /// Stops them and waits until none has the store or the signer any more.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_PATIENCE, ended).await.is_err() {
            tracing::warn!("tasks that follow the log did not stop in time; dropped");
        }
        self.tasks.shutdown().await;
    }
}

/// Runs a follower until `stop`, and anew for as long as it panics.
async fn keep_running<F: Follower>(follower: F, pause: Duration, mut stop: watch::Receiver<bool>) {
    // What panicked is gone with all that it knew: nothing half-changed is seen again.
    while AssertUnwindSafe(run(follower.anew(), stop.clone()))
        .catch_unwind()
        .await
        .is_err()
    {
        tracing::error!(
            follower = follower.name(),
            counter = F::PANICS,
            "a task that follows the log panicked; started anew"
        );
        metrics::counter!(F::PANICS).increment(1);
        if timeout(pause, stopped(&mut stop)).await.is_ok() {
            return;
        }
    }
}

/// One step after the other, until `stop`.
async fn run<F: Follower>(mut follower: F, mut stop: watch::Receiver<bool>) {
    let clock = follower.clock().clone();
    while !*stop.borrow() {
        let next = follower.step(&mut stop).await.unwrap_or_else(|error| {
            tracing::warn!(
                follower = follower.name(), %error,
                "the database failed a task that follows the log; tried again"
            );
            Next::At(clock.now() + STORE_RETRY)
        });
        if next == Next::Now {
            continue;
        }
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            () = follower.woken() => {}
            () = sleep(&*clock, next) => {}
        }
    }
    follower.leave().await;
}

async fn sleep(clock: &dyn Clock, next: Next) {
    match next {
        Next::Now => {}
        Next::At(at) => {
            while clock.now() < at {
                clock.sleep_until(at).await;
            }
        }
        Next::After(wait) => {
            let end = clock.uptime().saturating_add(wait);
            while clock.uptime() < end {
                let rest = TimeDelta::from_std(end.saturating_sub(clock.uptime()));
                // Longer than any calendar: asked again by the clock itself.
                let rest = rest.unwrap_or(TimeDelta::days(1));
                clock.sleep_until(clock.now() + rest).await;
            }
        }
        Next::Woken => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;
    use crate::clock::TestClock;

    /// Counts its steps, and does in each what the test says.
    #[derive(Clone)]
    struct Counting {
        clock: Arc<dyn Clock>,
        steps: Arc<AtomicU32>,
        starts: Arc<AtomicU32>,
        left: Arc<AtomicU32>,
        news: Arc<Notify>,
        step: fn(u32) -> Result<Next, StoreError>,
    }

    impl Counting {
        fn new(clock: &Arc<TestClock>, step: fn(u32) -> Result<Next, StoreError>) -> Self {
            Self {
                clock: clock.clone(),
                steps: Arc::default(),
                starts: Arc::default(),
                left: Arc::default(),
                news: Arc::default(),
                step,
            }
        }

        /// Waits until so many steps are done.
        async fn has_made(&self, steps: u32) {
            while self.steps.load(Ordering::SeqCst) < steps {
                tokio::task::yield_now().await;
            }
            // Whatever it would do too much, it does now.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(self.steps.load(Ordering::SeqCst), steps);
        }
    }

    impl Follower for Counting {
        const PANICS: &'static str = "panics";

        fn name(&self) -> String {
            "counting".to_owned()
        }

        fn clock(&self) -> &Arc<dyn Clock> {
            &self.clock
        }

        fn anew(&self) -> Self {
            self.starts.fetch_add(1, Ordering::SeqCst);
            self.clone()
        }

        async fn step(&mut self, _: &mut watch::Receiver<bool>) -> Result<Next, StoreError> {
            (self.step)(self.steps.fetch_add(1, Ordering::SeqCst) + 1)
        }

        async fn woken(&mut self) {
            self.news.notified().await;
        }

        async fn leave(&mut self) {
            self.left.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn clock() -> Arc<TestClock> {
        Arc::new(TestClock::at(DateTime::UNIX_EPOCH))
    }

    #[tokio::test]
    async fn what_panics_is_started_anew_until_the_stop() {
        let stop = watch::Sender::new(false);
        let panicking = Counting::new(&clock(), |step| {
            assert!(step >= 3, "step {step}");
            Ok(Next::Woken)
        });
        let running = keep_running(panicking.clone(), Duration::ZERO, stop.subscribe());
        let stopping = async {
            panicking.has_made(3).await;
            stop.send_replace(true);
        };
        tokio::join!(running, stopping);
        assert_eq!(panicking.starts.load(Ordering::SeqCst), 3);
        assert_eq!(panicking.left.load(Ordering::SeqCst), 1, "left open");
    }

    #[tokio::test]
    async fn what_panics_is_not_started_anew_after_a_stop() {
        let stop = watch::Sender::new(false);
        let panicking = Counting::new(&clock(), |_| panic!("again"));
        let running = keep_running(panicking.clone(), Duration::MAX, stop.subscribe());
        let stopping = async {
            panicking.has_made(1).await;
            stop.send_replace(true);
        };
        tokio::join!(running, stopping);
        assert_eq!(panicking.starts.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_step_follows_at_once_at_its_time_and_when_woken() {
        let clock = clock();
        let counting = Counting::new(&clock, |step| {
            let minutes = |minutes| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
            Ok(match step {
                1 => Next::Now,
                2 => Next::At(minutes(1)),
                3 => Next::After(Duration::from_mins(1)),
                4 => Next::At(minutes(9)),
                _ => Next::Woken,
            })
        });
        let mut followers = Followers::default();
        followers.start(counting.clone());
        counting.has_made(2).await;
        clock.advance(TimeDelta::minutes(1));
        counting.has_made(3).await;
        // Somebody sets the clock: by the monotonic one nothing has gone by.
        clock.jump(TimeDelta::minutes(5));
        counting.has_made(3).await;
        clock.advance(TimeDelta::minutes(1));
        counting.has_made(4).await;
        counting.news.notify_one();
        counting.has_made(5).await;
        clock.advance(TimeDelta::days(1));
        counting.has_made(5).await;
        followers.stop().await;
        assert_eq!(counting.left.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_error_of_the_database_is_waited_out() {
        let clock = clock();
        let failing = Counting::new(&clock, |step| match step {
            1 => Err(StoreError::Held),
            _ => Ok(Next::Woken),
        });
        let mut followers = Followers::default();
        followers.start(failing.clone());
        failing.has_made(1).await;
        clock.advance(STORE_RETRY);
        failing.has_made(2).await;
        assert_eq!(failing.starts.load(Ordering::SeqCst), 1, "started anew");
        followers.stop().await;
    }
}
