//! Definitions of imports, and rows for them.

use super::{
    ACTIVE, BAD_QUERY, BASE, DONE, FULL, GONE, ID, IN_USE, OBJECT, OF_OBJECT, OF_PARENT, PARENT, UNKNOWN,
    invalid, page, schema,
};
use crate::http::endpoint::{Body, Endpoint, Group, Media, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Bulk imports",
    about: "What shall be imported: a definition names fields by statements, which of them tells what a row is about, and \
            when a value is written. Rows are staged; a sync writes them as ordinary edits, which merge and reach the \
            other devices.",
    endpoints: &[
        &ALL,
        &LIST,
        &CREATE,
        &READ,
        &CHANGE,
        &DELETE,
        &STAGE,
        &CLEAR,
        &CUSTOM_LIST,
        &CUSTOM_CREATE,
        &CUSTOM_READ,
        &CUSTOM_CHANGE,
        &CUSTOM_DELETE,
        &CUSTOM_STAGE,
        &CUSTOM_CLEAR,
    ],
};

const DEFINITION: Body = Body::json(Schema::Json("BulkImport", schema::import));
const CREATED: Reply = Reply::new(201, "The definition, with its `uri`.", DEFINITION);
const FOUND: Reply = Reply::new(200, "The definition.", DEFINITION);
const INVALID: Reply = invalid("Members of the definition cannot be used.");

/// `GET /api/bulk/2.0/imports`.
pub const ALL: Endpoint = Endpoint {
    path: "/api/bulk/2.0/imports",
    summary: "Definitions of imports, of all objects together",
    responses: &[page("BulkImports", schema::imports), BAD_QUERY],
    ..BASE
};

/// `GET /api/bulk/2.0/{object}/imports`.
pub const LIST: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/imports",
    summary: "Definitions of imports",
    parameters: OF_OBJECT,
    responses: &[page("BulkImports", schema::imports), BAD_QUERY, UNKNOWN],
    ..BASE
};

/// `POST /api/bulk/2.0/{object}/imports`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    summary: "Defines an import",
    parameters: &[OBJECT],
    request: Some(DEFINITION),
    responses: &[CREATED, INVALID, UNKNOWN, FULL],
    ..LIST
};

/// `GET /api/bulk/2.0/{object}/imports/{id}`.
pub const READ: Endpoint = Endpoint {
    path: "/api/bulk/2.0/{object}/imports/{id}",
    summary: "One definition",
    parameters: &[OBJECT, ID],
    responses: &[FOUND, BAD_QUERY, UNKNOWN, GONE],
    ..BASE
};

/// `PUT /api/bulk/2.0/{object}/imports/{id}`.
pub const CHANGE: Endpoint = Endpoint {
    verb: Verb::Put,
    summary: "Puts a definition in the place of another",
    request: Some(DEFINITION),
    responses: &[FOUND, INVALID, UNKNOWN, GONE, FULL],
    ..READ
};

/// `DELETE /api/bulk/2.0/{object}/imports/{id}`.
pub const DELETE: Endpoint = Endpoint {
    verb: Verb::Delete,
    summary: "Deletes a definition",
    responses: &[DONE, BAD_QUERY, UNKNOWN, GONE, IN_USE],
    ..READ
};

/// `POST /api/bulk/2.0/{object}/imports/{id}/data`.
pub const STAGE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/bulk/2.0/{object}/imports/{id}/data",
    summary: "Stages rows",
    description: "An array of objects, or CSV with a header row; names are those of the definition's fields. 32 MiB at \
                  most.",
    parameters: &[OBJECT, ID],
    request: Some(Body::new(Schema::Json("BulkRows", schema::rows), Media::Rows)),
    responses: &[
        Reply::new(201, "The sync that began by it, where the definition says so.", super::syncs::SYNC),
        Reply::bare(204, "The rows are staged, on the disk."),
        invalid("The rows cannot be used, or too many uploads wait already."),
        Reply::sentence(404, "There is no such definition, or the body is larger than 32 MiB."),
        ACTIVE,
        FULL,
    ],
    ..BASE
};

/// `DELETE /api/bulk/2.0/{object}/imports/{id}/data`.
pub const CLEAR: Endpoint = Endpoint {
    verb: Verb::Delete,
    summary: "Throws staged rows away",
    description: "",
    request: None,
    responses: &[DONE, BAD_QUERY, UNKNOWN, GONE],
    ..STAGE
};

/// `GET /api/bulk/2.0/customObjects/{parentId}/imports`.
pub const CUSTOM_LIST: Endpoint =
    Endpoint { path: "/api/bulk/2.0/customObjects/{parentId}/imports", parameters: OF_PARENT, ..LIST };

/// `POST /api/bulk/2.0/customObjects/{parentId}/imports`.
pub const CUSTOM_CREATE: Endpoint = Endpoint { path: CUSTOM_LIST.path, parameters: &[PARENT], ..CREATE };

/// `GET /api/bulk/2.0/customObjects/{parentId}/imports/{id}`.
pub const CUSTOM_READ: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}/imports/{id}",
    parameters: &[PARENT, ID],
    ..READ
};

/// `PUT /api/bulk/2.0/customObjects/{parentId}/imports/{id}`.
pub const CUSTOM_CHANGE: Endpoint =
    Endpoint { path: CUSTOM_READ.path, parameters: CUSTOM_READ.parameters, ..CHANGE };

/// `DELETE /api/bulk/2.0/customObjects/{parentId}/imports/{id}`.
pub const CUSTOM_DELETE: Endpoint =
    Endpoint { path: CUSTOM_READ.path, parameters: CUSTOM_READ.parameters, ..DELETE };

/// `POST /api/bulk/2.0/customObjects/{parentId}/imports/{id}/data`.
pub const CUSTOM_STAGE: Endpoint = Endpoint {
    path: "/api/bulk/2.0/customObjects/{parentId}/imports/{id}/data",
    parameters: CUSTOM_READ.parameters,
    ..STAGE
};

/// `DELETE /api/bulk/2.0/customObjects/{parentId}/imports/{id}/data`.
pub const CUSTOM_CLEAR: Endpoint =
    Endpoint { path: CUSTOM_STAGE.path, parameters: CUSTOM_READ.parameters, ..CLEAR };
