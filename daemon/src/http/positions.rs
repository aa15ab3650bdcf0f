//! `/api/markings/…`: what e-readers do to single markings, at the daemon's present clock (contract 4, REFERENCE C1).

#![allow(
    clippy::result_large_err,
    reason = "the error is an answer, built once at the end of a request's way"
)]

use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use quire_protocol::domain::Kind;
use quire_protocol::shapes::coerce::guid_text;
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::model::{self, Item, ItemError, POSITION, POSITIONS, PositionResult, Positions};

use quire_protocol::shapes::xml::{XmlError, plain};
use serde_json::Value;

use super::failure::{shape_error, shape_refusal};
use super::granted::Granted;
use super::shapes::{Answered, Told, read, told};
use super::speaker::{account, parameter};
use super::web::wanted;
use crate::engine::{MarkingsAction, MarkingsDone, MarkingsPut};

/// The query parameter's name.
const SYNC_GUID: &str = "syncGuid";

fn position_xml(text: &str) -> Result<Value, XmlError> {
    plain::read_items(Kind::Marking, text)
}

/// `POST /api/markings/postMarkingsApp`.
pub(super) async fn post(granted: Granted, headers: HeaderMap, uri: Uri, body: Bytes) -> Answered {
    list(granted, MarkingsAction::Post, (headers, uri, body)).await
}

/// `POST /api/markings/removeMarkings`.
pub(super) async fn remove(granted: Granted, headers: HeaderMap, uri: Uri, body: Bytes) -> Answered {
    list(granted, MarkingsAction::Remove, (headers, uri, body)).await
}

/// `POST /api/markings/editNote`.
pub(super) async fn edit_note(granted: Granted, headers: HeaderMap, uri: Uri, body: Bytes) -> Answered {
    let one = |value| model::read_one(Kind::Marking, POSITION, value);
    let sent = read(&headers, body, POSITION, position_xml, one).await?;
    let mut done = put(granted, MarkingsAction::EditNote, &headers, &uri, sent).await?;
    told(
        Told::Positions(match done.markings.pop() {
            Some(marking) => one_result(marking),
            None if done.errors.is_empty() => missing(),
            None => PositionResult { errors: done.errors, status: 400, result: Positions::None },
        }),
        wanted(&headers),
    )
    .await
}

/// `GET /api/markings/getMarkingById`. Where two accounts have one of that GUID, the account that the request speaks for
/// has the first say.
pub(super) async fn get(granted: Granted, headers: HeaderMap, uri: Uri) -> Answered {
    let account = account(&headers, &uri).map_err(|error| shape_error(&error))?;
    let guid = parameter(&uri, SYNC_GUID).as_deref().and_then(guid_text).ok_or_else(|| {
        let why = "A syncGuid is needed, in any of the forms of System.Guid.";
        shape_error(&HttpError::invalid_member(SYNC_GUID, "", why))
    })?;
    // One item is read where the request is, not on another thread: it is one row and at most one block.
    let find = |account| granted.marking(&guid, account).map_err(|error| shape_refusal(&error));
    let found = match account {
        Some(account) => find(Some(account))?,
        None => None,
    };
    let found = if found.is_some() { found } else { find(None)? };
    told(Told::Positions(found.map_or_else(missing, |item| one_result(item.members))), wanted(&headers)).await
}

async fn list(
    granted: Granted,
    action: MarkingsAction,
    (headers, uri, body): (HeaderMap, Uri, Bytes),
) -> Answered {
    let sent =
        read(&headers, body, POSITIONS, position_xml, |value| model::read_list(Kind::Marking, value)).await?;
    let done = put(granted, action, &headers, &uri, sent).await?;
    let status = if done.errors.is_empty() { 200 } else { 400 };
    let result = Positions::Many(done.markings);
    told(Told::Positions(PositionResult { errors: done.errors, status, result }), wanted(&headers)).await
}

/// Does it with the usable items, and says what is wrong with all others.
async fn put(
    granted: Granted,
    action: MarkingsAction,
    headers: &HeaderMap,
    uri: &Uri,
    (items, unusable): (Vec<Item>, Vec<ItemError>),
) -> Result<MarkingsDone, axum::response::Response> {
    let account = account(headers, uri).map_err(|error| shape_error(&error))?;
    let mut done = MarkingsDone::default();
    if !items.is_empty() {
        let put = MarkingsPut { action, items, account };
        done = granted.put_markings(put).await.map_err(|error| shape_refusal(&error))?;
    }
    done.errors.splice(0..0, unusable.iter().map(ToString::to_string));
    Ok(done)
}

fn one_result(marking: serde_json::Map<String, Value>) -> PositionResult {
    PositionResult { errors: Vec::new(), status: 200, result: Positions::One(marking) }
}

fn missing() -> PositionResult {
    let errors = vec!["There is no marking of this syncGuid.".to_owned()];
    PositionResult { errors, status: 404, result: Positions::None }
}
