//! What the text of a parameter must be.

use serde_json::{Value, json};

/// The form of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A GUID in any of the forms that .NET knows.
    Guid,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// `true` or `false`.
    Truth,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A date as .NET writes it.
    Date,
}

impl Form {
    /// A whole number of 32 bits.
    pub const INT: Self = Self::Whole(i32::MIN as i64, i32::MAX as i64);
    /// A whole number of 64 bits.
    pub const LONG: Self = Self::Whole(i64::MIN, i64::MAX);

    /// As a JSON schema.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            // Not `format: uuid`, which would forbid braces.
            Self::Guid => json!({ "type": "string", "examples": [super::schema::GUID] }),
            Self::INT => json!({ "type": "integer", "format": "int32" }),
            Self::LONG => json!({ "type": "integer", "format": "int64" }),
            Self::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Self::Truth => json!({ "type": "boolean" }),
            Self::OneOf(words) => json!({ "type": "string", "enum": words }),
            Self::Date => json!({ "type": "string", "examples": [super::schema::DATE] }),
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Guid => "GUID".to_owned(),
            Self::INT | Self::LONG => "whole number".to_owned(),
            Self::Whole(least, most) => format!("whole number from {least} to {most}"),
            Self::Truth => "true or false".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Date => "date".to_owned(),
        }
    }
}
