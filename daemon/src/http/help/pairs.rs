//! A sample as the text of a form: `name=value` pairs (REFERENCE D7). Names stand as a Web API reads them, values are
//! percent-encoded; null and empty lists have no form and are left out.

use quire_protocol::shapes::contract::{Contract, Form, Members};
use serde_json::{Value, json};

/// Deeper than any sample.
const MAX_DEPTH: usize = 12;

/// A value as a form.
pub(super) fn of_value(value: &Value) -> String {
    let mut pairs = Vec::new();
    push(&mut pairs, "", value, MAX_DEPTH);
    pairs.join("&")
}

/// An object of a documented class as a form: dictionaries are lists of `Key` and `Value`.
pub(super) fn of_members(contract: &Contract, members: &Members) -> String {
    let spelled = contract.fields.iter().filter_map(|field| {
        let value = match (field.form, members.get(field.name)?) {
            (Form::AnyMap | Form::Map(_), Value::Object(entries)) => {
                entries.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
            }
            (_, value) => value.clone(),
        };
        Some((field.name.to_owned(), value))
    });
    of_value(&Value::Object(spelled.collect()))
}

fn push(pairs: &mut Vec<String>, name: &str, value: &Value, depth: usize) {
    let Some(deeper) = depth.checked_sub(1) else { return };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            let dot = if name.is_empty() { "" } else { "." };
            for (member, value) in members {
                push(pairs, &format!("{name}{dot}{member}"), value, deeper);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                push(pairs, &format!("{name}[{at}]"), item, deeper);
            }
        }
        Value::String(text) => pairs.push(format!("{name}={}", encoded(text))),
        plain => pairs.push(format!("{name}={plain}")),
    }
}

/// As HTML forms are encoded: a blank is `+`, a byte that is no letter, digit or one of `*-._` is `%` and its digits.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use quire_protocol::shapes::contract::NODE;
    use quire_protocol::shapes::forms;

    #[test]
    fn dictionaries_are_lists_of_keys_and_values() {
        let node =
            json!({ "title": "a b", "props": { "x y": "1+1" }, "refs": { "r": { "type": "t", "id": "ä" } } });
        assert_eq!(
            of_members(&NODE, node.as_object().unwrap()),
            "title=a+b&props[0].Key=x+y&props[0].Value=1%2B1&refs[0].Key=r&refs[0].Value.type=t&refs[0].Value.id=%C3%A4"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".*") {
            let value = json!({ "a": { "b": [{ "c": text }] } });
            prop_assert_eq!(forms::read(&of_value(&value)).unwrap(), value);
        }
    }
}
