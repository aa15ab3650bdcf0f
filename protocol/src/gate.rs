//! The gate: no change reaches Automerge, or is acknowledged, before it passed here.
//!
//! Automerge 0.12 panics on 54 well-chosen bytes and accepts 63 others that it can never load again
//! (measured; `ARCHITECTURE.md`, decision 15). The verdict is a pure function of the record and its causal
//! past, versioned by [`crate::record::RULES`], so that every replica sets the same records aside.
//!
//! Order matters: everything is bounded before memory is taken, and each step only sees what the one
//! before let through.

mod prescan;

pub use prescan::{Scan, prescan};

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::legacy::{Key, ObjectId, OpType};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ChangeHash, ExpandedChange, ROOT, ReadDoc, ScalarValue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::document::{
    GENESIS_OPS, Made, Projection, Register, genesis, key, note_object, project_creation, seed_actor,
};
use crate::id::{DocId, Incarnation};
use crate::limits::{MAX_COUNTER, MAX_DERIVED_ACTORS, MAX_KEY, MAX_OPS};
use crate::record::RecordKind;

/// Why a record is set aside: kept in its log, counted, shown, not folded. Part of the rules: the numbers
/// are stored and compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error, Serialize, Deserialize)]
pub enum Reason {
    /// Step 1: lengths, counts, run lengths, fixed fields.
    #[error("the change's bytes are malformed or over a bound")]
    Malformed,
    /// Step 2: Automerge cannot read it, or its checksum does not fit.
    #[error("the change cannot be read")]
    Unreadable,
    /// Step 3: it is not written the way Automerge writes it.
    #[error("the change is not in canonical form")]
    NotCanonical,
    /// Step 4: author, sequence, dependencies or operation counter do not follow from its past.
    #[error("the change does not follow from its causal past")]
    NotCausal,
    /// Step 5: it makes something no item has.
    #[error("the change writes what no item holds")]
    Schema,
    /// Step 6: Automerge could not apply, save, load or edit the document after it.
    #[error("the document would be unusable after the change")]
    Unusable,
    /// A change it depends on was set aside.
    #[error("a change it depends on was set aside")]
    DependsOnSetAside,
}

/// A change that passed steps 1 to 3 and, as far as it can be judged alone, 5.
pub struct Screened {
    kind: RecordKind,
    change: Change,
    decoded: ExpandedChange,
}

/// Steps 1, 2, 3 and 5: what can be said of the bytes alone.
pub fn screen(id: DocId, log: Incarnation, kind: RecordKind, raw: &[u8]) -> Result<Screened, Reason> {
    let scan = prescan(raw).ok_or(Reason::Malformed)?;
    let screened = guarded(Reason::Unreadable, || {
        let change = Change::from_bytes(raw.to_vec()).map_err(|_| Reason::Unreadable)?;
        if change.hash().0[..4] != raw[4..8] {
            return Err(Reason::Unreadable);
        }
        let decoded = change.decode();
        let operations = decoded.operations.len() as u64;
        if operations == 0 || operations > MAX_OPS || operations != change.len() as u64 {
            return Err(Reason::NotCanonical);
        }
        if Change::from(decoded.clone()).raw_bytes() != raw {
            return Err(Reason::NotCanonical);
        }
        Ok(Screened { kind, change, decoded })
    })?;
    if scan.start_op + screened.decoded.operations.len() as u64 >= MAX_COUNTER {
        return Err(Reason::NotCausal);
    }
    check_author(id, log, &screened)?;
    check_schema(id, &screened.decoded)?;
    Ok(screened)
}

/// The same for a change that this replica just made by [`crate::document::creation`] or
/// [`crate::document::seed`]: Automerge's own encoder wrote it, so that reading it back and writing it again
/// (steps 2 and 3) would compare a thing with itself. Tests show that such changes pass the whole gate.
pub fn screen_own(id: DocId, log: Incarnation, kind: RecordKind, made: Made) -> Result<Screened, Reason> {
    prescan(made.raw()).ok_or(Reason::Malformed)?;
    let screened = Screened { kind, change: made.change, decoded: made.expanded };
    if screened.decoded.operations.len() as u64 > MAX_OPS {
        return Err(Reason::Malformed);
    }
    check_author(id, log, &screened)?;
    check_schema(id, &screened.decoded)?;
    Ok(screened)
}

