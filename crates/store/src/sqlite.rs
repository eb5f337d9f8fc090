//! The SQLite engine: snapshots for readers, and one writer that commits many batches in one flush.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use ledger::{Chain, Digest, Head};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};

use crate::batch::{Batch, Condition, DocumentWrite, Fingerprint, ObjectWrite, Row};
use crate::error::{CommitError, StoreError};

/// The newest schema this program knows. Each number has a file in `schema/`.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001.sql")];

/// How many batches go into one flush at the most.
const BATCHES_PER_FLUSH: usize = 256;

/// How many idle reader connections are kept.
const IDLE_READERS: usize = 8;

/// The database file, its readers and its one writer.
pub(crate) struct Sqlite {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    queue: Mutex<Option<Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Job {
    batch: Batch,
    done: Sender<Result<(), CommitError>>,
}

impl Sqlite {
    /// Opens the database, or creates it, brings its schema up to date and starts the writer.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        let mut writer = connect(path)?;
        migrate(&mut writer)?;
        let chain = Chain::resume(read_head(&writer)?);
        let (queue, jobs) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || Writer { connection: writer, chain }.run(&jobs))
            .map_err(|error| StoreError::Io(path.to_path_buf(), error))?;
        Ok(Arc::new(Self {
            path: path.to_path_buf(),
            idle: Mutex::new(Vec::new()),
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(thread)),
        }))
    }

    /// A reader that sees the database as it is now, whatever is committed while it lives.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path)?;
                connection.execute_batch("PRAGMA query_only = ON")?;
                connection
            }
        };
        connection.execute_batch("BEGIN DEFERRED")?;
        Ok(Snapshot { connection: Some(connection), engine: Arc::clone(self) })
    }

    /// Commits a batch if everything it read still holds. Returns after the commit is on disk.
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let (done, answer) = channel();
        let sent = match &*self.queue.lock() {
            Some(queue) => queue.send(Job { batch, done }).is_ok(),
            None => false,
        };
        if !sent {
            return Err(CommitError::Failed(StoreError::Closed));
        }
        answer.recv().unwrap_or(Err(CommitError::Failed(StoreError::Closed)))
    }

    /// Lets the writer finish what was queued and ends it.
    pub(crate) fn close(&self) {
        drop(self.queue.lock().take());
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The schema's number, if this program knows it.
fn check_schema(connection: &Connection) -> Result<usize, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = found as usize;
    if found > MIGRATIONS.len() {
        return Err(StoreError::NewerSchema { found, known: MIGRATIONS.len() });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = check_schema(connection)?;
    for (number, statements) in MIGRATIONS.iter().enumerate().skip(found) {
        let step = format!("BEGIN IMMEDIATE; {statements} PRAGMA user_version = {}; COMMIT;", number + 1);
        connection.execute_batch(&step)?;
    }
    Ok(())
}

fn read_head(connection: &Connection) -> Result<Head, StoreError> {
    let last = connection
        .query_row("SELECT sequence, chain FROM ledger ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    match last {
        None => Ok(Head::EMPTY),
        Some((sequence, chain)) => Ok(Head {
            size: u64::try_from(sequence + 1).map_err(|_| StoreError::Corrupt("ledger sequence".into()))?,
            chain: digest(&chain)?,
        }),
    }
}

/// A consistent view of the database.
pub(crate) struct Snapshot {
    connection: Option<Connection>,
    engine: Arc<Sqlite>,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let mut idle = self.engine.idle.lock();
        if idle.len() < IDLE_READERS && connection.execute_batch("ROLLBACK").is_ok() {
            idle.push(connection);
        }
    }
}

/// A repository object as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct ObjectRow {
    pub(crate) name: String,
    pub(crate) sequence: i64,
    pub(crate) content: String,
    pub(crate) size: i64,
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
}

