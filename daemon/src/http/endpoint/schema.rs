//! What bodies hold, as JSON schemas (2020-12, as OpenAPI 3.1 has them). Those of documented items are made of the tables
//! by which the items are read and written.

use quire_protocol::domain::{Kind, Member, Role, Type};
use quire_protocol::shapes::contract::{Contract, Field, Form as ContractForm, NODE, NODE_REF, SYNC_NODE};
use serde_json::{Map, Value, json};

use crate::http::bulk::sentence::NOT_FOUND;

/// Where definitions are, seen from within the OpenAPI document.
pub const DEFINITIONS: &str = "#/components/schemas/";

/// The sample of a GUID.
pub const GUID: &str = "538b23c8-1b20-4bd3-a44e-53ae4a8bdc12";
/// The sample of a date as .NET writes it: up to seven digits of a second, with or without an offset.
pub const DATE: &str = "2025-03-13T20:04:43.9577025-04:00";

/// What is in a body.
#[derive(Clone, Copy, Debug)]
pub enum Schema {
    /// One item of this kind.
    Kind(Kind),
    /// What an app posts to be synchronized.
    Model,
    /// What it is answered.
    ModelResult,
    /// A refusal in the form of a Web API (REFERENCE D8).
    HttpError,
    /// A refusal of the Bulk shapes that is a sentence (REFERENCE A6).
    Sentence,
    /// A refusal in the form of RFC 9457.
    Problem,
    /// An object of a documented class.
    Contract(&'static Contract),
    /// A list of such objects.
    Contracts(&'static Contract),
    /// Text without a structure that JSON could tell.
    Text,
    /// Anything else: its name, unique in the document, and its definition.
    Json(&'static str, fn() -> Value),
}

impl Schema {
    /// Those that others refer to; they are in every document.
    pub const SHARED: [Self; 16] = [
        Self::Kind(Kind::Marking),
        Self::Kind(Kind::History),
        Self::Kind(Kind::Book),
        Self::Kind(Kind::HtmlPage),
        Self::Kind(Kind::StyleSheet),
        Self::Kind(Kind::AccountCode),
        Self::Kind(Kind::Popup),
        Self::Kind(Kind::Account),
        Self::Model,
        Self::ModelResult,
        Self::HttpError,
        Self::Sentence,
        Self::Problem,
        Self::Contract(&NODE),
        Self::Contract(&NODE_REF),
        Self::Contract(&SYNC_NODE),
    ];

    /// Its name in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind_name(kind),
            Self::Model => "SynchronizationModel",
            Self::ModelResult => "ApiResultOfSynchronizationModel",
            Self::HttpError => "HttpError",
            Self::Sentence => "BulkSentence",
            Self::Problem => "Problem",
            Self::Contract(contract) => contract.name,
            Self::Contracts(contract) => contract.name,
            Self::Text => "Text",
            Self::Json(name, _) => name,
        }
    }

    /// Its definition.
    #[must_use]
    pub fn definition(self) -> Value {
        match self {
            Self::Kind(kind) => item(kind),
            Self::Model => model(),
            Self::ModelResult => model_result(),
            Self::HttpError => http_error(),
            Self::Sentence => json!({ "type": "string", "examples": [NOT_FOUND] }),
            Self::Problem => problem(),
            Self::Contract(contract) | Self::Contracts(contract) => class(contract),
            Self::Text => json!({ "type": "string" }),
            Self::Json(_, make) => make(),
        }
    }

    /// A reference to its definition.
    #[must_use]
    pub fn reference(self) -> Value {
        if let Self::Contracts(contract) = self {
            return json!({ "type": "array", "items": Self::Contract(contract).reference() });
        }
        json!({ "$ref": format!("{DEFINITIONS}{}", self.name()) })
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Marking => "Marking",
        Kind::History => "EPubHistoryActivity",
        Kind::Book => "Book",
        Kind::HtmlPage => "BookHtmlPage",
        Kind::StyleSheet => "BookStyleSheet",
        Kind::AccountCode => "AccountCode",
        Kind::Popup => "PopupSettings",
        Kind::Account => "Account",
        Kind::Node => "Node",
        Kind::Token => "SyncToken",
        Kind::Anchor => "Anchor",
    }
}

/// A documented class by its table.
fn class(contract: &Contract) -> Value {
    let properties = contract.fields.iter().map(|field| (field.name.to_owned(), field_schema(field)));
    json!({ "type": "object", "description": contract.about, "properties": properties.collect::<Map<_, _>>() })
}

fn field_schema(field: &Field) -> Value {
    let or_null = |name: &str| if field.nullable { json!([name, "null"]) } else { json!(name) };
    let of = |contract: &'static Contract| Schema::Contract(contract).reference();
    let mut told = match field.form {
        ContractForm::Text => json!({ "type": or_null("string") }),
        ContractForm::Guid => json!({ "type": or_null("string"), "format": "uuid", "examples": [GUID] }),
        ContractForm::Int => json!({ "type": or_null("integer"), "format": "int32" }),
        ContractForm::Long => json!({ "type": or_null("integer"), "format": "int64" }),
        ContractForm::Bool => json!({ "type": or_null("boolean") }),
        ContractForm::Date => json!({ "type": or_null("string"), "examples": [DATE] }),
        ContractForm::AnyMap => json!({ "type": or_null("object"), "additionalProperties": true }),
        ContractForm::Map(contract) => {
            json!({ "type": or_null("object"), "additionalProperties": of(contract) })
        }
        ContractForm::Object(contract) => of(contract),
        ContractForm::Guids => {
            json!({ "type": or_null("array"), "items": { "type": "string", "format": "uuid" } })
        }
        ContractForm::List(contract) => json!({ "type": or_null("array"), "items": of(contract) }),
    };
    told["description"] = field.about.into();
    told
}

fn item(kind: Kind) -> Value {
    let properties: Map<String, Value> =
        kind.members().iter().map(|member| (member.name.to_owned(), property(member))).collect();
    json!({ "type": "object", "properties": properties })
}

fn property(member: &Member) -> Value {
    let mut told = typed(member);
    if let Some(about) = part(member.role) {
        told["description"] = about.into();
    }
    // Who sends a sample as it stands shall not remove anything.
    if member.role == Role::Removed {
        told["examples"] = json!([false]);
    }
    told
}

fn typed(member: &Member) -> Value {
    let one_or_null = |name: &str| if member.nullable { json!([name, "null"]) } else { json!(name) };
    let (least, most) = member.range();
    match member.ty {
        Type::Int => json!({ "type": one_or_null("integer"), "minimum": least, "maximum": most }),
        Type::Bool => json!({ "type": one_or_null("boolean") }),
        Type::Text => json!({ "type": one_or_null("string") }),
        Type::Guid => json!({ "type": one_or_null("string"), "format": "uuid", "examples": [GUID] }),
        // Not `format: date-time`: an offset may be missing.
        Type::Date => json!({ "type": one_or_null("string"), "examples": [DATE] }),
        Type::Json => json!({}),
    }
}

fn part(role: Role) -> Option<&'static str> {
    match role {
        Role::Plain => None,
        Role::Note => Some("Merges by character."),
        Role::Place => Some("Moves as one with the other members that say where a marking is."),
        Role::RowId => Some("A row number of this daemon; another device gives another."),
        Role::Key => Some("The identity."),
        Role::Removed => Some("True once it is removed; false again revives it."),
        Role::Secret => Some("Accepted and dropped; null in every answer."),
        Role::Account => Some("The account whose space holds it."),
    }
}

