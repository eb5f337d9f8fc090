//! SQLite: one file in the data folder, written by one process.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql};

use crate::engine::Snapshot;
use crate::error::StoreError;
use crate::sql::{Backend, Columns, Connection, EachRow, Run, SqlEngine, Statement, Value, inspect};

/// The newest schema this program knows. Each number has a file in `schema/sqlite/`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/sqlite/0001.sql"),
    include_str!("schema/sqlite/0002.sql"),
    include_str!("schema/sqlite/0003.sql"),
    include_str!("schema/sqlite/0004.sql"),
    include_str!("schema/sqlite/0005.sql"),
    ADD_CHECKSUM,
    include_str!("schema/sqlite/0007.sql"),
];

/// What adds a column. SQLite cannot do that on the condition that it is not there.
const ADD_CHECKSUM: &str = include_str!("schema/sqlite/0006.sql");

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// How long a connection waits for the file.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The database file.
pub(crate) struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// Opens the database, or creates it, brings its schema up to date and starts the writer.
    pub(crate) fn open(path: &Path) -> Result<SqlEngine, StoreError> {
        SqlEngine::start(Self::at(path), Self::connect(path)?)
    }

    /// A connection that writes, to a database whose schema is up to date.
    pub(crate) fn connect(path: &Path) -> Result<Box<dyn Connection>, StoreError> {
        let writer = Handle::open(path)?;
        migrate(&writer.0)?;
        Ok(Box::new(writer))
    }

    /// A database file whose schema is up to date.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// A view of a database that is only looked at, also while a server writes it.
    pub(crate) fn inspect(path: &Path) -> Result<Box<dyn Snapshot>, StoreError> {
        inspect(Inspected { path: path.to_path_buf() })
    }
}

/// A database file that is not to be changed.
struct Inspected {
    path: PathBuf,
}

impl Backend for Inspected {
    const EXCLUSIVE: bool = false;

    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        let connection = rusqlite::Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(PATIENCE)?;
        check_schema(&connection)?;
        Ok(Box::new(Handle(connection)))
    }

    fn writer(&self) -> Result<Box<dyn Connection>, StoreError> {
        Err(StoreError::Closed)
    }

    fn readers(&self) -> usize {
        1
    }
}

impl Backend for Sqlite {
    // The data folder is locked.
    const EXCLUSIVE: bool = true;

    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        let handle = Handle::open(&self.path)?;
        handle.0.execute_batch("PRAGMA query_only = ON")?;
        Ok(Box::new(handle))
    }

    fn writer(&self) -> Result<Box<dyn Connection>, StoreError> {
        Ok(Box::new(Handle::open(&self.path)?))
    }

    fn readers(&self) -> usize {
        // Connections to a file cost little; what bounds them is the number of requests at work.
        usize::MAX
    }
}

/// A connection.
struct Handle(rusqlite::Connection);

impl Handle {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;",
        )?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The plan of a statement does not depend on its values, so that it is made once and not at each use.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self(connection))
    }

    fn simply(&self, sql: &'static str) -> Result<(), StoreError> {
        self.0.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

impl Run for Handle {
    fn run(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        for (number, statement) in statements.iter().enumerate() {
            let mut prepared = self.0.prepare_cached(statement.sql)?;
            // SQLite numbers `$1`, `$2` … in the order in which it meets them.
            for (at, value) in statement.values.iter().enumerate() {
                prepared.raw_bind_parameter(at + 1, value)?;
            }
            let mut rows = prepared.raw_query();
            while let Some(row) = rows.next()? {
                each(number, row)?;
            }
        }
        Ok(())
    }
}

impl Connection for Handle {
    fn begin_reading(&self) -> Result<(), StoreError> {
        self.simply("BEGIN DEFERRED")
    }

    fn begin_writing(&self) -> Result<(), StoreError> {
        self.simply("BEGIN IMMEDIATE")
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.simply("COMMIT")
    }

    fn rollback(&self) -> Result<(), StoreError> {
        self.simply("ROLLBACK")
    }

    fn in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    fn finish(&self) {
        if let Err(error) = self.0.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database");
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Columns for rusqlite::Row<'_> {
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        Ok(self.get(column)?)
    }

    fn int_or_null(&self, column: usize) -> Result<Option<i64>, StoreError> {
        Ok(self.get(column)?)
    }

    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.get_ref(column)?.as_str().map_err(damaged)
    }

    fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.get_ref(column)?.as_str_or_null().map_err(damaged)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.get_ref(column)?.as_blob().map_err(damaged)
    }
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// The schema's number, if this program knows it.
fn check_schema(connection: &rusqlite::Connection) -> Result<usize, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = found as usize;
    if found > MIGRATIONS.len() {
        return Err(StoreError::NewerSchema { found, known: MIGRATIONS.len() });
    }
    Ok(found)
}

fn migrate(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    let found = check_schema(connection)?;
    for (number, statements) in MIGRATIONS.iter().enumerate().skip(found) {
        let is_there =
            *statements == ADD_CHECKSUM && connection.column_exists(None, "objects", "checksum")?;
        let statements = if is_there { "" } else { statements };
        let step = format!("BEGIN IMMEDIATE; {statements} PRAGMA user_version = {}; COMMIT;", number + 1);
        connection.execute_batch(&step)?;
    }
    Ok(())
}