impl Snapshot {
    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Closed)
    }

    pub(crate) fn document(&self, kind: &str, key: &str) -> Result<Option<Row>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT key, revision, body FROM documents WHERE kind = ?1 AND key = ?2")?;
        Ok(statement.query_row(params![kind, key], read_row).optional()?)
    }

    pub(crate) fn range(&self, kind: &str, lower: &str, upper: &str) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT key, revision, body FROM documents WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
        )?;
        let rows = statement.query_map(params![kind, lower, upper], read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn lookup(&self, kind: &str, lookup: &str) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT key, revision, body FROM documents WHERE kind = ?1 AND lookup = ?2 ORDER BY key",
        )?;
        let rows = statement.query_map(params![kind, lookup], read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn access(&self) -> Result<i64, StoreError> {
        counter(self.connection()?, "access")
    }

    pub(crate) fn object(
        &self,
        repository: &str,
        object_type: &str,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT name, sequence, content, size, created_at, created_by FROM objects
             WHERE repository = ?1 AND type = ?2 AND name = ?3 AND deleted_sequence IS NULL",
        )?;
        Ok(statement.query_row(params![repository, object_type, name], read_object).optional()?)
    }

    /// Whether the object ever existed, alive or not.
    pub(crate) fn object_known(
        &self,
        repository: &str,
        object_type: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        known(self.connection()?, repository, object_type, name)
    }

    /// Whether any lifetime of an object, alive or not, refers to these bytes.
    pub(crate) fn refers_to(
        &self,
        repository: &str,
        object_type: &str,
        content: &str,
    ) -> Result<bool, StoreError> {
        // All names but that of the config are their content.
        let name = if object_type == "config" { "config" } else { content };
        let mut statement = self.connection()?.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM objects
             WHERE repository = ?1 AND type = ?2 AND name = ?3 AND content = ?4)",
        )?;
        Ok(statement.query_row(params![repository, object_type, name, content], |row| row.get(0))?)
    }

    /// How many objects of one type are alive.
    pub(crate) fn alive(&self, repository: &str, object_type: &str) -> Result<i64, StoreError> {
        alive(self.connection()?, repository, object_type)
    }

    /// Live objects of one type, oldest first, from behind a sequence on.
    pub(crate) fn objects(
        &self,
        repository: &str,
        object_type: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT name, sequence, content, size, created_at, created_by FROM objects
             WHERE repository = ?1 AND type = ?2 AND deleted_sequence IS NULL AND sequence > ?3
             ORDER BY sequence LIMIT ?4",
        )?;
        let rows = statement.query_map(params![repository, object_type, after, limit], read_object)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many objects are alive, and their bytes.
    pub(crate) fn usage(&self, repository: &str) -> Result<(i64, i64), StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT count(*), coalesce(sum(size), 0) FROM objects WHERE repository = ?1 AND deleted_sequence IS NULL",
        )?;
        Ok(statement.query_row(params![repository], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Repositories that were given up and whose bytes are not known to be gone.
    pub(crate) fn dropped(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection()?
            .prepare_cached("SELECT repository FROM repositories WHERE state = 'dropped'")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ledger entries from a sequence on.
    pub(crate) fn ledger(&self, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        read_ledger(self.connection()?, from, limit)
    }

    /// Ledger entries before a sequence, newest first.
    pub(crate) fn ledger_back(&self, before: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT sequence, canonical, leaf, chain FROM ledger WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![before, limit], read_ledger_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn is_empty(&self) -> Result<bool, StoreError> {
        let query = "SELECT NOT EXISTS (SELECT 1 FROM documents) AND NOT EXISTS (SELECT 1 FROM ledger)";
        Ok(self.connection()?.query_row(query, [], |row| row.get(0))?)
    }
}

/// A ledger entry as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct LedgerRow {
    pub(crate) sequence: i64,
    pub(crate) canonical: Vec<u8>,
    pub(crate) leaf: Vec<u8>,
    pub(crate) chain: Vec<u8>,
}

fn read_ledger(connection: &Connection, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, canonical, leaf, chain FROM ledger WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let rows = statement.query_map(params![from, limit], read_ledger_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_ledger_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LedgerRow> {
    Ok(LedgerRow { sequence: row.get(0)?, canonical: row.get(1)?, leaf: row.get(2)?, chain: row.get(3)? })
}

/// A read-only connection for looking at a database from outside.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        check_schema(&connection)?;
        Ok(Self { connection })
    }

    pub(crate) fn ledger(&self, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        read_ledger(&self.connection, from, limit)
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { key: row.get(0)?, revision: row.get(1)?, body: row.get(2)? })
}

fn read_object(row: &rusqlite::Row<'_>) -> rusqlite::Result<ObjectRow> {
    Ok(ObjectRow {
        name: row.get(0)?,
        sequence: row.get(1)?,
        content: row.get(2)?,
        size: row.get(3)?,
        created_at: row.get(4)?,
        created_by: row.get(5)?,
    })
}

fn known(
    connection: &Connection,
    repository: &str,
    object_type: &str,
    name: &str,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM objects WHERE repository = ?1 AND type = ?2 AND name = ?3)",
    )?;
    Ok(statement.query_row(params![repository, object_type, name], |row| row.get(0))?)
}

