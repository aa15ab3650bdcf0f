//! Changes that are made without a document: the genesis, the first text of a note, a whole new item.
//!
//! Writing them directly is ten times cheaper than building a document for them, and their form is so
//! narrow that the gate can check them without applying them.

use std::num::NonZeroU64;
use std::sync::LazyLock;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Change, ExpandedChange, ObjType, ScalarValue};

use super::key;
use crate::id::{DocId, Incarnation};

/// Operations of the genesis: it makes `note`, `props` and `refs`.
pub const GENESIS_OPS: u64 = 3;

/// The change every document starts from: a pure function of its id, in no log, never sent.
///
/// Its actor is the document's id, so that no change of one document applies to another. A golden test
/// pins its bytes: another encoding would make every document of every store unreadable to newer peers.
pub fn genesis(id: DocId) -> Change {
    let objects = [(key::NOTE, ObjType::Text), (key::PROPS, ObjType::Map), (key::REFS, ObjType::Map)];
    let operations = objects.map(|(name, kind)| root_op(name, OpType::Make(kind))).to_vec();
    made(ActorId::from(id.0), 1, Vec::new(), operations).change
}

/// Hash of the genesis, by writing the document's id into the bytes of another one: records are packed and
/// unpacked by it, and building the change costs ten times as much.
pub(crate) fn genesis_hash(id: DocId) -> [u8; 32] {
    static OTHER: LazyLock<Vec<u8>> = LazyLock::new(|| genesis(DocId([0; 16])).raw_bytes().to_vec());
    let mut raw = OTHER.clone();
    raw[GENESIS_ACTOR..GENESIS_ACTOR + 16].copy_from_slice(&id.0);
    super::change_id(&raw).0
}

/// Where the actor is in the genesis' raw bytes.
const GENESIS_ACTOR: usize = 12;

/// Actor of the seed that brings `text` as the first text of the note of document `id`.
pub fn seed_actor(id: DocId, text: &str) -> ActorId {
    ActorId::from(&seed_actor_bytes(id, text.as_bytes())[..])
}

pub(crate) fn seed_actor_bytes(id: DocId, text: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("quire seed actor 1");
    hasher.update(&id.0);
    hasher.update(text);
    let mut actor = [0; 16];
    actor.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    actor
}

/// A change with what it was made from, so that the gate need not read it again.
pub struct Made {
    pub(crate) expanded: ExpandedChange,
    pub(crate) change: Change,
}

impl Made {
    /// Its raw bytes.
    pub fn raw(&self) -> &[u8] {
        self.change.raw_bytes()
    }
}

/// The first text of a note as a change that two devices which type the same make identically.
pub fn seed(id: DocId, text: &str) -> Made {
    let actor = seed_actor(id, text);
    let note = ObjectId::Id(OpId::new(1, &ActorId::from(id.0)));
    let start = GENESIS_OPS + 1;
    let operations = text.chars().enumerate().map(|(i, c)| {
        let after = match i {
            0 => ElementId::Head,
            _ => ElementId::Id(OpId::new(start + i as u64 - 1, &actor)),
        };
        Op {
            action: OpType::Put(ScalarValue::Str(c.encode_utf8(&mut [0; 4]).into())),
            obj: note.clone(),
            key: Key::Seq(after),
            pred: SortedVec::new(),
            insert: true,
        }
    });
    let operations = operations.collect();
    made(actor, start, vec![genesis(id).hash()], operations)
}

/// A new item as its author's first change: each key put once, after the genesis or the note's seed.
pub fn creation<'a>(
    id: DocId,
    log: Incarnation,
    seed: Option<&Made>,
    values: impl IntoIterator<Item = (&'a str, ScalarValue)>,
) -> Made {
    let operations = values.into_iter().map(|(name, value)| root_op(name, OpType::Put(value))).collect();
    let (dependency, start) = match seed {
        Some(seed) => (seed.change.hash(), seed.change.max_op() + 1),
        None => (genesis(id).hash(), GENESIS_OPS + 1),
    };
    made(ActorId::from(log.0), start, vec![dependency], operations)
}

fn root_op(name: &str, action: OpType) -> Op {
    Op { action, obj: ObjectId::Root, key: Key::Map(name.into()), pred: SortedVec::new(), insert: false }
}

fn made(actor_id: ActorId, start: u64, deps: Vec<automerge::ChangeHash>, operations: Vec<Op>) -> Made {
    let expanded = ExpandedChange {
        operations,
        actor_id,
        hash: None,
        seq: 1,
        start_op: NonZeroU64::new(start).unwrap_or(NonZeroU64::MIN),
        time: 0,
        message: None,
        deps,
        extra_bytes: Vec::new(),
        author: None,
    };
    Made { change: Change::from(expanded.clone()), expanded }
}

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{Automerge, ROOT, ReadDoc};
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::document::{load, note_object};

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
        let raw = genesis(ID).raw_bytes().to_vec();
        assert_eq!(HEXLOWER.encode(&raw), include_str!("genesis.golden").trim());
        let mut doc = as_automerge_writes_it();
        assert_eq!(doc.get_last_local_change().unwrap().raw_bytes(), raw);
        let _ = &mut doc;
        for id in [ID, DocId([3; 16])] {
            assert_eq!(genesis_hash(id), genesis(id).hash().0);
        }
    }

    #[test]
    fn seeds_and_creations_are_what_automerge_would_write() {
        for text in ["x", "the quick fox", "é👩‍👩‍👧 e\u{301}\r\n"] {
            let mut doc = as_automerge_writes_it();
            doc.set_actor(seed_actor(ID, text));
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
            let values =
                [("color", "red".into()), ("type", ScalarValue::Int(5)), ("chapter", ScalarValue::Null)];
            let made = creation(ID, log, Some(&own), values);
            assert_eq!(made.raw(), doc.get_last_local_change().unwrap().raw_bytes());

            let whole = load(ID, [own.raw().to_vec(), made.raw().to_vec()]).unwrap();
            assert_eq!(whole.get_heads(), doc.get_heads());
            assert_eq!(whole.text(note_object(&whole).unwrap()).unwrap(), text);
        }
    }
}
