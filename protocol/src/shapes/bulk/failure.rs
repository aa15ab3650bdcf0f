//! What is wrong with a definition or a sync, as it is answered.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::shapes::{MAX_MESSAGE, cut};

/// One entry of the `failures` of a 400 (REFERENCE A6). Serialized it is such an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The member that is wrong, in its documented spelling.
    pub field: String,
    /// What was sent, cut to [`MAX_MESSAGE`] characters; null where nothing was.
    pub value: Value,
    /// What it has to be.
    pub constraint: String,
    /// Where in a filter, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

impl Failure {
    /// A failure without a position.
    #[must_use]
    pub fn new(field: &str, value: &Value, constraint: impl Into<String>) -> Failure {
        Failure {
            field: field.to_owned(),
            value: short(value),
            constraint: constraint.into(),
            position: None,
        }
    }
}

fn short(value: &Value) -> Value {
    match value {
        Value::String(text) => cut(text, MAX_MESSAGE).into(),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.chars().nth(MAX_MESSAGE).is_none() {
                value.clone()
            } else {
                cut(&text, MAX_MESSAGE).into()
            }
        }
        other => other.clone(),
    }
}

/// The members of a body, and what is wrong with them so far. Names are found in any letter case; null is nothing.
pub(super) struct Sent<'a> {
    members: &'a Map<String, Value>,
    pub(super) failures: Vec<Failure>,
}

impl<'a> Sent<'a> {
    pub(super) fn new(members: &'a Map<String, Value>) -> Sent<'a> {
        Sent { members, failures: Vec::new() }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn done<T>(self, read: T) -> Result<T, Vec<Failure>> {
        if self.failures.is_empty() { Ok(read) } else { Err(self.failures) }
    }

    pub(super) fn fail(&mut self, field: &str, value: &Value, constraint: impl Into<String>) {
        self.failures.push(Failure::new(field, value, constraint));
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        let alike = || self.members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = self.members.get(name).or_else(|| alike().map(|(_, value)| value));
        value.filter(|value| !value.is_null())
    }

    /// A text of 1 to so many characters.
    pub(super) fn text(&mut self, name: &str, most: usize) -> Option<&'a str> {
        let value = self.get(name)?;
        let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().nth(most).is_none());
        if text.is_none() {
            self.fail(name, value, must_be_text(most));
        }
        text
    }

    /// The same, which has to be there.
    pub(super) fn needed(&mut self, name: &str, most: usize) -> Option<&'a str> {
        if self.get(name).is_none() {
            self.fail(name, &Value::Null, must_be_text(most));
        }
        self.text(name, most)
    }

    /// `true` or `false`, also as a text.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let is = |word: &str| value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case(word));
        let flag = value.as_bool().or(if is("true") { Some(true) } else { is("false").then_some(false) });
        if flag.is_none() {
            self.fail(name, value, "Must be true or false");
        }
        flag
    }

    /// A whole number from 1 on, also as a text.
    pub(super) fn whole(&mut self, name: &str) -> Option<u64> {
        let value = self.get(name)?;
        let written = || value.as_str().and_then(|text| super::object::whole(text.trim()));
        let number = value.as_u64().filter(|number| *number > 0).or_else(written);
        if number.is_none() {
            self.fail(name, value, "Must be a whole number from 1 on");
        }
        number
    }
}

pub(super) fn must_be_text(most: usize) -> String {
    format!("Must be a string value, at least 1 character and at most {most} characters long.")
}
