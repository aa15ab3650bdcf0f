//! `/v1/markings`: markings with the documented members at the top level.

pub(super) mod listing;
mod members;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use quire_protocol::domain::Kind;
use quire_protocol::shapes::coerce::guid_text;
use quire_protocol::shapes::model::write_item;
use serde_json::Value;

use super::conditions;
use super::failure::off_thread;
use super::input::{Named, any_object, missing, query};
use super::problem::Problem;
use super::router::Services;
use crate::engine::ItemView;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// About what a marking takes as JSON, to reserve memory once.
const ITEM_BYTES: usize = 1_300;

/// `GET /v1/markings`.
pub(super) async fn list(State(services): State<Services>, uri: Uri) -> Result<Response, Problem> {
    let wanted = listing::filter(&uri)?;
    let limit = wanted.limit;
    // One more tells whether there are more.
    let filter = crate::engine::MarkingFilter { limit: limit + 1, ..wanted };
    let bytes = off_thread(move || Ok(page(services.engine.markings(&filter)?, limit))).await?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, JSON)], bytes).into_response())
}

fn page(mut found: Vec<ItemView>, limit: usize) -> Vec<u8> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map_or(Value::Null, |last| last.position.as_str().into());
    let mut out = Vec::with_capacity((found.len() + 1) * ITEM_BYTES);
    out.extend_from_slice(b"{\"markings\":[");
    for (index, item) in found.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_item(&mut out, Kind::Marking, &item.members);
    }
    out.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    out
}

/// `GET /v1/markings/{syncGuid}`; `account` tells which, where two accounts have a marking of one guid.
pub(super) async fn read(
    State(services): State<Services>,
    Named(guid): Named,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let account = listing::number(&query(&uri, &["account"])?, "account")?;
    let found = find(&services, &guid, account)?;
    if conditions::is_known(&headers, &found.etag) {
        return Ok((StatusCode::NOT_MODIFIED, tagged(&found)).into_response());
    }
    Ok(told(&found))
}

/// `PATCH /v1/markings/{syncGuid}`: writes the members that are named, and nothing else.
pub(super) async fn patch(
    State(services): State<Services>,
    Named(guid): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let sent = any_object(&headers, &body)?;
    // Most name nothing that has to be compared: the writer reads the marking anyway.
    let now = if members::name_identity(&sent) || conditions::has_required(&headers) {
        Some(find(&services, &guid, None)?)
    } else {
        None
    };
    let if_match = now.as_ref().map(|now| conditions::required(&headers, &now.etag)).transpose()?.flatten();
    let changed = match members::changes(sent, now.as_ref().map(|now| &now.members)) {
        Ok(changed) => changed,
        // Of what is not there nothing else is said.
        Err(problem) => return find(&services, &guid, None).and(Err(problem)),
    };
    let done = services.engine.patch(&canonical(&guid)?, changed, if_match).await?;
    done.as_ref().map(told).ok_or_else(unknown)
}

/// `DELETE /v1/markings/{syncGuid}`: removes what is there now. A removed marking stays removed.
pub(super) async fn remove(
    State(services): State<Services>,
    Named(guid): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let if_match = if conditions::has_required(&headers) {
        conditions::required(&headers, &find(&services, &guid, None)?.etag)?
    } else {
        None
    };
    let done = services.engine.remove(&canonical(&guid)?, if_match).await?;
    done.as_ref().map(told).ok_or_else(unknown)
}

/// One item is read where the request is, not on another thread: it is one row and at most one block.
pub(super) fn find(services: &Services, guid: &str, account: Option<i64>) -> Result<ItemView, Problem> {
    services.engine.marking(&canonical(guid)?, account)?.ok_or_else(unknown)
}

/// A guid in any documented form, as markings are known by it.
fn canonical(guid: &str) -> Result<String, Problem> {
    guid_text(guid).ok_or_else(unknown)
}

fn unknown() -> Problem {
    missing("there is no marking of this syncGuid")
}

pub(super) fn told(item: &ItemView) -> Response {
    let mut bytes = Vec::with_capacity(ITEM_BYTES);
    write_item(&mut bytes, Kind::Marking, &item.members);
    (StatusCode::OK, tagged(item), [(CONTENT_TYPE, JSON)], bytes).into_response()
}

fn tagged(item: &ItemView) -> HeaderMap {
    conditions::etag(&item.etag).map(|tag| (ETAG, tag)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::id::{DocId, Space};
    use serde_json::json;

    fn item(guid: &str) -> ItemView {
        let members = json!({ "syncGuid": guid, "color": "red" });
        ItemView {
            space: Space::account(3),
            doc: DocId([0; 16]),
            members: members.as_object().unwrap().clone(),
            etag: "e".into(),
            position: format!("after {guid}"),
            removed: false,
        }
    }

    #[test]
    fn a_page_says_where_the_next_begins() {
        let found = ["a", "b", "c"].map(item).to_vec();
        let of = |limit| -> Value { serde_json::from_slice(&page(found.clone(), limit)).unwrap() };
        let first = of(2);
        assert_eq!((&first["markings"][1]["syncGuid"], &first["next"]), (&json!("b"), &json!("after b")));
        assert_eq!(first["markings"].as_array().unwrap().len(), 2);
        let last = of(3);
        assert_eq!((last["markings"].as_array().unwrap().len(), &last["next"]), (3, &Value::Null));
        assert_eq!(page(vec![], 9), b"{\"markings\":[],\"next\":null}");
    }

    #[test]
    fn an_item_has_every_documented_member_and_its_tag() {
        let answer = told(&item("a"));
        assert_eq!(answer.headers()[ETAG], "\"e\"");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        let mut bytes = Vec::new();
        write_item(&mut bytes, Kind::Marking, &item("a").members);
        let told: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(told.as_object().unwrap().len(), Kind::Marking.members().len());
    }

    #[test]
    fn guids_are_known_in_any_form() {
        let guid = "538b23c8-1b20-4a8b-9d2a-0123456789ab";
        for form in [guid, &guid.to_uppercase(), &guid.replace('-', ""), &format!("{{{guid}}}")] {
            assert_eq!(canonical(form).unwrap(), guid);
        }
        assert_eq!(canonical("nonsense").unwrap_err().status, StatusCode::NOT_FOUND);
    }
}
