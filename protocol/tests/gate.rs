//! The gate over every hand-made poison of the project's security study (5.1), and over what is well-formed and means
//! ill: each is refused with a reason, whatever the document holds, in little time and memory.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../tests/src/hostile/poison.rs"]
mod poison;

use std::time::{Duration, Instant};

use quire_protocol::change::{Action, Actor, Change, Draft, Object, Op, OpId, Part, Place};
use quire_protocol::document::{Base, Document, Edit, Life, Register, creation, genesis, load, seed};
use quire_protocol::gate::{Reason, admit, screen};
use quire_protocol::id::{DocId, Incarnation};
use quire_protocol::record::RecordKind;

const ID: DocId = DocId([0xd0; 16]);
const ANNE: Incarnation = Incarnation([1; 16]);
const MALLORY: Incarnation = Incarnation([0x6d; 16]);

/// One verdict takes microseconds; this is what a busy machine may make of it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What all verdicts together may take: ten million operations expanded would be 380 MB.
const MEMORY: u64 = 32 * 1024 * 1024;

fn text(text: &str) -> Register {
    Register::Text(text.into())
}

/// A marking with a note, by Anne.
fn item() -> (Document, Change, Change) {
    let typed = seed(ID, "a note");
    let made = creation(ID, ANNE, Some(&typed), [("color", text("red")), ("life", Register::Int(2))]);
    let raws = vec![typed.raw().to_vec(), made.raw().to_vec()];
    (load(ID, raws).unwrap(), typed, made)
}

/// The same item after so many edits that Automerge keeps it.
fn long_item() -> Document {
    let (mut doc, ..) = item();
    for number in 0..70 {
        let values = vec![("color".to_owned(), text(&format!("color {number}")))];
        let edit = Edit { values, note: None, life: Life::Keep };
        for (kind, change) in doc.write(ID, ANNE, Base::Present, &edit).unwrap().changes {
            doc = admit(&doc, ID, &screen(ID, ANNE, kind, change.raw()).unwrap()).unwrap();
        }
    }
    assert!(matches!(doc, Document::Full(_)), "Automerge keeps it");
    doc
}

fn verdict(doc: &Document, kind: RecordKind, raw: &[u8]) -> Option<Reason> {
    screen(ID, MALLORY, kind, raw).and_then(|screened| admit(doc, ID, &screened)).err()
}

#[test]
fn every_poison_is_refused_with_a_reason_whatever_the_document() {
    let documents = [load(ID, vec![]).unwrap(), item().0, long_item()];
    let poisons = poison::all(ID, MALLORY);
    for doc in &documents {
        assert_eq!(verdict(doc, RecordKind::CHANGE, &poison::harmless(ID, MALLORY)), None);
    }
    let before = peak_memory();
    for (what, raw) in &poisons {
        let start = Instant::now();
        let reasons: Vec<_> = documents.iter().map(|doc| verdict(doc, RecordKind::CHANGE, raw)).collect();
        assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
        assert!(reasons.iter().all(Option::is_some), "{what} passed: {reasons:?}");
        assert!(reasons.windows(2).all(|two| two[0] == two[1]), "{what}: {reasons:?}");
        assert!(verdict(&documents[0], RecordKind::SEED, raw).is_some(), "{what} as a seed");
        // Every replica gives the same reason, for ever: it is part of the rules.
        assert_eq!(reasons[0], Some(reason(what)), "{what}");
    }
    let more = peak_memory().saturating_sub(before);
    assert!(more < MEMORY, "{more} bytes");
    eprintln!("inputs passed: gate poison {} of {}", poisons.len(), poisons.len());
}

/// Which step of the gate a poison meets first.
fn reason(what: &str) -> Reason {
    match what {
        "no operation" => Reason::NotCanonical,
        "a dependency twice" | "a wrong checksum" => Reason::Unreadable,
        "sequence 2 without dependencies" | "an orphan" | "another author" => Reason::NotCausal,
        "an object of its own"
        | "a deleted key"
        | "the note replaced"
        | "a key of 257 bytes"
        | "a key without a name" => Reason::Schema,
        _ => Reason::Malformed,
    }
}