fn alive(connection: &Connection, repository: &str, object_type: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM objects WHERE repository = ?1 AND type = ?2 AND deleted_sequence IS NULL",
    )?;
    Ok(statement.query_row(params![repository, object_type], |row| row.get(0))?)
}

fn counter(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM counters WHERE name = ?1")?;
    Ok(statement.query_row(params![name], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The one writer. Batches that wait while a flush is under way share the next one.
struct Writer {
    connection: Connection,
    chain: Chain,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let waiting: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCHES_PER_FLUSH - 1)).collect();
            self.flush(waiting);
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database");
        }
    }

    fn flush(&mut self, jobs: Vec<Job>) {
        let before = self.chain.clone();
        let mut state = self.run_statement("BEGIN IMMEDIATE");
        let mut results = Vec::with_capacity(jobs.len());
        for job in &jobs {
            results.push(match &state {
                Ok(()) => self.apply(&job.batch),
                Err(why) => Err(failed(why)),
            });
            // On a full disk, for one, the engine may end the transaction by itself. Then everything before is undone,
            // and what comes after would be committed alone.
            if state.is_ok() && self.connection.is_autocommit() {
                state = Err("the engine ended the transaction".to_string());
            }
        }
        if state.is_ok() && results.iter().any(Result::is_ok) {
            state = self.run_statement("COMMIT");
        }
        if let Err(why) = &state {
            tracing::error!(%why, "a flush failed; nothing of it was written");
            self.chain = before;
        }
        if !self.connection.is_autocommit()
            && let Err(error) = self.run_statement("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        for (result, job) in results.into_iter().zip(jobs) {
            let result = match (&state, result) {
                (Err(why), Ok(())) => Err(failed(why)),
                (_, result) => result,
            };
            // The request that waited may have gone away; what was committed stays committed.
            let _ = job.done.send(result);
        }
    }

    fn run_statement(&self, statement: &str) -> Result<(), String> {
        self.connection.execute_batch(statement).map_err(|error| error.to_string())
    }

    /// Checks a batch's conditions against everything before it, earlier batches of this flush included, and writes
    /// it. A batch that fails leaves no trace.
    fn apply(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for condition in &batch.conditions {
            if !holds(&self.connection, condition)? {
                return Err(CommitError::Conflict);
            }
        }
        let before = self.chain.clone();
        self.connection.execute_batch("SAVEPOINT batch").map_err(StoreError::from)?;
        let written = self.write(batch);
        let end = match &written {
            Ok(()) => "RELEASE batch",
            Err(_) => "ROLLBACK TO batch; RELEASE batch",
        };
        let ended = self.connection.execute_batch(end).map_err(StoreError::from);
        if written.is_err() || ended.is_err() {
            self.chain = before;
        }
        written?;
        ended?;
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if !batch.documents.is_empty() {
            let revision = bump(&self.connection, "revision")?;
            for ((kind, key), write) in &batch.documents {
                write_document(&self.connection, kind, key, write, revision)?;
            }
        }
        if batch.touches_access {
            bump(&self.connection, "access")?;
        }
        for write in &batch.objects {
            write_object(&self.connection, write)?;
        }
        for entry in &batch.entries {
            let mut entry = entry.clone();
            entry.sequence = self.chain.head().size;
            let link = self.chain.append(&entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let sequence =
                i64::try_from(entry.sequence).map_err(|_| StoreError::Corrupt("ledger size".into()))?;
            self.connection
                .prepare_cached(
                    "INSERT INTO ledger (sequence, canonical, leaf, chain) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    sequence,
                    link.canonical,
                    link.leaf.as_bytes(),
                    link.head.chain.as_bytes()
                ])?;
        }
        Ok(())
    }
}

