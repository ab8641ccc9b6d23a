-- What the log says of events without an end: proposals, holds, lateness.

-- Whether the log says that the event is late.
ALTER TABLE event ADD COLUMN late BIGINT NOT NULL DEFAULT 0;
CREATE INDEX event_late ON event (overdue_at) WHERE late = 0 AND state IN ('announced', 'provisional', 'held', 'committed');
CREATE INDEX log_status ON log_entry (event_id, position) WHERE entry_type = 5;
