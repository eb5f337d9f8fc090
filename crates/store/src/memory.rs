//! A database in memory, for tests and simulations, and the model of what an engine is: everything is kept in maps,
//! a snapshot is the maps as they were, and a commit makes new ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ledger::{Chain, Head};
use parking_lot::Mutex;
use vault::ProtectedItem;

use crate::ObjectType;
use crate::batch::{Batch, Condition, DocumentWrite, Fingerprint, ObjectWrite, Row, Within};
use crate::document::Document as _;
use crate::engine::{
    ACCESS_LOG, AccessChange, Birth, DeletedRow, EachRow, Engine, LedgerRow, ObjectRow, PurgedBytes, Seen,
    Snapshot, Tally, TrafficRow,
};
use crate::error::{CommitError, StoreError};
use crate::trail::alarms;

/// A database in memory. Its clones are the same database: several stores may use it, as servers share one, and it is
/// still there when they are gone.
#[derive(Clone, Default)]
pub struct Memory {
    now: Arc<Mutex<Arc<State>>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a database in memory")
    }
}

impl Memory {
    /// A view of it.
    pub(crate) fn view(&self) -> Box<dyn Snapshot> {
        Box::new(View(Arc::clone(&self.now.lock())))
    }
}

/// One server's connection to a database in memory.
pub(crate) struct MemoryEngine {
    database: Memory,
    closed: AtomicBool,
    batches: AtomicU64,
}

impl MemoryEngine {
    pub(crate) fn open(database: &Memory) -> Self {
        Self { database: database.clone(), closed: AtomicBool::new(false), batches: AtomicU64::new(0) }
    }
}

impl Engine for MemoryEngine {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(self.database.view())
    }

    fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(CommitError::Failed(StoreError::Closed));
        }
        let mut now = self.database.now.lock();
        if !batch.conditions.iter().all(|condition| now.holds(condition)) {
            return Err(CommitError::Conflict);
        }
        let mut next = State::clone(&now);
        next.write(batch)?;
        *now = Arc::new(next);
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn tally(&self) -> Tally {
        let batches = self.batches.load(Ordering::Relaxed);
        Tally { batches, flushes: batches, contentions: 0 }
    }
}

/// Everything.
#[derive(Clone)]
struct State {
    revision: i64,
    access: i64,
    /// By kind and key.
    documents: BTreeMap<(String, String), Document>,
    access_log: BTreeSet<(i64, String, String)>,
    head: Head,
    ledger: Vec<LedgerRow>,
    /// By whom they concern, with the entry's sequence.
    alarms: BTreeSet<(String, i64)>,
    /// Every lifetime of every object, in the order of their sequences.
    objects: Vec<Lifetime>,
    repositories: BTreeMap<String, Repository>,
    purged: BTreeSet<PurgedBytes>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            revision: 0,
            access: 0,
            documents: BTreeMap::new(),
            access_log: BTreeSet::new(),
            head: Head::EMPTY,
            ledger: Vec::new(),
            alarms: BTreeSet::new(),
            objects: Vec::new(),
            repositories: BTreeMap::new(),
            purged: BTreeSet::new(),
        }
    }
}

#[derive(Clone)]
struct Document {
    lookup: Option<String>,
    revision: i64,
    body: String,
}

#[derive(Clone)]
struct Lifetime {
    repository: String,
    object_type: String,
    row: ObjectRow,
    /// The sequence and the time of its deletion.
    deleted: Option<(i64, i64)>,
}

