//! Everything that is kept: documents, the ledger, repository objects. The only code that touches disks and databases.
//!
//! The interface is one: [`Store::transact`] runs a decision that reads what it needs and says what it wants written;
//! the commit holds only if nothing that was read has changed in between, or the decision is made again.
//!
//! Invariants:
//! - A vault is written by [`Transaction::apply`] alone, which takes a [`mua::Clearance`] by value.
//! - State and ledger entry are in the same commit. A decision that changes something and says nothing is not written.
//! - What [`Store::transact`] returned is on disk. A refusal that was recorded is, too.
//! - Who may do what is read from the same state as everything else: a revoked role is refused at the commit, not at
//!   the end of some cache's life.
//!
//! The store knows no rule about content: what may change, and who may change it, was decided before it is asked.

mod access;
mod audit;
mod authority;
mod batch;
mod belonging;
mod blobs;
mod checksum;
mod document;
mod draft;
mod engine;
mod error;
mod inspector;
mod lease;
mod made;
mod mark;
mod memory;
mod moving;
mod object;
mod outgoing;
mod past;
mod place;
mod postgres;
mod purge;
pub mod simulation;
mod sql;
mod sqlite;
mod tending;
mod trail;
mod transaction;

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arm::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

pub use access::{Access, Allowed, Principal};
pub use authority::CertificateAuthority;
pub use belonging::Belonging;
pub use blobs::{Blobs, BucketPlace, Bytes, Finished, Kept, LockMode, Part, Upload};
pub use checksum::Checksum;
pub use document::{Document, Free, pim_key, schedule_requests};
pub use draft::Draft;
pub use engine::Tally;
pub use error::StoreError;
pub use inspector::Inspector;
pub use lease::Lease;
pub use mark::ClockMark;
pub use memory::Memory;
pub use moving::{Moved, Progress, migrate};
pub use object::{DeletedObject, Object, ObjectType, Purged};
pub use outgoing::{Bookmark, Content, Delivery, Destination, Outgoing};
pub use past::{Arrivals, Past};
pub use place::{Database, Place};
pub use postgres::PostgresUrl;
pub use tending::{Tended, Tending};
pub use trail::Mark;
pub use transaction::{Holder, Transaction};

use crate::access::Current;
use crate::batch::Batch;
use crate::engine::{Engine, Snapshot};
use crate::error::CommitError;
use crate::memory::MemoryEngine;
use crate::postgres::Postgres;
use crate::purge::{Bell, Purger};
use crate::sqlite::Sqlite;
use crate::trail::Trail;

/// How often a decision is made again before the client is asked to come back later.
const ATTEMPTS: usize = 16;

/// How often a locked folder is tried, and how long is waited in between.
const LOCK_ATTEMPTS: usize = 10;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// The store of one data folder. Cloning it is cheap; all clones are one store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    // First, because it uses the engine until it has ended.
    purger: Purger,
    engine: Arc<dyn Engine>,
    blobs: Blobs,
    access: Current,
    made: made::Kept,
    trail: Trail,
    retries: AtomicU64,
    /// Held, and so locked, as long as the store is open.
    _lock: File,
}

/// What a decision came to, and what it wants written.
type Decided<T> = (Result<T>, Batch);

