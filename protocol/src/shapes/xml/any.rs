//! Values of `props` between JSON and the XML types of `anyType` (REFERENCE D5).

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{SCHEMA, SERIALIZATION};
use crate::shapes::coerce::{guid_text, number_text};

/// The XML schema type and text of a value; `None` for null and for an empty object, which have neither. Arrays and
/// other objects are text, since no client could read them as anything else.
pub(super) fn typed(value: &Value) -> Option<(&'static str, Cow<'_, str>)> {
    match value {
        Value::Null => None,
        Value::Object(members) if members.is_empty() => None,
        Value::Bool(true) => Some(("boolean", "true".into())),
        Value::Bool(false) => Some(("boolean", "false".into())),
        Value::Number(number) => Some((number_type(number), number_form(number).into())),
        Value::String(text) => Some(("string", text.into())),
        Value::Array(_) | Value::Object(_) => Some(("string", value.to_string().into())),
    }
}

fn number_type(number: &Number) -> &'static str {
    match number.as_i64() {
        Some(whole) if i32::try_from(whole).is_ok() => "int",
        Some(_) => "long",
        None if number.is_u64() => "unsignedLong",
        None => "double",
    }
}

fn number_form(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float == 0.0 && float.is_sign_negative() => "-0".to_owned(),
        _ => number_text(number),
    }
}

/// The JSON counterpart of text with that XML type; `None` where the text is not of the type, or the type is not one
/// of a plain value. A number that JSON could not hold exactly stays text.
pub(super) fn value(namespace: &str, ty: &str, text: String) -> Option<Value> {
    let trimmed = text.trim();
    match (namespace, ty) {
        (SCHEMA, "string" | "normalizedString" | "token") => Some(Value::String(text)),
        (SCHEMA, "boolean") => boolean(trimmed).map(Value::Bool),
        (SCHEMA, "double" | "float") => float(trimmed),
        (SCHEMA, "decimal") => decimal(trimmed),
        (SCHEMA, "int" | "long" | "short" | "byte" | "integer") => whole(trimmed),
        (SCHEMA, "unsignedInt" | "unsignedLong" | "unsignedShort" | "unsignedByte") => whole(trimmed),
        (SCHEMA, "dateTime" | "anyURI" | "base64Binary" | "QName" | "date" | "time" | "duration")
        | (SERIALIZATION, "duration") => Some(Value::from(trimmed)),
        (SERIALIZATION, "guid") => guid_text(trimmed).map(Value::String),
        (SERIALIZATION, "char") => code_unit(trimmed),
        (SCHEMA, "anyType") | ("", "") => Some(untyped(text)),
        _ => None,
    }
}

/// .NET refuses text without a type; as a string nothing of it is lost.
fn untyped(text: String) -> Value {
    if text.trim().is_empty() { Value::Object(Map::new()) } else { Value::String(text) }
}

/// XML's booleans: `True` is none.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn whole(text: &str) -> Option<Value> {
    let signed = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = signed.parse::<i64>() {
        return Some(Value::from(number));
    }
    if let Ok(number) = signed.parse::<u64>() {
        return Some(Value::from(number));
    }
    let digits = signed.strip_prefix('-').unwrap_or(signed);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Value::from(text))
}

/// A double is by definition the nearest one; what has no JSON number stays text.
fn float(text: &str) -> Option<Value> {
    if matches!(text, "INF" | "-INF" | "NaN") {
        return Some(Value::from(text));
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|_| plain)?;
    Some(Number::from_f64(number).map_or_else(|| Value::from(text), Value::Number))
}

fn decimal(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (before, after) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = before.bytes().chain(after.bytes());
    if before.len() + after.len() == 0 || !digits.into_iter().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if !unsigned.contains('.') {
        return whole(text);
    }
    let number = text.parse::<f64>().ok()?;
    let shown = format!("{}", number.abs());
    let (shown_before, shown_after) = shown.split_once('.').unwrap_or((&shown, ""));
    let same = before.trim_start_matches('0') == shown_before.trim_start_matches('0')
        && after.trim_end_matches('0') == shown_after.trim_end_matches('0');
    let exact = Number::from_f64(number).filter(|_| same);
    Some(exact.map_or_else(|| Value::from(text), Value::Number))
}

/// .NET writes a `char` as the number of its UTF-16 unit.
fn code_unit(text: &str) -> Option<Value> {
    let unit = text.parse::<u16>().ok()?;
    char::from_u32(u32::from(unit)).map(|c| Value::from(c.to_string()))
}