/// Most bytes that were ever resident; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[test]
fn one_author_has_one_change_of_each_number() {
    let (doc, _, made) = item();
    let by = |color: &str| {
        let op = put("color", text(color), vec![]);
        draft(1, made.max_op() + 1, &made, vec![op])
    };
    let first = screen(ID, MALLORY, RecordKind::CHANGE, &by("blue")).unwrap();
    for doc in [doc, long_item()] {
        let Ok(doc) = admit(&doc, ID, &first) else { continue };
        for twice in [by("blue"), by("green")] {
            assert_eq!(verdict(&doc, RecordKind::CHANGE, &twice), Some(Reason::NotCausal));
        }
    }
}

/// A change that names an operation which its dependencies do not include would pass where that operation has
/// arrived and fail where it has not.
#[test]
fn what_a_change_has_not_seen_it_cannot_name() {
    let (before, _, made) = item();
    let edit = Edit {
        values: vec![("color".into(), text("blue"))],
        note: Some(text("a longer note")),
        life: Life::Keep,
    };
    let written = before.write(ID, ANNE, Base::Present, &edit).unwrap().changes;
    let mut after = before.clone();
    let mut unseen = Vec::new();
    for (kind, change) in written {
        after = admit(&after, ID, &screen(ID, ANNE, kind, change.raw()).unwrap()).unwrap();
        unseen.extend(
            (change.start_op()..=change.max_op()).map(|n| OpId { counter: n, actor: change.actor() }),
        );
    }
    let note = |place, insert, action, replaces| Op {
        object: Part::Note.object(ID),
        place,
        insert,
        action,
        replaces,
    };
    let mut tried = 0;
    for id in unseen {
        let hostile = [
            put("color", text("mine"), vec![id]),
            note(Place::Element(id), true, Action::Put(text("x")), vec![]),
            note(Place::Element(id), false, Action::Delete, vec![id]),
        ];
        for op in hostile {
            let raw = draft(1, made.max_op() + 1, &made, vec![op]);
            for doc in [&before, &after] {
                assert!(verdict(doc, RecordKind::CHANGE, &raw).is_some(), "{id:?}");
                tried += 1;
            }
        }
    }
    eprintln!("inputs passed: gate unseen operations {tried} of {tried}");
}

fn put(name: &str, value: Register, replaces: Vec<OpId>) -> Op {
    Op {
        object: Object::Root,
        place: Place::Name(name.into()),
        insert: false,
        action: Action::Put(value),
        replaces,
    }
}

/// A change of Mallory's onto one that is there.
fn draft(seq: u64, start_op: u64, after: &Change, ops: Vec<Op>) -> Vec<u8> {
    let actor = Actor::from(MALLORY.0);
    Change::make(Draft { actor, seq, start_op, deps: vec![after.id()], ops }).raw().to_vec()
}

#[test]
fn numbers_that_do_not_follow_are_refused() {
    let (doc, _, made) = item();
    let next = made.max_op() + 1;
    let change = |seq, start_op| draft(seq, start_op, &made, vec![put("type", Register::Int(1), vec![])]);
    assert_eq!(verdict(&doc, RecordKind::CHANGE, &change(1, next)), None, "the honest one");
    let cases = [(2, next), (1, next + 1), (1, next - 1), (1, 1), (1, (1 << 31) - 2), (1 << 31, next)];
    for (seq, start_op) in cases {
        for doc in [&doc, &long_item()] {
            assert!(verdict(doc, RecordKind::CHANGE, &change(seq, start_op)).is_some(), "{seq} {start_op}");
        }
    }
    // One's own incarnation stands before a derived actor, and no other does.
    for (actor, passes) in [
        (Actor::derived(MALLORY, 1), true),
        (Actor::derived(MALLORY, 64), false),
        (Actor::derived(ANNE, 1), false),
    ] {
        let ops = vec![put("type", Register::Int(1), vec![])];
        let raw = Change::make(Draft { actor, seq: 1, start_op: next, deps: vec![made.id()], ops });
        assert_eq!(verdict(&doc, RecordKind::CHANGE, raw.raw()).is_none(), passes, "{actor:?}");
    }
    let ops = vec![put("type", Register::Int(1), vec![])];
    let draft =
        Draft { actor: Actor::from(MALLORY.0), seq: 1, start_op: 4, deps: vec![genesis(ID).id()], ops };
    assert_eq!(
        verdict(&doc, RecordKind::CHANGE, Change::make(draft).raw()),
        None,
        "concurrent with the creation"
    );
}
