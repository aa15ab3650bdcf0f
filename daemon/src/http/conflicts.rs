//! `/v1/conflicts`: values that were written apart, and their settling.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use quire_protocol::id::Space;
use serde_json::{Value, json};

use super::conditions;
use super::failure::off_thread;
use super::input::{Named, bad, missing, object, query};
use super::problem::Problem;
use super::router::Services;
use super::status::kind_name;
use crate::engine::ConflictView;

/// `GET /v1/conflicts`.
pub(super) async fn list(State(services): State<Services>, uri: Uri) -> Result<Json<Value>, Problem> {
    let space = space(&uri)?;
    let found = off_thread(move || services.engine.conflicts(space.as_ref())).await?;
    Ok(Json(json!({ "conflicts": found.iter().map(told).collect::<Vec<_>>() })))
}

fn space(uri: &Uri) -> Result<Option<Space>, Problem> {
    let Some(name) = query(uri, &["space"])?.remove("space") else { return Ok(None) };
    let space = Space::parse(&name);
    space.map(Some).ok_or_else(|| bad("`space` must name a space, such as `account:3` or `tenant:GUID`"))
}

fn told(conflict: &ConflictView) -> Value {
    let others = conflict
        .others
        .iter()
        .map(|(value, device)| json!({ "value": value, "device": device.map(|device| device.to_string()) }));
    json!({
        "id": conflict.id,
        "space": conflict.space.as_str(),
        "kind": kind_name(conflict.kind),
        "item": conflict.item,
        "member": conflict.member,
        "value": conflict.value,
        "others": others.collect::<Vec<_>>(),
    })
}

/// `POST /v1/conflicts/{id}/resolve`: the value becomes the only one; the answer is the item.
pub(super) async fn resolve(
    State(services): State<Services>,
    Named(id): Named,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let value = object(&headers, &body, &["value"])?.remove("value");
    let value = value.ok_or_else(|| bad("`value` is missing; null is a value too"))?;
    let item = services.engine.resolve(&id, value).await?;
    let item = item.ok_or_else(|| missing("there is no such conflict any more"))?;
    let tag: HeaderMap = conditions::etag(&item.etag).map(|tag| (ETAG, tag)).into_iter().collect();
    Ok((StatusCode::OK, tag, Json(Value::Object(item.members))).into_response())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::domain::Kind;
    use quire_protocol::id::DeviceId;

    #[test]
    fn a_conflict_tells_who_wrote_what() {
        let device = DeviceId([2; 20]);
        let conflict = ConflictView {
            id: "c".into(),
            space: Space::account(3),
            kind: Kind::Marking,
            item: "g".into(),
            member: "color".into(),
            value: json!("red"),
            others: vec![(json!("blue"), Some(device)), (json!(null), None)],
        };
        let wanted = json!({
            "id": "c", "space": "account:3", "kind": "marking", "item": "g", "member": "color", "value": "red",
            "others": [{ "value": "blue", "device": device.to_string() }, { "value": null, "device": null }],
        });
        assert_eq!(told(&conflict), wanted);
    }

    #[test]
    fn conflicts_are_of_one_space_or_of_all() {
        let of = |text: &str| space(&text.parse().unwrap()).map_err(|problem| problem.status.as_u16());
        assert_eq!(of("/v1/conflicts"), Ok(None));
        assert_eq!(of("/v1/conflicts?space=account%3A3"), Ok(Some(Space::account(3))));
        assert_eq!(of("/v1/conflicts?space=all"), Err(400));
    }
}
