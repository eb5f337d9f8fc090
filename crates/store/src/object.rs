//! The objects of a repository, as their rows know them.

use jiff::Timestamp;
use vault::purge_rule::{Deleted, Lifetime, ObjectKind};

use crate::batch::ObjectWrite;
use crate::engine::{DeletedRow, ObjectRow, Seen, Snapshot};
use crate::error::StoreError;

/// The types of object in a restic repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectType {
    /// The one object named `config`; its name is not a hash.
    Config,
    /// Packs.
    Data,
    /// Which blob is in which pack.
    Index,
    /// The repository's key, encrypted with a password.
    Keys,
    /// Locks of running commands.
    Locks,
    /// Snapshots: one is one recovery point.
    Snapshots,
}

impl ObjectType {
    /// All types but `config`, which has no folder.
    pub const FOLDERS: [Self; 5] = [Self::Data, Self::Index, Self::Keys, Self::Locks, Self::Snapshots];

    /// The name in addresses and in folders.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Data => "data",
            Self::Index => "index",
            Self::Keys => "keys",
            Self::Locks => "locks",
            Self::Snapshots => "snapshots",
        }
    }

    /// The type that a row names.
    pub(crate) fn stored(name: &str) -> Option<Self> {
        if name == Self::Config.as_str() { Some(Self::Config) } else { Self::parse(name) }
    }

    /// The type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::FOLDERS.into_iter().find(|folder| folder.as_str() == name)
    }
}

/// A live object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name: the SHA-256 of its bytes in lower-case hex, or `config`.
    pub name: String,
    /// What its bytes are called where they are stored. It begins with their SHA-256 in lower-case hex.
    pub content: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it arrived, by the server's clock.
    pub at: Timestamp,
    /// The credential that wrote it.
    pub by: String,
    /// The checksum of its bytes, as [`crate::Checksum`] makes it. None of what arrived before there was one.
    pub checksum: Option<u32>,
}

impl Object {
    /// The SHA-256 of its bytes in lower-case hex.
    pub fn hash(&self) -> &str {
        hash_of(&self.content)
    }
}

/// The SHA-256 that a content begins with. What follows a dot is the storage's matter.
pub(crate) fn hash_of(content: &str) -> &str {
    content.split_once('.').map_or(content, |(hash, _)| hash)
}

impl TryFrom<ObjectRow> for Object {
    type Error = StoreError;

    fn try_from(row: ObjectRow) -> Result<Self, StoreError> {
        let damaged = || StoreError::Corrupt(format!("the row of object `{}`", row.name));
        Ok(Self {
            size: u64::try_from(row.size).map_err(|_| damaged())?,
            at: Timestamp::from_microsecond(row.created_at).map_err(|_| damaged())?,
            by: row.created_by.clone(),
            checksum: row.checksum.map(u32::try_from).transpose().map_err(|_| damaged())?,
            content: row.content,
            name: row.name,
        })
    }
}

/// See [`crate::Transaction::kept_in_order`].
pub(crate) fn kept_in_order(
    snapshot: &dyn Snapshot,
    repository: &str,
    object_type: ObjectType,
    after: i64,
    limit: u32,
) -> arm::Result<Vec<(i64, Object)>> {
    let all = Seen { until: i64::MAX, deleted_since: i64::MIN };
    let mut rows = snapshot.objects_seen(repository, object_type.as_str(), all, after, i64::from(limit))?;
    if object_type == ObjectType::Config {
        let present = snapshot.object(repository, object_type.as_str(), ObjectType::Config.as_str())?;
        rows.extend(present.filter(|present| rows.iter().all(|row| row.content != present.content)));
    }
    let objects = rows.into_iter().map(|row| Ok((row.sequence, Object::try_from(row)?)));
    objects.collect()
}

/// What one purge came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many deleted objects it removed.
    pub objects: u64,
    /// Their size in bytes. Bytes that another object shares stay.
    pub bytes: u64,
    /// The names of the snapshots that are gone with it, in every lifetime they had.
    pub snapshots: Vec<String>,
    /// The cursor behind what it looked at, or none when it looked at everything.
    pub next: Option<i64>,
}

/// A deleted object.
#[derive(Clone, Debug)]
pub struct DeletedObject {
    /// Its type.
    pub object_type: ObjectType,
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// From the commit that stored it to the commit that deleted it.
    pub lifetime: Lifetime,
    pub(crate) cursor: i64,
    sequence: i64,
}

impl DeletedObject {
    /// What it is to the purge rule.
    pub fn kind(&self) -> ObjectKind {
        match self.object_type {
            ObjectType::Config => ObjectKind::Config,
            ObjectType::Keys => ObjectKind::Key,
            ObjectType::Snapshots => ObjectKind::Snapshot,
            ObjectType::Data | ObjectType::Index | ObjectType::Locks => ObjectKind::Content,
        }
    }

    /// Its removal.
    pub(crate) fn purge(self, repository: &str) -> ObjectWrite {
        ObjectWrite::Purge {
            repository: repository.to_string(),
            object_type: self.object_type.as_str(),
            name: self.name,
            sequence: self.sequence,
        }
    }
}

impl TryFrom<DeletedRow> for DeletedObject {
    type Error = StoreError;

    fn try_from(row: DeletedRow) -> Result<Self, StoreError> {
        let damaged = || StoreError::Corrupt(format!("the row of the deleted object `{}`", row.name));
        let number = |number: i64| u64::try_from(number).map_err(|_| damaged());
        let deleted = Deleted {
            sequence: number(row.deleted_sequence)?,
            at: Timestamp::from_microsecond(row.deleted_at).map_err(|_| damaged())?,
        };
        Ok(Self {
            object_type: ObjectType::stored(&row.object_type).ok_or_else(damaged)?,
            size: number(row.size)?,
            lifetime: Lifetime { created: number(row.sequence)?, deleted: Some(deleted) },
            cursor: row.deleted_sequence,
            sequence: row.sequence,
            name: row.name,
        })
    }
}
