//! The bytes of repository objects, in a folder.
//!
//! An object is written to a temporary file, hashed on the way, flushed, and only then renamed to its name, whose
//! folder is flushed too. So a name that exists has all its bytes, whenever the power fails.
//!
//! The file's name is always the hash of its bytes, also for `config`, whose name in the repository is not: so no
//! upload can ever overwrite other bytes. Layout: `{repository}/{type}/{first two digits}/{hash}`.
//!
//! Bytes get their name before the row that refers to them is committed. Between the two a [`Claim`] holds them, and
//! nothing removes bytes that are claimed or that a row refers to. When in doubt they stay: bytes without a row cost
//! space, a row without bytes costs a backup. Several processes may share the folder: see [`super::claim`].

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::claim::{Claim, Claims};
use super::spool::{Spool, Spooled};
use super::{Bytes, Part};
use crate::ObjectType;
use crate::error::StoreError;

/// The folder of uploads under way, below that of the repositories.
const TEMPORARY: &str = ".uploads";
/// The name of the file that says whose folder it is.
const ID: &str = ".id";

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    pub(super) spool: Spool,
    claims: Claims,
    /// Folders whose own names are known to be on disk. A folder that merely exists may still be lost with the power:
    /// another upload may have made it a moment ago. Those of a repository that another process removed may stay here;
    /// nothing is written to them any more.
    flushed: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// Opens the folder and removes what unfinished uploads left.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::Io(root.to_path_buf(), error);
        fs::create_dir_all(root).map_err(io)?;
        if let Some(parent) = root.parent() {
            flush_folder(parent).map_err(io)?;
        }
        let spool = Spool::open(&root.join(TEMPORARY)).map_err(io)?;
        let claims = Claims::open(root).map_err(io)?;
        Ok(Self { root: root.to_path_buf(), spool, claims, flushed: Mutex::default() })
    }

    /// Its path, for people.
    pub(super) fn told(&self) -> String {
        format!("the folder `{}`", self.root.display())
    }

    /// Gives flushed bytes their name and flushes the folder that holds it. They are durable afterwards, and claimed
    /// until the answer is dropped.
    pub(super) fn keep(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        spooled: &Spooled,
    ) -> Result<Claim, StoreError> {
        let folder = self.folder(repository, object_type, content);
        let target = folder.join(content);
        let kept = self.claims.claim(repository, content).and_then(|claim| {
            self.create_flushed(&folder)?;
            fs::rename(&spooled.path, &target)?;
            flush_folder(&folder)?;
            Ok(claim)
        });
        kept.map_err(|error| StoreError::Io(target, error))
    }

    /// Opens a part of an object, if its bytes are there and as many as they should be.
    pub(super) fn open_part(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        part: Part,
    ) -> Result<Bytes, StoreError> {
        let path = self.path(repository, object_type, content);
        let opened = File::open(&path).and_then(|mut file| {
            let found = file.metadata()?.len();
            file.seek(SeekFrom::Start(part.first))?;
            Ok((found, file))
        });
        let (found, file) = opened.map_err(|error| StoreError::Io(path.clone(), error))?;
        if found == part.size {
            return Ok(Box::new(file.take(part.length)));
        }
        let why = format!("has {found} bytes, and the database says {}", part.size);
        Err(StoreError::Corrupt(format!("`{}` {why}", path.display())))
    }

    /// Removes bytes that no row refers to and no upload is about to refer to. Whether a row does is asked while
    /// nothing new can be claimed. Returns whether the bytes are gone.
    pub(super) fn remove_unclaimed(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        referred_to: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let path = self.path(repository, object_type, content);
        let io = |error| StoreError::Io(path.clone(), error);
        let Some(_removal) = self.claims.remove_bytes(content).map_err(io)? else {
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
    pub(super) fn flush_removal(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<(), StoreError> {
        let folder = self.folder(repository, object_type, content);
        match flush_folder(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io(folder, error)),
            _ => Ok(()),
        }
    }

    /// Removes all bytes of a repository for good. Absent is fine. Returns whether all of them are gone, durably: not
    /// when an upload to it is just being decided or another process is at it, nor when asked to stop on the way.
    pub(super) fn remove_repository(&self, repository: &str, stop: &AtomicBool) -> Result<bool, StoreError> {
        let path = self.root.join(repository);
        let io = |error| StoreError::Io(path.clone(), error);
        let Some(_removal) = self.claims.remove_repository(repository).map_err(io)? else {
            return Ok(false);
        };
        self.flushed.lock().retain(|folder| !folder.starts_with(&path));
        let all = remove_tree(&path, stop).map_err(io)?;
        flush_folder(&self.root).map_err(io)?;
        Ok(all)
    }

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

    /// The id in the folder.
    pub(super) fn id(&self) -> Result<Option<Uuid>, StoreError> {
        let file = self.root.join(ID);
        read_id(&file).map_err(|error| StoreError::Io(file, error))
    }

    /// The id in the folder; the fresh one if there was none. Of two servers that write at once, one does.
    pub(super) fn id_or(&self, fresh: Uuid) -> Result<Uuid, StoreError> {
        let file = self.root.join(ID);
        read_or_write(&self.root, &file, fresh).map_err(|error| StoreError::Io(file, error))
    }
}

fn read_id(file: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id in the folder; the fresh one if there was none. Of two servers that write at once, one does.
fn read_or_write(folder: &Path, file: &Path, fresh: Uuid) -> io::Result<Uuid> {
    if let Some(id) = read_id(file)? {
        return Ok(id);
    }
    // Written aside and linked to its name, so that whoever finds it finds all of it.
    let aside = folder.join(format!("{ID}-{fresh}"));
    let mut written = OpenOptions::new().write(true).create_new(true).open(&aside)?;
    writeln!(written, "{fresh}")?;
    written.sync_all()?;
    let linked = fs::hard_link(&aside, file);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => flush_folder(folder)?,
    }
    read_id(file)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
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

#[cfg(test)]
mod tests {
    use super::super::{Blobs, Finished, Storage};
    use super::*;

    const DATA: ObjectType = ObjectType::Data;
    static GO_ON: AtomicBool = AtomicBool::new(false);

    /// One folder as two processes have it.
    fn two() -> (Blobs, Blobs, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let open = || Blobs::folder(&folder.path().join("repositories")).unwrap();
        (open(), open(), folder)
    }

    fn folder_of(blobs: &Blobs) -> &Folder {
        match &blobs.storage {
            Storage::Folder(folder) => folder,
            Storage::Bucket(_) => panic!("it is a folder"),
        }
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
        let c = Blobs::folder(&root).unwrap();
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
        let c = Blobs::folder(&root).unwrap();
        assert!(upload(&c, "4", b"late").keep().is_err(), "a process that starts later knows too");
        assert!(!root.join("item").exists());
        assert!(a.remove_repository("item", &GO_ON).unwrap(), "gone is gone");
    }

    #[test]
    fn one_process_at_a_time_removes_a_repository() {
        let (a, b, _folder) = two();
        drop(upload(&a, "1", b"bytes").keep().unwrap());
        let removal = folder_of(&a).claims.remove_repository("item").unwrap().unwrap();
        assert!(!b.remove_repository("item", &GO_ON).unwrap());
        assert!(upload(&b, "2", b"late").keep().is_err(), "it has begun");
        drop(removal);
        assert!(b.remove_repository("item", &GO_ON).unwrap());
    }

    fn sha256(bytes: &[u8]) -> String {
        ledger::Digest::of(bytes).to_string()
    }
}
