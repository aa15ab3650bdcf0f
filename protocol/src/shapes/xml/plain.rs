//! The e-reader's shapes as XML without namespaces: names and order as in the JSON, items of lists named by their
//! class (contract 4). Text goes to JSON values that [`crate::shapes::model`] reads, and comes from those it writes.

use serde_json::Value;

use super::escape::{decoded_name, encoded_name};
use super::source::{Open, Source};
use super::write::Writer;
use super::{XmlError, any};
use crate::domain::{Kind, Member, Role, Type};
use crate::shapes::contract::Members;
use crate::shapes::{MAX_MESSAGE, cut};

/// The root of a model.
pub const MODEL: &str = "SynchronizationModel";

/// The root of an answer.
pub const RESULT: &str = "ApiResult";

/// The members of a model that are neither items nor lists of them.
const PLAIN_MEMBERS: [&str; 3] = ["AccountApplicationId", "ApplicationType", "LastSyncTimestamp"];

/// The one member that is a list without a documented class, and the name of its items.
const CATEGORIES: (&str, &str) = ("categories", "category");

/// Reads a `SynchronizationModel` for [`crate::shapes::model::read`]. Elements may be in any order and namespace;
/// of a name the first counts; a list takes items of any name.
///
/// # Errors
/// [`XmlError`] for text that is not well-formed or has a document type, another root, and elements within text.
pub fn read_model(text: &str) -> Result<Value, XmlError> {
    let mut source = Source::new(text)?;
    let open = source.root()?;
    if open.local != MODEL {
        return Err(wrong_root(MODEL, &open));
    }
    let mut members = Members::new();
    while let Some(open) = source.child()? {
        match model_member(&open.local) {
            Some((name, of)) if !members.contains_key(name) => {
                let value = read_member(&mut source, &open, name, of).map_err(|error| error.within(name))?;
                members.insert(name.to_owned(), value);
            }
            _ => source.skip()?,
        }
    }
    source.finish()?;
    Ok(Value::Object(members))
}

/// Reads items for [`crate::shapes::model::read_items`]: the root is the class, or `ArrayOf` and the class.
///
/// # Errors
/// As [`read_model`].
pub fn read_items(kind: Kind, text: &str) -> Result<Value, XmlError> {
    let mut source = Source::new(text)?;
    let open = source.root()?;
    let value = match open.local.strip_prefix("ArrayOf") {
        Some(class) if class == kind.class() => list(&mut source, |source, open| item(source, kind, open))?,
        None if open.local == kind.class() => item(&mut source, kind, &open)?,
        _ => return Err(wrong_root(kind.class(), &open)),
    };
    source.finish()?;
    Ok(value)
}

/// A JSON value as a document with that root: [`RESULT`], [`MODEL`], a class, or `ArrayOf` and a class. Values
/// within `categories` that are not plain are written as JSON text.
pub fn write(root: &str, value: &Value) -> String {
    let mut writer = Writer::new("");
    let class = root.strip_prefix("ArrayOf").unwrap_or("item");
    writer.root(root, |writer| content(writer, class, value));
    writer.out
}

fn wrong_root(expected: &str, open: &Open) -> XmlError {
    let found = cut(&open.local, MAX_MESSAGE / 2);
    XmlError::Root { expected: expected.to_owned(), namespace: "", found }
}

/// The documented name of a model's member, and what its items are; the name in any letter case.
fn model_member(local: &str) -> Option<(&'static str, Option<Kind>)> {
    let is = |name: &str| name.eq_ignore_ascii_case(local);
    if is("Book") {
        return Some(("Book", Some(Kind::Book)));
    }
    if let Some(kind) = Kind::MODEL.into_iter().find(|kind| is(kind.collection())) {
        return Some((kind.collection(), Some(kind)));
    }
    PLAIN_MEMBERS.into_iter().find(|name| is(name)).map(|name| (name, None))
}

fn read_member(
    source: &mut Source<'_>,
    open: &Open,
    name: &str,
    of: Option<Kind>,
) -> Result<Value, XmlError> {
    match of {
        _ if open.nil => source.skip().map(|()| Value::Null),
        None => source.text().map(number_or_text),
        Some(kind @ (Kind::Account | Kind::Popup)) => item(source, kind, open),
        Some(kind) if name != kind.collection() => item(source, kind, open),
        Some(kind) => list(source, |source, open| item(source, kind, open)),
    }
}

