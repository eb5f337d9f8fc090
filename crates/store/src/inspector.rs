//! Looking at a database from outside: read-only, and also while servers use it.

use std::path::Path;

use ledger::{Break, Entry, Head};

use crate::audit::verify_ledger;
use crate::batch::Row;
use crate::document::Document;
use crate::engine::{LedgerRow, Snapshot};
use crate::error::StoreError;
use crate::mark::ClockMark;
use crate::outgoing::Outgoing;
use crate::place::Database;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// A read-only look at a database, as it was when the look began.
pub struct Inspector {
    snapshot: Box<dyn Snapshot>,
}

impl Inspector {
    /// Opens the database for reading; `folder` is the data folder.
    ///
    /// # Errors
    /// When there is none, or it was written by a newer program.
    pub fn open(folder: &Path, database: &Database) -> Result<Self, StoreError> {
        let snapshot = match database {
            Database::Sqlite => Sqlite::inspect(&folder.join("countersign.db"))?,
            Database::Memory(memory) => memory.view(),
            Database::Postgres(url) => Postgres::inspect(url)?,
        };
        Ok(Self { snapshot })
    }

    /// Checks the whole ledger: every entry against its hashes, every hash against the one before, and the whole against
    /// a head that was noted earlier, if one is given.
    ///
    /// # Errors
    /// The inner error names the first entry that does not fit.
    pub fn verify_ledger(&self, expected: Option<Head>) -> Result<Result<Head, Break>, StoreError> {
        verify_ledger(&mut |from, limit| self.snapshot.ledger(from, limit), expected)
    }

    /// Entries from a sequence on, oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = self.snapshot.ledger(from, i64::from(limit))?;
        let parse =
            |row: &LedgerRow| Entry::parse(&row.canonical).map_err(|e| StoreError::Corrupt(e.to_string()));
        rows.iter().map(parse).collect()
    }

    /// Everything in the outbox, the oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn outbox(&self) -> Result<Vec<Outgoing>, StoreError> {
        let rows = self.snapshot.range(Outgoing::KIND, "", "\u{10ffff}")?;
        let read = |row: &Row| row.read().map_err(|e| StoreError::Corrupt(e.internal.unwrap_or(e.message)));
        let mut all: Vec<Outgoing> = rows.iter().map(read).collect::<Result<_, _>>()?;
        all.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        Ok(all)
    }

    /// The high-water mark of time that servers left, if any has run.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn clock_mark(&self) -> Result<Option<ClockMark>, StoreError> {
        let row = self.snapshot.document(ClockMark::KIND, ClockMark::KEY)?;
        let read = |row: &Row| row.read().map_err(|e| StoreError::Corrupt(e.internal.unwrap_or(e.message)));
        row.as_ref().map(read).transpose()
    }
}
