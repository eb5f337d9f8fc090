//! What a database must be able to do for the store: a consistent view to read from, and one conditional commit.
//!
//! Everything else, which documents there are and what a decision may write, lies above this line; connections,
//! statements and the files of a database below it. Each engine passes the same suite.

use ledger::Entry;

use crate::batch::{Batch, Fingerprint, Row, Within};
use crate::error::{CommitError, StoreError};

/// How many revisions of access can be followed change by change. Who is further behind reads everything.
pub(crate) const ACCESS_LOG: i64 = 100_000;

/// A database.
pub(crate) trait Engine: Send + Sync {
    /// A view of the database as it is at the first question that is put to it, whatever is committed while it lives. It
    /// shows everything whose commit had been acknowledged before, by this or any other server on the database.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// The same view as far as it is in memory: it never waits for a disk or a network. What is not there fails with
    /// [`StoreError::NotAtHand`]. `None` from an engine that keeps nothing in memory.
    fn glance(&self) -> Option<Box<dyn Snapshot>> {
        None
    }

    /// Commits a batch if everything it read still holds. Returns after the commit is durable.
    fn commit(&self, batch: Batch) -> Result<(), CommitError>;

    /// The same for somebody who does not wait: calls `done` after the commit is durable.
    fn submit(&self, batch: Batch, done: Done) {
        done(self.commit(batch));
    }

    /// Finishes what was queued and takes nothing more.
    fn close(&self);

    /// What it did so far.
    fn tally(&self) -> Tally;
}

/// What an engine did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Batches that were committed.
    pub batches: u64,
    /// Commits that made them durable; one holds many batches.
    pub flushes: u64,
    /// Flushes that the database refused because another server's came between, and that were made again.
    pub contentions: u64,
}

/// Takes the result of a commit. Called once, unless the engine ends before.
pub(crate) type Done = Box<dyn FnOnce(Result<(), CommitError>) + Send>;

/// A consistent view of a database.
pub(crate) trait Snapshot: Send {
    /// Whether everything that was asked could be answered. If not, whatever was decided is worth nothing.
    fn is_complete(&self) -> bool {
        true
    }

    /// Whether it may wait for a disk or a network.
    fn waits(&self) -> bool {
        true
    }

    /// One document.
    fn document(&self, kind: &str, key: &str) -> Result<Option<Row>, StoreError>;

    /// Those of these documents of a kind that exist.
    fn documents(&self, kind: &str, keys: &[String]) -> Result<Vec<Row>, StoreError>;

    /// The documents of a kind from `lower` up to, not including, `upper`, in the order of their keys' bytes.
    fn range(&self, kind: &str, lower: &str, upper: &str) -> Result<Vec<Row>, StoreError>;

    /// What tells the documents of such a range from those of another time.
    fn seen(&self, kind: &str, lower: &str, upper: &str) -> Result<Fingerprint, StoreError> {
        Ok(Fingerprint::of(&self.range(kind, lower, upper)?))
    }

