//! The writer, and what it makes of a database that fails.

use std::path::Path;
use std::sync::mpsc::channel;

use parking_lot::Mutex;

use super::*;
use crate::batch::{Condition, DocumentWrite};
use crate::sql::{Columns, EachRow, Run, Statement, query};
use crate::sqlite::Sqlite;

fn batch(key: &str, bytes: usize) -> Batch {
    let mut batch = Batch::default();
    let write = DocumentWrite::Put { lookup: None, body: "x".repeat(bytes) };
    batch.documents.insert(("test", key.to_string()), write);
    batch
}

fn flush<B: Backend>(writer: &mut Writer<B>, batches: Vec<Batch>) -> Vec<bool> {
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

fn run<B: Backend>(writer: &Writer<B>, sql: &'static str) {
    let ignore = &mut |_: usize, _: &dyn Columns| Ok(());
    writer.connection.as_ref().unwrap().run(&[statement(sql, [])], ignore).unwrap();
}

fn keys<B: Backend>(writer: &Writer<B>) -> Vec<String> {
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
    let mut writer = Writer::new(backend, connection, Arc::default());
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

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Another server came between.
    Contention,
    /// The connection is gone, and with it the transaction.
    Gone,
    /// The statement is refused.
    Refused,
    /// The connection is gone after the call was done.
    Unanswered,
}

/// When something goes wrong: before so many more calls, and what. And for how many connections there is nobody there.
#[derive(Debug, Default)]
struct Plan {
    fault: Option<(usize, Fault)>,
    away: usize,
}

/// SQLite, as if several servers could use it, and as if it were far away.
struct Faulty {
    inner: Sqlite,
    plan: Arc<Mutex<Plan>>,
}

impl Backend for Faulty {
    const EXCLUSIVE: bool = false;

    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        self.inner.reader()
    }

    fn writer(&self) -> Result<Box<dyn Connection>, StoreError> {
        let mut plan = self.plan.lock();
        if plan.away > 0 {
            plan.away -= 1;
            return Err(StoreError::Unreachable("away".into()));
        }
        let plan = Arc::clone(&self.plan);
        Ok(Box::new(FaultyConnection { inner: Some(self.inner.writer()?).into(), plan }))
    }

    fn readers(&self) -> usize {
        1
    }
}

