//! The reader: elements in any order, the first of a name counts, unknown ones are skipped (REFERENCE D6).

use serde_json::Value;

use super::super::contract::{Contract, Field, Form, Members};
use super::source::{Open, Source, value_error};
use super::{ANY_ENTRY, ARRAYS, NAMESPACE_HASH, SCHEMA, XmlError, any};
use crate::shapes::coerce::{MAX_VALUE, guid_text};
use crate::shapes::date::DateText;
use crate::shapes::{MAX_MESSAGE, cut};

/// Reads a document whose root is the contract's class.
///
/// # Errors
/// [`XmlError`] for text that is not well-formed or has a document type, another root, and content that is not of
/// its member's type, as null is for a member that cannot be null.
pub fn read(contract: &Contract, text: &str) -> Result<Members, XmlError> {
    let mut source = root(text, contract.name, contract.namespace)?;
    let members = object(&mut source, contract)?;
    source.finish()?;
    Ok(members)
}

/// Reads a document whose root is `ArrayOf…` of the contract's class.
///
/// # Errors
/// As [`read`].
pub fn read_list(contract: &Contract, text: &str) -> Result<Vec<Members>, XmlError> {
    let name = format!("ArrayOf{}", contract.name);
    let mut source = root(text, &name, contract.namespace)?;
    let mut items = Vec::new();
    while let Some(open) = source.child()? {
        if open.is(contract.namespace, contract.name) && !open.nil {
            let step = format!("[{}]", items.len());
            items.push(object(&mut source, contract).map_err(|error| error.within(&step))?);
        } else {
            source.skip()?;
        }
    }
    source.finish()?;
    Ok(items)
}

fn root<'a>(text: &'a str, name: &str, namespace: &'static str) -> Result<Source<'a>, XmlError> {
    let mut source = Source::new(text)?;
    let open = source.root()?;
    if !open.is(namespace, name) {
        let found = cut(&open.local, MAX_MESSAGE / 2);
        return Err(XmlError::Root { expected: name.to_owned(), namespace, found });
    }
    if open.nil {
        return Err(value_error("The root is null."));
    }
    Ok(source)
}

fn object(source: &mut Source<'_>, contract: &Contract) -> Result<Members, XmlError> {
    let mut members = Members::new();
    while let Some(open) = source.child()? {
        let known = contract.fields.iter().find(|field| open.is(contract.namespace, field.element));
        match known {
            Some(field) if !members.contains_key(field.name) => {
                let value = member(source, field, &open).map_err(|error| error.within(field.name))?;
                members.insert(field.name.to_owned(), value);
            }
            _ => source.skip()?,
        }
    }
    Ok(members)
}

fn member(source: &mut Source<'_>, field: &Field, open: &Open) -> Result<Value, XmlError> {
    if open.nil {
        source.skip()?;
        return if field.nullable { Ok(Value::Null) } else { Err(value_error("The value cannot be null.")) };
    }
    match field.form {
        Form::Object(of) => object(source, of).map(Value::Object),
        Form::AnyMap => entries(source, ANY_ENTRY, anything),
        Form::Map(of) => {
            let name = format!("KeyValueOfstring{}{NAMESPACE_HASH}", of.name);
            entries(source, &name, |source, open| nullable_object(source, of, open))
        }
        Form::Guids => items(source, ARRAYS, "guid", |source| scalar(Form::Guid, source.text()?)),
        Form::List(of) => {
            items(source, of.namespace, of.name, |source| object(source, of).map(Value::Object))
        }
        form => scalar(form, source.text()?),
    }
}

fn scalar(form: Form, text: String) -> Result<Value, XmlError> {
    let trimmed = text.trim();
    let value = match form {
        Form::Text if text.len() > MAX_VALUE => {
            return Err(value_error(&format!("The value is longer than {MAX_VALUE} bytes.")));
        }
        Form::Text => return Ok(Value::String(text)),
        Form::Guid => guid_text(trimmed).map(Value::String),
        Form::Int => trimmed.parse::<i32>().ok().map(Value::from),
        Form::Long => trimmed.parse::<i64>().ok().map(Value::from),
        Form::Bool => any::boolean(trimmed).map(Value::Bool),
        Form::Date => DateText::parse(trimmed).ok().map(|_| Value::from(trimmed)),
        Form::AnyMap | Form::Map(_) | Form::Object(_) | Form::Guids | Form::List(_) => None,
    };
    value.ok_or_else(|| not_of_type(trimmed, &format!("{form:?}")))
}