    /// The documents of such a range that were written after a revision, in the order of their keys.
    fn changed(&self, kind: &str, lower: &str, upper: &str, after: i64) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.range(kind, lower, upper)?;
        rows.retain(|row| row.revision() > after);
        Ok(rows)
    }

    /// Hands on the documents of a kind in the order of their keys, without keeping them.
    fn each(&self, kind: &str, each: &mut EachRow<'_>) -> Result<(), StoreError>;

    /// The documents of a kind with this second key, in the order of their keys.
    fn lookup(&self, kind: &str, lookup: &str) -> Result<Vec<Row>, StoreError>;

    /// The revision of what decisions about access read.
    fn access(&self) -> Result<i64, StoreError>;

    /// Which documents that decisions about access read were written after a revision of it, oldest first. `None` when
    /// that is too long ago to be known.
    fn access_changes(&self, after: i64) -> Result<Option<Vec<AccessChange>>, StoreError>;

    /// The present lifetime of an object.
    fn object(
        &self,
        repository: &str,
        object_type: &str,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError>;

    /// Whether the object ever existed, alive or not.
    fn object_known(&self, repository: &str, object_type: &str, name: &str) -> Result<bool, StoreError>;

    /// Whether any lifetime of an object, alive or not, refers to these bytes.
    fn refers_to(&self, repository: &str, object_type: &str, content: &str) -> Result<bool, StoreError>;

    /// When each lifetime of each object of a type began, the first ones first.
    fn births(&self, repository: &str, object_type: &str) -> Result<Vec<Birth>, StoreError>;

    /// How many objects of one type are alive.
    fn alive(&self, repository: &str, object_type: &str) -> Result<i64, StoreError>;

    /// Live objects of one type, oldest first, from behind a sequence on.
    fn objects(
        &self,
        repository: &str,
        object_type: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError>;

    /// When each lifetime of an object began, the first one first.
    fn births_of(&self, repository: &str, object_type: &str, name: &str) -> Result<Vec<Birth>, StoreError>;

    /// The object of this name that was to be seen. Of several lifetimes the first one.
    fn object_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError>;

    /// The objects of one type that were to be seen, oldest first, from behind a sequence on. Each once: of several
    /// lifetimes the first one.
    fn objects_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError>;

    /// How many bytes are stored, as quotas count them: each content once, also of what was deleted, without locks.
    fn stored(&self, within: &Within) -> Result<i64, StoreError>;
    /// What happened in a repository behind a sequence: of each type one row.
    fn traffic(&self, repository: &str, after: i64) -> Result<Vec<TrafficRow>, StoreError>;

    /// Repositories that were given up and whose bytes are not known to be gone.
    fn dropped(&self) -> Result<Vec<String>, StoreError>;

    /// Deleted objects but the config, from behind the sequence of a deletion on, in the order of their deletions.
    fn deleted(&self, repository: &str, after: i64, limit: i64) -> Result<Vec<DeletedRow>, StoreError>;

    /// Bytes whose row was purged and that are not known to be gone: those behind a place in the list, in its order.
    fn purged(&self, after: &PurgedBytes, limit: i64) -> Result<Vec<PurgedBytes>, StoreError>;

    /// Ledger entries from a sequence on, oldest first.
    fn ledger(&self, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError>;

    /// Ledger entries before a sequence, newest first.
    fn ledger_back(&self, before: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError>;

    /// Sequences of entries before this one that raise an alert of a vault or guard (its folded id; empty for any), newest
    /// first. None of those that were written before the database knew of alarms.
    fn alarms(&self, target: &str, before: i64, limit: i64) -> Result<Vec<i64>, StoreError>;

    /// The first entry that the database would know of if it raised an alert.
    fn alarms_since(&self) -> Result<i64, StoreError>;

    /// Whether there is no document and no ledger entry.
    fn is_empty(&self) -> Result<bool, StoreError>;
}

/// Takes a document's key and body.
pub(crate) type EachRow<'a> = dyn FnMut(&str, &str) -> Result<(), StoreError> + 'a;

/// A document that decisions about access read was written, or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessChange {
    /// The revision of access since which it reads like this.
    pub(crate) revision: i64,
    pub(crate) kind: String,
    pub(crate) key: String,
}

/// A repository object as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct ObjectRow {
    pub(crate) name: String,
    pub(crate) sequence: i64,
    pub(crate) content: String,
    pub(crate) size: i64,
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    pub(crate) checksum: Option<i64>,
}

/// The beginning of a lifetime.
#[derive(Clone, Debug)]
pub(crate) struct Birth {
    pub(crate) name: String,
    pub(crate) sequence: i64,
    pub(crate) at: i64,
}

/// What happened to the objects of one type: number and bytes of those that arrived, were deleted, and were deleted and are
/// not there again.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrafficRow {
    pub(crate) object_type: String,
    pub(crate) arrived: (i64, i64),
    pub(crate) deleted: (i64, i64),
    pub(crate) lost: (i64, i64),
    /// The last sequence of all that.
    pub(crate) last: i64,
}

/// A deleted repository object as far as its purge depends on it.
#[derive(Clone, Debug)]
pub(crate) struct DeletedRow {
    pub(crate) object_type: String,
    pub(crate) name: String,
    pub(crate) sequence: i64,
    pub(crate) size: i64,
    pub(crate) deleted_sequence: i64,
    pub(crate) deleted_at: i64,
}

/// Bytes that are listed for removal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PurgedBytes {
    pub(crate) repository: String,
    pub(crate) object_type: String,
    pub(crate) content: String,
}

/// Which lifetimes of objects were to be seen at an earlier moment: those created until then that were not deleted, or
/// deleted only later, or deleted at or after a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The last sequence of that moment.
    pub(crate) until: i64,
    /// In microseconds since 1970.
    pub(crate) deleted_since: i64,
}

/// A ledger entry as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct LedgerRow {
    pub(crate) sequence: i64,
    pub(crate) canonical: Vec<u8>,
    pub(crate) leaf: Vec<u8>,
    pub(crate) chain: Vec<u8>,
}

impl LedgerRow {
    pub(crate) fn read(&self) -> Result<Entry, StoreError> {
        Entry::parse(&self.canonical).map_err(|error| StoreError::Corrupt(error.to_string()))
    }
}
