//! Own edits that went with a fork, written again.
//!
//! What this installation wrote into a log that forked, and what it wrote on top of such records, not everybody can
//! have. Each such edit is written again, as what it changed, at what remains of what it had seen: what was concurrent
//! stays concurrent, and nothing that was answered is lost.

use std::collections::{HashMap, HashSet};

use quire_protocol::change::{Action, Object, Place, id_of};
use quire_protocol::document::{Base, Edit, Life, Projection, Register, genesis, key};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{ChangeId, DocId};
use quire_protocol::item::KIND;
use quire_protocol::record::RecordKind;

use super::Batch;
use super::edit::{Done, Target};
use super::refold::{Candidate, State};
use super::view::read_blob;
use crate::engine::EngineError;
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;

/// Own edits of one item that are to be written again, in the order in which they were made.
#[derive(Default)]
pub(super) struct Lost {
    kind: Option<ItemKind>,
    identity: String,
    edits: Vec<LostEdit>,
    /// Whether the item is there depends on what its author writes again: nobody else may say it.
    pub life_is_open: bool,
}

impl Lost {
    /// True when apps need not be told of what is otherwise now: they hear of it by what is written again.
    pub(super) fn is_told(&self) -> bool {
        self.life_is_open || !self.edits.is_empty()
    }
}

/// One edit: what it said, before and after.
struct LostEdit {
    change: ChangeId,
    /// What remains of what it had seen: changes that are folded still, and own ones that are written again.
    base: Vec<ChangeId>,
    /// Keys that it put.
    keys: Vec<String>,
    before: Projection,
    after: Projection,
}

impl Batch<'_, '_> {
    /// What of a document's own edits goes with a fork; read before it is folded anew.
    pub(super) fn lost(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: &DocRow,
        candidates: &[Candidate],
        states: &[State],
    ) -> Result<Lost> {
        let goes = |state: State| matches!(state, State::Forked | State::Dependent);
        let mine = |one: &Candidate| {
            one.state == State::Folded
                && one.screened.kind() == RecordKind::CHANGE
                && self.replica.lives.contains(&one.log)
        };
        let gone: HashMap<ChangeId, &Candidate> = candidates
            .iter()
            .zip(states)
            .filter(|(one, state)| one.state == State::Folded && goes(**state))
            .map(|(one, _)| (one.screened.id(), one))
            .collect();
        let mut own: Vec<&Candidate> = gone.values().copied().filter(|one| mine(one)).collect();
        if own.is_empty() {
            return Ok(Lost::default());
        }
        // What is folded stands in the order in which it was.
        let order: HashMap<ChangeId, usize> =
            candidates.iter().enumerate().map(|(n, one)| (one.screened.id(), n)).rev().collect();
        own.sort_by_key(|one| order.get(&one.screened.id()).copied());
        let loaded = self.document(space, doc, row)?;
        let written: HashSet<ChangeId> = own.iter().map(|one| one.screened.id()).collect();
        let edit = |one: &&Candidate| {
            let (seen, base) = (seen(doc, one, &gone), base(doc, one, &gone, &written));
            let (before, after) =
                (loaded.project_at(doc, &seen)?, loaded.project_at(doc, &[one.screened.id()])?);
            Some(LostEdit { change: one.screened.id(), base, keys: keys(one), before, after })
        };
        let edits = own.iter().filter_map(edit).collect();
        Ok(Lost { kind: row.kind(), identity: row.identity().to_owned(), edits, life_is_open: false })
    }

    /// Writes own edits again that went with a fork.
    pub(super) fn write_again(&mut self, space: SpaceNo, doc: DocId, lost: Lost) -> Result<()> {
        let Some(kind) = lost.kind else { return Ok(()) };
        if lost.edits.is_empty() {
            return Ok(());
        }
        let target = Target { space, kind, identity: &lost.identity };
        let mut again: HashMap<ChangeId, Vec<ChangeId>> = HashMap::new();
        for edit in &lost.edits {
            let mut base = Vec::new();
            for change in &edit.base {
                match again.get(change) {
                    Some(written) => base.extend(written),
                    None => base.push(*change),
                }
            }
            let written = match self.write_one_again(target, edit, &base) {
                Err(EngineError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(%doc, %error, "an edit that went with a fork cannot be written again");
                    Vec::new()
                }
                Ok(done) => self.changes_of(space, &done)?,
            };
            again.insert(edit.change, if written.is_empty() { base } else { written });
        }
        // What waited for a text that is written again may be folded now.
        self.refold_document(space, doc).map(drop)
    }

    fn write_one_again(
        &mut self,
        target: Target<'_>,
        lost: &LostEdit,
        base: &[ChangeId],
    ) -> Result<Done, EngineError> {
        // Parts of a large value may still be in the open segment, where reading does not look.
        self.seal()?;
        let Some(row) = self.row(target.space, target.doc())? else {
            return self.create(target, self.whole(target.space, lost));
        };
        let loaded = self.document(target.space, target.doc(), &row)?;
        let now = loaded.project_at(target.doc(), base);
        self.replica.documents.put((target.space, target.doc()), loaded);
        let now = now.ok_or_else(|| super::batch::unwritable("its base is unknown"))?;
        let edit = if now.get(KIND).is_none() {
            self.whole(target.space, lost)
        } else {
            self.part(target.space, lost, &now)
        };
        self.write(target, row, Base::At(base), edit, now)
    }

