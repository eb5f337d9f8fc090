//! Where a store is: its folder, its database, and the bytes of its repositories.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::blobs::{Blobs, BucketPlace};
use crate::error::StoreError;
use crate::memory::Memory;
use crate::postgres::PostgresUrl;

/// Where a store is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The data folder: what belongs to this server alone. One process at a time has it open.
    pub folder: PathBuf,
    /// The database.
    pub database: Database,
    /// The folder with the bytes of repository objects, if it is not in the data folder. Servers that share a database
    /// share it, too.
    pub repositories: Option<PathBuf>,
    /// The bucket with the bytes of repository objects, instead of a folder.
    pub bucket: Option<BucketPlace>,
}

impl Place {
    /// Everything in one folder.
    pub fn folder(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), database: Database::Sqlite, repositories: None, bucket: None }
    }

    /// Opens what holds the bytes of repository objects.
    pub(crate) fn blobs(&self) -> Result<Blobs, StoreError> {
        match (&self.bucket, &self.repositories) {
            (None, Some(folder)) => Blobs::folder(folder),
            (None, None) => Blobs::folder(&self.folder.join("repositories")),
            (Some(bucket), None) => Blobs::bucket(bucket, &self.folder.join("uploads")),
            (Some(_), Some(_)) => {
                let why = "repositories are in a folder (--repositories DIR) or in a bucket (`[storage]`), not in both";
                Err(StoreError::Storage(why.into()))
            }
        }
    }
}

/// A database. What it shows of itself has no password in it.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite, in the data folder: for one server.
    Sqlite,
    /// PostgreSQL, or one that speaks its dialect: for one server or many.
    Postgres(Box<PostgresUrl>),
    /// In memory: for tests and simulations.
    Memory(Memory),
}

impl Database {
    /// The database at this address, or that in the data folder.
    ///
    /// # Errors
    /// In words for the person who wrote the address, and without repeating it: there is a password in it.
    pub fn at(address: Option<&str>) -> Result<Self, StoreError> {
        address.map_or(Ok(Self::Sqlite), str::parse)
    }
}

impl FromStr for Database {
    type Err = StoreError;

    /// Reads an address as `--database` takes it.
    fn from_str(address: &str) -> Result<Self, StoreError> {
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            let why = "the address of a database begins with postgres:// or postgresql://; without one, SQLite in the \
                       data folder is used";
            return Err(StoreError::Unsuitable(why.into()));
        }
        let url = PostgresUrl::parse(address).map_err(StoreError::Unsuitable)?;
        Ok(Self::Postgres(Box::new(url)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_database_that_is_known() {
        for known in ["postgres://localhost/x", "postgresql://u:p@localhost:5433/x"] {
            assert!(matches!(known.parse(), Ok(Database::Postgres(_))), "{known}");
        }
        for unknown in ["", "x", "mysql://u:sesame@localhost/x", "Postgres://u:sesame@h/x", "sqlite:x"] {
            let refused = unknown.parse::<Database>().unwrap_err().to_string();
            assert!(refused.contains("postgres://") && !refused.contains("sesame"), "{refused}");
        }
    }
}
