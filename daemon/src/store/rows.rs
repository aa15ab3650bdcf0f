//! The values of rows, and their bytes.

use std::collections::BTreeMap;

use quire_protocol::clock::Clock;
use quire_protocol::document::Projection;
use quire_protocol::document::Register;
use quire_protocol::domain::Kind;
use quire_protocol::id::{DocId, Incarnation};
use quire_protocol::identity::{DeviceCard, Scope};
use quire_protocol::item::{IDENTITY, KIND};
use quire_protocol::record::{Record, RecordKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{SpaceNo, describe};
use super::{Result, StoreError};

/// Version of everything in this file and in [`super::keys`]. A newer one is refused with words.
pub const FORMAT: u32 = 1;

/// Names of meta rows.
pub mod meta {
    /// [`super::FORMAT`] of the store.
    pub const FORMAT: &[u8] = b"format";
    /// Seed of the device's Ed25519 key.
    pub const DEVICE_SEED: &[u8] = b"device";
    /// Private X25519 key of the channel.
    pub const CHANNEL_KEY: &[u8] = b"channel";
    /// The incarnation that writes now.
    pub const INCARNATION: &[u8] = b"incarnation";
    /// What services encrypt their files with, where the store is encrypted: `bulk/contents.rs`.
    pub const FILE_KEY: &[u8] = b"files";
    /// What this installation looked like when it last started: see `replica/installation.rs`.
    pub const INSTALLATION: &[u8] = b"installation";
    /// Recovery keys that this device keeps to: see `replica/roster.rs`.
    pub const RECOVERY: &[u8] = b"recovery";
    /// Number of the last commit that is in the database itself: see `store/journal.rs`.
    pub const JOURNAL: &[u8] = b"journal";
}

/// A document as it is kept: its projection, and where the changes are that made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DocRow {
    /// The row number that shapes call `id`: arrival of the first record.
    pub row_id: u64,
    /// Changes in the order they were folded; dependencies come first.
    pub changes: Vec<ChangeRef>,
    /// A saved document that holds the first so many changes, so that long histories load quickly.
    pub snapshot: Option<(u32, Vec<u8>)>,
    /// What it says.
    pub projection: Projection,
}

/// A document's row as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// With all it says.
    Whole(DocRow),
    /// An item that is nothing but its creation: what it says is read from its records.
    Bare(Bare),
}

/// Where the records that begin an item are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bare {
    /// Number of their log in this store.
    pub log: u32,
    /// Sequence number of the first.
    pub seq: u64,
    /// The first is the seed of the note, and the creation the next one.
    pub seed: bool,
}

impl Stored {
    /// True when the item's first change is this record of this log.
    pub fn begins_at(&self, number: Option<u32>, record: u64) -> bool {
        match self {
            Stored::Bare(bare) => number == Some(bare.log) && bare.seq == record,
            Stored::Whole(row) => {
                row.changes.first().is_some_and(|first| number == Some(first.log) && first.seq == record)
            }
        }
    }
}

impl Bare {
    /// The bytes of the row.
    pub fn encode(&self) -> Vec<u8> {
        [&[BARE], &bytes(self)[..]].concat()
    }
}

/// Where one change of a document is, and how its hash begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRef {
    /// Number of its log in this store.
    pub log: u32,
    /// Its sequence number there.
    pub seq: u64,
    /// First 8 bytes of its hash: finds a dependency without reading the log.
    pub short: [u8; 8],
}

impl DocRow {
    /// The kind of item; `None` for one this version does not know.
    pub fn kind(&self) -> Option<Kind> {
        match self.projection.get(KIND) {
            Some(Register::Int(code)) => Kind::from_code(u8::try_from(*code).ok()?),
            _ => None,
        }
    }

    /// The item's identity.
    pub fn identity(&self) -> &str {
        match self.projection.get(IDENTITY) {
            Some(Register::Text(text)) => text,
            _ => "",
        }
    }
}

impl DocRow {
    /// True for what people have, and for what a later version may show.
    pub fn is_shown(&self) -> bool {
        self.kind().is_none_or(Kind::is_shown)
    }

    /// What people call the item: its identity; a node by its `nodeId`.
    pub fn name(&self) -> &str {
        match self.kind() {
            Some(Kind::Node) => quire_protocol::node::node_id(&self.projection),
            _ => self.identity(),
        }
    }
}

/// A cursor: the clocks it stands for, and what its application wrote with it since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CursorRow {
    /// One clock for each space that the answer covered.
    pub clocks: BTreeMap<SpaceNo, Clock>,
    /// Own records taken from the application with this cursor.
    pub taken: Taken,
}

/// Sequence numbers of records taken from one application, by space and log, as ranges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken(BTreeMap<SpaceNo, BTreeMap<u32, Vec<(u64, u64)>>>);

