//! Records of other replicas: verified, kept as they are, folded.
//!
//! A segment is taken whole or not at all, but for its beginning where that is here already: right to write,
//! chain, signature, dependencies. What a record then says is judged by the gate, and a record that fails is set
//! aside; it stays in its log, so that the chain holds and others can be served.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use quire_protocol::change::id_of;
use quire_protocol::document::{BlobRef, genesis};
use quire_protocol::gate::{Reason, Screened, admit, admit_creation, screen};
use quire_protocol::id::{ChangeId, DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::{Certificate, Rights};
use quire_protocol::limits::PACK;
use quire_protocol::record::{RULES, Record, RecordKind, Segment, SegmentError, pack};
use quire_protocol::roster::Admitted;

use super::Batch;
use super::blocks::packs;
use super::open::Origin;
use super::view::blob_part_key;
use crate::engine::{Ingested, Refusal};
use crate::store::Result;
use crate::store::keys::{Key, Kind, SpaceNo};
use crate::store::rows::{Aside, DocRow, HeadRow, bytes, meta};

/// The payload of a blob's part: its hash, which part, how long the whole is, and the bytes.
pub(super) fn blob_payload(blob: &BlobRef, part: u64, chunk: &[u8]) -> Vec<u8> {
    let mut out = blob.hash.to_vec();
    quire_protocol::clock::put_varint(&mut out, part);
    quire_protocol::clock::put_varint(&mut out, blob.length);
    out.extend_from_slice(chunk);
    out
}

/// Reads a blob part's payload: the blob, which part, the bytes.
pub(super) fn read_blob_payload(payload: &[u8]) -> Option<(BlobRef, u64, &[u8])> {
    let (hash, rest) = payload.split_at_checked(32)?;
    let (part, rest) = quire_protocol::clock::take_varint(rest)?;
    let (length, rest) = quire_protocol::clock::take_varint(rest)?;
    Some((BlobRef { hash: hash.try_into().ok()?, length }, part, rest))
}

/// Rows of documents as they were before a segment; `None` where there was none.
type ReadRows = HashMap<DocId, Option<DocRow>>;

/// Rows kept from one look at a segment to the next: what one person's edit touches, not what a first sync brings.
const READ_ROWS: usize = 64;

/// A segment that may be kept.
struct Examined {
    segment: Segment,
    head: HeadRow,
    rows: ReadRows,
}

/// One record with its place.
struct Placed<'r> {
    record: &'r Record,
    seq: u64,
    arrival: u64,
    log: Incarnation,
    number: u32,
    verdict: Result<Screened, Aside>,
}

impl Batch<'_, '_> {
    /// Takes one segment that `peer` sent.
    pub fn ingest(
        &mut self,
        peer: DeviceId,
        space: &Space,
        log: Incarnation,
        encoded: &[u8],
    ) -> Result<Ingested> {
        if !self.replica.mirror.rights(peer, space).allow(Rights::READ) {
            // Before anything is looked up: neither the answer nor its time tells whether the space is here.
            let refused = Some("the sender does not share this space".into());
            return Ok(Ingested { space: space.clone(), log, seq: 0, refused });
        }
        let known = self.replica.mirror.names.space_number(space);
        let have = known.map_or(0, |number| self.head(number, log).seq);
        let done = |seq, refused| Ingested { space: space.clone(), log, seq, refused };
        let range = Segment::range(encoded);
        // Of a log that forked no more is said than is good of it.
        let end = self.replica.mirror.good_end(space, log).unwrap_or(u64::MAX);
        if let Ok((_, hi)) = range
            && hi <= have.min(end)
        {
            // Not what others brought besides: the sender may not know of it.
            return Ok(done(hi.min(end), None));
        }
        if have >= end {
            let reason = format!("the log forked behind record {end}");
            return Ok(done(end, Some(Refusal { reason, doubt: false })));
        }
        match self.examine(space, log, encoded, have) {
            Ok(examined) => {
                let (number, hi) = (self.space(space)?, examined.segment.hi());
                self.take(number, log, examined, encoded)?;
                Ok(done(hi.min(end), None))
            }
            Err(refusal) => Ok(done(have, Some(refusal))),
        }
    }

