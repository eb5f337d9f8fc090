//! The bytes of repository objects, in files.
//!
//! An object is written to a temporary file, hashed on the way, flushed, and only then renamed to its name, whose
//! folder is flushed too. So a name that exists has all its bytes, whenever the power fails. Temporary files are
//! garbage after a crash; the next start of any process on the folder removes those that nobody writes to.
//!
//! The file's name is always the hash of its bytes, also for `config`, whose name in the repository is not: so no
//! upload can ever overwrite other bytes. Layout: `{repository}/{type}/{first two digits}/{hash}`.
//!
//! Bytes get their name before the row that refers to them is committed. Between the two a [`Kept`] claims them, and
//! nothing removes bytes that are claimed or that a row refers to. When in doubt they stay: bytes without a row cost
//! space, a row without bytes costs a backup. Several processes may share the folder: see [`crate::claim`].

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::ObjectType;
use crate::claim::{Claim, Claims, alone};
use crate::error::StoreError;

/// The folder of uploads under way, below that of the repositories.
const TEMPORARY: &str = ".uploads";

/// The folder that holds the bytes. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Blobs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    claims: Claims,
    /// Folders whose own names are known to be on disk. A folder that merely exists may still be lost with the power:
    /// another upload may have made it a moment ago. Those of a repository that another process removed may stay here;
    /// nothing is written to them any more.
    flushed: Mutex<HashSet<PathBuf>>,
}

/// An upload under way. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    shared: Arc<Shared>,
    /// Locked, so that a process which starts meanwhile leaves it alone.
    file: File,
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
    _claim: Claim,
}

impl Blobs {
    /// Opens the folder and removes what unfinished uploads left.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::Io(root.to_path_buf(), error);
        let temporary = root.join(TEMPORARY);
        fs::create_dir_all(&temporary).map_err(io)?;
        if let Some(parent) = root.parent() {
            flush_folder(parent).map_err(io)?;
        }
        remove_abandoned(&temporary).map_err(io)?;
        let claims = Claims::open(root).map_err(io)?;
        Ok(Self { shared: Arc::new(Shared { root: root.to_path_buf(), claims, flushed: Mutex::default() }) })
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.shared.root
    }

    /// Begins an upload. `unique` makes the temporary name; two uploads of one object may run side by side.
    pub fn begin(
        &self,
        repository: &str,
        object_type: ObjectType,
        unique: &str,
    ) -> Result<Upload, StoreError> {
        let temporary = self.shared.root.join(TEMPORARY).join(unique);
        let file = create_held(&temporary).map_err(|error| StoreError::Io(temporary.clone(), error))?;
        Ok(Upload {
            shared: Arc::clone(&self.shared),
            file,
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
        let io = |error| StoreError::Io(path.clone(), error);
        let Some(_removal) = self.shared.claims.remove_bytes(content).map_err(io)? else {
            return Ok(false);
        };
        if referred_to()? {
            return Ok(false);
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
            _ => Ok(true),
        }
    }

    /// Makes the removal of bytes durable.
    pub(crate) fn flush_removal(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<(), StoreError> {
        let folder = self.shared.folder(repository, object_type, content);
        match flush_folder(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io(folder, error)),
            _ => Ok(()),
        }
    }

    /// Removes all bytes of a repository for good. Absent is fine. Returns whether all of them are gone, durably: not
    /// when an upload to it is just being decided or another process is at it, nor when asked to stop on the way.
    pub(crate) fn remove_repository(&self, repository: &str, stop: &AtomicBool) -> Result<bool, StoreError> {
        let path = self.shared.root.join(repository);
        let io = |error| StoreError::Io(path.clone(), error);
        let Some(_removal) = self.shared.claims.remove_repository(repository).map_err(io)? else {
            return Ok(false);
        };
        self.shared.flushed.lock().retain(|folder| !folder.starts_with(&path));
        let all = remove_tree(&path, stop).map_err(io)?;
        flush_folder(&self.shared.root).map_err(io)?;
        Ok(all)
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
        if folder == self.root || self.flushed.lock().contains(folder) {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.create_flushed(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => flush_folder(parent)?,
            }
        }
        self.flushed.lock().insert(folder.to_path_buf());
        Ok(())
    }
}

impl Upload {
    /// Adds bytes, which lie in so many places.
    pub fn write(&mut self, bytes: &[impl AsRef<[u8]>]) -> Result<(), StoreError> {
        for bytes in bytes {
            self.hash.update(bytes);
            self.size += bytes.as_ref().len() as u64;
        }
        write_all(&mut self.file, bytes).map_err(|error| StoreError::Io(self.temporary.clone(), error))
    }

    /// Flushes the bytes and says what they hash to. The caller compares that with the name it was promised.
    pub fn finish(self) -> Result<Finished, StoreError> {
        self.file.sync_data().map_err(|error| StoreError::Io(self.temporary.clone(), error))?;
        let content = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Finished { content, size: self.size, upload: self })
    }
}

