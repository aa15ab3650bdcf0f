//! `POST /api/synchronization/synchronize` (contract 4): bytes to a model, the engine, an answer to bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::json;
use quire_protocol::shapes::model::{self, PARAMETER, SynchronizationModel};

use super::failure::{shape_error, shape_refusal};
use super::router::Services;

/// Bodies from this size on are read and written on a thread of their own: a socket's thread may be held up for about
/// a millisecond, which is what so many bytes take.
const LARGE: usize = 64 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The handler.
pub(super) async fn synchronize(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    done(services, &headers, body).await.unwrap_or_else(|refusal| refusal)
}

// The error is an answer and is built once, at the end of a request's way.
#[allow(clippy::result_large_err)]
async fn done(services: Services, headers: &HeaderMap, body: Bytes) -> Result<Response, Response> {
    let charset = match media(headers) {
        // An empty body is no model, of whatever type.
        _ if body.is_empty() => None,
        Ok(charset) => charset,
        Err(error) => return Err(shape_error(&error)),
    };
    let size = body.len();
    let model = sized(size, move || read(&body, charset.as_deref())).await?;
    let model = model.map_err(|error| shape_error(&error))?;
    let done = services.engine.synchronize(model, now_ms()).await.map_err(|error| shape_refusal(&error))?;
    let items = [&done.answer.markings, &done.answer.history, &done.answer.html_pages];
    let many = items.iter().map(|list| list.len()).sum::<usize>() > LARGE / 1024;
    let bytes = sized(if many { LARGE } else { size }, move || model::write(&done.answer)).await?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, JSON)], bytes).into_response())
}

/// Does the work here when it is little, else on a thread of its own.
#[allow(clippy::result_large_err)]
async fn sized<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    if bytes < LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        tracing::error!("a synchronization was not read or written to its end; if nothing is stopping, this is a bug in Quire");
        shape_error(&HttpError::internal())
    })
}

/// The charset of a content type that is read here.
fn media(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let Some(told) = headers.get(CONTENT_TYPE) else { return Err(HttpError::unsupported_media(None)) };
    let told = String::from_utf8_lossy(told.as_bytes());
    let mut parts = told.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !["application/json", "text/json"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(HttpError::unsupported_media(Some(kind)));
    }
    let charset = parts.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    Ok(charset)
}

fn read(body: &[u8], charset: Option<&str>) -> Result<SynchronizationModel, HttpError> {
    let value = json::decode(body, charset)
        .and_then(|text| json::parse_text(&text))
        .map_err(|error| HttpError::invalid_json(PARAMETER, &error))?;
    model::read(value).map_err(|error| HttpError::invalid_member(PARAMETER, &error.path, error.message))
}

/// The wall clock, which only names cursors and decides nothing.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(kind: &str) -> Result<Option<String>, HttpError> {
        media(&[(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn only_json_is_read_so_far() {
        for (kind, charset) in [
            ("application/json", None),
            ("Text/JSON ; Charset=\"UTF-16\"", Some("UTF-16")),
            ("application/json; odata=verbose; charset=utf-8", Some("utf-8")),
        ] {
            assert_eq!(of(kind).unwrap().as_deref(), charset, "{kind}");
        }
        let refused = of("application/octet-stream; x=y").unwrap_err();
        assert_eq!(refused.status, 415);
        assert_eq!(
            refused.message,
            "The request entity's media type 'application/octet-stream' is not supported for this resource."
        );
        let untold = media(&HeaderMap::new()).unwrap_err();
        assert!(untold.status == 415 && untold.message.starts_with("The request contains an entity body"));
    }

    #[test]
    fn bodies_become_models() {
        let text = r#"{"accountApplicationId":7,"Account":{"AccountId":3}}"#;
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (body, charset) in [(text.as_bytes(), None), (&utf16, Some("utf-16"))] {
            let model = read(body, charset).unwrap();
            assert_eq!((model.account_application_id, model.request_account), (7, Some(3)));
        }
    }

    #[test]
    fn what_is_no_model_is_told_by_its_place() {
        let key = |body: &[u8]| {
            let error = read(body, None).unwrap_err();
            assert_eq!((error.status, error.message.as_str()), (400, "The request is invalid."));
            error.model_state[0].0.clone()
        };
        assert_eq!(key(b""), "synchronizationModel");
        assert_eq!(key(b"[]"), "synchronizationModel");
        assert_eq!(key(b"{\"Markings\":5}"), "synchronizationModel.Markings");
        assert_eq!(key(b"{\"Markings\":[{\"id\":"), "synchronizationModel.Markings[0].id");
        assert_eq!(key(b"{\"a\":\"\xff\"}"), "synchronizationModel");
    }
}
