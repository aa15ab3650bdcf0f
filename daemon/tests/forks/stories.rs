//! Random stories of a device, its clone and two others: whatever anybody wrote is there in the end, once, unless it was
//! written over by who had seen it.

use std::collections::{BTreeMap, BTreeSet};

use quire_daemon::engine::Engine;

use super::family::{Family, colour, family, member, set, values, write};
use crate::pair::talk::talk;

/// Stories of one run, and steps of a story.
const STORIES: u64 = 6;
const STEPS: usize = 40;

/// Numbers that a seed gives.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // Knuth's linear congruential generator; the low bits are poor.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What was written and not written over by who had seen it.
#[derive(Default)]
struct Ledger {
    colours: BTreeMap<u8, BTreeSet<String>>,
    words: Vec<(u8, String)>,
}

impl Ledger {
    async fn paint(&mut self, engine: &Engine, item: u8, value: String) {
        let seen = values(engine, item, "color");
        colour(engine, item, &value).await;
        let standing = self.colours.entry(item).or_default();
        standing.retain(|value| !seen.contains(value));
        standing.insert(value);
    }

    async fn note(&mut self, engine: &Engine, item: u8, word: String) {
        let before = member(engine, item, "note").unwrap_or_default();
        set(engine, item, "note", &format!("{before} {word}.")).await;
        self.words.push((item, format!("{word}.")));
    }

    async fn create(&mut self, engine: &Engine, item: u8, word: String) {
        write(engine, item, &format!("{word}.")).await;
        self.words.push((item, format!("{word}.")));
    }

    fn holds(&self, engine: &Engine, seed: u64) {
        for (item, standing) in &self.colours {
            let shown = values(engine, *item, "color");
            assert!(shown.is_superset(standing), "QUIRE_SEED={seed}: item {item}: {shown:?} of {standing:?}");
        }
        for (item, word) in &self.words {
            let note = member(engine, *item, "note").unwrap_or_default();
            assert_eq!(note.matches(word).count(), 1, "QUIRE_SEED={seed}: item {item}: {word:?} in {note:?}");
        }
    }
}

async fn step(family: &Family, dice: &mut Dice, ledger: &mut Ledger, n: usize) {
    let all = [&family.a, &family.clone, &family.p, &family.q];
    let engine = all[dice.throw(4) as usize];
    let known: Vec<u8> = (1..=20).filter(|item| member(engine, *item, "note").is_some()).collect();
    let item = known[dice.throw(known.len() as u64) as usize];
    match dice.throw(8) {
        0 | 1 => ledger.paint(engine, item, format!("colour{n}")).await,
        2 | 3 => ledger.note(engine, item, format!("word{n}")).await,
        4 => {
            let new = 3 + dice.throw(10) as u8;
            if !known.contains(&new) {
                ledger.create(engine, new, format!("begin{n}")).await;
            }
        }
        // The two that are one do not meet each other.
        _ => {
            let pairs = [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
            let (one, other) = pairs[dice.throw(pairs.len() as u64) as usize];
            talk(all[one], all[other]).await;
        }
    }
}

#[tokio::test]
async fn whatever_was_written_on_a_branch_is_there_once() {
    let given = std::env::var("QUIRE_SEED").ok().and_then(|text| text.parse().ok());
    let first =
        given.unwrap_or_else(|| u64::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap()));
    for seed in (0..STORIES).map(|n| first.wrapping_add(n)) {
        eprintln!("QUIRE_SEED={seed}");
        let (mut dice, mut ledger, family) = (Dice(seed), Ledger::default(), family().await);
        for n in 0..STEPS {
            step(&family, &mut dice, &mut ledger, n).await;
        }
        family.gather().await;
        family.same();
        for engine in [&family.a, &family.clone, &family.p, &family.q] {
            ledger.holds(engine, seed);
        }
        // All is said: who meets now has nothing to write.
        let before = super::family::clock(&family.p);
        family.gather().await;
        assert_eq!(super::family::clock(&family.p), before, "QUIRE_SEED={seed}");
    }
}
