//! redb in our words: rows in key order, each value tagged, one transaction a commit group.
//!
//! What the rows are and how their keys are built is in [`keys`]; nothing outside this module names redb.
//! redb does not notice bit rot when it reads (measured: 729 of 1,000 flips gave wrong data in silence),
//! so every value carries an 8-byte keyed tag that also binds its key.

pub mod keys;
pub mod rows;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};
use thiserror::Error;

/// One B-tree for all rows: a commit then writes one path of inner pages, not one for each table.
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

/// Memory for pages. The default of redb is a gigabyte; reads hit the system's cache anyway (measured:
/// 10 MiB and 390 MiB of it answer a random read in 9.6 and 8.6 µs).
const CACHE: usize = 12 * 1024 * 1024;

/// File size from which every commit also saves what a quick reopen needs: below it a repair takes less
/// than half a second (8 ms a MiB), above it the second sync is the smaller price.
const QUICK_REPAIR_FROM: u64 = 64 * 1024 * 1024;

const TAG: usize = 8;

/// The store failed. After an I/O error redb's handle is dead until it is opened again.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("the store failed: {0}")]
    Database(String),
    /// A value's tag does not fit: the file was damaged.
    #[error("the store's row {0} is damaged: restore a backup, or remove the data folder and pair again")]
    Damaged(String),
    /// A value has a form this version does not read.
    #[error("the store's row {0} cannot be read by this version")]
    Unreadable(String),
    /// The folder or file cannot be used.
    #[error("the store at {path} cannot be opened: {reason}")]
    Open {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

macro_rules! from_redb {
    ($($error:ident)*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> StoreError { StoreError::Database(error.to_string()) }
        }
    )*};
}
from_redb!(TransactionError TableError StorageError CommitError SetDurabilityError);

/// Result of a store call.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An open database.
pub struct Store {
    db: Arc<Database>,
    path: Option<std::path::PathBuf>,
    tag_key: [u8; 32],
}

/// Rows as they were at one commit. Keep it short: a held one makes the file grow.
pub struct Reader {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    tag_key: [u8; 32],
}

/// The one writing transaction.
pub struct Writer<'t> {
    table: redb::Table<'t, &'static [u8], &'static [u8]>,
    tag_key: [u8; 32],
    wrote: bool,
}

/// What is done with each row of a scan; it ends the scan by breaking.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>;

/// Reading, within a snapshot or within the writing transaction.
pub trait Rows {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Every row with `from <= key < to` in key order until `each` breaks.
    fn scan(&self, from: &[u8], to: &[u8], each: Visit<'_>) -> Result<()>;

    /// The last row with `from <= key <= to`.
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>>;
}

impl Store {
    /// Opens or makes the database file.
    pub fn open(path: &Path) -> Result<Store> {
        let open = || Database::builder().set_cache_size(CACHE).create(path);
        let failed = |reason: String| StoreError::Open { path: path.display().to_string(), reason };
        let db = catch_unwind(AssertUnwindSafe(open))
            .map_err(|_| failed("it is damaged (the database panicked)".into()))?
            .map_err(|error| failed(error.to_string()))?;
        Store::prepare(db, Some(path.to_owned()))
    }

    /// A database in a backend of the caller's: memory, or one that fails on purpose.
    pub fn with_backend(backend: impl redb::StorageBackend) -> Result<Store> {
        let failed = |reason: String| StoreError::Open { path: "(backend)".into(), reason };
        let db = Database::builder()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|error| failed(error.to_string()))?;
        Store::prepare(db, None)
    }

    /// The tag's key is kept beside the rows: it guards against rot, not against somebody with the file.
    fn prepare(db: Database, path: Option<std::path::PathBuf>) -> Result<Store> {
        let txn = db.begin_write()?;
        let tag_key = {
            let mut table = txn.open_table(ROWS)?;
            let kept = table.get(keys::TAG_KEY)?.map(|v| v.value().to_vec());
            match kept {
                Some(key) => key.try_into().map_err(|_| StoreError::Damaged("tag key".into()))?,
                None => {
                    let key: [u8; 32] = crate::random::bytes();
                    table.insert(keys::TAG_KEY, key.as_slice())?;
                    key
                }
            }
        };
        txn.commit()?;
        Ok(Store { db: Arc::new(db), path, tag_key })
    }

