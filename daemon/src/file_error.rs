//! What is wrong with one file or folder, and what to do: for every boundary that names files to people.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is something else than it must be.
    #[error("{} {reason}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
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
}

impl FileError {
    /// A file that is not what it must be.
    pub fn unusable(path: &Path, reason: impl Into<String>) -> FileError {
        FileError::Unusable { path: path.to_owned(), reason: reason.into() }
    }

    /// Something that the system refused.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> FileError {
        FileError::Io { action, path: path.to_owned(), source }
    }
}