/// Steps 4 and 6 for a change onto a document: gives the document after it. `doc` stays as it is.
pub fn admit(doc: &Automerge, screened: &Screened) -> Result<Automerge, Reason> {
    let change = &screened.change;
    check_past(doc, change)?;
    guarded(Reason::Unusable, || try_out(doc, change).ok_or(Reason::Unusable))
}

/// True when the document holds this very change already.
pub fn holds(doc: &Automerge, screened: &Screened) -> bool {
    doc.get_change_meta_by_hash(&screened.change.hash()).is_some()
}

/// The whole gate for changes that begin an item: an optional seed of the note and one creation after it.
/// They are of so narrow a form that applying them could say nothing more; gives the projection.
/// `None` when they are not of that form, which says nothing against them.
pub fn admit_creation(id: DocId, seed: Option<&Screened>, creation: &Screened) -> Option<Projection> {
    let (dependency, start) = match seed {
        Some(seed) => (seed.change.hash(), seed.change.max_op() + 1),
        None => (genesis(id).hash(), GENESIS_OPS + 1),
    };
    let plain = creation.kind == RecordKind::CHANGE
        && creation.change.actor_id().to_bytes().len() == 16
        && creation.change.seq() == 1
        && creation.change.deps() == [dependency]
        && creation.change.start_op().get() == start
        && creation.change.other_actor_ids().is_empty()
        && seed.is_none_or(|s| s.kind == RecordKind::SEED && s.change.deps() == [genesis(id).hash()]);
    let text = seed.map(|s| inserted_text(&s.decoded));
    plain.then(|| project_creation(&creation.decoded, text.as_deref())).flatten()
}

impl Screened {
    /// Its raw bytes.
    pub fn raw(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// What the record that carries it says it is.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Name of the change.
    pub fn id(&self) -> crate::id::ChangeId {
        crate::id::ChangeId(self.change.hash().0)
    }

    /// Names of the changes it depends on directly.
    pub fn deps(&self) -> impl Iterator<Item = crate::id::ChangeId> + '_ {
        self.change.deps().iter().map(|d| crate::id::ChangeId(d.0))
    }
}

fn check_author(id: DocId, log: Incarnation, screened: &Screened) -> Result<(), Reason> {
    let actor = screened.change.actor_id().to_bytes();
    if screened.change.deps().is_empty() {
        return Err(Reason::NotCausal);
    }
    let right = match screened.kind {
        RecordKind::SEED => {
            let text = inserted_text(&screened.decoded);
            screened.change.actor_id() == &seed_actor(id, &text)
                && screened.change.seq() == 1
                && screened.change.start_op().get() == GENESIS_OPS + 1
                && screened.change.deps() == [genesis(id).hash()]
                && is_pure_insertion(&screened.decoded)
        }
        _ => match actor.strip_prefix(&log.0) {
            Some([]) => true,
            Some([n]) => (1..MAX_DERIVED_ACTORS).contains(n),
            _ => false,
        },
    };
    right.then_some(()).ok_or(Reason::NotCausal)
}

fn inserted_text(change: &ExpandedChange) -> String {
    let strings = change.operations.iter().filter_map(|op| match &op.action {
        OpType::Put(ScalarValue::Str(text)) => Some(text.as_str()),
        _ => None,
    });
    strings.collect()
}

/// A seed types its text from the beginning to the end, one character an operation.
fn is_pure_insertion(change: &ExpandedChange) -> bool {
    use automerge::legacy::ElementId;
    let mut expected = ElementId::Head;
    for (i, op) in change.operations.iter().enumerate() {
        let in_order = matches!(&op.key, Key::Seq(at) if *at == expected);
        if !op.insert || !in_order || !matches!(op.action, OpType::Put(_)) {
            return false;
        }
        let counter = change.start_op.get() + i as u64;
        expected = ElementId::Id(automerge::legacy::OpId::new(counter, &change.actor_id));
    }
    true
}

