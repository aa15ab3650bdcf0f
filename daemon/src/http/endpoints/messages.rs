//! Field apps: messages and devices (contract 5, REFERENCE B2).

use quire_protocol::shapes::contract::{DEVICE, MESSAGE, PUT_DATA, PUT_DATA_DELETE};

use super::tokens::{TENANT, TENANT_ID};
use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Messages",
    about: "Commands of field apps, and the registration of their devices.",
    endpoints: &[&CREATE, &FIND, &DELETE_EXAMPLE, &PUT_EXAMPLE, &DEVICE_CREATE],
};

/// `POST /api/messages`.
pub const CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/messages",
    summary: "Creates (and submits) a Message for processing",
    description: "`PutDataDelete` removes what its body's nodeIds name and what its nodes name, by nodeId, else by type and \
                  id. `PutData` puts its body's nodes as api/nodes does. The same senderSessionId and \
                  senderSessionSequence again are answered as the first time, and nothing is done.",
    parameters: &[TENANT],
    request: Some(Body::new(Schema::Contract(&MESSAGE), Media::Web)),
    responses: &[
        Reply::new(
            201,
            "Done and on the disk: the message as it is kept.",
            Body::new(Schema::Contract(&MESSAGE), Media::WebAnswer),
        ),
        Reply::error(
            400,
            "The type is not known, or the body is not of it. Where single nodes cannot be put, the others are.",
        ),
    ],
    auth: Auth::Shape,
};

/// `GET /api/messages`.
pub const FIND: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/messages",
    summary: "Gets the messages that say what the query says",
    description: "The last thousand of a tenant are kept. Always a list.",
    parameters: &[
        Parameter::query("senderSessionId", Form::Text, "The session of its sender."),
        Parameter::query("senderSessionSequence", Form::LONG, "Its number in that session."),
        Parameter::query("messageMessageId", Form::Guid, "Its messageId."),
        Parameter::query("messageUserId", Form::Guid, "Its user."),
        Parameter::query("messageCreatedAfterUtc", Form::Date, "Taken then or later."),
        Parameter::query("messageCreatedBeforeUtc", Form::Date, "Taken before."),
        Parameter::query("messageSkip", Form::Whole(0, i64::MAX), "Without the first so many."),
        Parameter::query("messageLimit", Form::Whole(1, 1_000), "At most so many."),
        TENANT_ID,
        TENANT,
    ],
    request: None,
    responses: &[
        Reply::new(
            200,
            "The messages, oldest first.",
            Body::new(Schema::Contracts(&MESSAGE), Media::WebAnswer),
        ),
        Reply::error(400, "A value of the query is of another form."),
    ],
    auth: Auth::Shape,
};

/// `GET /api/messageBodies/putDataDelete`.
pub const DELETE_EXAMPLE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/messageBodies/putDataDelete",
    summary: "Gets an example of the message body format for a \"PutDataDelete\" message",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(
        200,
        "The example.",
        Body::new(Schema::Contract(&PUT_DATA_DELETE), Media::WebAnswer),
    )],
    auth: Auth::Shape,
};

/// `GET /api/messageBodies/putData`.
pub const PUT_EXAMPLE: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/messageBodies/putData",
    summary: "Gets an example of the message body format for a \"PutData\" message",
    description: "",
    parameters: &[],
    request: None,
    responses: &[Reply::new(200, "The example.", Body::new(Schema::Contract(&PUT_DATA), Media::WebAnswer))],
    auth: Auth::Shape,
};

/// `POST /api/devices`.
pub const DEVICE_CREATE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/devices",
    summary: "Registers a device",
    description: "The deviceId is given by the server. A name is unique within its tenant: the same name again is the same \
                  device.",
    parameters: &[TENANT],
    request: Some(Body::new(Schema::Contract(&DEVICE), Media::Web)),
    responses: &[
        Reply::new(201, "The device.", Body::new(Schema::Contract(&DEVICE), Media::WebAnswer)),
        Reply::error(400, "The body is no device, or has no name."),
    ],
    auth: Auth::Shape,
};
