//! Medians, percentiles and spreads.

/// A figure taken several times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

impl Spread {
    /// The spread of some repeats. Nothing was measured: not a number.
    pub fn of(repeats: impl IntoIterator<Item = f64>) -> Self {
        let sorted = sorted(repeats.into_iter().collect());
        Self { median: percentile(&sorted, 50), low: percentile(&sorted, 0), high: percentile(&sorted, 100) }
    }

    /// One figure, taken once.
    pub fn once(value: f64) -> Self {
        Self { median: value, low: value, high: value }
    }
}

/// The values in ascending order.
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The nearest-rank percentile of ascending values.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    fn the_nearest_rank_is_taken() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([0, 50, 99, 100].map(|percent| percentile(&values, percent)), [1.0, 2.0, 4.0, 4.0]);
    }

    #[test]
    fn a_spread_knows_its_middle_and_ends() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, low: 1.0, high: 3.0 });
    }
}
