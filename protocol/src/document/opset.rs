//! An item's operations, folded without Automerge: a small set that answers what Automerge would.
//!
//! Almost every item has a handful of changes. For those a loaded Automerge document costs more than all
//! else an edit does (measured: 65–120 µs to load one change, 0.3 ms to apply, save and load another one for
//! the gate). The operations of our schema are few (values under names, characters of one text), and what is
//! visible of them is simple: an operation is visible in a set of changes when its change is in it and none
//! that replaces it is. Sets of changes are bits of one word, so that every past state is as near as the
//! present.
//!
//! [`OpSet`] either answers exactly as Automerge would or says that it cannot ([`None`], [`Verdict::Unsure`]);
//! then the item is loaded into Automerge, which stays the judge. Tests compare the two over random histories.

mod edit;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Register, genesis, key};
use crate::change::{Action, Actor, Change, Object, Op, OpId, Part, Place};
use crate::gate::Reason;
use crate::id::{ChangeId, DocId, Incarnation};

/// Changes of an item, its genesis among them: the bits of a word. An item with more is Automerge's.
const MAX_CHANGES: usize = 64;

/// Operations of an item: a text of more characters is Automerge's, which keeps them in a tree.
const MAX_OPERATIONS: usize = 8192;

/// A set of an item's changes: bit n is the n-th.
pub(super) type Changes = u64;

/// The operations of one item.
#[derive(Clone, Debug)]
pub struct OpSet {
    id: DocId,
    changes: Vec<Known>,
    ops: Vec<Held>,
    /// The operations under each name, in the order in which they came.
    registers: BTreeMap<(Part, String), Vec<usize>>,
}

/// One change that was folded.
#[derive(Clone, Debug)]
struct Known {
    change: Arc<Change>,
    /// Its first operation in the set.
    first: usize,
    /// It and all it depends on.
    past: Changes,
}

/// One operation.
#[derive(Clone, Debug)]
struct Held {
    /// Its change.
    by: usize,
    /// The changes that replaced it.
    replaced: Changes,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Value(Register),
    Character {
        /// The operation whose character it follows.
        after: Option<usize>,
        character: char,
    },
    /// A deletion, or an object of the genesis.
    Nothing,
}

/// What the set says to one more change.
pub enum Verdict {
    /// It is folded.
    Admitted,
    /// The gate's step 4 refuses it.
    Refused(Reason),
    /// It is for Automerge to say. The set is no longer of use.
    Unsure,
}

impl OpSet {
    /// The set of an item that has only its genesis.
    pub fn new(id: DocId) -> OpSet {
        let genesis = genesis(id);
        let nothing = |_: &Op| Held { by: 0, replaced: 0, what: What::Nothing };
        let ops = genesis.ops().iter().map(nothing).collect();
        let known = Known { change: Arc::new(genesis), first: 0, past: 1 };
        OpSet { id, changes: vec![known], ops, registers: BTreeMap::new() }
    }