    /// A snapshot of the last commit.
    pub fn read(&self) -> Result<Reader> {
        let txn = self.db.begin_read()?;
        Ok(Reader { table: txn.open_table(ROWS)?, tag_key: self.tag_key })
    }

    /// Runs `work` in a writing transaction and commits it to disk when it is `Ok` and wrote anything; a panic of the
    /// database is an error like any other.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let run = || -> Result<T, E> {
            let mut txn = self.db.begin_write().map_err(StoreError::from)?;
            txn.set_quick_repair(self.size() >= QUICK_REPAIR_FROM);
            let (out, wrote) = {
                let table = txn.open_table(ROWS).map_err(StoreError::from)?;
                let mut writer = Writer { table, tag_key: self.tag_key, wrote: false };
                (work(&mut writer)?, writer.wrote)
            };
            if wrote {
                txn.commit().map_err(StoreError::from)?;
            } else {
                txn.abort().map_err(StoreError::from)?;
            }
            Ok(out)
        };
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(StoreError::Database("the database panicked".into()).into()))
    }

    fn size(&self) -> u64 {
        let metadata = self.path.as_ref().and_then(|path| std::fs::metadata(path).ok());
        metadata.map_or(0, |m| m.len())
    }
}

fn tag(tag_key: &[u8; 32], key: &[u8], value: &[u8]) -> [u8; TAG] {
    let mut hasher = blake3::Hasher::new_keyed(tag_key);
    hasher.update(&(key.len() as u32).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&hasher.finalize().as_bytes()[..TAG]);
    tag
}

fn untag<'a>(tag_key: &[u8; 32], key: &[u8], tagged: &'a [u8]) -> Result<&'a [u8]> {
    let damaged = || StoreError::Damaged(keys::describe(key));
    let at = tagged.len().checked_sub(TAG).ok_or_else(damaged)?;
    let (value, kept) = tagged.split_at(at);
    if tag(tag_key, key, value) == kept { Ok(value) } else { Err(damaged()) }
}

/// redb may panic on a damaged page; a reader then gets an error and the daemon lives.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StoreError::Damaged("(a page that panicked)".into())))
}

macro_rules! rows {
    ($name:ty) => {
        impl Rows for $name {
            fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
                guarded(|| match self.table.get(key)? {
                    Some(tagged) => Ok(Some(untag(&self.tag_key, key, tagged.value())?.to_vec())),
                    None => Ok(None),
                })
            }

            fn scan(&self, from: &[u8], to: &[u8], each: Visit<'_>) -> Result<()> {
                guarded(|| {
                    for row in self.table.range::<&[u8]>(from..to)? {
                        let (key, tagged) = row?;
                        let value = untag(&self.tag_key, key.value(), tagged.value())?;
                        if each(key.value(), value)?.is_break() {
                            break;
                        }
                    }
                    Ok(())
                })
            }

            fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
                guarded(|| match self.table.range::<&[u8]>(from..=to)?.next_back() {
                    Some(row) => {
                        let (key, tagged) = row?;
                        let value = untag(&self.tag_key, key.value(), tagged.value())?;
                        Ok(Some((key.value().to_vec(), value.to_vec())))
                    }
                    None => Ok(None),
                })
            }
        }
    };
}
rows!(Reader);
rows!(Writer<'_>);

impl Writer<'_> {
    /// Puts a value.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let mut tagged = Vec::with_capacity(value.len() + TAG);
        tagged.extend_from_slice(value);
        tagged.extend_from_slice(&tag(&self.tag_key, key, value));
        self.table.insert(key, tagged.as_slice())?;
        self.wrote = true;
        Ok(())
    }

    /// Removes a row, when it is there.
    pub fn remove(&mut self, key: &[u8]) -> Result<()> {
        self.wrote |= self.table.remove(key)?.is_some();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
