//! Foreign text made harmless for a terminal or a log line. Names, notes and errors come from other
//! people's devices; nothing in them may move the cursor, colour, reorder or break a line.

use std::fmt::{Display, Formatter, Result, Write};

/// Shows text with control and bidirectional characters as `\u{…}`, and line breaks as `\n`, `\r`, `\t`.
///
/// ```
/// assert_eq!(quire_daemon::escape::Escaped("a\u{1b}[31m\n").to_string(), r"a\u{1b}[31m\n");
/// ```
pub struct Escaped<T>(pub T);

impl<T: AsRef<str>> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for character in self.0.as_ref().chars() {
            match character {
                '\n' | '\r' | '\t' => write!(f, "{}", character.escape_default())?,
                _ if is_unsafe(character) => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Whether a character acts on the display instead of being shown: the C0 and C1 controls, the
/// bidirectional marks, embeddings and isolates, and the line and paragraph separators.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_named_and_others_stay() {
        let cases = [
            ("plain äöü 日本 👍", "plain äöü 日本 👍"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("two\nlines\r\t", r"two\nlines\r\t"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}c\u{200f}", r"a\u{202e}b\u{2066}c\u{200f}"),
            ("back\\slash", "back\\slash"),
        ];
        for (text, shown) in cases {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }
}
