//! `props` as flat keys: any JSON, merged key by key at every depth.
//!
//! A value at a path is one key of the document, `props␟a␟b` for `props.a.b`. An object is a marker at its own path and
//! its members below, so two devices that write different members of it both keep theirs. An array is one value. Null
//! clears a key with all below it; a cleared key is not shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Resolve;
use crate::document::{Projection, Register};
use crate::limits::MAX_KEY;

/// Separates the parts of a path, and marks a text as JSON. No documented key holds it; one that does is escaped.
const SEPARATOR: char = '\u{1F}';

/// Begins the name of a path that is too long for a key: its hash follows, and the value carries the path.
const HASHED: char = '\u{1E}';

/// Escapes [`SEPARATOR`], [`HASHED`] and itself within a part.
const ESCAPE: char = '\u{1A}';

/// The key of a document under which all others are.
const ROOT: &str = "props";

/// Where a value is: the names of the objects around it, and its own.
type Path = Vec<String>;

/// The values of a document's `props` by their paths, with the keys that hold them. Cleared ones are left out.
struct Held(BTreeMap<Path, (String, Value)>);

impl Held {
    fn of(projection: &Projection, resolve: Resolve<'_>) -> Held {
        let from = projection.values.range(ROOT.to_owned()..);
        let ours = from.take_while(|(key, _)| key.starts_with(ROOT)).filter(|(key, _)| is_key(key));
        let read = ours.filter_map(|(key, register)| {
            let (path, value) = read(key, register, resolve)?;
            Some((path, (key.clone(), value)))
        });
        Held(read.collect())
    }

    fn get(&self, path: &[String]) -> Option<&Value> {
        self.0.get(path).map(|(_, value)| value)
    }

    /// The keys below a path.
    fn below<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a String> {
        let from = self.0.range(path.to_vec()..).skip_while(move |(at, _)| at.as_slice() == path);
        from.take_while(move |(at, _)| at.starts_with(path)).map(|(_, (key, _))| key)
    }

    /// What is shown: a value is there when everything around it is an object.
    fn shown(&self) -> Map<String, Value> {
        let mut root = Map::new();
        for (path, (_, value)) in &self.0 {
            let Some((name, around)) = path.split_last() else { continue };
            if let Some(object) = object_at(&mut root, around) {
                object.insert(name.clone(), value.clone());
            }
        }
        root
    }
}

fn object_at<'a>(root: &'a mut Map<String, Value>, path: &[String]) -> Option<&'a mut Map<String, Value>> {
    path.iter().try_fold(root, |object, name| object.get_mut(name)?.as_object_mut())
}

/// True for a key that holds a value of `props`.
pub(super) fn is_key(key: &str) -> bool {
    key.strip_prefix(ROOT).is_some_and(|rest| rest.starts_with([SEPARATOR, HASHED]))
}

/// What a document says under `props`.
pub(super) fn shown(projection: &Projection, resolve: Resolve<'_>) -> Map<String, Value> {
    Held::of(projection, resolve).shown()
}

/// One value of `props` for people: its path joined by dots, and what it says. A cleared one is null.
pub(super) fn plain(key: &str, register: &Register, resolve: Resolve<'_>) -> (String, Value) {
    match read(key, register, resolve) {
        Some((path, value)) => (joined(&path), value),
        None => (path_of(key).map_or_else(|| ROOT.to_owned(), |path| joined(&path)), Value::Null),
    }
}

fn joined(path: &[String]) -> String {
    format!("{ROOT}.{}", path.join("."))
}

