//! redb in our words: rows in key order, each value tagged, one transaction a commit group.
//!
//! What the rows are and how their keys are built is in [`keys`]; nothing outside this module names redb.
//! redb does not notice bit rot when it reads (measured: 729 of 1,000 flips gave wrong data in silence),
//! so every value carries an 8-byte keyed tag that also binds its key, or is encrypted, which does the same (`seal.rs`).
//!
//! A small group is durable by the journal (`journal.rs`) beside the database (measured: a commit that redb syncs
//! takes 2 to 4 times as long as append and sync of its rows); a large one, and one when the journal is full, by
//! redb's own sync.

mod check;
mod error;
mod journal;
pub mod keys;
mod location;
mod opening;
pub mod protection;
pub mod rewrite;
pub mod rows;
mod seal;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

pub use error::{Result, StoreError};
use journal::{Entry, Journal, Way};
use keys::{Key, Kind};
use location::Location;
use protection::Wrapped;
use rows::meta;
use seal::Seal;

/// One B-tree for all rows: a commit then writes one path of inner pages, not one for each table.
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

/// Memory for pages. The default of redb is a gigabyte; reads hit the system's cache anyway (measured:
/// 10 MiB and 390 MiB of it answer a random read in 9.6 and 8.6 µs).
const CACHE: usize = 8 * 1024 * 1024;

/// File size from which every synced commit also saves what a quick reopen needs: below it a repair takes less
/// than half a second (8 ms a MiB), above it the second sync is the smaller price.
const QUICK_REPAIR_FROM: u64 = 64 * 1024 * 1024;

/// An open database.
pub struct Store {
    /// None only while it is dropped.
    db: Option<Arc<Database>>,
    location: Option<Location>,
    is_checked: bool,
    seal: Arc<Seal>,
    /// The data key as it is kept, when values are encrypted.
    wrapped: Option<Wrapped>,
    journal: Mutex<Journal>,
}

/// Rows as they were at one commit. Keep it short: a held one makes the file grow.
pub struct Reader {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    seal: Arc<Seal>,
}

/// The one writing transaction.
pub struct Writer<'t> {
    table: Table<'t>,
    seal: Arc<Seal>,
    wrote: bool,
    entry: Entry,
    journal: &'t mut Journal,
}

type Table<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

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
    fn db(&self) -> Result<&Database> {
        self.db.as_deref().ok_or_else(|| StoreError::Database("it is closed".into()))
    }

    /// A snapshot of the last commit.
    pub fn read(&self) -> Result<Reader> {
        guarded(|| {
            let txn = self.db()?.begin_read()?;
            Ok(Reader { table: txn.open_table(ROWS)?, seal: Arc::clone(&self.seal) })
        })
    }

    /// Runs `work` in a writing transaction, and commits it to disk when it is `Ok` and wrote anything; a panic of the
    /// database is an error like any other.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| self.run(&mut journal, work)))
            .unwrap_or_else(|_| Err(StoreError::Database("the database panicked".into()).into()))
    }

    fn run<T, E: From<StoreError>>(
        &self,
        journal: &mut Journal,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.is_in_place()?;
        let entry = journal.begin()?;
        let txn = self.db()?.begin_write().map_err(StoreError::from)?;
        let (out, way) = {
            let table = txn.open_table(ROWS).map_err(StoreError::from)?;
            let mut writer =
                Writer { table, seal: Arc::clone(&self.seal), wrote: false, entry, journal: &mut *journal };
            (work(&mut writer)?, settle(writer)?)
        };
        match way {
            Some(way) => {
                self.commit(txn, way)?;
                journal.done(way);
            }
            None => txn.abort().map_err(StoreError::from)?,
        }
        Ok(out)
    }

    fn commit(&self, mut txn: redb::WriteTransaction, way: Way) -> Result<()> {
        match way {
            Way::Journal => txn.set_durability(Durability::None)?,
            Way::Database(_) => {
                sync_twice(&mut txn);
                txn.set_quick_repair(self.size() >= QUICK_REPAIR_FROM);
            }
        }
        Ok(txn.commit()?)
    }

    /// A synced commit of everything that was committed without.
    fn sync(&self) -> Result<()> {
        self.write(|writer| {
            writer.bypass_journal();
            Ok(())
        })
    }

    /// Replaces the row that the data key is wrapped in: beside the journal, so only before anything else is written.
    fn put_wrapped(&self, wrapped: &Wrapped) -> Result<()> {
        guarded(|| {
            let mut txn = self.db()?.begin_write()?;
            sync_twice(&mut txn);
            txn.open_table(ROWS)?.insert(keys::WRAPPED_KEY, wrapped.row())?;
            Ok(txn.commit()?)
        })
    }

    fn size(&self) -> u64 {
        self.location.as_ref().map_or(0, Location::size)
    }

    /// Whether the file that is open is the one that the next start will find.
    ///
    /// # Errors
    /// When it was removed or replaced, or its folder cannot be entered: nothing is written then.
    pub fn is_in_place(&self) -> Result<()> {
        self.location.as_ref().map_or(Ok(()), Location::check)
    }

    /// Whether the file takes writes, as far as can be seen without any: what is open is better kept for reading than
    /// closed when it does not.
    pub fn is_writable(&self) -> bool {
        self.location.as_ref().is_none_or(Location::is_writable)
    }

    /// Whether all of the file was looked at when it was opened; else [`Reader::look_through`] is for it.
    pub fn is_checked(&self) -> bool {
        self.is_checked
    }
}

