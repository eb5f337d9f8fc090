//! What one commit consists of: the conditions under which it holds, the writes, and the ledger entries.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use arm::{Error, Result};
use ledger::Entry;

use crate::document::Document;
use crate::engine::PurgedBytes;

/// Everything a decision read and everything it wants written. All of it is committed, or none of it.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) conditions: Vec<Condition>,
    /// Documents by kind and key; the last write of a key counts.
    pub(crate) documents: BTreeMap<(&'static str, String), DocumentWrite>,
    pub(crate) objects: Vec<ObjectWrite>,
    /// Ledger entries without their sequence, which the writer gives.
    pub(crate) entries: Vec<Entry>,
    /// Those of the documents that decisions about access read, by kind and key.
    pub(crate) access: BTreeSet<(&'static str, String)>,
}

impl Batch {
    /// Whether it leaves bytes that are to be removed afterwards.
    pub(crate) fn frees_bytes(&self) -> bool {
        let frees = |write: &ObjectWrite| {
            matches!(write, ObjectWrite::DropRepository { .. } | ObjectWrite::Purge { .. })
        };
        self.objects.iter().any(frees)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.objects.is_empty() && self.entries.is_empty()
    }
}

/// What a decision read. If it reads differently at the commit, the decision is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// One document: its revision, or that it did not exist.
    Document { kind: &'static str, key: String, revision: Option<i64> },
    /// All documents of a kind from `lower` up to, not including, `upper`.
    Range { kind: &'static str, lower: String, upper: String, seen: Fingerprint },
    /// All documents of a kind with this second key.
    Lookup { kind: &'static str, lookup: String, seen: Fingerprint },
    /// The revision of what decisions about access read.
    Access(i64),
    /// One repository object: the sequence of its present lifetime, or that it had none.
    Object { repository: String, object_type: &'static str, name: String, sequence: Option<i64> },
    /// Whether a repository object ever existed, deleted since or not.
    ObjectKnown { repository: String, object_type: &'static str, name: String, known: bool },
    /// The latest lifetime of an object, alive or not.
    LastLifetime { repository: String, object_type: &'static str, name: String, sequence: Option<i64> },
    /// Whether so many bytes at the most are stored. Not how many: two uploads that both fit do not disturb each other.
    Space { within: Within, most: i64, room: bool },
    /// Whether fewer than so many objects of a type are alive. Not their number: two uploads that both find room do
    /// not disturb each other.
    Room { repository: String, object_type: &'static str, limit: i64, room: bool },
}

/// Where stored bytes are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// In one repository.
    Repository(String),
    /// In the repositories of all items whose keys are from `lower` up to, not including, `upper`.
    Items { lower: String, upper: String },
}

/// What tells two readings of a range apart. Revisions never repeat and only grow, so any insertion or change raises
/// the highest one, and a mere deletion lowers the count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) count: i64,
    pub(crate) highest: i64,
}

impl Fingerprint {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        rows.into_iter().fold(Self::default(), |seen, row| Self {
            count: seen.count + 1,
            highest: seen.highest.max(row.revision()),
        })
    }
}

/// A stored document. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Row(Arc<Stored>);

#[derive(Debug)]
struct Stored {
    key: String,
    revision: i64,
    body: String,
    /// The document, once somebody has read it, if the row is kept to be read again.
    value: Option<OnceLock<Written>>,
}

impl Row {
    /// A document as the database holds it.
    pub(crate) fn new(key: String, revision: i64, body: String) -> Self {
        Self(Arc::new(Stored { key, revision, body, value: None }))
    }

    /// A document that was just written, for somebody who keeps it.
    pub(crate) fn written(key: String, revision: i64, body: String, value: Option<Written>) -> Self {
        let value = Some(value.map_or_else(OnceLock::new, OnceLock::from));
        Self(Arc::new(Stored { key, revision, body, value }))
    }

    /// The same row, for somebody who keeps it.
    pub(crate) fn kept(&self) -> Self {
        let Stored { key, revision, body, .. } = &*self.0;
        let value = Some(OnceLock::new());
        Self(Arc::new(Stored { key: key.clone(), revision: *revision, body: body.clone(), value }))
    }

    pub(crate) fn key(&self) -> &str {
        &self.0.key
    }

    pub(crate) fn revision(&self) -> i64 {
        self.0.revision
    }

    pub(crate) fn body(&self) -> &str {
        &self.0.body
    }

    /// Bytes of text.
    pub(crate) fn size(&self) -> usize {
        self.0.key.len() + self.0.body.len()
    }

    /// The document.
    pub(crate) fn read<D: Document>(&self) -> Result<D> {
        let Stored { key, body, value, .. } = &*self.0;
        let known = value.as_ref().and_then(OnceLock::get).and_then(|value| value.downcast_ref::<D>());
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let document: D = read(key, body)?;
        if let Some(value) = value {
            // Somebody else may have been faster; it is the same document.
            value.get_or_init(|| Arc::new(document.clone()));
        }
        Ok(document)
    }
}

/// Reads a document from its body.
pub(crate) fn read<D: Document>(key: &str, body: &str) -> Result<D> {
    let broken = |error| Error::internal(format!("the stored {} `{key}` cannot be read: {error}", D::KIND));
    serde_json::from_str(body).map_err(broken)
}

/// A document as it was written, for those who read it again soon. It reads back equal.
pub(crate) type Written = Arc<dyn Any + Send + Sync>;

/// What becomes of one document.
#[derive(Clone, Debug)]
pub(crate) enum DocumentWrite {
    Put { lookup: Option<String>, body: String, value: Option<Written> },
    Delete,
}

/// What becomes of one repository object, or of a repository.
#[derive(Clone, Debug)]
pub(crate) enum ObjectWrite {
    /// A new repository, under a name that none ever had.
    CreateRepository {
        repository: String,
    },
    Put {
        repository: String,
        object_type: &'static str,
        name: String,
        content: String,
        size: i64,
        at: i64,
        by: String,
        checksum: Option<i64>,
    },
    /// Forgets the checksum of an object's bytes.
    DropChecksum {
        repository: String,
        object_type: &'static str,
        name: String,
        content: String,
    },
    Tombstone {
        repository: String,
        object_type: &'static str,
        name: String,
        at: i64,
        by: String,
    },
    Forget {
        repository: String,
        object_type: &'static str,
        name: String,
    },
    /// Notes that the bytes of an object are stored under another content now.
    MoveContent {
        repository: String,
        object_type: &'static str,
        name: String,
        from: String,
        to: String,
    },
    /// Removes one lifetime of a deleted object for good, and lists its bytes for removal.
    Purge {
        repository: String,
        object_type: &'static str,
        name: String,
        sequence: i64,
    },
    /// Notes that bytes that were listed for removal are gone, or needed again.
    BytesGone {
        bytes: PurgedBytes,
    },
    /// Gives a repository up: its objects are gone at once, its bytes afterwards.
    DropRepository {
        repository: String,
    },
    /// Notes that the bytes of a repository that was given up are gone.
    RepositoryGone {
        repository: String,
    },
}
