//! A backup put in the place of a store.
//!
//! All of it is read and verified before anything is written, and again while it is written beside the old store. What
//! was there is kept aside under another name, and the new store takes its place by one rename.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::file::Rows;
use super::rows::Take;
use super::{BackupError, rows};
use crate::engine::DATABASE;
use crate::file_error::FileError;
use crate::folder::Folder;
use crate::replica::meta_key;
use crate::store::protection::Protection;
use crate::store::rewrite::NewStore;
use crate::store::rows::{FORMAT, meta};

/// What else of a store is in its folder.
const JOURNAL: &str = "quire.journal";
const BULK: &str = "bulk";
/// Restorings of one folder whose old stores are still there.
const MAX_ASIDE: u32 = 10_000;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How many rows.
    pub rows: u64,
    /// Whether the store was encrypted.
    pub encrypted: bool,
}

/// Reads a backup to its end without writing anything. `progress` hears of bytes.
///
/// # Errors
/// When anything is wrong with it.
pub fn verify(from: &mut Rows, path: &Path, progress: &dyn Fn(u64)) -> Result<Contents, BackupError> {
    let mut count = 0;
    let mut missing = vec![meta::FORMAT, meta::DEVICE_SEED, meta::CHANNEL_KEY];
    let encrypted = each(from, path, progress, &mut |key, value| {
        count += 1;
        missing.retain(|name| *key != *meta_key(name));
        if *key == *meta_key(meta::FORMAT) && value != FORMAT.to_be_bytes() {
            return Err(unusable(path, "was written by another version of Quire; update"));
        }
        Ok(())
    })?;
    if !missing.is_empty() {
        return Err(unusable(path, "does not hold a store"));
    }
    Ok(Contents { rows: count, encrypted })
}

/// Puts a backup that was [verified](verify) into a folder that no daemon uses; gives where the old store is, if there
/// was one.
///
/// # Errors
/// When it cannot be written: the old store is then still in its place.
pub fn put(
    from: &mut Rows,
    path: &Path,
    folder: &Folder,
    protection: &Protection,
    progress: &dyn Fn(u64),
) -> Result<Option<PathBuf>, BackupError> {
    let database = folder.path().join(DATABASE);
    let mut new = NewStore::beside(&database, protection)?;
    let written = each(from, path, progress, &mut |key, value| Ok(new.put(key, value)?));
    let aside = written.and_then(|_| keep_aside(folder.path()));
    match aside {
        Ok(aside) => {
            new.keep()?;
            // The old store has it under its other name; a new one could not read it.
            remove(&folder.path().join(JOURNAL))?;
            Ok(aside)
        }
        Err(error) => {
            new.give_up(protection);
            Err(error)
        }
    }
}

/// Whether there is a store that would be replaced.
pub fn is_occupied(folder: &Path) -> bool {
    [DATABASE, JOURNAL].iter().any(|name| folder.join(name).symlink_metadata().is_ok())
}

fn each(
    from: &mut Rows,
    path: &Path,
    progress: &dyn Fn(u64),
    row: Take<'_, BackupError>,
) -> Result<bool, BackupError> {
    io::Seek::rewind(from).map_err(|error| unusable(path, &error.to_string()))?;
    let mut counted = BufReader::new(Counted { from, progress });
    let mut failed = None;
    let read = rows::read::<io::Error>(&mut counted, &mut |key, value| {
        row(key, value).map_err(|error| {
            failed = Some(error);
            ErrorKind::Other.into()
        })
    });
    match failed {
        Some(error) => Err(error),
        None => read.map_err(|error| unusable(path, &format!("cannot be used: {error}"))),
    }
}

struct Counted<'a> {
    from: &'a mut Rows,
    progress: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.from.read(out)?;
        (self.progress)(taken as u64);
        Ok(taken)
    }
}

/// Gives what is there a second name. The store keeps its own until the new one takes it.
fn keep_aside(folder: &Path) -> Result<Option<PathBuf>, BackupError> {
    if !is_occupied(folder) {
        return Ok(None);
    }
    let free = (1..MAX_ASIDE).map(|number| format!("before-restore-{number}")).find(|end| {
        let is_free = |name: &str| folder.join(format!("{name}.{end}")).symlink_metadata().is_err();
        [DATABASE, JOURNAL, BULK].into_iter().all(is_free)
    });
    let end = free.ok_or_else(|| unusable(folder, "holds too many stores that were kept aside"))?;
    let aside = |name: &str| folder.join(format!("{name}.{end}"));
    link(&folder.join(JOURNAL), &aside(JOURNAL))?;
    link(&folder.join(DATABASE), &aside(DATABASE))?;
    match std::fs::rename(folder.join(BULK), aside(BULK)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io_error("move", folder, error)),
        _ => {}
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io_error("write", folder, error))?;
    Ok(Some(aside(DATABASE)))
}

/// A second name, or where the file system has none a copy.
fn link(from: &Path, to: &Path) -> Result<(), BackupError> {
    let linked = match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(_) => std::fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()),
        linked => linked,
    };
    linked.map_err(|error| io_error("keep", from, error))
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("remove", path, error)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, reason: &str) -> BackupError {
    FileError::unusable(path, reason).into()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> BackupError {
    FileError::io(action, path, source).into()
}