/// Ranges kept of one log. An application that writes with ever the same cursor among many others would
/// grow it without end; beyond this the oldest are forgotten, which makes edits concurrent, never lost.
const MAX_RANGES: usize = 4096;

impl Taken {
    /// Adds a record.
    pub fn add(&mut self, space: SpaceNo, log: u32, seq: u64) {
        let ranges = self.0.entry(space).or_default().entry(log).or_default();
        match ranges.last_mut() {
            Some((_, hi)) if *hi + 1 == seq => *hi = seq,
            _ => ranges.push((seq, seq)),
        }
        if ranges.len() > MAX_RANGES {
            ranges.remove(0);
        }
    }

    /// True when the record was taken.
    pub fn has(&self, space: SpaceNo, log: u32, seq: u64) -> bool {
        let ranges = self.0.get(&space).and_then(|logs| logs.get(&log));
        ranges.is_some_and(|ranges| {
            let at = ranges.partition_point(|(_, hi)| *hi < seq);
            ranges.get(at).is_some_and(|(lo, _)| *lo <= seq)
        })
    }

    /// Records of a log above `after` that were taken.
    pub fn count_after(&self, space: SpaceNo, log: u32, after: u64) -> u64 {
        let ranges = self.0.get(&space).and_then(|logs| logs.get(&log));
        let above = |(lo, hi): &(u64, u64)| (hi + 1).saturating_sub((*lo).max(after + 1));
        ranges.into_iter().flatten().map(above).sum()
    }

    /// True when nothing was taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadRow {
    /// Its last sequence number.
    pub seq: u64,
    /// The chain there.
    pub chain: [u8; 32],
}

/// Where the records of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalRow {
    /// In which space.
    pub space: SpaceNo,
    /// In which log.
    pub log: Incarnation,
    /// First sequence number.
    pub lo: u64,
    /// How many.
    pub count: u32,
}

/// An own record that was acknowledged before it came into a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRow {
    /// Its arrival.
    pub arrival: u64,
    /// All of it.
    pub record: Record,
}

/// A record but for its payload, which follows.
type OpenHead = (u64, DocId, u8, u8, bool, u64);

impl OpenRow {
    /// The bytes of the row of a record.
    pub fn encode(arrival: u64, record: &Record) -> Vec<u8> {
        let Record { doc, kind, rules, more, claimed_ms, ref payload } = *record;
        let head: OpenHead = (arrival, doc, kind.0, rules, more, claimed_ms);
        [&bytes(&head)[..], payload].concat()
    }

    /// Reads the row.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<OpenRow> {
        let unreadable = |_| StoreError::Unreadable(describe(key));
        let ((arrival, doc, kind, rules, more, claimed_ms), payload): (OpenHead, _) =
            postcard::take_from_bytes(value).map_err(unreadable)?;
        let kind = RecordKind(kind);
        Ok(OpenRow {
            arrival,
            record: Record { doc, kind, rules, more, claimed_ms, payload: payload.to_vec() },
        })
    }
}

/// A node in whose place in the tree its document alone does not decide: its moves and others' closed a cycle, or once
/// did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRow {
    /// True while the move that its document says is not in force.
    pub demoted: bool,
    /// Type and id of the parent in force.
    pub in_force: Option<(String, String)>,
    /// Type and id of the parent that its document says.
    pub lost: Option<(String, String)>,
    /// The log that the lost move came in.
    pub by: Option<Incarnation>,
    /// Records without any one of which it would be otherwise: log and sequence number.
    pub causes: Vec<(u32, u64)>,
}

/// A message that was taken, as JSON; parts that are too large to be kept are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// Its representation.
    pub json: String,
    /// The names under which it is found.
    pub names: Vec<[u8; 16]>,
    /// Why it was answered with a refusal, when it was.
    pub refused: Option<String>,
}

/// Why a record is not folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aside {
    /// The gate's verdict.
    Gate(quire_protocol::gate::Reason),
    /// It follows rules, or is of a kind, that this version does not know: relayed, not folded.
    UnknownRules,
    /// Its author lost the right to write, and it is behind what the others took for good.
    BehindCut,
    /// Its log forked at or before it.
    Forked,
    /// It builds on what is in a branch of a log that forked, so not everybody can have it.
    DependsOnForked,
}

/// A device that proved an invitation's code: who it is, and what it was granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvitedRow {
    /// Its card.
    pub card: DeviceCard,
    /// What the invitation grants.
    pub scopes: Vec<Scope>,
}

/// A record that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideRow {
    /// The document it would change.
    pub doc: DocId,
    /// Its change's name.
    pub change: [u8; 32],
    /// Why.
    pub why: Aside,
}

