//! The engine inside an app: opens a store and reads a marking. A leaf: it translates and decides nothing.
//!
//! Bindings for Kotlin, Swift, Python and C will grow from this crate; the engine carries no attribute of
//! theirs. No HTTP, no mDNS and no command line are linked in: `quire-daemon` is used without its feature
//! `server`, which `cargo check -p quire-ffi`, run alone, guards.

mod error;

pub use error::OpenError;

use std::path::Path;

use quire_daemon::engine::Engine;
use quire_daemon::folder::Folder;

/// An open store. One process at a time may hold it; dropping it closes it.
pub struct Library {
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    _folder: Folder,
}

impl Library {
    /// Opens the store in a folder, making it when it is not there. `name` is what the person's other
    /// devices will call this one. Blocks on the disk for some milliseconds.
    pub fn open(folder: &Path, name: &str) -> Result<Library, OpenError> {
        let held = Folder::open(folder).map_err(|error| OpenError::Folder(error.to_string()))?;
        let engine = Engine::open(held.path(), name).map_err(|error| OpenError::Store(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| OpenError::Store(error.to_string()))?;
        Ok(Library { engine, runtime, _folder: held })
    }

    /// The marking of a `syncGuid` (lower case with hyphens) as JSON with the documented members; `None`
    /// when there is none. Blocks on the disk for some microseconds.
    pub fn marking(&self, sync_guid: &str) -> Result<Option<String>, OpenError> {
        let found =
            self.engine.marking(sync_guid, None).map_err(|error| OpenError::Store(error.to_string()))?;
        Ok(found.map(|item| serde_json::Value::Object(item.members).to_string()))
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.runtime.block_on(self.engine.stop());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_store_opens_reads_and_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path(), "phone").unwrap();
        assert_eq!(library.marking("538b23c8-1b20-4bd3-a44e-53ae4a8bdc12").unwrap(), None);
        assert!(matches!(Library::open(folder.path(), "phone"), Err(OpenError::Folder(_))));
        drop(library);
        assert!(Library::open(folder.path(), "phone").is_ok());
    }
}
