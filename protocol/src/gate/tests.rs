use automerge::legacy::OpType;
use automerge::{AutoCommit, ExpandedChange};

use super::*;
use automerge::{ActorId, ROOT};

use crate::change::Draft;
use crate::document::{Base, Edit, Life, creation, load, seed};

const ID: DocId = DocId([0xd0; 16]);
const LOG: Incarnation = Incarnation([7; 16]);

fn color(value: &str) -> Vec<(&'static str, Register)> {
    vec![(key::LIFE, Register::Int(2)), ("color", Register::Text(value.into())), ("type", Register::Int(1))]
}

fn pass(raw: &[u8], kind: RecordKind) -> Screened {
    screen(ID, LOG, kind, raw).unwrap()
}

#[test]
fn a_creation_reads_the_same_with_and_without_a_document() {
    for text in [None, Some("the quick fox")] {
        let seed = text.map(|t| seed(ID, t));
        let mut values = color("red");
        if text.is_some() {
            values.push((key::NOTE_FORM, Register::Text("text".into())));
        }
        let made = creation(ID, LOG, seed.as_ref(), values);
        let screened_seed = seed.as_ref().map(|s| pass(s.raw(), RecordKind::SEED));
        let fast = admit_creation(ID, screened_seed.as_ref(), &pass(made.raw(), RecordKind::CHANGE)).unwrap();
        let mut doc = load(ID, vec![]).unwrap();
        if let Some(seed) = &screened_seed {
            doc = admit(&doc, ID, seed).unwrap();
        }
        let doc = admit(&doc, ID, &pass(made.raw(), RecordKind::CHANGE)).unwrap();
        let own_seed = seed.map(|s| screen_own(ID, LOG, RecordKind::SEED, s).unwrap());
        let own = screen_own(ID, LOG, RecordKind::CHANGE, made).unwrap();
        assert_eq!(
            admit_creation(ID, own_seed.as_ref(), &own),
            Some(fast.clone()),
            "made here and read there"
        );
        assert_eq!(doc.project(), fast);
        assert_eq!(fast.get("note").cloned(), text.map(|t| Register::Text(t.into())));
    }
}

#[test]
fn edits_pass_and_forgeries_do_not() {
    let made = creation(ID, LOG, None, color("red"));
    let doc = load(ID, vec![made.raw().to_vec()]).unwrap();
    let edit =
        Edit { values: vec![("color".into(), Register::Text("blue".into()))], note: None, life: Life::Keep };
    let written = doc.write(ID, LOG, Base::Present, &edit).unwrap();
    let (kind, change) = &written.changes[0];
    let raw = change.raw();
    let after = admit(&doc, ID, &pass(raw, *kind)).unwrap();
    assert_eq!(after.project().get("color"), Some(&Register::Text("blue".into())));
    assert_eq!(screen(ID, Incarnation([8; 16]), *kind, raw).err(), Some(Reason::NotCausal), "another's log");
    assert_eq!(admit(&after, ID, &pass(raw, *kind)).err(), Some(Reason::NotCausal), "twice");
    let empty = load(ID, vec![]).unwrap();
    assert_eq!(admit(&empty, ID, &pass(raw, *kind)).err(), Some(Reason::NotCausal), "its past is missing");
}

#[test]
fn no_flipped_bit_and_no_cut_passes_unseen() {
    let raw = creation(ID, LOG, None, color("red")).raw().to_vec();
    for bit in 0..raw.len() * 8 {
        let mut bad = raw.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(screen(ID, LOG, RecordKind::CHANGE, &bad).is_err(), "bit {bit}");
    }
    for length in 0..raw.len() {
        assert!(screen(ID, LOG, RecordKind::CHANGE, &raw[..length]).is_err());
    }
}

/// A change with the fields an attacker would choose, checksum right.
fn forged(change: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let made = creation(ID, LOG, None, color("red"));
    let mut expanded = automerge::Change::from_bytes(made.raw().to_vec()).unwrap().decode();
    expanded.hash = None;
    change(&mut expanded);
    automerge::Change::from(expanded).raw_bytes().to_vec()
}

