//! Replicas converge and lose nothing, whatever happens between them: many stories, each from one seed.
//!
//! `QUIRE_SIM_SEED=n` runs one story, as often as it takes to understand it; `QUIRE_SIM_SEEDS=n` runs so many.
//! Seeds in `seeds.txt` have failed once and run first. Each story runs twice and must be the same.
#![allow(missing_docs)]

use quire_tests::network::world::{Outcome, run};
use std::env;

/// Stories by default: about forty seconds of an unoptimized build on two cores.
const STORIES: u64 = 30;

/// Seeds that once failed.
const KEPT: &str = include_str!("seeds.txt");

#[test]
fn replicas_converge_and_lose_nothing() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("QUIRE_SIM_SEED") {
        eprintln!("{:?}", story(seed).unwrap_or_else(|fault| panic!("{}", short(&[&fault]))));
        return;
    }
    let kept = KEPT.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let seeds: Vec<u64> = kept.chain(1..=number("QUIRE_SIM_SEEDS").unwrap_or(STORIES)).collect();
    let outcomes = in_two_threads(&seeds);
    let failed: Vec<&String> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {} stories failed:\n{}", failed.len(), seeds.len(), short(&failed));
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    let writes: usize = outcomes.iter().map(|outcome| outcome.writes).sum();
    let rounds = outcomes.iter().map(|outcome| outcome.rounds).max().unwrap_or(0);
    eprintln!("{} stories, {writes} acknowledged writes, quiet after at most {rounds} rounds", seeds.len());
    assert!(writes > 20 * seeds.len(), "the stories do too little to show anything");
}

/// Runs a story twice.
fn story(seed: u64) -> Result<Outcome, String> {
    let named = |fault: String| format!("QUIRE_SIM_SEED={seed}: {fault}");
    let first = run(seed).map_err(named)?;
    let again = run(seed).map_err(named)?;
    if first == again { Ok(first) } else { Err(named(format!("not the same again: {first:?}, {again:?}"))) }
}

/// Stories share nothing, so half of them run beside the other half.
fn in_two_threads(seeds: &[u64]) -> Vec<Result<Outcome, String>> {
    let (one, two) = seeds.split_at(seeds.len() / 2);
    let all = |seeds: &[u64]| seeds.iter().map(|seed| guarded(*seed)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| all(two));
        let mut outcomes = all(one);
        outcomes.extend(other.join().unwrap_or_else(|_| vec![Err("a thread ended".into())]));
        outcomes
    })
}

/// A panic within a story is told with its seed.
fn guarded(seed: u64) -> Result<Outcome, String> {
    std::panic::catch_unwind(|| story(seed))
        .unwrap_or_else(|_| Err(format!("QUIRE_SIM_SEED={seed}: a panic, see above")))
}

/// Long values are runs of one character.
fn short(failed: &[&String]) -> String {
    let squeezed = |text: &&String| {
        let mut out = String::new();
        let mut run = (' ', 0);
        for character in text.chars() {
            run = if run.0 == character { (character, run.1 + 1) } else { (character, 0) };
            if run.1 < 4 {
                out.push(character);
            }
        }
        out
    };
    failed.iter().map(squeezed).collect::<Vec<_>>().join("\n")
}
