//! One decision: what it reads, what it wants written, and what it says in the ledger.

mod making;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arm::{Error, ResourceId, Result};
use jiff::Timestamp;
use ledger::Entry;
use mua::Clearance;
use serde::Serialize;
use vault::purge_rule::{Instant, Needs};
use vault::watch::{Flow, Moves, Traffic};
use vault::{
    ChangeKind, CredentialUse, Edit, ProtectedItem, RecoveryPoint, RepositoryCredential, RepositoryQuota,
    SecurityPin,
};

use crate::batch::{Batch, Condition, DocumentWrite, Fingerprint, ObjectWrite, Row, Within, Written, read};
use crate::document::{Document, Free};
use crate::engine::{LedgerRow, ObjectRow, Snapshot};
use crate::object::kept_in_order;
use crate::past::Arrivals;
use crate::trail::{Mark, Trail, find_alarms, find_any};
use crate::{Access, DeletedObject, Object, ObjectType, Past, Purged, Store, retryable};

/// How far back in what was read it is looked whether a document was read before.
const LATELY: usize = 16;

/// How many deleted objects are held at a time.
const DELETED_AT_ONCE: i64 = 10_000;

/// Whose bytes are counted.
#[derive(Clone, Debug)]
pub struct Holder(Within);

impl Holder {
    /// The repository with this name.
    pub fn repository(name: &str) -> Self {
        Self(Within::Repository(name.into()))
    }

    /// The repositories of all items below a resource.
    pub fn below(id: &ResourceId) -> Self {
        let (lower, upper) = below(id);
        Self(Within::Items { lower, upper })
    }
}

/// From which key on, and up to which, resources lie below this one.
fn below(id: &ResourceId) -> (String, String) {
    (format!("{}/", id.folded()), format!("{}0", id.folded()))
}

/// A decision under way. It sees the store as it was when the decision began, and its own writes. Nothing is written
/// before the decision returns; then all of it is, if everything it read still holds.
pub struct Transaction {
    /// None of a decision that is made up only to see what it would come to.
    store: Option<Store>,
    snapshot: Box<dyn Snapshot>,
    batch: Batch,
    access: Option<Arc<Access>>,
    /// Ledger entries that are kept even when the decision ends in a refusal.
    refusals: Vec<Entry>,
    audited: bool,
    outdated: bool,
    /// Whether something was asked that is not at hand.
    missed: bool,
    rehearsed: bool,
}

impl Transaction {
    pub(crate) fn begin(store: Option<&Store>, snapshot: Box<dyn Snapshot>) -> Self {
        Self {
            store: store.cloned(),
            snapshot,
            batch: Batch::default(),
            access: None,
            refusals: Vec::new(),
            audited: false,
            outdated: false,
            missed: false,
            rehearsed: false,
        }
    }

    /// Whether everything that was asked could be answered. Of a decision out of memory that is not certain.
    pub(crate) fn is_complete(&self) -> bool {
        self.snapshot.is_complete() && !self.missed
    }

    /// The document with this key, if it exists.
    pub fn get<D: Document>(&mut self, key: &str) -> Result<Option<D>> {
        let written = match self.batch.documents.is_empty() {
            true => None,
            false => self.batch.documents.get(&(D::KIND, key.to_string())),
        };
        if let Some(write) = written {
            return match write {
                DocumentWrite::Put { body, .. } => read(key, body).map(Some),
                DocumentWrite::Delete => Ok(None),
            };
        }
        let row = self.snapshot.document(D::KIND, key)?;
        let revision = row.as_ref().map(Row::revision);
        let is_same = |known: &Condition| matches!(known, Condition::Document { kind, key: of, .. } if *kind == D::KIND && of == key);
        // What is read twice is mostly read soon after.
        if !self.batch.conditions.iter().rev().take(LATELY).any(is_same) {
            self.batch.conditions.push(Condition::Document { kind: D::KIND, key: key.to_string(), revision });
        }
        row.as_ref().map(Row::read).transpose()
    }

    /// The resource with this id, if it exists.
    pub fn resource<D: Document>(&mut self, id: &ResourceId) -> Result<Option<D>> {
        self.get(id.folded())
    }

