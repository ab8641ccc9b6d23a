//! What is checked before the first tick, and what refuses to start.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::{GENERIC, GENERIC_NAME, provider};
use oracle_schema::Maturity;
use oracle_schema::policy::Policy;
use oracle_schema::tlog::checkpoint::KeyError;

use super::announce::{new_event, series_row};
use super::budget;
use crate::clock::Clock;
use crate::config::Config;
use crate::lifecycle::IntentKind;
use crate::log::Heads;
use crate::signer::{JournalRecord, Signer, SignerConfig, SignerError};
use crate::store::{CommitError, Intent, SeriesRow, Store, StoreError};

/// How far the clock may be behind the last committed work, milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

/// Intent rows read at a time.
const PAGE: i64 = 10_000;

/// One-off events made in one transaction at most.
const ONE_OFFS_PER_TRANSACTION: usize = 5000;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keystore or journal.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The keystore is another oracle's.
    #[error(
        "wrong key for this database: the keystore's public key is {keystore}, the database's {database}"
    )]
    WrongKey {
        /// Of the keystore.
        keystore: String,
        /// Of the database.
        database: String,
    },
    /// The configuration is for another network.
    #[error("the configuration says network {config}, the {what} {found}")]
    WrongNetwork {
        /// Configured.
        config: String,
        /// Where the other one stands.
        what: &'static str,
        /// The other one.
        found: String,
    },
    /// A journal that `init` did not make for this database.
    #[error("this journal was not made for this database; `init --join` makes one for a standby")]
    ForeignJournal,
    /// Journal and database hold two ends for one event.
    #[error(
        "journal and database contradict each other about event {event}: {journal} against {database}"
    )]
    Contradiction {
        /// Which event.
        event: String,
        /// What the journal holds.
        journal: String,
        /// What the database holds.
        database: String,
    },
    /// Intents could not be restored.
    #[error("restoring intents from the journal: {0}")]
    Restore(#[from] CommitError),
    /// The clock went back.
    #[error(
        "the clock is {behind_s} s behind the last committed work ({last}); set it right, or start with --accept-clock"
    )]
    ClockBehind {
        /// By how much, seconds.
        behind_s: i64,
        /// When that work was committed.
        last: DateTime<Utc>,
    },
    /// Something that open events need is gone from the configuration.
    #[error("open events need what the configuration no longer has: {0}")]
    Removed(String),
    /// New events of the file would let one outside party choose too much.
    #[error(
        "event {event:?}: {bits} bits of choice would be open to single parties; \
         [signer] max_open_choice_bits is {most}"
    )]
    ChoiceBudget {
        /// The first event too many.
        event: String,
        /// With it.
        bits: u32,
        /// The bound.
        most: u32,
    },
    /// The log's origin is no name of a key.
    #[error("log origin: {0}")]
    Origin(#[from] KeyError),
    /// A worker thread died.
    #[error("worker thread: {0}")]
    Worker(#[from] tokio::task::JoinError),
}

/// What uniting journal and intent rows found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct United {
    /// Records that the database lacked: the database is old.
    pub restored_to_database: usize,
    /// Records that the journal lacked: the journal is old, or a crash came
    /// between intent and journal.
    pub appended_to_journal: usize,
}

/// Opens the signer and checks that it belongs to this database.
pub async fn open(
    store: &Store,
    signer: SignerConfig,
    network: &str,
    clock: Arc<dyn Clock>,
) -> Result<Signer, StartError> {
    let oracle = store.oracle().await?;
    let wrong = |what, found: &str| StartError::WrongNetwork {
        config: network.to_owned(),
        what,
        found: found.to_owned(),
    };
    if oracle.network != network {
        return Err(wrong("database", &oracle.network));
    }
    let signer = tokio::task::spawn_blocking(move || Signer::open(signer, clock)).await??;
    if signer.public_key().to_byte_array() != oracle.public_key {
        return Err(StartError::WrongKey {
            keystore: signer.public_key().to_string(),
            database: hex::encode(oracle.public_key),
        });
    }
    if signer.network() != network {
        return Err(wrong("keystore", signer.network()));
    }
    if !store.knows_journal(&signer.journal_id()).await? {
        return Err(StartError::ForeignJournal);
    }
    Ok(signer)
}

