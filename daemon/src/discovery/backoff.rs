//! How long to wait before trying again what just failed.

use std::time::Duration;

/// First wait: long enough not to spin, short enough for a passing fault.
const FIRST: Duration = Duration::from_secs(1);

/// Longest wait: one attempt a minute costs nothing, and bounds what a flood can make us do.
const LONGEST: Duration = Duration::from_secs(60);

/// A wait that doubles with every failure.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// The wait that is due now.
    pub(super) fn wait(&self) -> Duration {
        self.0
    }

    /// Notes a failure: the wait that is due now, and the next one is longer.
    pub(super) fn failed(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        wait
    }

    /// Notes that things are well after `up` of service. Less than the longest wait proves nothing: a
    /// service that dies every ten seconds is not well.
    pub(super) fn served(&mut self, up: Duration) {
        if up >= LONGEST {
            self.0 = FIRST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute_and_forgets_after_a_good_one() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.served(Duration::from_secs(59));
        assert_eq!(backoff.wait(), LONGEST);
        backoff.served(LONGEST);
        assert_eq!(backoff.wait(), FIRST);
    }
}
