//! An item between its members, as apps write them, and its values, as a document keeps them.
//!
//! Members of the place travel as one value; secrets, row numbers and the account are not kept at all; the
//! note and the removal have their own keys.

use serde_json::{Map, Value};

use crate::document::{BlobRef, Edit, Life, Projection, Register, key};
use crate::domain::{Kind, Member, Role, Type};
use crate::limits::{MAX_INLINE, MAX_VALUE};
use crate::shapes::date::same_instant;

/// Key under which a document says what kind of item it is.
pub const KIND: &str = "kind";

/// Key under which a document says its identity, the text its id was made from.
pub const IDENTITY: &str = "key";

/// What an app says about one item: the members it sent, as a document would keep them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Said {
    /// Values of keys, in the documented order; the place as the members that were sent.
    pub values: Vec<(&'static Member, Register)>,
    /// The members of the place that were sent.
    pub place: Vec<(&'static Member, Value)>,
    /// The note, when it was sent.
    pub note: Option<Register>,
    /// `SyncIsRemoved`, when it was sent.
    pub removed: Option<bool>,
}

/// A member's value is longer than any daemon keeps.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("The member '{member}' is longer than {MAX_VALUE} bytes.")]
pub struct TooLong {
    /// The member.
    pub member: &'static str,
}

/// Reads canonical, coerced members.
pub fn said(kind: Kind, members: &Map<String, Value>) -> Result<Said, TooLong> {
    let mut out = Said::default();
    for member in kind.members() {
        let Some(value) = members.get(member.name) else { continue };
        if value.as_str().is_some_and(|text| text.len() > MAX_VALUE) {
            return Err(TooLong { member: member.name });
        }
        match member.role {
            Role::RowId | Role::Account | Role::Secret => {}
            Role::Removed => out.removed = value.as_bool(),
            Role::Note => out.note = Some(register(value)),
            Role::Place => out.place.push((member, value.clone())),
            Role::Plain | Role::Key => out.values.push((member, register(value))),
        }
    }
    Ok(out)
}

fn register(value: &Value) -> Register {
    match value {
        Value::Null => Register::Null,
        Value::Bool(b) => Register::Bool(*b),
        Value::Number(n) if n.is_i64() => Register::Int(n.as_i64().unwrap_or_default()),
        Value::String(text) => Register::Text(text.clone()),
        other => Register::Text(other.to_string()),
    }
}

/// Gives a blob's content; `None` while its parts are not here.
pub type Resolve<'a> = &'a dyn Fn(&BlobRef) -> Option<String>;

/// What differs between what an app says and what its base says.
pub fn differences(said: &Said, base: &Projection, resolve: Resolve<'_>) -> Edit {
    let mut edit = Edit { values: Vec::new(), note: None, life: life(said.removed, base.removed) };
    for (member, value) in &said.values {
        if !unchanged(member, value, base.get(member.name)) {
            edit.values.push((member.name.to_owned(), value.clone()));
        }
    }
    if let Some(place) = place_edit(said, base, resolve) {
        edit.values.push((key::PLACE.to_owned(), place));
    }
    if let Some(note) = &said.note
        && !same_note(note, base.get(key::NOTE))
    {
        edit.note = Some(note.clone());
    }
    edit
}

/// The edit that makes a new item of everything an app says.
pub fn beginning(kind: Kind, identity: &str, said: &Said) -> Edit {
    let mut values = vec![
        (KIND.to_owned(), Register::Int(i64::from(kind.code()))),
        (IDENTITY.to_owned(), Register::Text(identity.to_owned())),
    ];
    values.extend(said.values.iter().map(|(member, value)| (member.name.to_owned(), value.clone())));
    if let Some(place) = place_edit(said, &Projection::default(), &|_| None) {
        values.push((key::PLACE.to_owned(), place));
    }
    let life = if said.removed == Some(true) { Life::Remove } else { Life::Keep };
    Edit { values, note: said.note.clone(), life }
}

/// True when the edit does nothing.
pub fn is_nothing(edit: &Edit) -> bool {
    edit.values.is_empty() && edit.note.is_none() && edit.life == Life::Keep
}

fn life(said: Option<bool>, removed: bool) -> Life {
    match said {
        Some(true) if !removed => Life::Remove,
        Some(false) if removed => Life::Revive,
        _ => Life::Keep,
    }
}

/// True when a value an app sends says no more than `base` already does: the same value, the same instant
/// written otherwise, or the blank that stands for a member never set.
fn unchanged(member: &Member, value: &Register, base: Option<&Register>) -> bool {
    match (base, value) {
        (None, value) => member.is_blank(&scalar(value)),
        (Some(Register::Text(old)), Register::Text(new)) if member.ty == Type::Date => same_instant(old, new),
        (Some(Register::Text(old)), Register::Text(new)) if member.ty == Type::Json => {
            old == new || matches!((parse(old), parse(new)), (Some(a), Some(b)) if a == b)
        }
        (Some(Register::Null), value) if member.is_blank(&scalar(value)) => true,
        (Some(old), value) => old.same(value),
    }
}

fn same_note(said: &Register, base: Option<&Register>) -> bool {
    base.map_or(*said == Register::Null, |old| old.same(said))
}

fn scalar(value: &Register) -> Value {
    match value {
        Register::Null | Register::Blob(_) => Value::Null,
        Register::Bool(b) => Value::from(*b),
        Register::Int(n) => Value::from(*n),
        Register::Text(text) => Value::from(text.as_str()),
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn place_members(kind: Kind) -> impl Iterator<Item = &'static Member> {
    kind.members().iter().filter(|member| member.role == Role::Place)
}

/// The whole new place, when a sent member of it differs; members not sent stay as the base has them.
fn place_edit(said: &Said, base: &Projection, resolve: Resolve<'_>) -> Option<Register> {
    if said.place.is_empty() {
        return None;
    }
    let old = place_values(base, resolve);
    let mut new: Vec<Value> = place_members(Kind::Marking).zip(old.iter().cloned()).map(|(_, v)| v).collect();
    for (member, value) in &said.place {
        let at = place_members(Kind::Marking).position(|m| m.name == member.name)?;
        new[at] = value.clone();
    }
    (new != old).then(|| Register::Text(Value::Array(new).to_string()))
}

fn place_values(projection: &Projection, resolve: Resolve<'_>) -> Vec<Value> {
    let text = match projection.get(key::PLACE) {
        Some(Register::Text(text)) => Some(text.clone()),
        Some(Register::Blob(blob)) => resolve(blob),
        _ => None,
    };
    let mut values = match text.as_deref().and_then(parse) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    values.resize(place_members(Kind::Marking).count(), Value::Null);
    values
}

/// What an item is called and where it is, besides its document.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// The account whose space holds it.
    pub account: i64,
    /// The row number this daemon gave it.
    pub row_id: u64,
}

/// Every documented member of an item, in the documented order; blank where it was never set.
pub fn members(
    kind: Kind,
    projection: &Projection,
    naming: Naming,
    resolve: Resolve<'_>,
) -> Map<String, Value> {
    let mut out = Map::with_capacity(kind.members().len());
    put_members(&mut out, kind, projection, naming, resolve);
    out
}

/// Puts the [`members`] of an item to a map, which may hold others.
pub fn put_members(
    out: &mut Map<String, Value>,
    kind: Kind,
    projection: &Projection,
    naming: Naming,
    resolve: Resolve<'_>,
) {
    let mut place = place_values(projection, resolve).into_iter();
    for member in kind.members() {
        let value = match member.role {
            Role::RowId => Value::from(naming.row_id),
            Role::Account => Value::from(naming.account),
            Role::Secret => Value::Null,
            Role::Removed => Value::from(projection.removed),
            Role::Place => place.next().unwrap_or(Value::Null),
            Role::Note | Role::Key | Role::Plain => value(member, projection.get(member.name), resolve),
        };
        out.insert(member.name.to_owned(), value);
    }
}

/// One value as JSON, of a member or of the place.
pub fn plain(name: &str, kind: Kind, register: &Register, resolve: Resolve<'_>) -> Value {
    if name == key::PLACE {
        let values = BTreePlace(register).values(resolve);
        return place_members(kind).map(|m| m.name.to_owned()).zip(values).collect::<Map<_, _>>().into();
    }
    match kind.member(name) {
        Some(member) => value(member, Some(register), resolve),
        None => scalar(register),
    }
}

struct BTreePlace<'a>(&'a Register);

