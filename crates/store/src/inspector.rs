//! Looking at a database from outside: read-only, and also while servers use it.

use std::path::Path;

use ledger::{Break, Entry, Head};
use vault::ProtectedItem;

use crate::Blobs;
use crate::audit::verify_ledger;
use crate::batch::Row;
use crate::document::Document;
use crate::engine::{LedgerRow, Snapshot};
use crate::error::StoreError;
use crate::mark::ClockMark;
use crate::object::{Object, ObjectType, kept_in_order};
use crate::outgoing::Outgoing;
use crate::place::{Database, Place};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::transaction::Transaction;

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

    /// A decision on what is there, of which nothing is ever written: for seeing what it would come to.
    pub fn rehearse(self) -> Transaction {
        Transaction::begin(None, self.snapshot)
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
        rows.iter().map(LedgerRow::read).collect()
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

    /// The repositories: their short names, with the ids of their items.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn repositories(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.snapshot.range(ProtectedItem::KIND, "", "\u{10ffff}")?;
        let read = |row: &Row| row.read().map_err(|e| StoreError::Corrupt(e.internal.unwrap_or(e.message)));
        let items: Vec<ProtectedItem> = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(items.into_iter().map(|item| (item.short, item.id.to_string())).collect())
    }

    /// The bytes of repository objects, for reading.
    ///
    /// # Errors
    /// When the folder or the bucket cannot be opened.
    pub fn blobs(&self, place: &Place) -> Result<Blobs, StoreError> {
        place.blobs()
    }

    /// Does something with every object of a repository whose bytes are kept, deleted or not, but for locks.
    ///
    /// # Errors
    /// When they cannot be read, or what is done fails.
    pub fn each_kept(
        &self,
        repository: &str,
        each: &mut dyn FnMut(ObjectType, Object) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let types = [
            ObjectType::Config,
            ObjectType::Keys,
            ObjectType::Snapshots,
            ObjectType::Index,
            ObjectType::Data,
        ];
        for object_type in types {
            let mut after = Some(0);
            while let Some(from) = after {
                let page = kept_in_order(&*self.snapshot, repository, object_type, from, PAGE)
                    .map_err(|e| StoreError::Corrupt(e.internal.unwrap_or(e.message)))?;
                let full = page.len() >= PAGE as usize;
                after = page.last().map(|(sequence, _)| *sequence).filter(|_| full);
                for (_, object) in page {
                    each(object_type, object)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a row refers to an object of this name, deleted or not.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn is_kept(&self, repository: &str, object_type: ObjectType, name: &str) -> Result<bool, StoreError> {
        self.snapshot.object_known(repository, object_type.as_str(), name)
    }
}

/// Objects that are read at a time.
const PAGE: u32 = 1000;
