//! Records, segments, and the signed hash chain that makes a log tamper-evident.
//!
//! A **record** is one change to one document. The records of one incarnation in one space are its
//! **log**, numbered from 1. A **segment** is a run of records closed by a **seal**: its author's signature over
//! the chain up to its last record. The chain covers all that came before, so segments that follow each other
//! are one segment with the last seal, and what is left of one after its beginning is a segment too. See
//! `protocol/README.md` for the layout.

pub mod pack;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::{put_varint, take_varint};
use crate::id::{DocId, Incarnation, Space};
use crate::identity::{DeviceKey, PublicKey};
use crate::limits::{MAX_SEGMENT, MAX_SEGMENT_RECORDS, MAX_SEQ, PACK};
use pack::Pack;

/// What a record's payload is. Kinds that this version does not know are kept and relayed, not folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordKind(pub u8);

impl RecordKind {
    /// One Automerge change by the log's own incarnation.
    pub const CHANGE: RecordKind = RecordKind(1);
    /// The first text of a note: an Automerge change whose actor is a function of its content.
    pub const SEED: RecordKind = RecordKind(2);
    /// One part of a value too large for a document.
    pub const BLOB: RecordKind = RecordKind(3);
    /// What a change said whose log forked, said again by who holds it: an Automerge change whose actor is a function of
    /// all that it says.
    pub const ECHO: RecordKind = RecordKind(4);

    /// True when the payload is a change that this version folds.
    pub fn is_change(self) -> bool {
        self.is_edit() || self == RecordKind::SEED
    }

    /// True when it is what an author did to an item, not only the first text that came with it.
    pub fn is_edit(self) -> bool {
        self == RecordKind::CHANGE || self == RecordKind::ECHO
    }
}

/// Version of the gate's rules that records written today are judged by.
pub const RULES: u8 = 1;

/// One change to one document, as its author logged it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The document it changes.
    pub doc: DocId,
    /// What the payload is.
    pub kind: RecordKind,
    /// Version of the gate's rules it is judged by, everywhere and for ever.
    pub rules: u8,
    /// True when it counts only together with the next record of the log.
    pub more: bool,
    /// Milliseconds since 1970 by the author's clock. For people to see; decides nothing.
    pub claimed_ms: u64,
    /// The raw change, seed or blob part.
    pub payload: Vec<u8>,
}

/// Bytes of a record's header: kind, rules, flags, document, and two numbers of at most ten bytes.
const HEADER: usize = 3 + 16 + 2 * 10;

/// Hash of a log up to one record.
pub type Chain = [u8; 32];

/// The signature that closes a segment, with what it binds besides the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seal {
    /// Head of the roster the author knew, or empty.
    pub roster_head: Vec<u8>,
    /// Epoch of the space's key; 0 while spaces are not sealed.
    pub epoch: u64,
    /// Ed25519 over the header of `signed_header`.
    pub signature: [u8; 64],
}

/// A run of records of one log that a seal closes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Sequence number of the first record.
    pub lo: u64,
    /// At least one record.
    pub records: Vec<Record>,
    /// Closes the last record.
    pub seal: Seal,
}

/// Why bytes are not a segment, or not one of this log.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SegmentError {
    /// Cut, or a length that does not fit.
    #[error("the segment's bytes are malformed: {0}")]
    Malformed(&'static str),
    /// A format this version cannot read.
    #[error("the segment has format {0}, this version reads format 1: update Quire")]
    Format(u8),
    /// The signature is not of this author over this chain.
    #[error("the segment's signature does not fit its log")]
    Signature,
}

/// The chain of an empty log: binds space and incarnation.
pub fn chain_start(space: &Space, log: Incarnation) -> Chain {
    let mut hasher = blake3::Hasher::new_derive_key("quire chain start 1");
    hasher.update(&log.0);
    hasher.update(space.as_str().as_bytes());
    *hasher.finalize().as_bytes()
}

/// The chain after one more record.
pub fn chain_step(chain: &Chain, record: &Record) -> Chain {
    record.link().step(chain)
}

/// What the chain takes of a record: enough to check a signature over it, without what it says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    header: Vec<u8>,
    payload: [u8; 32],
}

impl Link {
    /// The chain after this record.
    pub fn step(&self, chain: &Chain) -> Chain {
        let mut hasher = blake3::Hasher::new_derive_key("quire chain step 1");
        hasher.update(chain);
        hasher.update(&self.header);
        hasher.update(&self.payload);
        *hasher.finalize().as_bytes()
    }

    /// True when its header is as long as one may be.
    pub fn is_bounded(&self) -> bool {
        self.header.len() <= HEADER
    }
}

impl Record {
    /// What the chain takes of it.
    pub fn link(&self) -> Link {
        let mut header = Vec::with_capacity(HEADER);
        self.put_header(&mut header);
        Link { header, payload: *blake3::hash(&self.payload).as_bytes() }
    }

