//! The bytes of repository objects, in files.
//!
//! An object is written to a temporary file, hashed on the way, flushed, and only then renamed to its name, whose
//! folder is flushed too. So a name that exists has all its bytes, whenever the power fails. Temporary files are
//! garbage after a crash and are removed at start.
//!
//! The file's name is always the hash of its bytes, also for `config`, whose name in the repository is not: so no
//! upload can ever overwrite other bytes. Layout: `{repository}/{type}/{first two digits}/{hash}`.
//!
//! Bytes get their name before the row that refers to them is committed. Between the two a [`Kept`] claims them, and
//! nothing removes bytes that are claimed or that a row refers to. When in doubt they stay: bytes without a row cost
//! space, a row without bytes costs a backup.

mod sharing;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use self::sharing::{Desk, Stripes};
use crate::ObjectType;
use crate::error::StoreError;

/// The folder that holds the bytes. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Blobs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    desk: Desk,
    /// When other servers use the folder, too.
    stripes: Option<Stripes>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Folders whose own names are known to be on disk. A folder that merely exists may still be lost with the power:
    /// another upload may have made it a moment ago.
    flushed: HashSet<PathBuf>,
    /// Files that have their name, or are about to get it, for a commit that is not decided yet; and how many such
    /// commits there are.
    claims: HashMap<PathBuf, usize>,
    /// Repositories whose bytes are being removed for good.
    given_up: HashSet<String>,
}

/// An upload under way. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    shared: Arc<Shared>,
    file: Option<File>,
    temporary: PathBuf,
    repository: String,
    object_type: ObjectType,
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

/// Bytes that have their name, while it is not decided yet whether a row will refer to them. Hold it until the commit
/// is over; while it lives, nobody removes the bytes.
#[derive(Debug)]
#[must_use = "the bytes may be removed once this is dropped, unless a row refers to them"]
pub struct Kept {
    shared: Arc<Shared>,
    path: PathBuf,
    /// What other servers see of the claim.
    _claim: Option<File>,
}

impl Blobs {
    /// Opens the folder and removes what unfinished uploads left. `shared`: whether other servers may use it, too.
    pub(crate) fn open(root: &Path, shared: bool) -> Result<Self, StoreError> {
        let opened = || {
            let desk = Desk::take(&root.join(".uploads"))?;
            let stripes = shared.then(|| Stripes::open(root.join(".claims"))).transpose()?;
            root.parent().map_or(Ok(()), flush_folder)?;
            Ok(Shared { root: root.to_path_buf(), desk, stripes, state: Mutex::default() })
        };
        let shared = opened().map_err(|error| StoreError::Io(root.to_path_buf(), error))?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Begins an upload. `unique` makes the temporary name; two uploads of one object may run side by side.
    pub fn begin(
        &self,
        repository: &str,
        object_type: ObjectType,
        unique: &str,
    ) -> Result<Upload, StoreError> {
        let temporary = self.shared.desk.folder.join(unique);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|error| StoreError::Io(temporary.clone(), error))?;
        Ok(Upload {
            shared: Arc::clone(&self.shared),
            file: Some(file),
            temporary,
            repository: repository.to_string(),
            object_type,
            hash: Sha256::new(),
            size: 0,
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
    ) -> Result<File, StoreError> {
        let path = self.shared.path(repository, object_type, content);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (found, file) = opened.map_err(|error| StoreError::Io(path.clone(), error))?;
        if found == size {
            return Ok(file);
        }
        let why = format!("has {found} bytes, and the database says {size}");
        Err(StoreError::Corrupt(format!("`{}` {why}", path.display())))
    }

    /// Removes bytes that no row refers to and no upload is about to refer to. Whether a row does is asked while
    /// nothing new can be claimed. Returns whether the bytes are gone.
    pub(crate) fn remove_unclaimed(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        referred_to: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let path = self.shared.path(repository, object_type, content);
        let seized = match &self.shared.stripes {
            None => None,
            Some(stripes) => {
                match stripes.seize(content).map_err(|error| StoreError::Io(path.clone(), error))? {
                    None => return Ok(false),
                    seized => seized,
                }
            }
        };
        let state = self.shared.state.lock();
        if state.claims.contains_key(&path) || referred_to()? {
            return Ok(false);
        }
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io(path, error)),
            _ => Ok(true),
        };
        drop((state, seized));
        removed
    }

