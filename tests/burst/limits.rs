//! What the parts can do alone: the signer on its tickets, and the database
//! with the burst's own rows.

use std::path::Path;
use std::time::{Duration, Instant};

use oracle_feeds::rule::outcome::outcome;
use oracle_schema::Outcome;
use oracle_schema::policy::Policy;
use oracle_server::clock::Clock as _;
use oracle_server::store::{Candidate, CommittedOutcome, Store};
use rust_decimal::Decimal;
use sqlx::{Connection as _, PgConnection, QueryBuilder, SqliteConnection};

use crate::Run;
use crate::oracle::{Result, Size, per_second};

/// Events signed to find the signer's limit: enough to outlast noise.
const SIGNED: Size = Size {
    enums: 8000,
    digits: 2000,
};

/// Events in one of the plain transactions.
const BATCH: usize = 1000;

/// Events per second of the signer alone.
pub(crate) struct SigningLimit {
    pub(crate) enums_per_s: u128,
    pub(crate) digits_per_s: u128,
}

/// A database of this run's own.
pub(crate) struct Database {
    /// As in the configuration.
    pub(crate) url: String,
    /// Postgres: where to drop it, and its name.
    admin: Option<(String, String)>,
}

impl Database {
    /// A new one: a file under `dir`, or one more on the Postgres named.
    pub(crate) async fn create(store: &str, dir: &Path, name: &str) -> Result<Self> {
        if !store.starts_with("postgres") {
            let file = dir.join(format!("{name}.db"));
            return Ok(Self {
                url: format!("sqlite:{}", file.display()),
                admin: None,
            });
        }
        let name = format!("oracle_{name}_{}", std::process::id());
        let mut admin = PgConnection::connect(store).await?;
        let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(sql).execute(&mut admin).await?;
        let (server, _) = store.rsplit_once('/').ok_or("the URL names no database")?;
        Ok(Self {
            url: format!("{server}/{name}"),
            admin: Some((store.to_owned(), name)),
        })
    }

    /// Which engine.
    pub(crate) fn engine(&self) -> &'static str {
        match self.admin {
            None => "sqlite",
            Some(_) => "postgres",
        }
    }

    /// Drops a Postgres database; a file goes with its directory.
    pub(crate) async fn drop_it(&self) -> Result<()> {
        if let Some((server, name)) = &self.admin {
            let mut admin = PgConnection::connect(server).await?;
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut admin)
                .await?;
        }
        Ok(())
    }
}

/// `Signer::attest` on committed outcomes, journaled before: nonce derivation,
/// signing, the check against the announced nonces and encoding, on all cores.
pub(crate) async fn signing(dir: &Path) -> Result<SigningLimit> {
    let mut enums_and_digits = [Duration::ZERO; 2];
    std::fs::create_dir_all(dir)?;
    let url = format!("sqlite:{}", dir.join("signing.db").display());
    let mut run = Run::start(dir, &url, SIGNED).await?;
    run.announce().await?;
    crate::oracle::mature(&run.oracle.clock);
    let tickets = tickets(&run).await?;
    let (enums, digits): (Vec<_>, Vec<_>) = tickets
        .into_iter()
        .partition(|t| matches!(t.outcome(), Outcome::Enum(_)));
    for (tickets, fastest) in [enums, digits].into_iter().zip(&mut enums_and_digits) {
        let signer = run.signer.clone();
        *fastest = tokio::task::spawn_blocking(move || {
            // The first time journals, which is not what is measured here.
            signer.attest(&tickets)?;
            let begin = Instant::now();
            signer.attest(&tickets)?;
            Ok::<_, oracle_server::signer::SignerError>(begin.elapsed())
        })
        .await??;
    }
    run.store.close().await;
    let [enums, digits] = enums_and_digits;
    Ok(SigningLimit {
        enums_per_s: per_second(SIGNED.enums, enums),
        digits_per_s: per_second(SIGNED.digits, digits),
    })
}

