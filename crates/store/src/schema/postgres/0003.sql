CREATE TABLE IF NOT EXISTS purged (
    repository TEXT COLLATE "C" NOT NULL,
    type       TEXT COLLATE "C" NOT NULL,
    content    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (repository, type, content)
);
-- Deleted objects in the order of their deletions, with everything that their purge depends on.
CREATE INDEX IF NOT EXISTS objects_deleted ON objects (repository, deleted_sequence, deleted_at, type, sequence, size, name)
    WHERE deleted_sequence IS NOT NULL;
