-- How many bytes a repository holds: each content once, however many lifetimes refer to it, deleted or not; but for locks.
CREATE TABLE IF NOT EXISTS stored_bytes (
    repository TEXT    NOT NULL PRIMARY KEY,
    bytes      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO stored_bytes (repository, bytes)
    SELECT one.repository, CAST(sum(one.size) AS BIGINT) FROM objects AS one
    WHERE one.type <> 'locks'
      AND NOT EXISTS (SELECT 1 FROM objects AS earlier
          WHERE earlier.repository = one.repository AND earlier.type = one.type AND earlier.name = one.name
            AND earlier.content = one.content AND earlier.sequence < one.sequence)
    GROUP BY one.repository
    ON CONFLICT (repository) DO UPDATE SET bytes = excluded.bytes;
