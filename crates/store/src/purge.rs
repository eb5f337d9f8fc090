//! The removal of bytes whose repository was given up, off everybody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Blobs;
use crate::batch::{Batch, ObjectWrite};
use crate::engine::Engine;
use crate::error::{CommitError, StoreError};

/// When to try again what could not be removed, because an upload was just being decided or the disk failed.
const RETRY: Duration = Duration::from_secs(60);
/// The same in a bucket, where objects may be locked for days.
const RETRY_IN_BUCKET: Duration = Duration::from_secs(60 * 60);

/// What removes the bytes. The list of what there is to remove is in the database, so that a crash loses nothing: it is
/// written by the commit that gives a repository up, and shortened when the bytes are gone.
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
        let retry = if self.blobs.in_bucket().is_some() { RETRY_IN_BUCKET } else { RETRY };
        let mut left = false;
        loop {
            let next = match left {
                true => woken.recv_timeout(retry),
                false => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if let Err(RecvTimeoutError::Disconnected) = next {
                return;
            }
            left = match self.finish() {
                Ok(all) => !all,
                Err(error) => {
                    tracing::error!(%error, "the bytes of a repository that was given up could not be removed yet");
                    true
                }
            };
        }
    }

    /// Returns whether nothing is left to remove.
    fn finish(&self) -> Result<bool, StoreError> {
        let _turn = self.turn.lock();
        let dropped = self.engine.snapshot()?.dropped()?;
        let mut all = true;
        for repository in dropped {
            if !self.blobs.remove_repository(&repository, &self.stop)? {
                all = false;
                continue;
            }
            let mut batch = Batch::default();
            batch.objects.push(ObjectWrite::RepositoryGone { repository });
            match self.engine.commit(batch) {
                Ok(()) => {}
                Err(CommitError::Failed(error)) => return Err(error),
                Err(CommitError::Conflict) => {
                    return Err(StoreError::Corrupt("a batch without conditions conflicted".into()));
                }
            }
        }
        Ok(all)
    }
}
