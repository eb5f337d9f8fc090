//! The one writer of a server. Batches that wait while a flush is under way share the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::mirror::Mirror;
use super::writing::{Care, Heads, Known, apply};
use super::{Backend, Connection};
use crate::batch::Batch;
use crate::engine::{Done, Tally};
use crate::error::{CommitError, StoreError};

/// How many batches go into one flush at the most.
const BATCHES_PER_FLUSH: usize = 256;

/// How often a flush is made again that the database refused because another server's came between.
const ATTEMPTS: usize = 32;

/// A batch that waits for the writer.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) done: Done,
}

/// What the writer did; read by others.
#[derive(Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    flushes: AtomicU64,
    contentions: AtomicU64,
}

impl Counters {
    pub(super) fn tally(&self) -> Tally {
        Tally {
            batches: self.batches.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
            contentions: self.contentions.load(Ordering::Relaxed),
        }
    }
}

/// The writer.
pub(super) struct Writer<B> {
    backend: Arc<B>,
    connection: Option<Box<dyn Connection>>,
    /// Where the database stands, if nobody else can have moved it.
    heads: Option<Heads>,
    counters: Arc<Counters>,
    /// What readers know without asking; kept in step with each commit.
    mirror: Option<Arc<Mirror>>,
}

/// The results of a flush's batches, in their order.
type Results = Vec<Result<(), CommitError>>;

impl<B: Backend> Writer<B> {
    pub(super) fn new(
        backend: Arc<B>,
        connection: Box<dyn Connection>,
        counters: Arc<Counters>,
        mirror: Option<Arc<Mirror>>,
    ) -> Self {
        Self { backend, connection: Some(connection), heads: None, counters, mirror }
    }

