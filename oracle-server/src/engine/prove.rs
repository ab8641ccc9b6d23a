//! Proofs of nonces that were announced before announcements had any.

use chrono::{DateTime, Utc};

use super::batch::each_on_its_own;
use super::{Engine, EngineError};
use crate::signer::{Announced, Draft};
use crate::store::{OpenCursor, UnprovenEvent};

/// Proofs made in one tick at most: they are signed for, and logged, as a whole.
const PROOFS_PER_TICK: i64 = 100;

impl Engine {
    /// Proves the nonces of a batch of open events that were announced without. Once
    /// there are no more there never will be: who leads announces with proofs.
    /// Answers whether there were any.
    pub(super) async fn prove_announced(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<bool, EngineError> {
        let Some(after) = &self.unproven_after else {
            return Ok(false);
        };
        let open = self.store.unproven(after, PROOFS_PER_TICK).await?;
        let next = open.last().map(OpenCursor::after);
        self.prove(&open, now).await?;
        self.unproven_after = next;
        Ok(self.unproven_after.is_some())
    }

    /// Proves a batch. What cannot be proven is an alarm, stays without a proof and keeps
    /// no other waiting.
    async fn prove(&self, open: &[UnprovenEvent], now: DateTime<Utc>) -> Result<(), EngineError> {
        let (refused, all) = each_on_its_own(open, |batch| self.prove_batch(batch, now)).await;
        for (event, error) in refused {
            let id = event.event_id.as_str();
            tracing::error!(event = id, %error, "nonces that cannot be proven");
        }
        all
    }

    async fn prove_batch(
        &self,
        open: &[UnprovenEvent],
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        if open.is_empty() {
            return Ok(());
        }
        let announced: Vec<Announced> = open.iter().map(announced).collect();
        let signer = self.signer.clone();
        let proofs = tokio::task::spawn_blocking(move || signer.prove_nonces(&announced)).await??;
        let ids = open.iter().map(|event| event.event_id.clone());
        let proven: Vec<_> = ids.zip(proofs).collect();
        let count = self.store.publish_nonce_proofs(&proven, now).await?;
        tracing::info!(events = count, "nonces announced before are proven");
        Ok(())
    }
}

fn announced(event: &UnprovenEvent) -> Announced {
    Announced {
        draft: Draft {
            event_id: event.event_id.clone(),
            maturity: event.maturity,
            descriptor: event.descriptor.clone(),
            policy_hash: event.policy_hash,
        },
        tlv: event.tlv.clone(),
    }
}
