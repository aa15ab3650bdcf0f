//! What there is to export and import: objects and their fields; and what clients ask for that is never here.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Map, Value};

use super::address::{Number, Of};
use super::paging::Listing;
use super::refusal::Refusal;
use super::{answer, content};
use crate::http::router::Services;

/// `GET …/fields`.
pub(super) async fn fields(
    State(services): State<Services>,
    Of(object): Of,
    uri: Uri,
) -> Result<Response, Refusal> {
    let listing = Listing::of(&uri)?;
    Ok(listing.page(services.bulk.fields(object).await?))
}

/// `GET …/fields/{id}`.
pub(super) async fn field(
    State(services): State<Services>,
    Of(object): Of,
    Number(id): Number,
) -> Result<Response, Refusal> {
    let fields = services.bulk.fields(object).await?;
    numbered(fields, id)
}

/// `GET /customObjects`.
pub(super) async fn custom_objects(State(services): State<Services>, uri: Uri) -> Result<Response, Refusal> {
    let listing = Listing::of(&uri)?;
    Ok(listing.page(services.bulk.custom_objects().await?))
}

/// `GET /customObjects/{parentId}`.
pub(super) async fn custom_object(
    State(services): State<Services>,
    Number(id): Number,
) -> Result<Response, Refusal> {
    let objects = services.bulk.custom_objects().await?;
    numbered(objects, id)
}

/// `GET /events`, `GET /syncActions`, `GET /contacts/scoring/models`: lists of what is never here.
pub(super) async fn nothing(uri: Uri) -> Result<Response, Refusal> {
    Ok(Listing::of(&uri)?.page(Vec::new()))
}

/// `GET …/lists`, `…/segments`, `…/filters`, `…/syncActions`: the same of an object.
pub(super) async fn nothing_of(Of(_): Of, uri: Uri) -> Result<Response, Refusal> {
    nothing(uri).await
}

/// `POST …/syncActions`: an action changes a list, and there are none.
pub(super) async fn act(Of(_): Of, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let mut sent = content::object(&headers, &body)?;
    let destination = sent.remove("destination").unwrap_or_default();
    Err(Refusal::member("destination", destination, "Must reference an existing object"))
}

/// The one whose `uri` ends with the number.
fn numbered(items: Vec<Map<String, Value>>, id: u64) -> Result<Response, Refusal> {
    let id = id.to_string();
    let ends = |item: &Map<String, Value>| {
        item.get("uri").and_then(Value::as_str).is_some_and(|uri| uri.rsplit('/').next() == Some(&id))
    };
    items.into_iter().find(ends).map(answer::found).ok_or_else(Refusal::not_found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::{json_of, text};
    use axum::http::header::CONTENT_TYPE;
    use axum::response::IntoResponse;
    use quire_protocol::shapes::bulk::object::Object;
    use serde_json::json;

    #[tokio::test]
    async fn fields_are_found_by_the_number_in_their_uri() {
        let fields = || {
            let field = |id: u64| json!({ "name": "f", "uri": format!("/contacts/fields/{id}") });
            [1, 12, 2].map(|id| field(id).as_object().unwrap().clone()).to_vec()
        };
        assert_eq!(json_of(numbered(fields(), 2).unwrap()).await["uri"], "/contacts/fields/2");
        assert_eq!(numbered(fields(), 3).unwrap_err().into_response().status(), 404);
    }

    #[tokio::test]
    async fn there_are_no_lists_and_nothing_can_be_done_to_one() {
        let told = nothing_of(Of(Object::Contacts), "/x?limit=5".parse().unwrap()).await.unwrap();
        let wanted = r#"{"items":[],"totalResults":0,"limit":5,"offset":0,"count":0,"hasMore":false}"#;
        assert_eq!(text(told).await, wanted);
        let headers: HeaderMap = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        let sent = Bytes::from_static(br#"{"name":"n","destination":"{{ContactList[5]}}","action":"add"}"#);
        let refused = act(Of(Object::Contacts), headers, sent).await.unwrap_err().into_response();
        assert_eq!(refused.status(), 400);
        let failure = json!({ "field": "destination", "value": "{{ContactList[5]}}", "constraint": "Must reference an existing object" });
        assert_eq!(json_of(refused).await, json!({ "failures": [failure] }));
    }
}