/// What settles a conflict of one key: the value, written as anywhere, and the key itself in any case.
pub(super) fn settling(
    projection: &Projection,
    key: &str,
    value: &Value,
    resolve: Resolve<'_>,
) -> Vec<(String, Register)> {
    let mut held = Held::of(projection, resolve);
    let named = held.0.iter().find(|(_, (known, _))| known == key).map(|(path, _)| path.clone());
    let Some(mut path) = named.or_else(|| path_of(key)) else {
        return vec![(key.to_owned(), Register::Null)];
    };
    held.0.remove(&path);
    let mut out = Vec::new();
    differ(&held, &mut path, value, &mut out);
    if value.is_null() {
        out.push((key.to_owned(), Register::Null));
    }
    out
}

/// What is to be written so that `props` says what was sent: names that were not sent stay. `textual`: the sender's
/// form has no objects and arrays in `props` (XML, REFERENCE D5), so the text of one that is there is no edit of it.
pub(super) fn differences(
    sent: &Map<String, Value>,
    base: &Projection,
    textual: bool,
    resolve: Resolve<'_>,
) -> Vec<(String, Register)> {
    let held = Held::of(base, resolve);
    let shown = if textual { held.shown() } else { Map::new() };
    let mut out = Vec::new();
    for (name, value) in sent {
        let same_text = match (shown.get(name), value) {
            (Some(now @ (Value::Object(_) | Value::Array(_))), Value::String(text)) => {
                serde_json::from_str::<Value>(text).is_ok_and(|told| told == *now)
            }
            _ => false,
        };
        if !same_text {
            differ(&held, &mut vec![name.clone()], value, &mut out);
        }
    }
    out
}

/// Recursion is as deep as the JSON was, which its reader bounds.
fn differ(held: &Held, path: &mut Path, value: &Value, out: &mut Vec<(String, Register)>) {
    let now = held.get(path);
    let is_object = |value: Option<&Value>| matches!(value, Some(Value::Object(_)));
    if let Value::Object(members) = value {
        if !is_object(now) {
            out.push(written(path, &Value::Object(Map::new())));
        }
        for (name, member) in members {
            path.push(name.clone());
            differ(held, path, member, out);
            path.pop();
        }
        return;
    }
    if value.is_null() && now.is_some() {
        out.push((key_of(path), Register::Null));
    } else if !value.is_null() && now != Some(value) {
        out.push(written(path, value));
    }
    out.extend(held.below(path).map(|key| (key.clone(), Register::Null)));
}

/// The key of a path.
fn key_of(path: &[String]) -> String {
    let mut key = String::from(ROOT);
    for part in path {
        key.push(SEPARATOR);
        for c in part.chars() {
            match c {
                SEPARATOR => key.extend([ESCAPE, 'F']),
                HASHED => key.extend([ESCAPE, 'E']),
                ESCAPE => key.extend([ESCAPE, 'A']),
                other => key.push(other),
            }
        }
    }
    if key.len() <= MAX_KEY {
        return key;
    }
    format!("{ROOT}{HASHED}{}", blake3::hash(key.as_bytes()).to_hex())
}

/// The path of a key that is not hashed.
fn path_of(key: &str) -> Option<Path> {
    let parts = key.strip_prefix(ROOT)?.strip_prefix(SEPARATOR)?.split(SEPARATOR);
    Some(parts.map(unescaped).collect())
}

fn unescaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match (c, if c == ESCAPE { chars.next() } else { None }) {
            (ESCAPE, Some('F')) => out.push(SEPARATOR),
            (ESCAPE, Some('E')) => out.push(HASHED),
            (ESCAPE, Some('A')) => out.push(ESCAPE),
            (c, _) => out.push(c),
        }
    }
    out
}

/// A value at a path, as a document keeps it.
fn written(path: &[String], value: &Value) -> (String, Register) {
    let key = key_of(path);
    let register = if key.starts_with(&format!("{ROOT}{HASHED}")) {
        Register::Text(format!("{SEPARATOR}{}", serde_json::json!([path, value])))
    } else {
        register(value)
    };
    (key, register)
}

