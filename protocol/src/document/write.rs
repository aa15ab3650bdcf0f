//! Writing an edit as a change at the state its author had seen.
//!
//! ```text
//!   genesis ── a ── b ── c        the document now
//!               └── e             an edit made at base {a}: concurrent with b and c
//! ```
//!
//! An edit at an older base is made on a fork at that base under a *derived actor* of ours:
//! `incarnation ‖ n`, the lowest n whose own changes the base covers (n = 0 is the plain incarnation).
//! Automerge's `transaction_at` is not used: its operations outrank everything in the document, so the
//! author who had seen the least would always win (measured, `ARCHITECTURE.md` decision 3).

use std::collections::HashMap;

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, ChangeHash, ROOT, ReadDoc, ScalarValue, Value};
use thiserror::Error;

use super::{Document, Register, genesis, hash, key, note_object, seed};
use crate::change::Change;
use crate::id::{ChangeId, DocId, Incarnation};
use crate::limits::MAX_DERIVED_ACTORS;
use crate::record::RecordKind;

/// The state an edit's author had seen.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// All of the document.
    Present,
    /// These changes and what they depend on; none is the genesis.
    At(&'a [ChangeId]),
}

/// What an edit does to the item's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// An edit like any other: keeps alive what its author saw alive.
    Keep,
    /// Removes what its author had seen.
    Remove,
    /// Says in so many words that the item is to live.
    Revive,
}

/// What one author changes in one item at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Edit {
    /// New values of keys, in the order they are written.
    pub values: Vec<(String, Register)>,
    /// The whole new note: text, null, or a blob.
    pub note: Option<Register>,
    /// Life.
    pub life: Life,
}

/// What an edit came to.
pub struct Written {
    /// The changes that make it, in the order in which they must be applied.
    pub changes: Vec<(RecordKind, Change)>,
    /// The document after them, where writing made it: nothing need be applied.
    pub after: Option<Document>,
}

/// The edit cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A change of the base is not in the document.
    #[error("the base names change {0}, which the document does not have")]
    UnknownBase(ChangeId),
    /// Automerge refused; the document is damaged.
    #[error("the document cannot be written: {0}")]
    Document(String),
}

impl From<automerge::AutomergeError> for WriteError {
    fn from(error: automerge::AutomergeError) -> WriteError {
        WriteError::Document(error.to_string())
    }
}

/// Writes an edit by Automerge. The document itself stays as it is.
pub(super) fn write_full(
    doc: &Automerge,
    id: DocId,
    log: Incarnation,
    base: Base<'_>,
    edit: &Edit,
) -> Result<Written, WriteError> {
    let mut written = Vec::new();
    let (mut fork, actor) = fork(doc, id, log, base)?;
    if let Some(seed) = first_text(&fork, id, edit) {
        if fork.get_change_meta_by_hash(&hash(seed.id())).is_none() {
            fork.apply_changes([super::read(seed.raw().to_vec()).map_err(WriteError::Document)?])?;
        }
        if doc.get_change_meta_by_hash(&hash(seed.id())).is_none() {
            written.push((RecordKind::SEED, seed));
        }
    }
    fork.set_actor(actor);
    let mut tx = fork.transaction();
    put_life(&mut tx, edit.life)?;
    for (name, value) in &edit.values {
        put(&mut tx, name, value.to_scalar())?;
    }
    if let Some(note) = &edit.note {
        put_note(&mut tx, note)?;
    }
    let (made, _) = tx.commit_with(CommitOptions::default().with_time(0));
    if made.is_some() {
        let change = fork.get_last_local_change().and_then(|change| Change::read(change.raw_bytes()));
        let change = change.ok_or_else(|| WriteError::Document("it made no change of ours".into()))?;
        written.push((RecordKind::CHANGE, change));
    }
    let seen_all = matches!(base, Base::Present) && written.len() == 1;
    Ok(Written { changes: written, after: seen_all.then_some(Document::Full(Box::new(fork))) })
}

/// The document at `base`, and the actor to write with there.
fn fork(
    doc: &Automerge,
    id: DocId,
    log: Incarnation,
    base: Base<'_>,
) -> Result<(Automerge, ActorId), WriteError> {
    let Base::At(base) = base else { return fork_present(doc, log) };
    let mut heads: Vec<ChangeHash> = base.iter().map(|c| hash(*c)).collect();
    if let Some(unknown) = base.iter().find(|c| doc.get_change_meta_by_hash(&hash(**c)).is_none()) {
        return Err(WriteError::UnknownBase(*unknown));
    }
    if heads.is_empty() {
        heads.push(hash(genesis(id).id()));
    }
    let fork = doc.fork_at(&heads)?;
    if let Some(actor) = free_actor(doc, &fork, log) {
        return Ok((fork, actor));
    }
    heads.push(least_loss(doc, &heads, log)?);
    let fork = doc.fork_at(&heads)?;
    let actor = free_actor(doc, &fork, log).ok_or_else(|| WriteError::Document("no free actor".into()))?;
    Ok((fork, actor))
}

