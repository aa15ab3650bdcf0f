//! Reading: a snapshot of the store with the names that belong to it. Never touches Automerge.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use quire_protocol::clock::Clock;
use quire_protocol::document::BlobRef;
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::item::{Naming, members};
use quire_protocol::limits::BLOB_PART;
use quire_protocol::record::{Record, RecordKind, Segment};
use serde_json::{Map, Value};

use super::Mirror;
use super::ingest::read_blob_payload;
use crate::engine::Changed;
use crate::store::keys::{Key, Kind, SpaceNo, describe, last_number, sixteen};
use crate::store::rows::{ArrivalRow, DocRow, decode, decode_doc};
use crate::store::{Reader, Result, Rows, StoreError};

/// A snapshot for reading.
pub struct View {
    reader: Reader,
    mirror: Mirror,
}

impl View {
    /// A view on a snapshot, with the names that were true at its commit.
    pub fn new(reader: Reader, mirror: Mirror) -> View {
        View { reader, mirror }
    }

    /// The rows.
    pub(super) fn rows(&self) -> &Reader {
        &self.reader
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
        self.reader.get(&key)?.map(|value| decode_doc(&key, &value)).transpose()
    }

    /// The documented members of an item.
    pub fn members(&self, space: SpaceNo, row: &DocRow) -> Map<String, Value> {
        let naming = Naming { account: self.account_of(space), row_id: row.row_id };
        let kind = row.kind().unwrap_or(quire_protocol::domain::Kind::Marking);
        members(kind, &row.projection, naming, &|blob| read_blob(&self.reader, space, blob))
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
            each(DocId(sixteen(key, 5)), &decode_doc(key, value)?)
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
        let Some(clock) = clock else {
            let all = Key::of(Kind::Document).space(space);
            return self.reader.scan(&all, &all.end(), &mut |key, value| {
                let doc = DocId(sixteen(key, 5));
                if wanted(doc) {
                    each(doc, &decode_doc(key, value)?)?;
                }
                Ok(ControlFlow::Continue(()))
            });
        };
        let mut changed = HashSet::new();
        let mut order = Vec::new();
        for (log, _) in self.mirror.clocks.get(space as usize).into_iter().flat_map(Clock::iter) {
            segments_after(&self.reader, space, log, clock.get(log), &mut |_, _, encoded| {
                let segment = decode_segment(log, encoded)?;
                for (i, record) in segment.records.iter().enumerate() {
                    if segment.lo + i as u64 > clock.get(log)
                        && wanted(record.doc)
                        && changed.insert(record.doc)
                    {
                        order.push(record.doc);
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        for doc in order {
            if let Some(row) = self.row(space, doc)? {
                each(doc, &row)?;
            }
        }
        Ok(())
    }

    /// Encoded segments that `after` does not cover, in order of arrival, about `bytes` of them.
    pub fn fetch(&self, space: &Space, after: &Clock, bytes: usize) -> Result<Vec<(Incarnation, Vec<u8>)>> {
        let Some(number) = self.mirror.names.space_number(space) else { return Ok(Vec::new()) };
        let mut next: BTreeMap<u64, (Incarnation, u64, Vec<u8>)> = BTreeMap::new();
        let queue = |log, from, next: &mut BTreeMap<_, _>| -> Result<()> {
            segments_after(&self.reader, number, log, from, &mut |lo, arrival, encoded| {
                next.insert(arrival, (log, lo, encoded.to_vec()));
                Ok(ControlFlow::Break(()))
            })
        };
        for (log, seq) in self.mirror.clock(space).iter() {
            if seq > after.get(log) {
                queue(log, after.get(log), &mut next)?;
            }
        }
        let (mut out, mut size) = (Vec::new(), 0);
        while let Some((_, (log, _, encoded))) = next.pop_first() {
            let (_, hi) = Segment::range(&encoded).map_err(|_| missing(log, 0))?;
            size += encoded.len();
            out.push((log, encoded));
            if size >= bytes {
                break;
            }
            queue(log, hi, &mut next)?;
        }
        Ok(out)
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
        let key = Key::of(Kind::Segment).space(arrival.space).log(arrival.log).number(arrival.lo);
        let value = self.reader.get(&key)?.ok_or_else(|| missing(arrival.log, arrival.lo))?;
        let segment = decode_segment(arrival.log, &value[8..])?;
        for (i, record) in segment.records.iter().enumerate() {
            let id = first + i as u64;
            if id <= after || record.kind != RecordKind::CHANGE {
                continue;
            }
            let (Some(row), Some(space)) =
                (self.row(arrival.space, record.doc)?, self.mirror.names.space(arrival.space))
            else {
                continue;
            };
            out.push(Changed {
                id,
                space: space.clone(),
                kind: row.kind(),
                identity: row.identity().to_owned(),
                removed: row.projection.removed,
                log: arrival.log,
            });
        }
        Ok(())
    }
}

/// The last segment that was inflated: records of one are mostly read together.
#[derive(Default)]
pub(super) struct SegmentCache {
    last: Option<(SpaceNo, Incarnation, Segment)>,
}

impl SegmentCache {
    /// One record of a log.
    pub(super) fn record(
        &mut self,
        rows: &impl Rows,
        space: SpaceNo,
        log: Incarnation,
        seq: u64,
    ) -> Result<&Record> {
        let here = |(s, l, segment): &(SpaceNo, Incarnation, Segment)| {
            (*s, *l) == (space, log) && (segment.lo..=segment.hi()).contains(&seq)
        };
        if !self.last.as_ref().is_some_and(here) {
            self.last = Some((space, log, read_segment(rows, space, log, seq)?));
        }
        let segment = self.last.as_ref().map(|(_, _, segment)| segment);
        segment.and_then(|s| s.records.get((seq - s.lo) as usize)).ok_or_else(|| missing(log, seq))
    }
}

/// The segment that holds a record.
fn read_segment(rows: &impl Rows, space: SpaceNo, log: Incarnation, seq: u64) -> Result<Segment> {
    let all = Key::of(Kind::Segment).space(space).log(log);
    let (_, value) = rows.last(&all.clone().number(0), &all.number(seq))?.ok_or_else(|| missing(log, seq))?;
    let segment = decode_segment(log, value.get(8..).unwrap_or_default())?;
    if (segment.lo..=segment.hi()).contains(&seq) { Ok(segment) } else { Err(missing(log, seq)) }
}

fn decode_segment(log: Incarnation, encoded: &[u8]) -> Result<Segment> {
    Segment::decode(encoded).map_err(|error| StoreError::Damaged(format!("log {log}: {error}")))
}

pub(super) fn missing(log: Incarnation, seq: u64) -> StoreError {
    StoreError::Damaged(format!("record {seq} of log {log} is missing"))
}

/// What is done with a segment: its first sequence number, its arrival, its bytes.
type VisitSegment<'a> = &'a mut dyn FnMut(u64, u64, &[u8]) -> Result<ControlFlow<()>>;

/// Segments of a log that hold records after `seq`: first sequence number, arrival, bytes.
fn segments_after(
    rows: &impl Rows,
    space: SpaceNo,
    log: Incarnation,
    seq: u64,
    each: VisitSegment<'_>,
) -> Result<()> {
    let all = Key::of(Kind::Segment).space(space).log(log);
    // A clock may end within a segment: a client's may be older than the seal.
    let start = match rows.last(&all.clone().number(0), &all.clone().number(seq + 1))? {
        Some((key, _)) => key,
        None => all.clone().number(0).to_vec(),
    };
    rows.scan(&start, &all.end(), &mut |key, value| {
        let (arrival, encoded) =
            value.split_at_checked(8).ok_or_else(|| StoreError::Damaged(describe(key)))?;
        let (_, hi) =
            Segment::range(encoded).map_err(|e| StoreError::Damaged(format!("{}: {e}", describe(key))))?;
        if hi <= seq {
            return Ok(ControlFlow::Continue(()));
        }
        each(last_number(key), last_number(arrival), encoded)
    })
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
    let mut cache = SegmentCache::default();
    let mut content = Vec::new();
    for seq in seqs {
        let record = cache.record(rows, space, name, *seq).ok()?;
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

/// The item to which this daemon gave a row number.
pub(super) fn row_of_id(
    rows: &impl Rows,
    cache: &mut SegmentCache,
    space: SpaceNo,
    id: i64,
) -> Result<Option<DocRow>> {
    let Ok(id) = u64::try_from(id) else { return Ok(None) };
    let all = Key::of(Kind::Arrival);
    let Some((key, value)) = rows.last(&all.clone().number(0), &all.number(id))? else { return Ok(None) };
    let (first, arrival): (u64, ArrivalRow) = (last_number(&key), decode(&key, &value)?);
    if arrival.space != space || id >= first + u64::from(arrival.count) {
        return Ok(None);
    }
    let doc = cache.record(rows, space, arrival.log, arrival.lo + (id - first))?.doc;
    let key = Key::of(Kind::Document).space(space).doc(doc);
    let row = rows.get(&key)?.map(|value| decode_doc(&key, &value)).transpose()?;
    Ok(row.filter(|row| row.row_id == id))
}