/// Refuses a clock that is behind the last committed work, unless told to
/// accept it.
pub async fn check_clock(
    store: &Store,
    signer: &Signer,
    now: DateTime<Utc>,
    accept: bool,
) -> Result<(), StartError> {
    let high_water = store.high_water_ms().await?;
    let behind_ms = high_water - now.timestamp_millis();
    if behind_ms <= CLOCK_TOLERANCE_MS {
        signer.set_high_water(high_water);
        return Ok(());
    }
    let last = DateTime::from_timestamp_millis(high_water).unwrap_or_default();
    if !accept {
        return Err(StartError::ClockBehind {
            behind_s: behind_ms / 1000,
            last,
        });
    }
    tracing::error!(
        behind_s = behind_ms / 1000,
        %last,
        "clock behind the last committed work, accepted by --accept-clock"
    );
    Ok(())
}

/// Unites journal and intent rows, both ways: completes what one has and the
/// other lacks, and refuses if they hold two ends for one event.
pub async fn unite(store: &Store, signer: &Signer) -> Result<United, StartError> {
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
        for intent in page {
            match journal.remove(&intent.event_id) {
                Some(digest) if digest == intent.digest() => {}
                Some(_) => return Err(contradiction(signer, &intent)?),
                None => missing.extend(record_of(store, intent).await?),
            }
        }
    }
    let mut lost = Vec::new();
    if !journal.is_empty() {
        for record in signer.journal_iter()? {
            let record = record?;
            if journal.contains_key(&record.event_id) {
                lost.push(intent_of(record));
            }
        }
    }
    let united = United {
        restored_to_database: lost.len(),
        appended_to_journal: missing.len(),
    };
    if !lost.is_empty() {
        tracing::error!(
            intents = lost.len(),
            first = lost.first().map(|i| i.event_id.as_str()),
            "the database is older than the journal; its intents are restored"
        );
        store.restore_intents(&lost).await?;
    }
    if !missing.is_empty() {
        tracing::warn!(
            intents = missing.len(),
            first = missing.first().map(|r| r.event_id.as_str()),
            "the journal lacks intents of the database; they are appended"
        );
        signer.append_missing(&missing)?;
    }
    Ok(united)
}

fn describe(kind: IntentKind, messages: &[String]) -> String {
    match kind {
        IntentKind::Attest => messages.join(","),
        IntentKind::Refund | IntentKind::Withdraw => kind.to_string(),
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
            IntentKind::Refund | IntentKind::Withdraw => Vec::new(),
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
        committed_ms: 0,
        // The evidence went with the database.
        manifest_sha256: [0; 32],
    }
}

/// Lets the signer sign the heads of the log, and signs the last one if nobody
/// has: after this a reader finds a checkpoint.
pub async fn open_log(
    store: &Store,
    signer: &Arc<Signer>,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let origin = store.oracle().await?.log_origin;
    store.sign_heads_by(Some(Arc::new(Heads::new(signer.clone(), &origin)?)));
    Ok(store.complete_tree(now.timestamp_millis()).await?)
}

/// Makes the stored series and one-off events those of the configuration:
/// future events follow an edit, announced ones keep what they have. Refuses
/// when open events need what was removed.
pub async fn configure(
    store: &Store,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let stored = store.series().await?;
    let open = store.series_with_open_events().await?;
    let gone: Vec<String> = open
        .iter()
        .filter(|name| !config.series.keys().any(|k| k.as_str() == name.as_str()))
        .map(|name| format!("series {name:?}"))
        .collect();
    if !gone.is_empty() {
        return Err(StartError::Removed(gone.join(", ")));
    }
    check_sources(store, config).await?;
    // Whoever observed them before is gone.
    store.reclaim_rounds(now.timestamp_millis()).await?;

    let known: BTreeMap<&str, &SeriesRow> =
        stored.iter().map(|s| (s.series_id.as_str(), s)).collect();
    let mut changed = Vec::new();
    let mut policies = Vec::new();
    for series in config.series.values() {
        let name = series.id.as_str();
        if known
            .get(name)
            .is_some_and(|r| r.definition == series.fingerprint)
        {
            continue;
        }
        if known.contains_key(name) {
            tracing::info!(series = name, "series edited: future events follow");
        }
        let next = series.schedule.next_after(now.timestamp());
        changed.push(series_row(series, next));
        policies.push((
            series.definition.policy_hash,
            series.definition.document.clone(),
        ));
    }
    let removed: Vec<String> = stored
        .iter()
        .filter(|s| !config.series.keys().any(|k| k.as_str() == s.series_id))
        .map(|s| s.series_id.clone())
        .collect();
    store.put_series(&changed, &removed, &policies).await?;
    make_one_offs(store, config, now).await
}

