//! What a document says now: one winner per key, the values that lost, alive or removed.
//!
//! **Winner.** Among concurrent values of a key, the one whose change has the greatest hash. Automerge's
//! own choice goes by operation counters, which every typed character raises: the loudest would win.
//!
//! ```text
//!   color = red ──┬── blue   (change 3f…)  ┐  winner: green, because 9a… > 3f…
//!                 └── green  (change 9a…)  ┘  blue stays readable as the conflict's other value
//! ```
//!
//! **Life.** `life` is a register of fresh numbers: even is an edit, odd a removal. An item is alive when
//! no removal is visible, or an edit stands beside it that the removal had not seen (contract 2).

use std::collections::BTreeMap;

use automerge::{Automerge, ChangeHash, ROOT, ReadDoc, ScalarValue, Value, ValueRef};
use serde::{Deserialize, Serialize};

use super::opset::{Changes, OpSet};
use super::{Register, author_of, key, note_object};
use crate::change::{Action, Change, Object, Place};
use crate::id::Incarnation;

/// A document as it is read: never needs Automerge again until the next change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Projection {
    /// True when removed and not revived.
    pub removed: bool,
    /// The winning value of each key; `note` is among them when the item has one.
    pub values: BTreeMap<String, Register>,
    /// Keys that hold more than one value.
    pub conflicts: Vec<Conflict>,
}

/// Concurrent values of one key that lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Conflict {
    /// The document key; `life` for an edit beside a removal.
    pub key: String,
    /// Every visible value that differs from the winner, in the order of their values.
    pub others: Vec<Other>,
}

/// A value that lost, and who wrote it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Other {
    /// The value.
    pub value: Register,
    /// The incarnation that wrote it.
    pub by: Incarnation,
}

impl Projection {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Register> {
        self.values.get(key)
    }
}

/// The projection by Automerge at `heads`, or now. The heads must be known to the document.
pub(crate) fn project_full(doc: &Automerge, heads: Option<&[ChangeHash]>) -> Projection {
    let items: Vec<(String, ScalarValue, bool)> = match heads {
        Some(heads) => doc.map_range_at(ROOT, .., heads).filter_map(scalar_item).collect(),
        None => doc.map_range(ROOT, ..).filter_map(scalar_item).collect(),
    };
    let named = items.into_iter().map(|(name, value, conflict)| {
        let candidates = if conflict { candidates(doc, &name, heads) } else { vec![lone(&value)] };
        (name, candidates)
    });
    settle(named, note_text(doc, heads))
}

/// The projection of a small item at some of its changes.
pub(super) fn project_set(set: &OpSet, among: Changes) -> Projection {
    let candidate = |(value, change): (&Register, &Change)| Candidate {
        value: value.clone(),
        change: change.id().0,
        by: change.actor().incarnation(),
    };
    let named = set
        .values(among)
        .map(|(name, values)| (name.to_owned(), values.into_iter().map(candidate).collect()));
    settle(named, set.text(among))
}

fn settle(named: impl Iterator<Item = (String, Vec<Candidate>)>, note: String) -> Projection {
    let mut out = Projection::default();
    let mut life = Vec::new();
    for (name, candidates) in named {
        if name == key::LIFE {
            life = candidates;
        } else {
            choose(&mut out, name, candidates);
        }
    }
    settle_life(&mut out, life);
    settle_note(&mut out, note);
    out
}

/// The projection of a document whose only changes are a note's seed and `creation`; `None` when the
/// change is not of that form. Gives the same as folding them would, without a document.
pub(crate) fn project_creation(creation: &Change, seed_text: Option<&str>) -> Option<Projection> {
    let mut out = Projection::default();
    let mut life = None;
    for op in creation.ops() {
        let (Action::Put(value), Place::Name(name)) = (&op.action, &op.place) else { return None };
        if op.object != Object::Root || op.insert || !op.replaces.is_empty() {
            return None;
        }
        if name == key::LIFE {
            let Register::Int(n) = value else { return None };
            life.replace(*n).is_none().then_some(())?;
        } else if [key::NOTE, key::PROPS, key::REFS].contains(&name.as_str())
            || out.values.insert(name.clone(), value.clone()).is_some()
        {
            return None;
        }
    }
    out.removed = life.is_some_and(|n| n % 2 != 0);
    settle_note(&mut out, seed_text.unwrap_or_default().to_owned());
    Some(out)
}

