//! The e-book reader's synchronization (contract 4, REFERENCE C).

use crate::http::endpoint::{Auth, Body, Endpoint, Group, Media, Reply, Schema, Verb};

/// The group.
pub const GROUP: Group = Group {
    name: "Synchronization",
    about: "What a reading app posts to be synchronized with the account's other devices. Paths are the same in any \
            letter case and with a slash more.",
    endpoints: &[&SYNCHRONIZE],
};

/// `POST /api/synchronization/synchronize`.
pub const SYNCHRONIZE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/synchronization/synchronize",
    summary: "Takes what an app has changed and answers what has changed elsewhere",
    description: "The answer's CurrentSyncTimestamp is a cursor: sent back as LastSyncTimestamp by the same \
                  AccountApplicationId it stands for all that was answered before. Any other value means that \
                  everything is wanted. Only what differs from the state at the cursor is taken as an edit; a \
                  repeated request changes nothing.",
    parameters: &[],
    request: Some(Body::new(Schema::Model, Media::WebJson)),
    responses: &[
        Reply::new(
            200,
            "Taken and on the disk. IsSuccess is false when items could not be used; all others are stored.",
            Body::json(Schema::ModelResult),
        ),
        Reply::error(400, "The body is no model. ModelState names the place."),
        Reply::error(403, "This device may not write there, or the caller may not call."),
    ],
    auth: Auth::Shape,
};
