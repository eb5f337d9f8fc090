//! The connections that read. Each is lent for the life of one snapshot.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Backend, Connection};
use crate::error::StoreError;

/// How many idle connections are kept.
const IDLE: usize = 8;

/// How long somebody waits for a connection before being told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// All connections that read.
pub(crate) struct Pool {
    backend: Arc<dyn Readers>,
    state: Mutex<State>,
    returned: Condvar,
}

/// The part of a backend that the pool needs.
trait Readers: Send + Sync {
    fn reader(&self) -> Result<Box<dyn Connection>, StoreError>;
    fn readers(&self) -> usize;
}

impl<B: Backend> Readers for B {
    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        Backend::reader(self)
    }

    fn readers(&self) -> usize {
        Backend::readers(self)
    }
}

#[derive(Default)]
struct State {
    idle: Vec<Box<dyn Connection>>,
    lent: usize,
}

impl Pool {
    pub(crate) fn new(backend: Arc<impl Backend>) -> Arc<Self> {
        Arc::new(Self { backend, state: Mutex::default(), returned: Condvar::new() })
    }

    /// A connection with a reading transaction. One that broke while it was idle is replaced.
    pub(crate) fn lend(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let mut lent = self.place()?;
        if let Some(idle) = &lent.connection
            && idle.begin_reading().is_ok()
        {
            return Ok(lent);
        }
        lent.connection = None;
        let fresh = self.backend.reader()?;
        fresh.begin_reading()?;
        lent.connection = Some(fresh);
        Ok(lent)
    }

    /// A place among those that may read, with an idle connection if there is one.
    fn place(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let mut state = self.state.lock();
        while state.lent >= self.backend.readers() {
            if self.returned.wait_for(&mut state, PATIENCE).timed_out() {
                return Err(StoreError::Unreachable("all connections are in use".into()));
            }
        }
        state.lent += 1;
        Ok(Lent { connection: state.idle.pop(), pool: Arc::clone(self) })
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        self.state.lock().idle.clear();
    }
}

/// A connection for one snapshot. Dropped, it ends its transaction and goes back.
pub(crate) struct Lent {
    connection: Option<Box<dyn Connection>>,
    pool: Arc<Pool>,
}

impl Lent {
    pub(crate) fn connection(&self) -> Result<&dyn Connection, StoreError> {
        self.connection.as_deref().ok_or(StoreError::Closed)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let usable = self.connection.take().filter(|connection| connection.rollback().is_ok());
        let mut state = self.pool.state.lock();
        state.lent -= 1;
        if state.idle.len() < IDLE {
            state.idle.extend(usable);
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
