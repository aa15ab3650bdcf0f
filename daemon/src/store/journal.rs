//! The journal: a small commit group is appended here and synced; redb takes one or many of them later, without a
//! sync.
//!
//! A commit of redb writes whole pages and its header; an entry of the journal is as long as the rows it holds,
//! and its file never changes size, so the sync waits for those bytes alone. After a crash the entries since
//! redb's last synced commit are put in again. Every entry has a number, and so has every synced commit, which
//! leaves it in the row [`meta::JOURNAL`](super::rows::meta::JOURNAL) and thereby voids all entries up to it. So
//! an entry is replayed onto the very state it was made on, or not at all.
//!
//! An entry is `length u32 | number u64 | rows | tag`, a row `key length u32 | value length u32 | key | value`,
//! all little-endian; a value is kept with its row's tag, and one of length [`REMOVED`] is no value. The tag is
//! keyed with the store's key: another store's journal never fits.

mod direct;
mod file;

pub(super) use file::{Disk, JournalFile};

use super::{Result, StoreError};

/// Size of the file. Until it is full redb syncs nothing: it bounds the replay (some milliseconds), redb's unsynced
/// pages, and what the folder takes beside the database; a sync of redb each 500 small groups is no cost.
pub(super) const SIZE: usize = 1024 * 1024;

/// Longest entry. From here the copy into the journal costs as much as a synced commit's overhead.
const MAX_ENTRY: usize = 64 * 1024;

const LENGTH: usize = 4;
const NUMBER: usize = 8;
const HEAD: usize = LENGTH + NUMBER;
/// An entry is whole or it is not: long enough that chance never answers.
const TAG: usize = 16;
const MIN_ENTRY: usize = HEAD + TAG;

/// Length of the value of a row that was removed.
const REMOVED: u32 = u32::MAX;

/// Name of the key for tags, so that no tag of a row can be taken for one of an entry.
const KEY_CONTEXT: &str = "quire 2026-11-22 tag of a journal entry";

/// The rows of one commit group, encoded as they are written.
#[derive(Default)]
pub(super) struct Entry {
    bytes: Vec<u8>,
    fits: bool,
}

impl Entry {
    /// Records a row that was put, as its tagged bytes.
    pub(super) fn put(&mut self, key: &[u8], tagged: &[u8]) {
        self.row(key, Some(tagged));
    }

    /// Records a row that was removed.
    pub(super) fn remove(&mut self, key: &[u8]) {
        self.row(key, None);
    }

    /// Sends the group to the database at once.
    pub(super) fn bypass(&mut self) {
        self.fits = false;
    }

    /// False when it is too long for the journal already.
    pub(super) fn fits(&self) -> bool {
        self.fits
    }

    /// Begins anew.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEAD, 0);
        self.fits = true;
    }

    /// True when every row is in the journal already.
    fn is_empty(&self) -> bool {
        self.fits && self.bytes.len() <= HEAD
    }

    fn row(&mut self, key: &[u8], value: Option<&[u8]>) {
        let size = 2 * LENGTH + key.len() + value.map_or(0, <[u8]>::len);
        self.fits &= self.bytes.len() + size + TAG <= MAX_ENTRY;
        if self.fits {
            // No length passes `MAX_ENTRY` here.
            let length = value.map_or(REMOVED, |value| value.len() as u32);
            self.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(key);
            self.bytes.extend_from_slice(value.unwrap_or_default());
        }
    }

    fn seal(&mut self, key: &[u8; 32], number: u64) {
        let length = (self.bytes.len() + TAG) as u32;
        self.bytes[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.bytes[LENGTH..HEAD].copy_from_slice(&number.to_le_bytes());
        let tag = tag(key, &self.bytes);
        self.bytes.extend_from_slice(&tag);
    }
}

/// How a transaction is made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// By its entries, which are on disk: redb need not sync.
    Journal,
    /// By a synced commit of redb; under this number, where there is a journal.
    Database(Option<u64>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was written since the store was opened, or its file is gone. The first write goes to the database: one that is opened
    /// to be looked at writes a mark at its start, and should not pay for a file.
    Fresh,
    /// The file is made for the next small group.
    Unmade,
    /// The file takes entries.
    Ready,
    /// The file cannot be made: every commit is synced.
    Without,
    /// A write began and nobody said that it ended well. What the file holds is then known by reading it alone.
    InDoubt,
}

