//! The documented samples, and markings made from them.

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The documented request, byte for byte.
pub const REQUEST: &str = include_str!("../fixtures/shapes/synchronize.request.json");

/// The documented answer, byte for byte.
pub const RESPONSE: &str = include_str!("../fixtures/shapes/synchronize.response.json");

/// Guid of the marking and of the reading activity in the documented request.
pub const GUID: &str = "538b23c8-1b20-4bd3-a44e-53ae4a8bdc12";

/// Account of the documented request's markings.
pub const MARKINGS_ACCOUNT: i64 = 3;

/// Members that are accepted and never come back.
pub const SECRETS: [&str; 3] = ["Password", "PasswordHash", "SecurityStamp"];

/// The documented request as JSON.
///
/// # Panics
/// Never: the file is part of this crate.
pub fn request() -> Value {
    serde_json::from_str(REQUEST).expect("the documented request is JSON")
}

/// The documented answer as JSON.
///
/// # Panics
/// Never: the file is part of this crate.
pub fn response() -> Value {
    serde_json::from_str(RESPONSE).expect("the documented answer is JSON")
}

/// A fresh guid as text.
pub fn guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A live marking with all documented members but `id`, of the account that the documented markings have.
pub fn marking(guid: &str) -> Value {
    let mut marking = request()["Markings"][0].take();
    let members = marking.as_object_mut().expect("a marking is an object");
    members.shift_remove("id");
    marking.with("syncGuid", guid).with("SyncIsRemoved", false).with("note", "")
}

/// The documented request with other values, nothing removed, no secrets, and `tag` in every text, so that
/// nothing in it could come from elsewhere.
pub fn live_request(tag: &str) -> Value {
    let mut request = request();
    retouch(&mut request, tag);
    for list in ["Markings", "EPubHistoryActivities"] {
        for item in request[list].as_array_mut().expect("a list") {
            *item = item.clone().with("SyncIsRemoved", false).with("syncGuid", GUID);
        }
    }
    for secret in SECRETS {
        request["Account"][secret] = Value::Null;
    }
    request
}

/// Replaces the sample texts, and nothing else, by ones with `tag` in them.
fn retouch(value: &mut Value, tag: &str) {
    match value {
        Value::String(text) if text.starts_with("sample string") => *text = format!("{tag} {text}"),
        Value::Array(items) => items.iter_mut().for_each(|item| retouch(item, tag)),
        Value::Object(members) => members.values_mut().for_each(|member| retouch(member, tag)),
        _ => {}
    }
}

/// Changing one member of a JSON object in the middle of an expression.
pub trait With: Sized {
    /// The same object with that member.
    fn with(self, member: &str, value: impl Into<Value>) -> Self;
    /// The same object without that member.
    fn without(self, member: &str) -> Self;
}

impl With for Value {
    fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self[member] = value.into();
        self
    }

    fn without(mut self, member: &str) -> Self {
        if let Some(members) = self.as_object_mut() {
            members.shift_remove(member);
        }
        self
    }
}

/// Checks that `found` has exactly the members of `expected` with exactly their values, `id` apart: row numbers
/// are each daemon's own.
///
/// # Panics
/// When it has not, naming the members.
pub fn assert_same_item(found: &Value, expected: &Value) {
    let left = found.as_object().unwrap_or_else(|| panic!("no item where one was expected: {found}"));
    let right = expected.as_object().expect("an expected item is an object");
    let differs = |name: &&String| *name != "id" && left.get(*name) != right.get(*name);
    let mut names: Vec<&String> = left.keys().chain(right.keys()).filter(differs).collect();
    names.sort();
    names.dedup();
    let shown: Map<String, Value> =
        names.iter().map(|name| ((*name).clone(), json!([left.get(*name), right.get(*name)]))).collect();
    assert!(shown.is_empty(), "members that differ, as [found, expected]: {shown:#?}");
}

/// `count` markings made by the benchmark's generator, always the same ones.
///
/// # Panics
/// When there is no `python3`, or it fails.
pub fn generated(count: usize) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("markings.ndjson");
    let status = Command::new("python3").arg(generator()).arg(count.to_string()).arg(&file).status();
    let status = status.unwrap_or_else(|error| panic!("python3 is needed for generated markings: {error}"));
    assert!(status.success(), "the generator ended with {status}");
    let text = std::fs::read_to_string(&file).expect("what the generator wrote");
    text.lines().map(|line| serde_json::from_str(line).expect("a marking a line")).collect()
}

/// The generator of the benchmark's markings.
pub fn generator() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/markings.py")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_request_differs_from_the_documented_one_in_every_text() {
        let live = live_request("tag");
        assert_eq!(live["Markings"][0]["SyncIsRemoved"], false);
        assert_eq!(live["Account"]["Password"], Value::Null);
        assert_eq!(live["Account"]["Email"], "tag sample string 3");
        assert_eq!(live["Books"][0]["categories"][1]["name"], "tag sample string 2");
        assert_eq!(live["LastSyncTimestamp"], request()["LastSyncTimestamp"]);
    }

    #[test]
    fn a_marking_has_every_member_but_the_row_number() {
        let marking = marking("g");
        let names: Vec<_> = marking.as_object().expect("an object").keys().cloned().collect();
        let sample = request();
        let documented: Vec<_> =
            sample["Markings"][0].as_object().expect("an object").keys().skip(1).collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), documented, "and in the documented order");
    }

    #[test]
    fn the_generator_repeats_itself() {
        let (once, again) = (generated(3), generated(3));
        assert_eq!(once, again);
        assert_eq!(once.len(), 3);
        assert_eq!(once[0]["AccountId"], MARKINGS_ACCOUNT);
    }

    #[test]
    #[should_panic(expected = "\"note\"")]
    fn a_member_that_differs_is_named() {
        assert_same_item(&json!({"id": 1, "note": "a"}), &json!({"id": 2, "note": "b"}));
    }

    #[test]
    fn row_numbers_may_differ() {
        assert_same_item(&json!({"id": 1, "note": "a"}), &json!({"note": "a"}));
    }
}
