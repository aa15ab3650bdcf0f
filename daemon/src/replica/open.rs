//! Own records that no block holds yet.
//!
//! They gather in one **open run**, over any number of groups of requests. Until it is sealed each is noted in the
//! journal, so that an answer waits for neither signature nor packing; a crash in between leaves the notes, and
//! the next start seals them to the same log: a chain goes from record to record, wherever runs end.

use std::ops::ControlFlow;

use quire_protocol::id::{DocId, Incarnation};
use quire_protocol::limits::{MAX_SEGMENT_RECORDS, SEGMENT_TARGET};
use quire_protocol::record::{RULES, Record, RecordKind, Segment};

use super::Batch;
use super::blocks::{missing, packs};
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{HeadRow, OpenRow};
use crate::store::{Result, Rows};

/// Own records that are not yet sealed.
pub(super) struct OpenRun {
    space: SpaceNo,
    log: Incarnation,
    arrival: u64,
    weight: usize,
    records: Vec<Record>,
}

impl OpenRun {
    fn new(space: SpaceNo, log: Incarnation, arrival: u64) -> OpenRun {
        OpenRun { space, log, arrival, weight: 0, records: Vec::new() }
    }

    fn push(&mut self, record: Record) {
        self.weight += record.weight();
        self.records.push(record);
    }

    fn has_room(&self, weight: usize) -> bool {
        self.records.len() < MAX_SEGMENT_RECORDS && self.weight + weight <= SEGMENT_TARGET
    }
}

/// Where the records of a run come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// From the open run: what is kept of them is derived from their notes.
    Noted,
    /// From a peer: nothing else has them.
    Peer,
}

impl Batch<'_, '_> {
    /// Puts a row of a run.
    pub(super) fn put_of(&mut self, origin: Origin, key: &[u8], value: &[u8]) -> Result<()> {
        match origin {
            Origin::Noted => self.rows.put_derived(key, value),
            Origin::Peer => self.rows.put(key, value),
        }
    }

    /// Removes a row of a run.
    pub(super) fn remove_of(&mut self, origin: Origin, key: &[u8]) -> Result<()> {
        match origin {
            Origin::Noted => self.rows.remove_derived(key),
            Origin::Peer => self.rows.remove(key),
        }
    }

    /// Own records of a log that are not sealed: number and arrival of the first, and all of them.
    pub(super) fn open_records(&self, space: SpaceNo, log: Incarnation) -> Option<(u64, u64, &[Record])> {
        let open = self.open.as_ref().filter(|open| (open.space, open.log) == (space, log))?;
        Some((self.head(space, log).seq + 1, open.arrival, &open.records))
    }

    /// Logs one own record; gives its place in the log and its arrival.
    pub(super) fn log_own(
        &mut self,
        space: SpaceNo,
        doc: DocId,
        kind: RecordKind,
        payload: Vec<u8>,
    ) -> Result<(u64, u64)> {
        let claimed_ms = u64::try_from(self.now_ms).unwrap_or(0);
        let record = Record { doc, kind, rules: RULES, more: false, claimed_ms, payload };
        match &self.open {
            Some(open) if open.space != space => self.seal()?,
            Some(open) if !open.has_room(record.weight()) => self.seal_pages()?,
            _ => {}
        }
        let arrival = self.replica.mirror.next_arrival;
        self.replica.mirror.next_arrival += 1;
        let log = self.replica.mirror.log;
        let before = self.head(space, log).seq;
        let open = self.open.get_or_insert_with(|| OpenRun::new(space, log, arrival));
        let seq = before + open.records.len() as u64 + 1;
        let key = Key::of(Kind::Open).space(space).log(log).number(seq);
        self.rows.note(&key, || OpenRow::encode(arrival, &record))?;
        open.push(record);
        self.touched.insert(space);
        Ok((seq, arrival))
    }

    /// Has the clock name the open records too: they are acknowledged before they are sealed.
    pub(super) fn count_open(&mut self) {
        if let Some(open) = &self.open {
            let (space, log) = (open.space, open.log);
            let hi = self.head(space, log).seq + open.records.len() as u64;
            self.advance(space, log, hi);
        }
    }