    /// Everything that can be said of a segment before it is kept.
    fn examine(
        &mut self,
        space: &Space,
        log: Incarnation,
        encoded: &[u8],
        have: u64,
    ) -> Result<Examined, Refusal> {
        let mirror = &self.replica.mirror;
        let author = self.replica.author(log).ok_or_else(|| Refusal::from("its author is not known here"))?;
        if mirror.standing.admitted(author.device(), space, log) == Admitted::Never {
            return Err("its author may not write to this space".into());
        }
        let segment = Segment::decode(log, encoded).map_err(|error| error.to_string())?;
        if segment.lo > have + 1 {
            let reason = format!("it begins at record {}, the log is here up to {have}", segment.lo);
            return Err(reason.into());
        }
        // Others cut the log elsewhere: the chain goes on from what is here.
        let segment = segment.after(have);
        let head = match mirror.names.space_number(space) {
            Some(number) => self.head(number, log),
            None => HeadRow { seq: 0, chain: quire_protocol::record::chain_start(space, log) },
        };
        let unfit = |error: SegmentError| Refusal { reason: error.to_string(), doubt: true };
        let chain = segment.verify(space, log, &head.chain, &author).map_err(unfit)?;
        let rows = self.check_dependencies(space, &segment)?;
        let head = HeadRow { seq: segment.hi(), chain };
        Ok(Examined { segment, head, rows })
    }

