//! One writing transaction: any number of groups of requests, one sync each.
//!
//! Everything is visible to later requests of the same batch at once, and to readers when it ends. What it writes
//! into the log is in `open.rs`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::document::Document;
use quire_protocol::document::{self, Projection};
use quire_protocol::gate::Screened;
use quire_protocol::id::{ChangeId, DocId, Incarnation, Space};
use quire_protocol::record::chain_start;

use super::bare::reference;
use super::blocks::Blocks;
use super::open::{OpenRun, Origin};
use super::{Pending, Replica};
use crate::engine::{Changed, EngineError};
use crate::store::keys::{Key, Kind, SpaceNo};
use crate::store::rows::{DocRow, HeadRow, Stored, bytes, decode_doc};
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
    pub(super) open: Option<OpenRun>,
    changes: Vec<Changed>,
    /// Spaces that got records in this group.
    pub(super) touched: BTreeSet<SpaceNo>,
    /// Changes that each document written in this group has now.
    written: HashMap<(SpaceNo, DocId), usize>,
    pub(super) roster_changed: bool,
    /// Records of this group that were set aside.
    pub(super) aside: usize,
}

/// What a group of requests did, to be announced when it is on disk.
#[derive(Debug, Default)]
pub struct Committed {
    /// Clock of each space that got records.
    pub clocks: Vec<(Space, Clock)>,
    /// What changed, in order of arrival.
    pub changes: Vec<Changed>,
    /// Whether trust changed.
    pub roster_changed: bool,
    /// `synchronize` requests, to be answered when it is on disk.
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
            aside: 0,
        }
    }

    /// The wall clock of the request that is done next, for naming its cursor.
    pub fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Ends a group: names the cursors of waiting answers. What it wrote may be [secured](Writer::secure) then, and
    /// another group follow.
    pub fn end_group(&mut self) -> Result<Committed> {
        self.count_open();
        self.name_cursors()?;
        let mut pending = std::mem::take(&mut self.pending);
        let written = std::mem::take(&mut self.written);
        for one in &mut pending {
            one.forget_overtaken(&written);
            one.quiet = self.has_no_news(one);
        }
        let names = &self.replica.mirror.names;
        let clock = |n: &SpaceNo| {
            let clock = self.replica.mirror.clocks.get(*n as usize).cloned().unwrap_or_default();
            names.space(*n).map(|space| (space.clone(), clock))
        };
        let clocks = std::mem::take(&mut self.touched).iter().filter_map(clock).collect();
        Ok(Committed {
            clocks,
            changes: std::mem::take(&mut self.changes),
            roster_changed: std::mem::take(&mut self.roster_changed),
            pending,
        })
    }

    /// Brings the groups that ended so far to the disk, while readers do not see them yet. False when only the
    /// commit can do that; it must come then.
    pub fn secure(&mut self) -> Result<bool> {
        self.rows.secure()
    }

    /// Has this transaction synced by the database, whatever is in it: it shows whether the disk works.
    pub fn touch(&mut self) {
        self.rows.bypass_journal();
    }

    /// True when there is anything to commit.
    pub fn has_written(&self) -> bool {
        self.rows.has_written()
    }

    /// Ends the one group and seals what is open. Commit after this, nothing else.
    pub fn finish(mut self) -> Result<Committed> {
        self.seal()?;
        self.end_group()
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
    pub(super) fn row(&mut self, space: SpaceNo, doc: DocId) -> Result<Option<DocRow>> {
        let key = Key::of(Kind::Document).space(space).doc(doc);
        let Some(value) = self.rows.get(&key)? else { return Ok(None) };
        match decode_doc(&key, &value)? {
            Stored::Whole(row) => Ok(Some(row)),
            Stored::Bare(bare) => self.load_bare(space, doc, bare).map(Some),
        }
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

    /// The loaded document of a row; from memory when it was used lately. It is no longer there then: who writes to
    /// it puts the new one in its place.
    pub(super) fn document(&mut self, space: SpaceNo, doc: DocId, row: &DocRow) -> Result<Document> {
        if let Some(loaded) = self.replica.documents.pop(&(space, doc)) {
            return Ok(loaded);
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

    pub(super) fn head(&self, space: SpaceNo, log: Incarnation) -> HeadRow {
        let kept = self.replica.heads.get(&(space, log)).copied();
        kept.unwrap_or_else(|| {
            let name = self.replica.mirror.names.space(space);
            HeadRow { seq: 0, chain: name.map_or([0; 32], |name| chain_start(name, log)) }
        })
    }

    pub(super) fn set_head(
        &mut self,
        space: SpaceNo,
        log: Incarnation,
        head: HeadRow,
        origin: Origin,
    ) -> Result<()> {
        self.put_of(origin, &Key::of(Kind::Head).space(space).log(log), &bytes(&head))?;
        self.replica.heads.insert((space, log), head);
        self.advance(space, log, head.seq);
        Ok(())
    }

    /// The space's clock covers a log up to here, as far as it is good.
    pub(super) fn advance(&mut self, space: SpaceNo, log: Incarnation, seq: u64) {
        let mirror = &self.replica.mirror;
        let end = mirror.names.space(space).and_then(|name| mirror.good_end(name, log));
        let seq = end.map_or(seq, |end| seq.min(end));
        if let Some(clock) = Arc::make_mut(&mut self.replica.mirror.clocks).get_mut(space as usize) {
            clock.advance(log, seq);
        }
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
        let before = std::mem::replace(&mut row.projection, projection);
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
        self.put_row(space, doc, row, had)?;
        self.index((space, doc), &before, row)
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
        if !row.is_shown() {
            return Ok(());
        }
        self.changes.push(Changed {
            id: arrival,
            space: self.name_of(space)?,
            kind: row.kind(),
            identity: row.name().to_owned(),
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
