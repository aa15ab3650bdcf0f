//! A row as the members of a kind: each value as its member's type, and only those that the update rules let through.

use quire_protocol::document::{Projection, Register};
use quire_protocol::domain::{Kind, Member, Role, Type};
use quire_protocol::item::{Naming, Resolve, Said, members, said};
use quire_protocol::shapes::coerce::coerce;
use serde_json::{Map, Value};

use super::{INVALID, Imported, Plan, Stop, reject};

/// One value of a row.
struct Field {
    member: &'static Member,
    value: Value,
    /// Null, or the empty text that counts as null.
    is_null: bool,
}

/// The values of a row that are members of its kind.
pub(super) struct Fields(Vec<Field>);

impl Fields {
    /// Reads a row. What is no member of the kind is told by exports alone, or is read elsewhere like the row number;
    /// secrets are dropped. A blank for a member that has no null is the blank that clients hold for it.
    pub(super) fn read(kind: Kind, row: Map<String, Value>) -> Result<Fields, Stop> {
        let (mut fields, mut bad, mut why) = (Vec::with_capacity(row.len()), Vec::new(), None);
        for (key, value) in row {
            let Some(member) = kind.member(&key).filter(|member| member.role != Role::Secret) else {
                continue;
            };
            let is_null = is_null(&value);
            let value = match (is_null && !member.nullable && member.ty != Type::Text, member.role) {
                (false, _) => value,
                (true, Role::Plain) => member.blank(),
                // It says nothing of where the item is, or whether.
                (true, _) => continue,
            };
            match coerce(member, value) {
                Ok(value) => fields.push(Field { member, value, is_null }),
                Err(error) => {
                    bad.push(key);
                    why.get_or_insert(error.message(""));
                }
            }
        }
        match why {
            None => Ok(Fields(fields)),
            Some(message) => Err(Stop::Reject(Imported::Rejected { code: INVALID, message, keys: bad })),
        }
    }

    /// A value that is no null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.member.name == name && !field.is_null).map(|field| &field.value)
    }

    /// A number of the row; 0 is what typed apps send for one they never set.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64).filter(|number| *number != 0)
    }

    /// What the row says of an item of this identity, which is `held` as that says it.
    pub(super) fn said(
        &self,
        plan: &Plan,
        kind: Kind,
        identity: Value,
        held: Option<&Projection>,
        resolve: Resolve<'_>,
    ) -> Result<Said, Stop> {
        let held = held.map(|projection| Held::of(kind, projection, resolve));
        let lets = |field: &&Field| {
            let nothing_yet = held.as_ref().is_none_or(|held| held.is_null(field.member));
            // Null over nothing is no edit, however it is written.
            !(field.is_null && nothing_yet) && plan.rule(field.member.name).writes(field.is_null, nothing_yet)
        };
        let written = self.0.iter().filter(|field| field.member.role != Role::Key).filter(lets);
        let mut told: Map<String, Value> =
            written.map(|field| (field.member.name.to_owned(), field.value.clone())).collect();
        if let Some(key) = kind.with_role(Role::Key) {
            told.insert(key.name.to_owned(), identity);
        }
        said(kind, &told).map_err(|error| reject(INVALID, error.to_string(), [error.member]))
    }
}

/// True for null and the empty text.
pub(super) fn is_null(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// An item as it is now.
struct Held<'a> {
    projection: &'a Projection,
    shown: Map<String, Value>,
}

impl Held<'_> {
    fn of<'a>(kind: Kind, projection: &'a Projection, resolve: Resolve<'_>) -> Held<'a> {
        let naming = Naming { account: 0, row_id: 0 };
        Held { projection, shown: members(kind, projection, naming, resolve) }
    }

    fn is_null(&self, member: &Member) -> bool {
        match member.role {
            Role::Place => self.shown.get(member.name).is_none_or(is_null),
            Role::Removed => false,
            _ => match self.projection.get(member.name) {
                None | Some(Register::Null) => true,
                Some(Register::Text(text)) => text.is_empty(),
                Some(_) => false,
            },
        }
    }
}