struct Candidate {
    value: Register,
    change: [u8; 32],
    by: Incarnation,
}

fn scalar_item(item: automerge::iter::MapRangeItem<'_>) -> Option<(String, ScalarValue, bool)> {
    match item.value {
        ValueRef::Scalar(scalar) => Some((item.key.into_owned(), scalar.into(), item.conflict)),
        ValueRef::Object(_) => None,
    }
}

/// A lone value needs no author and no hash: nothing is compared with it.
fn lone(value: &ScalarValue) -> Candidate {
    let value = Register::from_scalar(value).unwrap_or(Register::Null);
    Candidate { value, change: [0; 32], by: Incarnation([0; 16]) }
}

fn candidates(doc: &Automerge, name: &str, heads: Option<&[ChangeHash]>) -> Vec<Candidate> {
    let all = match heads {
        Some(heads) => doc.get_all_at(ROOT, name, heads),
        None => doc.get_all(ROOT, name),
    };
    let read = all.unwrap_or_default().into_iter().filter_map(|(value, op)| {
        let Value::Scalar(scalar) = value else { return None };
        let hash = doc.hash_for_opid(&op)?;
        let by = doc.get_change_meta_by_hash(&hash).map(|meta| author_of(&meta.actor))?;
        Some(Candidate { value: Register::from_scalar(&scalar)?, change: hash.0, by })
    });
    read.collect()
}

fn choose(out: &mut Projection, name: String, mut candidates: Vec<Candidate>) {
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.change));
    let mut candidates = candidates.into_iter();
    let Some(winner) = candidates.next() else { return };
    let mut others: Vec<Other> = candidates
        .filter(|c| !c.value.same(&winner.value))
        .map(|c| Other { value: c.value, by: c.by })
        .collect();
    others.sort();
    others.dedup_by(|a, b| a.value == b.value);
    if !others.is_empty() {
        out.conflicts.push(Conflict { key: name.clone(), others });
    }
    out.values.insert(name, winner.value);
}

fn settle_life(out: &mut Projection, life: Vec<Candidate>) {
    let removal = |c: &&Candidate| matches!(c.value, Register::Int(n) if n % 2 != 0);
    let removals = life.iter().filter(removal).count();
    out.removed = removals > 0 && removals == life.len();
    if removals > 0 && !out.removed {
        let mut others: Vec<Other> =
            life.iter().filter(removal).map(|c| Other { value: Register::Bool(true), by: c.by }).collect();
        others.sort();
        others.dedup();
        out.conflicts.push(Conflict { key: key::LIFE.into(), others });
    }
}

fn note_text(doc: &Automerge, heads: Option<&[ChangeHash]>) -> String {
    let Some(note) = note_object(doc) else { return String::new() };
    let text = match heads {
        Some(heads) => doc.text_at(&note, heads),
        None => doc.text(&note),
    };
    text.unwrap_or_default()
}

/// Characters that are there are shown, whatever the form says: clearing a note beside somebody's typing
/// must not hide what was typed. A whole note kept outside wins over characters where its form wins. Whatever
/// of the two is not shown, and every other whole note, is a conflict; forms without content are none.
pub(super) fn settle_note(out: &mut Projection, text: String) {
    let form = out.values.remove(key::NOTE_FORM);
    let mut others = lost_notes(out);
    let note = match form {
        Some(blob @ Register::Blob(_)) => {
            if !text.is_empty() {
                others.push(Other { value: Register::Text(text), by: Incarnation([0; 16]) });
            }
            blob
        }
        _ if !text.is_empty() => Register::Text(text),
        Some(Register::Text(_)) => Register::Text(String::new()),
        Some(_) => Register::Null,
        None => return,
    };
    if !others.is_empty() {
        others.sort();
        out.conflicts.push(Conflict { key: key::NOTE.into(), others });
    }
    out.values.insert(key::NOTE.into(), note);
}

/// Takes the conflict between forms away; gives the whole notes that lost in it.
fn lost_notes(out: &mut Projection) -> Vec<Other> {
    let at = out.conflicts.iter().position(|conflict| conflict.key == key::NOTE_FORM);
    let others = at.map(|at| out.conflicts.remove(at).others).unwrap_or_default();
    others.into_iter().filter(|other| matches!(other.value, Register::Blob(_))).collect()
}
