//! Where the open file is: by its name, which the next start goes by, and by its number, which the open handle goes by.

use std::fs::{Metadata, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Result, StoreError};

/// A file that was opened.
pub(super) struct Location {
    path: PathBuf,
    number: (u64, u64),
}

impl Location {
    /// The file of this name, just after it was opened.
    pub(super) fn of(path: &Path) -> Result<Location> {
        let about = path.metadata().map_err(|error| StoreError::Open {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Location { path: path.to_owned(), number: number(&about) })
    }

    /// Bytes of the file; 0 when it is not there.
    pub(super) fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |about| about.len())
    }

    /// Whether the name still leads to the file: what is written into one without a name is gone when it is closed.
    pub(super) fn check(&self) -> Result<()> {
        let path = self.path.display();
        let reason = match self.path.metadata() {
            Ok(about) if number(&about) == self.number => return Ok(()),
            Ok(_) => format!("another file is at {path}; stop the daemon and put the right one there"),
            Err(error) => format!(
                "its file cannot be found at {path} ({error}); what it holds is lost when the daemon ends unless the \
                 file comes back: make a backup now (`quire backup`)"
            ),
        };
        Err(StoreError::ReadOnly(reason))
    }

    /// Whether the system would open it for writing.
    pub(super) fn is_writable(&self) -> bool {
        OpenOptions::new().write(true).open(&self.path).is_ok()
    }
}

fn number(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}
