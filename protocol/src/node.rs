//! A node between its members, as apps write them, and its values, as a document keeps them.
//!
//! `type` and `id` are a node's identity and do not change; every `nodeId` it was ever given finds it. `props` merge key
//! by key at every depth, `refs` by key; the parent is one value, with the parent before it (see [`crate::tree`]).

mod props;

use serde_json::{Map, Value, json};

use crate::document::{BlobRef, Edit, Life, Projection, Register};
use crate::domain::{BLANK_DATE, Kind};
use crate::id::{DocId, Space};
use crate::item::{IDENTITY, KIND};
use crate::limits::MAX_IDENTITY;
use crate::shapes::date::same_instant;

/// Gives a blob's content; `None` while its parts are not here.
pub type Resolve<'a> = &'a dyn Fn(&BlobRef) -> Option<String>;

/// Key of the `nodeId` that is shown: given at creation, never written again.
const NODE_ID: &str = "nodeId";

/// Begins the keys of further `nodeId`s, each true.
const ALSO: &str = "nodeId\u{1F}";

/// Begins the keys of `refs`. Their values name nodes, so they are never kept outside the document.
pub(crate) const REFS: &str = "refs\u{1F}";

/// Key of the parent: new and previous, as a JSON array of four.
pub const PARENT: &str = "parent";

/// Keys of the dates that the daemon filled in. They are no data of the app's: concurrent ones are no conflict.
const MADE: &str = "made";
const TOUCHED: &str = "touched";

const CREATED: &str = "createdDateUtc";
const UPDATED: &str = "updatedDateUtc";
const CLEANUP: &str = "subjectToCleanup";

/// A GUID that says nothing.
pub const NO_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// Type and id of a node: what other nodes and people call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// `type`.
    pub ty: String,
    /// `id`.
    pub id: String,
}

/// Why a node cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Type or id is longer than any daemon keeps.
    #[error("The member '{0}' is longer than {MAX_IDENTITY} bytes.")]
    TooLong(&'static str),
    /// A value is longer than any daemon keeps.
    #[error("A value of '{0}' is longer than {max} bytes.", max = crate::limits::MAX_VALUE)]
    ValueTooLong(String),
}

impl NodeKey {
    /// The key that members `type_name` and `id_name` give; none when either is missing or empty.
    pub fn of(members: &Map<String, Value>, type_name: &str, id_name: &str) -> Option<NodeKey> {
        let text = |name| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(NodeKey { ty: text(type_name)?.to_owned(), id: text(id_name)?.to_owned() })
    }

    /// The identity of its document.
    pub fn identity(&self) -> String {
        json!([self.ty, self.id]).to_string()
    }

    /// Its document.
    pub fn doc(&self) -> DocId {
        DocId::of(Kind::Node, &self.identity())
    }

    /// The key of an identity; none for a node that has only a `nodeId`.
    pub fn from_identity(identity: &str) -> Option<NodeKey> {
        let (ty, id) = serde_json::from_str(identity).ok().filter(|_| identity.starts_with('['))?;
        Some(NodeKey { ty, id })
    }
}

/// The GUID that a member gives; none when it is missing, null or all zeros.
pub fn guid<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|guid| *guid != NO_GUID)
}

