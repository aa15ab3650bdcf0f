#![allow(clippy::unwrap_used)]

use super::*;
use crate::document::{Base, Edit, Life, Register, creation, load, seed};

const LOG: Incarnation = Incarnation([9; 16]);
const GUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn record(doc: DocId, kind: RecordKind, claimed_ms: u64, payload: Vec<u8>) -> Record {
    Record { doc, kind, rules: RULES, more: false, claimed_ms, payload }
}

fn said(value: &str) -> Register {
    Register::Text(value.into())
}

/// A marking as it begins, with a note or without, and an edit of it.
fn item(guid: &str, note: Option<&str>, at: u64) -> Vec<Record> {
    let doc = DocId::of(Kind::Marking, guid);
    let seed = note.map(|note| seed(doc, note));
    let values = [("kind", Register::Int(1)), ("key", said(guid)), ("groupId", said(GUID))];
    let made = creation(doc, LOG, seed.as_ref(), values);
    let raws: Vec<Vec<u8>> = seed.iter().chain([&made]).map(|made| made.raw().to_vec()).collect();
    let loaded = load(doc, raws.clone()).unwrap();
    let edit =
        Edit { values: vec![("color".into(), Register::Text("red".into()))], note: None, life: Life::Keep };
    let (present, old) = (Base::Present, Base::At(&[]));
    let edits = [present, old].map(|base| loaded.write(doc, LOG, base, &edit).unwrap().changes);
    let kinds = raws.len().checked_sub(2).map(|_| RecordKind::SEED).into_iter().chain([RecordKind::CHANGE]);
    let begun = kinds.zip(raws).map(|(kind, raw)| record(doc, kind, at, raw));
    let edited =
        edits.into_iter().flatten().map(|(kind, change)| record(doc, kind, at + 5, change.raw().to_vec()));
    begun.chain(edited).collect()
}

/// Records of every form: known, unknown, of other logs, early and late, not even a change.
fn records() -> Vec<Record> {
    let doc = DocId([7; 16]);
    let mut all = item(GUID, Some("a quick brown fox"), 1000);
    all.extend(item("6ba7b810-9dad-41d1-80b4-00c04fd430c8", None, 900));
    all.push(record(doc, RecordKind::BLOB, 900, vec![5; 300]));
    all.push(record(doc, RecordKind::CHANGE, 2000, vec![0x85; 40]));
    all.push(record(doc, RecordKind::SEED, 0, Vec::new()));
    let elsewhere = creation(doc, Incarnation([1; 16]), None, [("color", said("red"))]);
    all.push(record(doc, RecordKind::CHANGE, 1, elsewhere.raw().to_vec()));
    let mut bad = elsewhere.raw().to_vec();
    bad[5] ^= 1;
    all.push(record(doc, RecordKind::CHANGE, 1, bad));
    all.push(Record { rules: 9, more: true, ..record(doc, RecordKind(200), u64::MAX, vec![1, 2, 3]) });
    all
}

#[test]
fn records_come_back_whole_and_one_by_one() {
    let all = records();
    for from in 0..all.len() {
        let pack = Pack::open(LOG, &pack(LOG, &all[from..])).unwrap();
        assert_eq!(pack.records().unwrap(), all[from..]);
        for (at, record) in all[from..].iter().enumerate() {
            assert_eq!(pack.record(at).as_ref(), Some(record));
            assert_eq!((pack.doc(at), pack.kind(at)), (Some(record.doc), Some(record.kind)));
        }
        assert_eq!(pack.record(all.len() - from), None);
    }
}

#[test]
fn what_follows_from_elsewhere_is_left_out() {
    for note in [None, Some("a quick brown fox")] {
        let all = item(GUID, note, 1000);
        let begun = &all[..all.len() - 2];
        let text = text(LOG, begun);
        let left = |bytes: &[u8]| text.windows(bytes.len()).any(|window| window == bytes);
        assert!(!left(&begun[0].doc.0) && !left(&LOG.0) && !left(&begun[0].payload[4..8]));
        let raw: usize = begun.iter().map(|record| record.payload.len()).sum();
        assert!(pack(LOG, begun).len() + 60 < raw, "{} of {raw}", pack(LOG, begun).len());
    }
}

#[test]
fn packs_join_as_if_they_had_been_one() {
    let all = records();
    for at in 1..all.len() {
        let (first, second) = (pack(LOG, &all[..at]), pack(LOG, &all[at..]));
        let joined = join(&[&first, &second], usize::MAX).unwrap();
        assert_eq!(count(&joined), Some(all.len()));
        assert_eq!(Pack::open(LOG, &joined).unwrap().records().unwrap(), all);
        assert_eq!(join(&[&first, &second], joined.len() - 1), None);
    }
}

#[test]
fn packs_do_not_join_to_more_than_a_segment() {
    let large = record(DocId([7; 16]), RecordKind::BLOB, 1, vec![5; 40_000]);
    let one = pack(LOG, &[large]);
    assert!(one.len() < 1000);
    assert_eq!(join(&[&one, &one], usize::MAX), None);
}

#[test]
fn a_pack_is_filled_to_its_room_and_not_beyond() {
    let guid = |n: u128| {
        uuid::Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)).to_string()
    };
    let all: Vec<Record> = (1..40).flat_map(|n| item(&guid(n), Some("a note"), n as u64)).collect();
    let (all, room) = (&all[..MAX_SEGMENT_RECORDS], 500);
    let packs = fill(LOG, all, room);
    let mut rest = all;
    for (at, (taken, bytes)) in packs.iter().enumerate() {
        let (here, after) = rest.split_at(*taken);
        assert!(bytes.len() <= room, "{}", bytes.len());
        assert!(after.is_empty() || bytes.len() > room * 7 / 10, "pack {at} has {} bytes", bytes.len());
        assert_eq!(Pack::open(LOG, bytes).unwrap().records().unwrap(), here);
        rest = after;
    }
    assert!(rest.is_empty());
    assert!(fill(LOG, all, 1).iter().all(|(count, _)| *count == 1), "a record that fits nowhere is alone");
}

#[test]
fn damaged_packs_are_refused_or_say_something_else() {
    let all = records();
    let good = pack(LOG, &all);
    for length in 0..good.len() {
        assert!(Pack::open(LOG, &good[..length]).and_then(|pack| pack.records()) != Some(all.clone()));
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        let read = Pack::open(LOG, &bad).and_then(|pack| pack.records());
        assert!(read.as_ref() != Some(&all), "byte {at}");
    }
}
