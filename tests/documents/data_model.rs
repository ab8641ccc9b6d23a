//! `docs/data-model.md` against a database that the migrations made, on both engines, and
//! against the statements of the store.

use std::collections::{BTreeMap, BTreeSet};

use oracle_server::store::Store;
use oracle_tests::database::{Backend, Database};
use sqlx::{PgPool, SqlitePool};

use crate::page::{quoted, rows};
use crate::{files, repository, text};

const PAGE: &str = "docs/data-model.md";
const STORE: &str = "oracle-server/src/store";
/// Begins the line of a table's section that names who writes it.
const WRITTEN: &str = "Written by ";

/// By table and column: its type, and whether it is in the primary key or may be null, in the
/// words of the page.
type Model = BTreeMap<String, BTreeMap<String, String>>;

/// The sections of the page that are about a table: its name and the text.
fn sections(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("\n### `").skip(1).map(|section| {
        let (name, body) = section.split_once('`').expect("a name in backticks");
        let end = body.find("\n## ").unwrap_or(body.len());
        (name, body.get(..end).unwrap_or_default())
    })
}

fn documented(page: &str) -> Model {
    let mut model = Model::new();
    for (table, body) in sections(page) {
        let columns = model.entry(table.to_owned()).or_default();
        for row in rows(body) {
            let [name, is, meaning] = row.as_slice() else {
                panic!("{PAGE}, {table}: a row has three cells: {row:?}");
            };
            assert!(!meaning.is_empty(), "{PAGE}, {table}: what is {name}?");
            let name = quoted(name).next().expect("a column in backticks");
            let before = columns.insert(name.to_owned(), (*is).to_owned());
            assert_eq!(before, None, "{PAGE}, {table}: {name} is there twice");
        }
    }
    model
}

/// (table, column, type, is in the primary key, may be null).
type Column = (String, String, String, bool, bool);

/// The columns of a database that was just made.
async fn migrated(backend: Backend) -> Model {
    let dir = tempfile::tempdir().unwrap();
    let columns = match backend {
        Backend::Sqlite => {
            let url = format!("sqlite:{}", dir.path().join("oracle.db").display());
            Store::open(&url, true).await.unwrap();
            sqlite(&SqlitePool::connect(&url).await.unwrap()).await
        }
        Backend::Postgres => {
            let database = Database::create(backend, dir.path()).await;
            Store::open(database.url(), true).await.unwrap();
            let pool = PgPool::connect(database.url()).await.unwrap();
            let columns = postgres(&pool).await;
            pool.close().await;
            columns
        }
    };
    let mut model = Model::new();
    for (table, column, sql_type, is_key, may_be_null) in columns {
        let name = match sql_type.to_ascii_lowercase().as_str() {
            "bigint" | "integer" => "integer",
            "text" => "text",
            "blob" | "bytea" => "bytes",
            other => panic!("{table}.{column} is of type {other}, which the page has no word for"),
        };
        let more = match (is_key, may_be_null) {
            (true, _) => ", key",
            (false, true) => ", null",
            (false, false) => "",
        };
        let columns = model.entry(table).or_default();
        columns.insert(column, format!("{name}{more}"));
    }
    model
}

async fn sqlite(pool: &SqlitePool) -> Vec<Column> {
    sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.pk > 0, c.\"notnull\" = 0 \
         FROM sqlite_master t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '_sqlx_%'",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn postgres(pool: &PgPool) -> Vec<Column> {
    sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, EXISTS (\
         SELECT 1 FROM information_schema.table_constraints k \
         JOIN information_schema.key_column_usage u USING (constraint_schema, constraint_name) \
         WHERE k.constraint_type = 'PRIMARY KEY' AND u.table_name = c.table_name \
         AND u.column_name = c.column_name), c.is_nullable = 'YES' \
         FROM information_schema.columns c \
         WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_sqlx\\_%'",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn the_page_has_the_tables_and_columns_of(backend: Backend) {
    let (page, database) = (documented(&text(PAGE)), migrated(backend).await);
    let flat = |model: &Model| -> BTreeSet<String> {
        let each = |(table, columns): (&String, &BTreeMap<String, String>)| {
            let line = |(name, is): (&String, &String)| format!("{table}.{name}: {is}");
            columns.iter().map(line).collect::<Vec<_>>()
        };
        model.iter().flat_map(each).collect()
    };
    let (page, database) = (flat(&page), flat(&database));
    let lacks: Vec<_> = database.difference(&page).collect();
    let invents: Vec<_> = page.difference(&database).collect();
    assert!(
        lacks.is_empty() && invents.is_empty(),
        "{PAGE} is not what {backend:?} has.\nit lacks: {lacks:#?}\nit invents: {invents:#?}"
    );
}

#[tokio::test]
async fn the_page_has_the_tables_and_columns_of_a_new_sqlite() {
    the_page_has_the_tables_and_columns_of(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_page_has_the_tables_and_columns_of_a_new_postgres() {
    if Backend::Postgres.is_here("the data model") {
        the_page_has_the_tables_and_columns_of(Backend::Postgres).await;
    }
}

/// The modules of the store whose statements change each table. Its tests change rows
/// behind its back, and write none that a service has.
fn writers() -> BTreeMap<String, BTreeSet<String>> {
    let root = repository(STORE);
    let mut writers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(&root, "rs") {
        let path = file.strip_prefix(&root).unwrap().with_extension("");
        let mut names = vec!["store"];
        names.extend(path.iter().map(|name| name.to_str().unwrap()));
        names.retain(|name| *name != "mod");
        if names.get(1) == Some(&"tests") {
            continue;
        }
        let module = names.join("::");
        let source = std::fs::read_to_string(&file).unwrap();
        for verb in ["INSERT INTO ", "UPDATE ", "DELETE FROM "] {
            for (at, _) in source.match_indices(verb) {
                let rest = source.get(at + verb.len()..).unwrap_or_default();
                let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
                let table: String = rest.chars().take_while(|c| is_name(*c)).collect();
                writers.entry(table).or_default().insert(module.clone());
            }
        }
    }
    writers
}

#[test]
fn the_page_says_who_writes_each_table() {
    let (page, writers) = (text(PAGE), writers());
    let mut wrong = Vec::new();
    for (table, body) in sections(&page) {
        let said = body.lines().find_map(|line| line.strip_prefix(WRITTEN));
        let said: BTreeSet<String> = quoted(said.unwrap_or_default())
            .map(str::to_owned)
            .collect();
        let due = writers.get(table).cloned().unwrap_or_default();
        if said != due {
            let due: Vec<String> = due.iter().map(|name| format!("`{name}`")).collect();
            wrong.push(format!("`{table}`: {WRITTEN}{}.", due.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{PAGE} should say:\n{}", wrong.join("\n"));
}
