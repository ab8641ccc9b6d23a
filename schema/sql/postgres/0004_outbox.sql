-- What is published to Nostr relays, and what each of them said.

-- Every relay that was ever configured; log positions below next_position have their rows, except
-- announcements of open events from open_position on, while it is not null.
CREATE TABLE relay (
    url TEXT PRIMARY KEY,
    next_position BIGINT NOT NULL,
    open_position BIGINT
);

-- One announcement or attestation for one relay, under the event kind of the time it was queued.
-- An attestation follows its announcement, and is not due before that was accepted or refused.
-- due_ms is null while it is held back so, and once the message was accepted or given up; refused
-- counts the refusals. Rows that were accepted go once nothing follows them any more (is_last).
CREATE TABLE outbox (
    url TEXT NOT NULL REFERENCES relay (url),
    position BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    follows BIGINT,
    is_last BIGINT NOT NULL,
    queued_ms BIGINT NOT NULL,
    due_ms BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    refused BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    accepted_ms BIGINT,
    PRIMARY KEY (url, position)
);
CREATE INDEX outbox_due ON outbox (url, due_ms, position) WHERE due_ms IS NOT NULL;
CREATE INDEX outbox_follows ON outbox (url, follows) WHERE follows IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (url, queued_ms) WHERE accepted_ms IS NULL AND refused = 0;
CREATE INDEX outbox_refused ON outbox (url) WHERE accepted_ms IS NULL AND refused > 0;
