-- What witnesses cosigned (C2SP tlog-witness).

-- Of each witness, by its verifier key, its last cosignature, and those of heads that others are
-- still asked to cosign: the signature line, and when by the witness's clock (Unix seconds).
CREATE TABLE cosignature (
    size BIGINT NOT NULL REFERENCES head (size),
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    time_s BIGINT NOT NULL,
    PRIMARY KEY (size, witness)
);

-- The last head whose cosignatures meet the quorum, one row: the checkpoint with them.
CREATE TABLE cosigned_head (
    size BIGINT PRIMARY KEY REFERENCES head (size),
    note TEXT NOT NULL
);
