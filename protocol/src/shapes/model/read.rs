//! A `SynchronizationModel` from JSON: lenient in names and types, strict about each item by itself.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Identity, Item, ItemError, ModelError, SynchronizationModel};
use crate::domain::{Kind, Member, Role, Type};
use crate::shapes::coerce::coerce;
use crate::shapes::date::DateText;
use crate::shapes::{MAX_MESSAGE, cut, token};

/// What typed apps send for a GUID they never set.
const NO_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// The members of the model that are read; `Book` is one more entry of `Books`.
const NAMES: [&str; 12] = [
    "Account",
    "AccountCodes",
    "AccountApplicationId",
    "ApplicationType",
    "BookHtmlPages",
    "BookStyleSheets",
    "Book",
    "Markings",
    "Books",
    "PopupSettings",
    "EPubHistoryActivities",
    "LastSyncTimestamp",
];

/// Reads a model.
///
/// Of an item that occurs twice the last counts, in its place. An item that cannot be used is left out and named
/// in [`SynchronizationModel::item_errors`].
///
/// # Errors
/// [`ModelError`] when the root is not an object, a collection is not an array, or `AccountApplicationId`,
/// `ApplicationType` or `LastSyncTimestamp` is of another type.
pub fn read(value: Value) -> Result<SynchronizationModel, ModelError> {
    let Value::Object(members) = value else {
        return Err(fault("", format!("Error reading the model. Unexpected token: {}.", token(&value))));
    };
    let mut root = Root::new(members);
    let account = root.take("Account");
    let mut reader = Reader { request_account: account_of(&account), ..Reader::default() };
    reader.entry(Kind::Account, "Account".to_owned(), account);
    for kind in
        [Kind::AccountCode, Kind::HtmlPage, Kind::StyleSheet, Kind::Marking, Kind::History, Kind::Book]
    {
        reader.collection(kind, root.take(kind.collection()))?;
    }
    reader.entry(Kind::Book, "Book".to_owned(), root.take("Book"));
    reader.entry(Kind::Popup, "PopupSettings".to_owned(), root.take("PopupSettings"));
    Ok(SynchronizationModel {
        account_application_id: application_id(root.take("AccountApplicationId"))?,
        application_type: application_type(root.take("ApplicationType"))?,
        last_sync: last_sync(root.take("LastSyncTimestamp"))?,
        request_account: reader.request_account,
        items: last_of_each(reader.items, reader.request_account),
        item_errors: reader.errors,
    })
}

/// Reads a body that is a list of items of one kind. Of an item that occurs twice the last counts.
///
/// # Errors
/// [`ModelError`] when the body is no array.
pub fn read_list(kind: Kind, body: Value) -> Result<(Vec<Item>, Vec<ItemError>), ModelError> {
    let Value::Array(entries) = body else {
        return Err(fault("", format!("Error reading the items. Unexpected token: {}.", token(&body))));
    };
    let mut reader = Reader::default();
    for (index, entry) in entries.into_iter().enumerate() {
        reader.present(kind, format!("[{index}]"), entry);
    }
    Ok((last_of_each(reader.items, None), reader.errors))
}

/// Reads a body that is one item, as a list of one; errors call it by `name`.
///
/// # Errors
/// [`ModelError`] when the body is no object.
pub fn read_one(kind: Kind, name: &str, body: Value) -> Result<(Vec<Item>, Vec<ItemError>), ModelError> {
    if !body.is_object() {
        return Err(fault("", format!("Error reading the item. Unexpected token: {}.", token(&body))));
    }
    let mut reader = Reader::default();
    reader.present(kind, name.to_owned(), body);
    Ok((reader.items, reader.errors))
}

/// The root's members by their documented names; an unknown one is dropped.
struct Root(Vec<(&'static str, Value)>);

impl Root {
    fn new(members: Map<String, Value>) -> Root {
        let known = members.into_iter().filter_map(|(name, value)| {
            let exact = NAMES.iter().find(|known| **known == name);
            let found = exact.or_else(|| NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name)));
            found.map(|name| (*name, value))
        });
        // At most one of each stays, whatever spellings a request has.
        let mut root = Vec::with_capacity(NAMES.len());
        for (name, value) in known {
            root.retain(|(other, _)| *other != name);
            root.push((name, value));
        }
        Root(root)
    }

    /// The value of that member; null when absent.
    fn take(&mut self, name: &str) -> Value {
        let found = self.0.iter().position(|(known, _)| *known == name);
        found.map_or(Value::Null, |at| self.0.swap_remove(at).1)
    }
}

#[derive(Default)]
struct Reader {
    request_account: Option<i64>,
    items: Vec<Item>,
    errors: Vec<ItemError>,
}

impl Reader {
    fn collection(&mut self, kind: Kind, value: Value) -> Result<(), ModelError> {
        let name = kind.collection();
        match value {
            Value::Null => {}
            Value::Array(entries) => {
                self.items.reserve(entries.len());
                for (index, entry) in entries.into_iter().enumerate() {
                    self.present(kind, format!("{name}[{index}]"), entry);
                }
            }
            other => {
                let message =
                    format!("Error reading list. Unexpected token: {}. Path '{name}'.", token(&other));
                return Err(fault(name, message));
            }
        }
        Ok(())
    }

    /// A single item, where null means that there is none.
    fn entry(&mut self, kind: Kind, position: String, value: Value) {
        if !value.is_null() {
            self.present(kind, position, value);
        }
    }

    fn present(&mut self, kind: Kind, position: String, value: Value) {
        match self.item(kind, &position, value) {
            Ok((account, identity, members)) => {
                self.items.push(Item { kind, position, account, identity, members });
            }
            Err((member, message)) => {
                self.errors.push(ItemError { position, member: member.to_owned(), message });
            }
        }
    }

