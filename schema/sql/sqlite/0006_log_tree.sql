-- The Merkle tree over log_entry.

-- Of each head its root, and the signed checkpoint; null in those of before there was a tree.
ALTER TABLE head ADD COLUMN root BLOB;
ALTER TABLE head ADD COLUMN note TEXT;

-- Full tiles (C2SP tlog-tiles): 256 hashes each, and their root, which is a hash of the level above.
-- Partial tiles follow from these and the entries.
CREATE TABLE tile (
    level BIGINT NOT NULL,
    tile_index BIGINT NOT NULL,
    root BLOB NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, tile_index)
);
