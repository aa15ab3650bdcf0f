//! Entries of the configuration file that commands write: users of the Bulk shapes, apps. Whatever else is in the file
//! stays as it is.

mod document;
mod file;

use std::path::PathBuf;

use clap::Args;

pub(super) use self::document::{Entry, List, Set};
pub(super) use self::file::ConfigFile;
use super::Failure;
use crate::config::{Layer, Loader};

/// Which file.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Configuration file, TOML [default: QUIRE_CONFIG, else quire/config.toml in the platform's configuration folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl FileArgs {
    /// What reads the file that `quire serve` would read.
    pub(super) fn loader(&self) -> Result<Loader, Failure> {
        Ok(Loader::new(Layer::default(), self.config.clone(), &|name| std::env::var_os(name))?)
    }

    /// Where that file is, whether or not it exists.
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        let loader = self.loader()?;
        loader.file().map(ToOwned::to_owned).ok_or_else(|| {
            Failure::Said(
                "there is no home folder, so no default configuration file; say --config FILE".to_owned(),
            )
        })
    }

    /// Puts an entry into the file.
    pub(super) fn set(&self, list: List, entry: &Entry<'_>) -> Result<(Set, String), Failure> {
        let file = ConfigFile::open(&self.path()?)?;
        let mut document = file.document()?;
        let set = document.set(list, entry).map_err(|why| file.cannot(why))?;
        file.replace(&document.to_string())?;
        Ok((set, file.shown()))
    }

    /// Takes an entry out of the file; `what` is how people call it.
    pub(super) fn remove(&self, list: List, entry: &Entry<'_>, what: &str) -> Result<String, Failure> {
        let path = self.path()?;
        let missing = |shown: &str| Failure::Said(format!("there is no {what} in {shown}"));
        if !path.exists() {
            return Err(missing(&path.display().to_string()));
        }
        let file = ConfigFile::open(&path)?;
        let mut document = file.document()?;
        if !document.remove(list, entry) {
            return Err(missing(&file.shown()));
        }
        file.replace(&document.to_string())?;
        Ok(file.shown())
    }
}