/// The `nodeId` of a node that came without one: the same wherever the node is created.
pub fn derived_node_id(space: &Space, identity: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("quire node id 1");
    hasher.update(space.as_str().as_bytes()).update(&[0]).update(identity.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// What an app says of a node, and how.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The members that were sent, by their documented names and as their types.
    pub members: &'a Map<String, Value>,
    /// The sender's form has no objects and arrays in `props` (XML, forms).
    pub textual: bool,
    /// A removed node is to be there again.
    pub revives: bool,
    /// The moment, for dates that were not sent; decides nothing.
    pub now: &'a str,
}

/// Checks what is not checked by the shape.
pub fn check(members: &Map<String, Value>) -> Result<(), NodeError> {
    for name in ["type", "id", "parentType", "parentId"] {
        if members.get(name).and_then(Value::as_str).is_some_and(|text| text.len() > MAX_IDENTITY) {
            return Err(NodeError::TooLong(name));
        }
    }
    let refs = members.get("refs").and_then(Value::as_object).into_iter().flatten();
    let texts = refs.flat_map(|(name, to)| {
        let of = |member| to.get(member).and_then(Value::as_str);
        [Some(name.as_str()), of("type"), of("id")].into_iter().flatten()
    });
    if texts.into_iter().any(|text| text.len() > MAX_IDENTITY) {
        return Err(NodeError::TooLong("refs"));
    }
    let too_long = |value: &Value| match value {
        Value::String(text) => text.len() > crate::limits::MAX_VALUE,
        Value::Array(_) | Value::Object(_) => value.to_string().len() > crate::limits::MAX_VALUE,
        _ => false,
    };
    let objects = ["props"].into_iter().filter_map(|name| members.get(name)?.as_object());
    let inner = objects.flatten().find(|(_, value)| too_long(value)).map(|(name, _)| name.clone());
    let title = members.get("title").filter(|title| too_long(title)).map(|_| "title".to_owned());
    inner.or(title).map_or(Ok(()), |name| Err(NodeError::ValueTooLong(name)))
}

/// The edit that makes a new node. `identity` is that of its document.
pub fn beginning(space: &Space, identity: &str, told: Told<'_>) -> Edit {
    let text = |value: &str| Register::Text(value.to_owned());
    let node_id = match guid(told.members, NODE_ID) {
        Some(guid) => guid.to_owned(),
        None => derived_node_id(space, identity),
    };
    let mut values = vec![
        (KIND.to_owned(), Register::Int(i64::from(Kind::Node.code()))),
        (IDENTITY.to_owned(), text(identity)),
        (NODE_ID.to_owned(), text(&node_id)),
        (MADE.to_owned(), text(told.now)),
    ];
    if NodeKey::from_identity(identity).is_none() {
        // What is known of it, though not enough to be its identity.
        for name in ["type", "id"] {
            let given = told.members.get(name).and_then(Value::as_str).filter(|given| !given.is_empty());
            values.extend(given.map(|given| (name.to_owned(), text(given))));
        }
    }
    values.extend(changes(&Projection::default(), None, told, &|_| None));
    Edit { values, note: None, life: Life::Keep }
}

/// What differs between what an app says of a node and what the node says. `parent` is the one in force.
pub fn differences(
    base: &Projection,
    parent: Option<&NodeKey>,
    told: Told<'_>,
    resolve: Resolve<'_>,
) -> Edit {
    let mut values = changes(base, parent, told, resolve);
    if let Some(new) = guid(told.members, NODE_ID).filter(|new| node_ids(base).all(|known| known != *new)) {
        values.push((format!("{ALSO}{new}"), Register::Bool(true)));
    }
    let life = if base.removed && told.revives { Life::Revive } else { Life::Keep };
    let touched = base.get(TOUCHED).is_some_and(|touched| *touched != Register::Null);
    if touched && values.iter().any(|(name, _)| name == UPDATED) {
        values.push((TOUCHED.to_owned(), Register::Null));
    } else if !says_date(told.members, UPDATED) && (!values.is_empty() || life == Life::Revive) {
        values.push((TOUCHED.to_owned(), Register::Text(told.now.to_owned())));
    }
    Edit { values, note: None, life }
}

fn changes(
    base: &Projection,
    parent: Option<&NodeKey>,
    told: Told<'_>,
    resolve: Resolve<'_>,
) -> Vec<(String, Register)> {
    let mut values: Vec<_> = plain_changes(base, told.members).collect();
    values.extend(parent_change(parent, told.members));
    if let Some(sent) = told.members.get("props").and_then(Value::as_object) {
        values.extend(props::differences(sent, base, told.textual, resolve));
    }
    if let Some(sent) = told.members.get("refs").and_then(Value::as_object) {
        values.extend(sent.iter().filter_map(|(name, to)| ref_change(base, name, to)));
    }
    values
}

/// Title, `subjectToCleanup` and the dates, where they differ. What a typed client sends for a member that was never
/// set is no edit.
fn plain_changes(
    base: &Projection,
    members: &Map<String, Value>,
) -> impl Iterator<Item = (String, Register)> {
    let names = ["title", CLEANUP, CREATED, UPDATED].into_iter();
    let sent = names.filter_map(|name| Some((name, members.get(name)?)));
    sent.filter_map(|(name, value)| {
        let is_date = [CREATED, UPDATED].contains(&name);
        if is_date && !says_date(members, name) {
            return None;
        }
        let new = match value {
            Value::Bool(b) => Register::Bool(*b),
            Value::String(text) => Register::Text(text.clone()),
            _ => Register::Null,
        };
        let same = match (shown_for(base, name), &new) {
            (None, new) => matches!(new, Register::Null | Register::Bool(false)),
            (Some(Register::Text(old)), Register::Text(new)) if is_date => same_instant(old, new),
            (Some(old), new) => old.same(new),
        };
        (!same).then(|| (name.to_owned(), new))
    })
}

/// True when a date is sent that says something: typed clients send a blank one for what was never set.
fn says_date(members: &Map<String, Value>, name: &str) -> bool {
    let sent = members.get(name).and_then(Value::as_str);
    sent.is_some_and(|date| !date.starts_with(BLANK_DATE))
}

/// The value that is shown for a member: of dates what was sent, else what the daemon filled in.
fn shown_for<'a>(base: &'a Projection, name: &str) -> Option<&'a Register> {
    let keys: &[&str] = match name {
        CREATED => &[CREATED, MADE],
        UPDATED => &[TOUCHED, UPDATED, MADE, CREATED],
        _ => return base.get(name),
    };
    keys.iter().filter_map(|key| base.get(key)).find(|held| **held != Register::Null)
}