impl BTreePlace<'_> {
    fn values(&self, resolve: Resolve<'_>) -> Vec<Value> {
        let mut projection = Projection::default();
        projection.values.insert(key::PLACE.into(), self.0.clone());
        place_values(&projection, resolve)
    }
}

fn value(member: &Member, register: Option<&Register>, resolve: Resolve<'_>) -> Value {
    let text = match register {
        None => return member.blank(),
        Some(Register::Text(text)) => text.clone(),
        Some(Register::Blob(blob)) => match resolve(blob) {
            Some(text) => text,
            None => return Value::Null,
        },
        Some(Register::Null) => return member.blank(),
        Some(other) => return scalar(other),
    };
    if member.ty == Type::Json { parse(&text).unwrap_or(Value::Null) } else { Value::String(text) }
}

/// Moves values longer than `limit` bytes out of an edit; gives their contents. The note is held to
/// [`MAX_INLINE`] whatever the limit: shorter ones merge by character.
pub fn outsource(edit: &mut Edit, limit: usize) -> Vec<String> {
    let mut contents = Vec::new();
    // What names items is read without their contents.
    let stays =
        |name: &str| name == IDENTITY || name == crate::node::PARENT || name.starts_with(crate::node::REFS);
    let values = edit.values.iter_mut().filter(|(name, _)| !stays(name)).map(|(_, value)| (value, limit));
    for (value, limit) in values.chain(edit.note.iter_mut().map(|note| (note, MAX_INLINE))) {
        if let Register::Text(text) = value
            && text.len() > limit
        {
            let blob = BlobRef::of(text);
            if let Register::Text(text) = std::mem::replace(value, Register::Blob(blob)) {
                contents.push(text);
            }
        }
    }
    contents
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn marking(value: Value) -> Said {
        said(Kind::Marking, value.as_object().unwrap()).unwrap()
    }

    fn projected(edit: Edit) -> Projection {
        let mut projection = Projection::default();
        projection.values.extend(edit.values);
        if let Some(note) = edit.note {
            projection.values.insert(key::NOTE.into(), note);
        }
        projection
    }

    #[test]
    fn what_is_sent_back_as_it_came_differs_in_nothing() {
        let sent =
            json!({"syncGuid": "g", "note": "n", "CharIndexStart": 4, "Timestamp": "2025-01-01T00:00:00Z"});
        let base = projected(beginning(Kind::Marking, "g", &marking(sent)));
        let shown = members(Kind::Marking, &base, Naming { account: 3, row_id: 9 }, &|_| None);
        assert_eq!(shown["AccountId"], 3);
        assert_eq!(shown["id"], 9);
        assert_eq!(shown["bookID"], 0, "never set, and clients take no null");
        let again = differences(&said(Kind::Marking, &shown).unwrap(), &base, &|_| None);
        assert!(is_nothing(&again), "{again:?}");
        let other_zone = marking(json!({"Timestamp": "2024-12-31T19:00:00.0-05:00"}));
        assert!(is_nothing(&differences(&other_zone, &base, &|_| None)));
    }

    #[test]
    fn the_place_moves_as_one() {
        let base =
            projected(beginning(Kind::Marking, "g", &marking(json!({"CharIndexStart": 4, "textLength": 2}))));
        let edit = differences(&marking(json!({"CharIndexStart": 5})), &base, &|_| None);
        assert_eq!(edit.values.len(), 1);
        let moved = members(Kind::Marking, &projected(edit), Naming { account: 3, row_id: 1 }, &|_| None);
        assert_eq!((&moved["CharIndexStart"], &moved["textLength"]), (&json!(5), &json!(2)));
    }

    #[test]
    fn long_values_go_outside_and_compare_as_equal() {
        let long = "x".repeat(MAX_INLINE + 1);
        let mut edit = beginning(Kind::Marking, "g", &marking(json!({"content": long, "note": long})));
        assert_eq!(outsource(&mut edit, MAX_INLINE).len(), 2);
        let base = projected(edit);
        assert!(is_nothing(&differences(&marking(json!({"content": long, "note": long})), &base, &|_| None)));
        let shown = members(Kind::Marking, &base, Naming { account: 3, row_id: 1 }, &|_| Some(long.clone()));
        assert_eq!(shown["content"], long);
    }
}
