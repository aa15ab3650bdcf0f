//! One item as one Automerge document: how it begins, is written, is read, and what its past says.
//!
//! Only this module and [`crate::gate`] know Automerge. The layout of a document (its genesis, its keys,
//! the forms of its values) is written down in `protocol/README.md`; changing it makes old peers misread
//! new documents.

mod bare;
mod genesis;
mod history;
mod projection;
mod register;
mod write;

pub use bare::project_bare;
pub use genesis::{GENESIS_OPS, Made, creation, genesis, seed, seed_actor};
pub(crate) use genesis::{genesis_hash, seed_actor_bytes};
pub use history::{Version, had_values, nearest_note, note_had, projection_at, versions};
pub(crate) use projection::project_creation;
pub use projection::{Conflict, Other, Projection, project};
pub use register::{BlobRef, Register};
pub use write::{Base, Edit, Life, WriteError, Written, write};

use automerge::{ActorId, Automerge, Change, ObjId, ROOT, ReadDoc};
use thiserror::Error;

use crate::id::{ChangeId, DocId, Incarnation};

/// A loaded document. Only this crate looks inside.
pub type Document = Automerge;

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
pub fn load(id: DocId, changes: impl IntoIterator<Item = Vec<u8>>) -> Result<Automerge, LoadError> {
    let fail = |reason: String| LoadError { doc: id, reason };
    let mut doc = Automerge::new();
    let mut batch = vec![genesis(id)];
    for raw in changes {
        if batch.len() == BATCH {
            doc.apply_changes(std::mem::take(&mut batch)).map_err(|e| fail(e.to_string()))?;
        }
        batch.push(Change::from_bytes(raw).map_err(|e| fail(e.to_string()))?);
    }
    doc.apply_changes(batch).map_err(|e| fail(e.to_string()))?;
    if doc.get_missing_deps(&[]).is_empty() { Ok(doc) } else { Err(fail("a dependency is missing".into())) }
}

/// A document from its saved form and the raw changes since.
pub fn load_saved(
    id: DocId,
    saved: &[u8],
    changes: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Automerge, LoadError> {
    let fail = |reason: String| LoadError { doc: id, reason };
    let mut doc = Automerge::load(saved).map_err(|e| fail(e.to_string()))?;
    for raw in changes {
        let change = Change::from_bytes(raw).map_err(|e| fail(e.to_string()))?;
        doc.apply_changes([change]).map_err(|e| fail(e.to_string()))?;
    }
    if doc.get_missing_deps(&[]).is_empty() { Ok(doc) } else { Err(fail("a dependency is missing".into())) }
}

/// Name of a raw change: SHA-256 of its chunk without magic and checksum.
pub fn change_id(raw: &[u8]) -> ChangeId {
    use sha2::Digest;
    ChangeId(sha2::Sha256::digest(raw.get(8..).unwrap_or_default()).into())
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
