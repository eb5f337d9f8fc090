//! The bytes of repository objects, in files.
//!
//! An object is written to a temporary file, hashed on the way, flushed, and only then renamed to its name, whose
//! folder is flushed too. So a name that exists has all its bytes, whenever the power fails. Temporary files are
//! garbage after a crash and are removed at start.
//!
//! The file's name is always the hash of its bytes, also for `config`, whose name in the repository is not: so no
//! upload can ever overwrite other bytes. Layout: `{repository}/{type}/{first two digits}/{hash}`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::ObjectType;
use crate::error::StoreError;

/// The folder that holds the bytes.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

/// An upload under way. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    file: Option<File>,
    temporary: PathBuf,
    folder: PathBuf,
    hash: Sha256,
    size: u64,
}

/// An upload whose bytes are all there and flushed, under a temporary name still.
#[derive(Debug)]
pub struct Finished {
    upload: Upload,
    /// SHA-256 of the bytes, in lower-case hex.
    pub content: String,
    /// The number of bytes.
    pub size: u64,
}

impl Blobs {
    /// Opens the folder and removes what unfinished uploads left.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let blobs = Self {
            root: root.to_path_buf(),
        };
        let temporary = blobs.temporary();
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(|error| StoreError::Io(temporary.clone(), error))?;
        }
        fs::create_dir_all(&temporary).map_err(|error| StoreError::Io(temporary, error))?;
        Ok(blobs)
    }

    fn temporary(&self) -> PathBuf {
        self.root.join(".uploads")
    }

    fn folder(&self, repository: &str, object_type: ObjectType) -> PathBuf {
        self.root.join(repository).join(object_type.as_str())
    }

    fn path(&self, repository: &str, object_type: ObjectType, content: &str) -> PathBuf {
        self.folder(repository, object_type)
            .join(prefix(content))
            .join(content)
    }

    /// Begins an upload. `unique` makes the temporary name; two uploads of one object may run side by side.
    pub fn begin(
        &self,
        repository: &str,
        object_type: ObjectType,
        unique: &str,
    ) -> Result<Upload, StoreError> {
        let temporary = self.temporary().join(unique);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|error| StoreError::Io(temporary.clone(), error))?;
        Ok(Upload {
            file: Some(file),
            temporary,
            folder: self.folder(repository, object_type),
            hash: Sha256::new(),
            size: 0,
        })
    }

    /// Opens an object for reading.
    pub fn open_object(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<File, StoreError> {
        let path = self.path(repository, object_type, content);
        File::open(&path).map_err(|error| StoreError::Io(path, error))
    }

    /// Whether the bytes of an object are there.
    pub fn exists(&self, repository: &str, object_type: ObjectType, content: &str) -> bool {
        self.path(repository, object_type, content).is_file()
    }

    /// Removes the bytes of one object. Absent is fine.
    pub fn remove(&self, repository: &str, object_type: ObjectType, content: &str) -> Result<(), StoreError> {
        let path = self.path(repository, object_type, content);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io(path, error)),
            _ => Ok(()),
        }
    }

    /// Removes all bytes of a repository. Absent is fine.
    pub(crate) fn remove_repository(&self, repository: &str) -> Result<(), StoreError> {
        let path = self.root.join(repository);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io(path, error)),
            _ => Ok(()),
        }
    }
}

impl Upload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file
                .write_all(bytes)
                .map_err(|error| StoreError::Io(self.temporary.clone(), error)),
            None => Err(StoreError::Closed),
        }
    }

    /// Flushes the bytes and says what they hash to. The caller compares that with the name it was promised.
    pub fn finish(self) -> Result<Finished, StoreError> {
        if let Some(file) = &self.file {
            file.sync_data()
                .map_err(|error| StoreError::Io(self.temporary.clone(), error))?;
        }
        let content = self
            .hash
            .clone()
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Finished {
            content,
            size: self.size,
            upload: self,
        })
    }
}

impl Finished {
    /// Gives the bytes their name and flushes the folder that holds it. The bytes are durable afterwards.
    pub fn keep(mut self) -> Result<(), StoreError> {
        drop(self.upload.file.take());
        let folder = self.upload.folder.join(prefix(&self.content));
        let target = folder.join(&self.content);
        let renamed = create_flushed(&folder)
            .and_then(|()| fs::rename(&self.upload.temporary, &target))
            .and_then(|()| File::open(&folder)?.sync_all());
        renamed.map_err(|error| StoreError::Io(target, error))
    }
}

fn prefix(content: &str) -> &str {
    content.get(..2).unwrap_or("00")
}

/// Creates a folder and flushes each new name into the folder above it.
fn create_flushed(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    create_flushed(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After a successful rename the temporary name is gone already.
        let _ = fs::remove_file(&self.temporary);
    }
}
