//! Records of other replicas: verified, kept as they are, folded.
//!
//! A segment is taken whole or not at all, but for its beginning where that is here already: right to write,
//! chain, signature, dependencies. What a record then says is judged by the gate, and a record that fails is set
//! aside; it stays in its log, so that the chain holds and others can be served.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use quire_protocol::change::id_of;
use quire_protocol::document::{BlobRef, genesis};
use quire_protocol::id::{ChangeId, DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::Rights;
use quire_protocol::limits::PACK;
use quire_protocol::record::{RULES, Record, Segment, SegmentError, pack};
use quire_protocol::roster::Admitted;

use super::Batch;
use super::blocks::packs;
use super::fold::{Placed, judge};
use super::open::Origin;
use crate::engine::{Ingested, Refusal};
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::{Aside, DocRow, HeadRow};

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
pub(super) type ReadRows = HashMap<DocId, Option<DocRow>>;

/// Rows kept from one look at a segment to the next: what one person's edit touches, not what a first sync brings.
const READ_ROWS: usize = 64;

/// A segment that may be kept.
struct Examined {
    segment: Segment,
    head: HeadRow,
    rows: ReadRows,
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

pub(super) fn foldable(record: &Record) -> bool {
    record.rules == RULES && record.kind.is_change()
}

fn short(change: ChangeId) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&change.0[..8]);
    short
}
