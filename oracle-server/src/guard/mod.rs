//! Whether this process may sign: what a start, or a standby that takes over, has
//! to be convinced of, in one order. `docs/starting.md` has the same order, every
//! refusal and what to do next.

mod files;
mod head;
mod home;
mod look;
mod outside;
mod reconcile;
mod time;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{StartError, Started};
use crate::follow::{Contradicted, Copied, Heard};
use crate::log::Heads;
use crate::signer::Signer;
use crate::store::{Store, StoreError};

pub use files::open;
pub use home::record_home;
pub use look::look;
pub use outside::Lookout;

/// What an operator takes upon them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    /// A clock behind the last committed work, or one that nobody has confirmed yet.
    pub clock: bool,
    /// A Postgres that is another cluster, timeline, database or table than before.
    pub database: bool,
    /// Files that were copied or restored.
    pub copy: bool,
}

/// Why this process must not sign.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// By what it has itself.
    #[error(transparent)]
    Start(#[from] StartError),
    /// By what others know.
    #[error(transparent)]
    Outside(#[from] Contradicted),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Start(error.into())
    }
}

/// Who may sign once the gate of the signer is open, and who opens it if it is shut
/// still.
pub struct Passed {
    /// Checked against database and journal.
    pub signer: Arc<Signer>,
    /// Where witnesses or mirrors are configured.
    pub lookout: Option<Lookout>,
    /// What is known of the time.
    pub started: Started,
}

/// The order, for a process that has just taken the lead.
pub async fn pass(
    store: &Arc<Store>,
    config: &Config,
    accept: Accept,
    clock: &Arc<dyn Clock>,
) -> Result<Passed, Refused> {
    // Nor does the clock's word raise what 5 compares with.
    store.confirm_time(false);
    // 1. Database, keystore and journal belong together, and sit where they sat.
    let now = clock.now();
    store
        .check_incarnation(accept.database.then_some(now))
        .await?;
    let signer = Arc::new(files::open(store, config, clock).await?);
    let copied = home::check(
        store,
        &config.store_url,
        &config.signer.journal,
        &signer.journal_id(),
        accept.copy.then_some(now),
    )
    .await?;
    // 2. The database has all of the log that the journal knows.
    head::check(store, &signer).await?;
    // 3. Journal and intent rows hold the same ends, and the log no others.
    reconcile::reconcile(store, &signer).await?;
    open_log(store, &signer, clock.now()).await?;
    head::check_tree(store, &signer).await?;
    // 4. Nobody outside knows a later or another log. Where nobody answers, the gate
    //    stays shut, and the lookout asks again.
    let lookout = config.witness.clone().map(|witness| {
        let (store, clock) = (store.clone(), clock.clone());
        Lookout::new(store, &signer, clock, witness, copied)
    });
    let heard = if let Some(lookout) = &lookout {
        lookout.hear().await?
    } else {
        // What nobody renews is not shown.
        store.adopt_witnesses(&[], |_| false).await?;
        if copied != Copied::No {
            // There is nobody to ask.
            home::confirm(store, &signer.journal_id()).await?;
        }
        Heard::ThisLog
    };
    // 5. The clock is not behind the last committed work.
    let started = time::check(store, &signer, clock.now(), accept.clock).await?;
    head::note(store, &signer).await?;
    outside::take(signer.gate(), &signer.gate().signing(), heard);
    let lookout = lookout.map(Lookout::served);
    Ok(Passed {
        signer,
        lookout,
        started,
    })
}

/// Lets the signer sign the heads of the log, and signs the last one if nobody has:
/// after this there is a checkpoint to ask about.
pub async fn open_log(
    store: &Store,
    signer: &Arc<Signer>,
    now: DateTime<Utc>,
) -> Result<(), StartError> {
    let origin = store.oracle().await?.log_origin;
    store.sign_heads_by(Some(Arc::new(Heads::new(signer.clone(), &origin)?)));
    Ok(store.complete_tree(now).await?)
}
