//! A database per test, of either engine.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Decode, Postgres, Row as _, Sqlite, Type};

use oracle_tests::process::POSTGRES_VARIABLE;

/// One test's database; a Postgres one is dropped with it.
#[derive(Debug)]
pub(crate) struct Database {
    url: String,
    server: Option<(String, String)>,
}

impl Database {
    /// An SQLite file, not made yet.
    pub(crate) fn sqlite(file: &Path) -> Self {
        Self {
            url: format!("sqlite:{}", file.display()),
            server: None,
        }
    }

    /// A new, empty database on the Postgres that the environment names; none
    /// without it, which the test's output then says.
    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
            // Past libtest's capture: what was left out must be seen.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("left out, {POSTGRES_VARIABLE} is not set: {test} on Postgres\n"),
            );
            return None;
        };
        let name = format!(
            "crash_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        let url = format!("{base}/{name}");
        // Process ids come back: an earlier run may have been killed.
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        administer(&server, &drop).await.expect("DROP DATABASE");
        administer(&server, &format!("CREATE DATABASE {name}"))
            .await
            .expect("CREATE DATABASE");
        Some(Self {
            url,
            server: Some((server, name)),
        })
    }

    /// As the configuration names it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is a Postgres one.
    pub(crate) fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = sqlx::PgConnection::connect(&self.url).await?;
            let done = sqlx::query(sql).execute(&mut connection).await?;
            connection.close().await?;
            Ok(done.rows_affected())
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await?;
            let done = sqlx::query(sql).execute(&mut connection).await?;
            connection.close().await?;
            Ok(done.rows_affected())
        }
    }

    /// The rows of a query of two columns.
    pub(crate) async fn pairs<A, B>(&self, sql: &str) -> Vec<(A, B)>
    where
        A: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
        B: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = sqlx::PgConnection::connect(&self.url)
                .await
                .expect("connect");
            let rows = sqlx::query(sql).fetch_all(&mut connection).await;
            connection.close().await.expect("close");
            rows.expect("query")
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect()
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url)
                .await
                .expect("open");
            let rows = sqlx::query(sql).fetch_all(&mut connection).await;
            connection.close().await.expect("close");
            rows.expect("query")
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect()
        }
    }

    /// The one number that a query answers.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let rows = self
            .pairs::<i64, i64>(&format!("SELECT ({sql}), ({sql})"))
            .await;
        rows.first().expect("a row").0
    }
}

async fn administer(server: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect(server).await?;
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else {
            return;
        };
        // A failed test comes here too, inside a runtime: a thread with its own.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map(|runtime| {
                    runtime.block_on(administer(
                        &server,
                        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                    ))
                })
        });
        let _ = dropped.join();
    }
}
