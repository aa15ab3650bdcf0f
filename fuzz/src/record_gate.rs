//! The gate: its verdict follows from a change and its causal past alone, and what it lets through every replica can
//! load, edit, save and merge, in any order, to the same.

mod made;
mod story;

use std::collections::BTreeSet;

use automerge::transaction::Transactable;
use automerge::{AutoCommit, Automerge, ROOT, ReadDoc};
use quire_protocol::change::Change;
use quire_protocol::document::{Document, genesis, load, load_saved};
use quire_protocol::gate::{Screened, admit, screen};
use quire_protocol::id::ChangeId;
use quire_protocol::record::RecordKind;

use story::{ID, Known, MALLORY, story};

/// Reads the input as a change whose length and checksum are right, as damage to an honest change, and as an honest
/// change with other fields.
pub fn check(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let raw = match mode % 3 {
        0 => made::sealed(rest),
        1 => made::damaged(rest),
        _ => made::altered(rest),
    };
    let kind = match mode >> 6 {
        0 | 1 => RecordKind::CHANGE,
        2 => RecordKind::SEED,
        _ => RecordKind::ECHO,
    };
    if let Ok(screened) = screen(ID, MALLORY, kind, &raw) {
        judged(&screened);
    }
}

/// The change onto every state that holds what it depends on.
fn judged(screened: &Screened) {
    let states: Vec<Vec<&Known>> = states(screened.change());
    let mut verdicts = BTreeSet::new();
    for state in &states {
        let small = admit(&small(state), ID, screened);
        let full = admit(&full(state), ID, screened);
        assert_eq!(small.as_ref().err(), full.as_ref().err(), "two ways of folding, two verdicts");
        verdicts.insert(small.is_ok());
        if let (Ok(small), Ok(full)) = (small, full) {
            assert_eq!(small.project(), full.project());
            usable(state, screened);
        }
    }
    assert!(verdicts.len() <= 1, "the verdict depends on what came before it by chance");
    if verdicts.contains(&true) {
        merges(states.first().map_or(&[][..], Vec::as_slice), screened);
    }
}

/// The least state that has its dependencies, and the whole story; none when a dependency is in no story.
fn states(change: &Change) -> Vec<Vec<&'static Known>> {
    let all: Vec<&Known> = story().iter().collect();
    let known =
        |dep: &ChangeId| *dep == genesis(ID).id() || all.iter().any(|known| known.change.id() == *dep);
    if !change.deps().iter().all(known) {
        return Vec::new();
    }
    let mut wanted: BTreeSet<ChangeId> = change.deps().iter().copied().collect();
    let mut least = Vec::new();
    for known in all.iter().rev() {
        if wanted.contains(&known.change.id()) {
            wanted.extend(known.change.deps());
            least.push(*known);
        }
    }
    least.reverse();
    vec![least, all]
}

fn small(state: &[&Known]) -> Document {
    match load(ID, state.iter().map(|known| known.change.raw().to_vec()).collect()) {
        Ok(document) => document,
        Err(error) => panic!("an honest story: {error}"),
    }
}

/// The same as Automerge keeps it.
fn full(state: &[&Known]) -> Document {
    let saved = automerge_of(state.iter().map(|known| known.change.raw())).save_nocompress();
    match load_saved(ID, &saved, []) {
        Ok(document) => document,
        Err(error) => panic!("an honest story: {error}"),
    }
}

fn automerge_of<'a>(raws: impl Iterator<Item = &'a [u8]>) -> Automerge {
    let mut document = Automerge::new();
    let first = genesis(ID).raw().to_vec();
    for raw in [first].into_iter().chain(raws.map(<[u8]>::to_vec)) {
        match automerge::Change::from_bytes(raw) {
            Ok(change) => assert!(document.apply_changes([change]).is_ok()),
            Err(error) => panic!("a change that passed: {error}"),
        }
    }
    document
}

/// Automerge loads, edits, saves and loads what the gate let through.
fn usable(state: &[&Known], screened: &Screened) {
    let raws = state.iter().map(|known| known.change.raw()).chain([screened.raw()]);
    let document = automerge_of(raws);
    assert!(document.get_missing_deps(&[]).is_empty());
    let reload = |document: &Automerge| match AutoCommit::load(&document.save()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("accepted, then unloadable: {error}"),
    };
    let mut loaded = reload(&document);
    assert_eq!(loaded.get_heads(), document.get_heads());
    assert!(loaded.put(ROOT, "probe", 1).is_ok());
    loaded.commit();
    let saved = loaded.save();
    assert!(AutoCommit::load(&saved).is_ok_and(|mut again| again.get_heads() == loaded.get_heads()));
}

/// On one replica it comes as early as it can, on another after everything.
fn merges(least: &[&Known], screened: &Screened) {
    let mut early = match admit(&small(least), ID, screened) {
        Ok(document) => document,
        Err(reason) => panic!("{reason}"),
    };
    for known in story().iter().filter(|known| !least.iter().any(|l| l.change.id() == known.change.id())) {
        let honest = screen(ID, known.log, known.kind, known.change.raw());
        early = match honest.and_then(|honest| admit(&early, ID, &honest)) {
            Ok(document) => document,
            Err(reason) => panic!("an honest change beside a hostile one: {reason}"),
        };
    }
    let all: Vec<&Known> = story().iter().collect();
    let late = match admit(&small(&all), ID, screened) {
        Ok(document) => document,
        Err(reason) => panic!("{reason}"),
    };
    assert_eq!(early.project(), late.project(), "two orders, two documents");
}
