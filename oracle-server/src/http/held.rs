//! What is held open for one client: connections, and among them streams and long
//! polls. A client keeps them for as long as it likes, so each has a share and none
//! has all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::problem::{Kind, Problem};

/// When to try again, seconds: a long poll ends within a minute.
const RETRY_S: i64 = 10;

/// How much each client holds.
#[derive(Debug)]
pub(super) struct Held {
    most: NonZeroUsize,
    of: Mutex<HashMap<IpAddr, usize>>,
}

impl Held {
    pub(super) fn new(most: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self {
            most,
            of: Mutex::default(),
        })
    }

    /// A place among what this address holds, until it is dropped; none where it holds
    /// its share.
    pub(super) fn place(self: &Arc<Self>, budget: IpAddr) -> Option<Place> {
        let mut of = self.of();
        let count = of.get(&budget).copied().unwrap_or(0);
        (count < self.most.get()).then(|| {
            of.insert(budget, count + 1);
            Place {
                budget,
                held: Arc::clone(self),
            }
        })
    }

    fn of(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks, as far as budgets go, with the share it has.
#[derive(Debug, Clone)]
pub(super) struct Client {
    budget: IpAddr,
    held: Arc<Held>,
}

impl Client {
    pub(super) fn new(budget: IpAddr, held: &Arc<Held>) -> Self {
        let held = Arc::clone(held);
        Self { budget, held }
    }

    /// A place among what this client holds, until it is dropped.
    pub(super) fn hold(&self) -> Result<Place, Problem> {
        self.held.place(self.budget).ok_or_else(|| {
            let most = self.held.most;
            let detail = format!(
                "this address holds {most} streams and long polls; close one, or name up to \
                 100 events in one stream"
            );
            Kind::RateLimited.because(detail).retry_after_s(RETRY_S)
        })
    }
}

/// One of the things that an address holds.
#[derive(Debug)]
pub(super) struct Place {
    budget: IpAddr,
    held: Arc<Held>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.held.of();
        match of.get_mut(&self.budget) {
            Some(count) if *count > 1 => *count -= 1,
            // An address that holds nothing is forgotten.
            _ => {
                of.remove(&self.budget);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_client_gets_its_share_and_no_more_until_it_lets_go() {
        let held = Held::new(NonZeroUsize::new(2).unwrap());
        let one = Client::new("192.0.2.1".parse().unwrap(), &held);
        let other = Client::new("192.0.2.2".parse().unwrap(), &held);
        let first = one.hold().unwrap();
        let _second = one.hold().unwrap();
        assert_eq!(one.hold().unwrap_err().kind(), Kind::RateLimited);
        let elsewhere = other.hold().unwrap();
        drop(first);
        let _third = one.hold().unwrap();
        assert!(one.hold().is_err());
        drop(elsewhere);
        assert_eq!(held.of().len(), 1, "who holds nothing is forgotten");
    }
}