/// Rows from which compression pays.
const COMPRESS_FROM: usize = 128;

/// A row inflates to at most this: values over 16 KiB are outside, a snapshot holds some hundred changes.
const MAX_ROW: usize = 64 * 1024 * 1024;

/// Shared beginnings of rows: a dictionary trained on rows of generated text (`daemon/examples/train_dictionary.rs`).
/// Its bytes are part of the format, another one gets another form number.
const DICTIONARY: &[u8] = include_bytes!("dictionary.bin");

const PLAIN: u8 = 0;
const WITH_DICTIONARY: u8 = 1;
const BARE: u8 = 2;

/// Encodes rows; keeps the dictionary's tables, which cost more to build than to use.
#[derive(Default)]
pub struct RowCodec {
    /// Made for the first row: who only reads needs no tables.
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl RowCodec {
    /// The bytes of a document's row.
    pub fn encode(&mut self, row: &DocRow) -> Vec<u8> {
        let body = bytes(row);
        if body.len() >= COMPRESS_FROM
            && let Some(packed) = self.compress(&body)
        {
            return [&[WITH_DICTIONARY], &packed[..]].concat();
        }
        [&[PLAIN], &body[..]].concat()
    }

    fn compress(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::with_dictionary(1, DICTIONARY).ok();
        }
        self.compressor.as_mut()?.compress(body).ok()
    }
}

thread_local! {
    static DECOMPRESSOR: std::cell::RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { std::cell::RefCell::new(None) };
}

/// Reads a document's row.
pub fn decode_doc(key: &[u8], value: &[u8]) -> Result<Stored> {
    let unreadable = || StoreError::Unreadable(describe(key));
    match value.split_first() {
        Some((&PLAIN, body)) => decode(key, body).map(Stored::Whole),
        Some((&WITH_DICTIONARY, packed)) => {
            decode(key, &inflate(packed).ok_or_else(unreadable)?).map(Stored::Whole)
        }
        Some((&BARE, body)) => decode(key, body).map(Stored::Bare),
        _ => Err(unreadable()),
    }
}

fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let said = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    let size = usize::try_from(said).ok().filter(|n| *n <= MAX_ROW)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = zstd::bulk::Decompressor::with_dictionary(DICTIONARY).ok();
        }
        kept.as_mut()?.decompress(packed, size).ok()
    })
}

/// The bytes of any other row.
pub fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    // Nothing we keep has a form postcard cannot write (maps and sequences have known lengths).
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Reads any other row.
pub fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T> {
    postcard::from_bytes(value).map_err(|_| StoreError::Unreadable(describe(key)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn document_rows_come_back() {
        let mut row = DocRow { row_id: 7, ..DocRow::default() };
        row.changes.push(ChangeRef { log: 1, seq: 2, short: [3; 8] });
        row.projection.values.insert("content".into(), Register::Text("a quick brown fox ".repeat(40)));
        let mut codec = RowCodec::default();
        for text in ["", "long enough to be compressed, and then some ".repeat(9).as_str()] {
            row.projection.values.insert("note".into(), Register::Text(text.into()));
            let value = codec.encode(&row);
            assert_eq!(decode_doc(b"d", &value).unwrap(), Stored::Whole(row.clone()));
        }
        let bare = Bare { log: 3, seq: 70_000, seed: true };
        assert_eq!(decode_doc(b"d", &bare.encode()).unwrap(), Stored::Bare(bare));
        assert!(decode_doc(b"d", &[9, 9]).is_err());
    }

    #[test]
    fn open_records_come_back() {
        let (doc, kind) = (DocId([7; 16]), RecordKind::SEED);
        let record = Record { doc, kind, rules: 1, more: true, claimed_ms: 1 << 41, payload: vec![1, 2, 3] };
        let value = OpenRow::encode(300, &record);
        assert_eq!(OpenRow::decode(b"o", &value).unwrap(), OpenRow { arrival: 300, record });
        assert!(OpenRow::decode(b"o", &value[..9]).is_err());
    }

    #[test]
    fn taken_records_are_known_by_ranges() {
        let mut taken = Taken::default();
        for seq in [1, 2, 3, 7, 8] {
            taken.add(1, 4, seq);
        }
        let known: Vec<u64> = (0..10).filter(|n| taken.has(1, 4, *n)).collect();
        assert_eq!(known, [1, 2, 3, 7, 8]);
        assert!(!taken.has(2, 4, 1) && !taken.has(1, 5, 1));
        let counts = [0, 1, 2, 3, 6, 7, 8, 9].map(|after| taken.count_after(1, 4, after));
        assert_eq!(counts, [5, 4, 3, 2, 2, 1, 0, 0]);
    }
}
