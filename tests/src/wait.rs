//! Waiting for a condition with a deadline. The only place of the process tests that lets time pass.

use std::time::{Duration, Instant};

/// How long a test waits for something that should take well under a second. Long, because the machine may be
/// busy; a test that succeeds never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks at a condition. Short, so that the wait itself hardly shows in what a test measures.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks at `condition` until it gives a value, and returns that value.
///
/// # Panics
/// When `deadline` has passed, naming `what` was waited for.
pub fn eventually<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Looks at `left` and `right` until they are equal, and returns the common value.
///
/// # Panics
/// When `deadline` has passed, showing both.
pub fn eventually_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    deadline: Duration,
    mut left: impl FnMut() -> T,
    mut right: impl FnMut() -> T,
) -> T {
    let start = Instant::now();
    loop {
        let (one, other) = (left(), right());
        if one == other {
            return one;
        }
        assert!(
            start.elapsed() < deadline,
            "waited {deadline:?} in vain: {what}\n{one:#?}\nis not\n{other:#?}"
        );
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_holds() {
        let mut looks = 0;
        let value = eventually("the third look", PATIENCE, || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(value, 3);
    }

    #[test]
    #[should_panic(expected = "in vain: the impossible")]
    fn a_deadline_names_what_was_waited_for() {
        eventually::<()>("the impossible", Duration::from_millis(5), || None);
    }

    #[test]
    #[should_panic(expected = "is not")]
    fn unequal_values_are_shown() {
        eventually_equal("equality", Duration::from_millis(5), || 1, || 2);
    }
}
