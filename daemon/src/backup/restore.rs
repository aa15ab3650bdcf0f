//! A backup put in the place of a store.
//!
//! All of it is read and verified before anything is written, and again while it is written beside the old store. What
//! was there is kept aside under another name, and the new store takes its place by one rename. A crash leaves the old
//! store in its place, or the new one; what else it leaves of the way there is [swept](sweep) at the next start.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::MetadataExt as _;
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
    sweep(folder.path())?;
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

/// Takes back what a restoring left that did not come to its end: the old store is still in its place then, and one file
/// with what was to be kept of it. (Where there are no second names a copy is kept, which stays.)
///
/// # Errors
/// When the system refuses.
pub fn sweep(folder: &Path) -> Result<(), FileError> {
    let store = folder.join(DATABASE);
    for end in (1..MAX_ASIDE).map(ending) {
        let aside = |name: &str| folder.join(format!("{name}.{end}"));
        if aside(DATABASE).symlink_metadata().is_err() {
            return Ok(());
        }
        if !is_one_file(&store, &aside(DATABASE)) {
            continue;
        }
        if aside(BULK).exists() && folder.join(BULK).symlink_metadata().is_err() {
            let back = std::fs::rename(aside(BULK), folder.join(BULK));
            back.map_err(|error| FileError::io("move back", &aside(BULK), error))?;
        }
        remove(&aside(JOURNAL))?;
        remove(&aside(DATABASE))?;
        tracing::warn!(
            "a restoring of a backup was cut off: the store that was to be replaced is still in its place"
        );
    }
    Ok(())
}

fn is_one_file(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| path.symlink_metadata().ok().map(|about| (about.dev(), about.ino()));
    number(one).is_some_and(|one| number(other) == Some(one))
}

/// What the name of something kept aside ends with.
fn ending(number: u32) -> String {
    format!("before-restore-{number}")
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
    let free = (1..MAX_ASIDE).map(ending).find(|end| {
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

fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::io("remove", path, error)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, reason: &str) -> BackupError {
    FileError::unusable(path, reason).into()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> BackupError {
    FileError::io(action, path, source).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_cut_off_is_taken_back_and_what_was_kept_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        for name in [DATABASE, JOURNAL] {
            std::fs::write(folder.join(name), name).unwrap();
            // The first restoring came to its end, the second did not.
            std::fs::write(folder.join(format!("{name}.before-restore-1")), "before").unwrap();
        }
        std::fs::create_dir(folder.join(BULK)).unwrap();
        std::fs::write(folder.join(BULK).join("upload"), "rows").unwrap();
        let aside = keep_aside(folder).unwrap().unwrap();
        assert!(aside.ends_with("quire.redb.before-restore-2") && !folder.join(BULK).exists());
        sweep(folder).unwrap();
        sweep(folder).unwrap();
        let mut left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        let kept = ["quire.journal.before-restore-1", "quire.redb", "quire.redb.before-restore-1"];
        assert_eq!(left, [&["bulk", "quire.journal"], &kept[..]].concat());
        assert_eq!(std::fs::read(folder.join("bulk/upload")).unwrap(), b"rows");
    }
}