/// Entries per second of the log's tree: the run's own log is read, hashed and
/// stored as tiles once more, from the genesis on.
pub(crate) async fn tree(run: &Run, burst: &Database) -> Result<u128> {
    let forget = [
        "DELETE FROM tile",
        "UPDATE head SET root = NULL, note = NULL",
    ];
    if burst.admin.is_none() {
        let mut connection = SqliteConnection::connect(&burst.url).await?;
        for statement in forget {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        connection.close().await?;
    } else {
        let mut connection = PgConnection::connect(&burst.url).await?;
        for statement in forget {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        connection.close().await?;
    }
    let entries = usize::try_from(*run.store.reader().head().borrow())?;
    let now = run.oracle.clock.now();
    let begin = Instant::now();
    run.store.complete_tree(now).await?;
    Ok(per_second(entries, begin.elapsed()))
}

async fn tickets(run: &Run) -> Result<Vec<CommittedOutcome>> {
    let events = &run.oracle.config.events;
    let event = events.first().ok_or("no events")?;
    let now = run.oracle.clock.now();
    let limit = i64::try_from(events.len())?;
    let (key, at) = (event.definition.round_key.as_str(), event.maturity);
    let candidates = run.store.candidates(key, at, "", now, limit).await?;
    let decided = candidates
        .into_iter()
        .map(|candidate| {
            let rule = Policy::parse(candidate.policy())?.rule;
            let descriptor = &candidate.announcement().event.descriptor;
            let outcome = outcome(&rule, &Decimal::from(61_234).into(), descriptor)?;
            Ok((candidate, outcome))
        })
        .collect::<Result<Vec<(Candidate, Outcome)>>>()?;
    Ok(run.store.commit_outcomes(&decided, &[7; 32], now).await?)
}

type IntentRow = (String, String, Vec<u8>, String, Vec<u8>, i64, i64, Vec<u8>);
type AttestationRow = (String, i64, i64, String, Vec<u8>);
type EntryRow = (i64, i64, Option<String>, Vec<u8>);

/// The rows that attesting the burst inserted.
struct Rows {
    intents: Vec<IntentRow>,
    attestations: Vec<AttestationRow>,
    entries: Vec<EntryRow>,
}

/// Reads the burst's rows, and inserts them into an empty database of the same
/// kind and schema: per batch one durable transaction with the intents and one
/// with attestations and log entries, and nothing else.
macro_rules! plain_inserts {
    ($connection:ty, $from:expr, $to:expr, $before:expr) => {{
        let mut from = <$connection>::connect($from).await?;
        let rows = Rows {
            intents: sqlx::query_as("SELECT * FROM intent ORDER BY event_id")
                .fetch_all(&mut from)
                .await?,
            attestations: sqlx::query_as("SELECT * FROM attestation ORDER BY position")
                .fetch_all(&mut from)
                .await?,
            entries: sqlx::query_as(
                "SELECT * FROM log_entry WHERE entry_type = 2 ORDER BY position",
            )
            .fetch_all(&mut from)
            .await?,
        };
        from.close().await?;
        let mut to = <$connection>::connect($to).await?;
        for statement in $before {
            sqlx::query(statement).execute(&mut to).await?;
        }
        let count = rows.intents.len();
        let begin = Instant::now();
        for ((intents, attestations), entries) in rows
            .intents
            .chunks(BATCH)
            .zip(rows.attestations.chunks(BATCH))
            .zip(rows.entries.chunks(BATCH))
        {
            let mut tx = to.begin().await?;
            let mut insert = QueryBuilder::new("INSERT INTO intent ");
            insert.push_values(intents, |mut row, i| {
                row.push_bind(&i.0)
                    .push_bind(&i.1)
                    .push_bind(&i.2)
                    .push_bind(&i.3);
                row.push_bind(&i.4)
                    .push_bind(i.5)
                    .push_bind(i.6)
                    .push_bind(&i.7);
            });
            insert.build().execute(&mut *tx).await?;
            tx.commit().await?;
            let mut tx = to.begin().await?;
            let mut insert = QueryBuilder::new("INSERT INTO attestation ");
            insert.push_values(attestations, |mut row, a| {
                row.push_bind(&a.0).push_bind(a.1).push_bind(a.2);
                row.push_bind(&a.3).push_bind(&a.4);
            });
            insert.build().execute(&mut *tx).await?;
            let mut insert = QueryBuilder::new("INSERT INTO log_entry ");
            insert.push_values(entries, |mut row, e| {
                row.push_bind(e.0)
                    .push_bind(e.1)
                    .push_bind(&e.2)
                    .push_bind(&e.3);
            });
            insert.build().execute(&mut *tx).await?;
            tx.commit().await?;
        }
        let elapsed = begin.elapsed();
        to.close().await?;
        per_second(count, elapsed)
    }};
}

/// Events per second whose rows plain multi-row transactions can insert.
pub(crate) async fn commit(burst: &Database, store: &str, dir: &Path) -> Result<u128> {
    let plain = Database::create(store, dir, "plain").await?;
    Store::open(&plain.url, true).await?.close().await;
    let result = insert_plainly(burst, &plain).await;
    plain.drop_it().await?;
    result
}

async fn insert_plainly(burst: &Database, plain: &Database) -> Result<u128> {
    // The events themselves are left out, and so is the check that they exist.
    Ok(if burst.admin.is_none() {
        let before = [
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = OFF",
            "PRAGMA cache_size = -65536",
        ];
        plain_inserts!(SqliteConnection, &burst.url, &plain.url, before)
    } else {
        let before = ["ALTER TABLE attestation DROP CONSTRAINT attestation_event_id_fkey"];
        plain_inserts!(PgConnection, &burst.url, &plain.url, before)
    })
}
