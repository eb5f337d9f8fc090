CREATE TABLE IF NOT EXISTS purged (
    repository TEXT COLLATE "C" NOT NULL,
    type       TEXT COLLATE "C" NOT NULL,
    content    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (repository, type, content)
);
CREATE INDEX IF NOT EXISTS objects_deleted ON objects (repository, deleted_sequence) WHERE deleted_sequence IS NOT NULL;
