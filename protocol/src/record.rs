//! Records, segments, and the signed hash chain that makes a log tamper-evident.
//!
//! A **record** is one change to one document. The records of one incarnation in one space are its
//! **log**, numbered from 1. A **segment** is a run of records that were committed together, closed by a
//! **seal**: a signature over the chain up to its last record. Segments are stored, sent and relayed as
//! the bytes their author made; see `protocol/README.md` for the layout.

use thiserror::Error;

use crate::clock::{put_varint, take_varint};
use crate::id::{DocId, Incarnation, Space};
use crate::identity::{DeviceKey, PublicKey};
use crate::limits::{COMPRESS_FROM, MAX_CHANGE, MAX_SEGMENT, MAX_SEGMENT_RECORDS};

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

/// A run of records of one log, committed together.
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
    let mut header = Vec::with_capacity(48);
    record.put_header(&mut header);
    let mut hasher = blake3::Hasher::new_derive_key("quire chain step 1");
    hasher.update(chain);
    hasher.update(&header);
    hasher.update(blake3::hash(&record.payload).as_bytes());
    *hasher.finalize().as_bytes()
}

impl Record {
    fn put_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.kind.0, self.rules, u8::from(self.more)]);
        out.extend_from_slice(&self.doc.0);
        put_varint(out, self.claimed_ms);
        put_varint(out, self.payload.len() as u64);
    }

    fn take(bytes: &[u8]) -> Option<(Record, &[u8])> {
        let (head, rest) = bytes.split_at_checked(19)?;
        let (claimed_ms, rest) = take_varint(rest)?;
        let (length, rest) = take_varint(rest)?;
        let length = usize::try_from(length).ok().filter(|n| *n <= MAX_CHANGE)?;
        let (payload, rest) = rest.split_at_checked(length)?;
        let record = Record {
            kind: RecordKind(head[0]),
            rules: head[1],
            more: head[2] & 1 == 1,
            doc: DocId(head[3..19].try_into().ok()?),
            claimed_ms,
            payload: payload.to_vec(),
        };
        (head[2] <= 1).then_some((record, rest))
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
        let header = signed_header(space, log, self.hi(), &chain, &self.seal);
        author.verify(&header, &self.seal.signature).then_some(chain).ok_or(SegmentError::Signature)
    }

    /// The bytes that are stored and sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.records.iter().map(Record::weight).sum());
        for record in &self.records {
            record.put_header(&mut body);
            body.extend_from_slice(&record.payload);
        }
        let packed =
            (body.len() >= COMPRESS_FROM).then(|| zstd::bulk::compress(&body, ZSTD_LEVEL).ok()).flatten();
        let mut out = vec![FORMAT, u8::from(packed.is_some())];
        put_varint(&mut out, self.lo);
        put_varint(&mut out, self.records.len() as u64);
        put_varint(&mut out, self.seal.epoch);
        out.push(self.seal.roster_head.len() as u8);
        out.extend_from_slice(&self.seal.roster_head);
        out.extend_from_slice(&self.seal.signature);
        out.extend_from_slice(packed.as_deref().unwrap_or(&body));
        out
    }

    /// Reads what [`Segment::encode`] made; bounded before memory is taken, not yet verified.
    pub fn decode(bytes: &[u8]) -> Result<Segment, SegmentError> {
        let (head, body) = Header::take(bytes)?;
        let raw;
        let mut rest = if head.packed {
            raw = inflate(body).ok_or(SegmentError::Malformed("compression"))?;
            &raw[..]
        } else {
            body
        };
        if rest.len() > MAX_SEGMENT {
            return Err(SegmentError::Malformed("too long"));
        }
        let mut records = Vec::with_capacity(head.count);
        for _ in 0..head.count {
            let (record, after) = Record::take(rest).ok_or(SegmentError::Malformed("record"))?;
            records.push(record);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(SegmentError::Malformed("trailing bytes"));
        }
        Ok(Segment { lo: head.lo, records, seal: head.seal })
    }

    /// First and last sequence number of an encoded segment, without inflating it.
    pub fn range(bytes: &[u8]) -> Result<(u64, u64), SegmentError> {
        let (head, _) = Header::take(bytes)?;
        Ok((head.lo, head.lo + head.count as u64 - 1))
    }
}

