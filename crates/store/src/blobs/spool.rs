//! Uploads under way: temporary files that are hashed on the way.
//!
//! They are garbage after a crash; the next start of any process on the folder removes those that nobody writes to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ledger::Digester;

use super::claim::alone;
use crate::Checksum;
use crate::error::StoreError;

/// The folder of uploads under way.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
}

/// The bytes of one upload. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Spooled {
    /// Locked, so that a process which starts meanwhile leaves it alone.
    pub(super) file: File,
    pub(super) path: PathBuf,
    hash: Digester,
    checksum: Checksum,
    pub(super) size: u64,
}

impl Spool {
    /// Makes the folder, and removes what unfinished uploads left.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        remove_abandoned(folder)?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// Begins a file under a name of its own.
    pub(super) fn begin(&self, unique: &str) -> Result<Spooled, StoreError> {
        let path = self.folder.join(unique);
        let file = create_held(&path).map_err(|error| StoreError::Io(path.clone(), error))?;
        Ok(Spooled { file, path, hash: Digester::default(), checksum: Checksum::default(), size: 0 })
    }
}

impl Spooled {
    /// Adds bytes, which lie in so many places.
    pub(super) fn write(&mut self, bytes: &[impl AsRef<[u8]>]) -> Result<(), StoreError> {
        for bytes in bytes {
            self.hash.update(bytes.as_ref());
            self.checksum.update(bytes.as_ref());
            self.size += bytes.as_ref().len() as u64;
        }
        write_all(&mut self.file, bytes).map_err(|error| StoreError::Io(self.path.clone(), error))
    }

    /// The hash of all bytes so far, in lower-case hex.
    pub(super) fn hash(&self) -> String {
        self.hash.clone().finish().to_string()
    }

    /// The checksum of all bytes so far.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum.finish()
    }

    /// Flushes the bytes.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| StoreError::Io(self.path.clone(), error))
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Where the file was given another name, this one is gone already.
        let _ = fs::remove_file(&self.path);
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

/// Creates a file and locks it. Before it is locked another process may take it for abandoned and remove it; then it is
/// created again.
fn create_held(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
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
