//! The connections that read. Each is lent for the life of one snapshot.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Backend, Connection, EachRow, Run, Statement};
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

    /// A connection with a reading transaction.
    pub(crate) fn lend(self: &Arc<Self>) -> Result<Lent, StoreError> {
        let mut lent = self.place()?;
        if let Some(idle) = lent.connection.get_mut()
            && idle.begin_reading().is_ok()
        {
            return Ok(lent);
        }
        lent.replace()?;
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
        let connection = RefCell::new(state.idle.pop());
        Ok(Lent { connection, tried: Cell::new(false), pool: Arc::clone(self) })
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        self.state.lock().idle.clear();
    }
}

/// A connection for one snapshot. Dropped, it ends its transaction and goes back.
pub(crate) struct Lent {
    connection: RefCell<Option<Box<dyn Connection>>>,
    /// Whether it is known to work. One that was idle may have broken meanwhile.
    tried: Cell<bool>,
    pool: Arc<Pool>,
}

impl Lent {
    /// Takes a fresh connection.
    fn replace(&self) -> Result<(), StoreError> {
        *self.connection.borrow_mut() = None;
        let fresh = self.pool.backend.reader()?;
        fresh.begin_reading()?;
        *self.connection.borrow_mut() = Some(fresh);
        self.tried.set(true);
        Ok(())
    }

    fn ask(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let connection = self.connection.borrow();
        connection.as_deref().ok_or(StoreError::Closed)?.run(statements, each)
    }
}

impl Run for Lent {
    /// If the connection turns out to be broken before it has answered anything, another one is asked.
    fn run(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let mut answered = self.tried.replace(true);
        let outcome = self.ask(statements, &mut |number, row| {
            answered = true;
            each(number, row)
        });
        match outcome {
            Err(StoreError::Unreachable(_)) if !answered => {
                self.replace()?;
                self.ask(statements, each)
            }
            outcome => outcome,
        }
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
