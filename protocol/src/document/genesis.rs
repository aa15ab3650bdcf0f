//! Changes that are made without a document: the genesis, the first text of a note, a whole new item.
//!
//! Their form is so narrow that the gate can check them without applying them.

use std::sync::LazyLock;

use super::{Register, key};
use crate::change::{Action, Actor, Change, Draft, Object, Op, OpId, Part, Place, id_of};
use crate::id::{ChangeId, DocId, Incarnation};

/// Operations of the genesis: it makes `note`, `props` and `refs`.
pub const GENESIS_OPS: u64 = 3;

/// The change every document starts from: a pure function of its id, in no log, never sent.
///
/// Its actor is the document's id, so that no change of one document applies to another. A golden test
/// pins its bytes: another encoding would make every document of every store unreadable to newer peers.
pub fn genesis(id: DocId) -> Change {
    let objects =
        [(key::NOTE, Action::MakeText), (key::PROPS, Action::MakeMap), (key::REFS, Action::MakeMap)];
    let ops = objects.map(|(name, action)| root_op(name, action)).to_vec();
    first(Actor::from(id.0), 1, Vec::new(), ops)
}

/// Hash of the genesis, by writing the document's id into the bytes of another one: records are packed and
/// unpacked by it, and building the change costs ten times as much.
pub(crate) fn genesis_hash(id: DocId) -> [u8; 32] {
    static OTHER: LazyLock<Vec<u8>> = LazyLock::new(|| genesis(DocId([0; 16])).raw().to_vec());
    let mut raw = OTHER.clone();
    raw[GENESIS_ACTOR..GENESIS_ACTOR + 16].copy_from_slice(&id.0);
    id_of(&raw).0
}

/// Where the actor is in the genesis' raw bytes.
const GENESIS_ACTOR: usize = 12;

/// Actor of the seed that brings `text` as the first text of the note of document `id`.
pub fn seed_actor(id: DocId, text: &str) -> Actor {
    Actor::from(seed_actor_bytes(id, text.as_bytes()))
}

pub(crate) fn seed_actor_bytes(id: DocId, text: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("quire seed actor 1");
    hasher.update(&id.0);
    hasher.update(text);
    let mut actor = [0; 16];
    actor.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    actor
}

/// The first text of a note as a change that two devices which type the same make identically.
pub fn seed(id: DocId, text: &str) -> Change {
    let actor = seed_actor(id, text);
    let start = GENESIS_OPS + 1;
    let ops = text.chars().enumerate().map(|(i, c)| Op {
        object: Part::Note.object(id),
        place: match i {
            0 => Place::Head,
            _ => Place::Element(OpId { counter: start + i as u64 - 1, actor }),
        },
        insert: true,
        action: Action::Put(Register::Text(c.into())),
        replaces: Vec::new(),
    });
    let ops = ops.collect();
    first(actor, start, vec![ChangeId(genesis_hash(id))], ops)
}

/// A new item as its author's first change: each key put once, after the genesis or the note's seed.
pub fn creation<'a>(
    id: DocId,
    log: Incarnation,
    seed: Option<&Change>,
    values: impl IntoIterator<Item = (&'a str, Register)>,
) -> Change {
    let ops = values.into_iter().map(|(name, value)| root_op(name, Action::Put(value))).collect();
    let (dependency, start) = match seed {
        Some(seed) => (seed.id(), seed.max_op() + 1),
        None => (ChangeId(genesis_hash(id)), GENESIS_OPS + 1),
    };
    first(Actor::from(log.0), start, vec![dependency], ops)
}

fn root_op(name: &str, action: Action) -> Op {
    Op { object: Object::Root, place: Place::Name(name.into()), insert: false, action, replaces: Vec::new() }
}

fn first(actor: Actor, start_op: u64, deps: Vec<ChangeId>, ops: Vec<Op>) -> Change {
    Change::make(Draft { actor, seq: 1, start_op, deps, ops })
}

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc};
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::document::{load_full, note_object};

    const ID: DocId = DocId([0xd0; 16]);

    fn as_automerge_writes_it() -> Automerge {
        let mut doc = Automerge::new().with_actor(ActorId::from(ID.0));
        let mut tx = doc.transaction();
        tx.put_object(ROOT, key::NOTE, ObjType::Text).unwrap();
        tx.put_object(ROOT, key::PROPS, ObjType::Map).unwrap();
        tx.put_object(ROOT, key::REFS, ObjType::Map).unwrap();
        tx.commit_with(CommitOptions::default().with_time(0));
        doc
    }

    #[test]
    fn the_genesis_is_pinned() {
        let raw = genesis(ID).raw().to_vec();
        assert_eq!(HEXLOWER.encode(&raw), include_str!("genesis.golden").trim());
        let mut doc = as_automerge_writes_it();
        assert_eq!(doc.get_last_local_change().unwrap().raw_bytes(), raw);
        let _ = &mut doc;
        for id in [ID, DocId([3; 16])] {
            assert_eq!(genesis_hash(id), genesis(id).id().0);
        }
    }

    #[test]
    fn seeds_and_creations_are_what_automerge_would_write() {
        for text in ["x", "the quick fox", "é👩‍👩‍👧 e\u{301}\r\n"] {
            let mut doc = as_automerge_writes_it();
            doc.set_actor(ActorId::from(seed_actor(ID, text).as_slice()));
            let note = note_object(&doc).unwrap();
            let mut tx = doc.transaction();
            tx.splice_text(&note, 0, 0, text).unwrap();
            tx.commit_with(CommitOptions::default().with_time(0));
            let own = seed(ID, text);
            assert_eq!(own.raw(), doc.get_last_local_change().unwrap().raw_bytes(), "{text}");

            let log = Incarnation([7; 16]);
            doc.set_actor(ActorId::from(log.0));
            let mut tx = doc.transaction();
            tx.put(ROOT, "color", "red").unwrap();
            tx.put(ROOT, "type", 5_i64).unwrap();
            tx.put(ROOT, "chapter", ()).unwrap();
            tx.commit_with(CommitOptions::default().with_time(0));
            let values = [
                ("color", Register::Text("red".into())),
                ("type", Register::Int(5)),
                ("chapter", Register::Null),
            ];
            let made = creation(ID, log, Some(&own), values);
            assert_eq!(made.raw(), doc.get_last_local_change().unwrap().raw_bytes());

            let whole = load_full(ID, [own.raw().to_vec(), made.raw().to_vec()]).unwrap();
            assert_eq!(whole.get_heads(), doc.get_heads());
            assert_eq!(whole.text(note_object(&whole).unwrap()).unwrap(), text);
        }
    }
}
