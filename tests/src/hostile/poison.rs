//! Changes that kill Automerge or make a document that can never be loaded again (the project's security study, 5.1).
//!
//! Written by hand, column by column, since no honest encoder makes them. Checksums are right.

use quire_protocol::change::{Action, Actor, Change, Draft, Object, Op, Place, id_of};
use quire_protocol::document::{Register, genesis};
use quire_protocol::id::{ChangeId, DocId, Incarnation};

/// What every chunk begins with.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// The fields of a change that an attacker would choose.
struct Fields {
    deps: Vec<ChangeId>,
    seq: u64,
    start_op: u64,
    time: i64,
    message: Vec<u8>,
    columns: Vec<(u64, Vec<u8>)>,
}

/// Every poison, by what it is, as a change of `log` onto the genesis of `doc`.
#[must_use]
pub fn all(doc: DocId, log: Incarnation) -> Vec<(&'static str, Vec<u8>)> {
    let write = |change: &dyn Fn(&mut Fields)| {
        let mut fields = honest(doc);
        change(&mut fields);
        chunk(1, &body(log, &fields))
    };
    let equal = |count: i64| move |fields: &mut Fields| fields.columns = columns(count);
    vec![
        ("sequence 2 without dependencies", write(&|f| (f.seq, f.deps) = (2, vec![]))),
        ("sequence u64::MAX", write(&|f| (f.seq, f.deps) = (u64::MAX, vec![]))),
        ("sequence 0", write(&|f| f.seq = 0)),
        ("time i64::MIN", write(&|f| f.time = i64::MIN)),
        ("time 1", write(&|f| f.time = 1)),
        ("first operation near u32::MAX", write(&|f| f.start_op = u64::from(u32::MAX) - 2)),
        ("first operation beyond u32::MAX", write(&|f| f.start_op = u64::from(u32::MAX) + 9)),
        ("first operation 0", write(&|f| f.start_op = 0)),
        ("a million equal operations", write(&equal(1_000_000))),
        ("ten million equal operations", write(&equal(10_000_000))),
        ("i64::MAX equal operations", write(&equal(i64::MAX))),
        ("no operation", write(&|f| f.columns = vec![])),
        ("a message", write(&|f| f.message = vec![b'x'; 4096])),
        ("a deflated column", write(&|f| f.columns[0].0 |= 8)),
        ("forty columns", write(&|f| f.columns = (0..40).map(|n| (n * 16 + 7, vec![])).collect())),
        ("an orphan", write(&|f| f.deps = vec![ChangeId([9; 32])])),
        ("sixty-five dependencies", write(&|f| f.deps = (0..65).map(|n| ChangeId([n; 32])).collect())),
        ("a dependency twice", write(&|f| f.deps = vec![f.deps[0]; 2])),
        ("a compressed chunk", chunk(2, &body(log, &honest(doc)))),
        ("a document chunk of 24 bytes", chunk(0, &[0; 14])),
        ("a bundle", chunk(3, &body(log, &honest(doc)))),
        ("no bytes", Vec::new()),
        ("a cut change", write(&|_| ())[..30].to_vec()),
        ("a wrong checksum", wrong_checksum(write(&|_| ()))),
        ("another author", chunk(1, &body(Incarnation([0xaa; 16]), &honest(doc)))),
        ("an object of its own", object(doc, log)),
        ("a deleted key", alone(doc, log, Action::Delete, "color")),
        ("the note replaced", alone(doc, log, Action::Put(Register::Int(1)), "note")),
        ("a key of 257 bytes", alone(doc, log, Action::Put(Register::Int(1)), &"k".repeat(257))),
        ("a key without a name", alone(doc, log, Action::Put(Register::Int(1)), "")),
    ]
}

/// The change that all the others are made of; nothing is wrong with it.
#[must_use]
pub fn harmless(doc: DocId, log: Incarnation) -> Vec<u8> {
    chunk(1, &body(log, &honest(doc)))
}

/// One value under a name.
fn alone(doc: DocId, log: Incarnation, action: Action, name: &str) -> Vec<u8> {
    let op =
        Op { object: Object::Root, place: Place::Name(name.into()), insert: false, action, replaces: vec![] };
    let deps = vec![genesis(doc).id()];
    let draft = Draft { actor: Actor::from(log.0), seq: 1, start_op: 4, deps, ops: vec![op] };
    Change::make(draft).raw().to_vec()
}

fn object(doc: DocId, log: Incarnation) -> Vec<u8> {
    alone(doc, log, Action::MakeMap, "map")
}

fn wrong_checksum(mut raw: Vec<u8>) -> Vec<u8> {
    raw[4] ^= 1;
    raw
}

/// Puts null under one name once.
fn honest(doc: DocId) -> Fields {
    Fields {
        deps: vec![genesis(doc).id()],
        seq: 1,
        start_op: 4,
        time: 0,
        message: Vec::new(),
        columns: columns(1),
    }
}

/// Puts null under one name so many times, each column one run: key, insert, action, value's form, predecessors.
fn columns(count: i64) -> Vec<(u64, Vec<u8>)> {
    let run = |value: &[u8]| {
        let mut out = Vec::new();
        // A run of one is written as one literal.
        signed(&mut out, if count == 1 { -1 } else { count });
        out.extend_from_slice(value);
        out
    };
    let mut inserts = Vec::new();
    unsigned(&mut inserts, count.unsigned_abs());
    vec![(0x15, run(b"\x01k")), (0x34, inserts), (0x42, run(&[1])), (0x56, run(&[0])), (0x70, run(&[0]))]
}

fn body(log: Incarnation, fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    unsigned(&mut out, fields.deps.len() as u64);
    fields.deps.iter().for_each(|dep| out.extend_from_slice(&dep.0));
    out.push(16);
    out.extend_from_slice(&log.0);
    unsigned(&mut out, fields.seq);
    unsigned(&mut out, fields.start_op);
    signed(&mut out, fields.time);
    unsigned(&mut out, fields.message.len() as u64);
    out.extend_from_slice(&fields.message);
    unsigned(&mut out, 0);
    unsigned(&mut out, fields.columns.len() as u64);
    for (spec, bytes) in &fields.columns {
        unsigned(&mut out, *spec);
        unsigned(&mut out, bytes.len() as u64);
    }
    fields.columns.iter().for_each(|(_, bytes)| out.extend_from_slice(bytes));
    out
}

fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    unsigned(&mut hashed, body.len() as u64);
    hashed.extend_from_slice(body);
    let unnamed = [&MAGIC[..], &[0; 4], &hashed].concat();
    let checksum = id_of(&unnamed).0;
    [&MAGIC[..], &checksum[..4], &hashed].concat()
}

/// LEB128.
fn unsigned(out: &mut Vec<u8>, value: u64) {
    quire_protocol::clock::put_varint(out, value);
}

/// Signed LEB128.
fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let done = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        out.push(if done { byte } else { byte | 0x80 });
        if done {
            return;
        }
    }
}