/// Step 5: scalars under short keys of the root and of the two maps, characters in the note; nothing else.
fn check_schema(id: DocId, change: &ExpandedChange) -> Result<(), Reason> {
    let document = ActorId::from(id.0);
    let made = |counter| ObjectId::Id(automerge::legacy::OpId::new(counter, &document));
    let (note, props, refs) = (made(1), made(2), made(3));
    for op in &change.operations {
        let fits = if op.obj == note {
            let character = matches!(&op.action, OpType::Put(ScalarValue::Str(c)) if c.chars().count() == 1);
            matches!(op.key, Key::Seq(_))
                && (character && op.insert || op.action == OpType::Delete && !op.insert)
        } else if op.obj == ObjectId::Root || op.obj == props || op.obj == refs {
            let value = matches!(&op.action, OpType::Put(v) if Register::from_scalar(v).is_some());
            let name = matches!(&op.key, Key::Map(k) if usable_key(k, op.obj == ObjectId::Root));
            value && name && !op.insert
        } else {
            false
        };
        if !fits {
            return Err(Reason::Schema);
        }
    }
    Ok(())
}

fn usable_key(name: &str, root: bool) -> bool {
    let object = root && [key::NOTE, key::PROPS, key::REFS].contains(&name);
    !name.is_empty() && name.len() <= MAX_KEY && !object
}

/// Step 4, with the document as the change's past.
fn check_past(doc: &Automerge, change: &Change) -> Result<(), Reason> {
    let mut max_op = 0;
    for dep in change.deps() {
        let meta = doc.get_change_meta_by_hash(dep).ok_or(Reason::NotCausal)?;
        max_op = meta.max_op.max(max_op);
    }
    let metas = doc.get_changes_meta(&[]);
    let last = metas.iter().filter(|m| *m.actor == *change.actor_id()).map(|m| m.seq).max().unwrap_or(0);
    let known = |actor: &ActorId| metas.iter().any(|m| *m.actor == *actor);
    let causal = !change.deps().is_empty()
        && change.seq() == last + 1
        && change.start_op().get() == max_op + 1
        && change.other_actor_ids().iter().all(known);
    causal.then_some(()).ok_or(Reason::NotCausal)
}

/// Step 6: apply to a copy, edit it, save, load.
fn try_out(doc: &Automerge, change: &Change) -> Option<Automerge> {
    let mut scratch = doc.clone();
    let before = scratch.get_changes_meta(&[]).len();
    scratch.apply_changes([change.clone()]).ok()?;
    let applied = scratch.get_changes_meta(&[]).len() == before + 1
        && scratch.get_heads().contains(&change.hash())
        && scratch.get_missing_deps(&[]).is_empty();
    if !applied {
        return None;
    }
    let mut probe = scratch.clone();
    probe.set_actor(ActorId::from([0xff; 16]));
    let note = note_object(&probe)?;
    let mut tx = probe.transaction();
    tx.put(ROOT, "probe", 1).ok()?;
    tx.splice_text(&note, 0, 0, "p").ok()?;
    tx.commit_with(CommitOptions::default().with_time(0));
    // What is saved and loaded holds the change and an edit after it: one round shows both to be usable.
    reload(&probe)?.get_change_meta_by_hash(&change.hash())?;
    Some(scratch)
}

/// Steps 4 and 6 for a change that this replica's own Automerge just wrote onto this very document: what it
/// was written with is the document after it. It has passed steps 1 to 5 like any other; that Automerge can
/// save and load what it writes itself is what the whole store rests on, and costs half a millisecond to ask.
pub fn admit_own(doc: &Automerge, after: Automerge, screened: &Screened) -> Result<Automerge, Reason> {
    check_past(doc, &screened.change)?;
    after.get_change_meta_by_hash(&screened.change.hash()).is_some().then_some(after).ok_or(Reason::Unusable)
}

fn reload(doc: &Automerge) -> Option<Automerge> {
    let loaded = Automerge::load(&doc.save_nocompress()).ok()?;
    let heads = |d: &Automerge| -> Vec<ChangeHash> { d.get_heads() };
    (heads(&loaded) == heads(doc)).then_some(loaded)
}

/// Automerge panics on bytes it should refuse; a panic is a verdict like any other.
fn guarded<T>(on_panic: Reason, judge: impl FnOnce() -> Result<T, Reason>) -> Result<T, Reason> {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or(Err(on_panic))
}

#[cfg(test)]
mod tests;