struct FaultyConnection {
    inner: Mutex<Option<Box<dyn Connection>>>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultyConnection {
    fn call(&self, call: impl FnOnce(&dyn Connection) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let due = match &mut self.plan.lock().fault {
            Some((0, fault)) => Some(*fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if due.is_some() {
            self.plan.lock().fault = None;
        }
        let mut inner = self.inner.lock();
        let gone = || StoreError::Unreachable("gone".into());
        let connection = inner.as_deref().ok_or_else(gone)?;
        match due {
            None => call(connection),
            Some(Fault::Contention) => Err(StoreError::Contention),
            Some(Fault::Refused) => Err(StoreError::Engine("refused".into())),
            Some(Fault::Gone) => {
                *inner = None;
                Err(gone())
            }
            Some(Fault::Unanswered) => {
                call(connection)?;
                *inner = None;
                Err(gone())
            }
        }
    }
}

impl Run for FaultyConnection {
    fn run(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.call(|connection| connection.run(statements, each))
    }
}

impl Connection for FaultyConnection {
    fn begin_reading(&self) -> Result<(), StoreError> {
        self.call(|connection| connection.begin_reading())
    }

    fn begin_writing(&self) -> Result<(), StoreError> {
        self.call(|connection| connection.begin_writing())
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.call(|connection| connection.commit())
    }

    fn rollback(&self) -> Result<(), StoreError> {
        self.call(|connection| connection.rollback())
    }

    fn in_transaction(&self) -> bool {
        self.inner.lock().as_ref().is_some_and(|connection| connection.in_transaction())
    }

    fn usable(&self) -> bool {
        self.inner.lock().is_some()
    }
}

/// A writer on a database that several servers could share, and how to make it fail.
fn faulty(folder: &Path) -> (Writer<Faulty>, Arc<Mutex<Plan>>) {
    let path = folder.join("test.db");
    Sqlite::open(&path).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let shared = "CREATE TABLE flushes (server INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
         INSERT INTO counters VALUES ('revision', 0), ('access', 0), ('flush', 0), ('server', 0);";
    database.execute_batch(shared).unwrap();
    let plan = Arc::default();
    let backend = Arc::new(Faulty { inner: Sqlite::at(&path), plan: Arc::clone(&plan) });
    let connection = backend.writer().unwrap();
    (Writer::new(backend, connection, Arc::default()), plan)
}

/// A batch that holds only once: what it writes must not have been there.
fn once(key: &str) -> Batch {
    let mut batch = batch(key, 10);
    batch.conditions.push(Condition::Document { kind: "test", key: key.into(), revision: None });
    batch
}

/// Each call that a flush makes fails once, in each way. Whatever it is, every batch is told the truth, and what was
/// said to be written was written once.
#[test]
fn a_flush_that_fails_anywhere_tells_the_truth() {
    let mut calls = 0;
    for fault in [Fault::Contention, Fault::Gone, Fault::Refused, Fault::Unanswered] {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let (mut writer, plan) = faulty(folder.path());
            assert_eq!(flush(&mut writer, vec![once("before")]), [true]);
            plan.lock().fault = Some((at, fault));
            let told = flush(&mut writer, vec![once("a"), once("before"), once("b")]);
            if plan.lock().fault.take().is_some() {
                // It makes fewer calls than that.
                calls += at;
                break;
            }
            // After a refusal of one statement, the rest may go on without that batch.
            if fault != Fault::Refused {
                assert_eq!(told, [true, false, true], "{fault:?} at {at}");
            }
            let mut expected = vec!["before"];
            expected
                .extend(["a", "", "b"].into_iter().zip(&told).filter(|(_, told)| **told).map(|(key, _)| key));
            expected.sort_unstable();
            assert_eq!(keys(&writer), expected, "{fault:?} at {at}");
            // And it goes on from there.
            assert_eq!(flush(&mut writer, vec![once("after"), once("before")]), [true, false]);
            assert_eq!(writer.counters.tally().contentions, u64::from(fault == Fault::Contention));
        }
    }
    assert!(calls >= 4 * 8, "a flush of three batches makes more calls than {calls} in four rounds");
}

#[test]
fn a_commit_that_nobody_can_tell_of_is_called_unknown_and_settled_before_the_next() {
    for (fault, committed) in [(Fault::Unanswered, true), (Fault::Gone, false)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, plan) = faulty(folder.path());
        assert_eq!(flush(&mut writer, vec![once("before")]), [true]);
        // The last call of a flush is its commit.
        let calls = (0..)
            .find(|at| {
                plan.lock().fault = Some((*at, Fault::Refused));
                flush(&mut writer, vec![once(&format!("probe-{at}"))]);
                plan.lock().fault.take().is_some()
            })
            .unwrap();
        *plan.lock() = Plan { fault: Some((calls - 1, fault)), away: RECONNECTS + 3 };
        let (done, answer) = channel();
        writer.flush(vec![Job { batch: once("lost"), done }]);
        let told = answer.recv().unwrap();
        assert!(matches!(told, Err(CommitError::Failed(StoreError::Unknown(_)))), "{fault:?}: {told:?}");
        // While it is away, others are told that nothing of theirs was written.
        plan.lock().away = RECONNECTS + 3;
        let (done, answer) = channel();
        writer.flush(vec![Job { batch: once("refused"), done }]);
        let told = answer.recv().unwrap();
        assert!(matches!(told, Err(CommitError::Failed(StoreError::Unreachable(_)))), "{fault:?}: {told:?}");
        // Back again, the truth is found out first.
        plan.lock().away = 0;
        assert_eq!(flush(&mut writer, vec![once("after")]), [true]);
        let found = keys(&writer);
        assert_eq!(found.contains(&"lost".to_string()), committed, "{fault:?}: {found:?}");
        assert!(found.contains(&"after".to_string()) && !found.contains(&"refused".to_string()));
    }
}

#[test]
fn a_database_that_goes_back_in_time_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _plan) = faulty(folder.path());
    assert_eq!(flush(&mut writer, vec![once("a")]), [true]);
    assert_eq!(flush(&mut writer, vec![once("b")]), [true]);
    // As when a standby takes over that lacks the last commit.
    run(&writer, "UPDATE flushes SET number = number - 1");
    assert_eq!(flush(&mut writer, vec![once("c")]), [false]);
    assert_eq!(keys(&writer), ["a", "b"]);
}

#[test]
fn a_flush_that_always_comes_second_is_given_up() {
    /// Another server always comes between.
    struct Unlucky(Sqlite);
    impl Backend for Unlucky {
        const EXCLUSIVE: bool = true;
        fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
            self.0.reader()
        }
        fn writer(&self) -> Result<Box<dyn Connection>, StoreError> {
            Err(StoreError::Contention)
        }
        fn readers(&self) -> usize {
            1
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    Sqlite::open(&path).unwrap();
    let connection = Sqlite::at(&path).writer().unwrap();
    let mut writer = Writer::new(Arc::new(Unlucky(Sqlite::at(&path))), connection, Arc::default());
    writer.connection = None;
    assert_eq!(flush(&mut writer, vec![once("a"), once("b")]), [false, false]);
    assert_eq!(writer.counters.tally().contentions, ATTEMPTS as u64);
}
