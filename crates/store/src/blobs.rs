//! The bytes of repository objects: in a folder, or in a bucket of an S3 service.
//!
//! Both keep the same promises. What an upload sends is hashed on the way into a temporary file, so that memory does not
//! grow with it. Bytes that were kept are durable, all of them, under a name that nothing is ever overwritten under; only
//! then is the row that refers to them committed. Bytes are removed after the row that referred to them, and never
//! while a row does. When in doubt they stay: bytes without a row cost space, a row without bytes costs a backup.
//!
//! What a row calls its `content` is the name of its bytes here. It begins with their SHA-256; what follows, if anything,
//! is the storage's matter ([`bucket`]).

mod bucket;
mod claim;
mod folder;
mod requests;
mod spool;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use self::claim::Claim;
use self::folder::Folder;
use self::spool::Spooled;
use crate::ObjectType;
use crate::error::StoreError;

pub(crate) use bucket::{Bucket, Found};
pub use bucket::{BucketPlace, LockMode};
pub(crate) use folder::flush_folder;

/// Bytes of an object on their way out. They may end early when the storage fails, and then say so.
pub type Bytes = Box<dyn Read + Send>;

/// Where the bytes are. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Blobs {
    storage: Storage,
}

#[derive(Clone, Debug)]
enum Storage {
    Folder(Arc<Folder>),
    Bucket(Arc<Bucket>),
}

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The size of the whole object in bytes, as its row has it.
    pub size: u64,
    /// Where the part begins.
    pub first: u64,
    /// How many bytes it has.
    pub length: u64,
}

impl Part {
    /// All of an object of this size.
    pub fn whole(size: u64) -> Self {
        Self { size, first: 0, length: size }
    }
}

/// An upload under way. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    storage: Storage,
    spooled: Spooled,
    unique: String,
    repository: String,
    object_type: ObjectType,
}

/// An upload whose bytes are all there, and have no name yet.
#[derive(Debug)]
pub struct Finished {
    upload: Upload,
    /// SHA-256 of the bytes, in lower-case hex.
    pub hash: String,
    /// Their checksum, as [`crate::Checksum`] makes it.
    pub checksum: u32,
    /// The number of bytes.
    pub size: u64,
}

/// Bytes that have their name, while it is not decided yet whether a row will refer to them. Hold it until the commit
/// is over; while it lives, nobody removes the bytes.
#[derive(Debug)]
#[must_use = "the bytes may be removed once this is dropped, unless a row refers to them"]
pub struct Kept {
    /// What the row has to call them.
    pub content: String,
    /// None in a bucket, where the name says which upload it is from: no other has a reason to remove it.
    _claim: Option<Claim>,
}