fn fork_present(doc: &Automerge, log: Incarnation) -> Result<(Automerge, ActorId), WriteError> {
    Ok((doc.clone(), ActorId::from(log.0)))
}

/// The lowest derived actor whose changes to this document the fork has all seen.
fn free_actor(doc: &Automerge, fork: &Automerge, log: Incarnation) -> Option<ActorId> {
    let (written, seen) = (last_seqs(doc), last_seqs(fork));
    let free = |actor: &ActorId| written.get(actor) == seen.get(actor);
    (0..MAX_DERIVED_ACTORS).map(|n| derived(log, n)).find(free)
}

/// When every derived actor has changes the base lacks, one of our own stale changes joins the base: the
/// one that brings the fewest others with it, so that nobody else's value is overwritten.
fn least_loss(doc: &Automerge, heads: &[ChangeHash], log: Incarnation) -> Result<ChangeHash, WriteError> {
    let mut best: Option<(usize, ChangeHash)> = None;
    let changes = doc.get_changes_meta(&[]);
    for n in 0..MAX_DERIVED_ACTORS {
        let actor = derived(log, n);
        let Some(last) = changes.iter().filter(|c| *c.actor == actor).max_by_key(|c| c.seq) else { continue };
        let with = doc.fork_at(&[heads, &[last.hash]].concat())?;
        let size = with.get_changes_meta(&[]).len();
        if best.is_none_or(|(least, _)| size < least) {
            best = Some((size, last.hash));
        }
    }
    best.map(|(_, hash)| hash).ok_or_else(|| WriteError::Document("no own change".into()))
}

fn derived(log: Incarnation, n: u8) -> ActorId {
    let mut bytes = log.0.to_vec();
    if n > 0 {
        bytes.push(n);
    }
    ActorId::from(bytes)
}

fn last_seqs(doc: &Automerge) -> HashMap<ActorId, u64> {
    let mut last = HashMap::new();
    for change in doc.get_changes_meta(&[]) {
        let seq = last.entry(change.actor.clone().into_owned()).or_insert(0);
        *seq = change.seq.max(*seq);
    }
    last
}

/// The seed of the note's first text, when this edit brings one and its base never had any.
fn first_text(fork: &Automerge, id: DocId, edit: &Edit) -> Option<Change> {
    let Some(Register::Text(text)) = &edit.note else { return None };
    let empty = note_object(fork).is_some_and(|note| fork.length(&note) == 0);
    (!text.is_empty() && empty && !super::history::had_text(fork)).then(|| seed(id, text))
}

/// Puts a value that supersedes all that are visible. Automerge makes of a put of the value it holds on top
/// of others a deletion of the others, which no gate lets through; after another value it stays a put.
fn put(tx: &mut Transaction<'_>, name: &str, value: ScalarValue) -> Result<(), WriteError> {
    let top = tx.get(ROOT, name)?;
    let on_top = matches!(&top, Some((Value::Scalar(now), _)) if **now == value);
    if on_top && tx.get_all(ROOT, name)?.len() > 1 {
        let between = if value.is_null() { ScalarValue::Boolean(false) } else { ScalarValue::Null };
        tx.put(ROOT, name, between)?;
    }
    Ok(tx.put(ROOT, name, value)?)
}

/// What an edit writes to `life` beside these visible values. An edit writes it only where its base is alive,
/// or a removed item would come back by itself.
pub(super) fn fresh_life(visible: &[i64], life: Life) -> Option<i64> {
    let greatest = visible.iter().copied().max().unwrap_or(0);
    let alive = visible.is_empty() || visible.iter().any(|n| n % 2 == 0);
    match life {
        Life::Remove => Some((greatest + 1) | 1),
        Life::Revive => Some((greatest + 2) & !1),
        Life::Keep if alive => Some((greatest + 2) & !1),
        Life::Keep => None,
    }
}

/// The characters of a whole note, and its form.
pub(super) fn note_form(note: &Register) -> (&str, Register) {
    match note {
        Register::Text(text) => (text, Register::Text("text".into())),
        Register::Blob(_) => ("", note.clone()),
        _ => ("", Register::Null),
    }
}

fn put_life(tx: &mut Transaction<'_>, life: Life) -> Result<(), WriteError> {
    if let Some(fresh) = fresh_life(&visible_life(tx)?, life) {
        tx.put(ROOT, key::LIFE, fresh)?;
    }
    Ok(())
}

