//! What a database holds, as far as it was asked lately: so that most decisions need not ask it.
//!
//! Only for a database that no other server writes to. The writer keeps the mirror in step: it changes it after each commit
//! and before anybody hears of that commit. What is in the mirror is therefore what the database holds at [`Mirror::point`],
//! exactly; what is not in it is unknown, and has to be asked for.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::batch::{Batch, Condition, DocumentWrite, Fingerprint, Row, Within};
use crate::engine::{
    AccessChange, Birth, DeletedRow, EachRow, LedgerRow, ObjectRow, PurgedBytes, Seen, Snapshot, TrafficRow,
};
use crate::error::StoreError;
use crate::moving::FENCE;
use crate::sql::Columns;

/// How many bytes of documents and keys are kept at the most.
const BYTES: usize = 16 << 20;

/// Longer lists are not kept.
const ROWS: usize = 256;

/// How many lists of one kind are kept at the most.
const LISTS: usize = 1024;

/// What an entry costs besides its text, in bytes; roughly.
const OVERHEAD: usize = 128;

/// Where the database stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    /// The last revision given to a document.
    pub(crate) revision: i64,
    /// The revision of what decisions about access read.
    pub(crate) access: i64,
}

impl Point {
    /// Takes in one of the counters.
    pub(crate) fn read(&mut self, row: &dyn Columns) -> Result<(), StoreError> {
        match row.text(0)? {
            "revision" => self.revision = row.int(1)?,
            "access" => self.access = row.int(1)?,
            // What is decided on a database that was moved away would be decided on rights of yesterday.
            FENCE if row.int(1)? != 0 => return Err(StoreError::Moved),
            _ => {}
        }
        Ok(())
    }
}

/// What is known of a database.
#[derive(Default)]
pub(crate) struct Mirror {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// `None` while nobody knows: before the writer has looked, and after a commit of which nobody knows whether it happened.
    point: Option<Point>,
    /// By their names. There are few.
    kinds: Vec<(String, Kind)>,
    /// What was taken in since it was last empty, gone or not.
    bytes: usize,
}

impl State {
    fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }

    fn kind_mut(&mut self, name: &str) -> Option<&mut Kind> {
        self.kinds.iter_mut().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }

    /// Takes note of something that comes in, and starts over when it is too much.
    fn take_in(&mut self, bytes: usize) {
        if self.bytes + bytes > BYTES {
            self.kinds.clear();
            self.bytes = 0;
        }
        self.bytes += bytes;
    }
}

/// What is known of the documents of one kind.
#[derive(Default)]
struct Kind {
    /// By key; `None` is known not to be there.
    documents: HashMap<String, Known<Option<Row>>>,
    /// By the lower end; with the upper one, behind the last key. Of ranges with the same lower end one is kept.
    ranges: HashMap<String, (String, Known<Rows>)>,
    /// What tells the documents of a range, which may be too many to be kept, from those of another time.
    seen: HashMap<String, (String, Known<Fingerprint>)>,
    /// By the second key.
    lookups: HashMap<String, Known<Rows>>,
}

/// A list as a question was answered with it, in the order of the keys.
type Rows = Arc<[Row]>;

/// Something known, and since which revision it is certainly so.
struct Known<T> {
    since: i64,
    what: T,
}

impl<T: Clone> Known<T> {
    /// What an observer at a revision sees of it, if that can be said.
    fn seen_at(&self, revision: i64) -> Option<T> {
        (self.since <= revision).then(|| self.what.clone())
    }
}

impl Mirror {
    /// Where the database stands, if that is known.
    pub(crate) fn point(&self) -> Option<Point> {
        self.state.read().point
    }

    /// Takes over where the database stands, which the writer has just asked it.
    pub(crate) fn begin(&self, point: Point) {
        self.state.write().point = Some(point);
    }

    /// Forgets everything: the database may hold anything.
    pub(crate) fn forget(&self) {
        *self.state.write() = State::default();
    }