impl Blobs {
    /// Those in a folder, which is made. What unfinished uploads left there is removed.
    pub(crate) fn folder(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { storage: Storage::Folder(Arc::new(Folder::open(root)?)) })
    }

    /// Those in a bucket. Uploads under way are in a folder of this process, which is made and cleared.
    pub(crate) fn bucket(place: &BucketPlace, uploads: &Path) -> Result<Self, StoreError> {
        Ok(Self { storage: Storage::Bucket(Arc::new(Bucket::open(place, uploads)?)) })
    }

    /// Where they are, for people.
    pub(crate) fn told(&self) -> String {
        match &self.storage {
            Storage::Folder(folder) => folder.told(),
            Storage::Bucket(bucket) => bucket.told(),
        }
    }

    /// Checks that the storage does what is asked of it. `fresh` names what is tried out.
    ///
    /// # Errors
    /// [`StoreError::Storage`] in words for the person who starts the server.
    pub(crate) fn probe(&self, fresh: Uuid) -> Result<(), StoreError> {
        match &self.storage {
            // Every system that has folders does.
            Storage::Folder(_) => Ok(()),
            Storage::Bucket(bucket) => bucket.probe(fresh),
        }
    }

    /// The id that the storage carries.
    pub(crate) fn id(&self) -> Result<Option<Uuid>, StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.id(),
            Storage::Bucket(bucket) => bucket.id(),
        }
    }

    /// The id that the storage carries from now on: the fresh one if there was none.
    pub(crate) fn id_or(&self, fresh: Uuid) -> Result<Uuid, StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.id_or(fresh),
            Storage::Bucket(bucket) => bucket.id_or(fresh),
        }
    }

    /// Begins an upload. `unique` is a name that no upload ever had: two of one object may run side by side.
    pub fn begin(
        &self,
        repository: &str,
        object_type: ObjectType,
        unique: &str,
    ) -> Result<Upload, StoreError> {
        let spool = match &self.storage {
            Storage::Folder(folder) => &folder.spool,
            Storage::Bucket(bucket) => &bucket.spool,
        };
        let (storage, repository) = (self.storage.clone(), repository.to_string());
        Ok(Upload {
            storage,
            spooled: spool.begin(unique)?,
            unique: unique.to_string(),
            repository,
            object_type,
        })
    }

    /// Opens an object for reading, if its bytes are there and as many as they should be. Fewer or more are damage,
    /// and no part of them is handed out.
    pub fn open_object(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        size: u64,
    ) -> Result<Bytes, StoreError> {
        self.open_part(repository, object_type, content, Part::whole(size))
    }

    /// The same for a part of an object.
    pub fn open_part(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        part: Part,
    ) -> Result<Bytes, StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.open_part(repository, object_type, content, part),
            Storage::Bucket(bucket) => bucket.open_part(repository, object_type, content, part),
        }
    }

    /// The same for nothing of it: whether its bytes are there and as many as they should be.
    pub fn check_object(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        size: u64,
    ) -> Result<(), StoreError> {
        match &self.storage {
            Storage::Folder(_) => self.open_object(repository, object_type, content, size).map(drop),
            Storage::Bucket(bucket) => bucket.check(repository, object_type, content, size),
        }
    }

    /// Removes bytes that no row refers to and no upload is about to refer to. Whether a row does is asked while
    /// nothing new can refer to them. Returns whether the bytes are gone: not when they are locked.
    pub(crate) fn remove_unclaimed(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        referred_to: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.remove_unclaimed(repository, object_type, content, referred_to),
            Storage::Bucket(_) if referred_to()? => Ok(false),
            Storage::Bucket(bucket) => bucket.remove(repository, object_type, content),
        }
    }

    /// Makes the removal of bytes durable.
    pub(crate) fn flush_removal(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<(), StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.flush_removal(repository, object_type, content),
            // The service answered when it was.
            Storage::Bucket(_) => Ok(()),
        }
    }

    /// Removes all bytes of a repository for good. Absent is fine. Returns whether all of them are gone, durably: not
    /// when an upload to it is just being decided or another process is at it, nor when some are locked, nor when
    /// asked to stop on the way.
    pub(crate) fn remove_repository(&self, repository: &str, stop: &AtomicBool) -> Result<bool, StoreError> {
        match &self.storage {
            Storage::Folder(folder) => folder.remove_repository(repository, stop),
            Storage::Bucket(bucket) => bucket.remove_repository(repository, stop),
        }
    }

    /// The bucket, if they are in one.
    pub(crate) fn in_bucket(&self) -> Option<&Bucket> {
        match &self.storage {
            Storage::Folder(_) => None,
            Storage::Bucket(bucket) => Some(bucket),
        }
    }
}

impl Upload {
    /// Adds bytes, which lie in so many places.
    pub fn write(&mut self, bytes: &[impl AsRef<[u8]>]) -> Result<(), StoreError> {
        self.spooled.write(bytes)
    }

    /// Says what the bytes hash to. The caller compares that with the name it was promised.
    pub fn finish(self) -> Result<Finished, StoreError> {
        if let Storage::Folder(_) = self.storage {
            self.spooled.flush()?;
        }
        let Spooled { size, .. } = self.spooled;
        Ok(Finished { hash: self.spooled.hash(), checksum: self.spooled.checksum(), size, upload: self })
    }
}

impl Finished {
    /// Gives the bytes their name. They are durable afterwards, and claimed until the answer is dropped.
    pub fn keep(self) -> Result<Kept, StoreError> {
        let Upload { storage, spooled, unique, repository, object_type } = &self.upload;
        match storage {
            Storage::Folder(folder) => {
                let claim = folder.keep(repository, *object_type, &self.hash, spooled)?;
                Ok(Kept { content: self.hash, _claim: Some(claim) })
            }
            Storage::Bucket(bucket) => {
                let content = bucket.keep(repository, *object_type, &self.hash, unique, spooled)?;
                Ok(Kept { content, _claim: None })
            }
        }
    }
}
