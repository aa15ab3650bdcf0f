//! A door for the fuzz target `config_toml` (`fuzz/shell`). Not an interface: it changes with the reader.

use std::path::Path;

use super::{ConfigError, file};

/// What a configuration file with this text is refused for.
///
/// # Errors
/// As at a start.
pub fn read(path: &Path, text: &str) -> Result<(), ConfigError> {
    file::parse(path, text).map(drop)
}