    /// Follows a commit of these batches, each with the revision it was given.
    pub(crate) fn follow<'a>(&self, point: Point, committed: impl Iterator<Item = (&'a Batch, i64)>) {
        let mut state = self.state.write();
        for (batch, revision) in committed {
            for ((kind, key), write) in &batch.documents {
                let Some(known) = state.kind_mut(kind) else { continue };
                let bytes = known.follow(key, write, revision);
                state.take_in(bytes);
            }
        }
        state.point = Some(point);
    }

    /// Takes in what the database was found to hold at a revision, unless it has moved on since.
    fn learn(&self, kind: &str, revision: i64, bytes: usize, learn: impl FnOnce(&mut Kind)) {
        let mut state = self.state.write();
        if state.point.is_none_or(|point| point.revision != revision) {
            return;
        }
        state.take_in(bytes);
        if state.kind(kind).is_none() {
            state.kinds.push((kind.to_string(), Kind::default()));
        }
        if let Some(kind) = state.kind_mut(kind) {
            learn(kind);
        }
    }

    /// Learns of one document.
    pub(crate) fn learn_document(&self, kind: &str, key: &str, row: Option<&Row>, revision: i64) {
        let bytes = key.len() + row.map_or(0, Row::size) + OVERHEAD;
        // A document that is not there may have been until just now.
        let since = row.map_or(revision, Row::revision);
        let known = Known { since, what: row.map(Row::kept) };
        self.learn(kind, revision, bytes, |kind| drop(kind.documents.insert(key.to_string(), known)));
    }

    /// Learns which documents are in a range.
    pub(crate) fn learn_range(&self, kind: &str, lower: &str, upper: &str, rows: &[Row], revision: i64) {
        self.learn_list(kind, rows, revision, |kind, known| {
            if kind.ranges.len() < LISTS {
                kind.ranges.insert(lower.to_string(), (upper.to_string(), known));
            }
        });
    }

    /// Learns what tells the documents of a range from those of another time.
    pub(crate) fn learn_seen(&self, kind: &str, lower: &str, upper: &str, seen: Fingerprint, revision: i64) {
        let bytes = lower.len() + upper.len() + OVERHEAD;
        self.learn(kind, revision, bytes, |kind| {
            if kind.seen.len() < LISTS {
                let known = Known { since: revision, what: seen };
                kind.seen.insert(lower.to_string(), (upper.to_string(), known));
            }
        });
    }

    /// Learns which documents have a second key.
    pub(crate) fn learn_lookup(&self, kind: &str, lookup: &str, rows: &[Row], revision: i64) {
        self.learn_list(kind, rows, revision, |kind, known| {
            if kind.lookups.len() < LISTS {
                kind.lookups.insert(lookup.to_string(), known);
            }
        });
    }

    fn learn_list(
        &self,
        kind: &str,
        rows: &[Row],
        revision: i64,
        learn: impl FnOnce(&mut Kind, Known<Rows>),
    ) {
        if rows.len() > ROWS {
            return;
        }
        let bytes = rows.iter().map(|row| row.size() + OVERHEAD).sum::<usize>() + 4 * OVERHEAD;
        let known = Known { since: revision, what: rows.iter().map(Row::kept).collect() };
        self.learn(kind, revision, bytes, |kind| learn(kind, known));
    }

    fn document(&self, kind: &str, key: &str, revision: i64) -> Option<Option<Row>> {
        self.state.read().kind(kind)?.documents.get(key)?.seen_at(revision)
    }

    fn range(&self, kind: &str, lower: &str, upper: &str, revision: i64) -> Option<Rows> {
        self.state.read().kind(kind)?.range(lower, upper)?.seen_at(revision)
    }

    /// What tells the documents of a range from those of another time, at a revision.
    pub(crate) fn seen(&self, kind: &str, lower: &str, upper: &str, revision: i64) -> Option<Fingerprint> {
        let state = self.state.read();
        let kind = state.kind(kind)?;
        let of_rows = || Some(Fingerprint::of(&*kind.range(lower, upper)?.seen_at(revision)?));
        kind.seen(lower, upper).and_then(|known| known.seen_at(revision)).or_else(of_rows)
    }

    fn lookup(&self, kind: &str, lookup: &str, revision: i64) -> Option<Rows> {
        self.state.read().kind(kind)?.lookups.get(lookup)?.seen_at(revision)
    }

    /// Whether a condition holds now, if that is known. Asked by the writer alone, between two commits.
    pub(crate) fn holds(&self, condition: &Condition) -> Option<bool> {
        let state = self.state.read();
        state.point?;
        let kind = |kind: &str| state.kind(kind);
        match condition {
            Condition::Document { kind: of, key, revision } => {
                let known = kind(of)?.documents.get(key)?;
                Some(known.what.as_ref().map(Row::revision) == *revision)
            }
            Condition::Range { kind: of, lower, upper, seen } => {
                let kind = kind(of)?;
                let of_rows = || Some(Fingerprint::of(&*kind.range(lower, upper)?.what));
                let known = kind.seen(lower, upper).map(|known| known.what).or_else(of_rows)?;
                Some(known == *seen)
            }
            Condition::Lookup { kind: of, lookup, seen } => {
                Some(Fingerprint::of(&*kind(of)?.lookups.get(lookup)?.what) == *seen)
            }
            Condition::Access(_)
            | Condition::Object { .. }
            | Condition::ObjectKnown { .. }
            | Condition::LastLifetime { .. }
            | Condition::Space { .. }
            | Condition::Room { .. } => None,
        }
    }
}

