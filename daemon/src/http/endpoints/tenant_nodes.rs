//! Our own API: nodes.

use quire_protocol::shapes::contract::NODE;
use serde_json::{Value, json};

use super::markings::{history, restore};
use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Nodes of tenants",
    about: "Nodes with their documented members at the top level, and `removed`.",
    endpoints: &[&LIST, &READ, &PATCH, &REMOVE, &HISTORY, &RESTORE],
};

const NODE_BODY: Body = Body::json(Schema::Json("Node", node));
const NODE_ID: Parameter =
    Parameter::path("nodeId", Form::Guid, "Any nodeId that the node was given, in any form.");
const TENANT: Parameter =
    Parameter::query("tenant", Form::Guid, "Only of this tenant; of all that are held if nothing is said.");
const IF_MATCH: Parameter =
    Parameter::header("If-Match", "`*`, or the tags that the node may still have for this to be done.");

const CHANGED: Reply = Reply::problem(412, "The node has changed since: read it again.");
const UNKNOWN: Reply = Reply::problem(404, "There is no node of this nodeId.");
const BAD_QUERY: Reply =
    Reply::problem(400, "The query names something else, or a value is of another form.");

/// `GET /v1/nodes`.
pub const LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/nodes",
    summary: "Nodes, a page at a time",
    description: "",
    parameters: &[
        TENANT,
        Parameter::query("type", Form::Text, "Only those of this type."),
        Parameter::query("parentType", Form::Text, "Only those whose parent is of this type."),
        Parameter::query("parentId", Form::Text, "Only those whose parent has this id."),
        Parameter::query(
            "removed",
            Form::OneOf(&["true", "false", "any"]),
            "Only removed ones, only the others (if nothing is said), or both.",
        ),
        Parameter::query("limit", Form::Whole(1, 1_000), "How many at most; 100 if nothing is said."),
        Parameter::query("after", Form::Text, "The `next` of the page before."),
    ],
    request: None,
    responses: &[Reply::new(200, "A page.", Body::json(Schema::Json("Nodes", page))), BAD_QUERY],
    auth: Auth::Bearer,
};

/// `GET /v1/nodes/{nodeId}`.
pub const READ: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/nodes/{nodeId}",
    summary: "One node",
    description: "Removed ones too: `removed` is true.",
    parameters: &[
        NODE_ID,
        TENANT,
        Parameter::header("If-None-Match", "The tags of states that the caller has already."),
    ],
    request: None,
    responses: &[
        Reply::new(200, "The node. `ETag` names its state.", NODE_BODY),
        Reply::bare(304, "The caller has this state."),
        BAD_QUERY,
        UNKNOWN,
    ],
    auth: Auth::Bearer,
};

/// `PATCH /v1/nodes/{nodeId}`.
pub const PATCH: Endpoint = Endpoint {
    verb: Verb::Patch,
    path: "/v1/nodes/{nodeId}",
    summary: "Writes the members that are named, and nothing else",
    description: "Keys of props and refs that are not named stay; null clears. `removed` set to false has a removed node be there again.",
    parameters: &[NODE_ID, TENANT, IF_MATCH],
    request: Some(NODE_BODY),
    responses: &[
        Reply::new(200, "The node as it is now, on the disk. `ETag` names its state.", NODE_BODY),
        Reply::problem(
            400,
            "A member is unknown, of another type, or cannot be changed; or the node would be below itself.",
        ),
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

/// `DELETE /v1/nodes/{nodeId}`.
pub const REMOVE: Endpoint = Endpoint {
    verb: Verb::Delete,
    path: "/v1/nodes/{nodeId}",
    summary: "Removes what is there now",
    description: "What is below it stays. An edit that another device makes at the same time keeps the node alive.",
    parameters: &[NODE_ID, TENANT, IF_MATCH],
    request: None,
    responses: &[
        Reply::new(200, "The node as it is now. `ETag` names its state.", NODE_BODY),
        Reply::problem(400, "If-Match cannot be read."),
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/nodes/{nodeId}/history`.
pub const HISTORY: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/nodes/{nodeId}/history",
    summary: "What the node said, and who said it",
    description: "Newest first, in the order in which it became known here. A version names the members that it changed, \
                  as they were then; what a fork had taken and was said again names no device.",
    parameters: &[
        NODE_ID,
        TENANT,
        Parameter::query("limit", Form::Whole(1, 1_000), "How many at most; 100 if nothing is said."),
        Parameter::query("after", Form::Text, "The `next` of the page before."),
    ],
    request: None,
    responses: &[
        Reply::new(200, "A page.", Body::json(Schema::Json("History", history))),
        Reply::problem(400, "The query names something else, or a value is of another form."),
        UNKNOWN,
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/nodes/{nodeId}/restore`.
pub const RESTORE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/nodes/{nodeId}/restore",
    summary: "Has the node say what it said at a version",
    description: "An edit like any other, after all that is known here: it can be undone by another, and what is written \
                  elsewhere at the same time stays.",
    parameters: &[NODE_ID, TENANT, IF_MATCH],
    request: Some(Body::json(Schema::Json("Restore", restore))),
    responses: &[
        Reply::new(200, "The node as it is now, on the disk. `ETag` names its state.", NODE_BODY),
        Reply::problem(400, "The body names no version, or the node would be below itself."),
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

fn node() -> Value {
    let mut definition = Schema::Contract(&NODE).definition();
    definition["properties"]["removed"] =
        json!({ "type": "boolean", "description": "Whether it is removed." });
    definition
}

fn page() -> Value {
    json!({ "type": "object", "properties": {
        "nodes": { "type": "array", "items": node() },
        "next": { "type": ["string", "null"], "description": "Where the next page begins; null after the last." },
    } })
}
