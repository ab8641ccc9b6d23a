-- Lists of a series, and the refunds and withdrawals of an event, without a walk through the others.
CREATE INDEX event_by_series ON event (series, maturity, event_id);
CREATE INDEX log_notice ON log_entry (event_id, position) WHERE entry_type = 3;
