-- What the tables and columns mean is said in `schema/sqlite/`. Here, text that is compared and ordered is so by its
-- bytes, whatever the database's own collation. Each statement is a transaction of its own and may run again.
CREATE TABLE IF NOT EXISTS documents (
    kind     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    lookup   TEXT COLLATE "C",
    revision BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;

CREATE TABLE IF NOT EXISTS counters (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS ledger (
    sequence  BIGINT NOT NULL PRIMARY KEY,
    canonical BYTEA  NOT NULL,
    leaf      BYTEA  NOT NULL,
    chain     BYTEA  NOT NULL
);

CREATE TABLE IF NOT EXISTS objects (
    repository       TEXT COLLATE "C" NOT NULL,
    type             TEXT COLLATE "C" NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    sequence         BIGINT NOT NULL,
    content          TEXT COLLATE "C" NOT NULL,
    size             BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    created_by       TEXT   NOT NULL,
    deleted_sequence BIGINT,
    deleted_at       BIGINT,
    deleted_by       TEXT,
    PRIMARY KEY (repository, type, name, sequence)
);
CREATE UNIQUE INDEX IF NOT EXISTS objects_live ON objects (repository, type, name) WHERE deleted_sequence IS NULL;
CREATE INDEX IF NOT EXISTS objects_listed ON objects (repository, type, sequence) WHERE deleted_sequence IS NULL;

CREATE TABLE IF NOT EXISTS repositories (
    repository TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sequence   BIGINT NOT NULL DEFAULT 0,
    state      TEXT   NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'dropped', 'gone'))
);
CREATE INDEX IF NOT EXISTS repositories_dropped ON repositories (repository) WHERE state = 'dropped';

CREATE TABLE IF NOT EXISTS access_log (
    revision BIGINT NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (revision, kind, key)
);

-- One row for each server that writes: the number that its last flush gave it.
CREATE TABLE IF NOT EXISTS flushes (
    server BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- Beside `revision` and `access`: `flush` is moved by every flush of every server, so that they come one after the
-- other, and `server` is the last number that was given to one.
INSERT INTO counters (name, value) VALUES ('revision', 0), ('access', 0), ('flush', 0), ('server', 0)
    ON CONFLICT (name) DO NOTHING;
