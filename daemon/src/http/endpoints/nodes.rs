//! Field apps: nodes (contract 5, REFERENCE B2).

use quire_protocol::shapes::contract::NODE;

use super::tokens::{TENANT, TENANT_ID};
use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Nodes",
    about: "Typed entities in a tenant's tree. A node is known by type and id, or by nodeId; props merge key by key, refs \
            by key, the parent moves as one.",
    endpoints: &[&CREATE, &FIND],
};

/// `POST /api/nodes`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/nodes",
    summary: "Creates a node, or changes what differs from it",
    description: "Members, and keys of props and refs, that are not named stay; null clears. A removed node is there again. \
                  In XML and in forms the text of an object or array in props that is there already is no edit of it.",
    parameters: &[TENANT],
    request: Some(Body::new(Schema::Contract(&NODE), Media::Web)),
    responses: &[
        Reply::new(
            201,
            "The node as it is now, on the disk. `Location` names it.",
            Body::new(Schema::Contract(&NODE), Media::WebAnswer),
        ),
        Reply::error(400, "The body is no node, or the node would be below itself."),
        Reply::error(409, "The nodeId is that of a node with another type or id."),
    ],
    auth: Auth::Shape,
};

/// `GET /api/nodes`.
pub const FIND: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/nodes",
    summary: "Gets the nodes that say what the query says",
    description: "Any other name in the query is that of a property, such as `assignedTo=DGOOD`. Always a list.",
    parameters: &[
        Parameter::query("nodeNodeId", Form::Guid, "Any nodeId that the node was given."),
        Parameter::query("nodeType", Form::Text, "Its type."),
        Parameter::query("nodeId", Form::Text, "Its id."),
        Parameter::query("nodeParentType", Form::Text, "The type of its parent."),
        Parameter::query("nodeParentId", Form::Text, "The id of its parent."),
        Parameter::query("nodeTitle", Form::Text, "Its title."),
        Parameter::query("nodeBody", Form::Text, "A text that the JSON of its props holds."),
        Parameter::query("nodeCreatedAfterUtc", Form::Date, "Created then or later."),
        Parameter::query("nodeCreatedBeforeUtc", Form::Date, "Created before."),
        Parameter::query("nodeUpdatedAfterUtc", Form::Date, "Updated then or later."),
        Parameter::query("nodeUpdatedBeforeUtc", Form::Date, "Updated before."),
        Parameter::query("nodeSkip", Form::Whole(0, i64::MAX), "Without the first so many."),
        Parameter::query("nodeLimit", Form::Whole(1, 100_000), "At most so many."),
        TENANT_ID,
        TENANT,
    ],
    request: None,
    responses: &[
        Reply::new(200, "The nodes.", Body::new(Schema::Contracts(&NODE), Media::WebAnswer)),
        Reply::error(400, "A value of the query is of another form."),
    ],
    auth: Auth::Shape,
};
