//! Anchors: whatever is accepted is a clock, and that clock's own text is accepted as the same clock.

use quire_protocol::clock::Clock;
use quire_protocol::id::Space;

/// The digits of an anchor before its vector: version and space (`protocol/README.md`).
const HEAD: usize = 2 * (1 + 8);

/// Reads the input as an anchor, and as the vector of one whose head and checksum are right, since no fuzzer would
/// guess these.
pub fn check(data: &[u8]) {
    let space = Space::account(3);
    if let Ok(text) = std::str::from_utf8(data) {
        accepted(&space, text);
    }
    accepted(&space, &sealed(&space, data));
}

fn accepted(space: &Space, text: &str) {
    let Some(clock) = Clock::from_anchor(space, text) else { return };
    let written = clock.to_anchor(space);
    assert!(written.len() <= text.len(), "{text} became {written}");
    assert_eq!(Clock::from_anchor(space, &written), Some(clock), "{text}");
    assert_eq!(Clock::from_anchor(&Space::account(4), text), None, "{text}");
}

fn sealed(space: &Space, vector: &[u8]) -> String {
    let empty = Clock::default().to_anchor(space);
    let mut bytes: Vec<u8> = empty.as_bytes()[..HEAD].chunks(2).map(byte).collect();
    bytes.extend_from_slice(vector);
    let sum = blake3::derive_key("quire anchor checksum 1", &bytes);
    bytes.extend_from_slice(&sum[..4]);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn byte(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |byte, digit| byte << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u8)
}
