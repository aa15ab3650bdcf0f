use proptest::prelude::*;

use super::*;
use crate::document::{Base, Document, Edit, Life, Projection, Register, key, load};
use crate::gate::{Reason, Screened, admit, screen};
use crate::id::Incarnation;

const ID: DocId = DocId([7; 16]);
const LOST: Incarnation = Incarnation([9; 16]);
const OTHER: Incarnation = Incarnation([3; 16]);
const CARRIER: Incarnation = Incarnation([5; 16]);
const TEXTS: [&str; 4] = ["the quick fox", "a fox", "the quick brown fox", ""];

fn edits() -> impl Strategy<Value = Edit> {
    let value = prop_oneof![Just(Register::Null), "[a-c]".prop_map(Register::Text)];
    let name = prop_oneof![Just("color".to_owned()), Just("style".to_owned())];
    let values = prop::collection::btree_map(name, value, 0..3);
    let note = prop::option::of((0..TEXTS.len()).prop_map(|n| Register::Text(TEXTS[n].into())));
    let life = prop_oneof![6 => Just(Life::Keep), 1 => Just(Life::Remove), 1 => Just(Life::Revive)];
    (values, note, life).prop_map(|(values, note, life)| Edit {
        values: values.into_iter().collect(),
        note,
        life,
    })
}

/// A change with who logged it and as what.
type Logged = (Incarnation, RecordKind, Change);

/// Writes edits one after the other; gives the changes and the document after them.
fn told(doc: &Document, edits: &[(bool, Edit)]) -> (Vec<Logged>, Document) {
    let (mut now, mut changes) = (doc.clone(), Vec::new());
    for (lost, edit) in edits {
        let log = if *lost { LOST } else { OTHER };
        for (kind, change) in now.write(ID, log, Base::Present, edit).unwrap().changes {
            now = admit(&now, ID, &pass(log, kind, &change)).unwrap();
            changes.push((log, kind, change));
        }
    }
    (changes, now)
}

fn pass(log: Incarnation, kind: RecordKind, change: &Change) -> Screened {
    screen(ID, log, kind, change.raw()).unwrap()
}

/// Every change is lost: the echoes of all of them, past the gate.
fn echoed(doc: &Document, changes: &[Logged]) -> (Vec<(RecordKind, Change)>, Document) {
    let (mut now, mut echoes, mut all) = (doc.clone(), Echoes::default(), Vec::new());
    for (_, kind, change) in changes {
        let (kind, echo) = echoes.of(ID, *kind, change);
        now = admit(&now, ID, &pass(CARRIER, kind, &echo)).unwrap();
        all.push((kind, echo));
    }
    (all, now)
}

fn beginning() -> Document {
    let edit = Edit {
        values: vec![("color".into(), Register::Text("z".into()))],
        note: Some(Register::Text("the fox".into())),
        life: Life::Keep,
    };
    told(&load(ID, vec![]).unwrap(), &[(false, edit)]).1
}

fn without_authors(mut projection: Projection) -> Projection {
    projection.conflicts.iter_mut().flat_map(|c| &mut c.others).for_each(|other| other.by = LOST);
    projection
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn echoes_say_what_was_said(edits in prop::collection::vec((any::<bool>(), edits()), 1..12), full in any::<bool>()) {
        for begun in [load(ID, vec![]).unwrap(), beginning()] {
            let begun = if full { Document::Full(Box::new(begun.full(ID).unwrap().into_owned())) } else { begun };
            let (changes, after) = told(&begun, &edits);
            let (echoes, said) = echoed(&begun, &changes);
            prop_assert_eq!(without_authors(said.project()), without_authors(after.project()));
            for ((_, _, change), (_, echo)) in changes.iter().zip(&echoes) {
                prop_assert_eq!(echo.start_op(), change.start_op());
                prop_assert!(!echo.others().contains(&Actor::from(LOST.0)));
            }
            // Who has less of it makes the same of what it has, and an echo is its own echo.
            let (fewer, _) = echoed(&begun, &changes[..changes.len() / 2]);
            for ((_, one), (_, other)) in fewer.iter().zip(&echoes) {
                prop_assert_eq!(one.raw(), other.raw());
            }
            for (kind, echo) in &echoes {
                let (again, same) = Echoes::default().of(ID, *kind, echo);
                prop_assert_eq!((again, same.raw()), (*kind, echo.raw()));
            }
        }
    }
}