impl Store {
    /// Opens a data folder with everything in it, or makes one.
    ///
    /// # Errors
    /// As [`Store::open_at`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_at(&Place::folder(folder))
    }

    /// Opens a store, or makes one. Only one process at a time can have a data folder open; databases that many servers
    /// can share, and then the folder of the repositories, are shared by servers with data folders of their own.
    ///
    /// # Errors
    /// When the folder is in use or cannot be written, the database cannot be reached, or either was written by a newer
    /// program.
    pub fn open_at(place: &Place) -> Result<Self, StoreError> {
        Self::open_through(place, |engine| engine)
    }

    /// The same, through something that comes between the store and its database.
    fn open_through(
        place: &Place,
        through: impl FnOnce(Arc<dyn Engine>) -> Arc<dyn Engine>,
    ) -> Result<Self, StoreError> {
        let folder = place.folder.as_path();
        let io = |error| StoreError::Io(folder.to_path_buf(), error);
        create(folder).map_err(io)?;
        private(folder).map_err(io)?;
        let lock = lock(folder)?;
        let engine: Arc<dyn Engine> = match &place.database {
            Database::Sqlite => Arc::new(Sqlite::open(&folder.join("countersign.db"))?),
            Database::Memory(memory) => Arc::new(MemoryEngine::open(memory)),
            Database::Postgres(url) => Arc::new(Postgres::open(url)?),
        };
        let engine = through(engine);
        let blobs = place.blobs()?;
        let shared = Shared {
            purger: Purger::start(Arc::clone(&engine), blobs.clone()).map_err(io)?,
            engine,
            blobs,
            access: Current::default(),
            made: made::Kept::default(),
            trail: Trail::default(),
            retries: AtomicU64::new(0),
            _lock: lock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs a decision and commits what it wants written. It may run several times, so it must have no effect but its
    /// answer and what it tells the transaction.
    ///
    /// # Errors
    /// What the decision returned; then nothing was written but the refusals it recorded. Or `Unavailable` when the
    /// state kept changing under it.
    pub fn transact<T>(&self, mut decide: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        for _ in 0..ATTEMPTS {
            let Some((outcome, batch)) = self.attempt(self.shared.engine.snapshot()?, &mut decide)? else {
                continue;
            };
            if batch.is_empty() {
                return outcome;
            }
            let bell = self.bell_for(&batch);
            let committed = self.shared.engine.commit(batch);
            if let (Ok(()), Some(bell)) = (&committed, bell) {
                bell.ring();
            }
            if self.is_final(committed)? {
                return outcome;
            }
        }
        Err(retryable("the resource kept changing while the request was decided"))
    }

    /// Like [`transact`](Self::transact), for a task that shares its thread with others. What can be decided out of
    /// memory is decided on the spot; what may have to wait for the database is decided on a thread for that. Once begun,
    /// the commit takes place even if nobody waits for it any more.
    ///
    /// # Errors
    /// As `transact`.
    pub async fn decide<T: Send + 'static>(
        &self,
        mut decide: impl FnMut(&mut Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        for _ in 0..ATTEMPTS {
            let decided;
            (decide, decided) = self.attempt_anywhere(decide).await?;
            let Some((outcome, batch)) = decided else { continue };
            if batch.is_empty() {
                return outcome;
            }
            let bell = self.bell_for(&batch);
            let (done, answer) = oneshot::channel();
            let tell = move |committed: Result<(), CommitError>| {
                if let (Ok(()), Some(bell)) = (&committed, bell) {
                    bell.ring();
                }
                // Whoever waited may have gone away.
                drop(done.send(committed));
            };
            self.shared.engine.submit(batch, Box::new(tell));
            if self.is_final(answer.await.unwrap_or(Err(CommitError::Failed(StoreError::Closed))))? {
                return outcome;
            }
        }
        Err(retryable("the resource kept changing while the request was decided"))
    }

    /// Makes a decision once, out of memory if that is enough, or else on a thread that may wait. Gives it back.
    async fn attempt_anywhere<T: Send + 'static, D>(&self, mut decide: D) -> Result<(D, Option<Decided<T>>)>
    where
        D: FnMut(&mut Transaction) -> Result<T> + Send + 'static,
    {
        if let Some(decided) = self.glance(&mut decide)? {
            return Ok((decide, decided));
        }
        let store = self.clone();
        let work = move || {
            let snapshot = store.shared.engine.snapshot().map_err(Error::from);
            let decided = snapshot.and_then(|snapshot| store.attempt(snapshot, &mut decide));
            (decide, decided)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (decide, decided) =
            done.map_err(|error| Error::internal(format!("a decision ended abnormally: {error}")))?;
        Ok((decide, decided?))
    }

    /// Makes a decision once. What it comes to is worth something only if it is committed; `None` if it is worth nothing
    /// already.
    fn attempt<T>(
        &self,
        snapshot: Box<dyn Snapshot>,
        decide: &mut impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<Option<Decided<T>>> {
        let mut transaction = Transaction::begin(Some(self), snapshot);
        let outcome = decide(&mut transaction);
        self.decided(transaction, outcome)
    }

    /// The same out of memory; `None` if that is not enough.
    fn glance<T>(
        &self,
        decide: &mut impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<Option<Option<Decided<T>>>> {
        let Some(snapshot) = self.shared.engine.glance() else {
            return Ok(None);
        };
        let mut transaction = Transaction::begin(Some(self), snapshot);
        let outcome = decide(&mut transaction);
        if !transaction.is_complete() {
            return Ok(None);
        }
        self.decided(transaction, outcome).map(Some)
    }

    fn decided<T>(&self, transaction: Transaction, outcome: Result<T>) -> Result<Option<Decided<T>>> {
        if transaction.is_outdated() {
            self.shared.retries.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let batch = transaction.into_batch(outcome.is_ok())?;
        Ok(Some((outcome, batch)))
    }

    /// Whether an attempt to commit was the last one, because it succeeded.
    fn is_final(&self, committed: Result<(), CommitError>) -> Result<bool> {
        match committed {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict) => {
                self.shared.retries.fetch_add(1, Ordering::Relaxed);
                Ok(false)
            }
            Err(CommitError::Failed(error)) => Err(error.into()),
        }
    }

    /// What to ring after the commit of a batch that leaves bytes to be removed.
    fn bell_for(&self, batch: &Batch) -> Option<Bell> {
        batch.frees_bytes().then(|| self.shared.purger.bell())
    }

    /// The bytes of repository objects.
    pub fn blobs(&self) -> &Blobs {
        &self.shared.blobs
    }

    /// How many decisions were made again because what they read had changed.
    pub fn retries(&self) -> u64 {
        self.shared.retries.load(Ordering::Relaxed)
    }

    /// What the database engine did so far.
    pub fn tally(&self) -> Tally {
        self.shared.engine.tally()
    }

    /// Removes the bytes of repositories that were given up, now. A thread of the store does so after each such commit,
    /// and at start what the process before did not finish.
    pub fn finish_purges(&self) -> Result<(), StoreError> {
        self.shared.purger.finish()
    }

    /// Removes bytes that were kept for a commit that was then refused, or whose row was removed. They stay when any row
    /// refers to them, or another upload of the same bytes is just being decided. Returns whether they are gone.
    pub fn discard(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<bool, StoreError> {
        let referred_to = || {
            let snapshot = self.shared.engine.snapshot()?;
            snapshot.refers_to(repository, object_type.as_str(), content)
        };
        self.shared.blobs.remove_unclaimed(repository, object_type, content, referred_to)
    }

    /// Ends the writer after it has finished what was queued.
    pub fn close(&self) {
        self.shared.purger.close();
        self.shared.engine.close();
    }

    fn made(&self) -> &made::Kept {
        &self.shared.made
    }

    fn trail(&self) -> &Trail {
        &self.shared.trail
    }

    fn current_access(&self) -> &Current {
        &self.shared.access
    }
}

/// Nothing was decided, for a reason that goes away.
fn retryable(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "RetryableError", format!("{why}; nothing was changed, try again"))
}

/// Makes the folder if it is not there, and its name durable.
fn create(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder.canonicalize()?.parent() {
        Some(parent) => blobs::flush_folder(parent),
        None => Ok(()),
    }
}

/// Locks the folder for this process. One that is just going away, as in a restart, is waited for a moment.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let io = |error| StoreError::Io(folder.to_path_buf(), error);
    let lock = File::create(folder.join("lock")).map_err(io)?;
    for _ in 0..LOCK_ATTEMPTS {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(fs::TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    Err(StoreError::InUse(folder.to_path_buf()))
}

/// The folder holds password hashes and keys: nobody else on the machine may look.
fn private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}