impl Kind {
    fn range(&self, lower: &str, upper: &str) -> Option<&Known<Rows>> {
        let (known_upper, known) = self.ranges.get(lower)?;
        (known_upper == upper).then_some(known)
    }

    fn seen(&self, lower: &str, upper: &str) -> Option<&Known<Fingerprint>> {
        let (known_upper, known) = self.seen.get(lower)?;
        (known_upper == upper).then_some(known)
    }

    /// Follows a write. What nobody has asked for is still not known. Returns how many bytes it took in.
    fn follow(&mut self, key: &str, write: &DocumentWrite, revision: i64) -> usize {
        let mut bytes = 0;
        if let Some(known) = self.documents.get_mut(key) {
            known.since = revision;
            known.what = match write {
                DocumentWrite::Put { body, value, .. } => {
                    let row = Row::written(key.to_string(), revision, body.clone(), value.clone());
                    bytes = row.size();
                    Some(row)
                }
                DocumentWrite::Delete => None,
            };
        }
        let outside = |lower: &str, upper: &str| key < lower || key >= upper;
        self.ranges.retain(|lower, (upper, _)| outside(lower, upper));
        self.seen.retain(|lower, (upper, _)| outside(lower, upper));
        let now = match write {
            DocumentWrite::Put { lookup, .. } => lookup.as_deref(),
            DocumentWrite::Delete => None,
        };
        self.lookups.retain(|lookup, known| {
            now != Some(lookup.as_str()) && !known.what.iter().any(|row| row.key() == key)
        });
        bytes
    }
}

/// A view of the database as it is now, out of the mirror alone. It never waits for a disk; what the mirror does not know
/// is an error, and the view is [incomplete](Snapshot::is_complete) from then on.
pub(crate) struct Glance {
    mirror: Arc<Mirror>,
    point: Point,
    missed: Cell<bool>,
}

impl Glance {
    /// `None` while nobody knows where the database stands.
    pub(crate) fn begin(mirror: &Arc<Mirror>) -> Option<Self> {
        Some(Self { mirror: Arc::clone(mirror), point: mirror.point()?, missed: Cell::new(false) })
    }

    fn known<T>(&self, what: Option<T>) -> Result<T, StoreError> {
        what.ok_or_else(|| {
            self.missed.set(true);
            StoreError::NotAtHand
        })
    }
}

