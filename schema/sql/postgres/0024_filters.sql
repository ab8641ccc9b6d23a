-- Lists of events by state and by kind, in the lists' order. Nearly all events end attested and
-- follow each other in event_by_maturity anyway; the others are few, and found here.
CREATE INDEX event_unattested ON event (state, maturity, event_id) WHERE state <> 'attested';
CREATE INDEX event_by_kind ON event (kind, maturity, event_id);

-- How many events are in a state: counting a million of them takes a second.
CREATE TABLE event_count (
    state TEXT PRIMARY KEY,
    events BIGINT NOT NULL
);
INSERT INTO event_count (state, events) SELECT state, COUNT(*) FROM event GROUP BY state;
-- The takeover under which the counts are kept: a build that does not know them may lead after one
-- that does, and what it changes is counted anew at the next takeover.
ALTER TABLE ledger ADD COLUMN counted_epoch BIGINT NOT NULL DEFAULT -1;
