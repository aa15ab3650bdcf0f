//! Syncs: the work that definitions describe, and what came of it.

use super::exports::PAGE;
use super::{
    ACTIVE, BAD_QUERY, BASE, DONE, FULL, GONE, ID, NOT_YOURS, OF_SYNC, OFFSET, ROWS, TOTAL, UNKNOWN, invalid,
    page, schema,
};
use crate::http::endpoint::{Body, Endpoint, Group, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Bulk syncs",
    about: "A sync exports or imports in the background; its status is pending, active, and then success, warning or error.",
    endpoints: &[&LIST, &CREATE, &READ, &LOGS, &REJECTS, &DATA, &DELETE_DATA],
};

/// A sync.
pub(super) const SYNC: Body = Body::json(Schema::Json("BulkSync", schema::sync));

/// `GET /api/bulk/2.0/syncs`.
pub const LIST: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncs",
    summary: "Syncs",
    responses: &[page("BulkSyncs", schema::syncs), BAD_QUERY],
    ..BASE
};

/// `POST /api/bulk/2.0/syncs`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    summary: "Creates an import or export sync",
    description: "The callback can occur during sync creation, before the sync creation response, or immediately after. \
                  An address that the configuration does not allow is not called, and the log of the sync says so.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("BulkSyncRequest", schema::sync_request))),
    responses: &[
        Reply::new(201, "The sync. It is on the disk, and begins by itself.", SYNC),
        invalid("The definition does not exist or can no longer be used."),
        NOT_YOURS,
        ACTIVE,
        FULL,
    ],
    ..LIST
};

/// `GET /api/bulk/2.0/syncs/{id}`.
pub const READ: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncs/{id}",
    summary: "One sync",
    description: "Members that are not known yet are left out.",
    parameters: &[ID],
    responses: &[Reply::new(200, "The sync.", SYNC), BAD_QUERY, UNKNOWN, GONE],
    ..BASE
};

/// `GET /api/bulk/2.0/syncs/{id}/logs`.
pub const LOGS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncs/{id}/logs",
    summary: "What a sync did",
    parameters: OF_SYNC,
    responses: &[page("BulkLogs", schema::logs), BAD_QUERY, UNKNOWN, GONE],
    ..BASE
};

/// `GET /api/bulk/2.0/syncs/{id}/rejects`.
pub const REJECTS: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncs/{id}/rejects",
    summary: "Rows that a sync did not import",
    parameters: &[ID, super::LIMIT, OFFSET, TOTAL],
    responses: &[page("BulkRejects", schema::rejects), BAD_QUERY, NOT_YOURS, UNKNOWN, GONE],
    ..BASE
};

/// `GET /api/bulk/2.0/syncs/{id}/data`.
pub const DATA: Endpoint = Endpoint {
    path: "/api/bulk/2.0/syncs/{id}/data",
    summary: "What a sync exported",
    parameters: &[ID, ROWS, OFFSET, TOTAL],
    responses: &[
        PAGE,
        invalid("A value of the path or of the query is out of its range, or the sync is an import."),
        NOT_YOURS,
        UNKNOWN,
        ACTIVE,
        GONE,
    ],
    ..BASE
};

/// `DELETE /api/bulk/2.0/syncs/{id}/data`.
pub const DELETE_DATA: Endpoint = Endpoint {
    verb: Verb::Delete,
    summary: "Deletes what a sync exported",
    parameters: &[ID],
    responses: &[DONE, BAD_QUERY, NOT_YOURS, UNKNOWN, ACTIVE, GONE],
    ..DATA
};