    fn put_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind.0, self.rules, u8::from(self.more)]);
        out.extend_from_slice(&self.doc.0);
        put_varint(out, self.claimed_ms);
        put_varint(out, self.payload.len() as u64);
    }

    /// Bytes it takes in a segment, about.
    pub fn weight(&self) -> usize {
        self.payload.len() + 32
    }
}

impl Segment {
    /// Seals `records` as the next ones of `log`; gives the segment and the chain at its end.
    pub fn seal(
        space: &Space,
        log: Incarnation,
        (after, chain): (u64, &Chain),
        records: Vec<Record>,
        key: &DeviceKey,
    ) -> (Segment, Chain) {
        let chain = records.iter().fold(*chain, |chain, record| chain_step(&chain, record));
        let hi = after + records.len() as u64;
        let mut seal = Seal { roster_head: Vec::new(), epoch: 0, signature: [0; 64] };
        seal.signature = key.sign(&signed_header(space, log, hi, &chain, &seal));
        (Segment { lo: after + 1, records, seal }, chain)
    }

    /// Sequence number of the last record.
    pub fn hi(&self) -> u64 {
        self.lo + self.records.len() as u64 - 1
    }

    /// Checks chain and signature; gives the chain at the end.
    pub fn verify(
        &self,
        space: &Space,
        log: Incarnation,
        before: &Chain,
        author: &PublicKey,
    ) -> Result<Chain, SegmentError> {
        let chain = self.records.iter().fold(*before, |chain, record| chain_step(&chain, record));
        let holds = self.seal.closes(space, log, (self.hi(), &chain), author);
        holds.then_some(chain).ok_or(SegmentError::Signature)
    }

    /// What is left of it after record `seq`.
    pub fn after(mut self, seq: u64) -> Segment {
        let known = (seq + 1).saturating_sub(self.lo).min(self.records.len() as u64);
        self.records.drain(..known as usize);
        self.lo += known;
        self
    }

    /// The bytes that are sent.
    pub fn encode(&self, log: Incarnation) -> Vec<u8> {
        let packs: Vec<_> = pack::fill(log, &self.records, PACK).into_iter().map(|(_, pack)| pack).collect();
        assemble((self.lo, self.records.len()), &self.seal, &packs)
    }

    /// Reads what [`Segment::encode`] or [`assemble`] made; bounded before memory is taken, not yet verified.
    pub fn decode(log: Incarnation, bytes: &[u8]) -> Result<Segment, SegmentError> {
        let (head, body) = Header::take(bytes)?;
        let mut records = Vec::with_capacity(head.count);
        for bytes in packs_of(body, head.count)? {
            let read = Pack::open(log, bytes).and_then(|pack| pack.records());
            records.extend(read.ok_or(SegmentError::Malformed("record"))?);
        }
        Ok(Segment { lo: head.lo, records, seal: head.seal })
    }

    /// The packs of an encoded segment, as they are.
    pub fn packs(bytes: &[u8]) -> Result<Vec<&[u8]>, SegmentError> {
        let (head, body) = Header::take(bytes)?;
        packs_of(body, head.count)
    }

    /// First and last sequence number of an encoded segment, without inflating it.
    pub fn range(bytes: &[u8]) -> Result<(u64, u64), SegmentError> {
        let (head, _) = Header::take(bytes)?;
        Ok((head.lo, head.lo + head.count as u64 - 1))
    }
}

/// An encoded segment from its packs: number of its first record, how many, the seal of the last one.
pub fn assemble<P: AsRef<[u8]>>((lo, count): (u64, usize), seal: &Seal, packs: &[P]) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_varint(&mut out, lo);
    put_varint(&mut out, count as u64);
    seal.put(&mut out);
    for pack in packs.iter().map(AsRef::as_ref) {
        put_varint(&mut out, pack.len() as u64);
        out.extend_from_slice(pack);
    }
    out
}

/// The packs of a segment's body, when together they hold `count` records and inflate to what a segment may.
fn packs_of(mut body: &[u8], count: usize) -> Result<Vec<&[u8]>, SegmentError> {
    let (mut packs, mut records, mut size) = (Vec::new(), 0, 0);
    while !body.is_empty() {
        let taken = take_varint(body).and_then(|(length, rest)| {
            let (pack, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            records += pack::count(pack)?;
            size += pack::inflated(pack)?;
            Some((pack, rest))
        });
        let (pack, rest) = taken.ok_or(SegmentError::Malformed("pack"))?;
        if records > count || size > MAX_SEGMENT {
            return Err(SegmentError::Malformed("too long"));
        }
        packs.push(pack);
        body = rest;
    }
    if records == count { Ok(packs) } else { Err(SegmentError::Malformed("records are missing")) }
}

impl Seal {
    /// True when `author` signed that the log has this chain at this record.
    pub fn closes(
        &self,
        space: &Space,
        log: Incarnation,
        (hi, chain): (u64, &Chain),
        author: &PublicKey,
    ) -> bool {
        author.verify(&signed_header(space, log, hi, chain, self), &self.signature)
    }

    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.epoch);
        out.push(self.roster_head.len() as u8);
        out.extend_from_slice(&self.roster_head);
        out.extend_from_slice(&self.signature);
    }

    /// Reads what [`Seal::put`] wrote; gives the rest.
    pub fn take(bytes: &[u8]) -> Option<(Seal, &[u8])> {
        let (epoch, rest) = take_varint(bytes)?;
        let (length, rest) = rest.split_first()?;
        let (roster_head, rest) = rest.split_at_checked(usize::from(*length))?;
        let (signature, rest) = rest.split_at_checked(64)?;
        let seal = Seal { roster_head: roster_head.to_vec(), epoch, signature: signature.try_into().ok()? };
        (*length <= 32).then_some((seal, rest))
    }
}

