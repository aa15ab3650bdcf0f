//! Why the store did not do it.

use thiserror::Error;

/// What can be done about damage.
pub(super) const REMEDY: &str = "restore a backup (`quire restore --replace`), or move the store away and pair again: \
                                 what other devices have comes back";

/// The store failed. After an I/O error redb's handle is dead until it is opened again.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The disk, or what of it may be used, is full. What is there can be read.
    #[error("the disk is full, nothing was written: {0}")]
    Full(String),
    /// The database refused or failed.
    #[error("the store failed: {0}")]
    Database(String),
    /// A value's tag does not fit: the file was damaged.
    #[error("the store's row {0} is damaged: {remedy}", remedy = REMEDY)]
    Damaged(String),
    /// A value has a form this version does not read.
    #[error("the store's row {0} cannot be read by this version")]
    Unreadable(String),
    /// What was to be written with the rest of a transaction cannot be kept: nothing of it is.
    #[error("the store does not take it: {0}")]
    Refused(String),
    /// It is damaged, or is not in its place: what is there can be read, and nothing is written.
    #[error("the store takes no writes: {0}")]
    ReadOnly(String),
    /// It is encrypted, or is to be, and its key cannot be had. Nothing was changed.
    #[error("the store cannot be opened: {0}")]
    Key(String),
    /// The folder or file cannot be used.
    #[error("the store at {path} cannot be opened: {reason}")]
    Open {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

macro_rules! from_redb {
    ($($error:ident)*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> StoreError { told(error.into()) }
        }
    )*};
}

fn told(error: redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => StoreError::of_io("", &error),
        redb::Error::Corrupted(reason) => StoreError::Damaged(format!("({reason})")),
        error => StoreError::Database(error.to_string()),
    }
}

impl StoreError {
    /// What the system said of something that was written.
    pub(super) fn of_io(what: &str, error: &std::io::Error) -> StoreError {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let said = format!("{what}{error}");
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => StoreError::Full(said),
            _ => StoreError::Database(said),
        }
    }

    /// True when the database's handle is dead, or may be: it must be opened again.
    pub fn is_of_disk(&self) -> bool {
        matches!(self, StoreError::Database(_) | StoreError::Full(_))
    }
}

from_redb!(TransactionError TableError StorageError CommitError SetDurabilityError);

/// Result of a store call.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
