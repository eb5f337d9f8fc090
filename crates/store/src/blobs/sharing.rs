//! What lets several servers use one folder of repositories: locks on files, which end with the process that holds them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// How many servers can use one folder.
const SERVERS: usize = 1000;

/// This server's own folder for uploads that are not finished.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) folder: PathBuf,
    /// Held, and so locked, as long as the server lives.
    _lock: File,
}

impl Desk {
    /// Takes a place that no living server has, and removes what dead ones left at theirs.
    pub(super) fn take(uploads: &Path) -> io::Result<Self> {
        fs::create_dir_all(uploads)?;
        let mut own = None;
        for number in 0..SERVERS {
            let folder = uploads.join(number.to_string());
            if own.is_some() && !folder.exists() {
                break;
            }
            let Some(lock) = try_lock(&uploads.join(format!("{number}.lock")))? else {
                continue;
            };
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::create_dir(&folder)?,
            }
            own.get_or_insert(Self { folder, _lock: lock });
        }
        own.ok_or_else(|| io::Error::other("too many servers share this folder"))
    }
}

/// Locks that keep bytes while it is decided whether a row will refer to them. Each stands for many files.
#[derive(Debug)]
pub(super) struct Stripes {
    folder: PathBuf,
}

impl Stripes {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Keeps these bytes from being removed until the answer is dropped.
    pub(super) fn claim(&self, content: &str) -> io::Result<File> {
        let file = open(&self.path(content))?;
        file.lock_shared()?;
        Ok(file)
    }

    /// Keeps these bytes from being claimed until the answer is dropped; `None` when they are, or others that share
    /// their lock.
    pub(super) fn seize(&self, content: &str) -> io::Result<Option<File>> {
        try_lock(&self.path(content))
    }

    fn path(&self, content: &str) -> PathBuf {
        self.folder.join(content.get(..2).unwrap_or("00"))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