const FORMAT: u8 = 1;

struct Header {
    lo: u64,
    count: usize,
    seal: Seal,
}

impl Header {
    fn take(bytes: &[u8]) -> Result<(Header, &[u8]), SegmentError> {
        match bytes.first() {
            Some(&FORMAT) => Header::take_known(&bytes[1..]).ok_or(SegmentError::Malformed("header")),
            Some(other) => Err(SegmentError::Format(*other)),
            None => Err(SegmentError::Malformed("empty")),
        }
    }

    fn take_known(bytes: &[u8]) -> Option<(Header, &[u8])> {
        let (lo, rest) = take_varint(bytes)?;
        let (count, rest) = take_varint(rest)?;
        let (seal, rest) = Seal::take(rest)?;
        let count = usize::try_from(count).ok()?;
        let fits = (1..=MAX_SEGMENT_RECORDS).contains(&count) && (1..=MAX_SEQ).contains(&lo);
        fits.then_some((Header { lo, count, seal }, rest))
    }
}

fn signed_header(space: &Space, log: Incarnation, hi: u64, chain: &Chain, seal: &Seal) -> Vec<u8> {
    let mut out = b"quire seal".to_vec();
    out.push(FORMAT);
    put_varint(&mut out, space.as_str().len() as u64);
    out.extend_from_slice(space.as_str().as_bytes());
    out.extend_from_slice(&log.0);
    put_varint(&mut out, hi);
    out.extend_from_slice(chain);
    put_varint(&mut out, seal.roster_head.len() as u64);
    out.extend_from_slice(&seal.roster_head);
    put_varint(&mut out, seal.epoch);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Incarnation = Incarnation([9; 16]);

    fn record(n: u8, size: usize) -> Record {
        let payload = (0..size).map(|i| (i as u8).wrapping_mul(n)).collect();
        Record {
            doc: DocId([n; 16]),
            kind: RecordKind::CHANGE,
            rules: RULES,
            more: n == 2,
            claimed_ms: 1 << 40,
            payload,
        }
    }

    fn sealed(sizes: &[usize]) -> (Segment, DeviceKey, Chain) {
        let key = DeviceKey::from_seed(&[1; 32]);
        let (space, log) = (Space::account(3), LOG);
        let start = chain_start(&space, log);
        let records = sizes.iter().enumerate().map(|(i, n)| record(i as u8 + 1, *n)).collect();
        let (segment, _) = Segment::seal(&space, log, (0, &start), records, &key);
        (segment, key, start)
    }

    #[test]
    fn segments_come_back_small_and_large() {
        for sizes in [&[100][..], &[700, 800], &[60_000, 1, 0]] {
            let (segment, key, start) = sealed(sizes);
            let bytes = segment.encode(LOG);
            assert_eq!(Segment::range(&bytes), Ok((1, sizes.len() as u64)));
            let back = Segment::decode(LOG, &bytes).unwrap();
            assert_eq!(back, segment);
            let verified = back.verify(&Space::account(3), LOG, &start, &key.public());
            assert!(verified.is_ok());
        }
    }

    #[test]
    fn no_flipped_bit_passes() {
        let (segment, key, start) = sealed(&[40, 50]);
        let good = segment.encode(LOG);
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            let passed = Segment::decode(LOG, &bad)
                .is_ok_and(|s| s.verify(&Space::account(3), LOG, &start, &key.public()).is_ok());
            assert!(!passed, "bit {at}");
        }
    }

    #[test]
    fn a_segment_belongs_to_one_space_and_log() {
        let (segment, key, start) = sealed(&[40]);
        let elsewhere = segment.verify(&Space::account(4), LOG, &start, &key.public());
        let other_log = segment.verify(&Space::account(3), Incarnation([8; 16]), &start, &key.public());
        assert_eq!((elsewhere, other_log), (Err(SegmentError::Signature), Err(SegmentError::Signature)));
    }

    #[test]
    fn cut_segments_are_refused() {
        let good = sealed(&[1500, 10]).0.encode(LOG);
        for length in 0..good.len() {
            assert!(Segment::decode(LOG, &good[..length]).is_err(), "{length}");
        }
    }
}
