//! `/healthz` and `/readyz`.

use crate::http::endpoint::{Auth, Body, Endpoint, Group, Media, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group =
    Group { name: "Health", about: "For those who watch over the daemon.", endpoints: &[&ALIVE, &READY] };

const OK: Body = Body::new(Schema::Text, Media::Text);

/// `GET /healthz`.
pub const ALIVE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/healthz",
    summary: "The process answers",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "`ok`", OK)],
    auth: Auth::Free,
};

/// `GET /readyz`.
pub const READY: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/readyz",
    summary: "The daemon can be used",
    description: "",
    parameters: &[],
    request: None,
    responses: &[
        Reply::new(200, "`ok`", OK),
        Reply::problem(
            503,
            "The daemon is starting or stopping, its store cannot be written, or too many are calling at once.",
        ),
    ],
    auth: Auth::Free,
};
