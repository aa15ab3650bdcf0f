//! One writing transaction: any number of requests, one sync.
//!
//! Own records gather in one open run. When it is full, what fills pages is sealed and the rest stays open; when
//! another space is written, and at the end, all of it is. Everything is visible to later requests of the same
//! batch at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::document::Document;
use quire_protocol::document::{self, Projection};
use quire_protocol::gate::Screened;
use quire_protocol::id::{ChangeId, DocId, Incarnation, Space};
use quire_protocol::limits::{MAX_SEGMENT_RECORDS, SEGMENT_TARGET};
use quire_protocol::record::{RULES, Record, RecordKind, Segment, chain_start};

use super::bare::{complete, reference};
use super::blocks::{Blocks, packs};
use super::{Pending, Replica};
use crate::engine::{Changed, EngineError};
use crate::store::keys::{Key, Kind, SpaceNo};
use crate::store::rows::{DocRow, HeadRow, bytes, decode_doc};
use crate::store::{Result, Rows, StoreError, Writer};

/// Changes after which a document is saved whole, so that loading it need not apply them one by one.
const SNAPSHOT_EVERY: usize = 32;

/// A batch in the making.
pub struct Batch<'a, 't> {
    pub(super) replica: &'a mut Replica,
    pub(super) rows: &'a mut Writer<'t>,
    pub(super) now_ms: i64,
    pub(super) pending: Vec<Pending>,
    pub(super) blocks: Arc<Blocks>,
    open: Option<OpenRun>,
    changes: Vec<Changed>,
    touched: BTreeSet<SpaceNo>,
    /// Changes that each document written in this batch has now.
    written: HashMap<(SpaceNo, DocId), usize>,
    pub(super) roster_changed: bool,
}

/// Own records that are not yet sealed.
struct OpenRun {
    space: SpaceNo,
    arrival: u64,
    weight: usize,
    records: Vec<Record>,
}

/// What a batch did, to be announced after its commit.
#[derive(Debug, Default)]
pub struct Committed {
    /// Clock of each space that got records.
    pub clocks: Vec<(Space, Clock)>,
    /// What changed, in order of arrival.
    pub changes: Vec<Changed>,
    /// Whether trust changed.
    pub roster_changed: bool,
    /// `synchronize` requests whose answers are to be read from the snapshot after the commit.
    pub pending: Vec<Pending>,
}

impl<'a, 't> Batch<'a, 't> {
    /// Begins a batch. `now_ms` names cursors and claimed times; it decides nothing.
    pub fn new(replica: &'a mut Replica, rows: &'a mut Writer<'t>, now_ms: i64) -> Batch<'a, 't> {
        let blocks = Arc::clone(&replica.mirror.blocks);
        Batch {
            replica,
            rows,
            now_ms,
            pending: Vec::new(),
            blocks,
            open: None,
            changes: Vec::new(),
            touched: BTreeSet::new(),
            written: HashMap::new(),
            roster_changed: false,
        }
    }

    /// The wall clock of the request that is done next, for naming its cursor.
    pub fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Seals what is open and names the cursors of waiting answers. Commit after this, nothing else.
    pub fn finish(mut self) -> Result<Committed> {
        self.seal()?;
        self.name_cursors()?;
        for pending in &mut self.pending {
            pending.forget_overtaken(&self.written);
        }
        let names = &self.replica.mirror.names;
        let clock = |n: &SpaceNo| {
            let clock = self.replica.mirror.clocks.get(*n as usize).cloned().unwrap_or_default();
            names.space(*n).map(|space| (space.clone(), clock))
        };
        let clocks = self.touched.iter().filter_map(clock).collect();
        Ok(Committed {
            clocks,
            changes: self.changes,
            roster_changed: self.roster_changed,
            pending: self.pending,
        })
    }

    /// The number of a space, given now when it is new.
    pub(super) fn space(&mut self, space: &Space) -> Result<SpaceNo> {
        if let Some(number) = self.replica.mirror.names.space_number(space) {
            return Ok(number);
        }
        let number = Arc::make_mut(&mut self.replica.mirror.names).add_space(space.clone());
        Arc::make_mut(&mut self.replica.mirror.clocks).push(Clock::default());
        self.rows.put(&Key::of(Kind::Space).space(number), space.as_str().as_bytes())?;
        Ok(number)
    }

    /// The number of a log, given now when it is new.
    pub(super) fn log_number(&mut self, log: Incarnation) -> Result<u32> {
        if let Some(number) = self.replica.mirror.names.log_number(log) {
            return Ok(number);
        }
        let number = Arc::make_mut(&mut self.replica.mirror.names).add_log(log);
        self.rows.put(&Key::of(Kind::LogNumber).space(number), &log.0)?;
        Ok(number)
    }

