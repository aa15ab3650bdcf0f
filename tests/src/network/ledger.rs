//! The ledger: every acknowledged write, kept outside the daemons, and what must be found of it in the end.
//!
//! A write is there when its value is in force or in a conflict, or when somebody wrote the same field
//! again who had seen it. What an author had seen is the ledger's own knowledge: the clock at which an app
//! was answered, and the app's own writes.

use super::Fault;
use quire_daemon::engine::ConflictView;
use quire_protocol::clock::Clock;
use quire_protocol::id::Incarnation;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What was done to an item.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A member was given a value that no other write gives; of the place this is `CharIndexStart`.
    Value(&'static str, Value),
    /// A word that no other write types was typed into the note.
    Word(String),
    /// Words were taken out of the note.
    Cut(Vec<String>),
    /// The whole note was replaced: by a long text, or by null.
    Note(Option<String>),
    /// It was made, or something in it that the ledger does not follow was changed.
    Made,
    /// It was removed.
    Removed,
    /// It was said to be alive again.
    Revived,
}

/// What an author had seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Everything up to here,
    pub clock: Clock,
    /// and these writes.
    pub own: BTreeSet<usize>,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Write {
    /// Which item.
    pub guid: String,
    /// What.
    pub what: What,
    /// What its author had seen.
    pub seen: Seen,
    /// It keeps or makes the item alive for certain: its author saw it so, or said so.
    pub alive: bool,
    /// It was answered, and its device has not lost its disk since.
    pub acknowledged: bool,
    /// Where it is: a log, and the first and last record it may be in.
    pub place: Option<(Incarnation, u64, u64)>,
}

/// Every write ever tried.
#[derive(Debug, Default)]
pub struct Ledger {
    /// In the order in which they were tried.
    pub writes: Vec<Write>,
}

/// An item as every daemon has it in the end.
pub struct Found<'a> {
    /// Its members.
    pub members: &'a Map<String, Value>,
    /// Its conflicts.
    pub conflicts: Vec<&'a ConflictView>,
}

impl Ledger {
    /// Notes a write before it is tried; gives its number.
    pub fn attempt(&mut self, guid: &str, what: What, seen: Seen, alive: bool) -> usize {
        let guid = guid.to_owned();
        self.writes.push(Write { guid, what, seen, alive, acknowledged: false, place: None });
        self.writes.len() - 1
    }

    /// A disk was set back: writes that no `clock` holds any more are lost with it, and nobody is to blame.
    pub fn forgive(&mut self, clocks: &[Clock]) {
        for write in &mut self.writes {
            let kept = |(log, _, hi): (Incarnation, u64, u64)| clocks.iter().any(|c| c.covers(log, hi));
            write.acknowledged &= write.place.is_none_or(kept);
        }
    }

    /// How many writes were acknowledged and not lost with a disk.
    pub fn acknowledged(&self) -> usize {
        self.writes.iter().filter(|write| write.acknowledged).count()
    }

    /// Checks one item.
    ///
    /// # Errors
    /// What is lost, or has come from nowhere.
    pub fn check(&self, guid: &str, found: Option<&Found<'_>>) -> Result<(), Fault> {
        let of: Vec<(usize, &Write)> =
            self.writes.iter().enumerate().filter(|(_, write)| write.guid == guid).collect();
        let Some(found) = found else {
            let lost = of.iter().find(|(_, write)| write.acknowledged);
            return lost
                .map_or(Ok(()), |(n, write)| Err(format!("{guid} is lost whole: write {n}, {write:?}")));
        };
        for (n, write) in of.iter().filter(|(_, write)| write.acknowledged) {
            self.check_write(*n, write, &of, found).map_err(|fault| {
                let conflicts: Vec<_> = found.conflicts.iter().map(|c| (&c.member, &c.value, &c.others)).collect();
                let others = of.iter().filter(|(_, w)| same_field(&w.what, &write.what)).collect::<Vec<_>>();
                format!("{fault}: write {n}, {write:?}\n  members {}\n  conflicts {conflicts:?}\n  among {others:?}",
                    Value::Object(found.members.clone()))
            })?;
        }
        self.check_origin(guid, &of, found)?;
        check_life(guid, &of, found)
    }

