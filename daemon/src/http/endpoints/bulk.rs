//! The Bulk shapes (contract 6, REFERENCE A): what the endpoints of all their groups have in common.

pub mod exports;
pub mod imports;
pub mod objects;
mod schema;
pub mod syncs;

use crate::http::bulk::paging::{MAX_ITEMS, MAX_ROWS};
use crate::http::endpoint::{Auth, Body, Endpoint, Form, Parameter, Reply, Schema, Verb};

/// What the others are made of: a list of everything.
const BASE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "",
    summary: "",
    description: "",
    parameters: ALL,
    request: None,
    responses: &[],
    auth: Auth::Shape,
};

const OBJECT: Parameter = Parameter::path(
    "object",
    Form::OneOf(&["activities", "markings", "contacts"]),
    "Of what. Activities are reading history and what happened to markings; contacts are accounts.",
);
const PARENT: Parameter = Parameter::path(
    "parentId",
    NUMBER,
    "The number of a custom object: the nodes of one type of one tenant.",
);
const ID: Parameter = Parameter::path("id", NUMBER, "Its number: the last part of its `uri`.");
const NUMBER: Form = Form::Whole(1, i64::MAX);

const LIMIT: Parameter = Parameter::query(
    "limit",
    Form::Whole(1, MAX_ITEMS as i64),
    "How many at most; 1,000 if nothing is said.",
);
const ROWS: Parameter =
    Parameter::query("limit", Form::Whole(1, MAX_ROWS as i64), "How many at most; 1,000 if nothing is said.");
const OFFSET: Parameter =
    Parameter::query("offset", Form::Whole(0, i64::MAX), "How many to leave out; none if nothing is said.");
const TOTAL: Parameter =
    Parameter::query("totalResults", Form::Truth, "False leaves out the number of all there are.");
const SEARCH: Parameter = Parameter::query(
    "q",
    Form::Text,
    "Only those of which it is true: a member, one of = != > < >= <=, and a value, in which `*` stands for anything.",
);
const ORDER: Parameter = Parameter::query("orderBy", Form::Text, "A member, and ASC or DESC.");

const ALL: &[Parameter] = &[LIMIT, OFFSET, TOTAL, SEARCH, ORDER];
const OF_OBJECT: &[Parameter] = &[OBJECT, LIMIT, OFFSET, TOTAL, SEARCH, ORDER];
const OF_PARENT: &[Parameter] = &[PARENT, LIMIT, OFFSET, TOTAL, SEARCH, ORDER];
const OF_SYNC: &[Parameter] = &[ID, LIMIT, OFFSET, TOTAL, SEARCH, ORDER];

const BAD_QUERY: Reply = invalid("A value of the path or of the query is out of its range.");
const UNKNOWN: Reply = Reply::sentence(404, "There is no such resource.");
const NOT_YOURS: Reply = Reply::sentence(403, "The data belongs to the user who ran the sync.");
const GONE: Reply = Reply::sentence(410, "It was there and is no longer kept.");
const IN_USE: Reply = Reply::sentence(412, "Something depends on it.");
const FULL: Reply = Reply::sentence(413, "The storage that the configuration allows is used up.");
const ACTIVE: Reply = Reply::new(
    409,
    "A sync of the definition has not ended.",
    Body::json(Schema::Json("BulkConflict", schema::conflict)),
);
const DONE: Reply = Reply::bare(204, "It is done.");

const fn invalid(about: &'static str) -> Reply {
    Reply::new(400, about, Body::json(Schema::Json("BulkInvalid", schema::invalid)))
}

const fn page(name: &'static str, of: fn() -> serde_json::Value) -> Reply {
    Reply::new(200, "A page of the list.", Body::json(Schema::Json(name, of)))
}
