//! What the bodies of the Bulk shapes hold.

use serde_json::{Map, Value, json};

use crate::http::bulk::sentence::NOT_AUTHENTICATED;

/// Always seven digits of a second (REFERENCE A3).
const DATE: &str = "2015-09-25T18:08:32.3485942Z";

fn text(sample: &str) -> Value {
    json!({ "type": "string", "examples": [sample] })
}

fn or_null(name: &str, about: &str) -> Value {
    json!({ "type": [name, "null"], "examples": [null], "description": about })
}

/// The envelope of a list.
fn page(item: Value) -> Value {
    json!({
        "type": "object",
        "required": ["items", "limit", "offset", "count", "hasMore"],
        "properties": {
            "items": { "type": "array", "items": item },
            "totalResults": { "type": "integer", "description": "How many there are in all; absent where it was not wanted." },
            "limit": { "type": "integer", "examples": [1000] },
            "offset": { "type": "integer", "examples": [0] },
            "count": { "type": "integer", "description": "How many are on this page." },
            "hasMore": { "type": "boolean", "examples": [false] },
        },
    })
}

/// What every definition has.
fn definition(fields: Value, more: Value, uri: &str) -> Value {
    let mut members = json!({
        "name": { "type": "string", "maxLength": 100, "examples": ["Markings of this year"] },
        "fields": {
            "type": "object",
            "additionalProperties": { "type": "string" },
            "description": "The statement of each field, by the name it has in the data.",
            "examples": [fields],
        },
        "dataRetentionDuration": text("PT12H"),
        "autoDeleteDuration": or_null("string", "An ISO 8601 duration, PT1H at least."),
    });
    let last = json!({
        "kbUsed": { "type": "integer", "description": "In an answer." },
        "uri": text(uri),
        "createdBy": text("API.User"),
        "createdAt": text(DATE),
        "updatedBy": text("API.User"),
        "updatedAt": text(DATE),
    });
    for part in [more, last] {
        if let (Some(members), Value::Object(mut part)) = (members.as_object_mut(), part) {
            members.append(&mut part);
        }
    }
    json!({ "type": "object", "required": ["name", "fields"], "properties": members })
}

pub(super) fn export() -> Value {
    let more = json!({
        "filter": or_null("string", "Which rows: `'{{Activity.Type}}' = 'Reading' AND …`."),
        "areSystemTimestampsInUTC": { "type": "boolean", "examples": [true] },
        "maxRecords": or_null("integer", "How many rows at most."),
    });
    let fields = json!({ "Id": "{{Activity.Id}}", "Type": "{{Activity.Type}}" });
    definition(fields, more, "/activities/exports/7")
}

pub(super) fn import() -> Value {
    let more = json!({
        "identifierFieldName": text("Guid"),
        "updateRule": { "type": "string", "enum": ["always", "ifNewIsNotNull", "ifExistingIsNull", "useFieldRule"] },
        "updateRuleByField": { "type": ["object", "null"], "additionalProperties": { "type": "string" }, "examples": [null],
            "description": "The rule of each field, with useFieldRule." },
        "isSyncTriggeredOnImport": { "type": "boolean", "examples": [false] },
        "isUpdatingMultipleMatchedRecords": { "type": "boolean", "examples": [false] },
    });
    let fields = json!({ "Guid": "{{Marking.Field(syncGuid)}}", "Note": "{{Marking.Field(note)}}" });
    definition(fields, more, "/markings/imports/7")
}

pub(super) fn exports() -> Value {
    page(export())
}

pub(super) fn imports() -> Value {
    page(import())
}

/// A row by the names of its fields.
fn row() -> Map<String, Value> {
    let cells = [("Guid", crate::http::endpoint::schema::GUID), ("Note", "a note")];
    cells.map(|(name, cell)| (name.to_owned(), cell.into())).into_iter().collect()
}

pub(super) fn data() -> Value {
    let item = json!({ "type": "object", "additionalProperties": { "type": "string" }, "examples": [row()] });
    page(item)
}

pub(super) fn rows() -> Value {
    json!({ "type": "array", "items": { "type": "object", "additionalProperties": true }, "examples": [[row()]] })
}

pub(super) fn sync_request() -> Value {
    json!({
        "type": "object",
        "required": ["syncedInstanceUri"],
        "properties": {
            "syncedInstanceUri": { "type": "string", "examples": ["/activities/exports/7"],
                "description": "A definition, or `/peers/{deviceId}`: then the sync is one with that peer." },
            "callbackURL": { "type": ["string", "null"], "examples": ["http://www.example.com"],
                "description": "Where the finished sync is posted; `callbackUrl` is the same." },
        },
    })
}

pub(super) fn sync() -> Value {
    json!({
        "type": "object",
        "required": ["syncedInstanceUri", "status", "createdAt", "createdBy", "uri"],
        "properties": {
            "syncedInstanceUri": text("/activities/exports/7"),
            "callbackUrl": text("http://www.example.com"),
            "status": { "type": "string", "enum": ["pending", "active", "success", "warning", "error"] },
            "createdAt": text(DATE),
            "createdBy": text("API.User"),
            "syncStartedAt": text(DATE),
            "syncEndedAt": text(DATE),
            "uri": text("/syncs/66100"),
        },
    })
}

