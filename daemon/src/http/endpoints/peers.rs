//! `/v1/peers`, `/v1/sync` and `/v1/pairing`.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Peers",
    about: "The paired devices, and how to pair another.",
    endpoints: &[&LIST, &REMOVE, &SYNC, &INVITE, &ACCEPT],
};

/// `GET /v1/peers`.
pub const LIST: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/peers",
    summary: "Every paired device, whether it is connected, and how much it has yet to receive",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The peers.", Body::json(Schema::Json("Peers", peers)))],
    auth: Auth::Bearer,
};

/// `DELETE /v1/peers/{deviceId}`.
pub const REMOVE: Endpoint = Endpoint {
    verb: Verb::Delete,
    path: "/v1/peers/{deviceId}",
    summary: "Revokes a pairing",
    description: "",
    parameters: &[Parameter::path("deviceId", Form::Text, "The device.")],
    request: None,
    responses: &[
        Reply::bare(204, "It is no peer any more."),
        Reply::problem(404, "No such device is paired."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/sync`.
pub const SYNC: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/sync",
    summary: "Tries a peer now, or all of them",
    description: "Whatever they wait for. Peers that are connected are in step anyway.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("SyncRequest", sync_request)).optional()),
    responses: &[
        Reply::new(202, "They are being tried.", Body::json(Schema::Json("SyncStarted", sync_started))),
        Reply::problem(400, "The body is no JSON object, or has other members."),
        Reply::problem(404, "No such device is paired."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/pairing/invitations`.
pub const INVITE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/pairing/invitations",
    summary: "Makes an invitation, in the place of any older one",
    description: "Making it is the inviter's consent. Without `spaces` the other is a device of the same person and \
                  shares every space, later ones too.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("InvitationRequest", invitation_request)).optional()),
    responses: &[
        Reply::new(201, "The invitation.", Body::json(Schema::Json("Invitation", invitation))),
        Reply::problem(400, "The body is no JSON object, has other members, or `spaces` cannot be read."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/pairing/accept`.
pub const ACCEPT: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/pairing/accept",
    summary: "Accepts an invitation",
    description: "Accepting it is this side's consent.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("Acceptance", acceptance))),
    responses: &[
        Reply::new(201, "The new peer.", Body::json(Schema::Json("Peer", peer))),
        Reply::problem(400, "The body cannot be read, or `code` is no invitation."),
        Reply::problem(403, "The other device did not accept, or the caller may not call."),
        Reply::problem(409, "This device already holds a space of that name; `space` says which."),
        Reply::problem(502, "The other device cannot be reached."),
    ],
    auth: Auth::Bearer,
};

fn peer() -> Value {
    json!({ "type": "object", "properties": {
        "deviceId": { "type": "string" },
        "name": { "type": "string", "examples": ["phone"] },
        "connected": { "type": "boolean" },
        "address": { "type": ["string", "null"], "examples": ["192.0.2.7:7471"] },
        "lastError": { "type": ["string", "null"] },
        "nextAttempt": { "type": ["number", "null"], "description": "Seconds from now." },
        "behindBy": { "type": "integer", "description": "Records that it does not durably have." },
        "setAside": { "type": "integer", "description": "Records of it that cannot be used." },
    } })
}

fn peers() -> Value {
    json!({ "type": "object", "properties": { "peers": { "type": "array", "items": peer() } } })
}

fn sync_request() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "peer": { "type": ["string", "null"], "description": "Its `deviceId`; left out: all." },
    } })
}

fn sync_started() -> Value {
    json!({ "type": "object", "properties": {
        "peers": { "type": "integer", "description": "How many are being tried." },
    } })
}

fn invitation_request() -> Value {
    let words = json!({ "type": "array", "items": { "enum": ["read", "write", "invite", "admin", "rw"] } });
    let grant = json!({
        "type": "object", "required": ["space", "rights"], "additionalProperties": false,
        "properties": {
            "space": { "type": "string", "examples": ["account:3"] },
            "rights": { "oneOf": [{ "type": "string", "examples": ["rw"] }, words], "examples": ["rw"] },
        },
    });
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "spaces": { "type": "array", "minItems": 1, "maxItems": 256, "items": grant },
    } })
}

fn invitation() -> Value {
    json!({ "type": "object", "properties": {
        "code": { "type": "string" },
        "uri": { "type": "string" },
        "expiresInSeconds": { "type": "integer", "examples": [300] },
    } })
}

fn acceptance() -> Value {
    json!({ "type": "object", "required": ["code"], "additionalProperties": false, "properties": {
        "code": { "type": "string", "description": "The code or the URI that the other device shows." },
        "address": { "type": ["string", "null"], "examples": ["192.0.2.7:7471"],
            "description": "Where the other device accepts peers, if it cannot be found by itself." },
    } })
}
