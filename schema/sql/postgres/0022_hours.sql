-- Which entries the log got in an hour.
CREATE INDEX head_by_time ON head (time_ms);
