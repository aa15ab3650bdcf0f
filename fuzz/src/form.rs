//! Forms: what is read is bounded, is read again from JSON as the same, and written as a form means the same.

use quire_protocol::shapes::forms::{self, MAX_DEPTH, MAX_KEYS};
use quire_protocol::shapes::json::parse_text;
use serde_json::Value;

use super::{assert_short, members};

/// Reads the input as a form.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match forms::read(text) {
        Ok(value) => {
            let written = value.to_string();
            assert_eq!(parse_text(&written).map(|again| again.to_string()), Ok(written));
            rewritten(&value);
            members::check(text, &value);
        }
        Err(error) => assert_short(&error.to_string()),
    }
}

/// Every text of the value under its own name is a form of the same value.
fn rewritten(value: &Value) {
    let mut form = Form { names: Vec::new(), is_plain: true };
    form.add(String::new(), value, 0);
    assert!(form.names.len() <= MAX_KEYS);
    if form.is_plain {
        let text = form.names.join("&");
        assert_eq!(forms::read(&text).map(|again| again.to_string()), Ok(value.to_string()), "{text}");
    }
}

struct Form {
    names: Vec<String>,
    /// Whether the names of a form can say it: letters alone, and nothing that is a form's own word.
    is_plain: bool,
}

impl Form {
    fn add(&mut self, path: String, value: &Value, depth: usize) {
        // A list of texts is one level that takes no step.
        assert!(depth <= MAX_DEPTH + 1);
        match value {
            Value::String(text) => self.names.push(format!("{path}={}", escaped(text))),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                self.is_plain &= depth > 0;
                items.iter().for_each(|item| self.add(format!("{path}[]"), item, depth + 1));
            }
            Value::Array(items) => {
                let entries = items.iter().enumerate();
                entries.for_each(|(at, item)| self.add(format!("{path}[{at}]"), item, depth + 1));
            }
            Value::Object(members) => {
                self.is_plain &= members.keys().all(|name| is_plain(name));
                members
                    .iter()
                    .for_each(|(name, value)| self.add(format!("{path}[{name}]"), value, depth + 1));
            }
            other => panic!("a form has no {other}"),
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase()) && !matches!(name, "" | "index" | "key" | "value")
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
