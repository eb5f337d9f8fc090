//! That the folder of repositories is the one the database speaks of.
//!
//! A server that was pointed at another folder, as one of several easily is, would take uploads that its neighbours
//! cannot hand out, and call their backups lost. So folder and database carry the same id, and it does not start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::blobs::flush_folder;
use crate::{Store, StoreError};

/// The name of the file that holds the id, in the folder of repositories.
const FILE: &str = ".id";

/// Which folder holds the bytes of this database's repositories. There is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    /// What is written in the folder, too.
    pub id: Uuid,
}

impl Belonging {
    /// Its key.
    pub const KEY: &'static str = "repositories";
}

impl Store {
    /// Checks that folder and database belong together, or makes them, with a fresh id, when neither says anything.
    ///
    /// # Errors
    /// [`StoreError::ForeignRepositories`] when they do not.
    pub fn check_repositories(&self, fresh: Uuid) -> Result<(), StoreError> {
        let folder = self.blobs().root();
        let known: Option<Belonging> =
            self.transact(|tx| tx.get(Belonging::KEY)).map_err(|error| StoreError::Engine(told(error)))?;
        let file = folder.join(FILE);
        let io = |error| StoreError::Io(file.clone(), error);
        let here = match known {
            Some(_) => read(&file).map_err(io)?,
            // The folder first: if nothing more comes of it, the next start takes the id from there.
            None => Some(read_or_write(folder, &file, fresh).map_err(io)?),
        };
        let theirs = self.transact(|tx| match (tx.get::<Belonging>(Belonging::KEY)?, here) {
            (Some(known), _) => Ok(Some(known.id)),
            (None, Some(id)) => tx.put(&Belonging { id }).map(|()| Some(id)),
            (None, None) => Ok(None),
        });
        let theirs = theirs.map_err(|error| StoreError::Engine(told(error)))?;
        match theirs {
            Some(id) if here != Some(id) => {
                Err(StoreError::ForeignRepositories { folder: folder.to_path_buf(), id })
            }
            _ => Ok(()),
        }
    }
}

fn told(error: arm::Error) -> String {
    error.internal.unwrap_or(error.message)
}

fn read(file: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id in the folder; the fresh one if there was none. Of two servers that write at once, one does.
fn read_or_write(folder: &Path, file: &Path, fresh: Uuid) -> io::Result<Uuid> {
    if let Some(id) = read(file)? {
        return Ok(id);
    }
    // Written aside and linked to its name, so that whoever finds it finds all of it.
    let aside = folder.join(format!("{FILE}-{fresh}"));
    let mut written = OpenOptions::new().write(true).create_new(true).open(&aside)?;
    writeln!(written, "{fresh}")?;
    written.sync_all()?;
    let linked = fs::hard_link(&aside, file);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => flush_folder(folder)?,
    }
    read(file)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}
