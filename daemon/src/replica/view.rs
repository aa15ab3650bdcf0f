//! Reading: a snapshot of the store with the names that belong to it. Never touches Automerge.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::document::BlobRef;
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::item::{Naming, members};
use quire_protocol::limits::BLOB_PART;
use quire_protocol::record::{Record, RecordKind};
use serde_json::{Map, Value};

use super::Mirror;
use super::bare::complete;
use super::blocks::{Blocks, Inflated, blocks_after};
use super::ingest::read_blob_payload;
use crate::engine::Changed;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{ArrivalRow, DocRow, Stored, decode, decode_doc};
use crate::store::{Reader, Result, Rows, Visit};

/// Gives a record by the number of its log and its number there, and its arrival.
pub(super) type Near<'a> = &'a dyn Fn(u32, u64) -> Result<(Record, u64)>;

/// What is done with each document; it ends the walk by breaking.
pub(super) type VisitStored<'a> = &'a mut dyn FnMut(DocId, Stored, Near<'_>) -> Result<ControlFlow<()>>;

/// A snapshot for reading.
pub struct View {
    reader: Reader,
    mirror: Mirror,
    blocks: Arc<Blocks>,
}

impl View {
    /// A view on a snapshot, with the names that were true at its commit.
    pub fn new(reader: Reader, mirror: Mirror) -> View {
        View { reader, blocks: Arc::clone(&mirror.blocks), mirror }
    }

    /// The rows.
    pub(super) fn rows(&self) -> &Reader {
        &self.reader
    }

    /// Every row behind a key, in order.
    pub fn rows_after(&self, after: &[u8], each: Visit<'_>) -> Result<()> {
        self.rows().all_after(after, each)
    }

    /// Looks at every row, see [`Reader::look_through`].
    pub fn look_through(&self) -> Result<()> {
        self.rows().look_through(&|| true).map(drop)
    }

    /// What is known without the rows.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(super) fn account_of(&self, space: SpaceNo) -> i64 {
        self.mirror.names.space(space).and_then(Space::account_number).unwrap_or(0)
    }

    pub(super) fn log_of(&self, number: u32) -> Incarnation {
        self.mirror.names.log(number)
    }

    /// A document's row.
    pub fn row(&self, space: SpaceNo, doc: DocId) -> Result<Option<DocRow>> {
        let key = Key::of(Kind::Document).space(space).doc(doc);
        let Some(value) = self.reader.get(&key)? else { return Ok(None) };
        self.complete(space, decode_doc(&key, &value)?).map(Some)
    }

    /// A record.
    pub(super) fn record(&self, space: SpaceNo, log: u32, seq: u64) -> Result<Record> {
        Ok(self.placed(space, log, seq)?.0)
    }

    /// A record, and its arrival.
    pub(super) fn placed(&self, space: SpaceNo, log: u32, seq: u64) -> Result<(Record, u64)> {
        let log = self.mirror.names.log(log);
        self.blocks.holding(&self.reader, space, log, seq)?.placed(seq)
    }

    fn complete(&self, space: SpaceNo, stored: Stored) -> Result<DocRow> {
        let record = |log, seq| {
            let log = self.mirror.names.log(log);
            self.blocks.holding(&self.reader, space, log, seq)?.placed(seq)
        };
        complete(stored, record)
    }

    /// The documented members of an item.
    pub fn members(&self, space: SpaceNo, row: &DocRow) -> Map<String, Value> {
        members_of(&self.reader, (space, self.account_of(space)), row)
    }

    /// The content of a large value.
    pub fn blob(&self, space: SpaceNo, blob: &BlobRef) -> Option<String> {
        read_blob(&self.reader, space, blob)
    }

    /// Every document of a space, from one on, in the order of their ids.
    pub fn documents(
        &self,
        space: SpaceNo,
        from: Option<DocId>,
        each: &mut dyn FnMut(DocId, &DocRow) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let all = Key::of(Kind::Document).space(space);
        let start = from.map_or_else(|| all.clone(), |doc| all.clone().doc(doc));
        self.reader.scan(&start, &all.end(), &mut |key, value| {
            each(DocId(sixteen(key, 5)), &self.complete(space, decode_doc(key, value)?)?)
        })
    }

    /// Wanted documents that changed after `clock`; all of them without one.
    pub(super) fn since(
        &self,
        space: SpaceNo,
        clock: Option<&Clock>,
        wanted: &dyn Fn(DocId) -> bool,
        each: &mut dyn FnMut(DocId, &DocRow) -> Result<()>,
    ) -> Result<()> {
        let Some(clock) = clock else { return self.all(space, wanted, each) };
        let mut changed = HashSet::new();
        let mut order = Vec::new();
        for (log, end) in self.mirror.clocks.get(space as usize).into_iter().flat_map(Clock::iter) {
            if end <= clock.get(log) {
                continue;
            }
            blocks_after(&self.reader, space, log, clock.get(log), &mut |block| {
                let block = Inflated::of(log, &block)?;
                for (doc, seq) in block.docs() {
                    if seq > clock.get(log) && seq <= end && wanted(doc) && changed.insert(doc) {
                        order.push(doc);
                    }
                }
                // What is behind the end of a forked log is no news.
                Ok(if block.holds(end) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        for doc in order {
            if let Some(row) = self.row(space, doc)? {
                each(doc, &row)?;
            }
        }
        Ok(())
    }

    /// Wanted documents in the order of their first records.
    fn all(
        &self,
        space: SpaceNo,
        wanted: &dyn Fn(DocId) -> bool,
        each: &mut dyn FnMut(DocId, &DocRow) -> Result<()>,
    ) -> Result<()> {
        let done = self.stored(space, wanted, &mut |doc, stored, near| {
            each(doc, &complete(stored, near)?)?;
            Ok(ControlFlow::Continue(()))
        });
        done.map(drop)
    }

    /// What is stored of wanted documents, in the order of their first records, so that each block is inflated once.
    /// Breaks when `each` does.
    pub(super) fn stored(
        &self,
        space: SpaceNo,
        wanted: &dyn Fn(DocId) -> bool,
        each: VisitStored<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut flow = ControlFlow::Continue(());
        for (log, _) in self.mirror.clocks.get(space as usize).into_iter().flat_map(Clock::iter) {
            blocks_after(&self.reader, space, log, 0, &mut |block| {
                flow = self.stored_in(space, &Inflated::of(log, &block)?, wanted, each)?;
                Ok(flow)
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(flow)
    }

    fn stored_in(
        &self,
        space: SpaceNo,
        block: &Inflated,
        wanted: &dyn Fn(DocId) -> bool,
        each: VisitStored<'_>,
    ) -> Result<ControlFlow<()>> {
        let number = self.mirror.names.log_number(block.log);
        let near = |log, seq| self.near(space, block, log, seq);
        let mut begun = None;
        for (doc, seq) in block.docs().filter(|(doc, _)| wanted(*doc)) {
            if begun == Some((doc, seq)) {
                continue;
            }
            let key = Key::of(Kind::Document).space(space).doc(doc);
            let Some(value) = self.reader.get(&key)? else { continue };
            let stored = decode_doc(&key, &value)?;
            if !stored.begins_at(number, seq) {
                continue;
            }
            // Behind a seed comes the creation, of which the row was just read.
            begun = matches!(stored, Stored::Bare(bare) if bare.seed).then_some((doc, seq + 1));
            if each(doc, stored, &near)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A record that is mostly in the block at hand.
    fn near(&self, space: SpaceNo, block: &Inflated, log: u32, seq: u64) -> Result<(Record, u64)> {
        let log = self.mirror.names.log(log);
        if log == block.log && block.holds(seq) {
            return block.placed(seq);
        }
        self.blocks.holding(&self.reader, space, log, seq)?.placed(seq)
    }

    /// Changes that arrived after `after`, oldest first.
    pub fn changes_after(&self, after: u64, limit: usize) -> Result<Vec<Changed>> {
        let all = Key::of(Kind::Arrival);
        let start = match self.reader.last(&all, &all.clone().number(after + 1))? {
            Some((key, _)) if key.starts_with(&all) => key,
            _ => all.clone().number(0).to_vec(),
        };
        let mut out = Vec::new();
        self.reader.scan(&start, &all.end(), &mut |key, value| {
            let arrival: ArrivalRow = decode(key, value)?;
            self.arrived(last_number(key), &arrival, after, &mut out)?;
            Ok(if out.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        out.truncate(limit);
        Ok(out)
    }

    fn arrived(&self, first: u64, arrival: &ArrivalRow, after: u64, out: &mut Vec<Changed>) -> Result<()> {
        for (id, seq) in (first..).zip(arrival.lo..arrival.lo + u64::from(arrival.count)) {
            if id <= after {
                continue;
            }
            // What is kept may be joined already, or not yet: it is asked record by record.
            let block = self.blocks.holding(&self.reader, arrival.space, arrival.log, seq)?;
            let at = (seq - block.lo) as usize;
            let change = block.pack().kind(at).is_some_and(RecordKind::is_edit);
            let Some(doc) = block.pack().doc(at).filter(|_| change) else { continue };
            let (Some(row), Some(space)) =
                (self.row(arrival.space, doc)?, self.mirror.names.space(arrival.space))
            else {
                continue;
            };
            if !row.is_shown() {
                continue;
            }
            out.push(Changed {
                id,
                space: space.clone(),
                kind: row.kind(),
                identity: row.name().to_owned(),
                removed: row.projection.removed,
                log: arrival.log,
            });
        }
        Ok(())
    }
}

/// The documented members of an item in an account's space.
pub(super) fn members_of(
    rows: &impl Rows,
    (space, account): (SpaceNo, i64),
    row: &DocRow,
) -> Map<String, Value> {
    let naming = Naming { account, row_id: row.row_id };
    let kind = row.kind().unwrap_or(quire_protocol::domain::Kind::Marking);
    members(kind, &row.projection, naming, &|blob| read_blob(rows, space, blob))
}

/// Key of one part of a blob in one log.
pub(super) fn blob_part_key(space: SpaceNo, blob: &BlobRef, log: u32, part: u64) -> Key {
    blob_key(space, blob).space(log).number(part)
}

fn blob_key(space: SpaceNo, blob: &BlobRef) -> Key {
    Key::of(Kind::Blob).space(space).bytes(&blob.hash)
}

/// Whether a log holds a blob whole.
pub(super) fn has_blob(rows: &impl Rows, space: SpaceNo, blob: &BlobRef, log: u32) -> Result<bool> {
    let parts = (blob.length as usize).div_ceil(BLOB_PART).max(1);
    let key = blob_part_key(space, blob, log, parts as u64 - 1);
    Ok(rows.get(&key)?.is_some())
}

/// The content of a blob, from whichever log holds it whole and true: another's wrong parts are no harm.
pub(super) fn read_blob(rows: &(impl Rows + BlobRows), space: SpaceNo, blob: &BlobRef) -> Option<String> {
    let mut by_log: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let all = blob_key(space, blob);
    let found = rows.scan(&all, &all.end(), &mut |key, value| {
        let at = key.len().saturating_sub(12);
        let log = u32::from_be_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]]);
        by_log.entry(log).or_default().push(decode(key, value)?);
        Ok(ControlFlow::Continue(()))
    });
    found.ok()?;
    by_log.into_iter().find_map(|(log, seqs)| assemble(rows, space, blob, log, &seqs))
}

fn assemble(
    rows: &(impl Rows + BlobRows),
    space: SpaceNo,
    blob: &BlobRef,
    log: u32,
    seqs: &[u64],
) -> Option<String> {
    let name = rows.log_name(log)?;
    let blocks = Blocks::default();
    let mut content = Vec::new();
    for seq in seqs {
        let record = blocks.record(rows, space, name, *seq).ok()?;
        let (_, _, chunk) = read_blob_payload(&record.payload)?;
        content.extend_from_slice(chunk);
    }
    let text = String::from_utf8(content).ok()?;
    (BlobRef::of(&text) == *blob).then_some(text)
}

/// Rows that can tell a log's name by its number.
pub(super) trait BlobRows {
    /// The log of a number.
    fn log_name(&self, number: u32) -> Option<Incarnation>;
}

impl<R: Rows> BlobRows for R {
    fn log_name(&self, number: u32) -> Option<Incarnation> {
        let value = self.get(&Key::of(Kind::LogNumber).space(number)).ok()??;
        Some(Incarnation(sixteen(&value, 0)))
    }
}

/// The item to which this daemon gave a row number, and its space.
pub(super) fn row_of_id(rows: &impl Rows, blocks: &Blocks, id: i64) -> Result<Option<(SpaceNo, DocRow)>> {
    let Ok(id) = u64::try_from(id) else { return Ok(None) };
    let all = Key::of(Kind::Arrival);
    let Some((key, value)) = rows.last(&all.clone().number(0), &all.number(id))? else { return Ok(None) };
    let (first, arrival): (u64, ArrivalRow) = (last_number(&key), decode(&key, &value)?);
    if id >= first + u64::from(arrival.count) {
        return Ok(None);
    }
    let space = arrival.space;
    let seq = arrival.lo + (id - first);
    let block = blocks.holding(rows, space, arrival.log, seq)?;
    let Some(doc) = block.pack().doc((seq - block.lo) as usize) else { return Ok(None) };
    let key = Key::of(Kind::Document).space(space).doc(doc);
    let Some(value) = rows.get(&key)? else { return Ok(None) };
    let name = |number| rows.log_name(number).unwrap_or(arrival.log);
    let row = complete(decode_doc(&key, &value)?, |log, seq| {
        blocks.holding(rows, space, name(log), seq)?.placed(seq)
    })?;
    Ok((row.row_id == id).then_some((space, row)))
}
