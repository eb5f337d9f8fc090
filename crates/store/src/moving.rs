//! Moving everything from one database to another: copied in key order, fenced against writers, and compared afterwards.
//!
//! The source is fenced first: a database with a fence refuses every commit, of this program and of any other server on
//! it, so that nothing can be acknowledged that the copy does not have. The fence stays when the move has succeeded,
//! which keeps anybody from starting on the old database by mistake, and is taken away when it has failed.
//!
//! What the copy leaves out can be made again: the log of changes of access, and the marks of servers' flushes.

use std::path::Path;

use ledger::Head;

use crate::audit::verify_ledger;
use crate::error::StoreError;
use crate::place::Database;
use crate::postgres::Postgres;
use crate::sql::{Columns, Connection, Statement, Value, query_count, read_ledger, statement};
use crate::sqlite::Sqlite;

/// How many rows are held at a time.
const CHUNK: i64 = 1000;

/// The name of the counter that is the fence.
pub(crate) const FENCE: &str = "moved";

/// What sort of value a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Int,
    Text,
    Bytes,
}

/// A value on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table and how to read it piece by piece: the first columns are its key, and `next` wants the last row's.
struct Table {
    name: &'static str,
    columns: &'static [Kind],
    keys: usize,
    first: &'static str,
    next: &'static str,
    insert: &'static str,
}

use Kind::{Bytes, Int, Text};

const TABLES: [Table; 8] = [
    Table {
        name: "documents",
        columns: &[Text, Text, Text, Int, Text],
        keys: 2,
        first: "SELECT kind, key, lookup, revision, body FROM documents ORDER BY kind, key LIMIT $1",
        next: "SELECT kind, key, lookup, revision, body FROM documents WHERE (kind, key) > ($1, $2)
             ORDER BY kind, key LIMIT $3",
        insert: "INSERT INTO documents (kind, key, lookup, revision, body) VALUES ($1, $2, $3, $4, $5)",
    },
    Table {
        name: "counters",
        columns: &[Text, Int],
        keys: 1,
        first: "SELECT name, value FROM counters WHERE name IN ('access', 'alarms', 'revision')
             ORDER BY name LIMIT $1",
        next: "SELECT name, value FROM counters WHERE name > $1 AND name IN ('access', 'alarms', 'revision')
             ORDER BY name LIMIT $2",
        // A database may begin with counters that are 0.
        insert: "INSERT INTO counters (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    },
    Table {
        name: "ledger",
        columns: &[Int, Bytes, Bytes, Bytes],
        keys: 1,
        first: "SELECT sequence, canonical, leaf, chain FROM ledger ORDER BY sequence LIMIT $1",
        next: "SELECT sequence, canonical, leaf, chain FROM ledger WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        insert: "INSERT INTO ledger (sequence, canonical, leaf, chain) VALUES ($1, $2, $3, $4)",
    },
    Table {
        name: "alarms",
        columns: &[Text, Int],
        keys: 2,
        first: "SELECT target, sequence FROM alarms ORDER BY target, sequence LIMIT $1",
        next: "SELECT target, sequence FROM alarms WHERE (target, sequence) > ($1, $2)
             ORDER BY target, sequence LIMIT $3",
        insert: "INSERT INTO alarms (target, sequence) VALUES ($1, $2)",
    },
    Table {
        name: "repositories",
        columns: &[Text, Int, Text],
        keys: 1,
        first: "SELECT repository, sequence, state FROM repositories ORDER BY repository LIMIT $1",
        next: "SELECT repository, sequence, state FROM repositories WHERE repository > $1
             ORDER BY repository LIMIT $2",
        insert: "INSERT INTO repositories (repository, sequence, state) VALUES ($1, $2, $3)",
    },
    Table {
        name: "stored_bytes",
        columns: &[Text, Int],
        keys: 1,
        first: "SELECT repository, bytes FROM stored_bytes ORDER BY repository LIMIT $1",
        next: "SELECT repository, bytes FROM stored_bytes WHERE repository > $1 ORDER BY repository LIMIT $2",
        insert: "INSERT INTO stored_bytes (repository, bytes) VALUES ($1, $2)",
    },
    Table {
        name: "objects",
        columns: &[Text, Text, Text, Int, Text, Int, Int, Text, Int, Int, Text, Int],
        keys: 4,
        first:
            "SELECT repository, type, name, sequence, content, size, created_at, created_by, deleted_sequence,
             deleted_at, deleted_by, checksum FROM objects ORDER BY repository, type, name, sequence LIMIT $1",
        next:
            "SELECT repository, type, name, sequence, content, size, created_at, created_by, deleted_sequence,
             deleted_at, deleted_by, checksum FROM objects WHERE (repository, type, name, sequence) > ($1, $2, $3, $4)
             ORDER BY repository, type, name, sequence LIMIT $5",
        insert:
            "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by,
             deleted_sequence, deleted_at, deleted_by, checksum)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    },
    Table {
        name: "purged",
        columns: &[Text, Text, Text],
        keys: 3,
        first: "SELECT repository, type, content FROM purged ORDER BY repository, type, content LIMIT $1",
        next: "SELECT repository, type, content FROM purged WHERE (repository, type, content) > ($1, $2, $3)
             ORDER BY repository, type, content LIMIT $4",
        insert: "INSERT INTO purged (repository, type, content) VALUES ($1, $2, $3)",
    },
];