    /// Finds out where the database stands, so that readers know before the first commit.
    pub(super) fn look(&mut self) -> Result<(), StoreError> {
        if let (Some(mirror), Some(connection)) = (&self.mirror, &self.connection) {
            let heads = Heads::read(&**connection)?;
            mirror.begin(heads.point());
            self.heads = Some(heads);
        }
        Ok(())
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let waiting: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCHES_PER_FLUSH - 1)).collect();
            self.flush(waiting);
        }
        if let Some(connection) = &self.connection {
            connection.finish();
        }
    }

    pub(super) fn flush(&mut self, jobs: Vec<Job>) {
        let (mut batches, waiting): (Vec<Batch>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.done)).unzip();
        for (result, done) in self.write(&mut batches).into_iter().zip(waiting) {
            done(result);
        }
    }

    /// Writes batches in one commit. This is the one place where a commit is tried again.
    fn write(&mut self, batches: &mut [Batch]) -> Results {
        let mut why = StoreError::Contention;
        let mut care = Care::Together;
        for _ in 0..ATTEMPTS {
            match self.attempt(batches, care) {
                Ok(results) => {
                    let committed = results.iter().filter(|result| result.is_ok()).count();
                    self.counters.batches.fetch_add(committed as u64, Ordering::Relaxed);
                    self.counters.flushes.fetch_add(u64::from(committed > 0), Ordering::Relaxed);
                    return results;
                }
                Err(error) => {
                    self.heads = None;
                    if let Some(mirror) = &self.mirror {
                        mirror.forget();
                    }
                    if !self.undo() {
                        self.connection = None;
                    }
                    why = error;
                }
            }
            match (&why, care) {
                (StoreError::Contention, _) => {
                    self.counters.contentions.fetch_add(1, Ordering::Relaxed);
                }
                (StoreError::Unreachable(_), _) => break,
                // One of them is at fault: the others shall not suffer for it.
                (_, Care::Together) if batches.len() > 1 => care = Care::EachAlone,
                _ => break,
            }
        }
        tracing::error!(%why, "a flush failed; nothing of it was written");
        batches.iter().map(|_| Err(CommitError::Failed(why.again()))).collect()
    }

    /// One transaction. Fails as a whole, or tells for each batch whether it was committed.
    fn attempt(&mut self, batches: &mut [Batch], care: Care) -> Result<Results, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.backend.writer()?,
        };
        let connection = &**self.connection.insert(connection);
        connection.begin_writing()?;
        let mut heads = match &self.heads {
            Some(heads) => heads.clone(),
            None => Heads::read(connection)?,
        };
        let before = heads.point();
        let mut known = Known::new(self.mirror.as_deref());
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            let result = apply(connection, &mut heads, &mut known, batch, care);
            // On a full disk, for one, the database may end the transaction by itself. Then everything before is undone,
            // and what comes after would be committed alone.
            if !connection.in_transaction() {
                return Err(match result {
                    Err(CommitError::Failed(why)) => why,
                    _ => StoreError::Engine("the database ended the transaction".into()),
                });
            }
            match result {
                Err(CommitError::Failed(why @ (StoreError::Contention | StoreError::Unreachable(_)))) => {
                    return Err(why);
                }
                result => results.push(result),
            }
        }
        if results.iter().any(Result::is_ok) {
            heads.write(connection, before)?;
            connection.commit()?;
            if let Some(mirror) = &self.mirror {
                mirror.follow(heads.point(), known.written());
            }
            self.heads = B::EXCLUSIVE.then_some(heads);
        } else {
            connection.rollback()?;
        }
        Ok(results)
    }

    /// Ends a transaction that failed. Returns whether the connection can still be used.
    fn undo(&self) -> bool {
        let undone = self.connection.as_ref().map(|connection| match connection.in_transaction() {
            true => connection.rollback(),
            false => Ok(()),
        });
        matches!(undone, Some(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::batch::DocumentWrite;
    use crate::sql::{Columns, query, statement};
    use crate::sqlite::Sqlite;

    fn batch(key: &str, bytes: usize) -> Batch {
        let mut batch = Batch::default();
        let write = DocumentWrite::Put { lookup: None, body: "x".repeat(bytes) };
        batch.documents.insert(("test", key.to_string()), write);
        batch
    }

    fn flush(writer: &mut Writer<Sqlite>, batches: Vec<Batch>) -> Vec<bool> {
        let (jobs, answers): (Vec<_>, Vec<_>) = batches
            .into_iter()
            .map(|batch| {
                let (done, answer) = channel();
                (Job { batch, done: Box::new(move |result| done.send(result).unwrap()) }, answer)
            })
            .unzip();
        writer.flush(jobs);
        answers.into_iter().map(|answer| answer.recv().unwrap().is_ok()).collect()
    }

    fn run(writer: &Writer<Sqlite>, sql: &'static str) {
        let ignore = &mut |_: usize, _: &dyn Columns| Ok(());
        writer.connection.as_ref().unwrap().run(&[statement(sql, [])], ignore).unwrap();
    }

    fn keys(writer: &Writer<Sqlite>) -> Vec<String> {
        let connection = &**writer.connection.as_ref().unwrap();
        let sql = "SELECT key FROM documents ORDER BY key";
        query(connection, sql, &[], |row| Ok(row.text(0)?.to_string())).unwrap()
    }

    /// A full disk makes the engine roll back by itself, in the middle of a flush.
    #[test]
    fn a_flush_that_the_engine_ends_fails_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        Sqlite::open(&path).unwrap();
        let backend = Arc::new(Sqlite::at(&path));
        let connection = backend.writer().unwrap();
        let mut writer = Writer::new(backend, connection, Arc::default(), None);
        assert_eq!(flush(&mut writer, vec![batch("a", 10)]), [true]);
        run(&writer, "PRAGMA max_page_count = 40");
        let full = vec![batch("b", 10), batch("c", 4 << 20), batch("d", 10)];
        assert_eq!(flush(&mut writer, full), [false, false, false]);
        assert_eq!(keys(&writer), ["a"]);
        run(&writer, "PRAGMA max_page_count = 1000000");
        assert_eq!(flush(&mut writer, vec![batch("b", 10), batch("d", 10)]), [true, true]);
        assert_eq!(keys(&writer), ["a", "b", "d"]);
        assert_eq!(writer.counters.tally(), Tally { batches: 3, flushes: 2, contentions: 0 });
    }
}