#[test]
fn changes_that_would_kill_automerge_are_set_aside() {
    let huge = std::num::NonZeroU64::new(u64::from(u32::MAX) - 2).unwrap();
    let cases: [(&str, Vec<u8>); 6] = [
        ("no dependencies, seq 2", forged(|c| (c.seq, c.deps) = (2, vec![]))),
        ("time that overflows", forged(|c| c.time = i64::MIN)),
        ("operation counter bomb", forged(|c| c.start_op = huge)),
        ("no operation", forged(|c| c.operations.clear())),
        ("a new object", forged(|c| c.operations[1].action = OpType::Make(automerge::ObjType::Map))),
        ("a deleted key", forged(|c| c.operations[1].action = OpType::Delete)),
    ];
    let doc = load(ID, vec![]).unwrap();
    for (name, raw) in cases {
        let verdict = screen(ID, LOG, RecordKind::CHANGE, &raw).and_then(|s| admit(&doc, ID, &s).map(drop));
        assert!(verdict.is_err(), "{name}");
    }
}

#[test]
fn a_seed_is_bound_to_its_text_and_document() {
    let raw = seed(ID, "first").raw().to_vec();
    assert!(screen(ID, LOG, RecordKind::SEED, &raw).is_ok());
    assert!(screen(DocId([1; 16]), LOG, RecordKind::SEED, &raw).is_err());
    assert!(screen(ID, LOG, RecordKind::CHANGE, &raw).is_err());
}

#[test]
fn foreign_automerge_documents_do_not_pass() {
    let mut doc = AutoCommit::new().with_actor(ActorId::from(LOG.0));
    doc.put(ROOT, "a", 1).unwrap();
    doc.commit();
    let raw = doc.get_changes(&[])[0].raw_bytes().to_vec();
    assert!(screen(ID, LOG, RecordKind::CHANGE, &raw).is_err());
}

#[test]
fn an_actor_s_changes_follow_each_other() {
    let made = creation(ID, LOG, None, color("red"));
    let begun = load(ID, vec![made.raw().to_vec()]).unwrap();
    let edit = |value: &str| Edit {
        values: vec![("color".into(), Register::Text(value.into()))],
        note: None,
        life: Life::Keep,
    };
    let other = Incarnation([8; 16]);
    let first = begun.write(ID, other, Base::Present, &edit("blue")).unwrap().changes.remove(0).1;
    let second = Change::make(Draft {
        actor: Actor::from(other.0),
        seq: 2,
        start_op: made.max_op() + 1,
        deps: vec![made.id()],
        ops: first.ops().to_vec(),
    });
    let second = screen(ID, other, RecordKind::CHANGE, second.raw()).unwrap();
    for full in [false, true] {
        let doc =
            if full { Document::Full(Box::new(begun.full(ID).unwrap().into_owned())) } else { begun.clone() };
        let both = admit(&doc, ID, &screen(ID, other, RecordKind::CHANGE, first.raw()).unwrap()).unwrap();
        let verdict = admit(&both, ID, &second).err();
        assert_eq!(verdict, Some(Reason::NotCausal), "the second had not seen the first; full: {full}");
    }
}

#[test]
fn a_conflict_settled_with_a_value_that_stands_passes() {
    let made = creation(ID, LOG, None, color("red"));
    let doc = load(ID, vec![made.raw().to_vec()]).unwrap();
    let other = Incarnation([8; 16]);
    let edit = |value: &str| Edit {
        values: vec![("color".into(), Register::Text(value.into()))],
        note: None,
        life: Life::Keep,
    };
    let mut both = doc.clone();
    for (log, value) in [(LOG, "blue"), (other, "green")] {
        let (kind, change) = doc.write(ID, log, Base::Present, &edit(value)).unwrap().changes.remove(0);
        both = admit(&both, ID, &screen(ID, log, kind, change.raw()).unwrap()).unwrap();
    }
    assert_eq!(both.project().conflicts.len(), 1);
    for value in ["blue", "green"] {
        let (kind, change) = both.write(ID, LOG, Base::Present, &edit(value)).unwrap().changes.remove(0);
        let settled = admit(&both, ID, &pass(change.raw(), kind)).unwrap().project();
        assert_eq!(
            (settled.conflicts, settled.values["color"].clone()),
            (vec![], Register::Text(value.into()))
        );
    }
}
