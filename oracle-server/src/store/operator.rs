//! What operators did: nonces burned, signed requests kept, and what follows
//! from them.

use chrono::{DateTime, Utc};
use oracle_schema::http_signature::VerifiedRequest;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::operator::{OperatorAction, Verb};
use oracle_schema::{Descriptor, EventId};

use super::bodies::put_manifest;
use super::db::{Arg, Row, args, millis};
use super::lead::{LeaderTx, NewEntry};
use super::schedule::schedule_in;
use super::states::NOT_FINAL;
use super::steps::{Reason, step_of};
use super::{
    Candidate, ChangeError, NewEvent, ReadStore, Store, StoreError, descriptor, event_id, standing,
};
use crate::keys::{RoundId, RoundKey};
use crate::lifecycle::{Input, Standing};

/// An event as an operator's request meets it.
#[derive(Debug, Clone)]
pub struct OperatedEvent {
    /// Name.
    pub event_id: EventId,
    /// Where it stands.
    pub standing: Standing,
    /// What can come out.
    pub descriptor: Descriptor,
    /// Its policy document.
    pub policy: Vec<u8>,
}

/// A kept request.
#[derive(Debug, Clone)]
pub struct ActionRow {
    /// Log position.
    pub position: i64,
    /// What it did.
    pub verb: Verb,
    /// Who.
    pub operator: String,
    /// Under which key.
    pub public_key: [u8; 32],
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// The outcome, if it is a report.
    pub outcome: Option<String>,
    /// SHA-256 of the body.
    pub sha256: [u8; 32],
    /// As sent.
    pub body: Vec<u8>,
    /// What was signed.
    pub base: String,
    /// Ed25519 over it.
    pub signature: Vec<u8>,
    /// The problem that answered it, if it was refused and kept.
    pub refusal: Option<String>,
}

const ACTION_COLUMNS: &str = "position, verb, operator, public_key, received_ms, outcome, sha256, \
     body, base, signature, refusal";

impl ActionRow {
    fn from_row(r: &Row) -> Result<Self, StoreError> {
        let verb: String = r.get("verb")?;
        Ok(Self {
            position: r.get("position")?,
            verb: Verb::from_name(&verb)
                .ok_or_else(|| StoreError::Damaged(format!("operator's verb {verb:?}")))?,
            operator: r.get("operator")?,
            public_key: r.hash("public_key")?,
            received_at: r.millis("received_ms")?,
            outcome: r.get("outcome")?,
            sha256: r.hash("sha256")?,
            body: r.get("body")?,
            base: r.get("base")?,
            signature: r.get("signature")?,
            refusal: r.get("refusal")?,
        })
    }
}

/// A request to be kept.
#[derive(Debug)]
pub struct NewAction<'a> {
    /// What it does.
    pub verb: Verb,
    /// To which event.
    pub event_id: &'a EventId,
    /// As verified.
    pub request: &'a VerifiedRequest,
    /// The outcome, if it is a report.
    pub outcome: Option<&'a str>,
    /// The problem that answers it, if it is refused and kept.
    pub refusal: Option<&'static str>,
}

/// What follows from a kept request, in the same transaction.
#[derive(Debug)]
pub enum Effect<'a> {
    /// A report: the event's round is due.
    Wake,
    /// Nothing yet.
    None,
    /// The event is made.
    Schedule {
        /// It.
        event: &'a NewEvent,
        /// Its policy document.
        document: &'a [u8],
    },
    /// The event is held, whatever its sources say.
    Veto {
        /// The event.
        event: &'a OperatedEvent,
        /// For people.
        reason: &'a str,
    },
    /// The event's round has its decision, and nothing holds it any more.
    Decide {
        /// The event.
        candidate: &'a Candidate,
        /// The event's own round.
        round: &'a RoundId,
        /// JSON: the outcome and how it came about.
        decision: &'a str,
        /// Canonical evidence manifest.
        manifest: &'a [u8],
        /// Its SHA-256.
        manifest_sha256: [u8; 32],
        /// Why the outcome is `void`, if it is; one sentence.
        reason: Option<String>,
    },
    /// The refund of the event is committed.
    Abandon {
        /// The event.
        candidate: &'a Candidate,
        /// For people.
        reason: &'a str,
    },
}