async fn make_one_offs(
    store: &Store,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let events = &config.events;
    let ids: Vec<String> = events.iter().map(|e| e.id.as_str().to_owned()).collect();
    let known: HashMap<String, [u8; 32]> = store.known_events(&ids).await?.into_iter().collect();
    let mut new = Vec::new();
    for event in events {
        let id = event.id.as_str();
        match known.get(id) {
            Some(pinned) if *pinned != event.definition.policy_hash => tracing::warn!(
                event = id,
                "the file's definition differs; the event keeps the one it was made with"
            ),
            Some(_) => {}
            None if event.maturity.unix() <= now.timestamp() => tracing::warn!(
                event = id,
                maturity = %event.maturity,
                "not announced: it has already matured"
            ),
            None => new.push(event),
        }
    }
    budget::check_choice(store, &new, config.signer.max_open_choice_bits).await?;
    for chunk in new.chunks(ONE_OFFS_PER_TRANSACTION) {
        let mut written = HashSet::new();
        let policies: Vec<_> = chunk
            .iter()
            .map(|e| &e.definition)
            .filter(|d| written.insert(d.policy_hash))
            .map(|d| (d.policy_hash, d.document.clone()))
            .collect();
        let events: Vec<_> = chunk
            .iter()
            .map(|e| {
                let announce_at = e.announce_at.unwrap_or_else(|| now.timestamp());
                new_event(e.id.clone(), None, &e.definition, e.maturity, announce_at)
            })
            .collect();
        store.schedule(&events, &[], &policies).await?;
    }
    Ok(())
}

/// What open events' pinned policies name must still be there: generic entries,
/// providers that the configuration named before, operators of panels.
async fn check_sources(store: &Store, config: &Config) -> Result<(), StartError> {
    let before = store.providers().await?;
    let removed = |name: &str| {
        !config.providers.contains_key(name) && before.iter().any(|before| before == name)
    };
    let mut gone = Vec::new();
    for (document, event) in store.open_policies().await? {
        let policy = Policy::parse(&document)
            .map_err(|e| StoreError::Damaged(format!("policy of {event}: {e}")))?;
        for leg in policy.rule.price().map_or(&[][..], |p| &p.legs) {
            for source in &leg.sources {
                let known = if source.selector.is_some() {
                    config.generic.contains_key(&source.symbol)
                } else {
                    provider(&source.provider).is_some() && !removed(&source.provider)
                };
                if !known {
                    gone.push(format!("source {:?} (event {event:?})", source.id));
                }
            }
        }
        for source in policy.rule.fact_sources() {
            if source.provider == GENERIC {
                let name = source.parameters.get(GENERIC_NAME);
                if name.is_none_or(|name| !config.generic.contains_key(name)) {
                    gone.push(format!("source {:?} (event {event:?})", source.id));
                }
                continue;
            }
            if source.provider == PEERCOIN {
                let name = source.parameters.get(GENERIC_NAME);
                let name = name.map_or(PEERCOIN, String::as_str);
                if !config.nodes.contains_key(name) {
                    gone.push(format!("source {:?} (event {event:?})", source.id));
                }
                continue;
            }
            if provider(&source.provider).is_none() || removed(&source.provider) {
                gone.push(format!("provider {:?} (event {event:?})", source.provider));
            }
        }
        for member in policy.rule.panel().map_or(&[][..], |p| &p.members) {
            if !config.operators.iter().any(|o| o.name == member.name) {
                gone.push(format!("operator {:?} (event {event:?})", member.name));
            }
        }
    }
    if gone.is_empty() {
        let names: Vec<&str> = config.providers.keys().map(String::as_str).collect();
        return Ok(store.put_providers(&names).await?);
    }
    gone.sort();
    gone.dedup();
    Err(StartError::Removed(gone.join(", ")))
}
