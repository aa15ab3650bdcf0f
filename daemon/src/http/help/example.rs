//! An object of a documented class, made of its table as a Web API's `ObjectGenerator` makes one of a type (REFERENCE D9):
//! each member whose type has no null takes the next number, a nullable number is always the first, lists and dictionaries
//! have three entries.

use quire_protocol::shapes::contract::{Contract, Field, Form, Members};
use serde_json::{Map, Value, json};

use crate::http::endpoint::schema::GUID;

/// Entries of a list or dictionary, as on the documented pages.
pub(super) const ENTRIES: usize = 3;

/// When everything was made: seven digits of a second and no trailing zero, as on the documented pages.
const MADE: &str = "2026-05-11T10:09:39.7697804+00:00";

/// What stands for a value of any type, told by the number that it takes.
pub(super) type Any = fn(usize) -> Value;

/// .NET's `new object()`, which JSON and XML can say.
pub(super) fn object(_: usize) -> Value {
    json!({})
}

/// Text, for forms, which have nothing else.
pub(super) fn text(number: usize) -> Value {
    format!("sample string {number}").into()
}

/// The object. Classes do not hold themselves, so it ends.
pub(super) fn example(contract: &Contract, any: Any) -> Members {
    let mut maker = Maker { any, taken: 0, guids: 0 };
    contract.fields.iter().map(|field| (field.name.to_owned(), maker.member(field))).collect()
}

struct Maker {
    any: Any,
    /// How many members took a number.
    taken: usize,
    /// Each GUID is another one; the original's are random.
    guids: usize,
}

impl Maker {
    fn member(&mut self, field: &Field) -> Value {
        match field.form {
            // Text takes a number although it can be null, being no `Nullable<T>`.
            Form::Text => text(self.next()),
            Form::Guid | Form::Int | Form::Long | Form::Bool | Form::Date => self.simple(field),
            Form::AnyMap => {
                // Of a key and its value each takes a number.
                let entry = |at: usize| (format!("sample string {}", 2 * at + 1), (self.any)(2 * at + 2));
                Value::Object((0..ENTRIES).map(entry).collect())
            }
            Form::Map(of) => {
                let entry = |at: usize| (format!("sample string {}", at + 1), self.object(of));
                Value::Object((0..ENTRIES).map(entry).collect::<Map<_, _>>())
            }
            Form::Object(of) => self.object(of),
            Form::Guids => (0..ENTRIES).map(|_| self.guid()).collect(),
            Form::List(of) => (0..ENTRIES).map(|_| self.object(of)).collect(),
        }
    }

    fn simple(&mut self, field: &Field) -> Value {
        let number = if field.nullable { 1 } else { self.next() };
        match field.form {
            Form::Guid => self.guid(),
            Form::Bool => true.into(),
            Form::Date => MADE.into(),
            _ => number.into(),
        }
    }

    /// Numbered by itself: one object of a class is like the other.
    fn object(&self, of: &Contract) -> Value {
        Value::Object(example(of, self.any))
    }

    fn next(&mut self) -> usize {
        self.taken += 1;
        self.taken
    }

    /// The sample of a GUID with its last digits counted.
    fn guid(&mut self) -> Value {
        let (stem, last) = GUID.split_at(GUID.len() - 2);
        let last = u8::from_str_radix(last, 16).unwrap_or_default();
        let guid = format!("{stem}{:02x}", usize::from(last) + self.guids);
        self.guids += 1;
        guid.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::shapes::coerce::guid_text;
    use quire_protocol::shapes::contract::{MESSAGE, PUT_DATA_DELETE, SYNC_PAGE, SYNC_TOKEN};
    use quire_protocol::shapes::date::DateText;

    const TOKEN: &str = include_str!("../../../../tests/fixtures/shapes/sync-token.json");
    const DELETE: &str = include_str!("../../../../tests/fixtures/shapes/put-data-delete.json");

    /// With every GUID and date alike.
    fn alike(value: &Value) -> Value {
        match value {
            Value::String(text) if guid_text(text).is_some() => "guid".into(),
            Value::String(text) if DateText::parse(text).is_ok() => "date".into(),
            Value::Array(items) => items.iter().map(alike).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), alike(value))).collect())
            }
            other => other.clone(),
        }
    }

    #[test]
    fn examples_are_the_documented_ones() {
        for (contract, documented) in [(&SYNC_TOKEN, TOKEN), (&PUT_DATA_DELETE, DELETE)] {
            let made = alike(&Value::Object(example(contract, object)));
            let documented = alike(&serde_json::from_str(documented).unwrap());
            assert_eq!(format!("{made:#}"), format!("{documented:#}"), "order too");
        }
    }

    #[test]
    fn nullable_members_take_no_number() {
        let message = example(&MESSAGE, object);
        assert_eq!(message["senderSessionSequence"], 1);
        assert_eq!(message["messageTypeLookupKey"], "sample string 3");
        let page = example(&SYNC_PAGE, object);
        assert_eq!((&page["pageSize"], &page["totalCount"]), (&1.into(), &4.into()));
    }

    #[test]
    fn guids_are_guids_and_differ() {
        let token = example(&SYNC_TOKEN, object);
        let mut guids: Vec<_> = token.values().filter_map(|v| guid_text(v.as_str()?)).collect();
        assert_eq!(guids.len(), 8);
        guids.dedup();
        assert_eq!(guids.len(), 8);
    }
}
