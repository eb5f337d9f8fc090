-- Which entries of the ledger raise an alert, by whom it concerns: the folded id of a vault or guard, or nothing for any.
CREATE TABLE IF NOT EXISTS alarms (
    target   TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (target, sequence)
);
-- From which entry on they are all in there.
INSERT INTO counters (name, value) SELECT 'alarms', coalesce(max(sequence) + 1, 0) FROM ledger WHERE true
    ON CONFLICT (name) DO NOTHING;