pub(super) fn syncs() -> Value {
    page(sync())
}

pub(super) fn logs() -> Value {
    page(json!({ "type": "object", "properties": {
        "syncUri": text("/syncs/66100"),
        "count": { "type": "integer", "examples": [4149] },
        "severity": { "type": "string", "enum": ["information", "warning", "error"] },
        "statusCode": text("ELQ-00102"),
        "message": text("Successfully exported members to csv file."),
        "createdAt": text(DATE),
    } }))
}

pub(super) fn rejects() -> Value {
    page(json!({ "type": "object", "properties": {
        "fieldValues": { "type": "object", "additionalProperties": true, "examples": [row()] },
        "message": text("Multiple matches."),
        "statusCode": text("ELQ-00026"),
        "recordIndex": { "type": "integer", "examples": [111], "description": "Which of the staged rows it was." },
        "invalidFields": { "type": "array", "items": { "type": "string" }, "examples": [["Guid"]] },
    } }))
}

pub(super) fn field() -> Value {
    json!({ "type": "object", "required": ["name", "dataType", "statement", "uri"], "properties": {
        "name": text("Note"),
        "internalName": text("note"),
        "dataType": text("string"),
        "hasReadOnlyConstraint": { "type": "boolean", "examples": [false] },
        "hasNotNullConstraint": { "type": "boolean", "examples": [false] },
        "hasUniquenessConstraint": { "type": "boolean", "examples": [false] },
        "activityTypes": { "type": "array", "items": { "type": "string" }, "examples": [["Reading"]],
            "description": "Of which types of activities; only activities have it." },
        "statement": text("{{Marking.Field(note)}}"),
        "uri": text("/markings/fields/3"),
    } })
}

pub(super) fn fields() -> Value {
    page(field())
}

pub(super) fn custom_object() -> Value {
    json!({ "type": "object", "required": ["name", "uri"], "properties": {
        "name": text("Vehicle"),
        "uri": text("/customObjects/7"),
    } })
}

pub(super) fn custom_objects() -> Value {
    page(custom_object())
}

pub(super) fn nothing() -> Value {
    let mut page = page(json!({}));
    page["properties"]["items"] = json!({ "type": "array", "maxItems": 0, "items": {}, "examples": [[]] });
    page
}

pub(super) fn sync_action() -> Value {
    json!({ "type": "object", "properties": {
        "name": text("An action"),
        "destination": text("{{ContactList[5]}}"),
        "action": text("add"),
    } })
}

pub(super) fn identity() -> Value {
    let names = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let number = json!({ "type": "integer", "examples": [42] });
    let known = json!({ "type": "object", "required": ["site", "user", "urls"], "properties": {
        "site": { "type": "object", "properties": { "id": number, "name": text("APITest") } },
        "user": { "type": "object", "properties": {
            "id": number,
            "username": text("API.User"),
            "displayName": text("API.User"),
            "firstName": text("API.User"),
            "lastName": text(""),
            "emailAddress": text(""),
        } },
        "urls": { "type": "object", "properties": {
            "base": text("http://127.0.0.1:7470"),
            "apis": { "type": "object", "properties": { "soap": names, "rest": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "properties": { "bulk": text("http://127.0.0.1:7470/API/Bulk/{version}/") },
            } } },
        } },
    } });
    json!({ "oneOf": [known, { "type": "string", "const": NOT_AUTHENTICATED }] })
}

/// 400 in its forms: of a body, of a parameter, and of a request that is none.
pub(super) fn invalid() -> Value {
    json!({ "oneOf": [
        { "type": "object", "required": ["failures"], "properties": {
            "failures": { "type": "array", "items": { "type": "object", "required": ["field", "value", "constraint"],
                "properties": {
                    "field": text("filter"),
                    "value": { "examples": ["'{{Activity.Type}}' ="] },
                    "constraint": text("Must be a filter"),
                    "position": { "type": "integer", "examples": [20], "description": "Where in a filter, in characters from 0." },
                } } },
        } },
        { "type": "array", "items": { "type": "object", "required": ["type", "parameter", "value", "requirement"],
            "properties": {
                "type": { "type": "string", "const": "EndpointParameterError" },
                "parameter": text("id"),
                "value": text("sandwich"),
                "requirement": { "type": "object", "required": ["type"] },
            } } },
        { "type": "string" },
    ] })
}

/// 409.
pub(super) fn conflict() -> Value {
    let kind = |name: &str| json!({ "type": "string", "const": name, "examples": [name] });
    json!({ "type": "array", "items": { "type": "object", "properties": {
        "type": kind("ObjectValidationError"),
        "container": { "type": "object", "properties": {
            "type": kind("ObjectKey"),
            "objectType": kind("Sync"),
            "objectId": text("12"),
        } },
        "property": kind("syncedInstanceUri"),
        "value": text("/activities/exports/7"),
        "requirement": { "type": "object", "properties": { "type": kind("UniquenessRequirement") } },
    } } })
}
