//! One member of a contract, and what its value is.

use serde_json::Value;

use super::Contract;
use crate::domain::BLANK_DATE;

/// What .NET holds in a GUID that was never set.
pub const NO_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// One member of a contract.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON and in form bodies.
    pub name: &'static str,
    /// Its name in XML.
    pub element: &'static str,
    /// What its value is.
    pub form: Form,
    /// Whether the documented class can hold null for it (REFERENCE D9).
    pub nullable: bool,
    /// Whether it belongs to the base class: first in XML, last in JSON.
    pub base: bool,
    /// What it means, for help pages.
    pub about: &'static str,
}

/// What a member's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text,
    /// A GUID, kept as lower-case text with hyphens.
    Guid,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// `true` or `false`.
    Bool,
    /// A .NET `DateTime` text, kept as it was sent.
    Date,
    /// Names to any JSON values, both kept as they were sent (`props`).
    AnyMap,
    /// Names to objects of one class (`refs`).
    Map(&'static Contract),
    /// One object.
    Object(&'static Contract),
    /// A list of GUIDs.
    Guids,
    /// A list of objects of one class.
    List(&'static Contract),
}

impl Field {
    /// What is written for the member when it is absent: null, or the default of a .NET type that has no null.
    pub fn blank(&self) -> Value {
        match self.form {
            _ if self.nullable => Value::Null,
            Form::Guid => Value::from(NO_GUID),
            Form::Int | Form::Long => Value::from(0),
            Form::Bool => Value::from(false),
            Form::Date => Value::from(BLANK_DATE),
            Form::Text | Form::AnyMap | Form::Map(_) | Form::Object(_) | Form::Guids | Form::List(_) => {
                Value::Null
            }
        }
    }

    /// The same member, of the base class.
    pub(super) const fn of_base(self) -> Field {
        Field { base: true, ..self }
    }

    /// The same member where the class can hold null.
    pub(super) const fn or_null(self) -> Field {
        Field { nullable: true, ..self }
    }
}

/// A member that cannot be null where its form is a GUID, number, boolean or date, as in .NET.
pub(super) const fn field(
    name: &'static str,
    element: &'static str,
    form: Form,
    about: &'static str,
) -> Field {
    let nullable = !matches!(form, Form::Guid | Form::Int | Form::Long | Form::Bool | Form::Date);
    Field { name, element, form, nullable, base: false, about }
}

/// `createdDateUtc` and `updatedDateUtc`, which every stored representation has from its base class.
pub(super) const CREATED: Field = field(
    "createdDateUtc",
    "CreatedDateUtc",
    Form::Date,
    "When it was created, in UTC. Data only: no order is taken from it.",
)
.of_base();

/// See [`CREATED`].
pub(super) const UPDATED: Field = field(
    "updatedDateUtc",
    "UpdatedDateUtc",
    Form::Date,
    "When it was last changed, in UTC. Data only: no order is taken from it.",
)
.of_base();
