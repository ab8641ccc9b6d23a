//! What cannot change need not be fetched twice.
//!
//! Only what has been verified is cached: announcements and attestations under the
//! trusted key, policies under their own hash. What is not yet there, or never
//! will be, is asked for again.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use oracle_schema::{Announcement, EventId, Verified};
use quick_cache::sync::Cache as Map;

use crate::attested::Attested;

/// Shared by a client's clones.
#[derive(Clone)]
pub(crate) struct Cache {
    pub(crate) announcements: Bounded<EventId, Verified<Announcement>>,
    /// Whole, so that no attestation meets an announcement that it is not of.
    pub(crate) attested: Bounded<EventId, Attested>,
    pub(crate) policies: Bounded<[u8; 32], Vec<u8>>,
}

impl Cache {
    /// At most so many of each kind.
    pub(crate) fn new(each: usize) -> Self {
        Self {
            announcements: Bounded::new(each),
            attested: Bounded::new(each),
            policies: Bounded::new(each),
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// A bounded map; `None` keeps nothing.
pub(crate) struct Bounded<K, V>(Option<Arc<Map<K, Arc<V>>>>);

impl<K, V> Clone for Bounded<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Bounded<K, V> {
    fn new(count: usize) -> Self {
        Self((count > 0).then(|| Arc::new(Map::new(count))))
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let cached = self.0.as_ref()?.get(key)?;
        Some(V::clone(&cached))
    }

    pub(crate) fn keep(&self, key: &K, value: &V) {
        if let Some(map) = &self.0 {
            map.insert(key.clone(), Arc::new(value.clone()));
        }
    }
}