thread_local! {
    /// A decompressor costs more to make than one use of it.
    static DECOMPRESSOR: std::cell::RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { std::cell::RefCell::new(None) };
}

/// Inflates a body; what it may yield is bounded before memory is taken.
fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let size =
        zstd::bulk::Decompressor::upper_bound(body).filter(|n| *n <= MAX_SEGMENT).unwrap_or(MAX_SEGMENT);
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = zstd::bulk::Decompressor::new().ok();
        }
        kept.as_mut()?.decompress(body, size).ok()
    })
}

/// zstd's level 3: level 9 saves 5 % of a bulk segment and takes three times as long.
const ZSTD_LEVEL: i32 = 3;
const FORMAT: u8 = 1;

struct Header {
    packed: bool,
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
        let (flags, rest) = bytes.split_first()?;
        let (lo, rest) = take_varint(rest)?;
        let (count, rest) = take_varint(rest)?;
        let (epoch, rest) = take_varint(rest)?;
        let (head_length, rest) = rest.split_first()?;
        let (roster_head, rest) = rest.split_at_checked(usize::from(*head_length))?;
        let (signature, rest) = rest.split_at_checked(64)?;
        let count = usize::try_from(count).ok()?;
        let fits = *flags <= 1
            && (1..=MAX_SEGMENT_RECORDS).contains(&count)
            && (1..u64::MAX / 2).contains(&lo)
            && head_length <= &32;
        let seal = Seal { roster_head: roster_head.to_vec(), epoch, signature: signature.try_into().ok()? };
        fits.then_some((Header { packed: *flags == 1, lo, count, seal }, rest))
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
        let (space, log) = (Space::account(3), Incarnation([9; 16]));
        let start = chain_start(&space, log);
        let records = sizes.iter().enumerate().map(|(i, n)| record(i as u8 + 1, *n)).collect();
        let (segment, _) = Segment::seal(&space, log, (0, &start), records, &key);
        (segment, key, start)
    }

    #[test]
    fn segments_come_back_small_and_large() {
        for sizes in [&[100][..], &[700, 800], &[60_000, 1, 0]] {
            let (segment, key, start) = sealed(sizes);
            let bytes = segment.encode();
            assert_eq!(Segment::range(&bytes), Ok((1, sizes.len() as u64)));
            let back = Segment::decode(&bytes).unwrap();
            assert_eq!(back, segment);
            let verified = back.verify(&Space::account(3), Incarnation([9; 16]), &start, &key.public());
            assert!(verified.is_ok());
        }
    }

    #[test]
    fn no_flipped_bit_passes() {
        let (segment, key, start) = sealed(&[40, 50]);
        let good = segment.encode();
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            let passed = Segment::decode(&bad).is_ok_and(|s| {
                s.verify(&Space::account(3), Incarnation([9; 16]), &start, &key.public()).is_ok()
            });
            assert!(!passed, "bit {at}");
        }
    }

    #[test]
    fn a_segment_belongs_to_one_space_and_log() {
        let (segment, key, start) = sealed(&[40]);
        let elsewhere = segment.verify(&Space::account(4), Incarnation([9; 16]), &start, &key.public());
        let other_log = segment.verify(&Space::account(3), Incarnation([8; 16]), &start, &key.public());
        assert_eq!((elsewhere, other_log), (Err(SegmentError::Signature), Err(SegmentError::Signature)));
    }

    #[test]
    fn cut_segments_are_refused() {
        let good = sealed(&[1500, 10]).0.encode();
        for length in 0..good.len() {
            assert!(Segment::decode(&good[..length]).is_err(), "{length}");
        }
    }
}
