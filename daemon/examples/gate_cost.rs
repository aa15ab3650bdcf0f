//! What the checks of others' records cost: each step alone, beside a whole ingest onto disk, in microseconds a record.
//!
//! `cargo run --release -p quire-daemon --no-default-features --example gate_cost [RECORDS]`
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use quire_daemon::engine::Engine;
use quire_protocol::change::Change;
use quire_protocol::document::{Base, Document, Edit, Life, Register, creation, load};
use quire_protocol::domain::Kind;
use quire_protocol::gate::{admit, admit_creation, prescan, screen};
use quire_protocol::id::{DocId, Incarnation, Space};
use quire_protocol::identity::{Certificate, DeviceCard, DeviceKey, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::record::{Chain, RULES, Record, RecordKind, Segment, chain_start, chain_step};

const LOG: Incarnation = Incarnation([7; 16]);

/// Records of one segment, as a daemon sends them in bulk.
const SEGMENT: usize = 64;

/// Records when nobody says how many.
const RECORDS: usize = 10_000;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(RECORDS);
    let key = DeviceKey::from_seed(&[1; 32]);
    let items: Vec<Item> = (0..count).map(item).collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{count} creations of 22 members and an edit of each; load {}", load.trim());
    let creations: Vec<Record> = items.iter().map(|item| record(item, &item.creation)).collect();
    let edits: Vec<Record> = items.iter().map(|item| record(item, &item.edit)).collect();
    let chain = steps("creations", &creations, (0, chain_start(&space(), LOG)), &key, |record| {
        let passed = screen(record.doc, LOG, record.kind, &record.payload).unwrap();
        admit_creation(record.doc, None, &passed).unwrap();
    });
    let documents: Vec<&Document> = items.iter().map(|item| &item.document).collect();
    let mut at = 0;
    steps("edits", &edits, (count as u64, chain), &key, |record| {
        let passed = screen(record.doc, LOG, record.kind, &record.payload).unwrap();
        admit(documents[at], record.doc, &passed).unwrap();
        at += 1;
    });
    let all: Vec<Record> = creations.into_iter().chain(edits).collect();
    whole(&all, &key);
}

struct Item {
    doc: DocId,
    creation: Change,
    edit: Change,
    document: Document,
}

fn space() -> Space {
    Space::account(3)
}

fn item(number: usize) -> Item {
    let guid = format!("{number:08x}-1b20-4bd3-a44e-53ae4a8bdc12");
    let doc = DocId::of(Kind::Marking, &guid);
    let text = |text: String| Register::Text(text);
    let mut values = vec![
        ("kind".to_owned(), Register::Int(1)),
        ("key".to_owned(), text(guid)),
        ("life".to_owned(), Register::Int(2)),
    ];
    values.extend((0..19).map(|n| (format!("member{n}"), text(format!("value {n} of {number}")))));
    let creation =
        creation(doc, LOG, None, values.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let document = load(doc, vec![creation.raw().to_vec()]).unwrap();
    let values = vec![("member3".to_owned(), text("another".into()))];
    let edit = Edit { values, note: None, life: Life::Keep };
    let (_, edit) = document.write(doc, LOG, Base::Present, &edit).unwrap().changes.remove(0);
    Item { doc, creation, edit, document }
}

fn record(item: &Item, change: &Change) -> Record {
    let payload = change.raw().to_vec();
    Record {
        doc: item.doc,
        kind: RecordKind::CHANGE,
        rules: RULES,
        more: false,
        claimed_ms: 1 << 40,
        payload,
    }
}

fn seal(records: &[Record], (mut after, mut chain): (u64, Chain), key: &DeviceKey) -> (Vec<Vec<u8>>, Chain) {
    let mut out = Vec::new();
    for records in records.chunks(SEGMENT) {
        let (segment, end) = Segment::seal(&space(), LOG, (after, &chain), records.to_vec(), key);
        (after, chain) = (segment.hi(), end);
        out.push(segment.encode(LOG));
    }
    (out, chain)
}

/// Each step alone; gives the chain at the end.
fn steps(
    name: &str,
    records: &[Record],
    (after, begin): (u64, Chain),
    key: &DeviceKey,
    mut gate: impl FnMut(&Record),
) -> Chain {
    let (encoded, end) = seal(records, (after, begin), key);
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    let each = |took: Duration| took.as_secs_f64() * 1e6 / records.len() as f64;
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        each(start.elapsed())
    };
    let mut segments = Vec::new();
    let decode = timed(&mut || segments = encoded.iter().map(|s| Segment::decode(LOG, s).unwrap()).collect());
    let chained = timed(&mut || {
        let last = records.iter().fold(begin, |chain, record| chain_step(&chain, record));
        assert_eq!(last, end);
    });
    let verify = timed(&mut || {
        let mut chain = begin;
        for segment in &segments {
            chain = segment.verify(&space(), LOG, &chain, &key.public()).unwrap();
        }
    });
    let scan = timed(&mut || records.iter().for_each(|record| drop(prescan(&record.payload).unwrap())));
    let screened = timed(&mut || {
        records.iter().for_each(|r| drop(screen(r.doc, LOG, r.kind, &r.payload).unwrap()));
    });
    let gate = timed(&mut || records.iter().for_each(&mut gate));
    println!("{name}, µs a record ({} bytes each, {SEGMENT} a segment):", bytes / records.len());
    println!("  inflate and decode {decode:.2}; chain {chained:.2}; chain and signature {verify:.2}");
    println!(
        "  gate: scan (step 1) {scan:.2}; steps 1 to 3 and 5 {screened:.2}; all steps with folding {gate:.2}"
    );
    end
}

/// Everything through an engine, onto disk.
fn whole(records: &[Record], key: &DeviceKey) {
    let (encoded, _) = seal(records, (0, chain_start(&space(), LOG)), key);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(folder.path(), "gate").unwrap();
        let card = DeviceCard::issue(key, [9; 32], "author");
        let peer = card.id();
        let mut brought = Credentials::default();
        brought.certificates.push(Certificate::issue(LOG, key));
        engine.add_peer(card, vec![Scope::Everything], brought, Vec::new()).await.unwrap();
        let start = Instant::now();
        for some in encoded.chunks(64) {
            let segments = some.iter().map(|segment| (space(), LOG, segment.clone())).collect();
            for done in engine.ingest(peer, segments).await.unwrap() {
                assert_eq!(done.refused, None);
            }
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / records.len() as f64;
        println!("ingest with all of it, onto disk: {each:.2} µs a record");
        engine.stop().await;
    });
}
