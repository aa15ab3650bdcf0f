//! Where in a text a value ends: what Json.NET says of a value that does not fit.

use super::JsonError;
use super::lenient::Reader;
use crate::shapes::place;

/// The message with the line and position where the value at `path` ends, as Json.NET has them; unchanged when its path
/// is not at its end, or nothing is there.
pub fn placed(text: &str, path: &str, message: String) -> String {
    let Some(told) = message.strip_suffix(&format!("Path '{path}'.")) else { return message };
    match end_of(text, path) {
        Some((line, position)) => format!("{told}Path '{path}', line {line}, position {position}."),
        None => message,
    }
}

/// Line from 1, and UTF-16 units since its start, behind the value; behind the bracket of an object or array.
fn end_of(text: &str, path: &str) -> Option<(usize, usize)> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader::new(text);
    let mut steps =
        path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    let at: Result<Option<usize>, JsonError> = reader.end_at(&mut steps);
    at.ok().flatten().map(|at| place(text, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_path() {
        let of = |text: &str, path: &str| end_of(text, path);
        assert_eq!(of(r#"{"tenantId":"nope"}"#, "tenantId"), Some((1, 18)));
        assert_eq!(of("{a:[1,\n {b: 25 }]}", "a[1].b"), Some((2, 7)));
        assert_eq!(of("{\"A\":{}}", "a"), Some((1, 6)));
        assert_eq!(of("{\"a\":{}}", "a.b"), None);
        assert_eq!(of("{\"a\":", "a"), None);
        assert_eq!(of("[1,[true]]", "[1][0]"), Some((1, 8)));
    }

    #[test]
    fn only_a_message_of_that_path_is_changed() {
        let text = r#"{"x":5}"#;
        assert_eq!(placed(text, "x", "Bad. Path 'x'.".into()), "Bad. Path 'x', line 1, position 6.");
        assert_eq!(placed(text, "y", "Bad. Path 'y'.".into()), "Bad. Path 'y'.");
        assert_eq!(placed(text, "x", "Bad.".into()), "Bad.");
    }
}
