//! The seam between the two engines: one SQL text, two concrete drivers.
//!
//! Statements use `$n` placeholders and multi-row `VALUES`, which both engines
//! take; columns are read by name as `i64`, text or bytes, which both
//! engines have. Everything above this file is written once.

use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oracle_schema::{Maturity, sql};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, Connection as _, Decode, PgPool, Postgres, Row as _, SqlSafeStr,
    Sqlite, SqliteConnection, SqlitePool, Transaction, Type,
};

use super::StoreError;

/// Parameters of one statement at most (SQLite's limit is 32,766).
const MAX_PARAMETERS: usize = 30_000;

/// Items of a list in one statement at most.
const LIST: usize = 1000;

/// Readers of one SQLite file, or connections to one Postgres.
const POOL_SIZE: u32 = 8;

/// A database of either engine; clones share the pools.
#[derive(Clone)]
pub(crate) enum Db {
    /// SQLite: one writer, many readers.
    Sqlite {
        /// Exactly one connection.
        write: SqlitePool,
        /// Read-only connections.
        read: SqlitePool,
    },
    /// Postgres.
    Postgres(PgPool),
}

/// One bound parameter.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(i64),
    OptInt(Option<i64>),
    Text(String),
    OptText(Option<String>),
    Blob(Vec<u8>),
    OptBlob(Option<Vec<u8>>),
}

macro_rules! arg_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Arg {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
arg_from! {
    i64 => Int,
    u32 => Int,
    Option<i64> => OptInt,
    &str => Text,
    String => Text,
    Option<String> => OptText,
    &[u8] => Blob,
    Vec<u8> => Blob,
    [u8; 32] => Blob,
    &[u8; 32] => Blob,
    [u8; 16] => Blob,
    Option<Vec<u8>> => OptBlob,
}

/// The event's or round's maturity, as columns of that name have it: Unix seconds.
impl From<Maturity> for Arg {
    fn from(maturity: Maturity) -> Self {
        Self::Int(maturity.unix())
    }
}

/// The same, where there may be none.
impl From<Option<Maturity>> for Arg {
    fn from(maturity: Option<Maturity>) -> Self {
        Self::OptInt(maturity.map(Maturity::unix))
    }
}

/// A time as columns named `…_ms` have it: Unix milliseconds. Everything above this
/// file has times as times; here they become columns, and columns become times. There is
/// no `From` for a time: whoever binds one says which of the two the column has.
pub(crate) fn millis(at: DateTime<Utc>) -> Arg {
    Arg::Int(at.timestamp_millis())
}

/// The same, where there may be none.
pub(crate) fn opt_millis(at: Option<DateTime<Utc>>) -> Arg {
    Arg::OptInt(at.map(|at| at.timestamp_millis()))
}

/// A time as the other columns of times have it: whole Unix seconds, the last that has
/// begun.
pub(crate) fn seconds(at: DateTime<Utc>) -> Arg {
    Arg::Int(at.timestamp())
}

/// The same, where there may be none.
pub(crate) fn opt_seconds(at: Option<DateTime<Utc>>) -> Arg {
    Arg::OptInt(at.map(|at| at.timestamp()))
}

/// The first whole second that is not before a time: a column of seconds is at or after
/// the time where it is at or after this.
pub(crate) fn first_second(at: DateTime<Utc>) -> Arg {
    let is_whole = at.timestamp_subsec_nanos() == 0;
    Arg::Int(at.timestamp() + i64::from(!is_whole))
}

fn from_millis(column: &str, ms: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(ms)
        .ok_or_else(|| StoreError::Damaged(format!("{column} is {ms} ms, which is no time")))
}

/// `args![a, b]`: a parameter list.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::db::Arg::from($value)),*] };
}
pub(crate) use args;

