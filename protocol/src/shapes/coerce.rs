//! The value an app sent for a member, as the member's own type: the conversions of Json.NET's model binding.

use std::fmt;

use serde_json::{Number, Value};

use super::date::DateText;
use super::{MAX_MESSAGE, cut};
use crate::domain::{Member, Role, Type};

/// The largest value that is kept whole, in bytes of UTF-8: HTML pages and long notes fit with room.
pub const MAX_VALUE: usize = 16 * 1024 * 1024;

/// How much of a refused value a message shows, in characters, so that the path after it still fits.
const MAX_SHOWN: usize = 60;

/// Why a value does not fit its member. It never holds a secret, since secrets always fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoerceError {
    /// The documented name of the member.
    pub member: &'static str,
    /// The reason in the words of Json.NET, without the path.
    pub reason: String,
}

impl CoerceError {
    /// The whole message for the item at that position, such as `Markings[0]`.
    pub fn message(&self, position: &str) -> String {
        let dot = if position.is_empty() { "" } else { "." };
        cut(&format!("{} Path '{position}{dot}{}'.", self.reason, self.member), MAX_MESSAGE)
    }
}

impl fmt::Display for CoerceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(""))
    }
}

impl std::error::Error for CoerceError {}

/// The value as the member's type.
///
/// Text takes numbers and booleans (`1.5`, `True`), numbers and booleans take their text, a GUID becomes lower case
/// with hyphens, a date stays as it was written. An empty text is null for a nullable member that is not text. A
/// date takes null always: it is shown as [`Member::blank`] where clients need one. A secret becomes null whatever
/// it is.
///
/// # Errors
/// [`CoerceError`] when the value is of another type, out of range, longer than [`MAX_VALUE`], or null for a member
/// that may not be null.
pub fn coerce(member: &Member, value: Value) -> Result<Value, CoerceError> {
    if member.role == Role::Secret {
        return Ok(Value::Null);
    }
    let value = match value {
        Value::String(text) if text.is_empty() && member.ty != Type::Text && takes_null(member) => {
            Value::Null
        }
        value => value,
    };
    if value.is_null() {
        return if takes_null(member) { Ok(value) } else { Err(mismatch(member, &value)) };
    }
    match member.ty {
        Type::Int => int(member, value),
        Type::Bool => boolean(member, value),
        Type::Text => text(member, value),
        Type::Guid => guid(member, value),
        Type::Date => date(member, value),
        Type::Json => list(member, value),
    }
}

fn takes_null(member: &Member) -> bool {
    member.nullable || member.ty == Type::Date
}

fn int(member: &Member, value: Value) -> Result<Value, CoerceError> {
    let number = match &value {
        Value::Number(number) if number.is_f64() => None,
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let (least, greatest) = member.range();
    match number.filter(|n| (least..=greatest).contains(n)) {
        Some(number) => Ok(Value::from(number)),
        None => Err(mismatch(member, &value)),
    }
}

fn boolean(member: &Member, value: Value) -> Result<Value, CoerceError> {
    let known = match &value {
        Value::Bool(known) => Some(*known),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    known.map(Value::Bool).ok_or_else(|| mismatch(member, &value))
}

fn text(member: &Member, value: Value) -> Result<Value, CoerceError> {
    match value {
        Value::String(text) if text.len() > MAX_VALUE => Err(too_long(member)),
        Value::String(_) => Ok(value),
        Value::Bool(true) => Ok(Value::from("True")),
        Value::Bool(false) => Ok(Value::from("False")),
        Value::Number(number) => Ok(Value::from(number_text(&number))),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(mismatch(member, &value)),
    }
}

fn guid(member: &Member, value: Value) -> Result<Value, CoerceError> {
    let canonical = value.as_str().and_then(guid_text);
    canonical.map(Value::String).ok_or_else(|| mismatch(member, &value))
}

fn date(member: &Member, value: Value) -> Result<Value, CoerceError> {
    match value.as_str().map(DateText::parse) {
        Some(Ok(_)) => Ok(value),
        _ => Err(mismatch(member, &value)),
    }
}

/// The only documented JSON member, `categories`, is a list of objects.
fn list(member: &Member, value: Value) -> Result<Value, CoerceError> {
    match &value {
        Value::Array(items) if items.iter().all(|item| item.is_object() || item.is_null()) => {}
        _ => return Err(mismatch(member, &value)),
    }
    if value.to_string().len() > MAX_VALUE {
        return Err(too_long(member));
    }
    Ok(value)
}

/// A GUID in one of .NET's forms (32 digits; with hyphens; and that in braces or parentheses), as lower case with
/// hyphens. `None` for any other text.
pub fn guid_text(text: &str) -> Option<String> {
    let text = text.trim();
    let enclosed = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let inner = enclosed('{', '}').or_else(|| enclosed('(', ')'));
    let body = inner.unwrap_or(text).as_bytes();
    let is_hyphen = |at| matches!(at, 8 | 13 | 18 | 23);
    let fits = match body.len() {
        36 => body
            .iter()
            .enumerate()
            .all(|(at, b)| if is_hyphen(at) { *b == b'-' } else { b.is_ascii_hexdigit() }),
        32 if inner.is_none() => body.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    if !fits {
        return None;
    }
    let mut canonical = String::with_capacity(36);
    for byte in body.iter().filter(|b| **b != b'-') {
        if is_hyphen(canonical.len()) {
            canonical.push('-');
        }
        canonical.push(char::from(byte.to_ascii_lowercase()));
    }
    Some(canonical)
}

/// A number as .NET writes it: `1.50` is 1.5, `1.0` is 1, and `1E+21` has a signed exponent of two digits.
pub(crate) fn number_text(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    if float == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{float:E}");
    let (digits, exponent) = scientific.split_once('E').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-5..15).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}E{sign}{:02}", exponent.abs())
        }
        _ => format!("{float}"),
    }
}

fn mismatch(member: &Member, value: &Value) -> CoerceError {
    let token = match value {
        Value::Array(_) => Some("StartArray"),
        Value::Object(_) => Some("StartObject"),
        _ => None,
    };
    let reason = match (token, member.ty) {
        (Some(token), _) => format!("Error reading {}. Unexpected token: {token}.", plain_type(member.ty)),
        (None, Type::Json) => "Error reading list. An array of objects is needed.".to_owned(),
        (None, _) => format!("Error converting value {} to type '{}'.", shown(value), net_type(member)),
    };
    CoerceError { member: member.name, reason }
}

fn too_long(member: &Member) -> CoerceError {
    CoerceError { member: member.name, reason: format!("The value is longer than {MAX_VALUE} bytes.") }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "{null}".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => Value::from(cut(text, MAX_SHOWN)).to_string(),
        other => cut(&other.to_string(), MAX_SHOWN),
    }
}

fn plain_type(ty: Type) -> &'static str {
    match ty {
        Type::Int => "integer",
        Type::Bool => "boolean",
        Type::Text => "string",
        Type::Guid => "guid",
        Type::Date => "date",
        Type::Json => "list",
    }
}

fn net_type(member: &Member) -> &'static str {
    match member.ty {
        Type::Int if member.range().0 == 0 => "System.Byte",
        Type::Int => "System.Int32",
        Type::Bool => "System.Boolean",
        Type::Text => "System.String",
        Type::Guid => "System.Guid",
        Type::Date => "System.DateTime",
        Type::Json => "System.Object",
    }
}

#[cfg(test)]
mod tests;