    pub(super) fn name_of(&self, space: SpaceNo) -> Result<Space> {
        let name = self.replica.mirror.names.space(space).cloned();
        name.ok_or_else(|| StoreError::Unreadable(format!("space {space}")))
    }

    /// A document's row.
    pub(super) fn row(&self, space: SpaceNo, doc: DocId) -> Result<Option<DocRow>> {
        let key = Key::of(Kind::Document).space(space).doc(doc);
        let Some(value) = self.rows.get(&key)? else { return Ok(None) };
        let record = |log, seq| self.record(space, log, seq);
        complete(decode_doc(&key, &value)?, record).map(Some)
    }

    /// Writes a document's row, and whether it holds a conflict.
    pub(super) fn put_row(&mut self, space: SpaceNo, doc: DocId, row: &DocRow, had: bool) -> Result<()> {
        let value = self.replica.codec.encode(row);
        self.rows.put(&Key::of(Kind::Document).space(space).doc(doc), &value)?;
        let conflict = Key::of(Kind::Conflict).space(space).doc(doc);
        match (had, !row.projection.conflicts.is_empty()) {
            (false, true) => self.rows.put(&conflict, &[]),
            (true, false) => self.rows.remove(&conflict),
            _ => Ok(()),
        }
    }

    /// The loaded document of a row; from memory when it was used lately.
    pub(super) fn document(&mut self, space: SpaceNo, doc: DocId, row: &DocRow) -> Result<Document> {
        if let Some(loaded) = self.replica.documents.get(&(space, doc)) {
            return Ok(loaded.clone());
        }
        let damaged = |reason: String| StoreError::Damaged(reason);
        let skip = row.snapshot.as_ref().map_or(0, |(covered, _)| *covered as usize);
        let mut raws = Vec::new();
        for change in &row.changes[skip..] {
            raws.push(self.record(space, change.log, change.seq)?.0.payload);
        }
        let Some((_, saved)) = &row.snapshot else {
            return document::load(doc, raws).map_err(|error| damaged(error.to_string()));
        };
        document::load_saved(doc, saved, raws).map_err(|error| damaged(error.to_string()))
    }

    /// Own records of a log that are not sealed: number and arrival of the first, and all of them.
    pub(super) fn open_records(&self, space: SpaceNo, log: Incarnation) -> Option<(u64, u64, &[Record])> {
        let open = self.open.as_ref().filter(|open| open.space == space && log == self.replica.mirror.log)?;
        Some((self.head(space, log).seq + 1, open.arrival, &open.records))
    }

    pub(super) fn head(&self, space: SpaceNo, log: Incarnation) -> HeadRow {
        let kept = self.replica.heads.get(&(space, log)).copied();
        kept.unwrap_or_else(|| {
            let name = self.replica.mirror.names.space(space);
            HeadRow { seq: 0, chain: name.map_or([0; 32], |name| chain_start(name, log)) }
        })
    }

    /// Logs one own record; gives its place in the log and its arrival.
    pub(super) fn log_own(
        &mut self,
        space: SpaceNo,
        doc: DocId,
        kind: RecordKind,
        payload: Vec<u8>,
    ) -> Result<(u64, u64)> {
        let full = |open: &OpenRun| {
            open.records.len() >= MAX_SEGMENT_RECORDS || open.weight + payload.len() > SEGMENT_TARGET
        };
        match &self.open {
            Some(open) if open.space != space => self.seal()?,
            Some(open) if full(open) => self.seal_pages()?,
            _ => {}
        }
        let arrival = self.replica.mirror.next_arrival;
        self.replica.mirror.next_arrival += 1;
        let claimed_ms = u64::try_from(self.now_ms).unwrap_or(0);
        let record = Record { doc, kind, rules: RULES, more: false, claimed_ms, payload };
        let log = self.replica.mirror.log;
        let before = self.head(space, log).seq;
        let open =
            self.open.get_or_insert_with(|| OpenRun { space, arrival, weight: 0, records: Vec::new() });
        open.weight += record.weight();
        open.records.push(record);
        Ok((before + open.records.len() as u64, arrival))
    }

    /// Closes the open run, if there is one. What fills no page is a run of its own, so that more can join it.
    pub(super) fn seal(&mut self) -> Result<()> {
        if let Some((space, arrival, records, last)) = self.seal_full()? {
            self.seal_run(space, arrival, records, vec![last])?;
        }
        Ok(())
    }