/// The journal of an open store.
pub(super) struct Journal {
    disk: Option<Box<dyn Disk>>,
    key: [u8; 32],
    spare: Entry,
    phase: Phase,
    /// Where a write that ends well leads.
    then: Phase,
    /// Number of the last commit.
    last: u64,
    /// Where the next entry goes: the entries before it are not in redb's file yet.
    end: usize,
}

impl Journal {
    /// None: every commit is synced by the database.
    pub(super) fn none() -> Journal {
        Journal::new(None, &[0; 32], 0)
    }

    /// An empty one; `last` is the number of the last commit.
    pub(super) fn new(disk: Option<Box<dyn Disk>>, tag_key: &[u8; 32], last: u64) -> Journal {
        let (phase, then) = (Phase::Fresh, Phase::Fresh);
        Journal { disk, key: entry_key(tag_key), spare: Entry::default(), phase, then, last, end: 0 }
    }

    /// A place for the rows of the next group.
    ///
    /// # Errors
    /// When an earlier write did not end well.
    pub(super) fn begin(&mut self) -> Result<Entry> {
        if self.phase == Phase::InDoubt {
            let reason = "an earlier commit failed: the store must be opened again";
            return Err(StoreError::Database(reason.into()));
        }
        if self.phase == Phase::Ready && !self.disk.as_ref().is_some_and(|disk| disk.is_in_place()) {
            // Entries without a name are found by no next start: the database takes over what they hold.
            tracing::warn!("the store's journal was removed while it was in use; it is made anew");
            self.phase = Phase::Fresh;
        }
        let mut entry = std::mem::take(&mut self.spare);
        entry.clear();
        entry.fits = self.disk.is_some() && self.phase != Phase::Without;
        Ok(entry)
    }

    /// Takes a group that was given up.
    pub(super) fn give_up(&mut self, entry: Entry) {
        self.spare = entry;
    }

    /// Takes what a transaction has written so far: true when it is on disk, false when only a synced commit can
    /// bring it there. The journal is in doubt until [`Journal::done`].
    pub(super) fn secure(&mut self, entry: &mut Entry) -> Result<bool> {
        if entry.is_empty() {
            return Ok(true);
        }
        let before = self.phase;
        self.doubt();
        if !self.is_for_journal(entry) {
            entry.bypass();
            self.phase = if before == Phase::InDoubt { before } else { self.then };
            return Ok(false);
        }
        entry.seal(&self.key, self.last + 1);
        self.append(&entry.bytes)?;
        self.last += 1;
        self.end += entry.bytes.len();
        entry.clear();
        Ok(true)
    }

    /// Takes the rest of a transaction, which redb commits next.
    pub(super) fn take(&mut self, mut entry: Entry) -> Result<Way> {
        self.doubt();
        let way = if self.secure(&mut entry)? {
            Way::Journal
        } else {
            Way::Database(self.disk.as_ref().map(|_| self.last + 1))
        };
        self.spare = entry;
        Ok(way)
    }

    /// redb has committed the transaction.
    pub(super) fn done(&mut self, way: Way) {
        self.phase = self.then;
        if let Way::Database(_) = way {
            self.last += 1;
            self.end = 0;
            if self.phase == Phase::Fresh {
                self.phase = Phase::Unmade;
            }
        }
    }

    fn doubt(&mut self) {
        if self.phase != Phase::InDoubt {
            self.then = std::mem::replace(&mut self.phase, Phase::InDoubt);
        }
    }

    /// True when a synced commit of redb would make entries superfluous.
    pub(super) fn is_outstanding(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Fresh) && self.end > 0
    }

    /// Ends it with its store: a file with nothing outstanding goes.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Ready && self.end == 0 {
            self.phase = Phase::Unmade;
            self.forget();
        }
    }

    /// Removes the file: the database holds all of it.
    pub(super) fn forget(&mut self) {
        let removed = self.disk.as_mut().map_or(Ok(()), |disk| disk.remove());
        if let Err(error) = removed {
            // Its entries are void by their numbers, and it is emptied before it is used again.
            tracing::warn!(%error, "the store's journal cannot be removed; it does no harm");
        }
    }

    fn is_for_journal(&mut self, entry: &Entry) -> bool {
        let fits = entry.fits && self.end + entry.bytes.len() + TAG <= SIZE;
        if fits && self.then == Phase::Unmade {
            self.make();
        }
        fits && self.then == Phase::Ready
    }

    /// A disk that is full for a new file may have room for a commit yet.
    fn make(&mut self) {
        let made = self.disk.as_mut().map_or(Ok(()), |disk| disk.make(SIZE));
        self.then = if made.is_ok() { Phase::Ready } else { Phase::Without };
        if let Err(error) = made {
            tracing::warn!(%error, "the store's journal cannot be made: small writes take longer");
            self.forget();
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(disk) = &mut self.disk else { return Err(failed("there is none")) };
        let done = disk.write(bytes, self.end as u64).and_then(|()| disk.sync());
        done.map_err(|error| StoreError::of_io("the journal failed: ", &error))
    }
}

