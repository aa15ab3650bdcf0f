//! `/v1/status`, `/v1/spaces` and `/v1/events`: the daemon, what it keeps, and what happens to it.

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Daemon",
    about: "This daemon, the spaces it keeps and their vector clocks, and a stream of what happens.",
    endpoints: &[&STATUS, &SPACES, &CLOCK, &EVENTS, &BACKUP],
};

/// `GET /v1/status`.
pub const STATUS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/status",
    summary: "What the daemon says about itself",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The status.", Body::json(Schema::Json("Status", status)))],
    auth: Auth::Bearer,
};

/// `GET /v1/spaces`.
pub const SPACES: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/spaces",
    summary: "Every space with its vector clock and the number of its items",
    description: "A space is the unit of sharing: one for each account and each tenant.",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The spaces.", Body::json(Schema::Json("Spaces", spaces)))],
    auth: Auth::Bearer,
};

/// `GET /v1/spaces/{space}/clock`.
pub const CLOCK: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/spaces/{space}/clock",
    summary: "The vector clock of a space",
    description: "How many records of each device log this daemon has, and the same as an anchor.",
    parameters: &[Parameter::path("space", Form::Text, "Its name, such as `account:3` or `tenant:GUID`.")],
    request: None,
    responses: &[
        Reply::new(200, "The clock.", Body::json(Schema::Json("Clock", clock))),
        Reply::problem(404, "This daemon holds no such space."),
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/events`.
pub const EVENTS: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/events",
    summary: "Server-sent events, from wherever a reader stopped",
    description: "`change` tells an item that changed (`space`, `kind`, `item`, `removed`, `log`), `peers` all \
                  peers whenever one connects or goes, `restart` that changes were missed and everything has to be \
                  read again. Each event has an id; going on after it misses none.",
    parameters: &[
        Parameter::header("Last-Event-ID", "The id after which to go on. It goes before the query."),
        Parameter::query("lastEventId", Form::Text, "The same, for readers that cannot set headers."),
    ],
    request: None,
    responses: &[
        Reply::new(
            200,
            "The stream. It ends when the daemon stops.",
            Body::new(Schema::Json("Events", events), Media::Events),
        ),
        Reply::problem(400, "The query names something else."),
        Reply::problem(503, "Too many streams are open, or the daemon is stopping."),
    ],
    auth: Auth::Bearer,
};

/// `GET /v1/backup`.
pub const BACKUP: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/v1/backup",
    summary: "Everything the daemon keeps, as of one moment",
    description: "For `quire backup`, which encrypts it. The stream holds the device's keys: whoever has it can be this \
                  device. It is `QUIREDB1`, a byte of flags, then for each row the lengths of key and value (4 bytes \
                  each, big-endian), key and value; at its end a length of zero and the number of rows (8 bytes).",
    parameters: &[],
    request: None,
    responses: &[
        Reply::new(200, "The rows.", Body::new(Schema::Text, Media::Bytes)),
        Reply::problem(
            503,
            "Another backup is being made, the daemon is stopping, or too many are calling at once.",
        ),
    ],
    auth: Auth::Bearer,
};

fn status() -> Value {
    json!({ "type": "object", "properties": {
        "deviceId": { "type": "string" },
        "name": { "type": "string", "examples": ["desk"] },
        "version": { "type": "string", "examples": ["0.1.0"] },
        "api": { "type": "string", "examples": ["http://127.0.0.1:7470"] },
        "tls": { "type": ["object", "null"], "description": "Where HTTPS is served, and the certificate to be trusted.",
            "properties": {
                "api": { "type": "string", "examples": ["https://127.0.0.1:7443"] },
                "certificate": { "type": "string" } } },
        "peer": { "type": "string", "examples": ["[::]:7471"] },
        "spaces": { "type": "integer" },
        "peers": { "type": "object", "properties": {
            "known": { "type": "integer" }, "connected": { "type": "integer" } } },
        "removedBy": { "type": "array", "items": { "type": "string" },
            "description": "Devices that removed this one." },
        "discovery": { "type": "string", "examples": ["working"],
            "description": "`working`, `off`, or `unavailable: ` with the reason." },
        "encrypted": { "type": "boolean", "description": "Whether what is kept is encrypted." },
        "keyPlace": { "type": ["string", "null"], "enum": ["keystore", "file", null],
            "description": "Where the key for that lies: in the platform's key store, or in a file of the data folder, \
                            which protects a copy of the database alone." },
        "lastEvent": { "type": "integer", "description": "The id of the newest change." },
        "startedMs": { "type": "integer", "description": "Milliseconds since 1970." },
    } })
}

fn vector() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "integer" },
        "examples": [{ "abababababababababababababababab": 7 }],
        "description": "How many records of each log." })
}

fn spaces() -> Value {
    let space = json!({ "type": "object", "properties": {
        "space": { "type": "string", "examples": ["account:3"] },
        "vector": vector(),
        "items": { "type": "integer" },
    } });
    json!({ "type": "object", "properties": { "spaces": { "type": "array", "items": space } } })
}

fn clock() -> Value {
    json!({ "type": "object", "properties": {
        "space": { "type": "string", "examples": ["account:3"] },
        "vector": vector(),
        "anchorHex": { "type": "string", "description": "The clock as an anchor." },
    } })
}

fn events() -> Value {
    json!({ "type": "string", "examples": [
        "id: 5\nevent: change\ndata: {\"space\":\"account:3\",\"kind\":\"marking\",\"item\":\"538b23c8-1b20-4bd3-a44e-53ae4a8bdc12\",\
         \"removed\":false,\"log\":\"abababababababababababababababab\"}\n\n"
    ] })
}