fn not_of_type(text: &str, ty: &str) -> XmlError {
    let text = Value::from(cut(text, MAX_MESSAGE / 4));
    let ty = cut(ty, MAX_MESSAGE / 4);
    value_error(&format!("The value {text} cannot be parsed as the type '{ty}'."))
}

fn nullable_object(source: &mut Source<'_>, of: &Contract, open: &Open) -> Result<Value, XmlError> {
    if open.nil {
        source.skip()?;
        return Ok(Value::Null);
    }
    object(source, of).map(Value::Object)
}

/// A list whose other items are skipped. A null item has no counterpart in the documented lists.
fn items(
    source: &mut Source<'_>,
    namespace: &str,
    name: &str,
    read: impl Fn(&mut Source<'_>) -> Result<Value, XmlError>,
) -> Result<Value, XmlError> {
    let mut items = Vec::new();
    while let Some(open) = source.child()? {
        if !open.is(namespace, name) {
            source.skip()?;
            continue;
        }
        let step = format!("[{}]", items.len());
        if open.nil {
            return Err(value_error("The value cannot be null.").within(&step));
        }
        items.push(read(source).map_err(|error| error.within(&step))?);
    }
    Ok(Value::Array(items))
}

/// A dictionary: entries of another name are skipped, and of one key the first counts.
fn entries(
    source: &mut Source<'_>,
    name: &str,
    read: impl Fn(&mut Source<'_>, &Open) -> Result<Value, XmlError>,
) -> Result<Value, XmlError> {
    let mut entries = Members::new();
    while let Some(open) = source.child()? {
        if open.is(ARRAYS, name) {
            let (key, value) = entry(source, &read)?;
            entries.entry(key).or_insert(value);
        } else {
            source.skip()?;
        }
    }
    Ok(Value::Object(entries))
}

fn entry(
    source: &mut Source<'_>,
    read: &impl Fn(&mut Source<'_>, &Open) -> Result<Value, XmlError>,
) -> Result<(String, Value), XmlError> {
    let (mut key, mut value) = (None, None);
    while let Some(open) = source.child()? {
        if key.is_none() && open.is(ARRAYS, "Key") && !open.nil {
            key = Some(source.text()?);
        } else if value.is_none() && open.is(ARRAYS, "Value") {
            let step = format!("['{}']", cut(key.as_deref().unwrap_or_default(), MAX_MESSAGE / 4));
            value = Some(read(source, &open).map_err(|error| error.within(&step))?);
        } else {
            source.skip()?;
        }
    }
    match (key, value) {
        (Some(key), Some(value)) => Ok((key, value)),
        (None, _) => Err(value_error("'Key' expected in a dictionary's entry.")),
        (_, None) => Err(value_error("'Value' expected in a dictionary's entry.")),
    }
}

/// A value of `props` by its `i:type`.
fn anything(source: &mut Source<'_>, open: &Open) -> Result<Value, XmlError> {
    if open.nil {
        source.skip()?;
        return Ok(Value::Null);
    }
    let text = source.text()?;
    if text.len() > MAX_VALUE {
        return Err(value_error(&format!("The value is longer than {MAX_VALUE} bytes.")));
    }
    let (namespace, ty) = open.ty.as_ref().map_or(("", ""), |(namespace, ty)| (namespace, ty));
    let shown = cut(&text, MAX_MESSAGE);
    any::value(namespace, ty, text).ok_or_else(|| {
        let ty = if namespace == SCHEMA { format!("xs:{ty}") } else { ty.to_owned() };
        not_of_type(shown.trim(), &ty)
    })
}
