//! What an app can be told: few cases, each something it can act on.

use thiserror::Error;

/// The store cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder is not usable or another process holds it: close the other, or choose another folder.
    #[error("{0}")]
    Folder(String),
    /// The database failed: the message says what to do.
    #[error("{0}")]
    Store(String),
}