    /// The set of an item with these raw changes, which have passed the gate, in an order in which
    /// dependencies come first.
    pub fn load<'r>(id: DocId, changes: impl IntoIterator<Item = &'r [u8]>) -> Option<OpSet> {
        let mut set = OpSet::new(id);
        for raw in changes {
            let change = Change::read_again(raw.to_vec())?;
            matches!(set.admit(Arc::new(change)), Verdict::Admitted).then_some(())?;
        }
        Some(set)
    }

    /// The raw changes, without the genesis.
    pub fn raws(&self) -> impl Iterator<Item = &[u8]> {
        self.changes.iter().skip(1).map(|known| known.change.raw())
    }

    /// The changes, without the genesis: their names and authors.
    pub fn versions(&self) -> impl Iterator<Item = (ChangeId, Incarnation)> + '_ {
        self.changes.iter().skip(1).map(|known| (known.change.id(), known.change.actor().incarnation()))
    }

    /// Whether it has a change.
    pub fn has(&self, change: ChangeId) -> bool {
        self.find(change).is_some()
    }

    /// Folds one more change that passed the gate as far as its bytes alone say.
    pub fn admit(&mut self, change: Arc<Change>) -> Verdict {
        if self.changes.len() >= MAX_CHANGES || self.ops.len() + change.ops().len() > MAX_OPERATIONS {
            return Verdict::Unsure;
        }
        let Some(past) = self.causal_past(&change) else { return Verdict::Refused(Reason::NotCausal) };
        let by = self.changes.len();
        let known = Known { change: Arc::clone(&change), first: self.ops.len(), past: past | 1 << by };
        self.changes.push(known);
        for op in change.ops() {
            if self.fold(by, op).is_none() {
                return Verdict::Unsure;
            }
        }
        Verdict::Admitted
    }

    /// Step 4 of the gate: the changes that this one follows, when it follows from them.
    fn causal_past(&self, change: &Change) -> Option<Changes> {
        let deps = change.deps().iter().map(|dep| self.find(*dep)).collect::<Option<Vec<_>>>()?;
        let past = deps.iter().fold(0, |past, at| past | self.changes[*at].past);
        let max_op = deps.iter().map(|at| self.changes[*at].change.max_op()).max()?;
        let written = |actor: Actor| self.changes.iter().any(|known| known.change.actor() == actor);
        let causal = change.seq() == self.last_seq(change.actor(), Changes::MAX) + 1
            && change.seq() == self.last_seq(change.actor(), past) + 1
            && change.start_op() == max_op + 1
            && change.others().iter().all(|actor| written(*actor));
        causal.then_some(past)
    }

    /// Folds one operation; `None` when it is of a form that Automerge has to judge.
    fn fold(&mut self, by: usize, op: &Op) -> Option<()> {
        let part = Part::of(&op.object, self.id)?;
        let what = match (part, &op.place) {
            (Part::Note, _) => self.fold_character(by, op)?,
            (_, Place::Name(name)) => self.fold_value(by, (part, name), op)?,
            _ => return None,
        };
        self.ops.push(Held { by, replaced: 0, what });
        Some(())
    }

    fn fold_value(&mut self, by: usize, (part, name): (Part, &String), op: &Op) -> Option<What> {
        let Action::Put(value) = &op.action else { return None };
        let own = part == Part::Root && [key::NOTE, key::PROPS, key::REFS].contains(&name.as_str());
        (!own && !op.insert).then_some(())?;
        let visible = self.visible(part, name, self.changes[by].past);
        let mut replaced: Vec<OpId> = visible.iter().map(|at| self.name_of(*at)).collect();
        replaced.sort();
        (replaced == op.replaces).then_some(())?;
        visible.into_iter().for_each(|at| self.ops[at].replaced |= 1 << by);
        self.registers.entry((part, name.clone())).or_default().push(self.ops.len());
        Some(What::Value(value.clone()))
    }

    fn fold_character(&mut self, by: usize, op: &Op) -> Option<What> {
        let past = self.changes[by].past;
        let element = match &op.place {
            Place::Head => None,
            Place::Element(id) => Some(self.character(*id, past)?),
            Place::Name(_) => return None,
        };
        match (&op.action, element) {
            (Action::Put(Register::Text(text)), after) if op.insert && op.replaces.is_empty() => {
                let mut characters = text.chars();
                let character = characters.next()?;
                characters.next().is_none().then_some(What::Character { after, character })
            }
            (Action::Delete, Some(at)) if !op.insert && op.replaces == [self.name_of(at)] => {
                self.is_visible(at, past).then_some(())?;
                self.ops[at].replaced |= 1 << by;
                Some(What::Nothing)
            }
            _ => None,
        }
    }

    /// The operation of a character that is in a past.
    fn character(&self, id: OpId, past: Changes) -> Option<usize> {
        let named = |known: &&Known| {
            let counters = known.change.start_op()..=known.change.max_op();
            known.change.actor() == id.actor && counters.contains(&id.counter)
        };
        let known = self.changes.iter().find(named)?;
        let at = known.first + (id.counter - known.change.start_op()) as usize;
        let held = self.ops.get(at)?;
        (past & 1 << held.by != 0 && matches!(held.what, What::Character { .. })).then_some(at)
    }

    /// The name of an operation.
    fn name_of(&self, at: usize) -> OpId {
        let known = &self.changes[self.ops[at].by];
        let counter = known.change.start_op() + (at - known.first) as u64;
        OpId { counter, actor: known.change.actor() }
    }

    fn is_visible(&self, at: usize, among: Changes) -> bool {
        let held = &self.ops[at];
        among & 1 << held.by != 0 && held.replaced & among == 0
    }

    /// The operations that are visible under a name.
    fn visible(&self, part: Part, name: &str, among: Changes) -> Vec<usize> {
        // A lookup by borrowed parts would need a key type of its own; names are short.
        let all = self.registers.get(&(part, name.to_owned()));
        all.into_iter().flatten().copied().filter(|at| self.is_visible(*at, among)).collect()
    }

    fn find(&self, change: ChangeId) -> Option<usize> {
        self.changes.iter().position(|known| known.change.id() == change)
    }

    fn last_seq(&self, actor: Actor, among: Changes) -> u64 {
        let by = self
            .changes
            .iter()
            .enumerate()
            .filter(|(n, known)| among & 1 << n != 0 && known.change.actor() == actor);
        by.map(|(_, known)| known.change.seq()).max().unwrap_or(0)
    }

    /// Every change.
    pub(super) fn all(&self) -> Changes {
        Changes::MAX >> (MAX_CHANGES - self.changes.len())
    }

    /// These changes and all they depend on; none is the genesis. `None` when one is unknown.
    pub(super) fn past_of(&self, changes: &[ChangeId]) -> Option<Changes> {
        let mut past = self.changes[0].past;
        for change in changes {
            past |= self.changes[self.find(*change)?].past;
        }
        Some(past)
    }

    /// The values that are visible under each name of the root, each with its change.
    pub(super) fn values(&self, among: Changes) -> impl Iterator<Item = (&str, Vec<(&Register, &Change)>)> {
        let root = self.registers.iter().filter(|((part, _), _)| *part == Part::Root);
        root.map(move |((_, name), all)| {
            let visible = all.iter().filter(|at| self.is_visible(**at, among));
            let value = |at: &usize| match &self.ops[*at].what {
                What::Value(value) => Some((value, &*self.changes[self.ops[*at].by].change)),
                _ => None,
            };
            (name.as_str(), visible.filter_map(value).collect())
        })
    }

    /// Every value that a name of the root was ever given.
    pub fn had_values(&self, name: &str) -> impl Iterator<Item = &Register> {
        let all = self.registers.get(&(Part::Root, name.to_owned()));
        all.into_iter().flatten().filter_map(|at| match &self.ops[*at].what {
            What::Value(value) => Some(value),
            _ => None,
        })
    }

    /// What the note read at each change, the genesis first.
    pub fn note_texts(&self) -> impl Iterator<Item = (ChangeId, String)> + '_ {
        self.changes.iter().map(|known| (known.change.id(), self.text(known.past)))
    }

    /// Whether the note ever had characters, within these changes.
    fn had_text(&self, among: Changes) -> bool {
        let typed = |held: &Held| among & 1 << held.by != 0 && matches!(held.what, What::Character { .. });
        self.ops.iter().any(typed)
    }
}

/// The object of a part, as operations name it.
fn object(part: Part, id: DocId) -> Object {
    part.object(id)
}

#[cfg(test)]
mod tests;