    fn item(&self, kind: Kind, position: &str, value: Value) -> Result<Parts, Refusal> {
        let Value::Object(sent) = value else {
            return Err((
                "",
                format!("Error reading object. Unexpected token: {}. Path '{position}'.", token(&value)),
            ));
        };
        let mut members = members_of(kind, position, sent)?;
        if let (Kind::Popup, None, Some(account)) =
            (kind, number(&members, "AccountId"), self.request_account)
        {
            members.insert("AccountId".to_owned(), Value::from(account));
        }
        let identity = identity_of(kind, &mut members).map_err(|name| {
            (name, format!("The item has no {name}, by which it is known. Path '{position}'."))
        })?;
        Ok((number(&members, "AccountId"), identity, members))
    }
}

type Parts = (Option<i64>, Identity, Map<String, Value>);

/// The bad member, empty for the item itself, and the message.
type Refusal = (&'static str, String);

fn members_of(
    kind: Kind,
    position: &str,
    mut sent: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let taken = |member: &Member, value| {
        coerce(member, value).map_err(|error| (member.name, error.message(position)))
    };
    if sent.keys().all(|name| kind.member(name).is_some_and(|m| m.name == name && m.role != Role::Secret)) {
        // What nearly every app sends: nothing to rename and nothing to drop, so the map is kept.
        for (name, value) in &mut sent {
            if let Some(member) = kind.member(name) {
                *value = taken(member, value.take())?;
            }
        }
        return Ok(sent);
    }
    let mut members = Map::with_capacity(sent.len().min(kind.members().len()));
    for (name, value) in sent {
        if let Some(member) = kind.member(&name).filter(|member| member.role != Role::Secret) {
            members.insert(member.name.to_owned(), taken(member, value)?);
        }
    }
    Ok(members)
}

/// The identity that these members give, or the name of the member that would.
fn identity_of(kind: Kind, members: &mut Map<String, Value>) -> Result<Identity, &'static str> {
    match kind {
        Kind::Marking | Kind::History => Ok(position_identity(members)),
        Kind::Book => book_identity(members).ok_or("booksBookID"),
        _ => {
            let name = kind.with_role(Role::Key).map_or("", |member| member.name);
            number(members, name).map(|key| Identity::Key(key.to_string())).ok_or(name)
        }
    }
}

fn position_identity(members: &mut Map<String, Value>) -> Identity {
    match members.get("syncGuid").and_then(Value::as_str) {
        Some(guid) if guid != NO_GUID => return Identity::Key(guid.to_owned()),
        _ => members.shift_remove("syncGuid"),
    };
    number(members, "id").map_or(Identity::New, Identity::RowId)
}

fn book_identity(members: &Map<String, Value>) -> Option<Identity> {
    if let Some(id) = number(members, "booksBookID") {
        return Some(Identity::Key(format!("n:{id}")));
    }
    let identifier = members.get("bookIdentifier").and_then(Value::as_str);
    identifier.filter(|text| !text.is_empty()).map(|text| Identity::Key(format!("i:{text}")))
}

/// A number of the item; 0 is what typed apps send for one they never set.
fn number(members: &Map<String, Value>, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_i64).filter(|number| *number != 0)
}

/// The account of the request, also when another member makes the `Account` unusable as an item.
fn account_of(account: &Value) -> Option<i64> {
    let member = Kind::Account.with_role(Role::Key)?;
    let sent = account.as_object()?;
    let mut found = None;
    for (name, value) in sent {
        if Kind::Account.member(name) == Some(member) {
            found = coerce(member, value.clone()).ok().and_then(|id| id.as_i64());
        }
    }
    found.filter(|id| *id != 0)
}

fn last_of_each(items: Vec<Item>, request_account: Option<i64>) -> Vec<Item> {
    let mut seen = HashSet::new();
    let keep: Vec<bool> = items
        .iter()
        .rev()
        .map(|item| {
            let key = (item.kind, item.account.or(request_account), &item.identity);
            item.identity == Identity::New || seen.insert(key)
        })
        .collect();
    let mut keep = keep.into_iter().rev();
    items.into_iter().filter(|_| keep.next().unwrap_or(true)).collect()
}

fn application_id(value: Value) -> Result<i64, ModelError> {
    const MEMBER: Member =
        Member { name: "AccountApplicationId", ty: Type::Int, nullable: true, role: Role::Plain };
    match coerce(&MEMBER, value) {
        Ok(value) => Ok(value.as_i64().unwrap_or(0)),
        Err(error) => Err(fault(MEMBER.name, error.message(""))),
    }
}

/// An enum on the original server: a number, or text that names one.
fn application_type(value: Value) -> Result<Value, ModelError> {
    match value {
        Value::Null => Ok(Value::from(0)),
        Value::Number(number) if !number.is_f64() => Ok(Value::Number(number)),
        Value::String(text) if text.len() <= MAX_MESSAGE => Ok(Value::String(text)),
        other => {
            let message = format!(
                "Error converting value to type 'ApplicationTypes'. Unexpected token: {}. Path 'ApplicationType'.",
                token(&other)
            );
            Err(fault("ApplicationType", message))
        }
    }
}

fn last_sync(value: Value) -> Result<Option<String>, ModelError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if DateText::parse(&text).is_ok() => Ok(Some(text)),
        other => {
            let shown = cut(&other.to_string(), 60);
            let message = format!(
                "Error converting value {shown} to type 'System.DateTime'. Path 'LastSyncTimestamp'."
            );
            Err(fault("LastSyncTimestamp", message))
        }
    }
}

fn fault(path: &str, message: String) -> ModelError {
    ModelError { path: path.to_owned(), message: cut(&message, MAX_MESSAGE) }
}
