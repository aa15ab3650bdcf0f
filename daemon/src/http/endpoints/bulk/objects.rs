//! Where the Bulk shapes are, what there is to export and import, and what clients ask for that is never here.

use super::{BAD_QUERY, BASE, ID, OBJECT, OF_OBJECT, OF_PARENT, PARENT, UNKNOWN, invalid, page, schema};
use crate::http::bulk::identity;
use crate::http::endpoint::{Body, Endpoint, Group, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Bulk objects",
    about: "Objects and their fields. A field's statement is what definitions name it by. A custom object is the nodes of \
            one type of one tenant. Lists, segments, filters, scoring models, events and sync actions are never here; \
            they are answered as empty lists for clients that ask.",
    endpoints: &[
        &IDENTITY,
        &FIELDS,
        &FIELD,
        &CUSTOM_OBJECTS,
        &CUSTOM_OBJECT,
        &CUSTOM_FIELDS,
        &CUSTOM_FIELD,
        &EVENTS,
        &LISTS,
        &SEGMENTS,
        &FILTERS,
        &MODELS,
        &ALL_ACTIONS,
        &ACTIONS,
        &ACT,
        &CUSTOM_ACTIONS,
        &CUSTOM_ACT,
    ],
};

const FIELD_FOUND: Reply =
    Reply::new(200, "The field.", Body::json(Schema::Json("BulkField", schema::field)));
const NOTHING: Reply =
    Reply::new(200, "An empty list.", Body::json(Schema::Json("BulkNothing", schema::nothing)));

/// `GET /id`.
pub const IDENTITY: Endpoint = Endpoint {
    path: identity::PATH,
    summary: "Who calls, and where the Bulk shapes are",
    description: "`{version}` in an address is for the client to fill in. Wrong credentials are answered with the JSON \
                  string `Not authenticated.`, and 200.",
    parameters: &[],
    responses: &[Reply::new(
        200,
        "The site, the user and the addresses.",
        Body::json(Schema::Json("BulkIdentity", schema::identity)),
    )],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/fields`.
pub const FIELDS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/fields",
    summary: "Fields of an object",
    parameters: OF_OBJECT,
    responses: &[page("BulkFields", schema::fields), BAD_QUERY, UNKNOWN],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/fields/{id}`.
pub const FIELD: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/fields/{id}",
    summary: "One field",
    parameters: &[OBJECT, ID],
    responses: &[FIELD_FOUND, BAD_QUERY, UNKNOWN],
    ..BASE
};

/// `GET /api/bulk/2.0/customObjects`.
pub const CUSTOM_OBJECTS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects",
    summary: "Custom objects",
    responses: &[page("BulkCustomObjects", schema::custom_objects), BAD_QUERY],
    ..BASE
};

/// `GET /api/bulk/2.0/customObjects/{parentId}`.
pub const CUSTOM_OBJECT: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}",
    summary: "One custom object",
    parameters: &[PARENT],
    responses: &[
        Reply::new(
            200,
            "The custom object.",
            Body::json(Schema::Json("BulkCustomObject", schema::custom_object)),
        ),
        BAD_QUERY,
        UNKNOWN,
    ],
    ..BASE
};

/// `GET /api/bulk/2.0/customObjects/{parentId}/fields`.
pub const CUSTOM_FIELDS: Endpoint =
    Endpoint { path: "/api/bulk/2.0/customObjects/{parentId}/fields", parameters: OF_PARENT, ..FIELDS };

/// `GET /api/bulk/2.0/customObjects/{parentId}/fields/{id}`.
pub const CUSTOM_FIELD: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}/fields/{id}",
    parameters: &[PARENT, ID],
    ..FIELD
};

/// `GET /api/bulk/2.0/events`.
pub const EVENTS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/events",
    summary: "Events, of which there are none",
    responses: &[NOTHING, BAD_QUERY],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/lists`.
pub const LISTS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/lists",
    summary: "Lists, of which there are none",
    parameters: OF_OBJECT,
    responses: &[NOTHING, BAD_QUERY, UNKNOWN],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/segments`.
pub const SEGMENTS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/segments",
    summary: "Segments, of which there are none",
    ..LISTS
};

/// `GET /api/bulk/2.0/{object}/filters`.
pub const FILTERS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/filters",
    summary: "Shared filters, of which there are none",
    ..LISTS
};

/// `GET /api/bulk/2.0/contacts/scoring/models`.
pub const MODELS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/contacts/scoring/models",
    summary: "Scoring models, of which there are none",
    ..EVENTS
};

/// `GET /api/bulk/2.0/syncActions`.
pub const ALL_ACTIONS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncActions",
    summary: "Sync actions of all objects, of which there are none",
    ..EVENTS
};

/// `GET /api/bulk/2.0/{object}/syncActions`.
pub const ACTIONS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/syncActions",
    summary: "Sync actions, of which there are none",
    ..LISTS
};

/// `POST /api/bulk/2.0/{object}/syncActions`.
pub const ACT: Endpoint = Endpoint {
    verb: Verb::Post,
    summary: "Defines a sync action, which is always refused",
    description: "An action changes a list, and there are none: its destination never exists.",
    parameters: &[OBJECT],
    request: Some(Body::json(Schema::Json("BulkSyncAction", schema::sync_action))),
    responses: &[
        Reply::new(201, "Never given.", Body::json(Schema::Json("BulkSyncAction", schema::sync_action))),
        invalid("The destination does not exist."),
        UNKNOWN,
    ],
    ..ACTIONS
};

/// `GET /api/bulk/2.0/customObjects/{parentId}/syncActions`.
pub const CUSTOM_ACTIONS: Endpoint =
    Endpoint { path: "/api/bulk/2.0/customObjects/{parentId}/syncActions", parameters: OF_PARENT, ..ACTIONS };

/// `POST /api/bulk/2.0/customObjects/{parentId}/syncActions`.
pub const CUSTOM_ACT: Endpoint = Endpoint { path: CUSTOM_ACTIONS.path, parameters: &[PARENT], ..ACT };
