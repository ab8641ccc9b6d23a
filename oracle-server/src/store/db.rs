//! The seam between the two engines.

/// A database of either engine.
#[derive(Clone)]
pub(crate) enum Db {
    /// SQLite: one writer, many readers.
    Sqlite,
    /// Postgres.
    Postgres,
}
