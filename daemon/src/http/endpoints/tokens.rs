//! Field apps: windows of what has changed (contract 5, REFERENCE B).

use quire_protocol::shapes::contract::{SYNC_PAGE, SYNC_TOKEN};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};
use crate::http::sync_tokens::MAX_PAGE;
use crate::http::tenant::HEADER;

/// The group.
pub const GROUP: Group = Group {
    name: "Sync tokens",
    about: "A token is an immutable window of a tenant's changes: all that came after the requested anchor, up to the \
            current one. An anchor is the hexadecimal form of a clock, valid at every daemon that shares the tenant; \
            whatever is no anchor means that nothing is had.",
    endpoints: &[&CREATE, &LAST, &PAGE],
};

/// Names the tenant where nothing else does.
pub const TENANT: Parameter =
    Parameter::header(HEADER, "The tenant, where the body or the query names none.");

/// The same in a query.
pub const TENANT_ID: Parameter = Parameter::query(
    "tenantId",
    Form::Guid,
    "Only of this tenant; of all that are held where nobody names one.",
);

const TOKEN: Body = Body::new(Schema::Contract(&SYNC_TOKEN), Media::WebAnswer);
const UNKNOWN: Reply = Reply::error(404, "There is no such token.");
const BAD_QUERY: Reply = Reply::error(400, "A value of the query is missing or of another form.");

/// `POST /api/syncTokens`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/syncTokens",
    summary: "Creates a token that can be used to retrieve sync data",
    description: "The server fills in syncTokenId where it is all zeros, currentDatabaseAnchorHex and both dates. The \
                  same token again is answered again.",
    parameters: &[TENANT],
    request: Some(Body::new(Schema::Contract(&SYNC_TOKEN), Media::Web)),
    responses: &[
        Reply::new(201, "The token, on the disk. `Location` names its first page.", TOKEN),
        Reply::error(400, "The body is no token. ModelState names the place."),
        Reply::error(409, "The syncTokenId is in use with other content."),
    ],
    auth: Auth::Shape,
};

/// `GET /api/syncTokens`.
pub const LAST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/syncTokens",
    summary: "Returns the last SyncToken for the specified user and application",
    description: "",
    parameters: &[
        Parameter { required: true, ..Parameter::query("userId", Form::Guid, "The user of the token.") },
        Parameter {
            required: true,
            ..Parameter::query("applicationId", Form::Guid, "The application of the token.")
        },
        TENANT_ID,
        TENANT,
    ],
    request: None,
    responses: &[Reply::new(200, "The token.", TOKEN), BAD_QUERY, UNKNOWN],
    auth: Auth::Shape,
};

/// `GET /api/sync`.
pub const PAGE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/sync",
    summary: "Gets the data associated with a SyncToken",
    description: "Pages of a window are the same whenever and wherever they are read. deletedNodeIds names every node of \
                  the window that is no more, on each page.",
    parameters: &[
        Parameter { required: true, ..Parameter::query("syncTokenId", Form::Guid, "The token.") },
        Parameter::query(
            "pageSize",
            Form::Whole(1, MAX_PAGE as i64),
            "Nodes of a page; 1,000 if nothing is said.",
        ),
        Parameter::query(
            "pageNumber",
            Form::Whole(1, i64::MAX),
            "Which page, from 1, which is meant if nothing is said.",
        ),
        TENANT_ID,
        TENANT,
    ],
    request: None,
    responses: &[
        Reply::new(200, "A page.", Body::new(Schema::Contract(&SYNC_PAGE), Media::WebAnswer)),
        BAD_QUERY,
        UNKNOWN,
    ],
    auth: Auth::Shape,
};
