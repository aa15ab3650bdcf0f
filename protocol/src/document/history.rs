//! The past of a document: its state at an old clock, the values a key ever had, the texts a note ever had.

use std::collections::HashSet;

use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{Automerge, ChangeHash, ReadDoc};

use super::projection::{Projection, project_full};
use super::{Register, Version, author_of, genesis, hash, note_object};
use crate::id::{ChangeId, DocId};

/// The projection at a past state. `None` when a change is unknown: Automerge itself would answer with an
/// empty item.
pub(super) fn projection_at(doc: &Automerge, id: DocId, covered: &[ChangeId]) -> Option<Projection> {
    let heads = known_heads(doc, id, covered)?;
    Some(project_full(doc, Some(&heads)))
}

/// Every value that `key` was ever given.
pub(super) fn had_values(doc: &Automerge, key: &str) -> HashSet<Register> {
    let mut had = HashSet::new();
    for change in doc.get_changes(&[]) {
        for op in change.decode().operations {
            if let (OpType::Put(value), Key::Map(name), ObjectId::Root) = (&op.action, &op.key, &op.obj)
                && name == key
                && let Some(value) = Register::from_scalar(value)
            {
                had.insert(value);
            }
        }
    }
    had
}

/// The changes of a document in an order in which dependencies come first; the genesis is left out.
pub(super) fn versions(doc: &Automerge) -> Vec<Version> {
    let version = |meta: &automerge::ChangeMetadata<'_>| Version {
        change: ChangeId(meta.hash.0),
        by: author_of(&meta.actor),
    };
    doc.get_changes_meta(&[]).iter().skip(1).map(version).collect()
}

/// True when the note ever had characters.
pub(super) fn had_text(doc: &Automerge) -> bool {
    note_texts(doc).any(|(_, past)| !past.is_empty())
}

/// What the note read at each change, the genesis first.
pub(super) fn note_texts(doc: &Automerge) -> impl Iterator<Item = (ChangeId, String)> + '_ {
    let note = note_object(doc);
    let hashes: Vec<ChangeHash> = doc.get_changes_meta(&[]).iter().map(|c| c.hash).collect();
    hashes.into_iter().filter_map(move |h| Some((ChangeId(h.0), doc.text_at(note.as_ref()?, &[h]).ok()?)))
}

/// Characters outside the common ends of two texts.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    a.len() + b.len() - 2 * (head + tail)
}

fn known_heads(doc: &Automerge, id: DocId, covered: &[ChangeId]) -> Option<Vec<ChangeHash>> {
    if covered.is_empty() {
        return Some(vec![hash(genesis(id).id())]);
    }
    let known = |c: &ChangeId| doc.get_change_meta_by_hash(&hash(*c)).map(|meta| meta.hash);
    covered.iter().map(known).collect()
}
