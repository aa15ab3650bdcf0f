//! Rows coming in.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value};

use super::address::Definition;
use super::refusal::Refusal;
use super::{answer, content};
use crate::bulk::Caller;
use crate::http::router::Services;

/// `POST …/imports/{id}/data`.
pub(super) async fn stage(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Definition(named): Definition,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let upload = content::upload(&headers, body)?;
    Ok(staged(services.bulk.stage(&caller, named, upload).await?))
}

/// 201 with the sync that began by it, else 204.
fn staged(sync: Option<Map<String, Value>>) -> Response {
    sync.map_or_else(answer::done, answer::created)
}

/// `DELETE …/imports/{id}/data`.
pub(super) async fn clear(
    State(services): State<Services>,
    Definition(named): Definition,
) -> Result<Response, Refusal> {
    services.bulk.clear(named).await?;
    Ok(answer::done())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::bulk::testing::text;

    #[tokio::test]
    async fn what_began_a_sync_is_answered_with_it() {
        let began = staged(Some(Map::from_iter([("uri".to_owned(), "/syncs/1".into())])));
        assert_eq!((began.status().as_u16(), text(began).await), (201, r#"{"uri":"/syncs/1"}"#.to_owned()));
        let kept = staged(None);
        assert_eq!((kept.status().as_u16(), text(kept).await), (204, String::new()));
    }
}
