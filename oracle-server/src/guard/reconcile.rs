//! Journal and intent rows, the two memories of how events ended, and the log, which
//! is what everybody else knows of it.

use std::collections::HashMap;

use chrono::DateTime;
use oracle_schema::Maturity;

use crate::engine::StartError;
use crate::lifecycle::IntentKind;
use crate::signer::{JournalRecord, Signer};
use crate::store::{Intent, Store, StoreError};

/// Intent rows read at a time.
const PAGE: i64 = 10_000;

/// Reconciles journal, intent rows and the log: completes what journal or database have
/// and the other lacks, and refuses if they hold two ends for one event, or one that
/// the log contradicts. What both hold was compared with the log when the second of
/// them learnt it.
pub(super) async fn reconcile(store: &Store, signer: &Signer) -> Result<(), StartError> {
    let mut journal: HashMap<String, [u8; 32]> = HashMap::new();
    for record in signer.journal_iter()? {
        let record = record?;
        let digest = record.digest();
        journal.insert(record.event_id, digest);
    }
    let mut missing = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.intents_after(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.event_id);
        let mut unknown = Vec::new();
        for intent in page {
            match journal.remove(&intent.event_id) {
                Some(digest) if digest == intent.digest() => {}
                Some(_) => return Err(contradiction(signer, &intent)?),
                None => unknown.push(intent),
            }
        }
        compare_with_log(store, &unknown).await?;
        for intent in unknown {
            missing.extend(record_of(store, intent).await?);
        }
    }
    restore(store, signer, &journal).await?;
    if let Some(event) = store.attested_without_intent().await? {
        return Err(StartError::Unpromised { event });
    }
    if !missing.is_empty() {
        tracing::warn!(
            intents = missing.len(),
            first = missing.first().map(|r| r.event_id.as_str()),
            "the journal lacks intents of the database; they are appended"
        );
        signer.append_missing(&missing)?;
    }
    Ok(())
}

/// Puts ends of the journal that the database lacks into the database.
async fn restore(
    store: &Store,
    signer: &Signer,
    lacking: &HashMap<String, [u8; 32]>,
) -> Result<(), StartError> {
    if lacking.is_empty() {
        return Ok(());
    }
    let mut lost = Vec::new();
    for record in signer.journal_iter()? {
        let record = record?;
        if lacking.contains_key(&record.event_id) {
            lost.push(intent_of(record));
        }
    }
    compare_with_log(store, &lost).await?;
    tracing::error!(
        intents = lost.len(),
        first = lost.first().map(|i| i.event_id.as_str()),
        "the journal holds ends that the database lacks; they are restored"
    );
    Ok(store.restore_intents(&lost).await?)
}

/// Refuses ends that are not those in the log.
async fn compare_with_log(store: &Store, intents: &[Intent]) -> Result<(), StartError> {
    let ids: Vec<&str> = intents.iter().map(|i| i.event_id.as_str()).collect();
    let logged = store.logged_outcomes(&ids).await?;
    for intent in intents {
        if let Some(outcomes) = logged.get(&intent.event_id)
            && (intent.kind != IntentKind::Attest || intent.messages != *outcomes)
        {
            return Err(StartError::AgainstTheLog {
                event: intent.event_id.clone(),
                log: outcomes.join(","),
                promised: describe(intent.kind, &intent.messages),
            });
        }
    }
    Ok(())
}

fn describe(kind: IntentKind, messages: &[String]) -> String {
    match kind {
        IntentKind::Attest => messages.join(","),
        IntentKind::Refund => kind.to_string(),
    }
}

/// What the journal holds against an intent row.
fn contradiction(signer: &Signer, intent: &Intent) -> Result<StartError, StartError> {
    let mut journal = String::from("another record");
    for record in signer.journal_iter()? {
        let record = record?;
        if record.event_id == intent.event_id {
            journal = describe(record.kind, &record.messages);
        }
    }
    Ok(StartError::Contradiction {
        event: intent.event_id.clone(),
        journal,
        database: describe(intent.kind, &intent.messages),
    })
}

/// The journal record of an intent row. None for an outcome whose announcement
/// the database lost: its nonces are unknown until the event comes back, and a
/// record without them would forbid its signature for ever.
async fn record_of(store: &Store, intent: Intent) -> Result<Option<JournalRecord>, StoreError> {
    let announced = store.announced_nonces(&intent.event_id).await?;
    if announced.is_none() && intent.kind == IntentKind::Attest {
        tracing::error!(
            event = intent.event_id,
            "committed, and its announcement is lost"
        );
        return Ok(None);
    }
    let (maturity, nonces) = announced.unwrap_or((Maturity::from_epoch(0), Vec::new()));
    Ok(Some(JournalRecord {
        event_id: intent.event_id,
        nonces: match intent.kind {
            IntentKind::Attest => nonces,
            IntentKind::Refund => Vec::new(),
        },
        kind: intent.kind,
        content_hash: intent.content_hash,
        epoch: intent.epoch,
        maturity: maturity.epoch(),
        messages: intent.messages,
    }))
}

fn intent_of(record: JournalRecord) -> Intent {
    Intent {
        event_id: record.event_id,
        kind: record.kind,
        content_hash: record.content_hash,
        messages: record.messages,
        epoch: record.epoch,
        committed_at: DateTime::UNIX_EPOCH,
        // The evidence went with the database.
        manifest_sha256: [0; 32],
    }
}
