//! What is answered where all went well, but for lists and data.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::sentence::JSON;
use crate::bulk::BulkError;

/// Any JSON.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, JSON)], value.to_string()).into_response()
}

/// 200 with an object.
pub(super) fn found(members: Map<String, Value>) -> Response {
    json(StatusCode::OK, &Value::Object(members))
}

/// 201 with what was made.
pub(super) fn created(members: Map<String, Value>) -> Response {
    json(StatusCode::CREATED, &Value::Object(members))
}

/// 204.
pub(super) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Does what blocks on the disk, away from the threads that serve sockets.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BulkError> + Send + 'static,
) -> Result<T, Refusal> {
    let ended = tokio::task::spawn_blocking(work).await;
    let lost = |_| Err(BulkError::Failed("a task did not come to its end".to_owned()));
    Ok(ended.unwrap_or_else(lost)?)
}
