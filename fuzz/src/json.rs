//! JSON: the lenient reader agrees with the strict one, and what either reads is read again as the same.

use quire_protocol::shapes::json::{decode, parse, parse_text};
use serde_json::Value;

use super::{assert_short, members};

/// What a body can say of its encoding.
const CHARSETS: [Option<&str>; 4] = [None, Some("utf-8"), Some("utf-16"), Some("utf-16be")];

/// Reads the input as a body in each encoding.
pub fn check(data: &[u8]) {
    if let Ok(value) = parse(data) {
        agreed(data, &value);
    }
    for charset in CHARSETS {
        match decode(data, charset) {
            Ok(text) => read(&text),
            Err(error) => assert_short(&error.to_string()),
        }
    }
}

/// A comment is refused by the strict reader alone, so the lenient one has to read what follows it.
fn agreed(data: &[u8], value: &Value) {
    let Ok(strict) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(strict.to_string(), value.to_string());
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lenient = parse_text(&format!("/**/{text}"));
    assert_eq!(lenient.map(|lenient| lenient.to_string()), Ok(value.to_string()));
}

fn read(text: &str) {
    match parse_text(text) {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(parse_text(&written).map(|again| again.to_string()).as_ref(), Ok(&written));
            members::check(text, &value);
        }
        Err(error) => assert_short(&error.to_string()),
    }
}
