//! A configuration file under the test's hand.

use crate::process::Options;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A file in a folder of its own, which only its owner can read: it may hold hashes of passwords.
#[derive(Debug)]
pub struct Config {
    folder: tempfile::TempDir,
}

impl Config {
    /// A file with that text.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn new(text: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("quire-config-").tempdir().expect("a temporary folder");
        let config = Self { folder };
        std::fs::write(config.path(), text).expect("a configuration file");
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(config.path(), owner_only).expect("the file's mode");
        config
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Options of a daemon that reads it.
    pub fn options(&self, name: &str) -> Options {
        let mut options = Options::named(name);
        options.arguments = vec!["--config".to_owned(), self.path().display().to_string()];
        options
    }
}
