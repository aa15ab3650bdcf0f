//! What the daemon says about its endpoints: `/openapi.json`.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Group, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Help",
    about: "This description, for programs.",
    endpoints: &[&OPENAPI],
};

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

fn openapi() -> Value {
    json!({ "type": "object", "required": ["openapi", "info", "paths"], "properties": {
        "openapi": { "type": "string", "examples": ["3.1.0"] },
        "info": { "type": "object" },
        "paths": { "type": "object" },
    } })
}
