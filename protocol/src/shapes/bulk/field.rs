//! The fields of an object: what they are called, what they hold, and the statements that stand for them.

mod resolve;
mod statement;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::object::Object;
use crate::domain::{Kind, Member, Role, Type};
pub use resolve::{Resolved, resolve};
pub use statement::{MAX_STATEMENT, StatementError};

/// What a field holds, as Eloqua names it. Its Bulk shapes know no type for `true` and `false`: they are `string`, and
/// clients take every type but `date` and `number` for text (REFERENCE A2, tap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Text, and `true` or `false`.
    String,
    /// Text that can be long: notes and markup.
    LargeString,
    /// A whole number.
    Number,
    /// A date and time.
    Date,
    /// The address of a mailbox.
    EmailAddress,
}

impl DataType {
    /// Its name in field entries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DataType::String => "string",
            DataType::LargeString => "largeString",
            DataType::Number => "number",
            DataType::Date => "date",
            DataType::EmailAddress => "emailAddress",
        }
    }
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its number within the object, from 1.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// The name that its statement has.
    pub internal_name: Option<String>,
    /// What it holds.
    pub data_type: DataType,
    /// What stands for it in definitions.
    pub statement: String,
    /// Where its value is in a record.
    pub key: String,
    /// Whether imports may not bring it.
    pub read_only: bool,
    /// Whether it always has a value.
    pub not_null: bool,
    /// Whether no two records have the same value.
    pub unique: bool,
    /// The activities that have it; empty for other objects.
    pub activity_types: &'static [&'static str],
}

/// The types of activities: what is read, and what happens to markings.
pub const ACTIVITY_TYPES: &[&str] =
    &["Reading", "MarkingCreated", "MarkingChanged", "MarkingRemoved", "MarkingRestored"];

/// The names that Eloqua has for members of contacts; clients look for them.
const INTERNAL: [(&str, &str); 3] =
    [("Email", "C_EmailAddress"), ("FirstName", "C_FirstName"), ("LastName", "C_LastName")];

/// What activities have besides the members of a marking: name, the rest of the statement and of the key, type.
const OF_ACTIVITIES: [(&str, &str, DataType); 8] = [
    ("ActivityId", "Id", DataType::Number),
    ("ActivityType", "Type", DataType::String),
    ("ActivityDate", "CreatedAt", DataType::Date),
    ("AssetId", "Asset.Id", DataType::Number),
    ("AssetType", "Asset.Type", DataType::String),
    ("AssetName", "Asset.Name", DataType::String),
    ("ContactId", "Contact.Id", DataType::Number),
    ("Device", "Device", DataType::String),
];

/// The members of a node that are no property, are not written by clients, or are no text.
const OF_NODES: [(&str, DataType, bool); 8] = [
    ("nodeId", DataType::String, false),
    ("type", DataType::String, true),
    ("tenantId", DataType::String, true),
    ("cyanId", DataType::Number, true),
    ("createdDateUtc", DataType::Date, true),
    ("updatedDateUtc", DataType::Date, true),
    ("id", DataType::String, false),
    ("title", DataType::String, false),
];

/// What a key of a custom object begins with when it is a property.
const PROPS: &str = "props.";

impl Field {
    /// Its field entry (REFERENCE A2), under the address of its object. Without dates: nobody made it.
    #[must_use]
    pub fn shown(&self, object: Object) -> Map<String, Value> {
        let mut entry = Map::new();
        let mut put = |name: &str, value: Value| entry.insert(name.to_owned(), value);
        put("name", self.name.as_str().into());
        if let Some(name) = &self.internal_name {
            put("internalName", name.as_str().into());
        }
        put("dataType", self.data_type.name().into());
        put("hasReadOnlyConstraint", self.read_only.into());
        put("hasNotNullConstraint", self.not_null.into());
        put("hasUniquenessConstraint", self.unique.into());
        put("statement", self.statement.as_str().into());
        if !self.activity_types.is_empty() {
            put("activityTypes", self.activity_types.into());
        }
        put("uri", format!("{object}/fields/{}", self.id).into());
        entry
    }
}

