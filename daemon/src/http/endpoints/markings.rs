//! `/v1/markings`.

use quire_protocol::domain::Kind;
use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Markings",
    about: "Highlights, notes and bookmarks with their documented members at the top level.",
    endpoints: &[&LIST, &READ, &PATCH, &REMOVE, &HISTORY, &RESTORE],
};

const MARKING: Body = Body::json(Schema::Kind(Kind::Marking));

const SYNC_GUID: Parameter =
    Parameter::path("syncGuid", Form::Guid, "The marking's `syncGuid`, in any form.");

const ACCOUNT: Parameter =
    Parameter::query("account", Form::LONG, "Which, where two accounts have a marking of one guid.");

const IF_MATCH: Parameter =
    Parameter::header("If-Match", "`*`, or the tags that the marking may still have for this to be done.");

const CHANGED: Reply = Reply::problem(412, "The marking has changed since: read it again.");
const UNKNOWN: Reply = Reply::problem(404, "There is no marking of this syncGuid.");
const NOT_WRITER: Reply = Reply::problem(403, "This device may not write there, or the caller may not call.");

/// `GET /v1/markings`.
pub const LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/markings",
    summary: "Markings, a page at a time",
    description: "",
    parameters: &[
        Parameter::query("account", Form::LONG, "Only those of this account."),
        Parameter::query("book", Form::LONG, "Only those in this book (`bookID`)."),
        Parameter::query(
            "removed",
            Form::OneOf(&["true", "false", "any"]),
            "Only removed ones, only the others (if nothing is said), or both.",
        ),
        Parameter::query("limit", Form::Whole(1, 1_000), "How many at most; 100 if nothing is said."),
        Parameter::query("after", Form::Text, "The `next` of the page before."),
    ],
    request: None,
    responses: &[
        Reply::new(200, "A page.", Body::json(Schema::Json("Markings", page))),
        Reply::problem(400, "The query names something else, or a value is of another form."),
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/markings/{syncGuid}`.
pub const READ: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/markings/{syncGuid}",
    summary: "One marking",
    description: "Removed ones too: their `SyncIsRemoved` is true.",
    parameters: &[
        SYNC_GUID,
        ACCOUNT,
        Parameter::header("If-None-Match", "The tags of states that the caller has already."),
    ],
    request: None,
    responses: &[
        Reply::new(200, "The marking. `ETag` names its state.", MARKING),
        Reply::bare(304, "The caller has this state."),
        Reply::problem(400, "The query names something else, or a value is of another form."),
        UNKNOWN,
    ],
    auth: Auth::Bearer,
};

/// `PATCH /v1/markings/{syncGuid}`.
pub const PATCH: Endpoint = Endpoint {
    verb: Verb::Patch,
    path: "/v1/markings/{syncGuid}",
    summary: "Writes the members that are named, and nothing else",
    description: "Null clears a member. Members that say which marking it is cannot be changed.",
    parameters: &[SYNC_GUID, IF_MATCH],
    request: Some(MARKING),
    responses: &[
        Reply::new(200, "The marking as it is now, on the disk. `ETag` names its state.", MARKING),
        Reply::problem(400, "A member is unknown, of another type, or cannot be changed."),
        NOT_WRITER,
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

/// `DELETE /v1/markings/{syncGuid}`.
pub const REMOVE: Endpoint = Endpoint {
    verb: Verb::Delete,
    path: "/v1/markings/{syncGuid}",
    summary: "Removes what is there now",
    description: "An edit that another device makes at the same time keeps the marking alive.",
    parameters: &[SYNC_GUID, IF_MATCH],
    request: None,
    responses: &[
        Reply::new(200, "The marking as it is now. `ETag` names its state.", MARKING),
        Reply::problem(400, "If-Match cannot be read."),
        NOT_WRITER,
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/markings/{syncGuid}/history`.
pub const HISTORY: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/markings/{syncGuid}/history",
    summary: "What the marking said, and who said it",
    description: "Newest first, in the order in which it became known here. A version names the members that it changed, \
                  as they were then; what a fork had taken and was said again names no device.",
    parameters: &[
        SYNC_GUID,
        ACCOUNT,
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

/// `POST /v1/markings/{syncGuid}/restore`.
pub const RESTORE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/markings/{syncGuid}/restore",
    summary: "Has the marking say what it said at a version",
    description: "An edit like any other, after all that is known here: it can be undone by another, and what is written \
                  elsewhere at the same time stays.",
    parameters: &[SYNC_GUID, ACCOUNT, IF_MATCH],
    request: Some(Body::json(Schema::Json("Restore", restore))),
    responses: &[
        Reply::new(200, "The marking as it is now, on the disk. `ETag` names its state.", MARKING),
        Reply::problem(400, "The body names no version."),
        NOT_WRITER,
        UNKNOWN,
        CHANGED,
    ],
    auth: Auth::Bearer,
};

/// The schema of a history.
pub(super) fn history() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({ "type": "object", "properties": {
        "history": { "type": "array", "items": { "type": "object", "properties": {
            "version": text("Names the version."),
            "device": { "type": ["string", "null"], "description": "Whose it is, where that is known." },
            "claimedAt": { "type": ["string", "null"], "description": "The author's clock then. It decides nothing." },
            "buildsOn": { "type": "array", "items": text("A version that its author had seen.") },
            "removed": { "type": "boolean", "description": "Whether it was removed then." },
            "changed": { "type": "object", "description": "The members that it changed, as they were then." },
        } } },
        "next": { "type": ["string", "null"], "description": "Where the next page begins; null after the last." },
    } })
}

/// The schema of what a restore asks for.
pub(super) fn restore() -> Value {
    json!({ "type": "object", "required": ["version"], "properties": {
        "version": { "type": "string", "description": "A `version` of the history." },
    } })
}

fn page() -> Value {
    json!({ "type": "object", "properties": {
        "markings": { "type": "array", "items": Schema::Kind(Kind::Marking).reference() },
        "next": { "type": ["string", "null"], "description": "Where the next page begins; null after the last." },
    } })
}