macro_rules! bind_all {
    ($arguments:expr, $args:expr) => {{
        for arg in $args {
            match arg {
                Arg::Int(v) => $arguments.add(v),
                Arg::OptInt(v) => $arguments.add(v),
                Arg::Text(v) => $arguments.add(v),
                Arg::OptText(v) => $arguments.add(v),
                Arg::Blob(v) => $arguments.add(v),
                Arg::OptBlob(v) => $arguments.add(v),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        $arguments
    }};
}

fn sqlite_arguments(args: Vec<Arg>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    Ok(bind_all!(arguments, args))
}

fn pg_arguments(args: Vec<Arg>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    Ok(bind_all!(arguments, args))
}

/// A row of either engine.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A column, by its name.
    pub(crate) fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A 32-byte column.
    pub(crate) fn hash(&self, column: &str) -> Result<[u8; 32], StoreError> {
        to_hash(column, self.get(column)?)
    }

    /// A 32-byte column that may be null.
    pub(crate) fn opt_hash(&self, column: &str) -> Result<Option<[u8; 32]>, StoreError> {
        self.get::<Option<Vec<u8>>>(column)?
            .map(|bytes| to_hash(column, bytes))
            .transpose()
    }

    /// A time in milliseconds.
    pub(crate) fn millis(&self, column: &str) -> Result<DateTime<Utc>, StoreError> {
        from_millis(column, self.get(column)?)
    }

    /// The same, where it may be null.
    pub(crate) fn opt_millis(&self, column: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let ms: Option<i64> = self.get(column)?;
        ms.map(|ms| from_millis(column, ms)).transpose()
    }

    /// A time in seconds.
    pub(crate) fn seconds(&self, column: &str) -> Result<DateTime<Utc>, StoreError> {
        let s: i64 = self.get(column)?;
        DateTime::from_timestamp(s, 0)
            .ok_or_else(|| StoreError::Damaged(format!("{column} is {s} s, which is no time")))
    }

    /// The same, where it may be null.
    pub(crate) fn opt_seconds(&self, column: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let s: Option<i64> = self.get(column)?;
        s.map(|_| self.seconds(column)).transpose()
    }

    /// The maturity of an event or a round.
    pub(crate) fn maturity(&self) -> Result<Maturity, StoreError> {
        to_maturity(self.get("maturity")?)
    }

    /// A maturity in a column of another name, which may be null.
    pub(crate) fn opt_maturity(&self, column: &str) -> Result<Option<Maturity>, StoreError> {
        let s: Option<i64> = self.get(column)?;
        s.map(to_maturity).transpose()
    }

    /// Reads the row as what it is; what is damaged in it is reported under the name
    /// that it has in `column`.
    pub(crate) fn read_as<T>(
        &self,
        what: &str,
        column: &str,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(self).map_err(|error| match error {
            StoreError::Damaged(why) => {
                let name: String = self.get(column).unwrap_or_default();
                StoreError::Damaged(format!("{what} {name}: {why}"))
            }
            other => other,
        })
    }
}

fn to_maturity(seconds: i64) -> Result<Maturity, StoreError> {
    Maturity::from_unix(seconds).map_err(|e| StoreError::Damaged(e.to_string()))
}

fn to_hash(column: &str, bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    <[u8; 32]>::try_from(bytes)
        .map_err(|b| StoreError::Damaged(format!("{column} has {} bytes and not 32", b.len())))
}

/// A transaction of either engine.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Runs a statement; answers the number of rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Arg>,
    ) -> Result<u64, StoreError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(tx) => sqlx::query_with(sql, sqlite_arguments(args)?)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Self::Postgres(tx) => sqlx::query_with(sql, pg_arguments(args)?)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// Runs a query; answers all its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(tx) => sqlx::query_with(sql, sqlite_arguments(args)?)
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Self::Postgres(tx) => sqlx::query_with(sql, pg_arguments(args)?)
                .fetch_all(&mut **tx)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    /// Runs a query of which at most one row is used.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr,
        args: Vec<Arg>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// `insert` + `VALUES (…),(…)` + `suffix`, in as few statements as the
    /// engines take; answers the number of rows inserted.
    pub(crate) async fn insert_rows(
        &mut self,
        insert: &'static str,
        rows: Vec<Vec<Arg>>,
        suffix: &'static str,
    ) -> Result<u64, StoreError> {
        let Some(width) = rows.first().map(Vec::len).filter(|w| *w > 0) else {
            return Ok(0);
        };
        let mut inserted = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut args = Vec::new();
            let mut count = 0;
            for row in rows.by_ref().take(MAX_PARAMETERS / width) {
                args.extend(row);
                count += 1;
            }
            let values = match self {
                // SQLite finds the name of a parameter by going through all
                // names, once per value bound: quadratic. `?` has no name.
                Self::Sqlite(_) => tuples(count, width, |sql, _| sql.push('?')),
                Self::Postgres(_) => tuples(count, width, |sql, n| {
                    // Writing to a String cannot fail.
                    let _ = write!(sql, "${n}");
                }),
            };
            let sql = format!("{insert} VALUES {values} {suffix}");
            inserted += self.execute(AssertSqlSafe(sql), args).await?;
        }
        Ok(inserted)
    }

    /// Runs a statement that ends in `… IN` over a list of texts of any length, whose
    /// other parameters are `leading`; answers the number of rows it touched.
    pub(crate) async fn execute_in(
        &mut self,
        before: &str,
        list: &[&str],
        leading: Vec<Arg>,
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for (sql, args) in in_lists(before, list, &leading) {
            touched += self.execute(AssertSqlSafe(sql), args).await?;
        }
        Ok(touched)
    }

    /// Makes it durable. An error leaves the outcome unknown: callers ask
    /// again and get the committed answer.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// What queries run on: a transaction, or the database outside any.
