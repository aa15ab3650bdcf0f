//! Backups: the rows of one snapshot, as the daemon sends them ([`rows`]), in a file that a passphrase encrypts
//! ([`file`]), and back again ([`restore`]).

pub mod file;
pub mod restore;
pub mod rows;

use std::path::PathBuf;

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is something else, or from a newer version.
    #[error("{} {reason}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The rows cannot be put in.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
}
