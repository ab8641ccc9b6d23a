-- Times are Unix: *_ms in milliseconds, maturity, attest_by, announce_at and overdue_at in seconds.

-- Who this database belongs to; one row.
CREATE TABLE oracle (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    public_key BLOB NOT NULL,
    log_public_key BLOB NOT NULL,
    log_origin TEXT NOT NULL,
    network TEXT NOT NULL
);

-- Journals that may sign for this database; a start with any other is refused.
CREATE TABLE journal (
    journal_id BLOB PRIMARY KEY,
    joined_ms BIGINT NOT NULL
);

-- The row every writer locks: takeover epoch, next log position, clock high-water
-- mark, and which life of which server holds it (Postgres).
CREATE TABLE ledger (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL,
    next_position BIGINT NOT NULL,
    head_time_ms BIGINT NOT NULL,
    high_water_ms BIGINT NOT NULL,
    incarnation TEXT NOT NULL
);

-- Canonical policy documents, by the SHA-256 of their bytes.
CREATE TABLE policy (
    policy_hash BLOB PRIMARY KEY,
    document BLOB NOT NULL
);

-- Where each configured series stands; due when next_announce_at has come.
CREATE TABLE series (
    series_id TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    policy_hash BLOB NOT NULL REFERENCES policy (policy_hash),
    next_maturity BIGINT,
    next_announce_at BIGINT
);
CREATE INDEX series_due ON series (next_announce_at) WHERE next_announce_at IS NOT NULL;

-- Every event there ever was: the primary key burns the id for ever.
CREATE TABLE event (
    event_id TEXT PRIMARY KEY,
    series TEXT,
    kind TEXT NOT NULL,
    maturity BIGINT NOT NULL,
    attest_by BIGINT NOT NULL,
    announce_at BIGINT NOT NULL,
    descriptor TEXT NOT NULL,
    policy_hash BLOB NOT NULL REFERENCES policy (policy_hash),
    price_key TEXT NOT NULL,
    overdue_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
);
CREATE INDEX event_by_maturity ON event (maturity, event_id);
CREATE INDEX event_by_round ON event (price_key, maturity, event_id);
CREATE INDEX event_scheduled ON event (announce_at) WHERE state = 'scheduled';
CREATE INDEX event_open ON event (attest_by) WHERE state IN ('scheduled', 'announced', 'provisional', 'held');
CREATE INDEX event_overdue ON event (overdue_at) WHERE state IN ('announced', 'provisional', 'held', 'committed');
CREATE INDEX event_committed ON event (event_id) WHERE state = 'committed';

-- One observation round and one decision for all events of a price and a maturity.
CREATE TABLE round (
    price_key TEXT NOT NULL,
    maturity BIGINT NOT NULL,
    price TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_ms BIGINT,
    leased BIGINT NOT NULL DEFAULT 0,
    reason TEXT,
    decision TEXT,
    manifest BLOB,
    manifest_sha256 BLOB,
    PRIMARY KEY (price_key, maturity)
);
CREATE INDEX round_due ON round (due_ms) WHERE due_ms IS NOT NULL;

-- The decided fixing of one leg, shared by all prices that have it.
CREATE TABLE fixing (
    leg_key TEXT NOT NULL,
    maturity BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (leg_key, maturity)
);

-- Every exchange with a provider, in the order made.
CREATE TABLE observation (
    observation_id INTEGER PRIMARY KEY,
    leg_key TEXT NOT NULL,
    maturity BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    source TEXT NOT NULL,
    root TEXT NOT NULL,
    url TEXT NOT NULL,
    sent_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    status BIGINT,
    headers TEXT NOT NULL,
    sha256 BLOB,
    literal TEXT,
    effective_at BIGINT,
    verdict TEXT NOT NULL,
    detail TEXT
);
CREATE INDEX observation_by_leg ON observation (leg_key, maturity, attempt);

-- Response bodies (deflate), by the SHA-256 of the uncompressed bytes.
CREATE TABLE evidence_body (
    sha256 BLOB PRIMARY KEY,
    body BLOB NOT NULL
);

CREATE TABLE announcement (
    event_id TEXT PRIMARY KEY REFERENCES event (event_id),
    position BIGINT NOT NULL UNIQUE,
    announced_ms BIGINT NOT NULL,
    content_hash BLOB NOT NULL,
    nonce_map BLOB NOT NULL,
    tlv BLOB NOT NULL
);

-- No nonce is ever announced twice.
CREATE TABLE nonce (
    nonce BLOB PRIMARY KEY,
    event_id TEXT NOT NULL
) WITHOUT ROWID;

-- One end per event: an outcome to sign, or never one. The row is the safety.
CREATE TABLE intent (
    event_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    messages TEXT NOT NULL,
    digest BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    committed_ms BIGINT NOT NULL,
    manifest_sha256 BLOB NOT NULL
);

CREATE TABLE attestation (
    event_id TEXT PRIMARY KEY REFERENCES event (event_id),
    position BIGINT NOT NULL UNIQUE,
    attested_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    tlv BLOB NOT NULL
);

-- The log: gapless, append-only, exact entry bytes (docs/log-format.md).
CREATE TABLE log_entry (
    position BIGINT PRIMARY KEY,
    entry_type BIGINT NOT NULL,
    event_id TEXT,
    entry BLOB NOT NULL
);

-- What is published: positions below the largest size.
CREATE TABLE head (
    size BIGINT PRIMARY KEY,
    time_ms BIGINT NOT NULL
);
