//! For simulations, and never for a server: several stores on one database in one process, and a hand that can hold up,
//! refuse or lose what they ask of it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::batch::Batch;
use crate::engine::{Engine, Snapshot, Tally};
use crate::error::{CommitError, StoreError};
use crate::{Blobs, Store, sqlite::Sqlite};

/// A database that outlives the stores on it, as one outlives the servers that use it.
pub struct SharedDatabase {
    engine: Arc<dyn Engine>,
    blobs: Blobs,
    _lock: File,
}

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

impl SharedDatabase {
    /// Opens a data folder, or makes one.
    ///
    /// # Errors
    /// When the folder is in use or cannot be written.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::Io(folder.to_path_buf(), error);
        crate::create(folder).map_err(io)?;
        let lock = crate::lock(folder)?;
        let engine: Arc<dyn Engine> = Arc::new(Sqlite::open(&folder.join("countersign.db"))?);
        Ok(Self { engine, blobs: Blobs::open(&folder.join("repositories"))?, _lock: lock })
    }

    /// The store of one more server.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn store(&self, hand: Arc<dyn Hand>) -> Result<Store, StoreError> {
        let held = Held { engine: Arc::clone(&self.engine), hand };
        Store::assemble(Arc::new(held), self.blobs.clone(), None)
    }

    /// Ends it, after the stores on it have ended.
    pub fn close(&self) {
        self.engine.close();
    }
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

    // The database outlives this store.
    fn close(&self) {}

    fn tally(&self) -> Tally {
        self.engine.tally()
    }
}

fn away() -> StoreError {
    StoreError::Unreachable("simulated".into())
}