fn visible_life(tx: &Transaction<'_>) -> Result<Vec<i64>, WriteError> {
    let all = tx.get_all(ROOT, key::LIFE)?;
    let number = |value: Value<'_>| match value {
        Value::Scalar(scalar) => scalar.as_i64(),
        Value::Object(_) => None,
    };
    Ok(all.into_iter().filter_map(|(value, _)| number(value)).collect())
}

fn put_note(tx: &mut Transaction<'_>, note: &Register) -> Result<(), WriteError> {
    let object = match tx.get(ROOT, key::NOTE)? {
        Some((Value::Object(_), id)) => id,
        _ => return Err(WriteError::Document("the note's text object is missing".into())),
    };
    let (text, form) = note_form(note);
    let form = form.to_scalar();
    splice(tx, &object, text)?;
    // Of several forms at once none is kept: whoever writes the note settles their conflict.
    let forms = tx.get_all(ROOT, key::NOTE_FORM)?;
    let same_form = matches!(&forms[..], [(Value::Scalar(now), _)] if **now == form);
    if !same_form {
        put(tx, key::NOTE_FORM, form)?;
    }
    Ok(())
}

/// Characters of difference above which a finer comparison costs more than it can save.
const FINE_DIFF: usize = 512;

/// Makes the text object say `text`, by the least splices that keep what both have in common.
fn splice(tx: &mut Transaction<'_>, object: &automerge::ObjId, text: &str) -> Result<(), WriteError> {
    let old: Vec<char> = tx.text(object)?.chars().collect();
    let new: Vec<char> = text.chars().collect();
    if old == new {
        return Ok(());
    }
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    if (old.len() - head - tail).max(new.len() - head - tail) <= FINE_DIFF {
        return Ok(tx.update_text(object, text)?);
    }
    let middle: String = new[head..new.len() - tail].iter().collect();
    Ok(tx.splice_text(object, head, (old.len() - head - tail) as isize, &middle)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{BlobRef, load};
    use crate::gate::{admit, screen};

    const ID: DocId = DocId([7; 16]);

    fn edit(values: &[(&str, Register)], note: Option<Register>) -> Edit {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Edit { values, note, life: Life::Keep }
    }

    /// The document after an edit that passed the gate.
    fn after(doc: &Document, log: u8, base: Base<'_>, edit: &Edit) -> Document {
        let log = Incarnation([log; 16]);
        let mut doc = doc.clone();
        for (kind, change) in doc.write(ID, log, base, edit).unwrap().changes {
            doc = admit(&doc, ID, &screen(ID, log, kind, change.raw()).unwrap()).unwrap();
        }
        doc
    }

    #[test]
    fn a_conflict_is_settled_with_either_of_its_values() {
        let colors = [Register::Text("red".into()), Register::Text("blue".into()), Register::Null];
        for (one, other) in [(0, 1), (1, 0), (0, 2), (2, 0)] {
            let color = |n: usize| edit(&[("color", colors[n].clone())], None);
            let doc = after(&load(ID, vec![]).unwrap(), 1, Base::At(&[]), &color(one));
            let doc = after(&doc, 2, Base::At(&[]), &color(other));
            assert_eq!(doc.project().conflicts.len(), 1);
            for chosen in [one, other] {
                let now = after(&doc, 3, Base::Present, &color(chosen)).project();
                assert_eq!((now.get("color"), now.conflicts.len()), (Some(&colors[chosen]), 0));
            }
        }
    }

    #[test]
    fn of_two_whole_notes_the_other_stays_readable() {
        let long = |text| Register::Blob(BlobRef::of(text));
        let doc = after(&load(ID, vec![]).unwrap(), 1, Base::At(&[]), &edit(&[], Some(long("one"))));
        let doc = after(&doc, 2, Base::At(&[]), &edit(&[], Some(long("two"))));
        let now = doc.project();
        let both = [now.get(key::NOTE).unwrap(), &now.conflicts[0].others[0].value];
        assert!(both.contains(&&long("one")) && both.contains(&&long("two")), "{now:?}");
        for chosen in both {
            let now = after(&doc, 3, Base::Present, &edit(&[], Some(chosen.clone()))).project();
            assert_eq!((now.get(key::NOTE), now.conflicts.len()), (Some(chosen), 0));
        }
        let typed = edit(&[], Some(Register::Text("typed".into())));
        let now = after(&doc, 3, Base::Present, &typed).project();
        assert_eq!(now.get(key::NOTE), typed.note.as_ref());
        assert!(now.conflicts.is_empty());
    }
}
