//! A machine in memory: a database and a journal that forget at a power cut what was not synced, and fail on purpose.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::Disk;
use super::*;
use crate::store::protection::Protection;

/// Clones are the same machine.
#[derive(Clone, Default, Debug)]
pub(super) struct Machine(Arc<Mutex<Inner>>);

#[derive(Default, Debug)]
struct Inner {
    database: Vec<u8>,
    synced_database: Vec<u8>,
    journal: Vec<u8>,
    synced_journal: Vec<u8>,
    fault: Option<Fault>,
    counts: Counts,
}

/// What fails next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A write to the journal, after so many bytes.
    Write(usize),
    /// A sync of the journal.
    Sync,
    /// Making the journal.
    Make,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    pub database_syncs: usize,
    pub journal_writes: usize,
    pub journal_syncs: usize,
    pub makes: usize,
}

impl Machine {
    pub(super) fn open(&self) -> Result<Store> {
        let db = Database::builder().create_with_backend(self.clone()).unwrap();
        Store::prepare(db, None, Some(Box::new(self.clone())), &Protection::default())
    }

    /// What the next power cut would leave, as a machine of its own.
    pub(super) fn after_power_cut(&self) -> Machine {
        let inner = self.inner();
        Machine::of(inner.synced_database.clone(), inner.synced_journal.clone())
    }

    /// This machine's database with another journal.
    pub(super) fn with_journal(&self, journal: Vec<u8>) -> Machine {
        Machine::of(self.inner().synced_database.clone(), journal)
    }

    pub(super) fn journal(&self) -> Vec<u8> {
        self.inner().journal.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        self.inner().counts
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.inner().fault = Some(fault);
    }

    fn of(database: Vec<u8>, journal: Vec<u8>) -> Machine {
        Machine(Arc::new(Mutex::new(Inner {
            synced_database: database.clone(),
            database,
            synced_journal: journal.clone(),
            journal,
            ..Inner::default()
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Inner {
    /// Runs into the fault that waits, when it is this one.
    fn meet(&mut self, fault: Fault) -> io::Result<()> {
        if self.fault == Some(fault) {
            self.fault = None;
            return Err(io::Error::other("on purpose"));
        }
        Ok(())
    }
}

impl Disk for Machine {
    fn is_in_place(&self) -> bool {
        true
    }

    fn read(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let journal = self.journal();
        Ok(journal[..journal.len().min(size)].to_vec())
    }

    fn make(&mut self, size: usize) -> io::Result<()> {
        let mut inner = self.inner();
        inner.counts.makes += 1;
        inner.meet(Fault::Make)?;
        inner.journal = vec![0; size];
        inner.synced_journal = vec![0; size];
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut inner = self.inner();
        inner.counts.journal_writes += 1;
        let at = at as usize;
        let taken = match inner.fault {
            Some(Fault::Write(taken)) => taken,
            _ => bytes.len(),
        };
        inner.journal[at..at + taken].copy_from_slice(&bytes[..taken]);
        inner.meet(Fault::Write(taken))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.counts.journal_syncs += 1;
        inner.meet(Fault::Sync)?;
        inner.synced_journal = inner.journal.clone();
        Ok(())
    }

    fn remove(&mut self) -> io::Result<()> {
        let mut inner = self.inner();
        (inner.journal, inner.synced_journal) = (Vec::new(), Vec::new());
        Ok(())
    }
}

impl redb::StorageBackend for Machine {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner().database.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let at = offset as usize;
        out.copy_from_slice(&self.inner().database[at..at + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner().database.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.counts.database_syncs += 1;
        inner.synced_database = inner.database.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let at = offset as usize;
        self.inner().database[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}
