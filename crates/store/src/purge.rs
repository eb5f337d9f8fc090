//! The removal of bytes whose object was purged or whose repository was given up, off everybody's way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::batch::{Batch, ObjectWrite};
use crate::engine::{Engine, PurgedBytes};
use crate::error::{CommitError, StoreError};
use crate::{Blobs, ObjectType};

/// When to try again what could not be removed, because an upload was just being decided or the disk failed.
const RETRY: Duration = Duration::from_secs(60);

/// How many purged objects are held at a time.
const PAGE: i64 = 1000;

/// What removes the bytes. The list of what there is to remove is in the database, so that a crash loses nothing: it is
/// written by the commit that purges an object or gives a repository up, and shortened when the bytes are gone.
pub(crate) struct Purger {
    worker: Arc<Worker>,
    wake: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Worker {
    engine: Arc<dyn Engine>,
    blobs: Blobs,
    stop: AtomicBool,
    /// One at a time.
    turn: Mutex<()>,
}

impl Purger {
    /// Starts, with what the process before this one left.
    pub(crate) fn start(engine: Arc<dyn Engine>, blobs: Blobs) -> std::io::Result<Self> {
        let worker = Arc::new(Worker { engine, blobs, stop: AtomicBool::new(false), turn: Mutex::new(()) });
        let (wake, woken) = channel();
        let for_thread = Arc::clone(&worker);
        let thread =
            std::thread::Builder::new().name("store-purger".into()).spawn(move || for_thread.run(&woken))?;
        let purger = Self { worker, wake: Mutex::new(Some(wake)), thread: Mutex::new(Some(thread)) };
        purger.bell().ring();
        Ok(purger)
    }

    /// What to ring when there may be something to remove.
    pub(crate) fn bell(&self) -> Bell {
        Bell(self.wake.lock().clone())
    }

    /// Removes what there is to remove, now.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        self.worker.finish().map(drop)
    }

    /// Ends it. What it has not removed is still on the list.
    pub(crate) fn close(&self) {
        self.worker.stop.store(true, Ordering::Relaxed);
        drop(self.wake.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the store's purger panicked");
        }
    }
}

/// Wakes the purger. It keeps the purger's thread from ending, so it is not for keeping.
pub(crate) struct Bell(Option<Sender<()>>);

impl Bell {
    /// Tells it that there may be something to remove.
    pub(crate) fn ring(&self) {
        if let Some(wake) = &self.0 {
            // It has ended only when the store is closing.
            let _ = wake.send(());
        }
    }
}

impl Drop for Purger {
    fn drop(&mut self) {
        self.close();
    }
}

impl Worker {
    fn run(&self, woken: &Receiver<()>) {
        let mut left = false;
        loop {
            let next = match left {
                true => woken.recv_timeout(RETRY),
                false => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if let Err(RecvTimeoutError::Disconnected) = next {
                return;
            }
            left = match self.finish() {
                Ok(all) => !all,
                Err(error) => {
                    tracing::error!(%error, "bytes that nothing refers to any more could not be removed yet");
                    true
                }
            };
        }
    }

    /// Returns whether nothing is left to remove.
    fn finish(&self) -> Result<bool, StoreError> {
        let _turn = self.turn.lock();
        let repositories = self.remove_repositories()?;
        Ok(self.remove_purged()? && repositories)
    }

    fn remove_repositories(&self) -> Result<bool, StoreError> {
        let dropped = self.engine.snapshot()?.dropped()?;
        let mut all = true;
        for repository in dropped {
            if !self.blobs.remove_repository(&repository, &self.stop)? {
                all = false;
                continue;
            }
            self.note([ObjectWrite::RepositoryGone { repository }])?;
        }
        Ok(all)
    }

    /// Removes the bytes of purged objects, page by page.
    fn remove_purged(&self) -> Result<bool, StoreError> {
        let mut all = true;
        let mut after = PurgedBytes::default();
        loop {
            let page = self.engine.snapshot()?.purged(&after, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after = last.clone();
            let mut gone = Vec::new();
            for bytes in page {
                if self.stop.load(Ordering::Relaxed) {
                    all = false;
                    break;
                }
                match self.remove_bytes(&bytes)? {
                    true => gone.push(bytes),
                    false => all = false,
                }
            }
            // First the disk, then the list: names that come back with the power would be nobody's.
            let mut folders = BTreeSet::new();
            for bytes in &gone {
                let folder = (&bytes.repository, &bytes.object_type, bytes.content.get(..2));
                if folders.insert(folder) {
                    self.blobs.flush_removal(&bytes.repository, object_type(bytes)?, &bytes.content)?;
                }
            }
            self.note(gone.iter().cloned().map(|bytes| ObjectWrite::BytesGone { bytes }))?;
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
        }
    }

    /// Returns whether there is nothing more to do about them: they are gone, or an object needs them again.
    fn remove_bytes(&self, bytes: &PurgedBytes) -> Result<bool, StoreError> {
        let PurgedBytes { repository, content, .. } = bytes;
        let object_type = object_type(bytes)?;
        let mut needed = false;
        let referred_to = || {
            needed = self.engine.snapshot()?.refers_to(repository, object_type.as_str(), content)?;
            Ok(needed)
        };
        let gone = self.blobs.remove_unclaimed(repository, object_type, content, referred_to)?;
        Ok(gone || needed)
    }

    fn note(&self, writes: impl IntoIterator<Item = ObjectWrite>) -> Result<(), StoreError> {
        let batch = Batch { objects: writes.into_iter().collect(), ..Batch::default() };
        if batch.is_empty() {
            return Ok(());
        }
        match self.engine.commit(batch) {
            Ok(()) => Ok(()),
            Err(CommitError::Failed(error)) => Err(error),
            Err(CommitError::Conflict) => {
                Err(StoreError::Corrupt("a batch without conditions conflicted".into()))
            }
        }
    }
}

fn object_type(bytes: &PurgedBytes) -> Result<ObjectType, StoreError> {
    let damaged = || StoreError::Corrupt(format!("the type `{}` of purged bytes", bytes.object_type));
    ObjectType::stored(&bytes.object_type).ok_or_else(damaged)
}
