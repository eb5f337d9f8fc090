//! The objects of a repository, as their rows know them.

use jiff::Timestamp;

use crate::engine::ObjectRow;
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
            content: row.content,
            name: row.name,
        })
    }
}
