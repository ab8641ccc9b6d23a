//! How often a host is asked, and when it is left alone: one limiter for each
//! scheme, host and port.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use governor::clock::Clock;
use governor::{Quota, RateLimiter};

use crate::rate::Rate;

/// Tokio's monotonic clock, so that a paused test runtime pauses the limits.
#[derive(Debug, Clone, Copy, Default)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        tokio::time::Instant::now().into_std()
    }
}

type Limiter = RateLimiter<
    governor::state::NotKeyed,
    governor::state::InMemoryState,
    RuntimeClock,
    governor::middleware::NoOpMiddleware<std::time::Instant>,
>;

/// How often a host may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The provider's stated limit.
    Stated(Rate),
    /// What the operator configured.
    Configured(Rate),
}

impl Pace {
    fn rate(self) -> Rate {
        match self {
            Self::Stated(rate) | Self::Configured(rate) => rate,
        }
    }

    /// Which of two paces of one host holds. A configured one is an order: the
    /// slower of two. Published limits are their own hosts' and meet on one
    /// host only on a test bench: the faster of two.
    fn yields_to(self, new: Self) -> bool {
        match (self, new) {
            (Self::Stated(_), Self::Configured(_)) => true,
            (Self::Configured(_), Self::Stated(_)) => false,
            (Self::Configured(held), Self::Configured(new)) => new.interval() > held.interval(),
            (Self::Stated(held), Self::Stated(new)) => new.interval() < held.interval(),
        }
    }
}

/// One host's limiter, and the queue before it: whoever came first asks first.
struct Host {
    limiter: Limiter,
    queue: tokio::sync::Mutex<()>,
}

/// The time in which a host is to be left alone, by the local clock.
#[derive(Debug, Clone, Copy)]
struct Hold {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// One limiter for each scheme, host and port.
#[derive(Default)]
pub(crate) struct Limits {
    hosts: Mutex<BTreeMap<String, (Pace, Arc<Host>)>>,
    holds: Mutex<BTreeMap<String, Hold>>,
}

impl Limits {
    /// Makes a host's pace known before its first request.
    pub(crate) fn register(&self, authority: &str, pace: Pace) {
        self.host(authority, pace);
    }

    fn host(&self, authority: &str, pace: Pace) -> Arc<Host> {
        let mut limits = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, host)) = limits.get(authority)
            && !held.yields_to(pace)
        {
            return Arc::clone(host);
        }
        let rate = pace.rate();
        let quota = Quota::with_period(rate.interval())
            .unwrap_or_else(|| Quota::per_second(rate.burst()))
            .allow_burst(rate.burst());
        let host = Arc::new(Host {
            limiter: RateLimiter::direct_with_clock(quota, RuntimeClock),
            queue: tokio::sync::Mutex::default(),
        });
        limits.insert(authority.to_owned(), (pace, Arc::clone(&host)));
        host
    }

    /// Leaves a host alone for that long from now on. A shorter hold than the one
    /// that stands changes nothing.
    pub(crate) fn hold(&self, authority: &str, from: DateTime<Utc>, wait: Duration) {
        let Ok(wait) = TimeDelta::from_std(wait) else {
            return;
        };
        let until = from + wait;
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let held = holds
            .entry(authority.to_owned())
            .or_insert(Hold { from, until });
        if held.until < until {
            *held = Hold { from, until };
        }
    }

    /// How much longer a host is to be left alone, if it is. A clock that was set
    /// back to before a hold began ends it, so that it cannot last for days.
    pub(crate) fn held(&self, authority: &str, now: DateTime<Utc>) -> Option<Duration> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = *holds.get(authority)?;
        if now < hold.from || hold.until <= now {
            holds.remove(authority);
            return None;
        }
        (hold.until - now).to_std().ok()
    }

    /// Waits for the host's next free slot.
    pub(crate) async fn wait(&self, authority: &str, pace: Pace) {
        let host = self.host(authority, pace);
        // Tokio's mutex hands itself on in the order of asking.
        let _turn = host.queue.lock().await;
        while let Err(until) = host.limiter.check() {
            tokio::time::sleep(until.wait_time_from(RuntimeClock.now())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_asks_to_be_left_alone_is_and_no_other() {
        let limits = Limits::default();
        let begin = DateTime::UNIX_EPOCH;
        let held = |host, s| limits.held(host, begin + TimeDelta::seconds(s));
        limits.hold("http://x.test", begin, Duration::from_secs(30));
        limits.hold("http://x.test", begin, Duration::from_secs(7));
        assert_eq!(held("http://y.test", 1), None);
        assert_eq!(held("http://x.test", 7), Some(Duration::from_secs(23)));
        assert_eq!(held("http://x.test", 30), None);
        limits.hold("http://x.test", begin, Duration::from_secs(30));
        assert_eq!(held("http://x.test", -1), None, "the clock was set back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_beyond_the_rate_is_spread_over_time() {
        let limits = Limits::default();
        let begin = tokio::time::Instant::now();
        let mut sent = Vec::new();
        for _ in 0..5 {
            limits
                .wait("http://x.test", Pace::Configured(Rate::per_second(2)))
                .await;
            sent.push(begin.elapsed().as_millis());
        }
        // Two at once, then one each half second; timers tick in milliseconds.
        for (at, least) in sent.iter().zip([0, 0, 500, 1000, 1500]) {
            assert!((least..least + 5).contains(at), "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_came_first_asks_first() {
        let limits = Limits::default();
        let served = Mutex::new(Vec::new());
        let turn = async |n: u32| {
            let pace = Pace::Configured(Rate::per_second(1));
            limits.wait("http://x.test", pace).await;
            served
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(n);
        };
        tokio::join!(turn(0), turn(1), turn(2), turn(3), turn(4), turn(5));
        let served = served.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(served, [0, 1, 2, 3, 4, 5]);
    }

    /// Three requests that wait for `asked` on a host with these paces, in ms.
    async fn three_requests(paces: &[Pace], asked: Pace) -> u128 {
        let limits = Limits::default();
        for pace in paces {
            limits.host("http://x.test", *pace);
        }
        let begin = tokio::time::Instant::now();
        for _ in 0..3 {
            limits.wait("http://x.test", asked).await;
        }
        begin.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_configured_rates_for_one_host_the_slower_holds_for_both() {
        let slow = Pace::Configured(Rate::per_second(1));
        let fast = Pace::Configured(Rate::per_second(100));
        assert!(three_requests(&[fast, slow], fast).await >= 2000);
        assert!(three_requests(&[slow, fast], fast).await >= 2000);
        let stated = Pace::Stated(Rate::per_second(100));
        assert!(three_requests(&[slow], stated).await >= 2000);
        assert!(three_requests(&[stated], slow).await >= 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_stated_rates_on_one_host_the_faster_holds() {
        let slow = Pace::Stated(Rate::per_second(1));
        let fast = Pace::Stated(Rate::per_second(100));
        assert!(three_requests(&[slow, fast], slow).await < 100);
        assert!(three_requests(&[fast, slow], slow).await < 100);
    }
}
