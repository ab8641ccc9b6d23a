//! Ahead of time: events of series, announcements, and refunds behind time.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_schema::{EventId, Maturity, SeriesId};

use super::batch::each_on_its_own;
use super::{BATCH, Engine, EngineError};
use crate::config::{Definition, Series, check_refund};
use crate::keys::Question;
use crate::lifecycle::{self, IntentKind};
use crate::signer::{Draft, JournalRecord};
use crate::store::{NewEvent, OpenRefund, ScheduledEvent, SeriesRow, SignedEvent, sample_from};

/// Series events made in one transaction at most.
const SERIES_BATCH: i64 = 500;

/// Events of one series made in one transaction at most.
const EVENTS_PER_TRANSACTION: usize = 5000;

/// Announcements in one transaction at most: a batch is signed and stored as a
/// whole, so it bounds how long a tick holds the writer.
const ANNOUNCE_BATCH: i64 = 500;

impl Engine {
    /// Makes the next events of a batch of series whose announcement is due.
    /// Answers whether there were any.
    pub(super) async fn make_series_events(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<bool, EngineError> {
        let due = self.store.due_series(now, SERIES_BATCH).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let mut events = Vec::with_capacity(due.len());
        let mut moved = Vec::with_capacity(due.len());
        for row in &due {
            let series = SeriesId::parse(&row.series_id)
                .ok()
                .and_then(|id| self.config.series.get(&id))
                // Start-up made the rows those of the configuration.
                .ok_or_else(|| EngineError::Stored {
                    what: format!("series {:?}", row.series_id),
                    reason: "it is not configured".to_owned(),
                })?;
            let room = EVENTS_PER_TRANSACTION.saturating_sub(events.len());
            let (maturities, next) = due_maturities(series, row.next_maturity, now, room);
            events.extend(maturities.into_iter().map(|maturity| {
                let id = series.id_format.event_id(maturity);
                let announce_at = series.announce_at(maturity);
                new_event(
                    id,
                    Some(&series.id),
                    &series.definition,
                    maturity,
                    announce_at,
                )
            }));
            moved.push(series_row(series, next));
        }
        self.store.schedule(&events, &moved, &[]).await?;
        Ok(true)
    }

    /// Announces a batch of what is due; what has matured meanwhile is
    /// withdrawn. Answers whether there was any.
    pub(super) async fn announce_due(&mut self, now: DateTime<Utc>) -> Result<bool, EngineError> {
        let due = self.store.due_announcements(now, ANNOUNCE_BATCH).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let now = self.clock.now();
        let (fresh, matured): (Vec<_>, Vec<_>) = due
            .into_iter()
            .partition(|e| lifecycle::step(&e.standing, lifecycle::Input::Announce, now).is_ok());
        if !matured.is_empty() {
            self.store
                .withdraw(&matured, "it matured before it could be announced", now)
                .await?;
        }
        self.announce(&fresh, now).await?;
        Ok(true)
    }

    /// Announces a batch. What cannot be announced is withdrawn, and keeps no other
    /// waiting.
    async fn announce(
        &self,
        events: &[ScheduledEvent],
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let (refused, all) = each_on_its_own(events, |batch| self.announce_batch(batch, now)).await;
        for (event, error) in refused {
            let id = event.event_id.as_str();
            tracing::error!(event = id, %error, "cannot be announced; withdrawn");
            let one = std::slice::from_ref(event);
            self.store.withdraw(one, &error.to_string(), now).await?;
        }
        all
    }

    async fn announce_batch(
        &self,
        events: &[ScheduledEvent],
        now: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let drafts: Vec<Draft> = events
            .iter()
            .map(|e| Draft {
                event_id: e.event_id.clone(),
                maturity: e.standing.maturity,
                descriptor: e.descriptor.clone(),
                policy_hash: e.policy_hash,
            })
            .collect();
        let signer = self.signer.clone();
        let announced = tokio::task::spawn_blocking(move || signer.announce(&drafts)).await??;
        let rows: Vec<SignedEvent> = announced
            .into_iter()
            .zip(events)
            .map(|(s, e)| SignedEvent {
                standing: e.standing,
                announcement: s.announcement,
                tlv: s.tlv,
                nonce_map: s.nonce_map,
                content_hash: s.content_hash,
                policy_hash: e.policy_hash,
                nonce_proof: s.nonce_proof,
            })
            .collect();
        self.store.publish_announcements(&rows, now).await?;
        self.raise_high_water(now);
        metrics::counter!("oracle_announcements_total").increment(rows.len() as u64);
        tracing::info!(events = rows.len(), "announced");
        Ok(())
    }

    /// Gives up on a batch of events whose `attest_by` has come: irrevocably.
    /// Answers whether there were any.
    pub(super) async fn refund_expired(&mut self, now: DateTime<Utc>) -> Result<bool, EngineError> {
        let mut expired = self.store.expired(now, BATCH).await?;
        // A refund is a decision too: a clock that runs ahead makes none.
        expired.retain(|e| {
            self.clock_trust
                .has_passed(e.attest_by().timestamp(), self.clock.uptime())
        });
        if expired.is_empty() {
            return Ok(false);
        }
        let reason = "no outcome could be determined before attest_by";
        self.store
            .commit_refunds(&expired, reason, self.clock.now())
            .await?;
        self.finish_refunds().await?;
        Ok(true)
    }

    /// Journals and logs refunds that have their intent.
    pub(super) async fn finish_refunds(&mut self) -> Result<(), EngineError> {
        let mut after = String::new();
        loop {
            let now = self.clock.now();
            let mut open = self.store.open_refunds(&after, BATCH).await?;
            let Some(last) = open.last() else {
                return Ok(());
            };
            last.event_id.as_str().clone_into(&mut after);
            open.retain(|r| self.stuck.get(&r.event_id).is_none_or(|at| *at <= now));
            let (refused, all) = each_on_its_own(&open, |batch| self.publish_refunds(batch)).await;
            for refund in &open {
                self.stuck.remove(&refund.event_id);
            }
            for (refund, error) in refused {
                tracing::error!(event = %refund.event_id, %error, "a refund that cannot be finished");
                self.note_stuck(refund.event_id.clone());
            }
            all?;
        }
    }

    async fn publish_refunds(&self, open: &[OpenRefund]) -> Result<(), EngineError> {
        if open.is_empty() {
            return Ok(());
        }
        let records = open.iter().map(refund_record).collect::<Vec<_>>();
        let signer = self.signer.clone();
        tokio::task::spawn_blocking(move || signer.record_ends(&records)).await??;
        self.store.publish_refunds(open, self.clock.now()).await?;
        metrics::counter!("oracle_refunds_total").increment(open.len() as u64);
        tracing::warn!(events = open.len(), "refunded: no outcome by attest_by");
        Ok(())
    }
}

fn refund_record(refund: &OpenRefund) -> JournalRecord {
    JournalRecord {
        event_id: refund.event_id.as_str().to_owned(),
        kind: IntentKind::Refund,
        content_hash: refund.content_hash,
        epoch: refund.epoch,
        maturity: refund.standing.maturity.epoch(),
        nonces: Vec::new(),
        messages: Vec::new(),
    }
}

/// The maturities of a series from `next` on whose announcement is due, at most `room`
/// of them but one at least, and where the series stands then.
fn due_maturities(
    series: &Series,
    next: Maturity,
    now: DateTime<Utc>,
    room: usize,
) -> (Vec<Maturity>, Option<Maturity>) {
    let give_up_after_s = series.definition.policy.give_up_after_s;
    let mut maturities = Vec::new();
    let mut next = Some(next);
    while let Some(maturity) = next.filter(|m| series.announce_at(*m) <= now) {
        if let Err(why) = check_refund(maturity.unix(), give_up_after_s) {
            let series = series.id.as_str();
            tracing::error!(series, key = "give_up_after", %why, "the series ends here");
            return (maturities, None);
        }
        if maturity.to_datetime() > now {
            maturities.push(maturity);
            next = next_maturity(series, maturity.to_datetime());
        } else {
            // Never announced after the fact: on to the future.
            next = next_maturity(series, now);
        }
        if maturities.len() >= room {
            break;
        }
    }
    (maturities, next)
}

/// The first maturity of a series strictly after a time. None where its list is done, or
/// where the next is beyond what an announcement can name.
pub(super) fn next_maturity(series: &Series, after: DateTime<Utc>) -> Option<Maturity> {
    let next = series.schedule.next_after(after.timestamp())?;
    Maturity::from_unix(next).ok()
}

/// Where a series stands once its next maturity is `next`.
pub(super) fn series_row(series: &Series, next: Option<Maturity>) -> SeriesRow {
    SeriesRow {
        series_id: series.id.as_str().to_owned(),
        definition: series.fingerprint.clone(),
        policy_hash: series.definition.policy_hash,
        next_maturity: next,
        next_announce_at: next.map(|maturity| series.announce_at(maturity)),
    }
}

/// An event as the store remembers it.
pub(super) fn new_event(
    event_id: EventId,
    series: Option<&SeriesId>,
    definition: &Definition,
    maturity: Maturity,
    announce_at: DateTime<Utc>,
) -> NewEvent {
    let ready = maturity.to_datetime() + TimeDelta::seconds(definition.settle_delay_s());
    let patience = TimeDelta::seconds(definition.patience_s(maturity));
    NewEvent {
        event_id,
        series: series.map(|s| s.as_str().to_owned()),
        kind: definition.policy.rule.kind(),
        maturity,
        attest_by: definition.attest_by(maturity),
        announce_at,
        overdue_at: ready + patience,
        // Facts are looked at from the maturity on, prices once they have settled.
        round_due: match definition.question {
            Question::Facts => maturity.to_datetime(),
            Question::Price(_) => ready,
        },
        sample_from: sample_from(definition.policy.rule.price(), maturity),
        descriptor: definition.descriptor.clone(),
        policy_hash: definition.policy_hash,
        round_key: definition.round_key.clone(),
        question: definition.question.clone(),
        subjects: definition.subjects.clone(),
        sole_outcomes: definition.sole_outcomes,
        search: definition.policy.question(Some(maturity.unix())).searched(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;
    use crate::config::Config;

    /// An hourly series.
    fn series() -> Series {
        let text = include_str!("../config/tests/contract.toml");
        let Ok(config) = Config::parse(text, Path::new("/")) else {
            unreachable!("the documented configuration is accepted");
        };
        let mut hourly = config.series.into_values();
        hourly.find(|s| s.id.as_str() == "btcusd-hourly").unwrap()
    }

    fn at(unix: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(unix, 0).unwrap()
    }

    fn matures(unix: i64) -> Maturity {
        Maturity::from_unix(unix).unwrap()
    }

    #[test]
    fn a_series_ends_where_no_contract_has_a_refund() {
        let series = series();
        let give_up = i64::from(series.definition.policy.give_up_after_s);
        let last = i64::from(u32::MAX) - 24 * 3600 - give_up;
        let hour = last.div_euclid(3600) * 3600;
        let now = at(hour - 2 * 3600 - 1);
        let due = due_maturities(&series, matures(hour - 3600), now, 100);
        let expected = vec![matures(hour - 3600), matures(hour)];
        assert_eq!(due, (expected, None));
    }

    #[test]
    fn what_has_matured_is_skipped_and_a_batch_is_bounded() {
        let series = series();
        let start = 1_795_363_200;
        let due = due_maturities(&series, matures(start - 7200), at(start + 10), 1);
        let expected = vec![matures(start + 3600)];
        assert_eq!(due, (expected, Some(matures(start + 7200))));
    }
}
