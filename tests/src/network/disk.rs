//! A disk in memory that outlives its daemon and forgets, at a power cut, what was not synced.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// What was there before each operation since the last sync, oldest first.
    undo: Vec<Undo>,
    /// A handle of an earlier life can do nothing any more.
    life: u64,
    /// Writes and syncs until the power goes.
    fuse: Option<u32>,
}

#[derive(Debug)]
enum Undo {
    Bytes(usize, Vec<u8>),
    Length(Vec<u8>, usize),
}

impl Disk {
    /// A disk that holds these bytes.
    pub fn of(image: Vec<u8>) -> Disk {
        Disk(Arc::new(Mutex::new(State { bytes: image, ..State::default() })))
    }

    /// A handle for one life of a daemon; earlier handles are dead from now on.
    pub fn open(&self) -> Handle {
        let mut state = self.state();
        state.life += 1;
        state.undo.clear();
        state.fuse = None;
        Handle { disk: self.clone(), life: state.life }
    }

    /// Loses everything since the last sync, and every handle.
    pub fn cut_power(&self) {
        let mut state = self.state();
        state.life += 1;
        state.fuse = None;
        while let Some(undo) = state.undo.pop() {
            state.take_back(undo);
        }
    }

    /// Lets the power go within the next operations; `None` takes that back.
    pub fn set_fuse(&self, operations: Option<u32>) {
        self.state().fuse = operations;
    }

    /// True when the power went.
    pub fn is_dead(&self) -> bool {
        self.state().fuse == Some(0)
    }

    /// What a power cut now would leave.
    pub fn image(&self) -> Vec<u8> {
        let state = self.state();
        let mut copy = State { bytes: state.bytes.clone(), ..State::default() };
        for undo in state.undo.iter().rev() {
            copy.take_back(match undo {
                Undo::Bytes(at, old) => Undo::Bytes(*at, old.clone()),
                Undo::Length(tail, length) => Undo::Length(tail.clone(), *length),
            });
        }
        copy.bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Bytes(at, old) => self.bytes[at..at + old.len()].copy_from_slice(&old),
            Undo::Length(tail, length) => {
                self.bytes.truncate(length - tail.len());
                self.bytes.extend_from_slice(&tail);
            }
        }
    }

    fn burn(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                if *left == 0 { Err(io::Error::other("the power went")) } else { Ok(()) }
            }
        }
    }
}

/// One life's handle on a disk.
#[derive(Debug)]
pub struct Handle {
    disk: Disk,
    life: u64,
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life && state.fuse != Some(0) {
            Ok(state)
        } else {
            Err(io::Error::other("this handle is of an earlier life"))
        }
    }
}

impl redb::StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state()?;
        let from = offset as usize;
        let found = state.bytes.get(from..from + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.burn()?;
        let (old, new) = (state.bytes.len(), len as usize);
        let tail = state.bytes.get(new..).unwrap_or_default().to_vec();
        state.undo.push(Undo::Length(tail, old));
        state.bytes.resize(new, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.burn()?;
        state.undo.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        state.burn()?;
        let range = offset as usize..offset as usize + data.len();
        let old = state.bytes.get(range.clone()).ok_or(io::ErrorKind::UnexpectedEof)?.to_vec();
        state.undo.push(Undo::Bytes(range.start, old));
        state.bytes[range].copy_from_slice(data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redb::StorageBackend;

    use super::*;

    #[test]
    fn a_power_cut_leaves_what_was_synced() {
        let disk = Disk::default();
        let handle = disk.open();
        handle.set_len(4).unwrap();
        handle.write(0, b"abcd").unwrap();
        handle.sync_data().unwrap();
        handle.write(1, b"XY").unwrap();
        handle.set_len(2).unwrap();
        handle.set_len(6).unwrap();
        assert_eq!(disk.image(), b"abcd");
        disk.cut_power();
        assert!(handle.write(0, b"z").is_err(), "a dead handle");
        assert_eq!(disk.image(), b"abcd");
    }

    #[test]
    fn a_fuse_ends_in_the_middle() {
        let disk = Disk::default();
        let handle = disk.open();
        handle.set_len(4).unwrap();
        handle.sync_data().unwrap();
        disk.set_fuse(Some(2));
        handle.write(0, b"a").unwrap();
        assert!(handle.sync_data().is_err() && disk.is_dead());
        disk.cut_power();
        assert_eq!(disk.image(), [0; 4]);
    }
}