pub(crate) trait Fetch {
    /// Runs a query; answers all its rows.
    async fn rows(&mut self, sql: String, args: Vec<Arg>) -> Result<Vec<Row>, StoreError>;

    /// Runs a query that ends in `… IN` over a list of texts of any length; answers
    /// all its rows.
    async fn fetch_in(&mut self, before: &str, list: &[&str]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for (sql, args) in in_lists(before, list, &[]) {
            rows.extend(self.rows(sql, args).await?);
        }
        Ok(rows)
    }
}

impl Fetch for Tx {
    async fn rows(&mut self, sql: String, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.fetch(AssertSqlSafe(sql), args).await
    }
}

impl Fetch for &Db {
    async fn rows(&mut self, sql: String, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.fetch(AssertSqlSafe(sql), args).await
    }
}

/// Statements with their parameters that together cover a list: `before ($1,$2,…)`,
/// the numbers following those of `leading`.
fn in_lists(
    before: &str,
    list: &[&str],
    leading: &[Arg],
) -> impl Iterator<Item = (String, Vec<Arg>)> {
    list.chunks(LIST).map(move |chunk| {
        let mut args = leading.to_vec();
        let mut sql = String::with_capacity(before.len() + chunk.len() * 6);
        sql.push_str(before);
        for (i, item) in chunk.iter().enumerate() {
            args.push(Arg::from(*item));
            // Writing to a String cannot fail.
            let _ = write!(sql, "{}${}", if i == 0 { " (" } else { "," }, args.len());
        }
        sql.push(')');
        (sql, args)
    })
}

/// `($1,$2),($3,$4),…`: `count` tuples of `width` placeholders, each written by
/// `placeholder` from its number.
fn tuples(count: usize, width: usize, placeholder: fn(&mut String, usize)) -> String {
    let mut sql = String::with_capacity(count * width * 7);
    let mut n = 0;
    for row in 0..count {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            n += 1;
            if column > 0 {
                sql.push(',');
            }
            placeholder(&mut sql, n);
        }
        sql.push(')');
    }
    sql
}

/// Whether a connection can begin a transaction. Where a write or a COMMIT failed
/// (the disk is full, or broken), SQLite may have ended the transaction by itself; the
/// ROLLBACK fails then, and the driver believes for ever that one is open. Such a
/// connection is closed, and the pool opens another.
fn is_sound(connection: &SqliteConnection) -> bool {
    let is_open = connection.is_in_transaction();
    if is_open {
        tracing::warn!("a failed transaction could not be undone; its connection is closed");
    }
    !is_open
}

/// Commits are durable before they are reported, and a peer that vanished is
/// noticed within half a minute: its session may hold the lead.
fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)?.options([
        ("synchronous_commit", "on"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "20000"),
    ]))
}

