//! A JSON value as the members of a contract.

use serde_json::Value;

use super::super::{Contract, Field, Form, Members};
use super::{Fault, MAX_FAULTS};
use crate::domain::{Member, Role, Type};
use crate::shapes::coerce::{MAX_VALUE, coerce};
use crate::shapes::{MAX_MESSAGE, cut, token};

/// Reads one object. Unknown members are dropped; of one that occurs twice the last value counts.
///
/// # Errors
/// What does not fit, at most [`MAX_FAULTS`] of it.
pub fn read(contract: &Contract, value: Value) -> Result<Members, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new() };
    let members = reader.object(contract, "", value);
    reader.finish(members)
}

/// Reads a list of objects.
///
/// # Errors
/// What does not fit, at most [`MAX_FAULTS`] of it.
pub fn read_list(contract: &Contract, value: Value) -> Result<Vec<Members>, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new() };
    let items = reader.items("", value, |reader, path, item| reader.object(contract, path, item));
    reader.finish(items)
}

struct Reader {
    faults: Vec<Fault>,
}

/// Depth is bounded by the contracts, which do not contain themselves. `None` where a fault was noted.
impl Reader {
    fn finish<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(self.faults),
        }
    }

    fn object(&mut self, contract: &Contract, path: &str, value: Value) -> Option<Members> {
        let Value::Object(sent) = value else {
            return self.unexpected(path, "object", &value);
        };
        let mut members = Members::new();
        for (name, value) in sent {
            if let Some(field) = contract.field(&name)
                && let Some(value) = self.value(field, &member_path(path, field.name), value)
            {
                members.insert(field.name.to_owned(), value);
            }
        }
        Some(members)
    }

    fn value(&mut self, field: &Field, path: &str, value: Value) -> Option<Value> {
        if is_null(field, &value) {
            return if field.nullable { Some(Value::Null) } else { self.mismatch(field, path, &value) };
        }
        match field.form {
            Form::Text => self.plain(Type::Text, path, value),
            Form::Guid => self.plain(Type::Guid, path, value),
            Form::Int => self.plain(Type::Int, path, value),
            Form::Bool => self.plain(Type::Bool, path, value),
            Form::Date => self.plain(Type::Date, path, value),
            Form::Long => self.long(field, path, value),
            Form::AnyMap => self.any_map(path, value),
            Form::Map(of) => self.map(of, path, value),
            Form::Object(of) => self.object(of, path, value).map(Value::Object),
            Form::Guids => self
                .items(path, value, |reader, path, item| reader.plain(Type::Guid, path, item))
                .map(Value::Array),
            Form::List(of) => self
                .items(path, value, |reader, path, item| reader.object(of, path, item).map(Value::Object))
                .map(Value::Array),
        }
    }

    fn plain(&mut self, ty: Type, path: &str, value: Value) -> Option<Value> {
        let member = Member { name: "", ty, nullable: false, role: Role::Plain };
        match coerce(&member, value) {
            Ok(value) if !value.is_null() => Some(value),
            Ok(_) => self.fault(path, "Error converting value {null}."),
            Err(error) => self.fault(path, &error.reason),
        }
    }

    fn long(&mut self, field: &Field, path: &str, value: Value) -> Option<Value> {
        let number = match &value {
            Value::Number(number) if !number.is_f64() => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => Some(Value::from(number)),
            None => self.mismatch(field, path, &value),
        }
    }

    fn any_map(&mut self, path: &str, value: Value) -> Option<Value> {
        let Value::Object(entries) = &value else { return self.unexpected(path, "dictionary", &value) };
        let long = entries.iter().find(|(_, value)| !fits(value)).map(|(key, _)| key.clone());
        match long {
            Some(key) => self.fault(&member_path(path, &key), &too_long()),
            None => Some(value),
        }
    }

    fn map(&mut self, of: &Contract, path: &str, value: Value) -> Option<Value> {
        let Value::Object(sent) = value else { return self.unexpected(path, "dictionary", &value) };
        let mut entries = Members::new();
        for (key, value) in sent {
            let read = match value {
                Value::Null => Some(Value::Null),
                value => self.object(of, &member_path(path, &key), value).map(Value::Object),
            };
            entries.insert(key, read?);
        }
        Some(Value::Object(entries))
    }

    fn items<T>(
        &mut self,
        path: &str,
        value: Value,
        read: impl Fn(&mut Reader, &str, Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(sent) = value else { return self.unexpected(path, "list", &value) };
        let mut items = Vec::with_capacity(sent.len());
        for (index, item) in sent.into_iter().enumerate() {
            if self.faults.len() >= MAX_FAULTS {
                return None;
            }
            items.extend(read(self, &format!("{path}[{index}]"), item));
        }
        Some(items)
    }

    fn unexpected<T>(&mut self, path: &str, what: &str, value: &Value) -> Option<T> {
        self.fault(path, &format!("Error reading {what}. Unexpected token: {}.", token(value)))
    }

    fn mismatch<T>(&mut self, field: &Field, path: &str, value: &Value) -> Option<T> {
        let shown = match value {
            Value::Null => "{null}".to_owned(),
            Value::Array(_) | Value::Object(_) => return self.unexpected(path, "value", value),
            other => cut(&other.to_string(), MAX_SHOWN),
        };
        self.fault(path, &format!("Error converting value {shown} to type '{}'.", net_type(field.form)))
    }

    fn fault<T>(&mut self, path: &str, reason: &str) -> Option<T> {
        if self.faults.len() < MAX_FAULTS {
            let message = cut(&format!("{reason} Path '{path}'."), MAX_MESSAGE);
            self.faults.push(Fault { path: cut(path, MAX_MESSAGE), message });
        }
        None
    }
}

/// How much of a refused value a message shows, in characters.
const MAX_SHOWN: usize = 60;

/// Null, or the empty text that Json.NET takes for it in all but text.
fn is_null(field: &Field, value: &Value) -> bool {
    value.is_null() || (field.form != Form::Text && value.as_str() == Some(""))
}

/// Whether a value of `props` is one that can be kept whole.
fn fits(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= MAX_VALUE,
        Value::Array(_) | Value::Object(_) => value.to_string().len() <= MAX_VALUE,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn too_long() -> String {
    format!("The value is longer than {MAX_VALUE} bytes.")
}

fn member_path(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
    match (plain, path.is_empty()) {
        (false, _) => format!("{path}['{}']", cut(name, MAX_MESSAGE)),
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
    }
}

fn net_type(form: Form) -> &'static str {
    match form {
        Form::Text => "System.String",
        Form::Guid => "System.Guid",
        Form::Int => "System.Int32",
        Form::Long => "System.Int64",
        Form::Bool => "System.Boolean",
        Form::Date => "System.DateTime",
        Form::AnyMap | Form::Map(_) | Form::Object(_) | Form::Guids | Form::List(_) => "System.Object",
    }
}