fn failed(why: &str) -> CommitError {
    CommitError::Failed(StoreError::Engine(why.to_string()))
}

fn bump(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO counters (name, value) VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
    )?;
    Ok(statement.query_row(params![name], |row| row.get(0))?)
}

fn holds(connection: &Connection, condition: &Condition) -> Result<bool, StoreError> {
    match condition {
        Condition::Document { kind, key, revision } => {
            let mut statement =
                connection.prepare_cached("SELECT revision FROM documents WHERE kind = ?1 AND key = ?2")?;
            let found: Option<i64> = statement.query_row(params![kind, key], |row| row.get(0)).optional()?;
            Ok(found == *revision)
        }
        Condition::Range { kind, lower, upper, seen } => {
            let mut statement = connection.prepare_cached(
                "SELECT count(*), coalesce(max(revision), 0) FROM documents WHERE kind = ?1 AND key >= ?2 AND key < ?3",
            )?;
            Ok(statement.query_row(params![kind, lower, upper], read_fingerprint)? == *seen)
        }
        Condition::Lookup { kind, lookup, seen } => {
            let mut statement = connection.prepare_cached(
                "SELECT count(*), coalesce(max(revision), 0) FROM documents WHERE kind = ?1 AND lookup = ?2",
            )?;
            Ok(statement.query_row(params![kind, lookup], read_fingerprint)? == *seen)
        }
        Condition::Access(revision) => Ok(counter(connection, "access")? == *revision),
        Condition::Object { repository, object_type, name, sequence } => {
            let mut statement = connection.prepare_cached(
                "SELECT sequence FROM objects
                 WHERE repository = ?1 AND type = ?2 AND name = ?3 AND deleted_sequence IS NULL",
            )?;
            let found: Option<i64> =
                statement.query_row(params![repository, object_type, name], |row| row.get(0)).optional()?;
            Ok(found == *sequence)
        }
        Condition::ObjectKnown { repository, object_type, name, known: seen } => {
            Ok(known(connection, repository, object_type, name)? == *seen)
        }
        Condition::Room { repository, object_type, limit, room } => {
            Ok((alive(connection, repository, object_type)? < *limit) == *room)
        }
    }
}

fn read_fingerprint(row: &rusqlite::Row<'_>) -> rusqlite::Result<Fingerprint> {
    Ok(Fingerprint { count: row.get(0)?, highest: row.get(1)? })
}

fn write_document(
    connection: &Connection,
    kind: &str,
    key: &str,
    write: &DocumentWrite,
    revision: i64,
) -> Result<(), StoreError> {
    match write {
        DocumentWrite::Put { lookup, body } => connection
            .prepare_cached(
                "INSERT INTO documents (kind, key, lookup, revision, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (kind, key) DO UPDATE
                 SET lookup = excluded.lookup, revision = excluded.revision, body = excluded.body",
            )?
            .execute(params![kind, key, lookup, revision, body])?,
        DocumentWrite::Delete => connection
            .prepare_cached("DELETE FROM documents WHERE kind = ?1 AND key = ?2")?
            .execute(params![kind, key])?,
    };
    Ok(())
}

