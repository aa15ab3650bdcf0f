//! A store written anew: into another file whose values rest otherwise, or out of a backup.
//!
//! The new file lies beside the old one under another name and takes its place by one rename, so that a crash leaves the
//! one or the other, whole. What the old file held is then free space of the disk: a disk of flash memory may keep it for
//! a while, as it does with every removed file.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::keys::ABOUT_VALUES;
use super::protection::{Place, Protection, Wrapped};
use super::{Reader, Result, Rows, Store, StoreError, Visit};

/// Bytes of rows put in one transaction: bounds what is in memory.
const BATCH: usize = 4 * 1024 * 1024;

/// After all keys, which begin with the letter of a kind.
const END: &[u8] = &[u8::MAX];

/// A file that is to become a store.
pub struct NewStore {
    store: Store,
    path: PathBuf,
    batch: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Store {
    /// True when values rest as is wanted.
    pub fn rests_as_wanted(&self, protection: &Protection) -> bool {
        protection.encrypt.is_none_or(|encrypt| encrypt == self.seal.is_encrypted())
    }

    /// Where the key of an encrypted store lies; none for one that is not encrypted.
    pub fn key_place(&self) -> Option<Place> {
        self.wrapped.as_ref().and_then(|wrapped| wrapped.place().ok())
    }

    /// Moves the key of an encrypted store to where it is wanted: the data key is wrapped anew, and the old wrapping key
    /// forgotten. Gives where it was, if it was moved. Who has a copy of the old key can still open copies of the file
    /// that were made before.
    ///
    /// # Errors
    /// When it cannot be kept there: it is then where it was.
    pub fn move_key(&mut self, protection: &Protection) -> Result<Option<Place>> {
        let Some(old) = &self.wrapped else { return Ok(None) };
        let place = old.place()?;
        if protection.keeper()?.may_stay(place) {
            return Ok(None);
        }
        let new = Wrapped::around(&old.open(protection)?, protection)?;
        self.put_wrapped(&new)?;
        if let Err(error) = old.forget(protection) {
            tracing::warn!(%error, "the key that the store had before could not be removed");
        }
        self.wrapped = Some(new);
        Ok(Some(place))
    }

    /// Every row as it was put, in the order of their keys.
    ///
    /// # Errors
    /// The first damaged one, or an error of `each`.
    pub fn rows(&self, each: Visit<'_>) -> Result<()> {
        self.read()?.all_after(&[], each)
    }

    /// What names the key of this store.
    pub fn keys(&self) -> Keys {
        Keys(self.wrapped.clone())
    }
}

/// Names the key that a store is encrypted by, if it is.
pub struct Keys(Option<Wrapped>);

impl Keys {
    /// Forgets the key: the store is no more.
    ///
    /// # Errors
    /// When it is still there.
    pub fn forget(&self, protection: &Protection) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |wrapped| wrapped.forget(protection))
    }
}

impl Reader {
    /// Every row behind a key, but those that say how the others rest.
    ///
    /// # Errors
    /// The first damaged one, or an error of `each`.
    pub fn all_after(&self, after: &[u8], each: Visit<'_>) -> Result<()> {
        let next = [after, &[0]].concat();
        self.scan(if after.is_empty() { &[ABOUT_VALUES + 1] } else { &next }, END, each)
    }
}

impl NewStore {
    /// Begins a file that becomes the store at `path` by [`keep`](Self::keep). What a crash left of another is removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn beside(path: &Path, protection: &Protection) -> Result<NewStore> {
        NewStore::sweep(path)?;
        let new = new_path(path);
        let store = Store::open_protected(&new, protection)?;
        Ok(NewStore { store, path: path.to_owned(), batch: Vec::new(), bytes: 0 })
    }

    /// Removes what a crash left of a new file.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn sweep(path: &Path) -> Result<()> {
        remove(&new_path(path))
    }

    /// Where it is written.
    pub fn new_path(&self) -> PathBuf {
        new_path(&self.path)
    }

    /// Puts a row.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.bytes += key.len() + value.len();
        self.batch.push((key.to_vec(), value.to_vec()));
        if self.bytes < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.store.write(|rows| {
            rows.bypass_journal();
            batch.iter().try_for_each(|(key, value)| rows.put(key, value))
        })
    }

    /// Puts it on the disk in the old one's place, of which nobody holds a handle any more.
    ///
    /// # Errors
    /// When that fails: the old one is then still there.
    pub fn keep(mut self) -> Result<()> {
        self.flush()?;
        let NewStore { store, path, .. } = self;
        drop(store);
        let new = new_path(&path);
        let done = || {
            File::open(&new)?.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        done().map_err(|error| failed(&path, &error))
    }

    /// Gives it up: nothing stays of it, its key neither.
    pub fn give_up(self, protection: &Protection) {
        let new = self.new_path();
        let forgotten = self.store.keys().forget(protection);
        drop(self.store);
        if let Err(error) = remove(&new).and(forgotten) {
            tracing::warn!(%error, "what was begun of a new store is left behind");
        }
    }
}

fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Open { path: path.display().to_string(), reason: error.to_string() }
}