fn parent_change(now: Option<&NodeKey>, members: &Map<String, Value>) -> Option<(String, Register)> {
    let sent = |name| members.get(name).map(|value| value.as_str().unwrap_or_default());
    let (ty, id) = (sent("parentType"), sent("parentId"));
    if ty.is_none() && id.is_none() {
        return None;
    }
    let ty = ty.unwrap_or_else(|| now.map_or("", |now| &now.ty));
    let id = id.unwrap_or_else(|| now.map_or("", |now| &now.id));
    let new = (!ty.is_empty() || !id.is_empty()).then(|| NodeKey { ty: ty.to_owned(), id: id.to_owned() });
    (new.as_ref() != now).then(|| (PARENT.to_owned(), moved(new.as_ref(), now)))
}

/// The value of a move: where to, and from where.
pub fn moved(to: Option<&NodeKey>, from: Option<&NodeKey>) -> Register {
    let ([ty, id], [old_ty, old_id]) = (parts(to), parts(from));
    Register::Text(json!([ty, id, old_ty, old_id]).to_string())
}

fn parts(key: Option<&NodeKey>) -> [Option<&str>; 2] {
    [key.map(|key| key.ty.as_str()), key.map(|key| key.id.as_str())]
}

/// Where a move goes, and where it came from; `None` for what is no move.
pub fn read_move(register: &Register) -> Option<(Option<NodeKey>, Option<NodeKey>)> {
    let Register::Text(text) = register else { return None };
    let [ty, id, old_ty, old_id]: [Option<String>; 4] = serde_json::from_str(text).ok()?;
    let key = |ty: Option<String>, id: Option<String>| Some(NodeKey { ty: ty?, id: id? });
    Some((key(ty, id), key(old_ty, old_id)))
}

fn ref_change(base: &Projection, name: &str, to: &Value) -> Option<(String, Register)> {
    let key = ref_key(name);
    let text = |member| to.get(member).and_then(Value::as_str);
    let new = match to {
        Value::Null => Register::Null,
        _ => Register::Text(json!([text("type"), text("id"), name]).to_string()),
    };
    let same = base.get(&key).map_or(new == Register::Null, |old| old.same(&new));
    (!same).then_some((key, new))
}

/// The key of a reference; a long name is hashed, since the value carries it.
fn ref_key(name: &str) -> String {
    if REFS.len() + name.len() <= crate::limits::MAX_KEY {
        return format!("{REFS}{name}");
    }
    format!("{REFS}{REFS}{}", blake3::hash(name.as_bytes()).to_hex())
}

fn read_ref(register: &Register) -> Option<(String, Value)> {
    let Register::Text(text) = register else { return None };
    let (ty, id, name): (Option<String>, Option<String>, String) = serde_json::from_str(text).ok()?;
    Some((name, json!({ "type": ty, "id": id })))
}

/// Every `nodeId` that finds a node.
pub fn node_ids(projection: &Projection) -> impl Iterator<Item = &str> {
    let shown = projection.get(NODE_ID).into_iter();
    let lost = projection.conflicts.iter().filter(|conflict| conflict.key == NODE_ID);
    let lost = lost.flat_map(|conflict| conflict.others.iter().map(|other| &other.value));
    let given = shown.chain(lost).filter_map(|register| match register {
        Register::Text(guid) => Some(guid.as_str()),
        _ => None,
    });
    let also = projection.values.range(ALSO.to_owned()..).map_while(|(key, _)| key.strip_prefix(ALSO));
    given.chain(also)
}

/// What a node is called and where it is, besides its document.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// The tenant's GUID.
    pub tenant: &'a str,
    /// The row number this daemon gave it.
    pub cyan_id: u64,
    /// The parent in force.
    pub parent: Option<&'a NodeKey>,
}

/// Every documented member of a node, in the documented order.
pub fn members(projection: &Projection, naming: Naming<'_>, resolve: Resolve<'_>) -> Map<String, Value> {
    let mut out = Map::with_capacity(13);
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("tenantId", naming.tenant.into());
    for (name, value) in page_members(projection, naming.parent, resolve) {
        put(&name, value);
    }
    let date = |name: &str| match shown_for(projection, name) {
        Some(Register::Text(date)) => Value::from(date.as_str()),
        _ => Value::from(BLANK_DATE),
    };
    put("cyanId", naming.cyan_id.into());
    put(CLEANUP, matches!(projection.get(CLEANUP), Some(Register::Bool(true))).into());
    put(CREATED, date(CREATED));
    put(UPDATED, date(UPDATED));
    out
}