/// The fields of an object that has always the same ones; none for custom objects, which have [`custom_fields`].
#[must_use]
pub fn fields(object: Object) -> Vec<Field> {
    let (kind, word) = match object {
        Object::Activities => (Kind::History, "Activity"),
        Object::Markings => (Kind::Marking, "Marking"),
        Object::Contacts => (Kind::Account, "Contact"),
        Object::CustomObject(_) => return Vec::new(),
    };
    let own = OF_ACTIVITIES.iter().filter(|_| object == Object::Activities).map(of_activities);
    let members = kind.members().iter().filter(|member| member.role != Role::Secret);
    let fields = own.chain(members.map(|member| of_member(object, word, member)));
    fields.zip(1..).map(|(field, id)| Field { id, ..field }).collect()
}

fn of_activities((name, path, data_type): &(&str, &str, DataType)) -> Field {
    Field {
        id: 0,
        name: (*name).to_owned(),
        internal_name: Some((*name).to_owned()),
        data_type: *data_type,
        statement: format!("{{{{Activity.{path}}}}}"),
        key: format!("Activity.{path}"),
        read_only: true,
        not_null: !matches!(*name, "AssetName"),
        unique: *name == "ActivityId",
        activity_types: ACTIVITY_TYPES,
    }
}

fn of_member(object: Object, word: &str, member: &Member) -> Field {
    let eloqua =
        INTERNAL.iter().filter(|_| object == Object::Contacts).find(|(name, _)| *name == member.name);
    let internal = eloqua.map_or(member.name, |(_, internal)| internal);
    let is_activity = object == Object::Activities;
    Field {
        id: 0,
        name: member.name.to_owned(),
        internal_name: Some(internal.to_owned()),
        data_type: type_of(member),
        statement: format!("{{{{{word}.Field({internal})}}}}"),
        key: member.name.to_owned(),
        read_only: member.role == Role::RowId,
        not_null: !member.nullable,
        unique: !is_activity && matches!(member.role, Role::RowId | Role::Key),
        activity_types: if is_activity { ACTIVITY_TYPES } else { &[] },
    }
}

fn type_of(member: &Member) -> DataType {
    match (member.ty, member.name) {
        (Type::Int, _) => DataType::Number,
        (Type::Date, _) => DataType::Date,
        (_, "Email") => DataType::EmailAddress,
        (
            _,
            "note" | "content" | "selectionOuterHtml" | "selectionInnerHtml" | "selectionParentOuterHtml",
        ) => DataType::LargeString,
        _ => DataType::String,
    }
}

/// The fields of a custom object, of the keys that its records have and the numbers of these. A property that is called
/// as a member of every node keeps its whole key for a name.
#[must_use]
pub fn custom_fields(number: u64, keys: &[(u64, String)]) -> Vec<Field> {
    let all: BTreeSet<&str> = keys.iter().map(|(_, key)| key.as_str()).collect();
    let field = |(id, key): &(u64, String)| {
        let name = key.strip_prefix(PROPS).filter(|name| !all.contains(name)).unwrap_or(key);
        let plain = OF_NODES.iter().find(|(name, ..)| name == key);
        Field {
            id: *id,
            name: name.to_owned(),
            internal_name: Some(name.to_owned()),
            data_type: plain.map_or(DataType::String, |plain| plain.1),
            statement: format!("{{{{CustomObject[{number}].Field[{id}]}}}}"),
            key: key.clone(),
            read_only: plain.is_some_and(|plain| plain.2),
            not_null: matches!(key.as_str(), "nodeId" | "type"),
            unique: matches!(key.as_str(), "nodeId" | "id"),
            activity_types: &[],
        }
    };
    keys.iter().map(field).collect()
}

#[cfg(test)]
mod tests;
