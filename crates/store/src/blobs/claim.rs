//! Who may place bytes and who may remove them, among all threads and processes that share a folder of repositories.
//!
//! Between the moment when bytes get their name and the commit that refers to them, only the upload knows that they are
//! needed. It says so to everybody by locks on files: shared by those who place bytes, exclusive to who removes some.
//! A process that dies lets go of them. On a network file system its locks have to work across hosts.
//!
//! - `bytes-{xx}`: against the removal of bytes whose hash begins so.
//! - `repository-{name}`: against the removal of the whole repository. It stays when the repository is gone, and says
//!   so by its length: no file arrives there any more.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked whether bytes are free to be removed, and how long is waited in between. An upload holds them
/// for one commit.
const LOOKS: usize = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The locks of one folder of repositories.
#[derive(Debug)]
pub(crate) struct Claims {
    folder: PathBuf,
}

/// Held by an upload while it is not decided whether a row will refer to its bytes.
#[derive(Debug)]
pub(crate) struct Claim {
    _repository: File,
    _bytes: File,
}

/// Held while something is removed.
#[derive(Debug)]
pub(crate) struct Removal {
    _lock: File,
}

impl Claims {
    /// The locks below a folder of repositories.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let folder = root.join(".locks");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Claims bytes that are about to get their name.
    ///
    /// # Errors
    /// When the repository is being removed, or is gone.
    pub(crate) fn claim(&self, repository: &str, content: &str) -> io::Result<Claim> {
        let given_up = || io::Error::other("the repository was given up");
        let of_repository = self.repository(repository)?;
        match of_repository.try_lock_shared() {
            Ok(()) => {}
            // Nobody else wants it alone.
            Err(TryLockError::WouldBlock) => return Err(given_up()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if of_repository.metadata()?.len() > 0 {
            return Err(given_up());
        }
        let bytes = self.bytes(content)?;
        bytes.lock_shared()?;
        Ok(Claim { _repository: of_repository, _bytes: bytes })
    }

    /// Keeps everybody from claiming these bytes while it is looked whether they can go. `None` when they are claimed,
    /// or others whose hash begins so are.
    pub(crate) fn remove_bytes(&self, content: &str) -> io::Result<Option<Removal>> {
        let lock = self.bytes(content)?;
        for look in 0..LOOKS {
            if look > 0 {
                std::thread::sleep(PAUSE);
            }
            if alone(&lock)? {
                return Ok(Some(Removal { _lock: lock }));
            }
        }
        Ok(None)
    }

    /// Shuts a repository for good. `None` when an upload to it is just being decided, or somebody else removes it.
    pub(crate) fn remove_repository(&self, repository: &str) -> io::Result<Option<Removal>> {
        let lock = self.repository(repository)?;
        if !alone(&lock)? {
            return Ok(None);
        }
        // A length without contents takes no room, so that it works on a full disk too.
        lock.set_len(1)?;
        lock.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Some(Removal { _lock: lock }))
    }

    fn bytes(&self, content: &str) -> io::Result<File> {
        open(&self.folder.join(format!("bytes-{}", content.get(..2).unwrap_or("00"))))
    }

    fn repository(&self, repository: &str) -> io::Result<File> {
        open(&self.folder.join(format!("repository-{repository}")))
    }
}

/// Opens a file to be locked. Each opening has a lock of its own, also within one process.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Locks a file, unless somebody else has.
pub(crate) fn alone(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
