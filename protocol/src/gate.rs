//! The gate: no change reaches Automerge, or is acknowledged, before it passed here.
//!
//! Automerge 0.12 panics on 54 well-chosen bytes and accepts 63 others that it can never load again
//! (measured with a fuzzer). The verdict is a pure function of the record and its causal
//! past, versioned by [`crate::record::RULES`], so that every replica sets the same records aside.
//!
//! Order matters: everything is bounded before memory is taken, and each step only sees what the one
//! before let through.

mod prescan;

pub use prescan::{Scan, prescan};

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ChangeHash, ChangeMetadata, ROOT, ReadDoc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::change::{Action, Actor, Change, Object, Op, OpId, Part, Place, echo_actor};
use crate::document::{
    Document, GENESIS_OPS, Projection, Register, Verdict, genesis_hash, hash, key, note_object,
    project_creation, project_full, seed_actor,
};
use crate::id::{ChangeId, DocId, Incarnation};
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
#[derive(Clone, Debug)]
pub struct Screened {
    kind: RecordKind,
    change: Change,
}

/// Steps 1, 2, 3 and 5: what can be said of the bytes alone.
pub fn screen(id: DocId, log: Incarnation, kind: RecordKind, raw: &[u8]) -> Result<Screened, Reason> {
    let scan = prescan(raw).ok_or(Reason::Malformed)?;
    let change = Change::read(raw).ok_or(Reason::Unreadable)?;
    judge(id, log, Screened { kind, change }, scan.start_op)
}

/// The same for a change that this replica just made: its own encoder wrote it, so that reading it back and
/// writing it again (steps 2 and 3) would compare a thing with itself. Tests show that such changes pass the
/// whole gate.
pub fn screen_own(id: DocId, log: Incarnation, kind: RecordKind, change: Change) -> Result<Screened, Reason> {
    let scan = prescan(change.raw()).ok_or(Reason::Malformed)?;
    judge(id, log, Screened { kind, change }, scan.start_op)
}

fn judge(id: DocId, log: Incarnation, screened: Screened, start_op: u64) -> Result<Screened, Reason> {
    let operations = screened.change.ops().len() as u64;
    if operations == 0 || operations > MAX_OPS {
        return Err(Reason::NotCanonical);
    }
    if start_op + operations >= MAX_COUNTER {
        return Err(Reason::NotCausal);
    }
    check_author(id, log, &screened)?;
    check_schema(id, &screened.change)?;
    Ok(screened)
}

/// Steps 4 and 6 for a change onto a document: gives the document after it. `doc` stays as it is.
///
/// Onto a small document step 6 is not run: what its set of operations folds is a value over exactly the
/// values its author saw, or a character beside one that is there, in the form in which Automerge writes it.
/// Everything else is tried out in Automerge; both give the same verdict wherever both give one.
pub fn admit(doc: &Document, id: DocId, screened: &Screened) -> Result<Document, Reason> {
    if let Document::Small(set) = doc {
        let mut after = set.clone();
        match after.admit(std::sync::Arc::new(screened.change.clone())) {
            Verdict::Admitted => return Ok(Document::Small(after)),
            Verdict::Refused(reason) => return Err(reason),
            Verdict::Unsure => {}
        }
    }
    let after = guarded(Reason::Unusable, || {
        let full = doc.full(id).map_err(|_| Reason::Unusable)?;
        check_past(&full, &screened.change)?;
        try_out(&full, &screened.change).ok_or(Reason::Unusable)
    })?;
    Ok(Document::Full(Box::new(after)))
}

/// The whole gate for changes that begin an item: an optional seed of the note and one creation after it.
/// They are of so narrow a form that applying them could say nothing more; gives the projection.
/// `None` when they are not of that form, which says nothing against them.
pub fn admit_creation(id: DocId, seed: Option<&Screened>, creation: &Screened) -> Option<Projection> {
    let (dependency, start) = match seed {
        Some(seed) => (seed.id(), seed.change.max_op() + 1),
        None => (ChangeId(genesis_hash(id)), GENESIS_OPS + 1),
    };
    let plain = creation.kind == RecordKind::CHANGE
        && creation.change.actor() == Actor::from(creation.change.actor().incarnation().0)
        && creation.change.seq() == 1
        && creation.change.deps() == [dependency]
        && creation.change.start_op() == start
        && creation.change.others().is_empty()
        && seed.is_none_or(|s| s.kind == RecordKind::SEED);
    let text = seed.map(|s| s.change.inserted_text());
    plain.then(|| project_creation(&creation.change, text.as_deref())).flatten()
}

impl Screened {
    /// Its raw bytes.
    pub fn raw(&self) -> &[u8] {
        self.change.raw()
    }

    /// The change.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// What the record that carries it says it is.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Name of the change.
    pub fn id(&self) -> ChangeId {
        self.change.id()
    }

    /// Names of the changes it depends on directly.
    pub fn deps(&self) -> impl Iterator<Item = ChangeId> + '_ {
        self.change.deps().iter().copied()
    }
}

fn check_author(id: DocId, log: Incarnation, screened: &Screened) -> Result<(), Reason> {
    let change = &screened.change;
    if change.deps().is_empty() {
        return Err(Reason::NotCausal);
    }
    let right = match screened.kind {
        RecordKind::SEED => {
            change.actor() == seed_actor(id, &change.inserted_text())
                && change.seq() == 1
                && change.start_op() == GENESIS_OPS + 1
                && change.deps() == [ChangeId(genesis_hash(id))]
                && is_pure_insertion(change)
        }
        RecordKind::ECHO => change.actor() == echo_actor(id, change) && change.seq() == 1,
        _ => match change.actor().as_slice().strip_prefix(&log.0) {
            Some([]) => true,
            Some([n]) => (1..MAX_DERIVED_ACTORS).contains(n),
            _ => false,
        },
    };
    right.then_some(()).ok_or(Reason::NotCausal)
}