    /// Those of the resources with these ids that exist, asked for at once.
    pub fn resources<D: Document>(&mut self, ids: &[&ResourceId]) -> Result<Vec<D>> {
        if !self.batch.documents.is_empty() {
            let found = ids.iter().map(|id| self.resource(id)).collect::<Result<Vec<Option<D>>>>()?;
            return Ok(found.into_iter().flatten().collect());
        }
        let keys: Vec<String> = ids.iter().map(|id| id.folded().to_string()).collect();
        let rows = self.snapshot.documents(D::KIND, &keys)?;
        for key in keys {
            let revision = rows.iter().find(|row| row.key() == key).map(Row::revision);
            self.batch.conditions.push(Condition::Document { kind: D::KIND, key, revision });
        }
        rows.iter().map(Row::read).collect()
    }

    /// All documents of the kind whose key lies below this resource, in key order. Writes of this decision are not
    /// among them.
    pub fn below<D: Document>(&mut self, scope: &ResourceId) -> Result<Vec<D>> {
        if scope.is_root() {
            return self.all();
        }
        let (lower, upper) = below(scope);
        self.range(lower, upper)
    }

    /// All documents of the kind, in key order. Writes of this decision are not among them.
    pub fn all<D: Document>(&mut self) -> Result<Vec<D>> {
        self.range(String::new(), "\u{10ffff}".into())
    }

    /// As [`below`](Self::below), but not part of the commit's condition: for what stays right whatever of it changes.
    pub fn glance_below<D: Document>(&self, scope: &ResourceId) -> Result<Vec<D>> {
        let (lower, upper) = below(scope);
        self.snapshot.range(D::KIND, &lower, &upper)?.iter().map(Row::read).collect()
    }

    /// All documents of the kind with this second key, in key order. Writes of this decision are not among them.
    pub fn find<D: Document>(&mut self, lookup: &str) -> Result<Vec<D>> {
        let rows = self.snapshot.lookup(D::KIND, lookup)?;
        let seen = Fingerprint::of(&rows);
        self.batch.conditions.push(Condition::Lookup { kind: D::KIND, lookup: lookup.to_string(), seen });
        rows.iter().map(Row::read).collect()
    }

    fn range<D: Document>(&mut self, lower: String, upper: String) -> Result<Vec<D>> {
        let rows = self.snapshot.range(D::KIND, &lower, &upper)?;
        let seen = Fingerprint::of(&rows);
        self.batch.conditions.push(Condition::Range { kind: D::KIND, lower, upper, seen });
        rows.iter().map(Row::read).collect()
    }

    /// Who is who and who may do what, as of this decision.
    ///
    /// # Errors
    /// When that has changed since the decision began; then the decision is made again, whatever it does with the error.
    pub fn access(&mut self) -> Result<Arc<Access>> {
        if let Some(access) = &self.access {
            return Ok(Arc::clone(access));
        }
        let revision = self.snapshot.access()?;
        self.batch.conditions.push(Condition::Access(revision));
        let store =
            self.store.as_ref().ok_or_else(|| Error::internal("rights are not asked from outside"))?;
        let current = store.current_access();
        self.access = match self.snapshot.waits() {
            true => current.at(&*self.snapshot, revision)?,
            false => Some(current.at_hand(revision).inspect_err(|_| self.missed = true)?),
        };
        self.outdated = self.access.is_none();
        self.access.clone().ok_or_else(|| retryable("rights have changed since the decision began"))
    }