fn write_object(connection: &Connection, write: &ObjectWrite) -> Result<(), StoreError> {
    match write {
        ObjectWrite::Put { repository, object_type, name, content, size, at, by } => {
            let sequence = next_sequence(connection, repository)?;
            connection
                .prepare_cached(
                    "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![repository, object_type, name, sequence, content, size, at, by])?;
        }
        ObjectWrite::Tombstone { repository, object_type, name, at, by } => {
            let sequence = next_sequence(connection, repository)?;
            connection
                .prepare_cached(
                    "UPDATE objects SET deleted_sequence = ?4, deleted_at = ?5, deleted_by = ?6
                     WHERE repository = ?1 AND type = ?2 AND name = ?3 AND deleted_sequence IS NULL",
                )?
                .execute(params![repository, object_type, name, sequence, at, by])?;
        }
        ObjectWrite::Forget { repository, object_type, name } => {
            connection
                .prepare_cached("DELETE FROM objects WHERE repository = ?1 AND type = ?2 AND name = ?3")?
                .execute(params![repository, object_type, name])?;
        }
        ObjectWrite::CreateRepository { repository } => {
            connection
                .prepare_cached("INSERT INTO repositories (repository) VALUES (?1)")?
                .execute(params![repository])?;
        }
        ObjectWrite::DropRepository { repository } => {
            connection
                .prepare_cached("DELETE FROM objects WHERE repository = ?1")?
                .execute(params![repository])?;
            set_state(connection, repository, "dropped")?;
        }
        ObjectWrite::RepositoryGone { repository } => set_state(connection, repository, "gone")?,
    }
    Ok(())
}

fn set_state(connection: &Connection, repository: &str, state: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE repositories SET state = ?2 WHERE repository = ?1")?
        .execute(params![repository, state])?;
    Ok(())
}

/// The next place in a repository's order. One that was given up, or never was, gets no objects any more.
fn next_sequence(connection: &Connection, repository: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE repositories SET sequence = sequence + 1 WHERE repository = ?1 AND state = 'live'
         RETURNING sequence",
    )?;
    statement
        .query_row(params![repository], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::Corrupt(format!("there is no repository `{repository}` to write to")))
}

/// Reads a stored hash.
pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a hash of the ledger has the wrong length".into()))?;
    Ok(Digest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key: &str, bytes: usize) -> Batch {
        let mut batch = Batch::default();
        let write = DocumentWrite::Put { lookup: None, body: "x".repeat(bytes) };
        batch.documents.insert(("test", key.to_string()), write);
        batch
    }

    fn flush(writer: &mut Writer, batches: Vec<Batch>) -> Vec<bool> {
        let (jobs, answers): (Vec<_>, Vec<_>) = batches
            .into_iter()
            .map(|batch| {
                let (done, answer) = channel();
                (Job { batch, done }, answer)
            })
            .unzip();
        writer.flush(jobs);
        answers.into_iter().map(|answer| answer.recv().unwrap().is_ok()).collect()
    }

    fn keys(writer: &Writer) -> Vec<String> {
        let mut statement = writer.connection.prepare("SELECT key FROM documents ORDER BY key").unwrap();
        let keys = statement.query_map([], |row| row.get(0)).unwrap();
        keys.collect::<Result<_, _>>().unwrap()
    }

    /// A full disk makes the engine roll back by itself, in the middle of a flush.
    #[test]
    fn a_flush_that_the_engine_ends_fails_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect(&folder.path().join("test.db")).unwrap();
        migrate(&mut connection).unwrap();
        let chain = Chain::resume(read_head(&connection).unwrap());
        let mut writer = Writer { connection, chain };
        assert_eq!(flush(&mut writer, vec![batch("a", 10)]), [true]);
        let pages = |writer: &Writer, pages: u32| {
            writer
                .connection
                .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, u32>(0))
                .unwrap()
        };
        pages(&writer, 40);
        let full = vec![batch("b", 10), batch("c", 4 << 20), batch("d", 10)];
        assert_eq!(flush(&mut writer, full), [false, false, false]);
        assert_eq!(keys(&writer), ["a"]);
        pages(&writer, 1 << 20);
        assert_eq!(flush(&mut writer, vec![batch("b", 10), batch("d", 10)]), [true, true]);
        assert_eq!(keys(&writer), ["a", "b", "d"]);
    }
}
