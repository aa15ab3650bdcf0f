//! One item as one Automerge document: how it begins, is written, is read, and what its past says.
//!
//! Only this module and [`crate::gate`] know Automerge; an item of few changes is folded without it ([`OpSet`]). The layout of a document (its genesis, its keys,
//! the forms of its values) is written down in `protocol/README.md`; changing it makes old peers misread
//! new documents.

mod bare;
mod genesis;
mod history;
mod opset;
mod projection;
mod register;
mod write;

pub use bare::project_bare;
pub use genesis::{GENESIS_OPS, creation, genesis, seed, seed_actor};
pub(crate) use genesis::{genesis_hash, seed_actor_bytes};
pub use opset::{OpSet, Verdict};
pub use projection::{Conflict, Other, Projection};
pub(crate) use projection::{project_creation, project_full};
pub use register::{BlobRef, Register};
pub use write::{Base, Edit, Life, WriteError, Written};

use std::collections::HashSet;

use automerge::{ActorId, Automerge, ObjId, ROOT, ReadDoc};
use thiserror::Error;

use crate::id::{ChangeId, DocId, Incarnation};

/// A loaded document.
#[derive(Clone, Debug)]
pub enum Document {
    /// An item of few changes: its operations alone.
    Small(Box<OpSet>),
    /// Any other, as Automerge keeps it.
    Full(Box<Automerge>),
}

/// One change of a document, for people to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its name.
    pub change: ChangeId,
    /// Who made it.
    pub by: Incarnation,
}

impl Document {
    /// What it says now.
    pub fn project(&self) -> Projection {
        match self {
            Document::Small(set) => projection::project_set(set, set.all()),
            Document::Full(doc) => project_full(doc, None),
        }
    }

    /// What it said at the state that `covered` and what they depend on make; none is the genesis. `None`
    /// when a change is unknown.
    pub fn project_at(&self, id: DocId, covered: &[ChangeId]) -> Option<Projection> {
        match self {
            Document::Small(set) => Some(projection::project_set(set, set.past_of(covered)?)),
            Document::Full(doc) => history::projection_at(doc, id, covered),
        }
    }

    /// Every value that `key` was ever given.
    pub fn had_values(&self, key: &str) -> HashSet<Register> {
        match self {
            Document::Small(set) => set.had_values(key).cloned().collect(),
            Document::Full(doc) => history::had_values(doc, key),
        }
    }

    /// The changes in an order in which dependencies come first; the genesis is left out.
    pub fn versions(&self) -> Vec<Version> {
        match self {
            Document::Small(set) => set.versions().map(|(change, by)| Version { change, by }).collect(),
            Document::Full(doc) => history::versions(doc),
        }
    }

    /// True when the note once read `text`, at any single change.
    pub fn note_had(&self, text: &str) -> bool {
        self.note_texts().iter().any(|(_, past)| past == text)
    }

    /// The version whose note is nearest to `text`: a note that arrives without a base is written there, so
    /// that what both have in common is not doubled. Nearest is: least length outside the common ends.
    pub fn nearest_note(&self, text: &str) -> Option<ChangeId> {
        let scored = self.note_texts().into_iter().map(|(at, past)| (history::distance(&past, text), at.0));
        scored.min().map(|(_, at)| ChangeId(at))
    }

    fn note_texts(&self) -> Vec<(ChangeId, String)> {
        match self {
            Document::Small(set) => set.note_texts().collect(),
            Document::Full(doc) => history::note_texts(doc).collect(),
        }
    }

    /// Whether it holds a change.
    pub fn holds(&self, change: ChangeId) -> bool {
        match self {
            Document::Small(set) => set.has(change),
            Document::Full(doc) => doc.get_change_meta_by_hash(&hash(change)).is_some(),
        }
    }

    /// Writes `edit` at `base` as changes of `log`. The document itself stays as it is.
    pub fn write(
        &self,
        id: DocId,
        log: Incarnation,
        base: Base<'_>,
        edit: &Edit,
    ) -> Result<Written, WriteError> {
        if let Document::Small(set) = self {
            let at = match base {
                Base::Present => None,
                Base::At(changes) => Some(changes),
            };
            if let Some((changes, after)) = set.write(log, at, edit) {
                return Ok(Written { changes, after: Some(Document::Small(Box::new(after))) });
            }
        }
        let full = self.full(id).map_err(|error| WriteError::Document(error.to_string()))?;
        write::write_full(&full, id, log, base, edit)
    }

