//! How the store fails. None of this reaches a client: the edge logs it and answers in general terms.

use std::path::PathBuf;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("`{}`: {}", .0.display(), .1)]
    Io(PathBuf, #[source] std::io::Error),
    /// Another process has the data folder open.
    #[error("the data folder `{}` is in use by another countersign process", .0.display())]
    InUse(PathBuf),
    /// The database engine failed.
    #[error("the database failed: {0}")]
    Engine(String),
    /// The database is not one that the store can use.
    #[error("the database cannot be used: {0}")]
    Unsuitable(String),
    /// The database could not be reached, or went away in the middle of something.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The database went away while it was asked to commit, and did not come back to tell whether it did.
    #[error("whether the last change was committed is not known: {0}")]
    Unknown(String),
    /// Another server's commit came between; the transaction has to be made again.
    #[error("the database was too busy with other servers' commits")]
    Contention,
    /// What was asked for is not in memory, and nobody wanted to wait for the database.
    #[error("the answer is not at hand")]
    NotAtHand,
    /// The database was written by a newer program.
    #[error(
        "the database was written by a newer version of countersign (schema {found}, this program knows {known}); \
         start that version, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The schema found.
        found: usize,
        /// The newest this program knows.
        known: usize,
    },
    /// The storage of repositories is not the one the database speaks of.
    #[error(
        "{storage} is not what holds the repositories of this database; servers that share a database share that folder \
         or bucket: name it with --repositories DIR, or in the configuration's `[storage]`. (If it is lost for good and \
         this is its copy, write {id} into the file or object `.id` in it.)"
    )]
    ForeignRepositories {
        /// The folder or bucket that the server was given.
        storage: String,
        /// What the right one has in its file `.id`.
        id: uuid::Uuid,
    },
    /// The bucket does not answer, or not as it must.
    #[error("{0}")]
    Storage(String),
    /// The database was moved to another one, or is being moved.
    #[error("the database was moved elsewhere with `countersign migrate`; start on the one it was moved to")]
    Moved,
    /// A database that something should be moved to is not empty.
    #[error("the database to move to is not empty (table `{0}` has rows); nothing was changed")]
    NotEmpty(&'static str),
    /// What was read makes no sense.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The code of an [`arm::Error`] after which nobody knows whether the commit was made.
    pub const OUTCOME_UNKNOWN: &'static str = "OutcomeUnknown";

    /// The same failure once more, for everybody whom it concerns.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Unreachable(why) => Self::Unreachable(why.clone()),
            Self::Contention => Self::Contention,
            Self::Moved => Self::Moved,
            other => Self::Engine(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

impl From<StoreError> for arm::Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Io(_, cause) if is_full(cause) => {
                let message = "the server's disk is full; nothing was stored";
                let mut full = arm::Error::new(arm::ErrorKind::Full, "InsufficientStorage", message);
                full.internal = Some(error.to_string());
                full
            }
            StoreError::Unreachable(_) | StoreError::Contention => {
                let message = "the server's database does not answer; try again in a moment";
                let mut away = arm::Error::new(arm::ErrorKind::Unavailable, "DatabaseUnavailable", message);
                away.internal = Some(error.to_string());
                away
            }
            StoreError::Unknown(_) => {
                let message = "the server's database went away while the change was being written; it is not known \
                               whether it was made: look before trying again";
                let mut away =
                    arm::Error::new(arm::ErrorKind::Unavailable, StoreError::OUTCOME_UNKNOWN, message);
                away.internal = Some(error.to_string());
                away
            }
            StoreError::Storage(_) => {
                let message = "the server's storage does not answer; try again in a moment";
                let mut away = arm::Error::new(arm::ErrorKind::Unavailable, "StorageUnavailable", message);
                away.internal = Some(error.to_string());
                away
            }
            StoreError::Moved => {
                let message =
                    "the server's database is being moved to another one; come back when that is done";
                let mut moved = arm::Error::new(arm::ErrorKind::Unavailable, "DatabaseMoved", message);
                moved.internal = Some(error.to_string());
                moved
            }
            _ => arm::Error::internal(error.to_string()),
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// Something the decision read has changed since.
    #[error("what the decision read has changed")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}
