//! Backups: the rows of one snapshot, as the daemon sends them ([`rows`]), in a file that a passphrase encrypts
//! ([`file`]), and back again ([`restore`]).

pub mod file;
pub mod restore;
pub mod rows;

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The backup, or what it is to replace, cannot be used.
    #[error(transparent)]
    File(#[from] crate::file_error::FileError),
    /// The rows cannot be put in.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
}
