//! What refuses a start, and the rows that follow from the configuration.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::{GENERIC, GENERIC_NAME, provider};
use oracle_schema::policy::Policy;
use oracle_schema::tlog::checkpoint::KeyError;

use super::announce::{new_event, next_maturity, series_row};
use super::budget;
use crate::config::Config;
use crate::signer::SignerError;
use crate::store::{ChangeError, SeriesRow, Store, StoreError};

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
        "wrong key for this database: the keystore's public key is {keystore}, the database's \
         {database}; [signer] and [store] name files of two oracles"
    )]
    WrongKey {
        /// Of the keystore.
        keystore: String,
        /// Of the database.
        database: String,
    },
    /// The configuration is for another network.
    #[error("the configuration says network {config}, the {what} {found}; it is another oracle's")]
    WrongNetwork {
        /// Configured.
        config: String,
        /// Where the other one stands.
        what: &'static str,
        /// The other one.
        found: String,
    },
    /// A journal that `init` did not make for this database.
    #[error(
        "this journal was not made for this database; restore the one that was, or make one for \
         a standby with `init --join` (docs/starting.md)"
    )]
    ForeignJournal,
    /// Keystore, journal and database are not where they were.
    #[error(
        "these files were copied or restored: {changes}; if another copy of them has run since \
         this one was made, signing again would publish the key. Make sure that none has and \
         none will, compare the log with mirrors and witnesses, then start with --accept-copy \
         (docs/starting.md)"
    )]
    Copied {
        /// What is not where it was.
        changes: String,
    },
    /// Journal or database cannot be looked at.
    #[error("where journal and database are: {0}")]
    Home(std::io::Error),
    /// The journal knows more of the log than the database has.
    #[error(
        "the database is older than the journal, which knows {journal} log entries where the \
         database has {database}: what was signed since is not in it, and signing again would \
         publish the key; restore the newest database (docs/starting.md)"
    )]
    DatabaseOlder {
        /// Entries that the journal knows of.
        journal: u64,
        /// Entries in the database.
        database: u64,
    },
    /// A standby has seen more of the log than there is now.
    #[error(
        "the database went back while this process stood by: it had {seen} log entries and has \
         {database}; restore the newest database (docs/starting.md)"
    )]
    WentBackMeanwhile {
        /// Entries that there were.
        seen: u64,
        /// Entries that there are.
        database: u64,
    },
    /// The journal knows another log than the database has.
    #[error(
        "journal and database are of two logs, whose first {size} entries differ; restore the \
         newest database, and the journal that belongs to it (docs/starting.md)"
    )]
    OtherLog {
        /// How many entries.
        size: u64,
    },
    /// Journal and database hold two ends for one event.
    #[error(
        "journal and database contradict each other about event {event}: {journal} against \
         {database}; restore the newest of both (docs/starting.md)"
    )]
    Contradiction {
        /// Which event.
        event: String,
        /// What the journal holds.
        journal: String,
        /// What the database holds.
        database: String,
    },
    /// The log attests something else than what would be signed.
    #[error(
        "the log attests {log} for event {event}, and what would be signed is {promised}: the \
         database was changed, or restored in part; restore the newest one (docs/starting.md)"
    )]
    AgainstTheLog {
        /// Which event.
        event: String,
        /// What the log attests.
        log: String,
        /// What journal or database hold.
        promised: String,
    },
    /// The log attests an event without an intent.
    #[error(
        "the log attests event {event}, and neither journal nor database hold its outcome: the \
         database was changed, or restored in part; restore the newest one (docs/starting.md)"
    )]
    Unpromised {
        /// Which event.
        event: String,
    },
    /// Intents could not be restored.
    #[error("restoring intents from the journal: {0}")]
    Restore(#[from] ChangeError),
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
    #[error(
        "open events need what the configuration no longer has: {0}; put it back until they have \
         ended"
    )]
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

/// Refuses a configuration that lacks what open events need, and whose new events would
/// let one party choose too much. Writes nothing.
pub async fn check(store: &Store, config: &Config, now: DateTime<Utc>) -> Result<(), StartError> {
    check_open(store, config).await?;
    let ids: Vec<String> = config.events.iter().map(|e| e.id.to_string()).collect();
    let known: HashSet<String> = store
        .known_events(&ids)
        .await?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let events = config.events.iter();
    let new: Vec<_> = events
        .filter(|e| !known.contains(e.id.as_str()) && e.maturity.unix() > now.timestamp())
        .collect();
    budget::check_choice(store, &new, config.signer.max_open_choice_bits).await
}

/// Refuses when open events need what was removed.
async fn check_open(store: &Store, config: &Config) -> Result<(), StartError> {
    let open = store.series_with_open_events().await?;
    let gone: Vec<String> = open
        .iter()
        .filter(|name| !config.series.keys().any(|k| k.as_str() == name.as_str()))
        .map(|name| format!("series {name:?}"))
        .collect();
    if !gone.is_empty() {
        return Err(StartError::Removed(gone.join(", ")));
    }
    check_sources(store, config).await
}

/// Makes the stored series and one-off events those of the configuration:
/// future events follow an edit, announced ones keep what they have. Refuses
/// when open events need what was removed.
///
/// Nobody has confirmed `now` yet: schedules begin where committed work ends, so that a
/// clock that is ahead leaves no time out.
pub async fn configure(
    store: &Store,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    store.keep_a_day(config.evidence_per_day);
    check_open(store, config).await?;
    let names: Vec<&str> = config.providers.keys().map(String::as_str).collect();
    store.put_providers(&names).await?;
    let stored = store.series().await?;
    // Whoever observed them before is gone.
    store.reclaim_rounds(now).await?;

    let since = store.high_water().await?.min(now);
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
        let next = next_maturity(series, since);
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
    make_one_offs(store, config, since, now).await
}

async fn make_one_offs(
    store: &Store,
    config: &Config,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let events = &config.events;
    let ids: Vec<String> = events.iter().map(|e| e.id.as_str().to_owned()).collect();
    let known: HashMap<String, [u8; 32]> = store.known_events(&ids).await?.into_iter().collect();
    // What matured since the last work is for a confirmed clock to say; where there was
    // none, a file may list the events of years.
    let matured_by = if store.has_work().await? { since } else { now };
    let mut new = Vec::new();
    for event in events {
        let id = event.id.as_str();
        match known.get(id) {
            Some(pinned) if *pinned != event.definition.policy_hash => tracing::warn!(
                event = id,
                "the file's definition differs; the event keeps the one it was made with"
            ),
            Some(_) => {}
            None if event.maturity.unix() <= matured_by.timestamp() => tracing::warn!(
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
                let announce_at = e.announce_at.unwrap_or(since);
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
        return Ok(());
    }
    gone.sort();
    gone.dedup();
    Err(StartError::Removed(gone.join(", ")))
}
