//! One change of one document, read from and written in Automerge's binary form without Automerge.
//!
//! Only what an item can hold is understood (scalars under names, characters of a text, the three objects of
//! the genesis): anything else is not read, which is the gate's verdict too. Reading a change and writing it
//! again gives the same bytes exactly when Automerge would have written them so; tests compare the two over
//! random changes and over changes with random damage.
//!
//! Layout: <https://automerge.org/automerge-binary-format-spec/>, chunk type 1.

mod column;
mod echo;
mod read;
mod write;

pub(crate) use column::Reader;
pub use echo::Echoes;
pub(crate) use echo::echo_actor;

use sha2::{Digest, Sha256};

use crate::document::Register;
use crate::id::{ChangeId, DocId, Incarnation};

/// Bytes of an incarnation, and of the longest actor: one with the byte of a derived actor.
const ACTOR: usize = 16;
const LONGEST_ACTOR: usize = 17;

pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const UNCOMPRESSED_CHANGE: u8 = 1;
/// Where the hashed part begins: after magic and checksum.
const HASHED_FROM: usize = 8;

/// Who made an operation: an incarnation, a derived actor of one, a document (its genesis), a seed or an echo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Actor {
    bytes: [u8; LONGEST_ACTOR],
    length: u8,
}

impl Actor {
    /// An actor of these bytes; `None` when they are too few or too many.
    pub fn of(bytes: &[u8]) -> Option<Actor> {
        if !(ACTOR..=LONGEST_ACTOR).contains(&bytes.len()) {
            return None;
        }
        let mut actor = Actor { bytes: [0; LONGEST_ACTOR], length: bytes.len() as u8 };
        actor.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(actor)
    }

    /// The derived actor `n` of an incarnation; 0 is the incarnation itself.
    pub fn derived(log: Incarnation, n: u8) -> Actor {
        let mut actor = Actor::from(log.0);
        if n > 0 {
            actor.bytes[ACTOR] = n;
            actor.length = LONGEST_ACTOR as u8;
        }
        actor
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The incarnation it is or is derived from.
    pub fn incarnation(&self) -> Incarnation {
        let mut id = [0; ACTOR];
        id.copy_from_slice(&self.bytes[..ACTOR]);
        Incarnation(id)
    }
}

impl From<[u8; ACTOR]> for Actor {
    fn from(id: [u8; ACTOR]) -> Actor {
        let mut bytes = [0; LONGEST_ACTOR];
        bytes[..ACTOR].copy_from_slice(&id);
        Actor { bytes, length: ACTOR as u8 }
    }
}

/// Name of an operation. They are ordered as Automerge orders them: by counter, then by actor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId {
    /// One above the greatest its author had seen.
    pub counter: u64,
    /// Its author.
    pub actor: Actor,
}

/// What an operation writes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// The document's own map.
    Root,
    /// An object that an operation made.
    Made(OpId),
}

/// Where in its object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Under a name of a map.
    Name(String),
    /// At the beginning of a text.
    Head,
    /// After this element of a text, or at it.
    Element(OpId),
}

/// What it does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sets a value.
    Put(Register),
    /// Takes away what its predecessors set.
    Delete,
    /// Makes a map.
    MakeMap,
    /// Makes a text.
    MakeText,
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Op {
    /// What it writes to.
    pub object: Object,
    /// Where.
    pub place: Place,
    /// True when it makes a new element of a text.
    pub insert: bool,
    /// What it does.
    pub action: Action,
    /// The operations it replaces, in order.
    pub replaces: Vec<OpId>,
}

/// What a change is made from.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who makes it.
    pub actor: Actor,
    /// Its number among the actor's changes to this document, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Changes it depends on directly, in the order of their hashes.
    pub deps: Vec<ChangeId>,
    /// At least one.
    pub ops: Vec<Op>,
}

/// A change with its bytes.
#[derive(Clone, Debug)]
pub struct Change {
    raw: Vec<u8>,
    id: ChangeId,
    draft: Draft,
    others: Vec<Actor>,
}

impl Change {
    /// Writes a change as Automerge writes it.
    pub fn make(draft: Draft) -> Change {
        let (raw, others) = write::encode(&draft);
        Change { id: id_of(&raw), raw, draft, others }
    }

    /// Reads a change that Automerge could have written; `None` for everything else. The gate's first step
    /// ([`crate::gate::prescan`]) has bounded it before.
    pub fn read(raw: &[u8]) -> Option<Change> {
        let id = id_of(raw);
        let (draft, others) = read::decode(raw, id)?;
        let sorted = draft.deps.is_sorted_by(|a, b| a.0 < b.0)
            && draft.ops.iter().all(|op| op.replaces.is_sorted_by(|a, b| a < b));
        let canonical = sorted && write::encode(&draft).0 == raw;
        canonical.then(|| Change { raw: raw.to_vec(), id, draft, others })
    }

    /// Reads a change that has passed the gate before, so that its form is not looked at again.
    pub fn read_again(raw: Vec<u8>) -> Option<Change> {
        let id = id_of(&raw);
        let (draft, others) = read::decode(&raw, id)?;
        Some(Change { id, raw, draft, others })
    }

    /// Its bytes.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Its name.
    pub fn id(&self) -> ChangeId {
        self.id
    }

    /// Who made it.
    pub fn actor(&self) -> Actor {
        self.draft.actor
    }

    /// Other actors that its operations name.
    pub fn others(&self) -> &[Actor] {
        &self.others
    }

    /// Its number among its actor's changes.
    pub fn seq(&self) -> u64 {
        self.draft.seq
    }

    /// Counter of its first operation.
    pub fn start_op(&self) -> u64 {
        self.draft.start_op
    }

    /// Counter of its last operation.
    pub fn max_op(&self) -> u64 {
        self.draft.start_op + self.draft.ops.len() as u64 - 1
    }

    /// Changes it depends on directly.
    pub fn deps(&self) -> &[ChangeId] {
        &self.draft.deps
    }

    /// The characters that it inserts, in the order of its operations.
    pub fn inserted_text(&self) -> String {
        let text = |op: &Op| match &op.action {
            Action::Put(Register::Text(text)) if op.insert => Some(text.clone()),
            _ => None,
        };
        self.ops().iter().filter_map(text).collect()
    }

    /// What it does.
    pub fn ops(&self) -> &[Op] {
        &self.draft.ops
    }
}

/// Name of a raw change: SHA-256 of its chunk without magic and checksum.
pub fn id_of(raw: &[u8]) -> ChangeId {
    ChangeId(Sha256::digest(raw.get(HASHED_FROM..).unwrap_or_default()).into())
}

/// The objects that the genesis of a document makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The document's own map.
    Root,
    /// The note's text.
    Note,
    /// A node's properties.
    Props,
    /// A node's references.
    Refs,
}

impl Part {
    /// The object of this part in a document.
    pub fn object(self, id: DocId) -> Object {
        let made = |counter| Object::Made(OpId { counter, actor: Actor::from(id.0) });
        match self {
            Part::Root => Object::Root,
            Part::Note => made(1),
            Part::Props => made(2),
            Part::Refs => made(3),
        }
    }

    /// Which part of a document an object is.
    pub fn of(object: &Object, id: DocId) -> Option<Part> {
        let all = [Part::Root, Part::Note, Part::Props, Part::Refs];
        all.into_iter().find(|part| part.object(id) == *object)
    }
}

#[cfg(test)]
mod tests;
