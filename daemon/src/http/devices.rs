//! What an e-reader asks before it synchronizes for the first time: a number for itself, and what to show (contract 4,
//! REFERENCE C1).

#![allow(
    clippy::result_large_err,
    reason = "the error is an answer, built once at the end of a request's way"
)]

use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use quire_protocol::domain::BLANK_DATE;
use quire_protocol::shapes::MAX_MESSAGE;
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::model::{self, Answer, PARAMETER};
use serde_json::{Value, json};

use super::failure::{shape_error, shape_refusal};
use super::granted::Granted;
use super::shapes::{Answered, Told, read, told};
use super::speaker::{account, parameter};
use super::tenant;
use super::web::wanted;
use quire_protocol::shapes::xml::plain;

/// `POST /api/synchronization/registerDevice`. A number that was sent is kept; nothing else that was sent is stored.
pub(super) async fn register(granted: Granted, headers: HeaderMap, uri: Uri, body: Bytes) -> Answered {
    account(&headers, &uri).map_err(|error| shape_error(&error))?;
    let model = read(&headers, body, PARAMETER, plain::read_model, model::read).await?;
    let application = match model.account_application_id {
        0 => {
            // A number of its own each time: cursors belong to it, and two tablets tell nothing that differs.
            granted.register(tenant::fresh()).await.map_err(|error| shape_refusal(&error))?
        }
        own => own,
    };
    let answer = Answer {
        errors: model.item_errors.iter().map(ToString::to_string).collect(),
        account_application_id: application,
        application_type: model.application_type,
        last_sync: model.last_sync,
        cursor: BLANK_DATE.to_owned(),
        ..Answer::default()
    };
    told(Told::Model(Box::new(answer)), wanted(&headers)).await
}

/// `GET /api/synchronization/downloadInitialContent`. Its dates are blank: whoever sends one back as
/// `LastSyncTimestamp` has nothing, and is told everything.
pub(super) async fn initial_content(granted: Granted, headers: HeaderMap, uri: Uri) -> Answered {
    let account = account(&headers, &uri).map_err(|error| shape_error(&error))?;
    let read = move || granted.initial_content(account);
    let content = tokio::task::spawn_blocking(read).await.map_err(|_| {
        tracing::error!(
            "the initial content was not read to its end; if nothing is stopping, this is a bug in Quire"
        );
        shape_error(&HttpError::internal())
    })?;
    let answer = Answer {
        application_type: application_type(&uri),
        last_sync: Some(BLANK_DATE.to_owned()),
        cursor: BLANK_DATE.to_owned(),
        ..content.map_err(|error| shape_refusal(&error))?
    };
    told(Told::Model(Box::new(answer)), wanted(&headers)).await
}

/// An enum on the original server: a number, or text that names one; 0 when it is not told.
fn application_type(uri: &Uri) -> Value {
    let text = parameter(uri, "applicationType").filter(|text| !text.is_empty() && text.len() <= MAX_MESSAGE);
    text.map_or_else(|| json!(0), |text| text.parse::<i64>().map_or_else(|_| json!(text), Value::from))
}
