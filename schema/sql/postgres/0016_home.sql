-- Where a journal and its database sit, JSON: as the last start found or accepted it.
ALTER TABLE journal ADD COLUMN home TEXT;

-- What operators took upon them: a copy, another life of the database.
CREATE TABLE accepted (
    accepted_ms BIGINT NOT NULL,
    what TEXT NOT NULL,
    recorded TEXT NOT NULL,
    found TEXT NOT NULL
);

-- The log attests an event once, ever; and what is attested is found without the log.
CREATE UNIQUE INDEX log_attested ON log_entry (event_id) WHERE entry_type = 2;
