//! Looking at a data folder from outside: read-only, and also while a server has it open.

use std::path::Path;

use ledger::{Break, Entry, Head};

use crate::audit::verify_ledger;
use crate::engine::LedgerRow;
use crate::error::StoreError;
use crate::sql::{Connection, read_ledger};
use crate::sqlite::Sqlite;

/// A read-only look at a data folder.
pub struct Inspector {
    connection: Box<dyn Connection>,
}

impl Inspector {
    /// Opens a data folder for reading.
    ///
    /// # Errors
    /// When there is none, or it was written by a newer program.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: Sqlite::inspect(&folder.join("countersign.db"))? })
    }

    /// Checks the whole ledger: every entry against its hashes, every hash against the one before, and the whole against
    /// a head that was noted earlier, if one is given.
    ///
    /// # Errors
    /// The inner error names the first entry that does not fit.
    pub fn verify_ledger(&self, expected: Option<Head>) -> Result<Result<Head, Break>, StoreError> {
        verify_ledger(&*self.connection, expected)
    }

    /// Entries from a sequence on, oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = read_ledger(&*self.connection, from, i64::from(limit))?;
        let parse =
            |row: &LedgerRow| Entry::parse(&row.canonical).map_err(|e| StoreError::Corrupt(e.to_string()));
        rows.iter().map(parse).collect()
    }
}
