//! Writing an edit at any state of the item.

use std::sync::Arc;

use super::{Changes, OpSet, Verdict, What, object};
use crate::change::{Action, Actor, Change, Draft, Op, OpId, Part, Place};
use crate::document::write::{Edit, Life, fresh_life, note_form};
use crate::document::{Register, key, seed};
use crate::id::{ChangeId, Incarnation};
use crate::limits::MAX_DERIVED_ACTORS;
use crate::record::RecordKind;

/// Cells of the table that compares an old text with a new one: below, the finest difference is found;
/// above, what lies between the common ends is replaced whole.
const MAX_TABLE: usize = 512 * 512;

impl OpSet {
    /// The changes that make an edit at a base (`None` is the present), and the set after them. `None` when
    /// Automerge has to write it.
    pub fn write(
        &self,
        log: Incarnation,
        base: Option<&[ChangeId]>,
        edit: &Edit,
    ) -> Option<(Vec<(RecordKind, Change)>, OpSet)> {
        let mut after = self.clone();
        let mut written = Vec::new();
        let mut among = match base {
            None => self.all(),
            Some(base) => self.past_of(base)?,
        };
        let actor = match base {
            None => Actor::derived(log, 0),
            Some(_) => self.free_actor(log, among)?,
        };
        if let Some(seed) = self.first_text(among, edit) {
            if !self.has(seed.id()) {
                after.take(seed.clone())?;
                written.push((RecordKind::SEED, seed.clone()));
            }
            among |= after.past_of(&[seed.id()])?;
        }
        let ops = Writing::new(&after, actor, among).edit(edit);
        if !ops.is_empty() {
            let change = after.draft(actor, among, ops);
            after.take(change.clone())?;
            written.push((RecordKind::CHANGE, change));
        }
        Some((written, after))
    }

    fn take(&mut self, change: Change) -> Option<()> {
        matches!(self.admit(Arc::new(change)), Verdict::Admitted).then_some(())
    }

    fn draft(&self, actor: Actor, among: Changes, ops: Vec<Op>) -> Change {
        let mut deps = self.heads(among);
        deps.sort_by_key(|dep| dep.0);
        let (seq, start_op) = (self.last_seq(actor, among) + 1, self.max_op(among) + 1);
        Change::make(Draft { actor, seq, start_op, deps, ops })
    }

    /// The changes of a set that no other one of it follows.
    fn heads(&self, among: Changes) -> Vec<ChangeId> {
        let members = || self.changes.iter().enumerate().filter(|(n, _)| among & 1 << n != 0);
        let followed = members().fold(0, |followed, (n, known)| followed | known.past & !(1 << n));
        members().filter(|(n, _)| followed & 1 << n == 0).map(|(_, known)| known.change.id()).collect()
    }

    fn max_op(&self, among: Changes) -> u64 {
        let members = self.changes.iter().enumerate().filter(|(n, _)| among & 1 << n != 0);
        members.map(|(_, known)| known.change.max_op()).max().unwrap_or(0)
    }

    /// The lowest derived actor whose changes to this item are all among these.
    fn free_actor(&self, log: Incarnation, among: Changes) -> Option<Actor> {
        let free = |actor: &Actor| self.last_seq(*actor, Changes::MAX) == self.last_seq(*actor, among);
        (0..MAX_DERIVED_ACTORS).map(|n| Actor::derived(log, n)).find(free)
    }

    /// The seed of the note's first text, when this edit brings one and its base never had any.
    fn first_text(&self, among: Changes, edit: &Edit) -> Option<Change> {
        let Some(Register::Text(text)) = &edit.note else { return None };
        (!text.is_empty() && !self.had_text(among)).then(|| seed(self.id, text))
    }

    fn visible_values(&self, name: &str, among: Changes) -> Vec<(OpId, &Register)> {
        let value = |at: usize| match &self.ops[at].what {
            What::Value(value) => Some((self.name_of(at), value)),
            _ => None,
        };
        self.visible(Part::Root, name, among).into_iter().filter_map(value).collect()
    }
}