/// How far a move is: the table that is being copied or compared, and its rows so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `copied` or `compared`.
    pub step: &'static str,
    /// The table.
    pub table: &'static str,
    /// Rows of it so far.
    pub rows: u64,
}

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Rows by table.
    pub rows: Vec<(&'static str, u64)>,
    /// The head of the ledger, on both sides.
    pub head: Head,
}

/// How often the fence is tried while servers commit all the time.
const FENCE_ATTEMPTS: usize = 100;

/// Moves everything from one database to another, which must be empty, and compares the two. `folder` is the data folder,
/// which no server may have open; the bytes of repositories stay where they are. A SQLite file in the folder that was
/// moved away earlier is set aside.
///
/// # Errors
/// When either cannot be used, the target is not empty, the source's ledger is broken, or the copy differs. Then the
/// target is left as empty as it was found, and the source can be used as before.
pub fn migrate(
    folder: &Path,
    source: &Database,
    target: &Database,
    progress: &mut dyn FnMut(Progress),
) -> Result<Moved, StoreError> {
    let _lock = crate::lock(folder)?;
    let file = folder.join("countersign.db");
    if matches!(source, Database::Sqlite) && !file.is_file() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(StoreError::Io(file, missing));
    }
    let from = connect(source, &file)?;
    if matches!(target, Database::Sqlite) {
        set_aside(&file)?;
    }
    move_all(&*from, &*connect(target, &file)?, progress)
}

fn connect(database: &Database, file: &Path) -> Result<Box<dyn Connection>, StoreError> {
    match database {
        Database::Sqlite => Sqlite::connect(file),
        Database::Postgres(url) => Postgres::connect(url),
        Database::Memory(_) => Err(StoreError::Unsuitable("a database in memory cannot be moved".into())),
    }
}