fn nullable(schema: Schema) -> Value {
    json!({ "oneOf": [schema.reference(), { "type": "null" }] })
}

fn list(kind: Kind) -> Value {
    json!({ "type": ["array", "null"], "items": Schema::Kind(kind).reference() })
}

/// Members in the documented order.
fn model() -> Value {
    json!({ "type": "object", "properties": {
        "Account": nullable(Schema::Kind(Kind::Account)),
        "AccountCodes": list(Kind::AccountCode),
        "AccountApplicationId": { "type": ["integer", "null"], "examples": [1],
            "description": "Which application this is: a cursor belongs to it." },
        "ApplicationType": { "type": ["integer", "string", "null"], "examples": [1] },
        "BookHtmlPages": list(Kind::HtmlPage),
        "BookStyleSheets": list(Kind::StyleSheet),
        "Book": nullable(Schema::Kind(Kind::Book)),
        "Markings": list(Kind::Marking),
        "Books": list(Kind::Book),
        "PopupSettings": nullable(Schema::Kind(Kind::Popup)),
        "EPubHistoryActivities": list(Kind::History),
        "LastSyncTimestamp": { "type": ["string", "null"], "examples": [DATE],
            "description": "The cursor of the last answer; anything else means that everything is wanted." },
        "CurrentSyncTimestamp": { "type": ["string", "null"], "examples": [DATE],
            "description": "The new cursor, in an answer." },
        "ServerDateTime": { "type": ["string", "null"], "examples": [DATE],
            "description": "The new cursor once more, in an answer." },
    } })
}

fn model_result() -> Value {
    json!({
        "type": "object",
        "required": ["Errors", "Result", "IsSuccess", "StatusCode"],
        "properties": {
            "Errors": { "type": ["object", "null"], "examples": [null], "description": "What is wrong with items; the others are stored.",
                "properties": {
                    "ErrorsNumber": { "type": "integer" },
                    "Messages": { "type": "array", "items": { "type": "string" } },
                    "MessagesString": { "type": "string" },
                } },
            "Result": Schema::Model.reference(),
            "IsSuccess": { "type": "boolean", "examples": [true] },
            "StatusCode": { "type": "integer", "enum": [200, 400] },
        },
    })
}

fn http_error() -> Value {
    json!({
        "type": "object",
        "required": ["Message"],
        "properties": {
            "Message": { "type": "string", "examples": ["The request is invalid."] },
            "MessageDetail": { "type": "string" },
            "ModelState": { "type": "object", "description": "Messages by the place in the request they are about.",
                "examples": [{ "synchronizationModel.Markings[0].id": ["Could not convert string to integer: x."] }],
                "additionalProperties": { "type": "array", "items": { "type": "string" } } },
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "examples": ["about:blank"] },
            "title": { "type": "string", "examples": ["Bad Request"] },
            "status": { "type": "integer", "examples": [400] },
            "detail": { "type": "string", "examples": ["What happened, and what to do."] },
        },
        "additionalProperties": true,
    })
}