    /// Records are taken only with all they depend on: then every prefix of what is here is whole. Gives the rows
    /// that were read.
    fn check_dependencies(&mut self, space: &Space, segment: &Segment) -> Result<ReadRows, String> {
        let number = self.replica.mirror.names.space_number(space);
        let forks = self.replica.mirror.has_forks(space);
        let mut here: HashSet<[u8; 8]> = HashSet::new();
        let mut known: HashMap<DocId, HashSet<[u8; 8]>> = HashMap::new();
        let mut rows = ReadRows::new();
        for record in &segment.records {
            if !foldable(record) {
                continue;
            }
            let Some(scan) = quire_protocol::gate::prescan(&record.payload) else { continue };
            let known = match known.entry(record.doc) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let known = self.known_changes(number, record.doc, &mut rows);
                    entry.insert(known.map_err(|error| error.to_string())?)
                }
            };
            let folded = |dep: &[u8; 32]| known.contains(&dep[..8]) || here.contains(&dep[..8]);
            for dep in scan.deps.iter().filter(|dep| !folded(dep)).map(|dep| ChangeId(*dep)) {
                // Where logs forked, what is missing may be where nobody gets it any more.
                if !forks && !self.is_aside(number, record.doc, dep)? {
                    return Err(format!("it depends on change {dep}, which is not here"));
                }
            }
            here.insert(short(id_of(&record.payload)));
        }
        Ok(rows)
    }

    fn is_aside(&self, space: Option<SpaceNo>, doc: DocId, change: ChangeId) -> Result<bool, String> {
        let Some(space) = space else { return Ok(false) };
        Ok(self.aside(space, doc, change).map_err(|error| error.to_string())?.is_some())
    }

    /// Beginnings of the hashes of a document's changes: folded, and its genesis.
    fn known_changes(
        &mut self,
        space: Option<SpaceNo>,
        doc: DocId,
        rows: &mut ReadRows,
    ) -> Result<HashSet<[u8; 8]>> {
        let mut known = HashSet::from([short(genesis(doc).id())]);
        let Some(space) = space else { return Ok(known) };
        let row = self.row(space, doc)?;
        known.extend(row.iter().flat_map(|row| &row.changes).map(|change| change.short));
        if rows.len() < READ_ROWS {
            rows.insert(doc, row);
        }
        Ok(known)
    }

    /// Keeps a verified segment and folds its records.
    fn take(&mut self, space: SpaceNo, log: Incarnation, examined: Examined, encoded: &[u8]) -> Result<()> {
        let Examined { segment, head, mut rows } = examined;
        self.seal()?;
        if log == self.replica.mirror.log {
            self.renew("a peer knows more of it than its store")?;
        }
        let first = self.replica.mirror.next_arrival;
        self.replica.mirror.next_arrival += segment.records.len() as u64;
        let number = self.log_number(log)?;
        let packs = packs_of(log, &segment, encoded);
        self.keep((space, log), (segment.lo, first), packs, segment.seal.clone(), Origin::Peer)?;
        self.set_head(space, log, head, Origin::Peer)?;
        self.touched.insert(space);
        let name = self.name_of(space)?;
        let admitted = self.replica.mirror.admitted(&name, log);
        let (forks, end) = (self.replica.mirror.has_forks(&name), self.replica.mirror.good_end(&name, log));
        let place = |(i, record)| {
            let (seq, arrival) = (segment.lo + i as u64, first + i as u64);
            let verdict = judge(log, record);
            let behind = if end.is_some_and(|end| seq > end) { Aside::Forked } else { Aside::BehindCut };
            let verdict = if admitted.covers(seq) { verdict } else { verdict.and(Err(behind)) };
            Placed { record, seq, arrival, log, number, verdict }
        };
        let placed: Vec<Placed<'_>> = segment.records.iter().enumerate().map(place).collect();
        let before = self.aside;
        let mut at = 0;
        while at < placed.len() {
            at += self.fold_next(space, &placed[at..], &mut rows)?;
        }
        // One line a segment: a device that sends nothing else must not fill the log.
        let aside = self.aside - before;
        if aside > 0 {
            tracing::warn!(%log, first = segment.lo, aside, "records are set aside");
        }
        if forks { self.fold_waiting(space, &placed) } else { Ok(()) }
    }

    /// Folds what waited for these records.
    fn fold_waiting(&mut self, space: SpaceNo, placed: &[Placed<'_>]) -> Result<()> {
        let last: BTreeMap<DocId, &Placed<'_>> =
            placed.iter().map(|placed| (placed.record.doc, placed)).collect();
        for (doc, placed) in last {
            if self.has_asides(space, doc)? && self.refold_document(space, doc)? {
                let Some(row) = self.row(space, doc)? else { continue };
                self.changed(placed.arrival, space, &row, placed.log)?;
            }
        }
        Ok(())
    }

    /// This installation goes on under a new log. When a peer knew more of its log than its store, that is an old
    /// state; what it had written and lost comes back as any other's.
    pub(super) fn renew(&mut self, why: &'static str) -> Result<()> {
        tracing::warn!(why, "this device goes on under a new log");
        // Its blocks lie beside those made of notes, in one log: no replay could tell them apart.
        self.rows.bypass_journal();
        let fresh = (self.replica.mint)();
        let certificate = Certificate::issue(fresh, &self.replica.key);
        self.rows.put(&Key::of(Kind::Meta).bytes(meta::INCARNATION), &fresh.0)?;
        self.rows.put(&Key::of(Kind::Certificate).log(fresh), &bytes(&certificate))?;
        Arc::make_mut(&mut self.replica.mirror.certificates).insert(fresh, certificate);
        self.replica.mirror.log = fresh;
        self.replica.lives.insert(fresh);
        let lives = bytes(&self.replica.lives);
        self.rows.put(&Key::of(Kind::Meta).bytes(meta::LIVES), &lives)?;
        self.roster_changed = true;
        Ok(())
    }

    /// Folds the first record, or the first two when they begin an item together; gives how many.
    fn fold_next(&mut self, space: SpaceNo, placed: &[Placed<'_>], rows: &mut ReadRows) -> Result<usize> {
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
        if placed.record.kind == RecordKind::SEED && loaded.holds(screened.id()) {
            // Two devices began the note with the same text: both logs have the same change, it counts once. Where it
            // is too is noted, should one of the logs turn out to have forked.
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

/// The packs of a segment: as they came when they are fit to be kept so, or else made anew.
fn packs_of(log: Incarnation, segment: &Segment, encoded: &[u8]) -> Vec<Vec<u8>> {
    let whole = Segment::range(encoded).is_ok_and(|(lo, _)| lo == segment.lo);
    let came = Segment::packs(encoded).unwrap_or_default();
    let fits = |pack: &&[u8]| pack.len() <= PACK || pack::count(pack) == Some(1);
    if whole && came.iter().all(fits) {
        return came.into_iter().map(<[u8]>::to_vec).collect();
    }
    packs(log, &segment.records).into_iter().map(|(_, pack)| pack).collect()
}

fn foldable(record: &Record) -> bool {
    record.rules == RULES && matches!(record.kind, RecordKind::CHANGE | RecordKind::SEED)
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

fn short(change: ChangeId) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&change.0[..8]);
    short
}