#[derive(Clone)]
struct Repository {
    sequence: i64,
    state: RepositoryState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RepositoryState {
    Live,
    Dropped,
    Gone,
}

impl State {
    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Document { kind, key, revision } => {
                self.document(kind, key).map(|row| row.revision()) == *revision
            }
            Condition::Range { kind, lower, upper, seen } => {
                Fingerprint::of(&self.range(kind, lower, upper)) == *seen
            }
            Condition::Lookup { kind, lookup, seen } => Fingerprint::of(&self.lookup(kind, lookup)) == *seen,
            Condition::Access(revision) => self.access == *revision,
            Condition::Object { repository, object_type, name, sequence } => {
                let present = self.object(repository, object_type, name);
                present.map(|lifetime| lifetime.row.sequence) == *sequence
            }
            Condition::ObjectKnown { repository, object_type, name, known } => {
                self.of_type(repository, object_type).any(|lifetime| lifetime.row.name == *name) == *known
            }
            Condition::LastLifetime { repository, object_type, name, sequence } => {
                let lifetimes = self.of_type(repository, object_type).filter(|l| l.row.name == *name);
                lifetimes.map(|lifetime| lifetime.row.sequence).max() == *sequence
            }
            Condition::Space { within, most, room } => (self.stored(within) <= *most) == *room,
            Condition::Room { repository, object_type, limit, room } => {
                (self.alive(repository, object_type) < *limit) == *room
            }
        }
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        for write in batch.objects {
            self.write_object(write)?;
        }
        if !batch.documents.is_empty() {
            self.revision += 1;
        }
        for ((kind, key), write) in batch.documents {
            let place = (kind.to_string(), key);
            match write {
                DocumentWrite::Put { lookup, body, .. } => {
                    self.documents.insert(place, Document { lookup, revision: self.revision, body })
                }
                DocumentWrite::Delete => self.documents.remove(&place),
            };
        }
        if !batch.access.is_empty() {
            self.access += 1;
            let access = self.access;
            let written = batch.access.into_iter().map(|(kind, key)| (access, kind.to_string(), key));
            self.access_log.extend(written);
            self.access_log.retain(|(revision, ..)| *revision > access - ACCESS_LOG);
        }
        for mut entry in batch.entries {
            let mut chain = Chain::resume(self.head);
            entry.sequence = self.head.size;
            let link = chain.append(&entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let sequence = i64::try_from(entry.sequence).unwrap_or(i64::MAX);
            self.alarms.extend(alarms(&entry).into_iter().map(|target| (target, sequence)));
            self.ledger.push(LedgerRow {
                sequence,
                leaf: link.leaf.as_bytes().to_vec(),
                chain: link.head.chain.as_bytes().to_vec(),
                canonical: link.canonical,
            });
            self.head = link.head;
        }
        Ok(())
    }

    /// All lifetimes of an object that share these bytes.
    fn with_content(
        &mut self,
        repository: &str,
        object_type: &str,
        name: &str,
        content: &str,
    ) -> impl Iterator<Item = &mut Lifetime> {
        self.objects.iter_mut().filter(move |lifetime| {
            lifetime.is(repository, object_type)
                && lifetime.row.name == name
                && lifetime.row.content == content
        })
    }

    fn write_object(&mut self, write: ObjectWrite) -> Result<(), StoreError> {
        match write {
            ObjectWrite::CreateRepository { repository } => {
                if self.repositories.contains_key(&repository) {
                    return Err(StoreError::Engine("there was a repository of that name before".into()));
                }
                self.repositories
                    .insert(repository, Repository { sequence: 0, state: RepositoryState::Live });
            }
            ObjectWrite::Put { repository, object_type, name, content, size, at, by, checksum } => {
                let sequence = self.next_sequence(&repository)?;
                if self.object(&repository, object_type, &name).is_some() {
                    return Err(StoreError::Engine("there is an object of that name".into()));
                }
                let row =
                    ObjectRow { name, sequence, content, size, created_at: at, created_by: by, checksum };
                let object_type = object_type.to_string();
                self.objects.push(Lifetime { repository, object_type, row, deleted: None });
            }
            ObjectWrite::DropChecksum { repository, object_type, name, content } => {
                for lifetime in self.with_content(&repository, object_type, &name, &content) {
                    lifetime.row.checksum = None;
                }
            }
            ObjectWrite::Tombstone { repository, object_type, name, at, by: _ } => {
                let sequence = self.next_sequence(&repository)?;
                for lifetime in &mut self.objects {
                    if lifetime.is(&repository, object_type) && lifetime.row.name == name {
                        lifetime.deleted.get_or_insert((sequence, at));
                    }
                }
            }
            ObjectWrite::Forget { repository, object_type, name } => {
                self.objects.retain(|l| !(l.is(&repository, object_type) && l.row.name == name));
            }
            ObjectWrite::MoveContent { repository, object_type, name, from, to } => {
                for lifetime in self.with_content(&repository, object_type, &name, &from) {
                    lifetime.row.content.clone_from(&to);
                }
            }
            ObjectWrite::Purge { repository, object_type, name, sequence } => {
                self.objects.retain(|l| {
                    let found = l.is(&repository, object_type) && l.row.name == name;
                    let purged = found && l.row.sequence == sequence && l.deleted.is_some();
                    if purged {
                        let (repository, content) = (repository.clone(), l.row.content.clone());
                        self.purged.insert(PurgedBytes {
                            repository,
                            object_type: object_type.into(),
                            content,
                        });
                    }
                    !purged
                });
            }
            ObjectWrite::BytesGone { bytes } => {
                self.purged.remove(&bytes);
            }
            ObjectWrite::DropRepository { repository } => {
                self.purged.retain(|bytes| bytes.repository != repository);
                self.objects.retain(|lifetime| lifetime.repository != repository);
                self.set_state(&repository, RepositoryState::Dropped);
            }
            ObjectWrite::RepositoryGone { repository } => {
                self.set_state(&repository, RepositoryState::Gone);
            }
        }
        Ok(())
    }