/// The operations of one change in the making.
struct Writing<'a> {
    set: &'a OpSet,
    actor: Actor,
    among: Changes,
    /// Counter of the next operation.
    next: u64,
    ops: Vec<Op>,
}

impl<'a> Writing<'a> {
    fn new(set: &'a OpSet, actor: Actor, among: Changes) -> Writing<'a> {
        Writing { set, actor, among, next: set.max_op(among) + 1, ops: Vec::new() }
    }

    fn edit(mut self, edit: &Edit) -> Vec<Op> {
        self.put_life(edit.life);
        for (name, value) in &edit.values {
            self.put(name, value);
        }
        if let Some(note) = &edit.note {
            let (text, form) = note_form(note);
            self.replace_text(text);
            self.put(key::NOTE_FORM, &form);
        }
        self.ops
    }

    fn push(&mut self, part: Part, place: Place, action: Action, replaces: Vec<OpId>) -> OpId {
        let id = OpId { counter: self.next, actor: self.actor };
        let insert = part == Part::Note && matches!(action, Action::Put(_));
        self.ops.push(Op { object: object(part, self.set.id), place, insert, action, replaces });
        self.next += 1;
        id
    }

    /// Puts a value over all that are visible, unless it is the only one.
    fn put(&mut self, name: &str, value: &Register) {
        let visible = self.set.visible_values(name, self.among);
        if matches!(visible[..], [(_, only)] if only == value) {
            return;
        }
        let mut replaces: Vec<OpId> = visible.into_iter().map(|(id, _)| id).collect();
        replaces.sort();
        self.push(Part::Root, Place::Name(name.into()), Action::Put(value.clone()), replaces);
    }

    fn put_life(&mut self, life: Life) {
        let visible = self.set.visible_values(key::LIFE, self.among);
        let numbers: Vec<i64> = visible.iter().filter_map(|(_, value)| value.as_int()).collect();
        if let Some(fresh) = fresh_life(&numbers, life) {
            self.put(key::LIFE, &Register::Int(fresh));
        }
    }

    /// Makes the note say `text`, keeping the characters that both have in common.
    fn replace_text(&mut self, text: &str) {
        let old = self.set.characters(self.among);
        let new: Vec<char> = text.chars().collect();
        let said: Vec<char> = old.iter().map(|(_, character)| *character).collect();
        let mut last = None;
        for step in steps(&said, &new) {
            match step {
                Step::Keep(at) => last = Some(self.set.name_of(old[at].0)),
                Step::Delete(at) => {
                    let id = self.set.name_of(old[at].0);
                    self.push(Part::Note, Place::Element(id), Action::Delete, vec![id]);
                }
                Step::Insert(character) => {
                    let place = last.map_or(Place::Head, Place::Element);
                    let value = Action::Put(Register::Text(character.into()));
                    last = Some(self.push(Part::Note, place, value, Vec::new()));
                }
            }
        }
    }
}

/// One step from an old text to a new one.
enum Step {
    Keep(usize),
    Delete(usize),
    Insert(char),
}

/// The steps from `old` to `new`: the common ends are kept, what lies between by the longest common
/// subsequence when that is small enough to look for.
fn steps(old: &[char], new: &[char]) -> Vec<Step> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut out: Vec<Step> = (0..head).map(Step::Keep).collect();
    between(&old[head..old_end], &new[head..new_end], head, &mut out);
    out.extend((old_end..old.len()).map(Step::Keep));
    out
}

fn between(old: &[char], new: &[char], offset: usize, out: &mut Vec<Step>) {
    let common = if old.len() * new.len() <= MAX_TABLE { common(old, new) } else { Vec::new() };
    let (mut i, mut j) = (0, 0);
    for (a, b) in common.into_iter().chain([(old.len(), new.len())]) {
        out.extend((i..a).map(|at| Step::Delete(offset + at)));
        out.extend(new[j..b].iter().map(|character| Step::Insert(*character)));
        if a < old.len() {
            out.push(Step::Keep(offset + a));
        }
        (i, j) = (a + 1, b + 1);
    }
}

/// A longest common subsequence, as pairs of places.
fn common(old: &[char], new: &[char]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut longest = vec![0u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
