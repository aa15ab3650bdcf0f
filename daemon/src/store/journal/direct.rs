//! Writing past the system's cache: one request to the disk, where a write and a sync are two or more and walk the
//! cache's pages besides (measured: 104 µs against 142, taken in turns).
//!
//! Only whole blocks can be written so, from memory that is aligned like them. The last block is kept here and
//! written again with what comes next.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::MAX_ENTRY;

/// Of disks the largest in use; a multiple of every other.
const BLOCK: usize = 4096;

/// The last block, an entry behind what is in it, and the rest of its block.
const ROOM: usize = MAX_ENTRY + 2 * BLOCK;

#[cfg(target_os = "linux")]
const PAST_THE_CACHE: Option<OFlags> = Some(OFlags::DIRECT.union(OFlags::DSYNC));
#[cfg(not(target_os = "linux"))]
const PAST_THE_CACHE: Option<OFlags> = None;

/// A file whose writes are on disk when they return.
pub(super) struct Direct {
    file: File,
    /// Longer than [`ROOM`], so that so much of it is aligned.
    memory: Box<[u8]>,
    /// Where the first block of the memory is in the file.
    at: u64,
}

impl Direct {
    /// Opens a file of zeros that is on disk; `None` where the system or the file system cannot do it.
    pub(super) fn open(path: &Path) -> Option<Direct> {
        let flags = PAST_THE_CACHE? | OFlags::NOFOLLOW;
        let file = OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
        let mut direct = Direct { file, memory: vec![0; ROOM + BLOCK].into_boxed_slice(), at: 0 };
        // Some open a file so and refuse the first write.
        direct.flush(BLOCK).ok()?;
        Some(direct)
    }

    /// Writes right behind the last write, or at the beginning.
    pub(super) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        let within = (at % BLOCK as u64) as usize;
        let first = at - within as u64;
        if first != self.at && within != 0 {
            return Err(io::Error::other("it is not written in order"));
        }
        self.at = first;
        let end = within + bytes.len();
        let whole = end.next_multiple_of(BLOCK);
        let blocks =
            self.blocks().get_mut(..whole).ok_or_else(|| io::Error::other("an entry is too long"))?;
        blocks[within..end].copy_from_slice(bytes);
        blocks[end..].fill(0);
        self.flush(whole)?;
        let last = end / BLOCK * BLOCK;
        self.blocks().copy_within(last..(last + BLOCK).min(ROOM), 0);
        self.at += last as u64;
        Ok(())
    }

    fn flush(&mut self, length: usize) -> io::Result<()> {
        let at = self.at;
        let skip = self.skip();
        self.file.write_all_at(&self.memory[skip..skip + length], at)
    }

    fn blocks(&mut self) -> &mut [u8] {
        let skip = self.skip();
        &mut self.memory[skip..skip + ROOM]
    }

    fn skip(&self) -> usize {
        // It may also say that it does not know; the write is refused then.
        self.memory.as_ptr().align_offset(BLOCK).min(BLOCK)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_in_order_is_in_the_file_and_zeros_follow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, vec![0; 64 * BLOCK]).unwrap();
        let Some(mut direct) = Direct::open(&path) else {
            eprintln!("SKIPPED: the file system of {} writes through its cache only", path.display());
            return;
        };
        // Two rounds: lengths below, at and above a block, and the longest entry.
        for round in 1..=2u8 {
            let mut expected = Vec::new();
            for (n, length) in [1, 4095, 1, 4095, 4096, 100, 3996, MAX_ENTRY, 5000, 7].into_iter().enumerate()
            {
                let bytes = vec![round * 16 + n as u8; length];
                direct.write(&bytes, expected.len() as u64).unwrap();
                expected.extend(bytes);
                let file = std::fs::read(&path).unwrap();
                assert_eq!(file[..expected.len()], expected);
                let rest = expected.len().next_multiple_of(BLOCK);
                assert!(file[expected.len()..rest].iter().all(|byte| *byte == 0));
                assert_eq!(file.len(), 64 * BLOCK);
            }
            assert!(direct.write(b"elsewhere", 9_001).is_err());
        }
    }
}
