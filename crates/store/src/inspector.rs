//! Looking at a database from outside: read-only, and also while servers use it.

use std::path::Path;

use ledger::{Break, Entry, Head, Stored};

use crate::engine::{LedgerRow, Snapshot};
use crate::error::StoreError;
use crate::place::Database;
use crate::postgres::Postgres;
use crate::sql::digest;
use crate::sqlite::Sqlite;

/// How many ledger rows are held at a time.
const CHUNK: i64 = 1000;

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
        let mut failure = None;
        let rows =
            Rows { snapshot: &*self.snapshot, next: 0, chunk: Vec::new().into_iter(), failure: &mut failure };
        let verdict = ledger::verify(rows, expected);
        match failure {
            Some(error) => Err(error),
            None => Ok(verdict),
        }
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
}

/// All rows of the ledger in their order, read chunk by chunk.
struct Rows<'a> {
    snapshot: &'a dyn Snapshot,
    next: i64,
    chunk: std::vec::IntoIter<LedgerRow>,
    failure: &'a mut Option<StoreError>,
}

impl Rows<'_> {
    fn advance(&mut self) -> Result<Option<Stored<Vec<u8>>>, StoreError> {
        if self.chunk.len() == 0 {
            let rows = self.snapshot.ledger(self.next, CHUNK)?;
            self.next = rows.last().map_or(self.next, |row| row.sequence + 1);
            self.chunk = rows.into_iter();
        }
        let Some(row) = self.chunk.next() else {
            return Ok(None);
        };
        Ok(Some(Stored { leaf: digest(&row.leaf)?, chain: digest(&row.chain)?, canonical: row.canonical }))
    }
}

impl Iterator for Rows<'_> {
    type Item = Stored<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().unwrap_or_else(|error| {
            *self.failure = Some(error);
            None
        })
    }
}
