//! A database that is only looked at: nothing is made, migrated or locked.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::db::Db;
use super::{Store, StoreError};

/// Connections: one question is asked after the other.
const POOL_SIZE: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);

impl Store {
    /// Opens a database, of which a service may be running, to read it as it is. Its
    /// schema may be another version's: then some question fails. Whatever would write
    /// fails.
    pub async fn look(url: &str) -> Result<Self, StoreError> {
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            look_at_sqlite(Path::new(path)).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            look_at_postgres(url).await?
        } else {
            return Err(StoreError::Url);
        };
        Ok(Self::over(db.clone(), db, url))
    }
}

async fn look_at_sqlite(path: &Path) -> Result<Db, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .read_only(true)
        .busy_timeout(PATIENCE);
    let pool = SqlitePoolOptions::new()
        .max_connections(POOL_SIZE)
        .connect_with(options)
        .await
        .map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source,
        })?;
    Ok(Db::Sqlite {
        write: pool.clone(),
        read: pool,
    })
}

async fn look_at_postgres(url: &str) -> Result<Db, StoreError> {
    let options =
        PgConnectOptions::from_str(url)?.options([("default_transaction_read_only", "on")]);
    let pool = PgPoolOptions::new()
        .max_connections(POOL_SIZE)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await?;
    Ok(Db::Postgres(pool))
}
