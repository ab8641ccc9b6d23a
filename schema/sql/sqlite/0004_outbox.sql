-- What is published to Nostr relays, and what each of them said.

-- Every relay that was ever configured; log positions below next_position have their rows.
CREATE TABLE relay (
    url TEXT PRIMARY KEY,
    next_position BIGINT NOT NULL
);

-- One announcement or attestation for one relay, under the event kind of the time it was queued.
-- An attestation follows its announcement. due_ms is null once the relay has accepted it; refused
-- counts the refusals that another try does not change.
CREATE TABLE outbox (
    url TEXT NOT NULL REFERENCES relay (url),
    position BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    follows BIGINT,
    queued_ms BIGINT NOT NULL,
    due_ms BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    refused BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    accepted_ms BIGINT,
    PRIMARY KEY (url, position)
);
CREATE INDEX outbox_due ON outbox (url, due_ms, position) WHERE due_ms IS NOT NULL;