/// A seed types its text from the beginning to the end, one character an operation.
fn is_pure_insertion(change: &Change) -> bool {
    let mut expected = Place::Head;
    for (counter, op) in (change.start_op()..).zip(change.ops()) {
        if !op.insert || op.place != expected || !matches!(op.action, Action::Put(_)) {
            return false;
        }
        expected = Place::Element(OpId { counter, actor: change.actor() });
    }
    true
}

/// Step 5: scalars under short keys of the root and of the two maps, characters in the note; nothing else.
fn check_schema(id: DocId, change: &Change) -> Result<(), Reason> {
    let fits = |op: &Op| match Part::of(&op.object, id) {
        Some(Part::Note) => is_character(op),
        Some(part) => {
            let name = matches!(&op.place, Place::Name(name) if usable_key(name, part == Part::Root));
            name && !op.insert && matches!(op.action, Action::Put(_))
        }
        None => false,
    };
    change.ops().iter().all(fits).then_some(()).ok_or(Reason::Schema)
}

fn is_character(op: &Op) -> bool {
    let place = !matches!(op.place, Place::Name(_));
    match &op.action {
        Action::Put(Register::Text(c)) => place && op.insert && c.chars().count() == 1,
        Action::Delete => place && !op.insert,
        _ => false,
    }
}

fn usable_key(name: &str, root: bool) -> bool {
    let object = root && [key::NOTE, key::PROPS, key::REFS].contains(&name);
    !name.is_empty() && name.len() <= MAX_KEY && !object
}

/// Step 4, when Automerge keeps the document.
fn check_past(doc: &Automerge, change: &Change) -> Result<(), Reason> {
    let all = doc.get_changes_meta(&[]);
    let past = Past::of(&all, change.deps()).ok_or(Reason::NotCausal)?;
    let own = all.iter().filter(|meta| meta.actor.to_bytes() == change.actor().as_slice());
    let last = own.map(|meta| meta.seq).max().unwrap_or(0);
    // Also over what it depends on: an actor's changes follow each other, whatever else is taken away or comes.
    let causal = !change.deps().is_empty()
        && change.seq() == last + 1
        && change.seq() == past.last_seq(change) + 1
        && change.start_op() == past.max_op + 1
        && past.has_all_of(change);
    causal.then_some(()).ok_or(Reason::NotCausal)
}

/// The operations that a change may name: those of the changes it depends on, however far back, and not one that is
/// here besides. Otherwise the verdict would depend on what arrived first.
struct Past {
    max_op: u64,
    /// First and last counter of each change, by its author.
    operations: HashMap<Vec<u8>, Vec<(u64, u64)>>,
    /// The last number of each author.
    seqs: HashMap<Vec<u8>, u64>,
}

impl Past {
    /// What `deps` depend on, themselves included; `None` when one is not here.
    fn of(all: &[ChangeMetadata<'_>], deps: &[ChangeId]) -> Option<Past> {
        let here: HashMap<ChangeHash, &ChangeMetadata<'_>> =
            all.iter().map(|meta| (meta.hash, meta)).collect();
        let mut past = Past { max_op: 0, operations: HashMap::new(), seqs: HashMap::new() };
        let (mut seen, mut todo) = (HashSet::new(), Vec::new());
        for dep in deps.iter().copied().map(hash) {
            past.max_op = here.get(&dep)?.max_op.max(past.max_op);
            todo.push(dep);
        }
        while let Some(name) = todo.pop() {
            if seen.insert(name) {
                let meta = here.get(&name)?;
                let by = past.operations.entry(meta.actor.to_bytes().to_vec()).or_default();
                by.push((meta.start_op, meta.max_op));
                let last = past.seqs.entry(meta.actor.to_bytes().to_vec()).or_default();
                *last = meta.seq.max(*last);
                todo.extend(meta.deps.iter().copied());
            }
        }
        Some(past)
    }

    fn last_seq(&self, change: &Change) -> u64 {
        self.seqs.get(change.actor().as_slice()).copied().unwrap_or(0)
    }

    /// Whether everything that a change names is in its past, or its own.
    fn has_all_of(&self, change: &Change) -> bool {
        let own = (change.actor(), change.start_op()..=change.max_op());
        let has = |id: &OpId| (id.actor == own.0 && own.1.contains(&id.counter)) || self.has(id);
        let named = |op: &Op| {
            let object = !matches!(&op.object, Object::Made(id) if !has(id));
            let place = !matches!(&op.place, Place::Element(id) if !has(id));
            object && place && op.replaces.iter().all(has)
        };
        change.ops().iter().all(named)
    }

    fn has(&self, id: &OpId) -> bool {
        let by = self.operations.get(id.actor.as_slice());
        by.is_some_and(|by| by.iter().any(|(first, last)| (*first..=*last).contains(&id.counter)))
    }
}

/// Step 6: apply to a copy, edit it, save, load.
fn try_out(doc: &Automerge, change: &Change) -> Option<Automerge> {
    let mut scratch = doc.clone();
    let before = scratch.get_changes_meta(&[]).len();
    scratch.apply_changes([automerge::Change::from_bytes(change.raw().to_vec()).ok()?]).ok()?;
    let applied = scratch.get_changes_meta(&[]).len() == before + 1
        && scratch.get_heads().contains(&hash(change.id()))
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
    reload(&probe)?.get_change_meta_by_hash(&hash(change.id()))?;
    // Whoever keeps it reads it next, outside of this boundary.
    let _ = project_full(&scratch, None);
    Some(scratch)
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
