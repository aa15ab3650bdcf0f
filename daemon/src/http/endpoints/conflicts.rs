//! `/v1/conflicts`.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Conflicts",
    about: "Values that were written apart. One holds, the same on every device; the others stay readable here until \
            somebody writes the member again.",
    endpoints: &[&LIST, &RESOLVE],
};

/// `GET /v1/conflicts`.
pub const LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/conflicts",
    summary: "Every conflict, with the value that holds and the others",
    description: "",
    parameters: &[Parameter::query("space", Form::Text, "Only those of this space, such as `account:3`.")],
    request: None,
    responses: &[
        Reply::new(200, "The conflicts.", Body::json(Schema::Json("Conflicts", conflicts))),
        Reply::problem(400, "The query names something else, or no space."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/conflicts/{id}/resolve`.
pub const RESOLVE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/conflicts/{id}/resolve",
    summary: "Makes a value the only one",
    description: "It need not be one of those that were written apart.",
    parameters: &[Parameter::path("id", Form::Text, "The `id` of the conflict.")],
    request: Some(Body::json(Schema::Json("Resolution", resolution))),
    responses: &[
        Reply::new(
            200,
            "The item as it is now. `ETag` names its state.",
            Body::json(Schema::Json("Item", item)),
        ),
        Reply::problem(400, "There is no `value`, or it is not one that the member takes."),
        Reply::problem(403, "This device may not write there, or the caller may not call."),
        Reply::problem(404, "There is no such conflict any more."),
        Reply::problem(412, "The item has changed since."),
    ],
    auth: Auth::Bearer,
};

fn conflicts() -> Value {
    let other = json!({ "type": "object", "properties": {
        "value": { "description": "Any JSON.", "examples": ["blue"] },
        "device": { "type": ["string", "null"], "description": "Who wrote it, where that is known." },
    } });
    let conflict = json!({ "type": "object", "properties": {
        "id": { "type": "string" },
        "space": { "type": "string", "examples": ["account:3"] },
        "kind": { "type": "string", "examples": ["marking"] },
        "item": { "type": "string", "description": "The item's identity, such as its syncGuid." },
        "member": { "type": "string", "examples": ["color"] },
        "value": { "description": "The value that holds: any JSON.", "examples": ["red"] },
        "others": { "type": "array", "items": other },
    } });
    json!({ "type": "object", "properties": { "conflicts": { "type": "array", "items": conflict } } })
}

fn resolution() -> Value {
    json!({ "type": "object", "required": ["value"], "additionalProperties": false, "properties": {
        "value": { "description": "Any JSON that the member takes; null clears it.", "examples": ["red"] },
    } })
}

fn item() -> Value {
    json!({ "type": "object", "additionalProperties": true,
        "description": "The documented members of whatever kind of item it is." })
}