    fn next_sequence(&mut self, repository: &str) -> Result<i64, StoreError> {
        match self.repositories.get_mut(repository) {
            Some(found) if found.state == RepositoryState::Live => {
                found.sequence += 1;
                Ok(found.sequence)
            }
            _ => Err(StoreError::Corrupt("there is no such repository to write to".into())),
        }
    }

    fn set_state(&mut self, repository: &str, state: RepositoryState) {
        if let Some(found) = self.repositories.get_mut(repository) {
            found.state = state;
        }
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&String, &Document)> {
        let all = self.documents.range((kind.to_string(), String::new())..);
        let kind = kind.to_string();
        all.take_while(move |((found, _), _)| *found == kind).map(|((_, key), document)| (key, document))
    }

    fn document(&self, kind: &str, key: &str) -> Option<Row> {
        let document = self.documents.get(&(kind.to_string(), key.to_string()))?;
        Some(row(key, document))
    }

    fn range(&self, kind: &str, lower: &str, upper: &str) -> Vec<Row> {
        let within = |(key, _): &(&String, &Document)| key.as_str() >= lower && key.as_str() < upper;
        self.of_kind(kind).filter(within).map(|(key, document)| row(key, document)).collect()
    }

    fn lookup(&self, kind: &str, lookup: &str) -> Vec<Row> {
        let found = |(_, document): &(&String, &Document)| document.lookup.as_deref() == Some(lookup);
        self.of_kind(kind).filter(found).map(|(key, document)| row(key, document)).collect()
    }

    fn of_type(&self, repository: &str, object_type: &str) -> impl Iterator<Item = &Lifetime> {
        self.objects.iter().filter(move |lifetime| lifetime.is(repository, object_type))
    }

    fn living(&self, repository: &str, object_type: &str) -> impl Iterator<Item = &Lifetime> {
        self.of_type(repository, object_type).filter(|lifetime| lifetime.deleted.is_none())
    }

    fn object(&self, repository: &str, object_type: &str, name: &str) -> Option<&Lifetime> {
        self.living(repository, object_type).find(|lifetime| lifetime.row.name == name)
    }

    fn stored(&self, within: &Within) -> i64 {
        let repositories: Vec<String> = match within {
            Within::Repository(repository) => vec![repository.clone()],
            Within::Items { lower, upper } => {
                let items = self.of_kind(ProtectedItem::KIND);
                let items = items.filter(|(key, _)| (lower..upper).contains(key));
                items.filter_map(|(_, item)| item.lookup.clone()).collect()
            }
        };
        let counted = |one: &&Lifetime| {
            repositories.contains(&one.repository) && one.object_type != ObjectType::Locks.as_str()
        };
        let contents: BTreeMap<_, i64> = self
            .objects
            .iter()
            .filter(counted)
            .map(|one| ((&one.repository, &one.object_type, &one.row.name, &one.row.content), one.row.size))
            .collect();
        contents.values().sum()
    }

