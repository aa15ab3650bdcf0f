//! How long a peer that could not be reached is left alone.

use quire_protocol::session::Millis;

/// The wait after the first failure: a passing fault is over by then.
const FIRST: Millis = 500;

/// The longest wait: an attempt a minute costs nothing, and somebody who waits for a peer sees it come.
const LONGEST: Millis = 60_000;

/// A wait that doubles with every failure, spread by a quarter to both sides so that many devices which
/// lost the same peer do not come back at the same moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes a failure and gives the wait that is due. `chance` is random.
    pub(super) fn failed(&mut self, chance: u16) -> Millis {
        let base = FIRST.saturating_mul(1 << self.failures.min(20)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        base - base / 4 + base / 2 * Millis::from(chance) / Millis::from(u16::MAX)
    }

    /// Forgets the failures.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_minute_within_its_spread_and_starts_again() {
        let mut middle = Backoff::default();
        let waits: Vec<Millis> = (0..9).map(|_| middle.failed(u16::MAX / 2) / 100).collect();
        assert_eq!(waits, [4, 9, 19, 39, 79, 159, 319, 599, 599]);
        assert_eq!((middle.failed(0), middle.failed(u16::MAX)), (45_000, 75_000));
        middle.reset();
        assert_eq!(middle.failed(0), 375);
    }
}
