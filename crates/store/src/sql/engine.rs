//! The engine over any SQL database: a pool of readers and one writer.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::flush::{Counters, Job, Writer};
use super::pool::Pool;
use super::reading::Reading;
use super::{Backend, Connection};
use crate::batch::Batch;
use crate::engine::{Engine, Snapshot, Tally};
use crate::error::{CommitError, StoreError};
use crate::moving::fenced;

/// An SQL database.
pub(crate) struct SqlEngine {
    readers: Arc<Pool>,
    queue: Mutex<Option<Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

impl SqlEngine {
    /// Starts on a database whose schema is up to date, with the connection that made it so.
    pub(crate) fn start<B: Backend>(backend: B, writer: Box<dyn Connection>) -> Result<Self, StoreError> {
        if fenced(&*writer)? {
            return Err(StoreError::Moved);
        }
        let backend = Arc::new(backend);
        let counters = Arc::new(Counters::default());
        let (queue, jobs) = channel();
        let worker = Writer::new(Arc::clone(&backend), writer, Arc::clone(&counters));
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || worker.run(&jobs))
            .map_err(|error| StoreError::Engine(format!("the writer cannot be started: {error}")))?;
        Ok(Self {
            readers: Pool::new(backend),
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(thread)),
            counters,
        })
    }
}

/// A view of a database that is only looked at.
pub(crate) fn inspect(backend: impl Backend) -> Result<Box<dyn Snapshot>, StoreError> {
    Ok(Box::new(Reading::begin(Pool::new(Arc::new(backend)).lend()?)))
}

impl Engine for SqlEngine {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(Reading::begin(self.readers.lend()?)))
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
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

    fn close(&self) {
        drop(self.queue.lock().take());
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
        self.readers.clear();
    }

    fn tally(&self) -> Tally {
        self.counters.tally()
    }
}

impl Drop for SqlEngine {
    fn drop(&mut self) {
        self.close();
    }
}
