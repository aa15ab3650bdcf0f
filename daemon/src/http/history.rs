//! The history of one marking or node, and bringing back what it said.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use quire_protocol::id::ChangeId;
use serde_json::{Value, json};

use super::failure::off_thread;
use super::input::{Named, bad, missing, object, query};
use super::markings::listing;
use super::problem::Problem;
use super::router::Services;
use super::{conditions, markings, tenant_nodes};
use crate::engine::{HistoryPage, ItemView, VersionView};

/// `GET /v1/markings/{syncGuid}/history`.
pub(super) async fn of_marking(
    State(services): State<Services>,
    Named(guid): Named,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&uri, "account")?;
    let account = listing::number(&query(&uri, &["account", "limit", "after"])?, "account")?;
    let item = markings::find(&services, &guid, account)?;
    told(services, item, asked).await
}

/// `GET /v1/nodes/{nodeId}/history`.
pub(super) async fn of_node(
    State(services): State<Services>,
    Named(id): Named,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&uri, "tenant")?;
    let tenant = query(&uri, &["tenant", "limit", "after"])?.remove("tenant");
    let item = tenant_nodes::find(&services, id, tenant).await?;
    told(services, item, asked).await
}

/// `POST /v1/markings/{syncGuid}/restore`.
pub(super) async fn restore_marking(
    State(services): State<Services>,
    Named(guid): Named,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    let account = listing::number(&query(&uri, &["account"])?, "account")?;
    let item = markings::find(&services, &guid, account)?;
    Ok(markings::told(&restore(&services, &item, &headers, &body).await?))
}

/// `POST /v1/nodes/{nodeId}/restore`.
pub(super) async fn restore_node(
    State(services): State<Services>,
    Named(id): Named,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    let tenant = query(&uri, &["tenant"])?.remove("tenant");
    let item = tenant_nodes::find(&services, id, tenant).await?;
    Ok(tenant_nodes::told(restore(&services, &item, &headers, &body).await?))
}

struct Asked {
    limit: usize,
    after: Option<ChangeId>,
}

impl Asked {
    fn of(uri: &Uri, besides: &str) -> Result<Asked, Problem> {
        let asked = query(uri, &[besides, "limit", "after"])?;
        let limit = listing::limit(&asked)?;
        let after = asked.get("after").filter(|after| !after.is_empty());
        Ok(Asked { limit, after: after.map(|text| version(text)).transpose()? })
    }
}

fn version(text: &str) -> Result<ChangeId, Problem> {
    text.parse().map_err(|_| bad("a version is named by 64 hexadecimal digits, as the history does"))
}

async fn told(services: Services, item: ItemView, asked: Asked) -> Result<Json<Value>, Problem> {
    let Asked { limit, after } = asked;
    let found = off_thread(move || services.engine.history((&item.space, item.doc), after, limit)).await?;
    let HistoryPage { versions, more } = found.ok_or_else(unknown)?;
    let next = versions.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(json!({ "history": versions.into_iter().map(shown).collect::<Vec<_>>(), "next": next })))
}

fn shown(version: VersionView) -> Value {
    let claimed =
        i64::try_from(version.claimed_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    json!({
        "version": version.id.to_string(),
        "device": version.device.map(|device| device.to_string()),
        "claimedAt": claimed.map(|at| at.to_string()),
        "buildsOn": version.builds_on.iter().map(ChangeId::to_string).collect::<Vec<_>>(),
        "removed": version.removed,
        "changed": version.changed,
    })
}

async fn restore(
    services: &Services,
    item: &ItemView,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<ItemView, Problem> {
    let if_match = conditions::required(headers, &item.etag)?;
    let sent = object(headers, body, &["version"])?;
    let named = sent.get("version").and_then(Value::as_str);
    let named = version(named.ok_or_else(|| bad("`version` must name a version of the history"))?)?;
    let done = services.engine.restore(item.space.clone(), item.doc, named, if_match).await?;
    done.ok_or_else(unknown)
}

fn unknown() -> Problem {
    missing("the item has no such version")
}
