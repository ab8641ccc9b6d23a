//! A database for one test, of either engine, gone when the test is.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlitePool};

/// Names an administrator's URL of a running Postgres.
pub const POSTGRES_VARIABLE: &str = "ORACLE_TEST_POSTGRES";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file of its own.
    Sqlite,
    /// A database of its own.
    Postgres,
}

impl Backend {
    /// Whether this machine has the engine; says on stderr what is left out.
    pub fn is_here(self, test: &str) -> bool {
        if self == Self::Sqlite || std::env::var(POSTGRES_VARIABLE).is_ok() {
            return true;
        }
        leave_out(&format!(
            "{test} on Postgres: {POSTGRES_VARIABLE} is not set"
        ));
        false
    }
}

/// Says what was not tested, where libtest does not hide it.
pub fn leave_out(what: &str) {
    use std::io::Write as _;
    // Nobody reads a broken stderr.
    let _ = writeln!(std::io::stderr(), "left out: {what}");
}

/// A test's database.
pub struct Database {
    url: String,
    pool: Pool,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres {
        pool: PgPool,
        name: String,
        admin: String,
    },
}

impl Database {
    /// Makes a new one; SQLite's file is `data/oracle.db` below `dir`.
    pub async fn create(backend: Backend, dir: &Path) -> Self {
        match backend {
            Backend::Sqlite => {
                let file = dir.join("data/oracle.db");
                let options = SqliteConnectOptions::new().filename(&file);
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_lazy_with(options);
                Self {
                    url: "sqlite:data/oracle.db".to_owned(),
                    pool: Pool::Sqlite(pool),
                }
            }
            Backend::Postgres => Self::create_postgres().await,
        }
    }

    async fn create_postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let admin = std::env::var(POSTGRES_VARIABLE).expect(POSTGRES_VARIABLE);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oracle_test_{}_{unique}", std::process::id());
        // Process ids come back: an earlier run may have been killed.
        admin_execute(
            &admin,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
        admin_execute(&admin, &format!("CREATE DATABASE {name}")).await;
        let (server, _) = admin.rsplit_once('/').expect("a database in the URL");
        let url = format!("{server}/{name}");
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy(&url)
            .expect("a Postgres URL");
        Self {
            url,
            pool: Pool::Postgres { pool, name, admin },
        }
    }

    /// As the configuration names it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes rows behind the oracle's back.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(sql).execute(pool).await.map(|_| ()),
            Pool::Postgres { pool, .. } => sqlx::query(sql).execute(pool).await.map(|_| ()),
        }
        .expect("statement");
    }

    /// Waits until no process leads. A refused start lets go of Postgres's lock
    /// when its connections close, which happens behind its back.
    pub async fn wait_until_free(&self) {
        let Pool::Postgres { pool, .. } = &self.pool else {
            return;
        };
        let sql = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let free = async {
            loop {
                let locks: i64 = sqlx::query_scalar(sql)
                    .fetch_one(pool)
                    .await
                    .expect("locks");
                if locks == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), free)
            .await
            .expect("the lead was never given up");
    }

    /// The log: (position, bytes), in order.
    pub async fn log(&self) -> Vec<(i64, Vec<u8>)> {
        let sql = "SELECT position, entry FROM log_entry ORDER BY position";
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(sql)
                .fetch_all(pool)
                .await
                .map(|rows| rows.iter().map(|r| (r.get(0), r.get(1))).collect()),
            Pool::Postgres { pool, .. } => sqlx::query(sql)
                .fetch_all(pool)
                .await
                .map(|rows| rows.iter().map(|r| (r.get(0), r.get(1))).collect()),
        }
        .expect("log")
    }

    /// The heads: (size, time in Unix milliseconds), in order.
    pub async fn heads(&self) -> Vec<(i64, i64)> {
        let sql = "SELECT size, time_ms FROM head ORDER BY size";
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_as(sql).fetch_all(pool).await,
            Pool::Postgres { pool, .. } => sqlx::query_as(sql).fetch_all(pool).await,
        }
        .expect("heads")
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .expect("count")
    }

    /// An evidence manifest, by the event it belongs to.
    pub async fn manifest(&self, event_id: &str) -> Vec<u8> {
        let sql = "SELECT m.document FROM intent i JOIN manifest m \
                   ON m.manifest_sha256 = i.manifest_sha256 WHERE i.event_id = $1";
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).bind(event_id).fetch_one(pool).await,
            Pool::Postgres { pool, .. } => {
                sqlx::query_scalar(sql).bind(event_id).fetch_one(pool).await
            }
        }
        .expect("manifest")
    }
}

impl Drop for Database {
    /// A failed test drops its database too; a runtime of its own, since that
    /// of the test cannot wait here.
    fn drop(&mut self) {
        let Pool::Postgres { name, admin, .. } = &self.pool else {
            return;
        };
        let (sql, admin) = (
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            admin.clone(),
        );
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("runtime")
                .block_on(admin_execute(&admin, &sql));
        })
        .join();
        if dropped.is_err() {
            leave_out("dropping a test's database");
        }
    }
}

async fn admin_execute(admin: &str, sql: &str) {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(admin)
        .await
        .expect("Postgres");
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&pool)
        .await
        .expect("statement");
    pool.close().await;
}
