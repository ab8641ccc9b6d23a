-- Why a body was not kept though an answer came; null where it was, or nothing came.
ALTER TABLE observation ADD COLUMN not_kept TEXT;
-- What came since midnight, for the bound on what is kept in a day.
CREATE INDEX observation_by_time ON observation (received_ms);
