-- Checkpoints that were committed to Peercoin.

-- One transaction each: stored before it is sent, so that whatever happens the same bytes are sent
-- again. state: prepared (nobody may have seen it), sent, confirmed (deep enough in the chain), or
-- replaced (its inputs were spent by something else, for good). due_ms is when it is looked at
-- again; null once nothing more is expected to happen. The block is that of the last look.
CREATE TABLE anchor (
    txid BLOB PRIMARY KEY,
    size BIGINT NOT NULL REFERENCES head (size),
    tx BLOB NOT NULL,
    vout BIGINT NOT NULL,
    state TEXT NOT NULL,
    prepared_ms BIGINT NOT NULL,
    due_ms BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    height BIGINT,
    header BLOB,
    tx_position BIGINT,
    branch BLOB
);
-- A checkpoint is in one transaction, unless that can never be in the chain.
CREATE UNIQUE INDEX anchor_size ON anchor (size) WHERE state <> 'replaced';
CREATE INDEX anchor_due ON anchor (due_ms) WHERE due_ms IS NOT NULL;
