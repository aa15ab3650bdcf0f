//! `/v1/peers`, `/v1/sync` and `/v1/pairing`.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Peers",
    about: "The paired devices, and how to pair another.",
    endpoints: &[&LIST, &REMOVE, &ADOPT, &LEAVE, &SYNC, &INVITE, &ACCEPT, &SET_ASIDE, &RECOVERY, &EXPEL],
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
    summary: "Removes a device, for all that share anything with it",
    description: "What it wrote so far stays, as far as this device has it; what it writes from now on is set aside by \
                  all. Devices that it had brought along and that are known here stay: `addedBy` of each peer says who \
                  brought it. A device of another person is removed by who may administer what is shared.",
    parameters: &[Parameter::path("deviceId", Form::Text, "The device.")],
    request: None,
    responses: &[
        Reply::bare(204, "It is no peer any more."),
        Reply::problem(404, "No such device is paired."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/peers/{deviceId}/adopt`.
pub const ADOPT: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/peers/{deviceId}/adopt",
    summary: "Takes in what was set aside of a removed device",
    description: "All of its records that are here by now count, on every device. It stays removed.",
    parameters: &[Parameter::path("deviceId", Form::Text, "The removed device.")],
    request: None,
    responses: &[
        Reply::bare(204, "They count."),
        Reply::problem(404, "No such device was ever paired."),
        Reply::problem(409, "The device is paired: all that it writes counts."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/leave`.
pub const LEAVE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/leave",
    summary: "Takes this device out and destroys all that it keeps",
    description: "Its keys first, then the rest; the daemon ends. The other devices are told while it is connected with \
                  them. What a disk keeps of deleted files is only unreadable where `encrypt` was on.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("Leaving", leaving))),
    responses: &[
        Reply::bare(202, "It leaves, and the daemon ends."),
        Reply::problem(
            400,
            "`deviceId` is not this device, which is asked for so that nobody leaves by mistake.",
        ),
        Reply::problem(409, "No other device has all that is here; `evenIfLost` leaves all the same."),
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/set-aside`.
pub const SET_ASIDE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/set-aside",
    summary: "Records that are kept and not used, and why",
    description: "At most 100. The same verdict falls on every device.",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The records.", Body::json(Schema::Json("SetAside", set_aside)))],
    auth: Auth::Bearer,
};

/// `POST /v1/recovery`.
pub const RECOVERY: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/recovery",
    summary: "Puts a recovery key above your devices",
    description: "`quire recovery new` makes the key, prints its 24 words and sends the public half alone.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("RecoveryKey", recovery_key))),
    responses: &[
        Reply::bare(204, "It is the recovery key."),
        Reply::problem(400, "The body cannot be read, or `key` is no public key."),
        Reply::problem(409, "There is another one already."),
    ],
    auth: Auth::Bearer,
};

/// `POST /v1/recovery/expulsions`.
pub const EXPEL: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/v1/recovery/expulsions",
    summary: "Throws devices out in the name of the recovery key",
    description: "Nothing that they ruled counts any more: whoever they removed is back. `quire recovery use` reads the \
                  words and signs.",
    parameters: &[],
    request: Some(Body::json(Schema::Json("Expulsion", expulsion))),
    responses: &[
        Reply::bare(204, "They are out."),
        Reply::problem(400, "The body cannot be read, or `ruling` is none."),
        Reply::problem(
            403,
            "It is not signed by the key that this device keeps to, or the caller may not call.",
        ),
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
        Reply::new(201, "The new peer.", Body::json(Schema::Json("AcceptedPeer", accepted))),
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
        "setAside": { "type": "integer", "description": "Records of it that are kept and not used." },
        "setAsideReasons": { "type": "array", "items": { "type": "object", "properties": {
            "reason": { "type": "string" },
            "count": { "type": "integer", "description": "Among the first 100." },
        } } },
        "grants": grants("What it may do: `everything`, or its rights in each space."),
        "addedBy": { "type": "array", "items": { "type": "string" },
            "description": "The devices that paired with it, of those that are trusted." },
    } })
}

fn grants(meaning: &str) -> Value {
    let one = json!({ "type": "object", "properties": {
        "space": { "type": "string", "examples": ["account:3"] },
        "rights": { "type": "array", "items": { "enum": ["read", "write", "invite", "admin"] } },
    } });
    json!({ "description": meaning, "examples": ["everything"],
        "oneOf": [{ "const": "everything" }, { "type": "array", "items": one }] })
}

fn accepted() -> Value {
    let mut peer = peer();
    peer["properties"]["granted"] =
        grants("What this device may do now: `everything`, or its rights in each space.");
    peer
}

fn set_aside() -> Value {
    let one = json!({ "type": "object", "properties": {
        "space": { "type": "string", "examples": ["account:3"] },
        "deviceId": { "type": ["string", "null"], "description": "Whose it is, where that is known." },
        "log": { "type": "string" },
        "seq": { "type": "integer" },
        "reason": { "type": "string", "examples": ["its author had been removed"] },
    } });
    json!({ "type": "object", "properties": { "setAside": { "type": "array", "items": one } } })
}

fn leaving() -> Value {
    json!({ "type": "object", "required": ["deviceId"], "additionalProperties": false, "properties": {
        "deviceId": { "type": "string", "description": "This device." },
        "evenIfLost": { "type": "boolean", "description": "Also when something is here alone." },
    } })
}

fn recovery_key() -> Value {
    json!({ "type": "object", "required": ["key"], "additionalProperties": false, "properties": {
        "key": { "type": "string", "description": "64 hexadecimal digits." },
    } })
}

fn expulsion() -> Value {
    json!({ "type": "object", "required": ["ruling"], "additionalProperties": false, "properties": {
        "ruling": { "type": "string", "description": "Hexadecimal digits of the signed ruling." },
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
