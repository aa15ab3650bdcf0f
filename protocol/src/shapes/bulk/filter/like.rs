//! Patterns of SQL Server's LIKE: `%` for any text, `_` for one character, `[a-f]` and `[^a-f]` for one of a set or not
//! of it. Without letter case.

/// Parts of a pattern. Matching takes at most this many steps for each character of a value.
const MAX_PARTS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Like(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Any,
    One,
    Char(char),
    Set { is_negated: bool, ranges: Vec<(char, char)> },
}

impl Like {
    /// `None` for a pattern of more than [`MAX_PARTS`]. A bracket that is not closed stands for itself.
    pub(super) fn parse(pattern: &str) -> Option<Like> {
        let chars: Vec<char> = folded(pattern).collect();
        let mut rest = chars.as_slice();
        let mut parts = Vec::new();
        while let Some((first, after)) = rest.split_first() {
            let set = (*first == '[').then(|| set(after)).flatten();
            let (part, after) = match (first, set) {
                (_, Some(set)) => set,
                ('%', None) => (Part::Any, after),
                ('_', None) => (Part::One, after),
                (c, None) => (Part::Char(*c), after),
            };
            parts.push(part);
            rest = after;
            if parts.len() > MAX_PARTS {
                return None;
            }
        }
        Some(Like(parts))
    }

    /// Whether the whole text is one of the pattern. Only the last `%` is ever tried again, further on: what came before
    /// it took the least that it could.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut parts, mut rest) = (self.0.as_slice(), folded(text));
        let mut again: Option<(&[Part], _)> = None;
        loop {
            if let [Part::Any, after @ ..] = parts {
                parts = after;
                again = Some((after, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            match (parts, ahead.next()) {
                ([], None) => return true,
                ([part, after @ ..], Some(c)) if part.takes(c) => (parts, rest) = (after, ahead),
                (_, None) => return false,
                (_, Some(_)) => {
                    let Some((after, from)) = &mut again else { return false };
                    from.next();
                    (parts, rest) = (after, from.clone());
                }
            }
        }
    }
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Part::Any | Part::One => true,
            Part::Char(own) => *own == c,
            Part::Set { is_negated, ranges } => {
                ranges.iter().any(|(least, most)| (*least..=*most).contains(&c)) != *is_negated
            }
        }
    }
}

/// The set after an opening bracket, and what follows it.
fn set(text: &[char]) -> Option<(Part, &[char])> {
    let is_negated = text.first() == Some(&'^');
    let text = if is_negated { text.get(1..)? } else { text };
    // A bracket that closes at once is one of the set.
    let end = text.iter().skip(1).position(|c| *c == ']')? + 1;
    let (mut inside, rest) = (text.get(..end)?, text.get(end + 1..)?);
    let mut ranges = Vec::new();
    while let [first, after @ ..] = inside {
        (ranges, inside) = match after {
            ['-', last, after @ ..] => (with(ranges, *first, *last), after),
            _ => (with(ranges, *first, *first), after),
        };
    }
    Some((Part::Set { is_negated, ranges }, rest))
}

fn with(mut ranges: Vec<(char, char)>, least: char, most: char) -> Vec<(char, char)> {
    ranges.push((least, most));
    ranges
}

fn folded(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn patterns_stand_for_what_sql_server_says() {
        for (pattern, found, missed) in [
            ("%@example.com", "A@Example.com", "a@example.org"),
            ("a%", "Abc", "ba"),
            ("%b%", "abc", "ac"),
            ("a_c", "abc", "abbc"),
            ("[a-c]x", "Bx", "dx"),
            ("[^a-c]x", "dx", "bx"),
            ("100[%]", "100%", "1000"),
            ("[]]", "]", "["),
            ("a[", "a[", "a"),
            ("", "", "a"),
            ("%a%b%", "xxaxxbxx", "xxbxxaxx"),
            ("%aab", "aaab", "aaa"),
        ] {
            let like = Like::parse(pattern).unwrap();
            assert!(like.matches(found), "{pattern} {found}");
            assert!(!like.matches(missed), "{pattern} {missed}");
        }
        assert!(Like::parse(&"_".repeat(MAX_PARTS + 1)).is_none());
        let slow = Like::parse(&format!("{}b", "%a".repeat(100))).unwrap();
        assert!(!slow.matches(&"a".repeat(100_000)));
    }
}
