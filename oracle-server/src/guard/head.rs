//! The log's head: the journal remembers how far the database had come.

use crate::engine::StartError;
use crate::log;
use crate::signer::{JournalHead, Signer};
use crate::store::{Store, StoreError};

/// Refuses a database that is older than the journal or than this process has seen
/// it, and one of another log.
pub(super) async fn check(store: &Store, signer: &Signer) -> Result<(), StartError> {
    let reader = store.reader();
    let database = reader.head_size().await?;
    let seen = store.seen_size();
    if database < seen {
        return Err(StartError::WentBackMeanwhile { seen, database });
    }
    let Some(known) = signer.journal_head()? else {
        // A new journal, or one of an earlier version.
        return Ok(());
    };
    if database < known.size {
        return Err(StartError::DatabaseOlder {
            journal: known.size,
            database,
        });
    }
    match reader.root_at(known.size).await? {
        Some(root) if root != known.root => Err(StartError::OtherLog { size: known.size }),
        _ => Ok(()),
    }
}

/// The same by the tree itself, once it is known to be whole: a row of heads is
/// quickly changed.
pub(super) async fn check_tree(store: &Store, signer: &Signer) -> Result<(), StartError> {
    let Some(known) = signer.journal_head()? else {
        return Ok(());
    };
    if log::root(&store.reader(), known.size).await? != known.root {
        return Err(StartError::OtherLog { size: known.size });
    }
    Ok(())
}

/// Has the journal know the head of now: one that is new, or of an earlier version,
/// knew none.
pub(super) async fn note(store: &Store, signer: &Signer) -> Result<(), StartError> {
    let reader = store.reader();
    let size = reader.head_size().await?;
    let root = reader.root_at(size).await?;
    let root = root.ok_or_else(|| StoreError::Damaged("the last head has no root".to_owned()))?;
    Ok(signer.note_head(JournalHead { size, root })?)
}
