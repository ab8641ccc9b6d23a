-- What named operators did.

-- Nonces of their requests: each is used once per key, for ever.
CREATE TABLE operator_nonce (
    public_key BYTEA NOT NULL,
    nonce TEXT NOT NULL,
    PRIMARY KEY (public_key, nonce)
);

-- Signed requests that were accepted, or refused and kept as evidence; the log has the same under
-- this position. sha256 is the body's, which approvals name.
CREATE TABLE operator_action (
    position BIGINT PRIMARY KEY,
    event_id TEXT NOT NULL,
    verb TEXT NOT NULL,
    operator TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    received_ms BIGINT NOT NULL,
    outcome TEXT,
    sha256 BYTEA NOT NULL,
    body BYTEA NOT NULL,
    base TEXT NOT NULL,
    signature BYTEA NOT NULL,
    refusal TEXT
);
CREATE INDEX operator_action_by_event ON operator_action (event_id, position);
