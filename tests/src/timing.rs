//! Whether two things take the same time: many measurements in random order, compared by Welch's t.
//!
//! What it can show is a difference that is large beside the noise of the machine, which hides small ones: that nothing
//! was found is no proof that there is nothing. So every use measures beside it what does differ.

use std::time::{Duration, Instant};

use crate::seed;

/// |t| beyond this comes about by chance once in a million times, were the noise normal and the measurements independent.
pub const BEYOND_CHANCE: f64 = 4.9;

/// They are not: a machine that does something else for a while looks like a difference. It is believed when it is there
/// each of so many times, with the same sign.
const ROUNDS: usize = 3;

/// Measurements above this part of all are left out: the machine was elsewhere. The limit is common to both kinds.
const KEPT: f64 = 0.9;

/// What came of one comparison.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Welch's t of the first kind against the second.
    pub t: f64,
    /// The medians of both.
    pub medians: [Duration; 2],
}

/// Compares two kinds `ROUNDS` times; `measure` is given the kind and does it once. `pairs` measurements of each kind,
/// in an order made of `state`.
pub fn compare(pairs: usize, state: &mut u64, mut measure: impl FnMut(usize)) -> Vec<Difference> {
    (0..ROUNDS).map(|_| one_round(pairs, state, &mut measure)).collect()
}

/// Whether they are told apart in each round, in the same way.
#[must_use]
pub fn are_told_apart(rounds: &[Difference]) -> bool {
    let slower = |sign: f64| rounds.iter().all(|round| round.t * sign > BEYOND_CHANCE);
    slower(1.0) || slower(-1.0)
}

fn one_round(pairs: usize, state: &mut u64, measure: &mut impl FnMut(usize)) -> Difference {
    let mut taken = [Vec::with_capacity(pairs), Vec::with_capacity(pairs)];
    for _ in 0..pairs {
        let first = (seed::next(state) & 1) as usize;
        for kind in [first, 1 - first] {
            let start = Instant::now();
            measure(kind);
            taken[kind].push(start.elapsed());
        }
    }
    let mut all: Vec<Duration> = taken.concat();
    all.sort_unstable();
    let limit = all[((all.len() - 1) as f64 * KEPT) as usize];
    let kept = taken.each_ref().map(|kind| {
        kind.iter().filter(|one| **one <= limit).map(|one| one.as_nanos() as f64).collect::<Vec<f64>>()
    });
    Difference { t: welch(&kept[0], &kept[1]), medians: taken.map(median) }
}

fn median(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken[taken.len() / 2]
}

/// Welch's t; 0 when there is too little to say anything.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let [(a, va), (b, vb)] = [one, other].map(mean_and_its_variance);
    let spread = (va + vb).sqrt();
    if spread > 0.0 { (a - b) / spread } else { 0.0 }
}

fn mean_and_its_variance(values: &[f64]) -> (f64, f64) {
    if values.len() < 2 {
        return (0.0, 0.0);
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_says_what_it_says_in_books() {
        let (one, other) = ([27.5, 21.0, 19.0, 23.6, 17.0, 17.9], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5]);
        let t = welch(&one, &other);
        assert!((t + 1.2902).abs() < 0.001, "{t}");
        assert_eq!(welch(&[], &[1.0, 2.0]).signum(), -1.0);
    }

    #[test]
    fn a_difference_is_believed_when_it_stays() {
        let round = |t| Difference { t, medians: [Duration::ZERO; 2] };
        assert!(are_told_apart(&[round(9.0), round(7.0), round(5.0)]));
        assert!(are_told_apart(&[round(-9.0), round(-7.0), round(-5.0)]));
        assert!(!are_told_apart(&[round(9.0), round(7.0), round(-9.0)]));
        assert!(!are_told_apart(&[round(90.0), round(70.0), round(1.0)]));
    }
}