#[test]
fn an_echo_stays_concurrent_with_what_its_original_had_not_seen() {
    let begun = beginning();
    let color = |value: &str| Edit {
        values: vec![("color".into(), Register::Text(value.into()))],
        note: None,
        life: Life::Keep,
    };
    let (lost, _) = told(&begun, &[(true, color("green")), (true, color("blue"))]);
    let (kept, now) = told(&begun, &[(false, color("red"))]);
    assert_eq!(kept.len(), 1);
    let (_, after) = echoed(&now, &lost);
    let said = after.project();
    let losing = said.conflicts.iter().find(|c| c.key == "color").unwrap();
    let all: Vec<&Register> = losing.others.iter().map(|o| &o.value).chain(said.get("color")).collect();
    assert_eq!(all.len(), 2, "green was written over by who had seen it: {all:?}");
    assert!(all.contains(&&Register::Text("red".into())) && all.contains(&&Register::Text("blue".into())));
}

#[test]
fn nobody_takes_an_echo_s_place() {
    let begun = beginning();
    let edit = Edit { values: vec![("style".into(), Register::Int(1))], note: None, life: Life::Keep };
    let (changes, _) = told(&begun, &[(true, edit)]);
    let (kind, echo) = Echoes::default().of(ID, changes[0].1, &changes[0].2);
    assert_eq!(kind, RecordKind::ECHO);
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut draft = echo.draft.clone();
        change(&mut draft);
        Change::make(draft).raw().to_vec()
    };
    let verdict = |raw: &[u8]| screen(ID, CARRIER, RecordKind::ECHO, raw).err();
    assert_eq!(verdict(echo.raw()), None);
    assert_eq!(screen(ID, LOST, RecordKind::ECHO, echo.raw()).err(), None, "in any log");
    let cases: [(&str, Vec<u8>); 6] = [
        ("another value", with(&|d| d.ops[0].action = super::super::Action::Put(Register::Int(2)))),
        ("one operation less", with(&|d| d.ops.truncate(1))),
        ("another counter", with(&|d| d.start_op += 1)),
        ("another base", with(&|d| d.deps = vec![ChangeId([1; 32])])),
        ("a second change", with(&|d| d.seq = 2)),
        ("an author's own actor", with(&|d| *d = with_actor(d, Actor::from(CARRIER.0)))),
    ];
    for (what, raw) in cases {
        assert_eq!(verdict(&raw), Some(Reason::NotCausal), "{what}");
    }
    assert!(screen(DocId([8; 16]), CARRIER, RecordKind::ECHO, echo.raw()).is_err(), "of another item");
    assert!(screen(ID, CARRIER, RecordKind::CHANGE, echo.raw()).is_err(), "as an author's own");
    assert!(echo.ops().iter().any(|op| op.place == Place::Name(key::LIFE.into())));
}

#[test]
fn a_removal_of_what_many_typed_can_be_echoed() {
    let mut edits = Vec::new();
    for n in 1..200 {
        let text = "x".repeat(n);
        edits.push((true, Edit { values: Vec::new(), note: Some(Register::Text(text)), life: Life::Keep }));
    }
    edits.push((
        true,
        Edit { values: Vec::new(), note: Some(Register::Text(String::new())), life: Life::Keep },
    ));
    let (changes, after) = told(&beginning(), &edits);
    let (echoes, said) = echoed(&beginning(), &changes);
    assert_eq!(said.project(), after.project());
    assert!(echoes.last().unwrap().1.others().len() > 150);
}
