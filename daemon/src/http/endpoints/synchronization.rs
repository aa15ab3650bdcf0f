//! The e-book reader's synchronization (contract 4, REFERENCE C).

use serde_json::{Value, json};

use crate::http::endpoint::{Auth, Body, Endpoint, Form, Group, Media, Parameter, Reply, Schema, Verb};
use quire_protocol::domain::Kind;

/// The group.
pub const GROUP: Group = Group {
    name: "Synchronization",
    about: "What a reading app posts to be synchronized with the account's other devices. Paths are the same in any \
            letter case and with a slash more.",
    endpoints: &[
        &SYNCHRONIZE,
        &REGISTER,
        &INITIAL_CONTENT,
        &POST_MARKINGS,
        &EDIT_NOTE,
        &REMOVE_MARKINGS,
        &MARKING,
    ],
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
    request: Some(Body::new(Schema::Model, Media::Web)),
    responses: &[
        Reply::new(
            200,
            "Taken and on the disk. IsSuccess is false when items could not be used; all others are stored.",
            Body::new(Schema::ModelResult, Media::WebAnswer),
        ),
        Reply::error(400, "The body is no model. ModelState names the place."),
        Reply::error(403, "This device may not write there, or the caller may not call."),
    ],
    auth: Auth::Shape,
};

/// `POST /api/synchronization/registerDevice`.
pub const REGISTER: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/synchronization/registerDevice",
    summary: "Gives an application its AccountApplicationId",
    description: "The same request is always given the same number, which nobody else has; a number that is sent is \
                  kept. Nothing else in the request is stored. The dates of the answer are blank: sent back as \
                  LastSyncTimestamp they mean that everything is wanted.",
    parameters: &[ACCOUNT],
    request: Some(Body::new(Schema::Model, Media::Web)),
    responses: &[
        Reply::new(200, "Registered, and on the disk.", Body::new(Schema::ModelResult, Media::WebAnswer)),
        Reply::error(400, "The body is no model. ModelState names the place."),
        Reply::error(409, "No free number was found."),
    ],
    auth: Auth::Shape,
};

/// `GET /api/synchronization/downloadInitialContent`.
pub const INITIAL_CONTENT: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/synchronization/downloadInitialContent",
    summary: "The account, its popup settings and its books",
    description: "Of the account that is named; else of the only one that is held; else the books of all, without \
                  Account and PopupSettings. No markings and no cursor: synchronize from the beginning after it.",
    parameters: &[
        Parameter::query("applicationType", Form::Text, "Repeated in the answer; a number or a name."),
        ACCOUNT,
    ],
    request: None,
    responses: &[
        Reply::new(200, "What there is.", Body::new(Schema::ModelResult, Media::WebAnswer)),
        Reply::error(400, "The accountId is no number."),
    ],
    auth: Auth::Shape,
};

/// `POST /api/markings/postMarkingsApp`.
pub const POST_MARKINGS: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/markings/postMarkingsApp",
    summary: "Writes markings as they are said to be now",
    description: "Acts at the present: what differs from what a marking says now is written, what is not named stays, \
                  what is not known is created. One without syncGuid is found by its id, else given a syncGuid that \
                  the same request is given again. A removed marking is revived only by SyncIsRemoved false.",
    parameters: &[ACCOUNT],
    request: Some(Body::new(Schema::Json("ListOfMarkings", markings), Media::Web)),
    responses: &[DONE, NO_MODEL],
    auth: Auth::Shape,
};

/// `POST /api/markings/editNote`.
pub const EDIT_NOTE: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/markings/editNote",
    summary: "Writes the note of a marking",
    description: "Nothing but note, and Timestamp with it, is written. StatusCode is 404 where there is no such marking.",
    parameters: &[ACCOUNT],
    request: Some(Body::new(Schema::Kind(Kind::Marking), Media::Web)),
    responses: &[ONE, NO_MODEL],
    auth: Auth::Shape,
};

/// `POST /api/markings/removeMarkings`.
pub const REMOVE_MARKINGS: Endpoint = Endpoint {
    verb: Verb::Post,
    path: "/api/markings/removeMarkings",
    summary: "Removes markings",
    description: "By syncGuid, else by id. One that is not known is kept whole, as removed.",
    parameters: &[ACCOUNT],
    request: Some(Body::new(Schema::Json("ListOfMarkings", markings), Media::Web)),
    responses: &[DONE, NO_MODEL],
    auth: Auth::Shape,
};

/// `GET /api/markings/getMarkingById`.
pub const MARKING: Endpoint = Endpoint {
    verb: Verb::Get,
    path: "/api/markings/getMarkingById",
    summary: "One marking, removed or not",
    description: "StatusCode is 404 where there is none.",
    parameters: &[
        Parameter { required: true, ..Parameter::query("syncGuid", Form::Guid, "Which marking.") },
        ACCOUNT,
    ],
    request: None,
    responses: &[ONE, Reply::error(400, "The syncGuid is none, or the accountId is no number.")],
    auth: Auth::Shape,
};

const ACCOUNT: Parameter = Parameter::query(
    "accountId",
    Form::INT,
    "The account of what names none; else it is the number in the user name of Basic credentials. An extension.",
);

const DONE: Reply = Reply::new(
    200,
    "The markings as they are now, on the disk. IsSuccess is false when some could not be used; all others are stored.",
    Body::new(Schema::Json("ApiResultOfMarkings", markings_result), Media::WebAnswer),
);

const ONE: Reply = Reply::new(
    200,
    "The marking as it is now. IsSuccess is false and Result is null where it is not known or could not be used.",
    Body::new(Schema::Json("ApiResultOfMarking", marking_result), Media::WebAnswer),
);

const NO_MODEL: Reply =
    Reply::error(400, "The body is no model, or the accountId no number. ModelState names the place.");

fn markings() -> Value {
    json!({ "type": "array", "items": Schema::Kind(Kind::Marking).reference() })
}

fn markings_result() -> Value {
    api_result(&markings())
}

fn marking_result() -> Value {
    api_result(&json!({ "oneOf": [Schema::Kind(Kind::Marking).reference(), { "type": "null" }] }))
}

/// The envelope of [`Schema::ModelResult`] around something else.
fn api_result(result: &Value) -> Value {
    let mut told = Schema::ModelResult.definition();
    told["properties"]["Result"] = result.clone();
    told["properties"]["StatusCode"] = json!({ "type": "integer", "enum": [200, 400, 404] });
    told
}