    /// Whether the decision asked for what is not known any more for its snapshot. It must be made again, whatever it
    /// came to.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated
    }

    /// Writes a document that belongs to no vault.
    pub fn put<D: Free>(&mut self, document: &D) -> Result<()> {
        self.write(document)
    }

    /// Deletes a document that belongs to no vault.
    pub fn delete<D: Free>(&mut self, key: &str) {
        self.erase::<D>(key.to_string());
    }

    /// Applies a cleared change of a vault: the only way to write one. Uses up the unlocks that the clearance was
    /// given for, in the same commit.
    ///
    /// # Errors
    /// An internal error when the change does not start from what is stored, or an unlock is not there any more.
    pub fn apply(&mut self, clearance: Clearance) -> Result<()> {
        for key in clearance.consumes() {
            if self.get::<mua::Unlock>(key)?.is_none() {
                return Err(Error::internal("a clearance uses an unlock that does not exist"));
            }
            self.delete::<mua::Unlock>(key);
        }
        for window in clearance.opens() {
            self.write(window)?;
        }
        // Also of what changes no document, such as a restore, the ledger tells.
        self.audited = true;
        match clearance.into_change().into_kind() {
            ChangeKind::Vault(edit) => self.edit(&edit),
            ChangeKind::Removal(removal) => {
                self.edit(removal.vault())?;
                self.erase_of_vault(removal.vault())?;
                removal.policies().iter().try_for_each(|edit| self.edit(edit))?;
                removal.proxy().map_or(Ok(()), |edit| self.edit(edit))
            }
            ChangeKind::Policy(edit) => self.edit(&edit),
            ChangeKind::Container(edit) => self.edit(&edit),
            ChangeKind::Item(change) => self.edit_item(change.edit()),
            ChangeKind::RecoveryPoint(edit) => self.edit(&edit),
            ChangeKind::Credential(edit) => self.edit_credential(&edit),
            ChangeKind::Proxy(edit) => self.edit(&edit),
            ChangeKind::Server(removal) => {
                removal.items().iter().try_for_each(|edit| self.edit_item(edit))?;
                self.edit(removal.container())
            }
            ChangeKind::Purge(edit) => self.edit_item(&edit),
            ChangeKind::Expiry(edit) => self.edit(&edit),
            ChangeKind::Pin(edit) => self.edit(&edit),
            ChangeKind::Quota(edit) => self.edit(&edit),
            ChangeKind::Restore(_) => Ok(()),
        }
    }

    fn edit_item(&mut self, edit: &Edit<ProtectedItem>) -> Result<()> {
        self.batch.objects.extend(repository_write(edit));
        if let (Some(before), None) = (edit.before(), edit.after()) {
            self.erase_contents(before)?;
        }
        self.edit(edit)
    }

    /// A vault takes its security PIN and its quota with it, so that a later one of the same name does not inherit them.
    fn erase_of_vault(&mut self, vault: &Edit<vault::Vault>) -> Result<()> {
        let key = vault.before().map(Document::key).unwrap_or_default();
        self.erase_any::<SecurityPin>(&key)?;
        self.erase_any::<RepositoryQuota>(&key)
    }

    /// An item that is gone for good takes its recovery points, credentials, quota and consents with it.
    fn erase_contents(&mut self, item: &ProtectedItem) -> Result<()> {
        for point in self.below::<RecoveryPoint>(&item.id)? {
            self.erase::<RecoveryPoint>(point.key());
        }
        for credential in self.find::<RepositoryCredential>(&item.short)? {
            self.edit_credential(&Edit::delete(credential))?;
        }
        self.erase_any::<RepositoryQuota>(&item.key())?;
        self.erase_any::<vault::damage::Damaged>(&item.short)?;
        self.erase_any::<vault::watch::Watch>(&item.key())?;
        self.erase_any::<mua::RestoreWindow>(&item.key())
    }

    /// What is known of its use goes with a credential.
    fn edit_credential(&mut self, edit: &Edit<RepositoryCredential>) -> Result<()> {
        if let (Some(before), None) = (edit.before(), edit.after()) {
            self.erase::<CredentialUse>(before.key());
        }
        self.edit(edit)
    }

    fn edit<D: Document + PartialEq>(&mut self, edit: &Edit<D>) -> Result<()> {
        let Some(key) = edit.after().or(edit.before()).map(Document::key) else {
            return Ok(());
        };
        let stored: Option<D> = self.get(&key)?;
        if stored.as_ref() != edit.before() {
            return Err(Error::internal(format!("a change of `{key}` does not start from what is stored")));
        }
        match edit.after() {
            Some(after) if after.key() != key => {
                Err(Error::internal(format!("a change of `{key}` would rename it")))
            }
            Some(after) => self.write(after),
            None => {
                self.erase::<D>(key);
                Ok(())
            }
        }
    }

    fn write<D: Document>(&mut self, document: &D) -> Result<()> {
        let body = to_json(document)?;
        debug_assert!(
            read::<D>(&document.key(), &body).and_then(|back| to_json(&back)).is_ok_and(|back| back == body),
            "a {} does not read back as it was written: {body}",
            D::KIND
        );
        let value: Written = Arc::new(document.clone());
        let write = DocumentWrite::Put { lookup: document.lookup(), body, value: Some(value) };
        self.note::<D>(document.key(), write);
        Ok(())
    }

    /// Erases what may not be there.
    fn erase_any<D: Document>(&mut self, key: &str) -> Result<()> {
        if self.get::<D>(key)?.is_some() {
            self.erase::<D>(key.to_string());
        }
        Ok(())
    }

    fn erase<D: Document>(&mut self, key: String) {
        self.note::<D>(key, DocumentWrite::Delete);
    }

    fn note<D: Document>(&mut self, key: String, write: DocumentWrite) {
        if D::ACCESS {
            self.batch.access.insert((D::KIND, key.clone()));
        }
        self.audited |= D::AUDITED;
        self.batch.documents.insert((D::KIND, key), write);
    }

    /// Says in the ledger what was decided. Kept only if the decision succeeds.
    pub fn record(&mut self, entry: Entry) {
        self.batch.entries.push(entry);
    }

    /// Says in the ledger what was refused. Kept even though the decision then ends in an error.
    pub fn record_refusal(&mut self, entry: Entry) {
        self.refusals.push(entry);
    }

    /// Whether this decision writes anything that the ledger must tell of.
    pub fn has_audited_writes(&self) -> bool {
        self.audited
    }

    /// SHA-256 of everything this decision writes, in canonical order; `None` when it writes nothing.
    pub fn digest(&self) -> Option<ledger::Digest> {
        if self.batch.documents.is_empty() {
            return None;
        }
        let writes: Vec<(&str, &str, Option<&str>)> = self
            .batch
            .documents
            .iter()
            .map(|((kind, key), write)| match write {
                DocumentWrite::Put { body, .. } => (*kind, key.as_str(), Some(body.as_str())),
                DocumentWrite::Delete => (*kind, key.as_str(), None),
            })
            .collect();
        serde_json::to_vec(&writes).ok().map(|bytes| ledger::Digest::of(&bytes))
    }

    /// The live object with this name.
    pub fn object(
        &mut self,
        repository: &str,
        object_type: ObjectType,
        name: &str,
    ) -> Result<Option<Object>> {
        let row = self.snapshot.object(repository, object_type.as_str(), name)?;
        self.batch.conditions.push(Condition::Object {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            name: name.to_string(),
            sequence: row.as_ref().map(|row| row.sequence),
        });
        row.map(Object::try_from).transpose().map_err(Into::into)
    }

    /// Whether an object of this name ever arrived, deleted since or not.
    pub fn object_known(&mut self, repository: &str, object_type: ObjectType, name: &str) -> Result<bool> {
        let known = self.snapshot.object_known(repository, object_type.as_str(), name)?;
        self.batch.conditions.push(Condition::ObjectKnown {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            name: name.to_string(),
            known,
        });
        Ok(known)
    }

    /// Whether fewer than `limit` objects of one type are alive.
    pub fn has_room(&mut self, repository: &str, object_type: ObjectType, limit: u32) -> Result<bool> {
        let limit = i64::from(limit);
        let alive = self.snapshot.alive(repository, object_type.as_str())?;
        let room = alive < limit;
        self.batch.conditions.push(Condition::Room {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            limit,
            room,
        });
        Ok(room)
    }

    /// The live objects of one type, oldest first: at most `limit` of those that became visible after the cursor
    /// `after`, and the cursor behind them, or none when these are the last. Not part of the commit's condition.
    ///
    /// Pages that are read one by one show every object that is alive from the first to the last; and of one that
    /// takes the place of another, as a new index does of an old one, they show at least one of the two.
    pub fn objects(
        &self,
        repository: &str,
        object_type: ObjectType,
        after: i64,
        limit: u32,
    ) -> Result<(Vec<Object>, Option<i64>)> {
        page(self.snapshot.objects(repository, object_type.as_str(), after, i64::from(limit))?, limit)
    }

    /// Where in the order of commits the object of this name arrived that arrived at this time. Not part of the commit's
    /// condition.
    pub fn arrival(
        &self,
        repository: &str,
        object_type: ObjectType,
        name: &str,
        at: Timestamp,
    ) -> Result<Option<Instant>> {
        let births = self.snapshot.births_of(repository, object_type.as_str(), name)?;
        Ok(Arrivals::of(births)?.find(name, at))
    }

    /// The same for all objects of a type.
    pub fn arrivals(&self, repository: &str, object_type: ObjectType) -> Result<Arrivals> {
        Ok(Arrivals::of(self.snapshot.births(repository, object_type.as_str())?)?)
    }

    /// The object of this name that a recovery point sees. Not part of the commit's condition.
    pub fn object_at(
        &self,
        past: &Past,
        repository: &str,
        object_type: ObjectType,
        name: &str,
    ) -> Result<Option<Object>> {
        let Some(seen) = past.seen(object_type) else {
            return Ok(None);
        };
        let row = self.snapshot.object_seen(repository, object_type.as_str(), seen, name)?;
        row.map(Object::try_from).transpose().map_err(Into::into)
    }

    /// The objects of one type that a recovery point sees, in pages like those of [`objects`](Self::objects).
    pub fn objects_at(
        &self,
        past: &Past,
        repository: &str,
        object_type: ObjectType,
        after: i64,
        limit: u32,
    ) -> Result<(Vec<Object>, Option<i64>)> {
        let Some(seen) = past.seen(object_type) else {
            return Ok((Vec::new(), None));
        };
        page(
            self.snapshot.objects_seen(repository, object_type.as_str(), seen, after, i64::from(limit))?,
            limit,
        )
    }

    /// How many bytes the repository of an item holds, or the repositories of all items of a vault: what was deleted
    /// counts as long as it is kept, and locks do not. Not part of the commit's condition.
    pub fn stored(&self, holder: &Holder) -> Result<u64> {
        Ok(self.snapshot.stored(&holder.0)?.unsigned_abs())
    }

    /// Whether so many bytes more fit into what a holder may have.
    pub fn has_space(&mut self, holder: &Holder, limit: u64, more: u64) -> Result<bool> {
        // A negative number is what nothing fits into.
        let most = i64::try_from(i128::from(limit) - i128::from(more)).unwrap_or(i64::MAX);
        let room = self.snapshot.stored(&holder.0)? <= most;
        self.batch.conditions.push(Condition::Space { within: holder.0.clone(), most, room });
        Ok(room)
    }

    /// What happened in a repository behind a place in the order of its commits. Not part of the commit's condition.
    pub fn traffic(&self, repository: &str, after: u64) -> Result<Traffic> {
        let mut traffic = Traffic { last: after, ..Traffic::default() };
        for row in self.snapshot.traffic(repository, i64::try_from(after).unwrap_or(i64::MAX))? {
            let flow = |(objects, bytes): (i64, i64)| Flow {
                objects: objects.unsigned_abs(),
                bytes: bytes.unsigned_abs(),
            };
            let moves =
                Moves { arrived: flow(row.arrived), deleted: flow(row.deleted), lost: flow(row.lost) };
            traffic.last = traffic.last.max(row.last.unsigned_abs());
            match ObjectType::stored(&row.object_type) {
                Some(ObjectType::Data) => traffic.data = moves,
                Some(ObjectType::Index) => traffic.index = moves,
                Some(ObjectType::Keys) => traffic.keys = moves,
                Some(ObjectType::Snapshots) => traffic.snapshots = moves,
                Some(ObjectType::Config | ObjectType::Locks) | None => {}
            }
        }
        Ok(traffic)
    }

    /// How many objects of one type are alive. Not part of the commit's condition.
    pub fn alive(&self, repository: &str, object_type: ObjectType) -> Result<u64> {
        Ok(self.snapshot.alive(repository, object_type.as_str())?.unsigned_abs())
    }

    /// Everything of one type whose bytes are kept, deleted or not, oldest first: at most `limit` of those behind a place in
    /// the order of commits, each with its own. Of several lifetimes of one name the first one, and of the config that which
    /// is there besides.
    pub fn kept_in_order(
        &self,
        repository: &str,
        object_type: ObjectType,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Object)>> {
        kept_in_order(&*self.snapshot, repository, object_type, after, limit)
    }

    /// Makes an object visible whose bytes are already on disk and verified.
    pub fn put_object(&mut self, repository: &str, object_type: ObjectType, object: &Object) -> Result<()> {
        self.batch.objects.push(ObjectWrite::Put {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            name: object.name.clone(),
            content: object.content.clone(),
            size: i64::try_from(object.size)
                .map_err(|_| Error::internal("an object larger than 2^63 bytes"))?,
            at: object.at.as_microsecond(),
            by: object.by.clone(),
            checksum: object.checksum.map(i64::from),
        });
        Ok(())
    }

    /// Forgets the checksum of an object's bytes, for all lifetimes that share them: it is not theirs.
    pub fn drop_checksum(&mut self, repository: &str, object_type: ObjectType, object: &Object) {
        self.batch.objects.push(ObjectWrite::DropChecksum {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            name: object.name.clone(),
            content: object.content.clone(),
        });
    }

    /// Notes that an object's bytes, which were damaged, are stored under another content now. All lifetimes that shared
    /// them do so again.
    pub fn move_content(
        &mut self,
        repository: &str,
        object_type: ObjectType,
        name: &str,
        from: &str,
        to: &str,
    ) {
        if from != to {
            self.batch.objects.push(ObjectWrite::MoveContent {
                repository: repository.to_string(),
                object_type: object_type.as_str(),
                name: name.to_string(),
                from: from.to_string(),
                to: to.to_string(),
            });
        }
    }

    /// Hides an object. Its bytes and its row stay.
    pub fn tombstone_object(
        &mut self,
        repository: &str,
        object_type: ObjectType,
        name: &str,
        at: Timestamp,
        by: &str,
    ) {
        self.batch.objects.push(ObjectWrite::Tombstone {
            repository: repository.to_string(),
            object_type: object_type.as_str(),
            name: name.to_string(),
            at: at.as_microsecond(),
            by: by.to_string(),
        });
    }

    /// Purges at most `limit` of the objects that were deleted after the cursor `after` and that nobody needs: their rows
    /// are gone with this commit, and their bytes afterwards. It asks the rule itself, so that nobody can purge what the
    /// rule does not allow. Neither the config nor locks have such rows.
    ///
    /// A snapshot of which all is gone stays gone with this commit, or the decision is made again: one that comes back
    /// meanwhile is not taken for what it was.
    pub fn purge_deleted(
        &mut self,
        repository: &str,
        needs: &Needs,
        now: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Purged> {
        let mut purged = Purged::default();
        let mut gone = Vec::new();
        let room = limit as usize;
        self.each_deleted(repository, after, &mut |object| {
            if gone.len() >= room {
                return ControlFlow::Break(());
            }
            purged.next = Some(object.cursor);
            if needs.may_purge(object.kind(), &object.lifetime, now) {
                gone.push(object);
            }
            ControlFlow::Continue(())
        })?;
        purged.next = purged.next.filter(|_| gone.len() >= room);
        purged.snapshots = self.vanishing(repository, &gone)?;
        for object in gone {
            purged.objects += 1;
            purged.bytes += object.size;
            self.batch.objects.push(object.purge(repository));
        }
        self.audited |= purged.objects > 0;
        Ok(purged)
    }

    /// Hands on the objects that were deleted after the cursor `after`, in the order of their deletions. Not part of the
    /// commit's condition.
    pub fn each_deleted(
        &self,
        repository: &str,
        mut after: i64,
        each: &mut dyn FnMut(DeletedObject) -> ControlFlow<()>,
    ) -> Result<()> {
        loop {
            let rows = self.snapshot.deleted(repository, after, DELETED_AT_ONCE)?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.deleted_sequence;
            for row in rows {
                if each(DeletedObject::try_from(row)?).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// The names of the snapshots that have no lifetime but those that go, none that begins meanwhile included.
    fn vanishing(&mut self, repository: &str, gone: &[DeletedObject]) -> Result<Vec<String>> {
        let mut going: BTreeMap<&str, usize> = BTreeMap::new();
        for object in gone.iter().filter(|object| object.object_type == ObjectType::Snapshots) {
            *going.entry(&object.name).or_default() += 1;
        }
        let mut vanishing = Vec::new();
        for (name, lifetimes) in going {
            let object_type = ObjectType::Snapshots.as_str();
            let known = self.snapshot.births_of(repository, object_type, name)?;
            if known.len() == lifetimes {
                self.batch.conditions.push(Condition::LastLifetime {
                    repository: repository.to_string(),
                    object_type,
                    name: name.to_string(),
                    sequence: known.last().map(|birth| birth.sequence),
                });
                vanishing.push(name.to_string());
            }
        }
        Ok(vanishing)
    }

    /// Removes a lock for real. Only locks may go this way.
    pub fn forget_lock(&mut self, repository: &str, name: &str) {
        self.batch.objects.push(ObjectWrite::Forget {
            repository: repository.to_string(),
            object_type: ObjectType::Locks.as_str(),
            name: name.to_string(),
        });
    }

    /// Entries of the ledger from a sequence on, oldest first.
    pub fn ledger(&self, from: u64, limit: u32) -> Result<Vec<Entry>> {
        let from =
            i64::try_from(from).map_err(|_| Error::invalid("InvalidFilter", "no such ledger entry"))?;
        let rows = self.snapshot.ledger(from, i64::from(limit))?;
        Ok(rows.iter().map(LedgerRow::read).collect::<Result<_, _>>()?)
    }

    /// Entries of the ledger before a sequence, or the last ones, newest first.
    pub fn ledger_back(&self, before: Option<u64>, limit: u32) -> Result<Vec<Entry>> {
        Ok(find_any(self.snapshot.as_ref(), before, limit as usize)?.0)
    }

    /// So many entries of the ledger before a sequence, or the last ones, newest first, those with a mark or all; and before
    /// which to go on looking, if there may be more. One question looks only so far back: that it found fewer does not mean
    /// that there are no more.
    pub fn marked(
        &self,
        mark: Option<&Mark>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<u64>)> {
        let ledger = self.snapshot.as_ref();
        match (mark, &self.store) {
            (None, _) => find_any(ledger, before, limit),
            (Some(Mark::Alarm(target)), _) => find_alarms(ledger, target, before, limit),
            (Some(Mark::About(resource)), Some(store)) => store.trail().find(ledger, resource, before, limit),
            (Some(Mark::About(resource)), None) => Trail::default().find(ledger, resource, before, limit),
        }
    }

    /// Whether nothing was ever stored.
    pub fn is_pristine(&self) -> Result<bool> {
        Ok(self.snapshot.is_empty()?)
    }

    /// Lets nothing be written of this decision, no refusal either: it is made only to see what it would come to.
    pub fn rehearse(&mut self) {
        self.rehearsed = true;
    }

    /// Turns the decision into a batch: everything when it succeeded, only its refusals when not.
    pub(crate) fn into_batch(mut self, succeeded: bool) -> Result<Batch> {
        if self.rehearsed {
            return Ok(Batch::default());
        }
        if !succeeded {
            let conditions = std::mem::take(&mut self.batch.conditions);
            return Ok(Batch { conditions, entries: self.refusals, ..Batch::default() });
        }
        self.batch.entries.append(&mut self.refusals);
        if self.audited && self.batch.entries.is_empty() {
            return Err(Error::internal("a decision would change something without saying so in the ledger"));
        }
        Ok(self.batch)
    }
}

/// A new item gets a repository, and one that is gone for good gives its own up.
fn repository_write(edit: &Edit<vault::ProtectedItem>) -> Option<ObjectWrite> {
    match (edit.before(), edit.after()) {
        (None, Some(item)) => Some(ObjectWrite::CreateRepository { repository: item.short.clone() }),
        (Some(item), None) => Some(ObjectWrite::DropRepository { repository: item.short.clone() }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// A page of objects, and the cursor behind it if there may be more.
fn page(rows: Vec<ObjectRow>, limit: u32) -> Result<(Vec<Object>, Option<i64>)> {
    let full = rows.len() >= limit as usize;
    let next = rows.last().filter(|_| full).map(|row| row.sequence);
    let objects = rows.into_iter().map(|row| Object::try_from(row).map_err(Error::from));
    Ok((objects.collect::<Result<_>>()?, next))
}

fn to_json(document: &impl Serialize) -> Result<String> {
    let broken =
        |error: &dyn std::fmt::Display| Error::internal(format!("a document cannot be written: {error}"));
    // Large enough for most.
    let mut body = Vec::with_capacity(2048);
    serde_json::to_writer(&mut body, document).map_err(|error| broken(&error))?;
    String::from_utf8(body).map_err(|error| broken(&error))
}
