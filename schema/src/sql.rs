//! The migrations, embedded: same numbers and names for both engines.

/// One migration: number, name, SQL text.
pub type Migration = (i64, &'static str, &'static str);

/// For `SQLite`.
pub const SQLITE: &[Migration] = &[
    (1, "initial", include_str!("../sql/sqlite/0001_initial.sql")),
    (2, "facts", include_str!("../sql/sqlite/0002_facts.sql")),
    (
        3,
        "operators",
        include_str!("../sql/sqlite/0003_operators.sql"),
    ),
    (4, "outbox", include_str!("../sql/sqlite/0004_outbox.sql")),
    (5, "listing", include_str!("../sql/sqlite/0005_listing.sql")),
    (
        6,
        "log_tree",
        include_str!("../sql/sqlite/0006_log_tree.sql"),
    ),
    (7, "witness", include_str!("../sql/sqlite/0007_witness.sql")),
    (8, "anchor", include_str!("../sql/sqlite/0008_anchor.sql")),
    (9, "status", include_str!("../sql/sqlite/0009_status.sql")),
    (
        12,
        "question",
        include_str!("../sql/sqlite/0012_question.sql"),
    ),
    (
        13,
        "sampling",
        include_str!("../sql/sqlite/0013_sampling.sql"),
    ),
    (14, "posted", include_str!("../sql/sqlite/0014_posted.sql")),
    (15, "choice", include_str!("../sql/sqlite/0015_choice.sql")),
    (16, "home", include_str!("../sql/sqlite/0016_home.sql")),
    (19, "bodies", include_str!("../sql/sqlite/0019_bodies.sql")),
    (
        20,
        "nonce_proof",
        include_str!("../sql/sqlite/0020_nonce_proof.sql"),
    ),
    (
        21,
        "not_kept",
        include_str!("../sql/sqlite/0021_not_kept.sql"),
    ),
    (22, "hours", include_str!("../sql/sqlite/0022_hours.sql")),
    (
        23,
        "nostr_era",
        include_str!("../sql/sqlite/0023_nostr_era.sql"),
    ),
    (
        24,
        "filters",
        include_str!("../sql/sqlite/0024_filters.sql"),
    ),
];

/// For Postgres.
pub const POSTGRES: &[Migration] = &[
    (
        1,
        "initial",
        include_str!("../sql/postgres/0001_initial.sql"),
    ),
    (2, "facts", include_str!("../sql/postgres/0002_facts.sql")),
    (
        3,
        "operators",
        include_str!("../sql/postgres/0003_operators.sql"),
    ),
    (4, "outbox", include_str!("../sql/postgres/0004_outbox.sql")),
    (
        5,
        "listing",
        include_str!("../sql/postgres/0005_listing.sql"),
    ),
    (
        6,
        "log_tree",
        include_str!("../sql/postgres/0006_log_tree.sql"),
    ),
    (
        7,
        "witness",
        include_str!("../sql/postgres/0007_witness.sql"),
    ),
    (8, "anchor", include_str!("../sql/postgres/0008_anchor.sql")),
    (9, "status", include_str!("../sql/postgres/0009_status.sql")),
    (
        12,
        "question",
        include_str!("../sql/postgres/0012_question.sql"),
    ),
    (
        13,
        "sampling",
        include_str!("../sql/postgres/0013_sampling.sql"),
    ),
    (
        14,
        "posted",
        include_str!("../sql/postgres/0014_posted.sql"),
    ),
    (
        15,
        "choice",
        include_str!("../sql/postgres/0015_choice.sql"),
    ),
    (16, "home", include_str!("../sql/postgres/0016_home.sql")),
    (
        19,
        "bodies",
        include_str!("../sql/postgres/0019_bodies.sql"),
    ),
    (
        20,
        "nonce_proof",
        include_str!("../sql/postgres/0020_nonce_proof.sql"),
    ),
    (
        21,
        "not_kept",
        include_str!("../sql/postgres/0021_not_kept.sql"),
    ),
    (22, "hours", include_str!("../sql/postgres/0022_hours.sql")),
    (
        23,
        "nostr_era",
        include_str!("../sql/postgres/0023_nostr_era.sql"),
    ),
    (
        24,
        "filters",
        include_str!("../sql/postgres/0024_filters.sql"),
    ),
];
