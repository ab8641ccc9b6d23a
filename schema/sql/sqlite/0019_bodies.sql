-- Whether a manifest names the body: what an outcome rests on stays. What came before is taken for
-- named, as nobody counted.
ALTER TABLE evidence_body ADD COLUMN pinned BIGINT NOT NULL DEFAULT 1;
CREATE INDEX evidence_body_unpinned ON evidence_body (sha256) WHERE pinned = 0;
CREATE INDEX observation_by_body ON observation (sha256);
