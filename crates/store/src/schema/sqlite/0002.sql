-- Which documents that decisions about access read were written at which revision of access, so that what is compiled
-- from them can be brought up to date change by change. Old rows are dropped: who is further behind reads everything.
CREATE TABLE IF NOT EXISTS access_log (
    revision INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    PRIMARY KEY (revision, kind, key)
) STRICT, WITHOUT ROWID;
