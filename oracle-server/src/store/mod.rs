//! The only SQL of the project.

pub(crate) mod db;
pub mod read;
mod ticket;

pub use read::ReadStore;
pub use ticket::CommittedOutcome;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine said no.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// A row that this build did not write.
    #[error("database row is damaged: {0}")]
    Damaged(String),
}