fn register(value: &Value) -> Register {
    match value {
        Value::Null => Register::Null,
        Value::Bool(b) => Register::Bool(*b),
        Value::Number(n) if n.is_i64() => Register::Int(n.as_i64().unwrap_or_default()),
        Value::String(text) if !text.starts_with(SEPARATOR) => Register::Text(text.clone()),
        other => Register::Text(format!("{SEPARATOR}{other}")),
    }
}

/// The path and value of a key; `None` when it is cleared, or its content is not here.
fn read(key: &str, held: &Register, resolve: Resolve<'_>) -> Option<(Path, Value)> {
    let value = match held {
        Register::Null => return None,
        Register::Bool(b) => Value::from(*b),
        Register::Int(n) => Value::from(*n),
        Register::Text(text) => from_text(text.clone()),
        Register::Blob(blob) => from_text(resolve(blob)?),
    };
    match path_of(key) {
        Some(path) => Some((path, value)),
        None => serde_json::from_value(value).ok(),
    }
}

fn from_text(text: String) -> Value {
    match text.strip_prefix(SEPARATOR).map(serde_json::from_str) {
        Some(Ok(value)) => value,
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn apply(base: &Projection, sent: Value, textual: bool) -> Projection {
        let mut after = base.clone();
        after.values.extend(differences(&object(sent), base, textual, &|_| None));
        after
    }

    fn after(steps: impl IntoIterator<Item = Value>) -> Value {
        let last = steps.into_iter().fold(Projection::default(), |base, sent| apply(&base, sent, false));
        Value::Object(shown(&last, &|_| None))
    }

    #[test]
    fn what_is_not_named_stays_and_null_clears() {
        assert_eq!(
            after([json!({"a": {"b": 1, "c": [1, {}]}, "d": {}}), json!({"a": {"b": 2}})]),
            json!({"a": {"b": 2, "c": [1, {}]}, "d": {}})
        );
        assert_eq!(after([json!({"a": {"b": 1}}), json!({"a": null})]), json!({}));
        assert_eq!(after([json!({"a": {"b": 1}}), json!({"a": {"b": null}})]), json!({"a": {}}));
        assert_eq!(
            after([json!({"a": {"b": 1}}), json!({"a": 5}), json!({"a": {}})]),
            json!({"a": {}}),
            "what was below a value that replaced its object does not come back"
        );
    }

    #[test]
    fn the_text_of_an_object_is_no_edit_where_there_are_no_objects() {
        let base = apply(&Projection::default(), json!({"a": {"b": [1]}, "c": [1.5]}), false);
        let sent = json!({"a": "{\"b\":[1]}", "c": "[1.5]"});
        assert!(differences(&object(sent.clone()), &base, true, &|_| None).is_empty());
        assert_eq!(differences(&object(sent), &base, false, &|_| None).len(), 3);
    }

    #[test]
    fn a_long_path_is_kept_under_its_hash() {
        let long = "k".repeat(MAX_KEY);
        let sent = json!({"x": {&*long: {&*long: 1, "y": {}}}});
        let base = apply(&Projection::default(), sent.clone(), false);
        assert!(base.values.keys().all(|key| key.len() <= MAX_KEY && is_key(key)));
        assert_eq!(Value::Object(shown(&base, &|_| None)), sent);
        let cleared = apply(&base, json!({"x": {&*long: null}}), false);
        assert_eq!(Value::Object(shown(&cleared, &|_| None)), json!({"x": {}}));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
            "[\\x1A\\x1E\\x1Fa-c.]{0,4}|.{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[\\x1A\\x1E\\x1FAEFa-c]{0,3}|[a-z]{300}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_comes_back(sent in prop::collection::btree_map(".{0,4}", any_json(), 0..5)) {
            let sent: Map<String, Value> = sent.into_iter().collect();
            let base = apply(&Projection::default(), Value::Object(sent.clone()), false);
            prop_assert_eq!(shown(&base, &|_| None), sent.clone());
            prop_assert!(differences(&sent, &base, false, &|_| None).is_empty());
        }
    }
}
