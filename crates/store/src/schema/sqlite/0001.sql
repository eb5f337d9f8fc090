-- Control-plane resources: one row each, JSON body, a revision that never repeats.
-- `key` is the folded id, so that ids compare without case; `lookup` is a second way to find a document.
CREATE TABLE IF NOT EXISTS documents (
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    lookup   TEXT,
    revision INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_lookup ON documents (kind, lookup) WHERE lookup IS NOT NULL;

-- `revision`: the last one given out. `access`: bumped by every commit that touches what decisions about access read.
CREATE TABLE IF NOT EXISTS counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: the canonical bytes of each entry and the two hashes taken when it was appended.
CREATE TABLE IF NOT EXISTS ledger (
    sequence  INTEGER NOT NULL PRIMARY KEY,
    canonical BLOB    NOT NULL,
    leaf      BLOB    NOT NULL,
    chain     BLOB    NOT NULL
) STRICT;

-- Repository objects: every lifetime of every object. Order is `sequence`, a counter per repository, never a clock.
-- `content` is the SHA-256 of the bytes, and the name of the file that holds them; it is also `name` for all types but config.
-- Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS objects (
    repository       TEXT    NOT NULL,
    type             TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    sequence         INTEGER NOT NULL,
    content          TEXT    NOT NULL,
    size             INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    created_by       TEXT    NOT NULL,
    deleted_sequence INTEGER,
    deleted_at       INTEGER,
    deleted_by       TEXT,
    PRIMARY KEY (repository, type, name, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS objects_live ON objects (repository, type, name) WHERE deleted_sequence IS NULL;
CREATE INDEX IF NOT EXISTS objects_listed ON objects (repository, type, sequence) WHERE deleted_sequence IS NULL;

-- Every repository there ever was. The row outlives the repository, so that its name is never given to another one.
-- `sequence`: the last one given out. `state`: `live`; `dropped` by the commit that gives it up, while its bytes are
-- being removed; `gone` when they are.
CREATE TABLE IF NOT EXISTS repositories (
    repository TEXT    NOT NULL PRIMARY KEY,
    sequence   INTEGER NOT NULL DEFAULT 0,
    state      TEXT    NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'dropped', 'gone'))
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS repositories_dropped ON repositories (repository) WHERE state = 'dropped';
