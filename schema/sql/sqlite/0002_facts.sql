-- Events that rest on facts (matches, elections, operators) beside those that rest on prices.

-- One observation round and one decision: for all events of a price and a maturity (round_key is
-- the price's), or for one event of facts (round_key is e:EVENT_ID, question is empty).
ALTER TABLE round RENAME COLUMN price_key TO round_key;
ALTER TABLE round RENAME COLUMN price TO question;

ALTER TABLE event RENAME COLUMN price_key TO round_key;
-- Held by an operator's veto until people release it or it is refunded.
ALTER TABLE event ADD COLUMN vetoed BIGINT NOT NULL DEFAULT 0;
-- How many outcomes one outside party alone chooses among; 0 where nobody can.
ALTER TABLE event ADD COLUMN sole_outcomes BIGINT NOT NULL DEFAULT 0;
CREATE INDEX event_sole ON event (sole_outcomes) WHERE sole_outcomes > 0;

-- A question to a source of facts, read again and again while an open event needs it; events about
-- the same thing share it.
CREATE TABLE subject (
    subject_key TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    source TEXT NOT NULL,
    read_every_s BIGINT NOT NULL,
    due_ms BIGINT,
    leased BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX subject_due ON subject (provider, due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE event_subject (
    event_id TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    PRIMARY KEY (event_id, subject_key)
);
CREATE INDEX event_subject_by_subject ON event_subject (subject_key, event_id);

-- Readings of a subject stand under its key and maturity 0.
ALTER TABLE observation ADD COLUMN date_ms BIGINT;
ALTER TABLE observation ADD COLUMN certificate BLOB;
ALTER TABLE observation ADD COLUMN fact TEXT;
ALTER TABLE observation ADD COLUMN failure TEXT;
-- The adapter that read it and its version.
ALTER TABLE observation ADD COLUMN adapter TEXT NOT NULL DEFAULT '';
-- Equal readings in a row up to this one; the middle of a long row is not kept.
ALTER TABLE observation ADD COLUMN reads BIGINT NOT NULL DEFAULT 1;

-- Whether a body may be passed on, by the licence of whoever sent it.
ALTER TABLE evidence_body ADD COLUMN is_public BIGINT NOT NULL DEFAULT 1;
-- When the same licence wants the body forgotten; null: never.
ALTER TABLE evidence_body ADD COLUMN keep_until_ms BIGINT;
CREATE INDEX evidence_body_kept ON evidence_body (keep_until_ms) WHERE keep_until_ms IS NOT NULL;

-- Canonical evidence manifests, by the SHA-256 of their bytes.
CREATE TABLE manifest (
    manifest_sha256 BLOB PRIMARY KEY,
    document BLOB NOT NULL
);
INSERT INTO manifest (manifest_sha256, document)
    SELECT manifest_sha256, manifest FROM round
    WHERE manifest IS NOT NULL AND manifest_sha256 IS NOT NULL GROUP BY manifest_sha256;
ALTER TABLE round DROP COLUMN manifest;

-- Providers and generic entries that the configuration named at the last start: what is missing at
-- the next one was removed.
CREATE TABLE provider (
    name TEXT PRIMARY KEY
);
