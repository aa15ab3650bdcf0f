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
pub mod protection;
pub mod rewrite;
pub mod rows;
mod seal;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use error::REMEDY;
pub use error::{Result, StoreError};
use journal::{Disk, Entry, Found, Journal, JournalFile, Way};
use keys::{Key, Kind};
use location::Location;
use protection::{Protection, Wrapped};
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
    /// [`open_protected`](Self::open_protected) for who has no keys: an encrypted store is refused.
    pub fn open(path: &Path) -> Result<Store> {
        Store::open_protected(path, &Protection::default())
    }

    /// Opens or makes the database file, and puts in what its journal holds beyond it. A new one is encrypted if that is
    /// wanted; one that rests otherwise than wanted is left so, see [`rests_as_wanted`](Self::rests_as_wanted).
    pub fn open_protected(path: &Path, protection: &Protection) -> Result<Store> {
        let check = check::is_quick(path);
        Store::opened(path, protection, check, || builder(check).create(path))
    }

    /// The same for a file that must be there: what was lost is not replaced by a new one.
    pub fn open_again(path: &Path, protection: &Protection) -> Result<Store> {
        let check = check::is_quick(path);
        Store::opened(path, protection, check, || builder(check).open(path))
    }

    fn opened(
        path: &Path,
        protection: &Protection,
        is_checked: bool,
        open: impl FnOnce() -> Result<Database, redb::DatabaseError>,
    ) -> Result<Store> {
        let failed = |reason: String| StoreError::Open { path: path.display().to_string(), reason };
        let panicked = || failed(format!("it is damaged (the database panicked): {REMEDY}"));
        let prepare = || {
            let db = open().map_err(|error| failed(reason(error)))?;
            let location = Location::of(path)?;
            let journal = Box::new(JournalFile::beside(path));
            Store::prepare(db, Some(location), Some(journal), protection)
        };
        let mut store = catch_unwind(AssertUnwindSafe(prepare)).map_err(|_| panicked())??;
        store.is_checked = is_checked;
        Ok(store)
    }

    /// A database in a backend of the caller's: memory, or one that fails on purpose. It has no journal.
    pub fn with_backend(backend: impl redb::StorageBackend) -> Result<Store> {
        let failed = |reason: String| StoreError::Open { path: "(backend)".into(), reason };
        let db = builder(true).create_with_backend(backend).map_err(|error| failed(reason(error)))?;
        Store::prepare(db, None, None, &Protection::default())
    }

    fn prepare(
        db: Database,
        location: Option<Location>,
        disk: Option<Box<dyn Disk>>,
        protection: &Protection,
    ) -> Result<Store> {
        let journal = disk.map(Kept::read).transpose()?;
        let (seal, wrapped) = seal_of(&db, journal.as_ref(), protection)?;
        let (db, seal, journal_of) = (Some(Arc::new(db)), Arc::new(seal), Mutex::new(Journal::none()));
        let mut store = Store { db, location, is_checked: true, seal, wrapped, journal: journal_of };
        if let Some(kept) = journal {
            store.journal = Mutex::new(store.recover(kept)?);
        }
        Ok(store)
    }

    /// Puts in the groups that were acknowledged after redb's last synced commit.
    fn recover(&self, kept: Kept) -> Result<Journal> {
        let checkpoint = self.read()?.get(&checkpoint_key())?;
        let checkpoint = checkpoint.map_or(Ok(0), |value| checkpoint_of(&value))?;
        let found = journal::read(&kept.bytes, self.seal.journal_key(), checkpoint);
        if found.last > checkpoint {
            self.replay(&found)?;
        }
        let mut journal = Journal::new(Some(kept.disk), self.seal.journal_key(), found.last);
        journal.forget();
        Ok(journal)
    }

    fn replay(&self, found: &Found<'_>) -> Result<()> {
        let mut txn = self.db()?.begin_write()?;
        sync_twice(&mut txn);
        {
            let mut table = txn.open_table(ROWS)?;
            for group in &found.groups {
                put_in(&mut table, group)?;
            }
            put(&mut table, &self.seal, &checkpoint_key(), &found.last.to_be_bytes(), &mut Entry::default())?;
            if found.lost {
                // Peers may know what is missing: the same log must not be written on, see `replica/installation.rs`.
                table.remove(&*meta_key(meta::INSTALLATION))?;
                tracing::warn!(
                    "the store's journal is damaged or belongs to a newer state of the store: the last writes of this \
                     device are missing unless a peer has them"
                );
            }
        }
        txn.commit()?;
        tracing::info!(groups = found.groups.len(), "the store was not closed; its journal is put in");
        Ok(())
    }

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