impl Finished {
    /// Gives the bytes their name and flushes the folder that holds it. The bytes are durable afterwards, and claimed
    /// until the answer is dropped.
    pub fn keep(self) -> Result<Kept, StoreError> {
        let shared = &self.upload.shared;
        let folder = shared.folder(&self.upload.repository, self.upload.object_type, &self.content);
        let target = folder.join(&self.content);
        let kept = shared.claims.claim(&self.upload.repository, &self.content).and_then(|claim| {
            shared.create_flushed(&folder)?;
            fs::rename(&self.upload.temporary, &target)?;
            flush_folder(&folder)?;
            Ok(Kept { _claim: claim })
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

/// Writes all of them, with as few calls as it takes.
fn write_all(file: &mut File, bytes: &[impl AsRef<[u8]>]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = bytes.iter().map(|bytes| IoSlice::new(bytes.as_ref())).collect();
    let mut rest = slices.as_mut_slice();
    // Those without a byte are passed over.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a file and locks it. Before it is locked another process may take it for abandoned and remove it; then it is
/// created again.
fn create_held(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.lock_shared()?;
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes the files in a folder that nobody holds.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let removed = OpenOptions::new().write(true).open(&path).and_then(|file| match alone(&file)? {
            true => fs::remove_file(&path),
            false => Ok(()),
        });
        match removed {
            // Its upload has ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: ObjectType = ObjectType::Data;
    static GO_ON: AtomicBool = AtomicBool::new(false);

    /// One folder as two processes have it.
    fn two() -> (Blobs, Blobs, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let open = || Blobs::open(&folder.path().join("repositories")).unwrap();
        (open(), open(), folder)
    }

    fn upload(blobs: &Blobs, unique: &str, bytes: &[u8]) -> Finished {
        let mut upload = blobs.begin("item", DATA, unique).unwrap();
        upload.write(&[bytes]).unwrap();
        upload.finish().unwrap()
    }

    fn is_there(blobs: &Blobs, content: &str, size: u64) -> bool {
        blobs.open_object("item", DATA, content, size).is_ok()
    }

    #[test]
    fn a_start_leaves_the_uploads_of_others_alone() {
        let (a, _b, folder) = two();
        let root = folder.path().join("repositories");
        let uploads = || fs::read_dir(root.join(TEMPORARY)).unwrap().count();
        let mut begun = a.begin("item", DATA, "begun").unwrap();
        begun.write(&[b"half"]).unwrap();
        let finished = upload(&a, "finished", b"bytes");
        // What a process left that is gone.
        fs::write(root.join(TEMPORARY).join("abandoned"), b"x").unwrap();
        assert_eq!(uploads(), 3);
        let c = Blobs::open(&root).unwrap();
        assert_eq!(uploads(), 2);
        begun.write(&[b" and half"]).unwrap();
        drop(begun.finish().unwrap().keep().unwrap());
        drop(finished.keep().unwrap());
        assert!(is_there(&c, &sha256(b"half and half"), 13) && is_there(&c, &sha256(b"bytes"), 5));
        assert_eq!(uploads(), 0);
    }

    #[test]
    fn bytes_that_another_process_is_about_to_commit_stay() {
        let (a, b, _folder) = two();
        let content = sha256(b"bytes");
        let kept = upload(&a, "1", b"bytes").keep().unwrap();
        let unasked = || panic!("nobody asks for rows while the bytes are claimed");
        assert!(!b.remove_unclaimed("item", DATA, &content, unasked).unwrap());
        assert!(!a.remove_unclaimed("item", DATA, &content, unasked).unwrap());
        drop(kept);
        assert!(!b.remove_unclaimed("item", DATA, &content, || Ok(true)).unwrap(), "a row refers to them");
        assert!(is_there(&b, &content, 5));
        assert!(b.remove_unclaimed("item", DATA, &content, || Ok(false)).unwrap());
        assert!(!is_there(&a, &content, 5));
    }

    #[test]
    fn nobody_places_bytes_while_it_is_asked_whether_they_can_go() {
        let (a, b, _folder) = two();
        let content = sha256(b"bytes");
        drop(upload(&a, "1", b"bytes").keep().unwrap());
        std::thread::scope(|scope| {
            let (placed, again) = std::sync::mpsc::channel();
            let removed = b.remove_unclaimed("item", DATA, &content, || {
                let finished = upload(&a, "2", b"bytes");
                scope.spawn(move || placed.send(finished.keep().unwrap()).unwrap());
                let early = again.recv_timeout(std::time::Duration::from_millis(50));
                assert!(early.is_err(), "it waits for the answer");
                Ok(false)
            });
            assert!(removed.unwrap());
            let kept = again.recv().unwrap();
            assert!(is_there(&b, &content, 5), "placed after the removal, it stays");
            drop(kept);
        });
    }

    #[test]
    fn a_repository_goes_when_no_process_is_about_to_commit_and_takes_nothing_in_any_more() {
        let (a, b, folder) = two();
        let root = folder.path().join("repositories");
        let kept = upload(&a, "1", b"bytes").keep().unwrap();
        assert!(!b.remove_repository("item", &GO_ON).unwrap());
        assert!(is_there(&b, &sha256(b"bytes"), 5));
        let late = upload(&a, "2", b"late");
        drop(kept);
        assert!(b.remove_repository("item", &GO_ON).unwrap());
        assert!(late.keep().is_err());
        assert!(upload(&b, "3", b"late").keep().is_err());
        let c = Blobs::open(&root).unwrap();
        assert!(upload(&c, "4", b"late").keep().is_err(), "a process that starts later knows too");
        assert!(!root.join("item").exists());
        assert!(a.remove_repository("item", &GO_ON).unwrap(), "gone is gone");
    }

    #[test]
    fn one_process_at_a_time_removes_a_repository() {
        let (a, b, _folder) = two();
        drop(upload(&a, "1", b"bytes").keep().unwrap());
        let removal = a.shared.claims.remove_repository("item").unwrap().unwrap();
        assert!(!b.remove_repository("item", &GO_ON).unwrap());
        assert!(upload(&b, "2", b"late").keep().is_err(), "it has begun");
        drop(removal);
        assert!(b.remove_repository("item", &GO_ON).unwrap());
    }

    fn sha256(bytes: &[u8]) -> String {
        ledger::Digest::of(bytes).to_string()
    }
}
