//! Randomness from the system, in one place.

/// Bytes from the system's generator. Without one nothing here may go on: keys would be guessable.
#[allow(clippy::expect_used)]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the system's random generator works");
    out
}