fn builder(check: bool) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(check);
    builder
}

/// Why a database cannot be opened. redb does not tell what is damaged from what never was a database.
fn reason(error: redb::DatabaseError) -> String {
    use redb::{DatabaseError::Storage, StorageError};
    let told = error.to_string();
    match error {
        Storage(StorageError::Io(error)) if error.kind() != std::io::ErrorKind::InvalidData => told,
        Storage(StorageError::Corrupted(_) | StorageError::Io(_)) => {
            format!("it is damaged, or no store ({told}): {REMEDY}")
        }
        _ => told,
    }
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

/// A journal as it was found.
struct Kept {
    disk: Box<dyn Disk>,
    bytes: Vec<u8>,
}

impl Kept {
    fn read(mut disk: Box<dyn Disk>) -> Result<Kept> {
        match disk.read(journal::SIZE) {
            Ok(bytes) => Ok(Kept { disk, bytes }),
            Err(error) => Err(StoreError::Open { path: "(its journal)".into(), reason: error.to_string() }),
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

/// How the values of a database rest. One that is encrypted is never taken for a new one, nor for one that is not.
fn seal_of(
    db: &Database,
    journal: Option<&Kept>,
    protection: &Protection,
) -> Result<(Seal, Option<Wrapped>)> {
    let mut txn = db.begin_write()?;
    sync_twice(&mut txn);
    let mut table = txn.open_table(ROWS)?;
    let wrapped = table.get(keys::WRAPPED_KEY)?.map(|v| v.value().to_vec());
    let tag_key = table.get(keys::TAG_KEY)?.map(|v| v.value().to_vec());
    let found = match (wrapped, tag_key) {
        (Some(row), _) => {
            let wrapped = Wrapped::read(&row)?;
            (Seal::encrypted(&wrapped.open(protection)?), Some(wrapped))
        }
        (None, Some(key)) => {
            let key = key.try_into().map_err(|_| StoreError::Damaged("tag key".into()))?;
            (Seal::tagged(key), None)
        }
        (None, None) => {
            refuse_orphan(journal)?;
            let made = new_seal(&mut table, protection)?;
            drop(table);
            txn.commit()?;
            return Ok(made);
        }
    };
    drop(table);
    txn.abort()?;
    Ok(found)
}

fn new_seal(table: &mut Table<'_>, protection: &Protection) -> Result<(Seal, Option<Wrapped>)> {
    if table.first()?.is_some() {
        // Rows without a key to them: whoever made this file was not Quire, or it is damaged.
        return Err(StoreError::Damaged("(the key of all rows)".into()));
    }
    if protection.encrypt == Some(true) {
        let (wrapped, data_key) = Wrapped::make(protection)?;
        table.insert(keys::WRAPPED_KEY, wrapped.row())?;
        return Ok((Seal::encrypted(&data_key), Some(wrapped)));
    }
    let key: [u8; 32] = crate::random::bytes();
    table.insert(keys::TAG_KEY, key.as_slice())?;
    Ok((Seal::tagged(key), None))
}

fn refuse_orphan(journal: Option<&Kept>) -> Result<()> {
    if journal.is_none_or(|kept| kept.bytes.is_empty()) {
        return Ok(());
    }
    Err(StoreError::Open {
        path: "(a new file)".into(),
        reason: "beside it is the journal of another one, with its last writes: put that database back, or \
                 remove the journal"
            .into(),
    })
}

fn meta_key(name: &[u8]) -> Key {
    Key::of(Kind::Meta).bytes(name)
}

fn checkpoint_key() -> Key {
    meta_key(meta::JOURNAL)
}

fn checkpoint_of(value: &[u8]) -> Result<u64> {
    let number = value.try_into().map(u64::from_be_bytes);
    number.map_err(|_| StoreError::Unreadable(keys::describe(&checkpoint_key())))
}

/// Puts in the rows of a group of the journal, which are as they rest.
fn put_in(table: &mut Table<'_>, mut group: &[u8]) -> Result<()> {
    while !group.is_empty() {
        match journal::next_row(&mut group) {
            Some((key, Some(tagged))) => drop(table.insert(key, tagged)?),
            Some((key, None)) => drop(table.remove(key)?),
            None => return Err(StoreError::Unreadable("(in the journal)".into())),
        }
    }
    Ok(())
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
