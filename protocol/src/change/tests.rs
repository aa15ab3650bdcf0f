//! Ours against Automerge's own reading and writing.

use std::num::NonZeroU64;

use automerge::legacy::{ElementId, Key, ObjectId, OpType};
use automerge::{ActorId, ChangeHash, ExpandedChange, ObjType};
use proptest::prelude::*;

use super::*;
use crate::document::BlobRef;

fn actors() -> impl Strategy<Value = Actor> {
    (0u8..4, 0u8..3).prop_map(|(log, n)| Actor::derived(Incarnation([log * 60; 16]), n))
}

fn ids() -> impl Strategy<Value = OpId> {
    (1u64..300, actors()).prop_map(|(counter, actor)| OpId { counter, actor })
}

fn registers() -> impl Strategy<Value = Register> {
    prop_oneof![
        Just(Register::Null),
        any::<bool>().prop_map(Register::Bool),
        any::<i64>().prop_map(Register::Int),
        (-70i64..70).prop_map(Register::Int),
        ".{0,40}".prop_map(Register::Text),
        any::<u64>().prop_map(|length| Register::Blob(BlobRef { length, ..BlobRef::of("x") })),
    ]
}

fn operations() -> impl Strategy<Value = Op> {
    let name = "[a-d]{0,2}".prop_map(Place::Name);
    let place = prop_oneof![4 => name, 1 => Just(Place::Head), 3 => ids().prop_map(Place::Element)];
    let object = prop_oneof![2 => Just(Object::Root), 2 => ids().prop_map(Object::Made)];
    let action = prop_oneof![
        5 => registers().prop_map(Action::Put),
        2 => Just(Action::Delete),
        1 => Just(Action::MakeMap),
        1 => Just(Action::MakeText),
    ];
    let replaces = prop::collection::btree_set(ids(), 0..3);
    (object, place, any::<bool>(), action, replaces).prop_map(|(object, place, insert, action, replaces)| {
        Op { object, place, insert, action, replaces: replaces.into_iter().collect() }
    })
}

fn drafts() -> impl Strategy<Value = Draft> {
    let deps = prop::collection::btree_set(any::<[u8; 32]>(), 0..3);
    let ops = prop::collection::vec(operations(), 1..40);
    (actors(), 1u64..200, 1u64..3000, deps, ops).prop_map(|(actor, seq, start_op, deps, ops)| Draft {
        actor,
        seq,
        start_op,
        deps: deps.into_iter().map(ChangeId).collect(),
        ops,
    })
}

fn legacy_id(id: &OpId) -> automerge::legacy::OpId {
    automerge::legacy::OpId::new(id.counter, &ActorId::from(id.actor.as_slice()))
}

fn legacy_op(op: &Op) -> automerge::legacy::Op {
    automerge::legacy::Op {
        action: match &op.action {
            Action::Put(value) => OpType::Put(value.to_scalar()),
            Action::Delete => OpType::Delete,
            Action::MakeMap => OpType::Make(ObjType::Map),
            Action::MakeText => OpType::Make(ObjType::Text),
        },
        obj: match &op.object {
            Object::Root => ObjectId::Root,
            Object::Made(id) => ObjectId::Id(legacy_id(id)),
        },
        key: match &op.place {
            Place::Name(name) => Key::Map(name.as_str().into()),
            Place::Head => Key::Seq(ElementId::Head),
            Place::Element(id) => Key::Seq(ElementId::Id(legacy_id(id))),
        },
        pred: op.replaces.iter().map(legacy_id).collect::<Vec<_>>().into(),
        insert: op.insert,
    }
}

fn as_automerge_writes_it(draft: &Draft) -> Vec<u8> {
    let expanded = ExpandedChange {
        operations: draft.ops.iter().map(legacy_op).collect(),
        actor_id: ActorId::from(draft.actor.as_slice()),
        hash: None,
        seq: draft.seq,
        start_op: NonZeroU64::new(draft.start_op).unwrap(),
        time: 0,
        message: None,
        deps: draft.deps.iter().map(|dep| ChangeHash(dep.0)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    };
    automerge::Change::from(expanded).raw_bytes().to_vec()
}

/// What the gate asked of Automerge before it read changes itself: it reads them, and would write them so.
fn automerge_would_write(raw: &[u8]) -> bool {
    let read = std::panic::catch_unwind(|| {
        let change = automerge::Change::from_bytes(raw.to_vec()).ok()?;
        let decoded = change.decode();
        (decoded.operations.len() == change.len()).then(|| automerge::Change::from(decoded))
    });
    read.ok().flatten().is_some_and(|again| again.raw_bytes() == raw)
}

/// Steps 1 to 3 of the gate.
fn passes(raw: &[u8]) -> bool {
    crate::gate::prescan(raw).is_some() & Change::read(raw).is_some()
}

/// The bytes with a checksum that fits, so that damage goes as deep as it can.
fn with_checksum(mut raw: Vec<u8>) -> Vec<u8> {
    if raw.len() > HASHED_FROM {
        let id = id_of(&raw);
        raw[4..HASHED_FROM].copy_from_slice(&id.0[..4]);
    }
    raw
}

proptest! {
    #[test]
    fn changes_are_written_as_automerge_writes_them(draft in drafts()) {
        let made = Change::make(draft.clone());
        prop_assert_eq!(made.raw(), &as_automerge_writes_it(&draft)[..]);
        let read = Change::read(made.raw()).unwrap();
        prop_assert_eq!(read.ops(), &draft.ops[..]);
        prop_assert_eq!((read.id(), read.actor(), read.seq()), (made.id(), draft.actor, draft.seq));
        prop_assert_eq!((read.deps(), read.start_op()), (&draft.deps[..], draft.start_op));
        prop_assert_eq!(read.others(), made.others());
    }

    #[test]
    fn what_is_read_automerge_reads_and_would_write(
        draft in drafts(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut raw = Change::make(draft).raw().to_vec();
        for (at, byte) in damage {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        let raw = with_checksum(raw);
        if passes(&raw) {
            prop_assert!(automerge_would_write(&raw));
        }
    }

    #[test]
    fn nothing_makes_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let raw = with_checksum([&MAGIC[..], &[0; 4], &[UNCOMPRESSED_CHANGE], &bytes].concat());
        prop_assert!(!passes(&raw) || automerge_would_write(&raw));
    }
}

#[test]
fn no_cut_is_read() {
    let raw = crate::document::seed(DocId([3; 16]), "the quick fox").raw().to_vec();
    assert!(Change::read(&raw).is_some());
    for length in 0..raw.len() {
        assert!(Change::read(&with_checksum(raw[..length].to_vec())).is_none());
    }
}
