//! Definitions of exports, and what they gave.

use super::{
    ACTIVE, BAD_QUERY, BASE, DONE, FULL, GONE, ID, IN_USE, NOT_YOURS, OBJECT, OF_OBJECT, OF_PARENT, OFFSET,
    PARENT, ROWS, TOTAL, UNKNOWN, invalid, page, schema,
};
use crate::http::endpoint::{Body, Endpoint, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Bulk exports",
    about: "What shall be exported: a definition names fields by statements, and a filter. A sync of it makes the data, \
            which is read here or from the sync. A POST may name another method in X-HTTP-Method-Override; with \
            X-HTTP-Status-Code-Override: 200 every status is told as 200, and what it was in \
            X-HTTP-Original-Status-Code. Paths are the same in any letter case and with a slash more.",
    endpoints: &[
        &ALL,
        &LIST,
        &CREATE,
        &READ,
        &CHANGE,
        &DELETE,
        &DATA,
        &DELETE_DATA,
        &CUSTOM_LIST,
        &CUSTOM_CREATE,
        &CUSTOM_READ,
        &CUSTOM_CHANGE,
        &CUSTOM_DELETE,
        &CUSTOM_DATA,
        &CUSTOM_DELETE_DATA,
    ],
};

/// A page of data.
pub(super) const PAGE: Reply = Reply::new(
    200,
    "A page of the data, as CSV where Accept prefers it: a header row, CRLF, and cells that are the values themselves, so \
     that one may begin with = + - or @. All values are strings. An answer that breaks off is no page.",
    Body::new(Schema::Json("BulkData", schema::data), Media::Rows),
);

const DEFINITION: Body = Body::json(Schema::Json("BulkExport", schema::export));
const CREATED: Reply = Reply::new(201, "The definition, with its `uri`.", DEFINITION);
const FOUND: Reply = Reply::new(200, "The definition.", DEFINITION);
const INVALID: Reply =
    invalid("Members of the definition cannot be used; a failure of a filter has its position.");
const DATA_OF: &[Parameter] = &[OBJECT, ID, ROWS, OFFSET, TOTAL];
const DATA_OF_CUSTOM: &[Parameter] = &[PARENT, ID, ROWS, OFFSET, TOTAL];

/// `GET /api/bulk/2.0/exports`.
pub const ALL: Endpoint = Endpoint {
    path: "/api/bulk/2.0/exports",
    summary: "Definitions of exports, of all objects together",
    responses: &[page("BulkExports", schema::exports), BAD_QUERY],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/exports`.
pub const LIST: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/exports",
    summary: "Definitions of exports",
    parameters: OF_OBJECT,
    responses: &[page("BulkExports", schema::exports), BAD_QUERY, UNKNOWN],
    ..BASE
};

/// `POST /api/bulk/2.0/{object}/exports`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    summary: "Defines an export",
    parameters: &[OBJECT],
    request: Some(DEFINITION),
    responses: &[CREATED, INVALID, UNKNOWN, FULL],
    ..LIST
};

/// `GET /api/bulk/2.0/{object}/exports/{id}`.
pub const READ: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/exports/{id}",
    summary: "One definition",
    parameters: &[OBJECT, ID],
    responses: &[FOUND, BAD_QUERY, UNKNOWN, GONE],
    ..BASE
};

/// `PUT /api/bulk/2.0/{object}/exports/{id}`.
pub const CHANGE: Endpoint = Endpoint {
    verb: Verb::Put,
    summary: "Puts a definition in the place of another",
    request: Some(DEFINITION),
    responses: &[FOUND, INVALID, UNKNOWN, GONE, FULL],
    ..READ
};

/// `DELETE /api/bulk/2.0/{object}/exports/{id}`.
pub const DELETE: Endpoint = Endpoint {
    verb: Verb::Delete,
    summary: "Deletes a definition",
    responses: &[DONE, BAD_QUERY, UNKNOWN, GONE, IN_USE],
    ..READ
};

/// `GET /api/bulk/2.0/{object}/exports/{id}/data`.
pub const DATA: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/exports/{id}/data",
    summary: "What the latest finished sync of the definition exported",
    parameters: DATA_OF,
    responses: &[PAGE, BAD_QUERY, NOT_YOURS, UNKNOWN, GONE],
    ..BASE
};

/// `DELETE /api/bulk/2.0/{object}/exports/{id}/data`.
pub const DELETE_DATA: Endpoint = Endpoint {
    verb: Verb::Delete,
    summary: "Deletes what was exported",
    parameters: &[OBJECT, ID],
    responses: &[DONE, BAD_QUERY, NOT_YOURS, UNKNOWN, ACTIVE, GONE],
    ..DATA
};

/// `GET /api/bulk/2.0/customObjects/{parentId}/exports`.
pub const CUSTOM_LIST: Endpoint =
    Endpoint { path: "/api/bulk/2.0/customObjects/{parentId}/exports", parameters: OF_PARENT, ..LIST };

/// `POST /api/bulk/2.0/customObjects/{parentId}/exports`.
pub const CUSTOM_CREATE: Endpoint = Endpoint { path: CUSTOM_LIST.path, parameters: &[PARENT], ..CREATE };

/// `GET /api/bulk/2.0/customObjects/{parentId}/exports/{id}`.
pub const CUSTOM_READ: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}/exports/{id}",
    parameters: &[PARENT, ID],
    ..READ
};

/// `PUT /api/bulk/2.0/customObjects/{parentId}/exports/{id}`.
pub const CUSTOM_CHANGE: Endpoint =
    Endpoint { path: CUSTOM_READ.path, parameters: CUSTOM_READ.parameters, ..CHANGE };

/// `DELETE /api/bulk/2.0/customObjects/{parentId}/exports/{id}`.
pub const CUSTOM_DELETE: Endpoint =
    Endpoint { path: CUSTOM_READ.path, parameters: CUSTOM_READ.parameters, ..DELETE };

/// `GET /api/bulk/2.0/customObjects/{parentId}/exports/{id}/data`.
pub const CUSTOM_DATA: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}/exports/{id}/data",
    parameters: DATA_OF_CUSTOM,
    ..DATA
};

/// `DELETE /api/bulk/2.0/customObjects/{parentId}/exports/{id}/data`.
pub const CUSTOM_DELETE_DATA: Endpoint =
    Endpoint { path: CUSTOM_DATA.path, parameters: CUSTOM_READ.parameters, ..DELETE_DATA };
