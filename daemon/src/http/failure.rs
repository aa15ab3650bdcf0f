//! What the engine could not do, in the words of HTTP.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::error::HttpError;

use super::problem::Problem;
use crate::engine::EngineError;
use crate::store::StoreError;

/// What apps are told of causes on our side, as Web API says it.
const IN_NO_DETAIL: &str = "An error has occurred.";

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::new(status(&error), error.to_string())
    }
}

/// The status that says it. Whatever is not the caller's fault is logged, since the caller may be an app that shows
/// nothing.
fn status(error: &EngineError) -> StatusCode {
    match error {
        EngineError::Store(error) => {
            tracing::error!(%error, "a request could not be done");
            store_status(error)
        }
        EngineError::Stopping | EngineError::Behind => StatusCode::SERVICE_UNAVAILABLE,
        EngineError::Stale => StatusCode::PRECONDITION_FAILED,
        EngineError::Member(_) => StatusCode::BAD_REQUEST,
        EngineError::Taken(_) => StatusCode::CONFLICT,
        EngineError::Forbidden(_) => StatusCode::FORBIDDEN,
    }
}

/// What does not last is told from what does: a disk that is full or fails may be mended while the caller waits, a
/// damaged row is not.
fn store_status(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        StoreError::Database(_) | StoreError::ReadOnly(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error of the engine in the form of the documented shapes, where causes on our side are not told.
pub(super) fn shape_refusal(error: &EngineError) -> Response {
    let status = status(error);
    let told = match error {
        EngineError::Store(_) => HttpError::new(status.as_u16(), IN_NO_DETAIL),
        _ => HttpError::new(status.as_u16(), error.to_string()),
    };
    shape_error(&told)
}

/// A Web API error as an answer.
pub(super) fn shape_error(error: &HttpError) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(CONTENT_TYPE, JSON)], error.to_json()).into_response();
    // Beside its JSON, for who wants it in another form.
    response.extensions_mut().insert(error.clone());
    response
}

/// [`off_thread`] for the documented shapes.
pub(super) async fn shape_work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| shape_refusal(&error)),
        Err(_) => {
            drop(panicked());
            Err(shape_error(&HttpError::internal()))
        }
    }
}

/// Does work that waits for the disk or takes long, away from the threads that serve sockets.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(panicked()),
    }
}

/// What is said when a task of ours panicked or was ended with the runtime.
pub(super) fn panicked() -> Problem {
    tracing::error!(
        "a request's work did not come to its end; if nothing is stopping, this is a bug in Quire"
    );
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "An error has occurred.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn apps_are_not_told_about_our_disk() {
        let path = || "/secret/path is gone".to_owned();
        let cases = [
            (StoreError::Full(path()), 507),
            (StoreError::Database(path()), 503),
            (StoreError::ReadOnly(path()), 503),
            (StoreError::Damaged(path()), 500),
        ];
        for (lost, wanted) in cases {
            let answer = shape_refusal(&EngineError::Store(lost.clone()));
            assert_eq!(answer.status().as_u16(), wanted);
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
            let told = answer.extensions().get::<HttpError>().unwrap();
            assert!(!String::from_utf8(told.to_json()).unwrap().contains("secret"));
            assert_eq!(Problem::from(EngineError::Store(lost)).status.as_u16(), wanted);
        }
    }

    #[test]
    fn each_refusal_has_its_status() {
        let told = [
            (EngineError::Stopping, 503),
            (EngineError::Behind, 503),
            (EngineError::Stale, 412),
            (EngineError::Member("color".into()), 400),
            (EngineError::Taken("id".into()), 409),
            (EngineError::Forbidden("no".into()), 403),
        ];
        for (error, wanted) in told {
            assert_eq!(shape_refusal(&error).status().as_u16(), wanted);
            assert_eq!(Problem::from(error).status.as_u16(), wanted);
        }
    }
}