impl Snapshot for Glance {
    fn waits(&self) -> bool {
        false
    }

    fn is_complete(&self) -> bool {
        !self.missed.get()
    }

    fn document(&self, kind: &str, key: &str) -> Result<Option<Row>, StoreError> {
        self.known(self.mirror.document(kind, key, self.point.revision))
    }

    fn documents(&self, kind: &str, keys: &[String]) -> Result<Vec<Row>, StoreError> {
        keys.iter().filter_map(|key| self.document(kind, key).transpose()).collect()
    }

    fn range(&self, kind: &str, lower: &str, upper: &str) -> Result<Vec<Row>, StoreError> {
        Ok(self.known(self.mirror.range(kind, lower, upper, self.point.revision))?.to_vec())
    }

    fn seen(&self, kind: &str, lower: &str, upper: &str) -> Result<Fingerprint, StoreError> {
        self.known(self.mirror.seen(kind, lower, upper, self.point.revision))
    }

    fn each(&self, _: &str, _: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.known(None)
    }

    fn lookup(&self, kind: &str, lookup: &str) -> Result<Vec<Row>, StoreError> {
        Ok(self.known(self.mirror.lookup(kind, lookup, self.point.revision))?.to_vec())
    }

    fn access(&self) -> Result<i64, StoreError> {
        Ok(self.point.access)
    }

    fn access_changes(&self, _: i64) -> Result<Option<Vec<AccessChange>>, StoreError> {
        self.known(None)
    }

    fn object(&self, _: &str, _: &str, _: &str) -> Result<Option<ObjectRow>, StoreError> {
        self.known(None)
    }

    fn object_known(&self, _: &str, _: &str, _: &str) -> Result<bool, StoreError> {
        self.known(None)
    }

    fn refers_to(&self, _: &str, _: &str, _: &str) -> Result<bool, StoreError> {
        self.known(None)
    }

    fn births(&self, _: &str, _: &str) -> Result<Vec<Birth>, StoreError> {
        self.known(None)
    }

    fn alive(&self, _: &str, _: &str) -> Result<i64, StoreError> {
        self.known(None)
    }

    fn objects(&self, _: &str, _: &str, _: i64, _: i64) -> Result<Vec<ObjectRow>, StoreError> {
        self.known(None)
    }

    fn births_of(&self, _: &str, _: &str, _: &str) -> Result<Vec<Birth>, StoreError> {
        self.known(None)
    }

    fn object_seen(&self, _: &str, _: &str, _: Seen, _: &str) -> Result<Option<ObjectRow>, StoreError> {
        self.known(None)
    }

    fn objects_seen(&self, _: &str, _: &str, _: Seen, _: i64, _: i64) -> Result<Vec<ObjectRow>, StoreError> {
        self.known(None)
    }

    fn stored(&self, _: &Within) -> Result<i64, StoreError> {
        self.known(None)
    }

    fn traffic(&self, _: &str, _: i64) -> Result<Vec<TrafficRow>, StoreError> {
        self.known(None)
    }

    fn dropped(&self) -> Result<Vec<String>, StoreError> {
        self.known(None)
    }

    fn deleted(&self, _: &str, _: i64, _: i64) -> Result<Vec<DeletedRow>, StoreError> {
        self.known(None)
    }

    fn purged(&self, _: &PurgedBytes, _: i64) -> Result<Vec<PurgedBytes>, StoreError> {
        self.known(None)
    }

    fn ledger(&self, _: i64, _: i64) -> Result<Vec<LedgerRow>, StoreError> {
        self.known(None)
    }

    fn ledger_back(&self, _: i64, _: i64) -> Result<Vec<LedgerRow>, StoreError> {
        self.known(None)
    }

    fn alarms(&self, _: &str, _: i64, _: i64) -> Result<Vec<i64>, StoreError> {
        self.known(None)
    }

    fn alarms_since(&self) -> Result<i64, StoreError> {
        self.known(None)
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        self.known(None)
    }
}