fn number_or_text(text: String) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| Value::from(text.trim()), Value::from)
}

fn list(
    source: &mut Source<'_>,
    read: impl Fn(&mut Source<'_>, &Open) -> Result<Value, XmlError>,
) -> Result<Value, XmlError> {
    let mut items = Vec::new();
    while let Some(open) = source.child()? {
        let step = format!("[{}]", items.len());
        items.push(read(source, &open).map_err(|error| error.within(&step))?);
    }
    Ok(Value::Array(items))
}

fn item(source: &mut Source<'_>, kind: Kind, open: &Open) -> Result<Value, XmlError> {
    if open.nil {
        return source.skip().map(|()| Value::Null);
    }
    let mut members = Members::new();
    while let Some(open) = source.child()? {
        match kind.member(&open.local).filter(|member| member.role != Role::Secret) {
            Some(member) if !members.contains_key(member.name) => {
                let value = item_member(source, member, &open).map_err(|error| error.within(member.name))?;
                members.insert(member.name.to_owned(), value);
            }
            _ => source.skip()?,
        }
    }
    Ok(Value::Object(members))
}

/// A member's value, so far as its type decides what the text means; the rest is for [`crate::shapes::coerce`].
fn item_member(source: &mut Source<'_>, member: &Member, open: &Open) -> Result<Value, XmlError> {
    if open.nil {
        return source.skip().map(|()| Value::Null);
    }
    match member.ty {
        Type::Json => list(source, |source, _| category(source)),
        Type::Text => source.text().map(Value::String),
        Type::Bool => {
            let text = source.text()?;
            Ok(any::boolean(text.trim()).map_or_else(|| Value::from(text.trim()), Value::Bool))
        }
        Type::Int => source.text().map(number_or_text),
        Type::Guid | Type::Date => source.text().map(|text| Value::from(text.trim())),
    }
}

/// An object of `categories`. Its only documented number is `id`.
fn category(source: &mut Source<'_>) -> Result<Value, XmlError> {
    let mut members = Members::new();
    while let Some(open) = source.child()? {
        let name = decoded_name(&open.local);
        let value = match open.nil {
            true => source.skip().map(|()| Value::Null)?,
            false if name == "id" => number_or_text(source.text()?),
            false => Value::String(source.text()?),
        };
        members.entry(name).or_insert(value);
    }
    Ok(Value::Object(members))
}

fn content(writer: &mut Writer, item: &str, value: &Value) {
    match value {
        Value::Null => writer.nil(),
        Value::Bool(known) => writer.text(if *known { "true" } else { "false" }),
        Value::Number(number) => writer.text(&number.to_string()),
        Value::String(text) => writer.text(text),
        Value::Array(items) => {
            for value in items {
                writer.element("", item, |writer| match value {
                    Value::Object(members) if item == CATEGORIES.1 => flat(writer, members),
                    value => content(writer, item, value),
                });
            }
        }
        Value::Object(members) => {
            for (name, value) in named(members) {
                writer.element("", &encoded_name(name), |writer| content(writer, item_name(name), value));
            }
        }
    }
}

/// An object whose members have no documented type.
fn flat(writer: &mut Writer, members: &Members) {
    for (name, value) in named(members) {
        writer.element("", &encoded_name(name), |writer| match value {
            Value::Array(_) | Value::Object(_) => writer.text(&value.to_string()),
            plain => content(writer, "", plain),
        });
    }
}

/// The members that XML can say: an element needs a name.
fn named(members: &Members) -> impl Iterator<Item = (&String, &Value)> {
    members.iter().filter(|(name, _)| !name.is_empty())
}

/// What the items of that member are called.
fn item_name(collection: &str) -> &'static str {
    let kind = Kind::MODEL.into_iter().find(|kind| kind.collection() == collection);
    match kind {
        Some(kind) => kind.class(),
        None if collection == CATEGORIES.0 => CATEGORIES.1,
        // Of the results that are lists, all are of positions.
        None if collection == "Result" => Kind::Marking.class(),
        None => "string",
    }
}