/// The members that a page of a window shows (REFERENCE B2).
pub fn page_members(
    projection: &Projection,
    parent: Option<&NodeKey>,
    resolve: Resolve<'_>,
) -> Map<String, Value> {
    let key = key_of(projection);
    let own = |name| text(projection, name, resolve);
    let (ty, id) = match key {
        Some(key) => (Some(key.ty), Some(key.id)),
        None => (own("type"), own("id")),
    };
    let mut out = Map::with_capacity(8);
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put(NODE_ID, own(NODE_ID).into());
    put("type", ty.into());
    put("id", id.into());
    put("parentType", parent.map(|parent| parent.ty.as_str()).into());
    put("parentId", parent.map(|parent| parent.id.as_str()).into());
    put("title", own("title").into());
    put("props", props::shown(projection, resolve).into());
    put("refs", refs(projection).into());
    out
}

/// True for a key that names the node, or that a daemon filled in: no data of an app's.
pub(crate) fn is_own(key: &str) -> bool {
    [NODE_ID, MADE, TOUCHED].contains(&key) || key.starts_with(ALSO)
}

/// The `nodeId` that is shown.
pub fn node_id(projection: &Projection) -> &str {
    match projection.get(NODE_ID) {
        Some(Register::Text(guid)) => guid,
        _ => NO_GUID,
    }
}

/// Type and id of a node that has both.
pub fn key_of(projection: &Projection) -> Option<NodeKey> {
    match projection.get(IDENTITY) {
        Some(Register::Text(identity)) => NodeKey::from_identity(identity),
        _ => None,
    }
}

/// The type of a node, also of one that has no id.
pub fn type_of(projection: &Projection) -> Option<String> {
    match (key_of(projection), projection.get("type")) {
        (Some(key), _) => Some(key.ty),
        (None, Some(Register::Text(ty))) => Some(ty.clone()),
        _ => None,
    }
}

/// What a node says under `props`.
pub fn properties(projection: &Projection, resolve: Resolve<'_>) -> Map<String, Value> {
    props::shown(projection, resolve)
}

fn text(projection: &Projection, name: &str, resolve: Resolve<'_>) -> Option<String> {
    match projection.get(name)? {
        Register::Text(text) => Some(text.clone()),
        Register::Blob(blob) => resolve(blob),
        _ => None,
    }
}

fn refs(projection: &Projection) -> Map<String, Value> {
    let from = projection.values.range(REFS.to_owned()..);
    from.take_while(|(key, _)| key.starts_with(REFS)).filter_map(|(_, register)| read_ref(register)).collect()
}

/// One key of a node for people: the member, and the value in documented form. `None` for what is no data of an
/// app's.
pub fn plain(key: &str, register: &Register, resolve: Resolve<'_>) -> Option<(String, Value)> {
    if props::is_key(key) {
        return Some(props::plain(key, register, resolve));
    }
    if let Some(name) = key.strip_prefix(REFS) {
        let (name, value) = read_ref(register).unwrap_or((name.to_owned(), Value::Null));
        return Some((format!("refs.{name}"), value));
    }
    match (key, register) {
        (NODE_ID | MADE | TOUCHED | KIND | IDENTITY, _) => None,
        (PARENT, register) => {
            let to = read_move(register).and_then(|(to, _)| to);
            Some((PARENT.to_owned(), parent_value(to.as_ref())))
        }
        (name, Register::Bool(b)) => Some((name.to_owned(), Value::from(*b))),
        (name, Register::Text(text)) => Some((name.to_owned(), Value::from(text.as_str()))),
        (name, Register::Blob(blob)) => Some((name.to_owned(), resolve(blob).into())),
        (name, _) => Some((name.to_owned(), Value::Null)),
    }
}

/// A parent as it is shown by itself.
pub fn parent_value(parent: Option<&NodeKey>) -> Value {
    json!({ "parentType": parent.map(|key| &key.ty), "parentId": parent.map(|key| &key.id) })
}

/// What settles a conflict of one key but the parent.
pub fn settling(
    projection: &Projection,
    key: &str,
    value: &Value,
    resolve: Resolve<'_>,
) -> Vec<(String, Register)> {
    if props::is_key(key) {
        return props::settling(projection, key, value, resolve);
    }
    let settled = match value {
        Value::Object(to) if key.starts_with(REFS) => {
            let held = projection.get(key).and_then(read_ref);
            let name = held.map_or_else(|| key[REFS.len()..].to_owned(), |(name, _)| name);
            Register::Text(json!([to.get("type"), to.get("id"), name]).to_string())
        }
        Value::Bool(b) => Register::Bool(*b),
        Value::String(text) => Register::Text(text.clone()),
        _ => Register::Null,
    };
    vec![(key.to_owned(), settled)]
}

#[cfg(test)]
mod tests;