fn failed(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Database(format!("the journal failed: {reason}"))
}

/// What a journal holds beyond a commit of the database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Rows of the groups to put in again, the oldest first.
    pub groups: Vec<&'a [u8]>,
    /// Highest number seen: no later commit may have it again.
    pub last: u64,
    /// Groups that were acknowledged are missing.
    pub lost: bool,
}

/// Reads the journal of a database whose last synced commit is `checkpoint`.
///
/// A write that was cut short ends the entries, as does an old one of the round before, whose number is lower.
pub(super) fn read<'a>(bytes: &'a [u8], tag_key: &[u8; 32], checkpoint: u64) -> Found<'a> {
    let key = entry_key(tag_key);
    let (mut at, mut last) = (0, None);
    let mut groups = Vec::new();
    let mut gap = false;
    while let Some((number, rows)) = entry(&bytes[at..], &key)
        && last.is_none_or(|last| last + 1 == number)
    {
        gap |= last.is_none() && number > checkpoint.saturating_add(1);
        if number > checkpoint {
            groups.push(rows);
        }
        at += MIN_ENTRY + rows.len();
        last = Some(number);
    }
    if gap {
        groups.clear();
    }
    let last = last.unwrap_or(0).max(checkpoint);
    let beyond = last_beyond(&bytes[at..], &key, last);
    Found { groups, last: beyond.unwrap_or(last), lost: gap || beyond.is_some() }
}

/// The last entry that follows a damaged one. An entry is begun when the one before is on disk: that there is one
/// shows that more than a write which was cut short is missing.
fn last_beyond(bytes: &[u8], key: &[u8; 32], last: u64) -> Option<u64> {
    let possible = last + 1..=last.saturating_add((SIZE / MIN_ENTRY) as u64);
    let numbers = bytes.windows(HEAD).enumerate().filter_map(|(at, head)| {
        let number = number(head)?;
        (possible.contains(&number) && entry(&bytes[at..], key).is_some()).then_some(number)
    });
    numbers.max()
}

/// Number and rows of the entry that bytes begin with.
fn entry<'a>(bytes: &'a [u8], key: &[u8; 32]) -> Option<(u64, &'a [u8])> {
    let length = length(bytes)?;
    let whole = bytes.get(..length).filter(|_| (MIN_ENTRY..=MAX_ENTRY).contains(&length))?;
    let (body, kept) = whole.split_at(length - TAG);
    if tag(key, body) != kept {
        return None;
    }
    Some((number(body)?, &body[HEAD..]))
}

fn number(head: &[u8]) -> Option<u64> {
    // The last number is never given: what comes after it can always be said.
    let number = u64::from_le_bytes(head.get(LENGTH..HEAD)?.try_into().ok()?);
    Some(number).filter(|number| *number < u64::MAX)
}

fn length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..LENGTH)?.try_into().ok()?);
    usize::try_from(length).ok()
}

/// A row of an entry: its key, and its tagged value unless it was removed.
pub(super) type Row<'a> = (&'a [u8], Option<&'a [u8]>);

/// Takes the first row off a group's rows; `None` when they do not begin with one.
pub(super) fn next_row<'a>(rows: &mut &'a [u8]) -> Option<Row<'a>> {
    let key_length = length(rows)?;
    let value_length = rows.get(LENGTH..).and_then(length)?;
    let removed = value_length == REMOVED as usize;
    let (key, rest) = rows.get(2 * LENGTH..)?.split_at_checked(key_length)?;
    let (value, rest) = rest.split_at_checked(if removed { 0 } else { value_length })?;
    *rows = rest;
    Some((key, (!removed).then_some(value)))
}

fn entry_key(tag_key: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(KEY_CONTEXT, tag_key)
}

fn tag(key: &[u8; 32], body: &[u8]) -> [u8; TAG] {
    let mut tag = [0; TAG];
    tag.copy_from_slice(&blake3::keyed_hash(key, body).as_bytes()[..TAG]);
    tag
}

#[cfg(test)]
mod tests;
