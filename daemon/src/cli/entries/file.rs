//! The configuration file as it is replaced: whole or not at all, one change at a time.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::super::Failure;
use super::document::Document;
use crate::config;

/// It has hashes of passwords.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
const MODE_BITS: u32 = 0o7777;

/// A configuration file, which need not exist; nobody else changes it by this program meanwhile.
pub(in crate::cli) struct ConfigFile {
    /// What was asked for; messages name it.
    path: PathBuf,
    /// Behind all links: those stay.
    real: PathBuf,
    text: String,
    folder: File,
}

impl ConfigFile {
    /// Reads it, and makes its folder where that is missing.
    pub(in crate::cli) fn open(path: &Path) -> Result<Self, Failure> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => path.clone(),
            Err(source) => return Err(cannot("read", &path, &source)),
        };
        let folder = real.parent().unwrap_or(Path::new("/"));
        let open = || {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
            let open = File::open(folder)?;
            flock(&open, FlockOperation::LockExclusive)?;
            Ok(open)
        };
        let folder = open().map_err(|source| cannot("use", folder, &source))?;
        let text = config::file_text(&real)?.unwrap_or_default();
        Ok(Self { path, real, text, folder })
    }

    /// Its name, for people.
    pub(in crate::cli) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// What it says, to be changed.
    pub(in crate::cli) fn document(&self) -> Result<Document, Failure> {
        match Document::parse(&self.text) {
            Some(document) => Ok(document),
            None => Err(self.mistake().unwrap_or_else(|| self.cannot("it is no TOML"))),
        }
    }

    pub(in crate::cli) fn cannot(&self, why: impl std::fmt::Display) -> Failure {
        self.mistake().unwrap_or_else(|| Failure::Said(format!("cannot change {}: {why}", self.shown())))
    }

    /// What is wrong with it as it is.
    fn mistake(&self) -> Option<Failure> {
        config::check_text(&self.path, &self.text).err().map(Failure::from)
    }

    /// Puts a new text in its place, if a daemon would take that: a daemon that cannot start is worse than no change.
    pub(in crate::cli) fn replace(&self, text: &str) -> Result<(), Failure> {
        if let Err(wrong) = config::check_text(&self.path, text) {
            // The place is right in what the user sees, which is the old text.
            return Err(self.mistake().unwrap_or_else(|| Failure::from(wrong)));
        }
        self.write(text).map_err(|source| cannot("write", &self.path, &source))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut name = self.real.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = self.real.with_file_name(name);
        let written = self.write_new(&new, text).and_then(|()| std::fs::rename(&new, &self.real));
        if written.is_err() {
            // What is left of it is of no use; the error that matters is the first.
            let _ = std::fs::remove_file(&new);
        }
        written?;
        self.folder.sync_all()
    }

    fn write_new(&self, new: &Path, text: &str) -> io::Result<()> {
        // A killed process of the same number may have left one; the lock says that nobody is at it.
        match std::fs::remove_file(new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(new)?;
        match self.real.metadata() {
            Ok(old) => {
                let about = file.metadata()?;
                if (about.uid(), about.gid()) != (old.uid(), old.gid()) {
                    fchown(&file, Some(old.uid()), Some(old.gid()))?;
                }
                file.set_permissions(Permissions::from_mode(old.mode() & MODE_BITS))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

fn cannot(action: &str, path: &Path, source: &io::Error) -> Failure {
    Failure::Said(format!("cannot {action} {}: {source}", path.display()))
}