/// Has the pages of a commit on the disk before the header that names them. After a crash redb then knows that the last
/// commit is whole, and says so when it is not; else it takes damage for a commit that was cut short, and goes back to
/// the one before in silence. The journal makes such commits rare.
fn sync_twice(txn: &mut redb::WriteTransaction) {
    txn.set_two_phase_commit(true);
}

/// A store that is closed is one file: its journal is put in by a synced commit, and goes.
impl Drop for Store {
    fn drop(&mut self) {
        let outstanding = self.journal.lock().unwrap_or_else(PoisonError::into_inner).is_outstanding();
        let synced = if outstanding { self.sync() } else { Ok(()) };
        match synced {
            Ok(()) => self.journal.lock().unwrap_or_else(PoisonError::into_inner).close(),
            Err(error) => tracing::warn!(%error, "the store's journal stays until the store is opened again"),
        }
        // redb looks at its pages once more when it closes, and panics on damaged ones.
        let db = self.db.take();
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::error!("the store is damaged: the database panicked when it was closed");
        }
    }
}

/// Makes a group durable where the journal can: readers see it only after that. None when nothing was written.
fn settle(mut writer: Writer<'_>) -> Result<Option<Way>> {
    let entry = std::mem::take(&mut writer.entry);
    if !writer.wrote {
        writer.journal.give_up(entry);
        return Ok(None);
    }
    let way = writer.journal.take(entry)?;
    if let Way::Database(Some(number)) = way {
        writer.put(&checkpoint_key(), &number.to_be_bytes())?;
    }
    Ok(Some(way))
}

fn meta_key(name: &[u8]) -> Key {
    Key::of(Kind::Meta).bytes(name)
}

fn checkpoint_key() -> Key {
    meta_key(meta::JOURNAL)
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
                    Some(rests) => Ok(Some(self.seal.open(key, rests.value())?.into_owned())),
                    None => Ok(None),
                })
            }

            fn scan(&self, from: &[u8], to: &[u8], each: Visit<'_>) -> Result<()> {
                guarded(|| {
                    for row in self.table.range::<&[u8]>(from..to)? {
                        let (key, rests) = row?;
                        let value = self.seal.open(key.value(), rests.value())?;
                        if each(key.value(), &value)?.is_break() {
                            break;
                        }
                    }
                    Ok(())
                })
            }

            fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
                guarded(|| match self.table.range::<&[u8]>(from..=to)?.next_back() {
                    Some(row) => {
                        let (key, rests) = row?;
                        let value = self.seal.open(key.value(), rests.value())?;
                        Ok(Some((key.value().to_vec(), value.into_owned())))
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
        put(&mut self.table, &self.seal, key, value, &mut self.entry)?;
        self.wrote = true;
        Ok(())
    }

    /// Removes a row, when it is there.
    pub fn remove(&mut self, key: &[u8]) -> Result<()> {
        if self.table.remove(key)?.is_some() {
            self.entry.remove(key);
            self.wrote = true;
        }
        Ok(())
    }

    /// Puts a value that only a crash brings into the table: until the transaction ends, what it stands for is made
    /// of it and [derived](Self::put_derived).
    pub fn note(&mut self, key: &[u8], value: impl FnOnce() -> Vec<u8>) -> Result<()> {
        // A long group is on its way to the database: there are no notes of it.
        if self.entry.fits() {
            self.entry.put(key, &self.seal.close(key, &value())?);
        }
        self.wrote = true;
        Ok(())
    }

    /// Puts a value that can be made again of what was [noted](Self::note).
    pub fn put_derived(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.table.insert(key, self.seal.close(key, value)?.as_slice())?;
        self.wrote = true;
        Ok(())
    }

    /// Removes a row, when it is there, which would be removed again by whoever makes the others of what was
    /// [noted](Self::note).
    pub fn remove_derived(&mut self, key: &[u8]) -> Result<()> {
        self.wrote |= self.table.remove(key)?.is_some();
        Ok(())
    }

    /// Brings what was written so far to the disk without ending the transaction: readers see it only when it
    /// ends, a crash loses nothing of it. False when only the transaction's end can do that; it must come then.
    pub fn secure(&mut self) -> Result<bool> {
        Ok(!self.wrote || self.journal.secure(&mut self.entry)?)
    }

    /// True when there is anything to commit.
    pub fn has_written(&self) -> bool {
        self.wrote
    }

    /// Has this transaction synced by the database itself.
    pub fn bypass_journal(&mut self) {
        self.entry.bypass();
        self.wrote = true;
    }
}

fn put(table: &mut Table<'_>, seal: &Seal, key: &[u8], value: &[u8], entry: &mut Entry) -> Result<()> {
    let rests = seal.close(key, value)?;
    table.insert(key, rests.as_slice())?;
    entry.put(key, &rests);
    Ok(())
}

#[cfg(test)]
mod tests;
