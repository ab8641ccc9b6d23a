-- Since when sources of a round's price that have no history are read, Unix milliseconds; null
-- where all have one, and once T has passed.
ALTER TABLE round ADD COLUMN sample_ms BIGINT;
CREATE INDEX round_sampled ON round (sample_ms) WHERE sample_ms IS NOT NULL;
