//! Segments and packs: bounded, what is read is written and read again as the same, and a seal holds for nothing but
//! what its author sealed.

use std::sync::OnceLock;

use quire_protocol::document::{Register, creation, seed};
use quire_protocol::domain::Kind;
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::identity::DeviceKey;
use quire_protocol::limits::{MAX_CHANGE, MAX_SEGMENT, MAX_SEGMENT_RECORDS};
use quire_protocol::record::pack::{self, Pack};
use quire_protocol::record::{Chain, RULES, Record, RecordKind, Segment, chain_start};

const LOG: Incarnation = Incarnation([9; 16]);

/// Records of one pack weigh at most this: a change put together again is bounded by itself, not by its text.
const MOST_RECORDS: usize = MAX_SEGMENT_RECORDS * (MAX_CHANGE + 256);

/// Reads the input as a segment, as a pack, and as damage to an honest segment.
pub fn check(data: &[u8]) {
    read(data);
    opened(data);
    damaged(data);
}

fn read(bytes: &[u8]) {
    let range = Segment::range(bytes);
    let Ok(segment) = Segment::decode(LOG, bytes) else { return };
    assert_eq!(range, Ok((segment.lo, segment.hi())));
    assert!(segment.records.len() <= MAX_SEGMENT_RECORDS);
    assert!(segment.records.iter().all(|record| record.payload.len() <= MAX_SEGMENT));
    // What others made may be larger written as we write it: records that only their form kept small.
    if let Ok(again) = Segment::decode(LOG, &segment.encode(LOG)) {
        assert_eq!(again, segment);
    }
    let forged =
        segment.verify(&Space::account(3), LOG, &honest().start, &DeviceKey::from_seed(&[2; 32]).public());
    assert!(forged.is_err(), "somebody else's seal");
}

fn opened(bytes: &[u8]) {
    let Some(pack) = Pack::open(LOG, bytes) else { return };
    assert!(pack::inflated(bytes).is_some_and(|size| size <= MAX_SEGMENT));
    assert_eq!(pack::count(bytes), Some(pack.len()));
    let one_by_one: Option<Vec<Record>> = (0..pack.len()).map(|at| pack.record(at)).collect();
    let records = pack.records();
    assert_eq!(one_by_one, records);
    let Some(records) = records else { return };
    assert!(records.iter().map(|record| record.payload.len()).sum::<usize>() <= MOST_RECORDS);
    let again = Pack::open(LOG, &pack::pack(LOG, &records)).and_then(|pack| pack.records());
    assert!(again.is_none_or(|again| again == records), "a record came back otherwise");
}

struct Honest {
    segment: Segment,
    bytes: Vec<u8>,
    start: Chain,
    key: DeviceKey,
}

/// A segment as a device makes it: two items and something of a kind to come.
fn honest() -> &'static Honest {
    static MADE: OnceLock<Honest> = OnceLock::new();
    MADE.get_or_init(|| {
        let doc = DocId::of(Kind::Marking, "087a4be1-37eb-4c62-8484-39e603c2f6bd");
        let typed = seed(doc, "a note");
        let values = [("color", Register::Text("red".into())), ("type", Register::Int(1))];
        let made = creation(doc, LOG, Some(&typed), values.clone());
        let other = creation(DocId([1; 16]), LOG, None, values);
        let record = |doc, kind, payload: &[u8]| Record {
            doc,
            kind,
            rules: RULES,
            more: false,
            claimed_ms: 1 << 40,
            payload: payload.to_vec(),
        };
        let records = vec![
            record(doc, RecordKind::SEED, typed.raw()),
            record(doc, RecordKind::CHANGE, made.raw()),
            record(DocId([1; 16]), RecordKind::CHANGE, other.raw()),
            record(DocId([2; 16]), RecordKind(77), b"to come"),
        ];
        let (key, space) = (DeviceKey::from_seed(&[1; 32]), Space::account(3));
        let start = chain_start(&space, LOG);
        let (segment, _) = Segment::seal(&space, LOG, (0, &start), records, &key);
        let bytes = segment.encode(LOG);
        Honest { segment, bytes, start, key }
    })
}

/// Bytes of an honest segment are replaced: two bytes of place and one of content each.
fn damaged(edits: &[u8]) {
    let honest = honest();
    let mut bytes = honest.bytes.clone();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = edit[2];
    }
    let Ok(read) = Segment::decode(LOG, &bytes) else { return };
    if read.verify(&Space::account(3), LOG, &honest.start, &honest.key.public()).is_ok() {
        assert_eq!(read, honest.segment, "something else passed under an honest seal");
    }
}