    fn alive(&self, repository: &str, object_type: &str) -> i64 {
        count(self.living(repository, object_type))
    }
}

fn count<T>(found: impl Iterator<Item = T>) -> i64 {
    i64::try_from(found.count()).unwrap_or(i64::MAX)
}

fn limited<T>(found: impl Iterator<Item = T>, limit: i64) -> Vec<T> {
    found.take(usize::try_from(limit).unwrap_or(0)).collect()
}

fn row(key: &str, document: &Document) -> Row {
    Row::new(key.to_string(), document.revision, document.body.clone())
}

impl Lifetime {
    fn is(&self, repository: &str, object_type: &str) -> bool {
        self.repository == repository && self.object_type == object_type
    }

    fn birth(&self) -> Birth {
        Birth { name: self.row.name.clone(), sequence: self.row.sequence, at: self.row.created_at }
    }

    fn deleted_row(&self) -> Option<DeletedRow> {
        let (deleted_sequence, deleted_at) = self.deleted?;
        Some(DeletedRow {
            object_type: self.object_type.clone(),
            name: self.row.name.clone(),
            sequence: self.row.sequence,
            size: self.row.size,
            deleted_sequence,
            deleted_at,
        })
    }

    fn is_in(&self, seen: Seen) -> bool {
        let lasted = |(sequence, at)| sequence > seen.until || at >= seen.deleted_since;
        self.row.sequence <= seen.until && self.deleted.is_none_or(lasted)
    }
}

/// The state as it was.
struct View(Arc<State>);

impl Snapshot for View {
    fn document(&self, kind: &str, key: &str) -> Result<Option<Row>, StoreError> {
        Ok(self.0.document(kind, key))
    }

    fn documents(&self, kind: &str, keys: &[String]) -> Result<Vec<Row>, StoreError> {
        Ok(keys.iter().filter_map(|key| self.0.document(kind, key)).collect())
    }

    fn range(&self, kind: &str, lower: &str, upper: &str) -> Result<Vec<Row>, StoreError> {
        Ok(self.0.range(kind, lower, upper))
    }

    fn each(&self, kind: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.0.of_kind(kind).try_for_each(|(key, document)| each(key, &document.body))
    }

    fn lookup(&self, kind: &str, lookup: &str) -> Result<Vec<Row>, StoreError> {
        Ok(self.0.lookup(kind, lookup))
    }

    fn access(&self) -> Result<i64, StoreError> {
        Ok(self.0.access)
    }

    fn access_changes(&self, after: i64) -> Result<Option<Vec<AccessChange>>, StoreError> {
        let oldest = self.0.access_log.first().map_or(self.0.access, |(revision, ..)| revision - 1);
        let changes = self.0.access_log.iter().filter(|(revision, ..)| *revision > after);
        let changes = changes.map(|(revision, kind, key)| AccessChange {
            revision: *revision,
            kind: kind.clone(),
            key: key.clone(),
        });
        Ok((oldest <= after && after <= self.0.access).then(|| changes.collect()))
    }

    fn object(
        &self,
        repository: &str,
        object_type: &str,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError> {
        Ok(self.0.object(repository, object_type, name).map(|lifetime| lifetime.row.clone()))
    }

    fn object_known(&self, repository: &str, object_type: &str, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.of_type(repository, object_type).any(|lifetime| lifetime.row.name == name))
    }

    fn refers_to(&self, repository: &str, object_type: &str, content: &str) -> Result<bool, StoreError> {
        Ok(self.0.of_type(repository, object_type).any(|lifetime| lifetime.row.content == content))
    }

    fn births(&self, repository: &str, object_type: &str) -> Result<Vec<Birth>, StoreError> {
        Ok(self.0.of_type(repository, object_type).map(Lifetime::birth).collect())
    }

    fn alive(&self, repository: &str, object_type: &str) -> Result<i64, StoreError> {
        Ok(self.0.alive(repository, object_type))
    }

