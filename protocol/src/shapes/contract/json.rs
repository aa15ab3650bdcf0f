//! Contracts as JSON: lenient in names and types as Json.NET is (REFERENCE D3), complete and in order when written.

mod read;

use serde_json::Value;

pub use read::{read, read_list};

use super::{Contract, Field, Form, Members};

/// How many faults of one body are told: enough to mend a client, too few to be used for filling memory.
pub const MAX_FAULTS: usize = 32;

/// One thing in a body that does not fit its contract: an entry of a `ModelState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as in `nodes[0].tenantId`; empty for the body itself.
    pub path: String,
    /// The reason in the words of Json.NET, with the path.
    pub message: String,
}

/// The object with every member in the order of its declaration; an absent one as [`Field::blank`].
pub fn write(contract: &Contract, members: &Members) -> Value {
    let written = contract.fields.iter().map(|field| {
        let value = match members.get(field.name) {
            Some(value) if !value.is_null() => write_value(field, value),
            _ => field.blank(),
        };
        (field.name.to_owned(), value)
    });
    Value::Object(written.collect())
}

/// [`write`] for each object.
pub fn write_list(contract: &Contract, items: &[Members]) -> Value {
    Value::Array(items.iter().map(|item| write(contract, item)).collect())
}

fn write_value(field: &Field, value: &Value) -> Value {
    match (field.form, value) {
        (Form::Object(of), value) => write_object(of, value),
        (Form::List(of), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| write_object(of, item)).collect())
        }
        (Form::Map(of), Value::Object(entries)) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), write_object(of, value))).collect())
        }
        (_, value) => value.clone(),
    }
}

fn write_object(contract: &Contract, value: &Value) -> Value {
    match value {
        Value::Object(members) => write(contract, members),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
