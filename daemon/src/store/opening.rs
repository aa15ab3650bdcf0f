//! From a file to an open store: the database, what its values rest under, and what its journal holds beyond it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::{Database, ReadableTable as _};

use super::error::REMEDY;
use super::journal::{self, Disk, Entry, Found, Journal, JournalFile};
use super::keys;
use super::location::Location;
use super::protection::{Protection, Wrapped};
use super::rows::meta;
use super::seal::Seal;
use super::{CACHE, ROWS, Result, Rows as _, Store, StoreError, Table, check};
use super::{checkpoint_key, meta_key, put, sync_twice};

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

    pub(super) fn opened(
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

    pub(super) fn prepare(
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
}

/// How a database is opened.
pub(super) fn builder(check: bool) -> redb::Builder {
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