    /// Removes all bytes of a repository for good. Absent is fine. Returns whether all of them are gone, durably: not
    /// when an upload to it is just being decided, nor when asked to stop on the way.
    pub(crate) fn remove_repository(&self, repository: &str, stop: &AtomicBool) -> Result<bool, StoreError> {
        let path = self.shared.root.join(repository);
        let mut state = self.shared.state.lock();
        if state.claims.keys().any(|claimed| claimed.starts_with(&path)) {
            return Ok(false);
        }
        state.given_up.insert(repository.to_string());
        state.flushed.retain(|folder| !folder.starts_with(&path));
        drop(state);
        let removed = remove_tree(&path, stop).and_then(|all| {
            flush_folder(&self.shared.root)?;
            Ok(all)
        });
        removed.map_err(|error| StoreError::Io(path, error))
    }
}

impl Shared {
    fn folder(&self, repository: &str, object_type: ObjectType, content: &str) -> PathBuf {
        let first = content.get(..2).unwrap_or("00");
        self.root.join(repository).join(object_type.as_str()).join(first)
    }

    fn path(&self, repository: &str, object_type: ObjectType, content: &str) -> PathBuf {
        self.folder(repository, object_type, content).join(content)
    }

    /// Creates a folder and flushes each new name into the folder above it.
    fn create_flushed(&self, folder: &Path) -> io::Result<()> {
        if folder == self.root || self.state.lock().flushed.contains(folder) {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.create_flushed(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => flush_folder(parent)?,
            }
        }
        self.state.lock().flushed.insert(folder.to_path_buf());
        Ok(())
    }

    fn claim(self: &Arc<Self>, repository: &str, content: &str, path: PathBuf) -> io::Result<Kept> {
        let claim = self.stripes.as_ref().map(|stripes| stripes.claim(content)).transpose()?;
        let mut state = self.state.lock();
        if state.given_up.contains(repository) {
            return Err(io::Error::other("the repository was given up"));
        }
        *state.claims.entry(path.clone()).or_default() += 1;
        Ok(Kept { shared: Arc::clone(self), path, _claim: claim })
    }
}

impl Upload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.file {
            Some(file) => {
                file.write_all(bytes).map_err(|error| StoreError::Io(self.temporary.clone(), error))
            }
            None => Err(StoreError::Closed),
        }
    }

    /// Flushes the bytes and says what they hash to. The caller compares that with the name it was promised.
    pub fn finish(self) -> Result<Finished, StoreError> {
        if let Some(file) = &self.file {
            file.sync_data().map_err(|error| StoreError::Io(self.temporary.clone(), error))?;
        }
        let content = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Finished { content, size: self.size, upload: self })
    }
}

impl Finished {
    /// Gives the bytes their name and flushes the folder that holds it. The bytes are durable afterwards, and claimed
    /// until the answer is dropped.
    pub fn keep(mut self) -> Result<Kept, StoreError> {
        drop(self.upload.file.take());
        let shared = Arc::clone(&self.upload.shared);
        let folder = shared.folder(&self.upload.repository, self.upload.object_type, &self.content);
        let target = folder.join(&self.content);
        let kept = shared.claim(&self.upload.repository, &self.content, target.clone()).and_then(|kept| {
            shared.create_flushed(&folder)?;
            fs::rename(&self.upload.temporary, &target)?;
            flush_folder(&folder)?;
            Ok(kept)
        });
        kept.map_err(|error| StoreError::Io(target, error))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After a successful rename the temporary name is gone already.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(count) = state.claims.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                state.claims.remove(&self.path);
            }
        }
    }
}

/// Makes the names in a folder durable.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a folder and all in it, file by file, so that a large one does not hold up the end of the process.
fn remove_tree(folder: &Path, stop: &AtomicBool) -> io::Result<bool> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    for entry in entries {
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        } else if !remove_tree(&entry.path(), stop)? {
            return Ok(false);
        }
    }
    fs::remove_dir(folder)?;
    Ok(true)
}