/// Gives a SQLite file that was moved away another name, so that everything can be moved back.
fn set_aside(file: &Path) -> Result<(), StoreError> {
    if !file.is_file() || !fenced(&*Sqlite::connect(file)?)? {
        return Ok(());
    }
    for suffix in ["", "-wal", "-shm"] {
        let [old, new] = ["countersign.db", "countersign.db.moved"]
            .map(|name| file.with_file_name(format!("{name}{suffix}")));
        match std::fs::rename(&old, &new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Io(old, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn move_all(
    source: &dyn Connection,
    target: &dyn Connection,
    progress: &mut dyn FnMut(Progress),
) -> Result<Moved, StoreError> {
    if fenced(source)? {
        return Err(StoreError::Moved);
    }
    for table in TABLES.iter().filter(|table| table.name != "counters") {
        if !Pages::of(target, table).next_page()?.is_empty() {
            return Err(StoreError::NotEmpty(table.name));
        }
    }
    fence(source, true)?;
    let moved = copy_and_compare(source, target, progress);
    if moved.is_err() {
        fence(source, false)?;
    }
    moved
}

fn copy_and_compare(
    source: &dyn Connection,
    target: &dyn Connection,
    progress: &mut dyn FnMut(Progress),
) -> Result<Moved, StoreError> {
    // One transaction: a move that is interrupted leaves the target empty.
    target.begin_writing()?;
    // Serializable, and begun after the fence: a commit of another server that was under way when the fence went up is
    // either seen by this transaction or does not happen.
    source.begin_writing()?;
    let copied = TABLES.iter().try_for_each(|table| copy(source, target, table, progress));
    let moved = copied.and_then(|()| {
        let rows = TABLES
            .iter()
            .map(|table| Ok((table.name, compare(source, target, table, progress)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let head = verify(source)?;
        if verify(target)? != head {
            return Err(StoreError::Corrupt("the copied ledger has another head".into()));
        }
        Ok(Moved { rows, head })
    });
    let moved = source.commit().and(moved);
    match moved {
        Ok(moved) => target.commit().map(|()| moved),
        Err(error) => {
            // The reason for going back is the one to tell.
            let _ = target.rollback();
            Err(error)
        }
    }
}

/// Whether a database was moved elsewhere, or is being moved.
pub(crate) fn fenced(connection: &dyn Connection) -> Result<bool, StoreError> {
    let sql = "SELECT value FROM counters WHERE name = $1";
    Ok(query_count(connection, sql, &[Value::Text(FENCE)])? != 0)
}

fn fence(connection: &dyn Connection, up: bool) -> Result<(), StoreError> {
    for _ in 1..FENCE_ATTEMPTS {
        match try_fence(connection, up) {
            Err(StoreError::Contention) => connection.rollback()?,
            outcome => return outcome,
        }
    }
    try_fence(connection, up)
}

fn try_fence(connection: &dyn Connection, up: bool) -> Result<(), StoreError> {
    let sql = "INSERT INTO counters (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    // It takes its turn among the flushes of other servers, as they do.
    let turn = "UPDATE counters SET value = value + 1 WHERE name = 'flush'";
    let fence = [Value::Text(FENCE), Value::Int(i64::from(up))];
    connection.begin_writing()?;
    connection.run(&[statement(turn, []), statement(sql, fence)], &mut |_, _| Ok(()))?;
    connection.commit()
}

fn copy(
    source: &dyn Connection,
    target: &dyn Connection,
    table: &Table,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let mut pages = Pages::of(source, table);
    let mut rows = 0;
    loop {
        let page = pages.next_page()?;
        if page.is_empty() {
            return Ok(());
        }
        let insert = |row| Statement { sql: table.insert, values: values(row) };
        let statements: Vec<Statement<'_>> = page.iter().map(|row| insert(row)).collect();
        target.run(&statements, &mut |_, _| Ok(()))?;
        rows += page.len() as u64;
        progress(Progress { step: "copied", table: table.name, rows });
    }
}

/// Reads a table on both sides, and counts its rows.
fn compare(
    source: &dyn Connection,
    target: &dyn Connection,
    table: &Table,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, StoreError> {
    let (mut there, mut here) = (Pages::of(source, table), Pages::of(target, table));
    let mut rows = 0;
    loop {
        let (ours, theirs) = (here.next_page()?, there.next_page()?);
        if ours != theirs {
            return Err(StoreError::Corrupt(format!("the copy of the table `{}` differs", table.name)));
        }
        if ours.is_empty() {
            return Ok(rows);
        }
        rows += ours.len() as u64;
        progress(Progress { step: "compared", table: table.name, rows });
    }
}

/// Checks a whole ledger.
fn verify(connection: &dyn Connection) -> Result<Head, StoreError> {
    let verdict = verify_ledger(&mut |from, limit| read_ledger(connection, from, limit), None)?;
    verdict.map_err(|broken| StoreError::Corrupt(broken.to_string()))
}

/// A table, page by page.
struct Pages<'a> {
    connection: &'a dyn Connection,
    table: &'a Table,
    last: Option<Vec<Owned>>,
}

impl<'a> Pages<'a> {
    fn of(connection: &'a dyn Connection, table: &'a Table) -> Self {
        Self { connection, table, last: None }
    }

    fn next_page(&mut self) -> Result<Vec<Vec<Owned>>, StoreError> {
        let (sql, mut values) = match &self.last {
            None => (self.table.first, Vec::new()),
            Some(key) => (self.table.next, values(key)),
        };
        values.push(Value::Int(CHUNK));
        let mut page = Vec::new();
        self.connection.run(&[Statement { sql, values }], &mut |_, row| {
            let columns = self.table.columns.iter().enumerate();
            page.push(columns.map(|(at, kind)| kind.read(row, at)).collect::<Result<Vec<_>, _>>()?);
            Ok(())
        })?;
        if let Some(last) = page.last() {
            self.last = Some(last.iter().take(self.table.keys).cloned().collect());
        }
        Ok(page)
    }
}

impl Kind {
    fn read(self, row: &dyn Columns, at: usize) -> Result<Owned, StoreError> {
        Ok(match self {
            Int => row.int_or_null(at)?.map_or(Owned::Null, Owned::Int),
            Text => row.text_or_null(at)?.map_or(Owned::Null, |text| Owned::Text(text.to_string())),
            Bytes => Owned::Bytes(row.bytes(at)?.to_vec()),
        })
    }
}

fn values(row: &[Owned]) -> Vec<Value<'_>> {
    row.iter().map(Owned::as_value).collect()
}

impl Owned {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}
