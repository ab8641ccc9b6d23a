-- Announced events whose outcome somebody may choose, by the policy that says how much; those that
-- are not attested yet are counted for every reader of /v1/oracle.
CREATE INDEX event_choice ON event (policy_hash, maturity, state, kind, sole_outcomes)
    WHERE state IN ('announced', 'provisional', 'held', 'committed') AND (kind IN ('digits', 'threshold') OR sole_outcomes > 0);
