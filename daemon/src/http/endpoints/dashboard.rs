//! `/`, and how a browser comes to it: `/v1/links` and `/open`.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Dashboard",
    about: "A page that shows how the daemon is. `quire open` opens it in the browser: by a link that works once, and a \
            cookie that is then as good as the bearer token until the daemon ends or the token is replaced.",
    endpoints: &[&PAGE, &LINK, &FOLLOW, &SCRIPT, &STYLE],
};

/// `GET /`.
pub const PAGE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/",
    summary: "The dashboard",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The page.", Body::new(Schema::Text, Media::Html))],
    auth: Auth::Bearer,
};

/// `POST /v1/links`.
pub const LINK: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/links",
    summary: "Makes a link that opens the dashboard in a browser, once",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(201, "The link.", Body::json(Schema::Json("Link", link)))],
    auth: Auth::Bearer,
};

/// `GET /open/{code}`.
pub const FOLLOW: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/open/{code}",
    summary: "Follows such a link",
    description: "",
    parameters: &[Parameter::path("code", Form::Text, "What the link ends with.")],
    request: None,
    responses: &[
        Reply::bare(303, "The dashboard is at `/`; the cookie is set."),
        Reply::problem(404, "The link was followed before, or is too old."),
    ],
    auth: Auth::Free,
};

/// `GET /dashboard.js`.
pub const SCRIPT: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/dashboard.js",
    summary: "The dashboard's script",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The script.", Body::new(Schema::Text, Media::Script))],
    auth: Auth::Free,
};

/// `GET /dashboard.css`.
pub const STYLE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/dashboard.css",
    summary: "The dashboard's style",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The style.", Body::new(Schema::Text, Media::Style))],
    auth: Auth::Free,
};

fn link() -> Value {
    json!({ "type": "object", "properties": {
        "url": { "type": "string", "examples": ["http://127.0.0.1:7470/open/0123456789abcdef"] },
        "expiresInSeconds": { "type": "integer", "examples": [60] },
    } })
}