    fn check_write(
        &self,
        n: usize,
        write: &Write,
        of: &[(usize, &Write)],
        found: &Found<'_>,
    ) -> Result<(), Fault> {
        let superseded = |by: fn(&What, &What) -> bool| {
            of.iter().any(|(m, other)| *m != n && by(&other.what, &write.what) && other.saw(n, write))
        };
        let fine = match &write.what {
            What::Value(member, value) => {
                found.values(member).contains(&value)
                    || superseded(|other, this| match (other, this) {
                        (What::Value(a, _), What::Value(b, _)) => a == b,
                        _ => false,
                    })
            }
            What::Word(word) => {
                found.notes().any(|note| note.contains(word.as_str()))
                    || superseded(|other, this| match (other, this) {
                        (What::Cut(words), What::Word(word)) => words.contains(word),
                        (What::Note(_), _) => true,
                        _ => false,
                    })
            }
            What::Note(Some(text)) => {
                found.notes().any(|note| note == text)
                    || superseded(|other, _| matches!(other, What::Note(_) | What::Word(_) | What::Cut(_)))
            }
            _ => true,
        };
        if fine { Ok(()) } else { Err("an acknowledged write is lost".into()) }
    }

    /// Values in force and in conflicts were written by somebody.
    fn check_origin(&self, guid: &str, of: &[(usize, &Write)], found: &Found<'_>) -> Result<(), Fault> {
        for member in ["color", "type", "chapter", "CharIndexStart"] {
            for value in found.values(member) {
                let written = of.iter().any(|(_, write)| write.what == What::Value(member, value.clone()));
                if !written && !super::app::is_initial(member, value) {
                    return Err(format!("{member} of {guid} is {value}, which nobody wrote"));
                }
            }
        }
        Ok(())
    }
}

impl Write {
    /// True when its author may have seen the other write.
    fn saw(&self, n: usize, other: &Write) -> bool {
        self.seen.own.contains(&n) || other.place.is_some_and(|(log, lo, _)| self.seen.clock.covers(log, lo))
    }

    /// True when its author has not seen any of the other write.
    fn missed(&self, n: usize, other: &Write) -> bool {
        !self.saw(n, other)
    }
}

/// An edit that no removal had seen keeps alive; a removal that saw all there is removes.
fn check_life(guid: &str, of: &[(usize, &Write)], found: &Found<'_>) -> Result<(), Fault> {
    let removed = found.members["SyncIsRemoved"] == true;
    let removals: Vec<_> = of.iter().filter(|(_, write)| write.what == What::Removed).collect();
    let others = || of.iter().filter(|(_, write)| write.what != What::Removed);
    let unseen = others().find(|(n, write)| {
        write.acknowledged && write.alive && removals.iter().all(|(_, removal)| removal.missed(*n, write))
    });
    if removed && let Some((n, write)) = unseen {
        return Err(format!("{guid} is removed although no removal had seen write {n}, {write:?}"));
    }
    let last = removals.iter().find(|(r, removal)| {
        let settled = |(n, write): &(usize, &Write)| {
            removal.seen.clock.covers_place(write)
                || removal.seen.own.contains(n)
                || (write.saw(*r, removal) && write.what != What::Revived && write.alive_known())
        };
        removal.acknowledged && others().all(settled)
    });
    match last {
        Some((n, removal)) if !removed => {
            Err(format!("{guid} lives although removal {n} had seen everything: {removal:?}"))
        }
        _ => Ok(()),
    }
}

impl Write {
    /// An edit by an author who brought no cursor may revive; all others say so when they do.
    fn alive_known(&self) -> bool {
        !self.seen.clock.is_empty()
    }
}

trait Covers {
    fn covers_place(&self, write: &Write) -> bool;
}

impl Covers for Clock {
    fn covers_place(&self, write: &Write) -> bool {
        write.place.is_some_and(|(log, _, hi)| self.covers(log, hi))
    }
}

impl Found<'_> {
    /// The values of a member, in force first.
    fn values(&self, member: &str) -> Vec<&Value> {
        let place = member == "CharIndexStart";
        let mut values: Vec<&Value> = self.members.get(member).into_iter().collect();
        for conflict in &self.conflicts {
            if place && conflict.member == "place" {
                values.extend(conflict.others.iter().map(|(value, _)| &value[member]));
            } else if conflict.member == member {
                values.extend(conflict.others.iter().map(|(value, _)| value));
            }
        }
        values
    }

    fn notes(&self) -> impl Iterator<Item = &str> {
        self.values("note").into_iter().filter_map(Value::as_str)
    }
}

/// For telling what happened around a write.
fn same_field(a: &What, b: &What) -> bool {
    match (a, b) {
        (What::Value(a, _), What::Value(b, _)) => a == b,
        (What::Value(..), _) | (_, What::Value(..)) => false,
        _ => true,
    }
}
