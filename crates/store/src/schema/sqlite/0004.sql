-- Bytes whose row was purged and that are not known to be gone: written by the commit that purges the row.
CREATE TABLE IF NOT EXISTS purged (
    repository TEXT NOT NULL,
    type       TEXT NOT NULL,
    content    TEXT NOT NULL,
    PRIMARY KEY (repository, type, content)
) STRICT, WITHOUT ROWID;
-- Deleted objects in the order of their deletions, with everything that their purge depends on.
CREATE INDEX IF NOT EXISTS objects_deleted ON objects (repository, deleted_sequence, deleted_at, type, sequence, size, name)
    WHERE deleted_sequence IS NOT NULL;