    /// The saved form of a long history, so that it need not be applied change by change.
    pub fn save(&self) -> Option<Vec<u8>> {
        match self {
            Document::Small(_) => None,
            Document::Full(doc) => Some(doc.save_nocompress()),
        }
    }

    /// The document as Automerge keeps it.
    pub(crate) fn full(&self, id: DocId) -> Result<std::borrow::Cow<'_, Automerge>, LoadError> {
        match self {
            Document::Small(set) => {
                load_full(id, set.raws().map(<[u8]>::to_vec)).map(std::borrow::Cow::Owned)
            }
            Document::Full(doc) => Ok(std::borrow::Cow::Borrowed(doc)),
        }
    }
}

/// Keys of a document's root besides its members' own names.
pub mod key {
    /// Text object of a note, made by the genesis.
    pub const NOTE: &str = "note";
    /// Map object for a node's properties, made by the genesis.
    pub const PROPS: &str = "props";
    /// Map object for a node's references, made by the genesis.
    pub const REFS: &str = "refs";
    /// Form of the note while its text object is empty: null, `"text"`, or a blob.
    pub const NOTE_FORM: &str = "noteForm";
    /// Alive or removed: even is an edit, odd a removal.
    pub const LIFE: &str = "life";
    /// The place of a marking: seven members that move as one.
    pub const PLACE: &str = "place";
}

/// A document could not be put together from changes that had passed the gate: the store is damaged.
#[derive(Debug, Error)]
#[error("document {doc} cannot be put together: {reason}; its store is damaged, heal it from a peer")]
pub struct LoadError {
    /// The document.
    pub doc: DocId,
    /// What Automerge said.
    pub reason: String,
}

/// Changes handed to Automerge in one call: more at once costs memory out of proportion (measured).
const BATCH: usize = 64;

/// A document from its genesis and its raw changes, in an order in which dependencies come first.
pub fn load(id: DocId, changes: Vec<Vec<u8>>) -> Result<Document, LoadError> {
    if let Some(set) = OpSet::load(id, changes.iter().map(Vec::as_slice)) {
        return Ok(Document::Small(Box::new(set)));
    }
    load_full(id, changes).map(|doc| Document::Full(Box::new(doc)))
}

fn load_full(id: DocId, changes: impl IntoIterator<Item = Vec<u8>>) -> Result<Automerge, LoadError> {
    let fail = |reason: String| LoadError { doc: id, reason };
    let mut doc = Automerge::new();
    let mut batch = vec![read(genesis(id).raw().to_vec()).map_err(fail)?];
    for raw in changes {
        if batch.len() == BATCH {
            doc.apply_changes(std::mem::take(&mut batch)).map_err(|e| fail(e.to_string()))?;
        }
        batch.push(read(raw).map_err(fail)?);
    }
    doc.apply_changes(batch).map_err(|e| fail(e.to_string()))?;
    if doc.get_missing_deps(&[]).is_empty() { Ok(doc) } else { Err(fail("a dependency is missing".into())) }
}

/// A document from its saved form and the raw changes since.
pub fn load_saved(
    id: DocId,
    saved: &[u8],
    changes: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Document, LoadError> {
    let fail = |reason: String| LoadError { doc: id, reason };
    let mut doc = Automerge::load(saved).map_err(|e| fail(e.to_string()))?;
    for raw in changes {
        let change = read(raw).map_err(fail)?;
        doc.apply_changes([change]).map_err(|e| fail(e.to_string()))?;
    }
    let whole = doc.get_missing_deps(&[]).is_empty();
    if whole { Ok(Document::Full(Box::new(doc))) } else { Err(fail("a dependency is missing".into())) }
}

/// Automerge's own reading of a change that passed the gate.
fn read(raw: Vec<u8>) -> Result<automerge::Change, String> {
    automerge::Change::from_bytes(raw).map_err(|error| error.to_string())
}

/// The note's text object.
pub(crate) fn note_object(doc: &Automerge) -> Option<ObjId> {
    doc.get(ROOT, key::NOTE).ok().flatten().map(|(_, id)| id)
}

/// The incarnation behind an actor: itself, or the prefix of a derived one.
pub(crate) fn author_of(actor: &ActorId) -> Incarnation {
    let bytes = actor.to_bytes();
    let mut id = [0; 16];
    let n = bytes.len().min(16);
    id[..n].copy_from_slice(&bytes[..n]);
    Incarnation(id)
}

pub(crate) fn hash(id: ChangeId) -> automerge::ChangeHash {
    automerge::ChangeHash(id.0)
}
