-- The log proves an announcement's nonces once, ever; and which announcements lack it is found
-- without the log.
CREATE UNIQUE INDEX log_nonce_proof ON log_entry (event_id) WHERE entry_type = 6;
