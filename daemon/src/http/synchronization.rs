//! `POST /api/synchronization/synchronize` (contract 4): bytes to a model, the engine, an answer to bytes.

#![allow(
    clippy::result_large_err,
    reason = "the error is an answer, built once at the end of a request's way"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http::HeaderMap;
use quire_protocol::shapes::model::{self, PARAMETER};

use super::failure::shape_refusal;
use super::granted::Granted;
use super::shapes::{Answered, Told, read, told};
use super::web::wanted;
use quire_protocol::shapes::xml::plain;

/// The handler.
pub(super) async fn synchronize(granted: Granted, headers: HeaderMap, body: Bytes) -> Answered {
    let model = read(&headers, body, PARAMETER, plain::read_model, model::read).await?;
    let done = granted.synchronize(model, now_ms()).await.map_err(|error| shape_refusal(&error))?;
    told(Told::Model(Box::new(done.answer)), wanted(&headers)).await
}

/// The wall clock, which only names cursors and decides nothing.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
