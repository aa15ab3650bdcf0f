//! What an e-reader asks before it synchronizes for the first time: a number for itself, and what to show (contract 4,
//! REFERENCE C1).

#![allow(
    clippy::result_large_err,
    reason = "the error is an answer, built once at the end of a request's way"
)]

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Uri};
use quire_protocol::domain::{BLANK_DATE, Kind, Type};
use quire_protocol::shapes::MAX_MESSAGE;
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::model::{self, Answer, PARAMETER, SynchronizationModel};
use serde_json::{Value, json};

use super::failure::{shape_error, shape_refusal};
use super::router::Services;
use super::shapes::{Answered, Told, read, told};
use super::speaker::{account, parameter};
use super::web::wanted;
use quire_protocol::shapes::xml::plain;

/// `POST /api/synchronization/registerDevice`. A number that was sent is kept; nothing else that was sent is stored.
pub(super) async fn register(
    State(services): State<Services>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Answered {
    let account = account(&headers, &uri).map_err(|error| shape_error(&error))?;
    let model = read(&headers, body, PARAMETER, plain::read_model, model::read).await?;
    let application = match model.account_application_id {
        0 => {
            let device = identity(&headers, account, &model);
            services.engine.register(device).await.map_err(|error| shape_refusal(&error))?
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
pub(super) async fn initial_content(
    State(services): State<Services>,
    headers: HeaderMap,
    uri: Uri,
) -> Answered {
    let account = account(&headers, &uri).map_err(|error| shape_error(&error))?;
    let read = move || services.engine.initial_content(account);
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

/// What tells a device from others: for whom it speaks, what it is, and what it calls itself. Its dates do not: they
/// differ each time.
fn identity(headers: &HeaderMap, account: Option<i64>, model: &SynchronizationModel) -> String {
    let agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
    let mut person =
        model.items.iter().find(|item| item.kind == Kind::Account).map(|item| item.members.clone());
    for date in Kind::Account.members().iter().filter(|member| member.ty == Type::Date) {
        person.as_mut().and_then(|person| person.remove(date.name));
    }
    json!([account, agent, model.application_type, model.request_account, person]).to_string()
}