    /// All that the item said after the edit: its creation is gone too.
    fn whole(&self, space: SpaceNo, lost: &LostEdit) -> Edit {
        let values = lost.after.values.iter().filter(|(name, _)| *name != key::NOTE);
        let values = values.map(|(name, value)| (name.clone(), self.inlined(space, value))).collect();
        let note = lost.after.get(key::NOTE).map(|note| self.inlined(space, note));
        let life = if lost.after.removed { Life::Remove } else { Life::Keep };
        Edit { values, note, life }
    }

    /// What the edit changed.
    fn part(&self, space: SpaceNo, lost: &LostEdit, now: &Projection) -> Edit {
        let said = |name: &String| Some((name.clone(), self.inlined(space, lost.after.get(name)?)));
        let values = lost.keys.iter().filter_map(said).collect();
        let note = lost.after.get(key::NOTE).filter(|note| lost.before.get(key::NOTE) != Some(note));
        let note = note.map(|note| {
            match (self.inlined(space, note), lost.before.get(key::NOTE), now.get(key::NOTE)) {
                (Register::Text(after), Some(Register::Text(before)), Some(Register::Text(now))) => {
                    Register::Text(carried(before, &after, now))
                }
                (note, _, _) => note,
            }
        });
        let life = match (lost.before.removed, lost.after.removed) {
            (false, true) => Life::Remove,
            (_, false) if now.removed => Life::Revive,
            _ => Life::Keep,
        };
        Edit { values, note, life }
    }

    /// A value with its content: it is logged again with the edit.
    fn inlined(&self, space: SpaceNo, value: &Register) -> Register {
        match value {
            Register::Blob(blob) => match read_blob(&*self.rows, space, blob) {
                Some(content) => Register::Text(content),
                None => value.clone(),
            },
            other => other.clone(),
        }
    }

    fn changes_of(&self, space: SpaceNo, done: &Done) -> Result<Vec<ChangeId>> {
        let Some(number) = self.replica.mirror.names.log_number(self.replica.mirror.log) else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::new();
        for seq in &done.written {
            let record = self.record(space, number, *seq)?.0;
            if record.kind == RecordKind::CHANGE {
                changes.push(id_of(&record.payload));
            }
        }
        Ok(changes)
    }
}

/// What an edit had seen, without the seed that came with it.
fn seen(doc: DocId, one: &Candidate, gone: &HashMap<ChangeId, &Candidate>) -> Vec<ChangeId> {
    let begun = genesis(doc).id();
    let is_seed = |dep: &ChangeId| gone.get(dep).is_some_and(|dep| dep.screened.kind() == RecordKind::SEED);
    one.screened.deps().filter(|dep| *dep != begun && !is_seed(dep)).collect()
}

/// The nearest ancestors that remain, or are written again.
fn base(
    doc: DocId,
    one: &Candidate,
    gone: &HashMap<ChangeId, &Candidate>,
    written: &HashSet<ChangeId>,
) -> Vec<ChangeId> {
    let (begun, mut met) = (genesis(doc).id(), HashSet::new());
    let (mut todo, mut base): (Vec<ChangeId>, Vec<ChangeId>) = (one.screened.deps().collect(), Vec::new());
    while let Some(change) = todo.pop() {
        if change == begun || !met.insert(change) {
            continue;
        }
        match gone.get(&change).filter(|_| !written.contains(&change)) {
            Some(gone) => todo.extend(gone.screened.deps()),
            None => base.push(change),
        }
    }
    base
}

/// The keys of the document that a change puts, but for life and note.
fn keys(one: &Candidate) -> Vec<String> {
    let name = |op: &quire_protocol::change::Op| match (&op.object, &op.place, &op.action) {
        (Object::Root, Place::Name(name), Action::Put(_)) => Some(name.clone()),
        _ => None,
    };
    let kept = |name: &String| name != key::LIFE && name != key::NOTE_FORM;
    one.screened.change().ops().iter().filter_map(name).filter(kept).collect()
}

/// What an edit made of `before`, made of `now`: where what it changed is there still, that alone; else all of `after`.
fn carried(before: &str, after: &str, now: &str) -> String {
    let (old, new, now_chars): (Vec<char>, Vec<char>, Vec<char>) =
        (before.chars().collect(), after.chars().collect(), now.chars().collect());
    let (head, tail) = common(&old, &new);
    let (same_head, same_tail) = common(&old, &now_chars);
    let middle = &new[head..new.len() - tail];
    if old.len() - tail <= same_head {
        let (start, rest) = (&now_chars[..head], &now_chars[old.len() - tail..]);
        return start.iter().chain(middle).chain(rest).collect();
    }
    if old.len() - head <= same_tail {
        let (start, rest) =
            (&now_chars[..now_chars.len() - (old.len() - head)], &now_chars[now_chars.len() - tail..]);
        return start.iter().chain(middle).chain(rest).collect();
    }
    after.to_owned()
}

/// Lengths of the beginning and the end that two texts have in common.
fn common(a: &[char], b: &[char]) -> (usize, usize) {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    (head, tail)
}

#[cfg(test)]
mod tests {
    use super::carried;

    #[test]
    fn an_edit_is_carried_to_where_it_was_made() {
        assert_eq!(carried("abc def", "abc def ghi", "abc"), "abc ghi");
        assert_eq!(carried("abc def", "XYZ abc def", "abc"), "XYZ abc");
        assert_eq!(carried("abc", "aXc", "abc"), "aXc");
        assert_eq!(carried("", "new", ""), "new");
        assert_eq!(carried("ä ö", "ä ö ü", "ä"), "ä ü");
        assert_eq!(carried("one", "two", "three"), "two");
    }
}
