//! What the daemon says about its endpoints: `/openapi.json` and the help pages (REFERENCE D10).

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Help",
    about: "This description, for programs and for people. Paths of help pages are the same in any letter case.",
    endpoints: &[&OPENAPI, &INDEX, &VERSION, &PAGE, &VERSIONED],
};

const HTML: Body = Body::new(Schema::Text, Media::Html);

const ID: Parameter =
    Parameter::path("id", Form::Text, "Method and path with `-`, then the names in the query with `_`.");

const UNKNOWN: Reply = Reply::problem(404, "No endpoint is called so.");

/// `GET /openapi.json`.
pub const OPENAPI: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/openapi.json",
    summary: "The OpenAPI 3.1 document of all endpoints",
    description: "`quire openapi` prints the same.",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The document.", Body::json(Schema::Json("OpenApi", openapi)))],
    auth: Auth::Free,
};

/// `GET /help`.
pub const INDEX: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/help",
    summary: "A page that lists all endpoints",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The page.", HTML)],
    auth: Auth::Free,
};

/// `GET /help/1`.
pub const VERSION: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/help/1",
    summary: "A page about version 1 of the API of field apps",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The page.", HTML)],
    auth: Auth::Free,
};

/// `GET /help/api/{id}`.
pub const PAGE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/help/api/{id}",
    summary: "The page of one endpoint",
    description: "",
    parameters: &[ID],
    request: None,
    responses: &[Reply::new(200, "The page.", HTML), UNKNOWN],
    auth: Auth::Free,
};

/// `GET /help/api/1/{id}`.
pub const VERSIONED: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/help/api/1/{id}",
    summary: "The page of one endpoint, at the address that names a version",
    description: "",
    parameters: &[ID],
    request: None,
    responses: &[Reply::new(200, "The page.", HTML), UNKNOWN],
    auth: Auth::Free,
};

fn openapi() -> Value {
    json!({ "type": "object", "required": ["openapi", "info", "paths"], "properties": {
        "openapi": { "type": "string", "examples": ["3.1.0"] },
        "info": { "type": "object" },
        "paths": { "type": "object" },
    } })
}