impl Store {
    /// Burns a nonce of a key for ever; answers whether it was new.
    pub async fn burn_operator_nonce(
        &self,
        public_key: &[u8; 32],
        nonce: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.leader_tx_at(now).await?;
        let new = tx
            .execute(
                "INSERT INTO operator_nonce (public_key, nonce) VALUES ($1, $2) \
                 ON CONFLICT (public_key, nonce) DO NOTHING",
                args![public_key, nonce],
            )
            .await?;
        tx.commit().await?;
        Ok(new == 1)
    }

    /// Burns nonces of keys for ever, if all of them are new; else none. Answers whether
    /// they were.
    pub async fn burn_operator_nonces(
        &self,
        nonces: &[(&[u8; 32], &str)],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.leader_tx_at(now).await?;
        let rows = nonces.iter().map(|(key, nonce)| args![*key, *nonce]);
        let new = tx
            .insert_rows(
                "INSERT INTO operator_nonce (public_key, nonce)",
                rows.collect(),
                "ON CONFLICT (public_key, nonce) DO NOTHING",
            )
            .await?;
        if new != u64::try_from(nonces.len()).unwrap_or(u64::MAX) {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// An event and its policy, for an operator's request.
    pub async fn operated_event(&self, id: &str) -> Result<Option<OperatedEvent>, StoreError> {
        let row = self
            .db
            .fetch_optional(
                "SELECT e.event_id, e.state, e.vetoed, e.maturity, e.attest_by, e.descriptor, \
                 p.document FROM event e JOIN policy p ON p.policy_hash = e.policy_hash \
                 WHERE e.event_id = $1",
                args![id],
            )
            .await?;
        row.map(|r| r.read_as("event", "event_id", operated))
            .transpose()
    }

    /// Everything operators did about an event, in the log's order.
    pub async fn operator_actions(&self, id: &str) -> Result<Vec<ActionRow>, StoreError> {
        actions(&self.db, id).await
    }

    /// What the log keeps of what operators did about an event, in its order.
    pub async fn operator_entries(&self, id: &EventId) -> Result<Vec<OperatorAction>, StoreError> {
        let actions = self.operator_actions(id.as_str()).await?;
        actions
            .into_iter()
            .map(|a| {
                let signature = <[u8; 64]>::try_from(a.signature.as_slice())
                    .map_err(|_| StoreError::Damaged(format!("signature of a request on {id}")))?;
                Ok(OperatorAction {
                    event_id: id.clone(),
                    time_ms: a.received_at.timestamp_millis().unsigned_abs(),
                    verb: a.verb,
                    operator: a.operator,
                    public_key: a.public_key,
                    base: a.base,
                    signature,
                    body: a.body,
                })
            })
            .collect()
    }

    /// How many outcomes each event has that is open and that one outside party
    /// decides alone.
    pub async fn open_choice(&self) -> Result<Vec<u32>, StoreError> {
        open_choice(&self.db).await
    }

    /// Keeps a request, puts it into the log and does what follows from it: all
    /// or nothing.
    pub async fn keep_action(
        &self,
        action: &NewAction<'_>,
        effect: &Effect<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        let id = action.event_id.as_str();
        let request = action.request;
        let entry = OperatorAction::new(
            action.verb,
            action.event_id.clone(),
            now.timestamp_millis().unsigned_abs(),
            request,
        );
        let bytes = LogEntry::OperatorAction(entry)
            .to_bytes()
            .map_err(|e| StoreError::Damaged(format!("operator's action on {id}: {e}")))?;
        let (mut tx, reserved) = self.appending_tx(1, now).await?;
        let row = action_row(reserved.first, action, now);
        tx.insert_rows(INSERT_ACTIONS, vec![row], "").await?;
        self.apply_effect(&mut tx, id, effect, now).await?;
        let entry = NewEntry {
            entry_type: 4,
            event_id: id,
            bytes,
        };
        tx.append(&reserved, vec![entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn apply_effect(
        &self,
        tx: &mut LeaderTx<'_>,
        id: &str,
        effect: &Effect<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), ChangeError> {
        match effect {
            Effect::None => {}
            Effect::Wake => {
                tx.execute(
                    "UPDATE round SET due_ms = $1 WHERE round_key = $2 AND state = 'open'",
                    args![millis(now), RoundKey::of_event(id).as_str()],
                )
                .await?;
            }
            Effect::Schedule { event, document } => {
                let policies = [(event.policy_hash, document.to_vec())];
                let new = schedule_in(tx, std::slice::from_ref(*event), &[], &policies).await?;
                require(id, new == 1)?;
            }
            Effect::Veto { event, reason } => {
                let step = step_of(&event.event_id, &event.standing, Input::Veto, now)?;
                tx.take_steps(&[step], Reason::Set(reason)).await?;
            }
            Effect::Decide {
                candidate,
                round,
                decision,
                manifest,
                manifest_sha256,
                reason,
            } => {
                put_manifest(tx, manifest_sha256, manifest).await?;
                let decided = tx
                    .execute(
                        "UPDATE round SET leased = 0, state = 'decided', due_ms = $1, \
                         decision = $2, manifest_sha256 = $3, reason = $4 \
                         WHERE round_key = $5 AND maturity = $6",
                        args![
                            millis(now),
                            *decision,
                            *manifest_sha256,
                            reason.clone(),
                            round.round_key.as_str(),
                            round.maturity
                        ],
                    )
                    .await?;
                let step = candidate.step(Input::Release, now)?;
                tx.take_steps(&[step], Reason::Clear).await?;
                require(id, decided == 1)?;
            }
            Effect::Abandon { candidate, reason } => {
                self.commit_abandoned(tx, candidate, reason, now).await?;
            }
        }
        Ok(())
    }
}

/// What [`action_row`] fills.
pub(super) const INSERT_ACTIONS: &str = "INSERT INTO operator_action (position, event_id, verb, \
     operator, public_key, received_ms, outcome, sha256, body, base, signature, refusal)";

pub(super) fn action_row(position: i64, action: &NewAction<'_>, now: DateTime<Utc>) -> Vec<Arg> {
    let request = action.request;
    args![
        position,
        action.event_id.as_str(),
        action.verb.name(),
        request.operator(),
        request.public_key(),
        millis(now),
        action.outcome.map(str::to_owned),
        request.body_sha256(),
        request.body(),
        request.base(),
        request.signature().as_slice(),
        action.refusal.map(str::to_owned)
    ]
}

fn operated(r: &Row) -> Result<OperatedEvent, StoreError> {
    Ok(OperatedEvent {
        event_id: event_id(&r.get::<String>("event_id")?)?,
        standing: standing(r)?,
        descriptor: descriptor::read(&r.get::<String>("descriptor")?)?,
        policy: r.get("document")?,
    })
}

/// What was read before the transaction must still be so: the engine alone
/// writes.
fn require(id: &str, changed: bool) -> Result<(), StoreError> {
    if changed {
        return Ok(());
    }
    let what = format!("event {id} changed while an operator's request was carried out");
    Err(StoreError::Damaged(what))
}

async fn actions(db: &super::db::Db, id: &str) -> Result<Vec<ActionRow>, StoreError> {
    let sql = format!(
        "SELECT {ACTION_COLUMNS} FROM operator_action WHERE event_id = $1 ORDER BY position"
    );
    let rows = db.fetch(sqlx::AssertSqlSafe(sql), args![id]).await?;
    rows.iter().map(ActionRow::from_row).collect()
}

async fn open_choice(db: &super::db::Db) -> Result<Vec<u32>, StoreError> {
    let rows = db
        .fetch(
            sqlx::AssertSqlSafe(format!(
                "SELECT sole_outcomes FROM event WHERE sole_outcomes > 0 AND state IN {NOT_FINAL}"
            )),
            args![],
        )
        .await?;
    rows.iter()
        .map(|r| Ok(u32::try_from(r.get::<i64>("sole_outcomes")?).unwrap_or(u32::MAX)))
        .collect()
}

impl ReadStore {
    /// Everything operators did about an event, in the log's order.
    pub async fn operator_actions(&self, id: &str) -> Result<Vec<ActionRow>, StoreError> {
        actions(&self.db, id).await
    }

    /// See [`Store::open_choice`].
    pub async fn open_choice(&self) -> Result<Vec<u32>, StoreError> {
        open_choice(&self.db).await
    }
}
