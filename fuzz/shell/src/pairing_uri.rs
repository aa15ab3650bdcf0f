//! Invitations and codes that people type: read as they are shown, or refused with words.

use quire_daemon::channel::Code;
use quire_daemon::pairing::fuzzing::invitation;

/// Addresses of one invitation.
const MOST: usize = 8;

/// Reads the input as an invitation and as a code.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match invitation(text) {
        Ok((code, at)) => {
            assert!(at.len() <= MOST && code.len() <= text.len());
            typed(&code);
        }
        Err(why) => assert!(!why.is_empty() && why.len() < 100, "{why}"),
    }
    typed(text);
}

/// A code that is taken is shown 4-4-5, and what is shown is the same code.
fn typed(text: &str) {
    match Code::parse(text) {
        Ok(code) => {
            let shown = code.to_string();
            let lengths: Vec<usize> = shown.split('-').map(str::len).collect();
            assert_eq!(lengths, [4, 4, 5]);
            assert_eq!(Code::parse(&shown).map(|again| again.to_string()), Ok(shown));
        }
        Err(why) => assert!(why.to_string().chars().count() < 100, "{why}"),
    }
}
