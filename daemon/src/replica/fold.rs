//! One record of a peer after the other, folded into its document or set aside.

use quire_protocol::change::id_of;
use quire_protocol::document::genesis;
use quire_protocol::gate::{Reason, Screened, admit, admit_creation, screen};
use quire_protocol::id::{ChangeId, DocId, Incarnation};
use quire_protocol::record::{Record, RecordKind};

use super::Batch;
use super::ingest::{ReadRows, foldable, read_blob_payload};
use super::view::blob_part_key;
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::{Aside, DocRow, bytes};

/// One record with its place.
pub(super) struct Placed<'r> {
    pub record: &'r Record,
    pub seq: u64,
    pub arrival: u64,
    pub log: Incarnation,
    pub number: u32,
    pub verdict: Result<Screened, Aside>,
}

impl Batch<'_, '_> {
    /// Folds the first record, or the first two when they begin an item together; gives how many.
    pub(super) fn fold_next(
        &mut self,
        space: SpaceNo,
        placed: &[Placed<'_>],
        rows: &mut ReadRows,
    ) -> Result<usize> {
        let first = &placed[0];
        if first.record.kind == RecordKind::BLOB {
            self.index_blob(space, first)?;
            return Ok(1);
        }
        // What was read stands until the first record of its document.
        let row = match rows.remove(&first.record.doc) {
            Some(row) => row,
            None => self.row(space, first.record.doc)?,
        };
        if row.is_none()
            && let Some(used) = self.fold_creation(space, placed)?
        {
            return Ok(used);
        }
        self.fold_edit(space, first, row.unwrap_or_default())?;
        Ok(1)
    }

    fn index_blob(&mut self, space: SpaceNo, placed: &Placed<'_>) -> Result<()> {
        let Some((blob, part, _)) = read_blob_payload(&placed.record.payload) else { return Ok(()) };
        let key = blob_part_key(space, &blob, placed.number, part);
        self.rows.put(&key, &bytes(&placed.seq))
    }

    /// The form almost every new item has, folded without a document.
    fn fold_creation(&mut self, space: SpaceNo, placed: &[Placed<'_>]) -> Result<Option<usize>> {
        let used = if placed[0].record.kind == RecordKind::SEED { 2 } else { 1 };
        let Some(group) = placed.get(..used) else { return Ok(None) };
        let doc = group[0].record.doc;
        let mut screened = Vec::new();
        for placed in group {
            match &placed.verdict {
                Ok(passed) if placed.record.doc == doc => screened.push(passed),
                _ => return Ok(None),
            }
        }
        let Some((last, seed)) = screened.split_last() else { return Ok(None) };
        let Some(projection) = admit_creation(doc, seed.first().copied(), last) else { return Ok(None) };
        let places: Vec<_> = group.iter().zip(&screened).map(|(p, s)| (s.id(), p.number, p.seq)).collect();
        let mut row = DocRow { row_id: group[0].arrival, projection, ..DocRow::default() };
        self.begin((space, doc), &mut row, &places)?;
        let end = &group[used - 1];
        self.changed(end.arrival, space, &row, end.log)?;
        Ok(Some(used))
    }

    fn fold_edit(&mut self, space: SpaceNo, placed: &Placed<'_>, mut row: DocRow) -> Result<()> {
        let doc = placed.record.doc;
        let screened = match &placed.verdict {
            Ok(screened) => screened,
            Err(why) => return self.set_aside(space, placed, why.clone()),
        };
        let missing = self.set_aside_deps(space, doc, &row, screened)?;
        if self.lacks(space, doc, &row, screened)?
            > missing.iter().filter(|why| **why == Aside::BehindCut).count()
        {
            return self.set_aside(space, placed, Aside::DependsOnForked);
        }
        if !missing.is_empty() && missing.iter().all(|why| *why == Aside::BehindCut) {
            // Its author took for good what it builds on; then so does everybody.
            self.set_aside(space, placed, Aside::BehindCut)?;
            self.refold_document(space, doc).map(drop)?;
            let Some(row) = self.row(space, doc)? else { return Ok(()) };
            return self.changed(placed.arrival, space, &row, placed.log);
        }
        let loaded = self.document(space, doc, &row)?;
        if placed.record.kind != RecordKind::CHANGE && loaded.holds(screened.id()) {
            // Two devices began the note with the same text, or echoed the same change: both logs have it, it counts
            // once. Where it is too is noted, should one of the logs turn out to have forked.
            return self.note_twin((space, doc), (placed.log, placed.seq), screened.id());
        }
        match admit(&loaded, doc, screened) {
            Ok(after) => {
                if row.row_id == 0 {
                    row.row_id = placed.arrival;
                }
                let projection = after.project();
                let place = [(screened.id(), placed.number, placed.seq)];
                self.fold((space, doc), &mut row, Some(after), projection, &place)?;
                self.changed(placed.arrival, space, &row, placed.log)
            }
            Err(reason) => {
                let reason = if missing.is_empty() { reason } else { Reason::DependsOnSetAside };
                self.set_aside(space, placed, Aside::Gate(reason))
            }
        }
    }

    /// How many changes that this one depends on are not folded, where logs forked; elsewhere none is missing.
    fn lacks(&self, space: SpaceNo, doc: DocId, row: &DocRow, screened: &Screened) -> Result<usize> {
        if !self.replica.mirror.has_forks(&self.name_of(space)?) {
            return Ok(0);
        }
        let begun = genesis(doc).id();
        let here =
            |dep: &ChangeId| *dep == begun || row.changes.iter().any(|change| change.short == dep.0[..8]);
        Ok(screened.deps().filter(|dep| !here(dep)).count())
    }

    /// Why changes that this one depends on were set aside.
    fn set_aside_deps(
        &self,
        space: SpaceNo,
        doc: DocId,
        row: &DocRow,
        screened: &Screened,
    ) -> Result<Vec<Aside>> {
        let folded = |dep: &ChangeId| row.changes.iter().any(|change| change.short == dep.0[..8]);
        let asides = screened.deps().filter(|dep| !folded(dep)).map(|dep| self.aside(space, doc, dep));
        Ok(asides.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn set_aside(&mut self, space: SpaceNo, placed: &Placed<'_>, why: Aside) -> Result<()> {
        tracing::debug!(log = %placed.log, seq = placed.seq, ?why, "a record is set aside");
        self.aside += 1;
        let change = id_of(&placed.record.payload);
        self.put_aside((space, placed.record.doc), (placed.log, placed.seq), change, why)
    }
}

/// The gate's verdict as far as the record alone decides it. Rules 1 knows no groups of records.
pub(super) fn judge(log: Incarnation, record: &Record) -> Result<Screened, Aside> {
    if !foldable(record) {
        return Err(Aside::UnknownRules);
    }
    if record.more {
        return Err(Aside::Gate(Reason::Malformed));
    }
    screen(record.doc, log, record.kind, &record.payload).map_err(Aside::Gate)
}
