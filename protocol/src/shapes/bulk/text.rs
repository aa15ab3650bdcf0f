//! Values as exports show them: all of them text.

use std::borrow::Cow;

use serde_json::Value;

/// A value in exported data (REFERENCE A4: all values are strings): null is empty, `true` and `false`, numbers in
/// decimal, dates as the data has them, lists and objects as JSON.
#[must_use]
pub fn exported(value: &Value) -> String {
    text_of(value).into_owned()
}

/// The same, without a copy where the value is text already.
#[must_use]
pub fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_text() {
        for (value, text) in [
            (json!(null), ""),
            (json!(true), "true"),
            (json!(-7), "-7"),
            (json!(0.5), "0.5"),
            (json!("a \"b\""), "a \"b\""),
            (json!("2025-03-13T20:04:43.957"), "2025-03-13T20:04:43.957"),
            (json!([1, "a"]), "[1,\"a\"]"),
            (json!({"b": null, "a": {}}), "{\"b\":null,\"a\":{}}"),
        ] {
            assert_eq!(exported(&value), text);
        }
    }
}