    fn objects(
        &self,
        repository: &str,
        object_type: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError> {
        let later = self.0.living(repository, object_type).filter(|lifetime| lifetime.row.sequence > after);
        Ok(limited(later.map(|lifetime| lifetime.row.clone()), limit))
    }

    fn births_of(&self, repository: &str, object_type: &str, name: &str) -> Result<Vec<Birth>, StoreError> {
        let lifetimes = self.0.of_type(repository, object_type);
        Ok(lifetimes.filter(|lifetime| lifetime.row.name == name).map(Lifetime::birth).collect())
    }

    fn object_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError> {
        let mut lifetimes = self.0.of_type(repository, object_type).filter(|lifetime| lifetime.is_in(seen));
        Ok(lifetimes.find(|lifetime| lifetime.row.name == name).map(|lifetime| lifetime.row.clone()))
    }

    fn objects_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError> {
        let mut names = BTreeSet::new();
        let lifetimes = self.0.of_type(repository, object_type).filter(|lifetime| lifetime.is_in(seen));
        let first = lifetimes.filter(|lifetime| names.insert(&lifetime.row.name));
        let later = first.filter(|lifetime| lifetime.row.sequence > after);
        Ok(limited(later.map(|lifetime| lifetime.row.clone()), limit))
    }

    fn stored(&self, within: &Within) -> Result<i64, StoreError> {
        Ok(self.0.stored(within))
    }

    fn traffic(&self, repository: &str, after: i64) -> Result<Vec<TrafficRow>, StoreError> {
        let mut rows: BTreeMap<&str, TrafficRow> = BTreeMap::new();
        for lifetime in
            self.0.objects.iter().filter(|l| l.repository == repository && l.object_type != "locks")
        {
            let object_type = lifetime.object_type.as_str();
            let row = rows.entry(object_type).or_default();
            row.object_type = object_type.to_string();
            let TrafficRow { arrived, deleted, lost, last, .. } = row;
            let mut add = |sum: &mut (i64, i64), at: i64| {
                if at > after {
                    *sum = (sum.0 + 1, sum.1 + lifetime.row.size);
                    *last = (*last).max(at);
                }
            };
            add(arrived, lifetime.row.sequence);
            if let Some((at, _)) = lifetime.deleted {
                add(deleted, at);
                if self.0.object(repository, object_type, &lifetime.row.name).is_none() {
                    add(lost, at);
                }
            }
        }
        Ok(rows.into_values().collect())
    }

    fn dropped(&self) -> Result<Vec<String>, StoreError> {
        let dropped = self.0.repositories.iter().filter(|(_, found)| found.state == RepositoryState::Dropped);
        Ok(dropped.map(|(repository, _)| repository.clone()).collect())
    }

    fn deleted(&self, repository: &str, after: i64, limit: i64) -> Result<Vec<DeletedRow>, StoreError> {
        let is_listed = |of: &&Lifetime| of.repository == repository && of.object_type != "config";
        let of_repository = self.0.objects.iter().filter(is_listed);
        let mut rows: Vec<DeletedRow> = of_repository.filter_map(Lifetime::deleted_row).collect();
        rows.retain(|row| row.deleted_sequence > after);
        rows.sort_unstable_by_key(|row| row.deleted_sequence);
        Ok(limited(rows.into_iter(), limit))
    }

    fn purged(&self, after: &PurgedBytes, limit: i64) -> Result<Vec<PurgedBytes>, StoreError> {
        Ok(limited(self.0.purged.iter().filter(|bytes| *bytes > after).cloned(), limit))
    }

    fn ledger(&self, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        Ok(limited(self.0.ledger.iter().filter(|row| row.sequence >= from).cloned(), limit))
    }

    fn ledger_back(&self, before: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        Ok(limited(self.0.ledger.iter().rev().filter(|row| row.sequence < before).cloned(), limit))
    }

    fn alarms(&self, target: &str, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        let of_target =
            self.0.alarms.iter().rev().filter(|(of, sequence)| of == target && *sequence < before);
        Ok(limited(of_target.map(|(_, sequence)| *sequence), limit))
    }

    fn alarms_since(&self) -> Result<i64, StoreError> {
        Ok(0)
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.0.documents.is_empty() && self.0.ledger.is_empty())
    }
}
