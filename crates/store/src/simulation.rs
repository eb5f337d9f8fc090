//! For simulations, and never for a server: a hand between a store and its database, which can hold up, refuse or lose
//! what the store asks of it.

use std::sync::Arc;

use crate::batch::Batch;
use crate::engine::{Engine, Snapshot, Tally};
use crate::error::{CommitError, StoreError};
use crate::{Place, Store};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made, if it can be.
    Made,
    /// It is not made: the database says that something changed.
    Conflict,
    /// It is not made: the database cannot be reached.
    Unreachable,
    /// It is made, if it can be, and nobody learns of it.
    Unheard,
    /// It is made whatever has changed meanwhile: a broken engine, for tests of tests.
    Unchecked,
}

/// Comes between a store and its database.
pub trait Hand: Send + Sync {
    /// Whether the database can be reached for a look. It may be asked while locks are held, so it must not wait.
    fn lets_look(&self) -> bool;
    /// Asked before a commit, for which it may wait.
    fn fate(&self) -> Fate;
    /// Called after a commit that was made, before anybody learns of it. It may wait.
    fn made(&self);
}

/// Opens a store as [`Store::open_at`] does, with a hand on it.
///
/// # Errors
/// As there.
pub fn open(place: &Place, hand: Arc<dyn Hand>) -> Result<Store, StoreError> {
    Store::open_through(place, |engine| Arc::new(Held { engine, hand }))
}

/// An engine with a hand on it.
struct Held {
    engine: Arc<dyn Engine>,
    hand: Arc<dyn Hand>,
}

impl Engine for Held {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        match self.hand.lets_look() {
            true => self.engine.snapshot(),
            false => Err(away()),
        }
    }

    fn commit(&self, mut batch: Batch) -> Result<(), CommitError> {
        let fate = self.hand.fate();
        match fate {
            Fate::Conflict => return Err(CommitError::Conflict),
            Fate::Unreachable => return Err(away().into()),
            Fate::Unchecked => batch.conditions.clear(),
            Fate::Made | Fate::Unheard => {}
        }
        self.engine.commit(batch)?;
        self.hand.made();
        match fate {
            Fate::Unheard => Err(away().into()),
            _ => Ok(()),
        }
    }

    fn close(&self) {
        self.engine.close();
    }

    fn tally(&self) -> Tally {
        self.engine.tally()
    }
}

fn away() -> StoreError {
    StoreError::Unreachable("simulated".into())
}
