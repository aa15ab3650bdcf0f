//! The documented HTTP shapes: bytes of an app to domain words and back. A foreign quirk stops here.

pub mod body;
pub mod bulk;
pub mod coerce;
pub mod contract;
pub mod date;
pub mod error;
pub mod forms;
pub mod json;
mod media;
pub mod model;
pub mod negotiation;
pub mod xml;

use serde_json::Value;

/// The longest message about bad input, in characters: enough to find the place, too little to echo a body.
pub const MAX_MESSAGE: usize = 200;

/// The text cut to `max` characters, ending in an ellipsis where something was cut.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Json.NET's name for what a value begins with.
pub(crate) fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "StartArray",
        Value::Object(_) => "StartObject",
    }
}

/// The line of a byte, from 1, and the UTF-16 units before it on that line, as .NET counts them.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let breaks = before.matches('\n').count() + before.replace("\r\n", "").matches('\r').count();
    (breaks + 1, before[start..].encode_utf16().count())
}
