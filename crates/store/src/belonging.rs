//! That the storage of repositories is the one the database speaks of.
//!
//! A server that was pointed at another folder or bucket, as one of several easily is, would take uploads that its
//! neighbours cannot hand out, and call their backups lost. So storage and database carry the same id, and it does not
//! start.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Store, StoreError};

/// Which folder or bucket holds the bytes of this database's repositories. There is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belonging {
    /// What is written there, too.
    pub id: Uuid,
}

impl Belonging {
    /// Its key.
    pub const KEY: &'static str = "repositories";
}

impl Store {
    /// Checks that the storage does what is asked of it, and that it and the database belong together; or makes them,
    /// with a fresh id, when neither says anything. It waits for the storage.
    ///
    /// # Errors
    /// [`StoreError::ForeignRepositories`] when they do not; [`StoreError::Storage`] when the storage will not do.
    pub fn check_repositories(&self, fresh: Uuid) -> Result<(), StoreError> {
        let blobs = self.blobs();
        blobs.probe(fresh)?;
        let known: Option<Belonging> =
            self.transact(|tx| tx.get(Belonging::KEY)).map_err(|error| StoreError::Engine(told(error)))?;
        let here = match known {
            Some(_) => blobs.id()?,
            // The storage first: if nothing more comes of it, the next start takes the id from there.
            None => Some(blobs.id_or(fresh)?),
        };
        let theirs = self.transact(|tx| match (tx.get::<Belonging>(Belonging::KEY)?, here) {
            (Some(known), _) => Ok(Some(known.id)),
            (None, Some(id)) => tx.put(&Belonging { id }).map(|()| Some(id)),
            (None, None) => Ok(None),
        });
        let theirs = theirs.map_err(|error| StoreError::Engine(told(error)))?;
        match theirs {
            Some(id) if here != Some(id) => {
                Err(StoreError::ForeignRepositories { storage: blobs.told(), id })
            }
            _ => {
                self.shared.purger.bell().ring();
                Ok(())
            }
        }
    }
}

fn told(error: arm::Error) -> String {
    error.internal.unwrap_or(error.message)
}