    /// Seals what fills pages. Records that do not fill the last one stay open.
    fn seal_pages(&mut self) -> Result<()> {
        let Some((space, arrival, records, last)) = self.seal_full()? else { return Ok(()) };
        let weight: usize = records.iter().map(Record::weight).sum();
        // Small or repetitive records may all fit one page: a run must have room for the next record.
        if records.len() > MAX_SEGMENT_RECORDS / 2 || weight > SEGMENT_TARGET / 2 {
            return self.seal_run(space, arrival, records, vec![last]);
        }
        self.open = Some(OpenRun { space, arrival, weight, records });
        Ok(())
    }

    /// Seals all of the open run but its last pack; gives that: space, arrival, records, packed.
    #[allow(clippy::type_complexity)]
    fn seal_full(&mut self) -> Result<Option<(SpaceNo, u64, Vec<Record>, Vec<u8>)>> {
        let Some(mut open) = self.open.take() else { return Ok(None) };
        let mut full = packs(self.replica.mirror.log, &open.records);
        let Some((count, last)) = full.pop() else { return Ok(None) };
        let rest = open.records.split_off(open.records.len() - count);
        let arrival = open.arrival + open.records.len() as u64;
        if !full.is_empty() {
            let full = full.into_iter().map(|(_, pack)| pack).collect();
            self.seal_run(open.space, open.arrival, open.records, full)?;
        }
        Ok(Some((open.space, arrival, rest, last)))
    }

    fn seal_run(
        &mut self,
        space: SpaceNo,
        arrival: u64,
        records: Vec<Record>,
        packs: Vec<Vec<u8>>,
    ) -> Result<()> {
        let (name, log) = (self.name_of(space)?, self.replica.mirror.log);
        let head = self.head(space, log);
        let (run, chain) = Segment::seal(&name, log, (head.seq, &head.chain), records, &self.replica.key);
        self.log_number(log)?;
        let hi = run.hi();
        self.keep((space, log), (run.lo, arrival), packs, run.seal)?;
        self.set_head(space, log, HeadRow { seq: hi, chain })
    }

    pub(super) fn set_head(&mut self, space: SpaceNo, log: Incarnation, head: HeadRow) -> Result<()> {
        self.rows.put(&Key::of(Kind::Head).space(space).log(log), &bytes(&head))?;
        self.replica.heads.insert((space, log), head);
        if let Some(clock) = Arc::make_mut(&mut self.replica.mirror.clocks).get_mut(space as usize) {
            clock.advance(log, head.seq);
        }
        self.touched.insert(space);
        Ok(())
    }

    /// Folds one change that passed the gate into its row.
    pub(super) fn fold(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: &mut DocRow,
        loaded: Option<Document>,
        projection: Projection,
        places: &[(ChangeId, u32, u64)],
    ) -> Result<()> {
        let had = !row.projection.conflicts.is_empty();
        row.projection = projection;
        row.changes.extend(places.iter().map(|(change, log, seq)| reference(*change, *log, *seq)));
        let saved = row.snapshot.as_ref().map_or(0, |(covered, _)| *covered as usize);
        if let Some(loaded) = loaded {
            if row.changes.len() >= saved + SNAPSHOT_EVERY
                && let Some(snapshot) = loaded.save()
            {
                row.snapshot = Some((row.changes.len() as u32, snapshot));
            }
            self.replica.documents.put((space, doc), loaded);
        }
        self.note_written((space, doc), row.changes.len());
        self.put_row(space, doc, row, had)
    }

    /// Remembers how many changes a document has now.
    pub(super) fn note_written(&mut self, document: (SpaceNo, DocId), changes: usize) {
        self.written.insert(document, changes);
    }

    /// Notes a change for those who listen.
    pub(super) fn changed(
        &mut self,
        arrival: u64,
        space: SpaceNo,
        row: &DocRow,
        log: Incarnation,
    ) -> Result<()> {
        self.changes.push(Changed {
            id: arrival,
            space: self.name_of(space)?,
            kind: row.kind(),
            identity: row.identity().to_owned(),
            removed: row.projection.removed,
            log,
        });
        Ok(())
    }
}

/// A change of our own was refused by the gate, or a document could not be written: nothing was stored.
pub(super) fn unwritable(error: impl std::fmt::Display) -> EngineError {
    EngineError::Member(format!("the edit cannot be written: {error}"))
}

/// The names of changes that passed the gate, in order.
pub(super) fn names(screened: &[Screened]) -> Vec<ChangeId> {
    screened.iter().map(Screened::id).collect()
}