impl Db {
    /// Opens (and for SQLite creates) a database and brings its schema up to
    /// this build's; refuses a newer one and any durability setting that is
    /// not what it asked for.
    pub(crate) async fn open(url: &str, create: bool) -> Result<Self, StoreError> {
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(Path::new(path), create).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url).await?
        } else {
            return Err(StoreError::Url);
        };
        db.check_durability().await?;
        Ok(db)
    }

    async fn open_sqlite(path: &Path, create: bool) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "MEMORY");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| Box::pin(async { Ok(is_sound(connection)) }))
            .connect_with(options.clone())
            .await
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        let read = SqlitePoolOptions::new()
            .max_connections(POOL_SIZE)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(Self::Sqlite { write, read })
    }

    async fn open_postgres(url: &str) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(POOL_SIZE)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(postgres_options(url)?)
            .await?;
        Ok(Self::Postgres(pool))
    }

    /// The same database over connections of its own, so that readers cannot
    /// take the engine's.
    pub(crate) fn for_readers(&self, url: &str) -> Result<Self, StoreError> {
        Ok(match self {
            Self::Sqlite { write, read } => Self::Sqlite {
                write: write.clone(),
                read: SqlitePoolOptions::new()
                    .max_connections(POOL_SIZE)
                    .connect_lazy_with(read.connect_options().as_ref().clone()),
            },
            Self::Postgres(_) => Self::Postgres(
                PgPoolOptions::new()
                    .max_connections(POOL_SIZE)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_lazy_with(postgres_options(url)?),
            ),
        })
    }

    /// Applies the migrations; refuses a schema this build does not know.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let migrations = match self {
            Self::Sqlite { .. } => sql::SQLITE,
            Self::Postgres(_) => sql::POSTGRES,
        };
        let migrations = migrations
            .iter()
            .map(|(version, name, text)| {
                Migration::new(
                    *version,
                    (*name).into(),
                    MigrationType::Simple,
                    (*text).into_sql_str(),
                    false,
                )
            })
            .collect();
        let migrator = Migrator::with_migrations(migrations);
        match self {
            Self::Sqlite { write, .. } => migrator.run(write).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        }
        .map_err(|e| StoreError::Schema(e.to_string()))
    }

    /// Reads the durability settings back; what was asked for is not proof.
    async fn check_durability(&self) -> Result<(), StoreError> {
        let expected: &[(&str, &str)] = match self {
            Self::Sqlite { .. } => &[
                (
                    "SELECT journal_mode AS setting FROM pragma_journal_mode",
                    "wal",
                ),
                (
                    "SELECT CAST(synchronous AS TEXT) AS setting FROM pragma_synchronous",
                    "2",
                ),
                (
                    "SELECT CAST(foreign_keys AS TEXT) AS setting FROM pragma_foreign_keys",
                    "1",
                ),
            ],
            Self::Postgres(_) => &[
                (
                    "SELECT current_setting('synchronous_commit') AS setting",
                    "on",
                ),
                ("SELECT current_setting('fsync') AS setting", "on"),
                (
                    "SELECT current_setting('full_page_writes') AS setting",
                    "on",
                ),
            ],
        };
        let mut tx = self.begin().await?;
        for (sql, due) in expected {
            let row = tx.fetch_optional(*sql, Vec::new()).await?;
            let found: String = row.map_or(Ok(String::new()), |r| r.get("setting"))?;
            if found != *due {
                return Err(StoreError::Durability {
                    setting: (*sql).to_owned(),
                    found,
                    due,
                });
            }
        }
        tx.commit().await
    }

    /// Starts a write transaction. SQLite takes its write lock at once, so two
    /// writers queue instead of failing half way.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Runs a query outside any write transaction.
    pub(crate) async fn fetch(
        &self,
        sql: impl SqlSafeStr,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite { read, .. } => sqlx::query_with(sql, sqlite_arguments(args)?)
                .fetch_all(read)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Self::Postgres(pool) => sqlx::query_with(sql, pg_arguments(args)?)
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    /// Runs a query of which at most one row is used.
    pub(crate) async fn fetch_optional(
        &self,
        sql: impl SqlSafeStr,
        args: Vec<Arg>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// Closes what [`Db::for_readers`] opened.
    pub(crate) async fn close_readers(&self) {
        match self {
            Self::Sqlite { read, .. } => read.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Closes every connection, the writer last: as it goes, SQLite folds its
    /// write-ahead log back.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
