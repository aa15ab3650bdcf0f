//! The file of the journal, beside the database.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::direct::Direct;

/// The owner's alone, like everything in the data folder.
pub(super) const MODE: u32 = 0o600;

/// Where a journal is kept; a test puts a disk here that fails on purpose.
pub(in crate::store) trait Disk: Send {
    /// Everything of it up to a size; nothing when there is none.
    fn read(&mut self, size: usize) -> io::Result<Vec<u8>>;

    /// Makes it anew, full of zeros, and on disk. What is written into it later takes blocks that it has, so that
    /// a sync need not write where they are.
    fn make(&mut self, size: usize) -> io::Result<()>;

    /// Overwrites what is at a place.
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Waits until what was written is on disk.
    fn sync(&mut self) -> io::Result<()>;

    /// False when somebody else has removed or replaced it since it was made.
    fn is_in_place(&self) -> bool;

    /// Removes it, where it is.
    fn remove(&mut self) -> io::Result<()>;
}

/// A journal in a file of its own.
pub(in crate::store) struct JournalFile {
    path: PathBuf,
    file: Option<File>,
    direct: Option<Direct>,
}

impl JournalFile {
    /// The journal of a database.
    pub(in crate::store) fn beside(database: &Path) -> JournalFile {
        JournalFile { path: database.with_extension("journal"), file: None, direct: None }
    }

    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("it is not open"))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Disk for JournalFile {
    fn read(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(size as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn make(&mut self, size: usize) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&self.path)?;
        file.write_all(&vec![0; size])?;
        file.sync_all()?;
        self.file = Some(file);
        self.direct = Direct::open(&self.path);
        self.sync_folder()
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        match &mut self.direct {
            Some(direct) => direct.write(bytes, at),
            None => self.file()?.write_all_at(bytes, at),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match &self.direct {
            Some(_) => Ok(()),
            None => self.file()?.sync_data(),
        }
    }

    fn is_in_place(&self) -> bool {
        let open = self.file.as_ref().and_then(|file| file.metadata().ok());
        let named = self.path.symlink_metadata().ok();
        let number = |about: Option<Metadata>| about.map(|about| (about.dev(), about.ino()));
        number(open).is_some_and(|open| number(named) == Some(open))
    }

    fn remove(&mut self) -> io::Result<()> {
        (self.file, self.direct) = (None, None);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
