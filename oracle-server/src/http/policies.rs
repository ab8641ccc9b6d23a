//! Policies as pages and lists read them; they never change, so they are cached.

use std::sync::Arc;

use oracle_schema::policy::Policy;
use quick_cache::sync::Cache;

use crate::store::{ReadStore, StoreError};

/// Policies cached; an oracle has about one for each series, and one for each question.
const CACHED: usize = 4096;

/// Policies by their hash. `None`: a document that this build cannot read.
pub(crate) struct Policies(Cache<[u8; 32], Option<Arc<Policy>>>);

impl Default for Policies {
    fn default() -> Self {
        Self(Cache::new(CACHED))
    }
}

impl Policies {
    /// The policy of a hash that an event has.
    pub(crate) async fn of(
        &self,
        store: &ReadStore,
        hash: &[u8; 32],
    ) -> Result<Option<Arc<Policy>>, StoreError> {
        if let Some(cached) = self.0.get(hash) {
            return Ok(cached);
        }
        let Some(document) = store.policy_document(hash).await? else {
            return Ok(None);
        };
        let policy = Policy::parse(&document).ok().map(Arc::new);
        self.0.insert(*hash, policy.clone());
        Ok(policy)
    }
}
