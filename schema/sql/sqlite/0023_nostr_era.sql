-- How messages become Nostr events from a log position on: the kinds, and whether an event has
-- the tags by which it is found. Together with the message itself this fixes an event's id, so a
-- row is not changed once a message at or past its position has been published.
CREATE TABLE nostr_era (
    from_position BIGINT PRIMARY KEY,
    announcement_kind BIGINT NOT NULL,
    attestation_kind BIGINT NOT NULL,
    tags BIGINT NOT NULL
);