    /// Closes the open run, if there is one: the last thing before a commit. What fills no page is a run of its own,
    /// so that more can join it.
    pub fn seal(&mut self) -> Result<()> {
        if let Some((open, last)) = self.seal_full()? {
            self.seal_run(open, vec![last])?;
        }
        Ok(())
    }

    /// Closes the open run when this arrival may be one of its records'.
    pub(super) fn seal_arrival(&mut self, arrival: i64) -> Result<()> {
        let is_open = |open: &OpenRun| u64::try_from(arrival).is_ok_and(|arrival| arrival >= open.arrival);
        if self.open.as_ref().is_some_and(is_open) { self.seal() } else { Ok(()) }
    }

    /// Seals what fills pages. Records that do not fill the last one stay open.
    fn seal_pages(&mut self) -> Result<()> {
        let Some((open, last)) = self.seal_full()? else { return Ok(()) };
        // Small or repetitive records may all fit one page: a run must have room for the next record.
        if open.records.len() > MAX_SEGMENT_RECORDS / 2 || open.weight > SEGMENT_TARGET / 2 {
            return self.seal_run(open, vec![last]);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Seals all of the open run but its last pack; gives what is left, and packed.
    fn seal_full(&mut self) -> Result<Option<(OpenRun, Vec<u8>)>> {
        let Some(mut open) = self.open.take() else { return Ok(None) };
        let mut full = packs(open.log, &open.records);
        let Some((count, last)) = full.pop() else { return Ok(None) };
        let rest = open.records.split_off(open.records.len() - count);
        let mut left = OpenRun::new(open.space, open.log, open.arrival + open.records.len() as u64);
        rest.into_iter().for_each(|record| left.push(record));
        if !full.is_empty() {
            self.seal_run(open, full.into_iter().map(|(_, pack)| pack).collect())?;
        }
        Ok(Some((left, last)))
    }

    fn seal_run(&mut self, open: OpenRun, packs: Vec<Vec<u8>>) -> Result<()> {
        let (space, log) = (open.space, open.log);
        let (name, head) = (self.name_of(space)?, self.head(space, log));
        let (run, chain) =
            Segment::seal(&name, log, (head.seq, &head.chain), open.records, &self.replica.key);
        self.log_number(log)?;
        let hi = run.hi();
        self.keep((space, log), (run.lo, open.arrival), packs, run.seal, Origin::Noted)?;
        self.set_head(space, log, HeadRow { seq: hi, chain }, Origin::Noted)
    }

    /// Seals the records that a crash left open, each with the numbers it had.
    pub(super) fn seal_left_open(&mut self) -> Result<()> {
        for (key, row) in self.left_open()? {
            let (space, log, seq) = (SpaceNo::from_be_bytes(four(&key)), log_of(&key), last_number(&key));
            self.rows.remove(&key)?;
            // A store that was closed, not cut off, may hold blocks that its journal does not know of.
            if seq <= self.head(space, log).seq {
                continue;
            }
            let goes_on = self.open.as_ref().is_some_and(|open| {
                (open.space, open.log) == (space, log)
                    && open.arrival + open.records.len() as u64 == row.arrival
                    && open.has_room(row.record.weight())
            });
            if !goes_on {
                self.seal()?;
            }
            let next = self.head(space, log).seq + 1;
            let open = self.open.get_or_insert_with(|| OpenRun::new(space, log, row.arrival));
            if next + open.records.len() as u64 != seq {
                return Err(missing(log, next + open.records.len() as u64));
            }
            open.push(row.record);
        }
        // The notes go for good: what was made of them has to be on disk with that.
        self.rows.bypass_journal();
        Ok(())
    }

    fn left_open(&self) -> Result<Vec<(Vec<u8>, OpenRow)>> {
        let all = Key::of(Kind::Open);
        let mut left = Vec::new();
        self.rows.scan(&all, &all.end(), &mut |key, value| {
            left.push((key.to_vec(), OpenRow::decode(key, value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(left)
    }
}

fn four(key: &[u8]) -> [u8; 4] {
    [key[1], key[2], key[3], key[4]]
}

fn log_of(key: &[u8]) -> Incarnation {
    Incarnation(sixteen(key, 5))
}
