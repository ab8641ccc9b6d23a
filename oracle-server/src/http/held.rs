//! What is held open for one client: streams and long polls. Each keeps a
//! connection for as long as the client likes, so that one client has a share and
//! not all.

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
        let mut of = self.held.of();
        let count = of.get(&self.budget).copied().unwrap_or(0);
        let most = self.held.most.get();
        if count >= most {
            let detail = format!(
                "this address holds {most} streams and long polls; close one, or name up to \
                 100 events in one stream"
            );
            return Err(Kind::RateLimited.because(detail).retry_after_s(RETRY_S));
        }
        of.insert(self.budget, count + 1);
        Ok(Place(self.clone()))
    }
}

/// One stream or long poll.
#[derive(Debug)]
pub(super) struct Place(Client);

impl Drop for Place {
    fn drop(&mut self) {
        let Client { budget, held } = &self.0;
        let mut of = held.of();
        match of.get_mut(budget) {
            Some(count) if *count > 1 => *count -= 1,
            // An address that holds nothing is forgotten.
            _ => {
                of.remove(budget);
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
