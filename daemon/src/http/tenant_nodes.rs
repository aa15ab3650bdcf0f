//! `/v1/nodes`: nodes with the documented members at the top level, and whether they are removed.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use quire_protocol::id::Space;
use quire_protocol::shapes::coerce::guid_text;
use quire_protocol::shapes::contract::{Members, NODE, json as contract_json};
use serde_json::{Value, json};

use super::failure::off_thread;
use super::input::{Named, any_object, bad, missing, query, refuse_unknown};
use super::markings::listing;
use super::problem::Problem;
use super::router::Services;
use super::{conditions, nodes, tenant};
use crate::engine::{Engine, ItemView, NodeFilter, NodeName, NodePut};

const PARAMETERS: [&str; 7] = ["tenant", "type", "parentType", "parentId", "removed", "limit", "after"];

/// What a patch may not say, because it is not the app's to say or does not change.
const FIXED: [&str; 4] = ["tenantId", "cyanId", "type", "id"];

/// `GET /v1/nodes`.
pub(super) async fn list(State(services): State<Services>, uri: Uri) -> Result<Json<Value>, Problem> {
    let mut asked = query(&uri, &PARAMETERS)?;
    let tenant = tenant_of(asked.remove("tenant"))?;
    let limit = listing::limit(&asked)?;
    let filter = NodeFilter {
        removed: listing::removed(&asked)?,
        ty: asked.remove("type"),
        parent_type: asked.remove("parentType"),
        parent_id: asked.remove("parentId"),
        after: asked.remove("after").filter(|after| !after.is_empty()),
        // One more tells whether there are more.
        limit: limit + 1,
        ..NodeFilter::of(Space::tenant(&uuid::Uuid::nil()))
    };
    off_thread(move || Ok(Json(page(found(&services.engine, tenant, &filter)?, limit)))).await
}

/// Nodes of a tenant, or of all in their order; a list goes on in the tenant in which it was.
fn found(
    engine: &Engine,
    tenant: Option<Space>,
    filter: &NodeFilter,
) -> Result<Vec<ItemView>, crate::engine::EngineError> {
    let mut out = Vec::new();
    for space in tenant.map_or_else(|| engine.tenants(), |tenant| vec![tenant]) {
        let limit = filter.limit - out.len();
        out.extend(engine.nodes(&NodeFilter { space, limit, ..filter.clone() })?);
        if out.len() >= filter.limit {
            break;
        }
    }
    Ok(out)
}

fn page(mut found: Vec<ItemView>, limit: usize) -> Value {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.position.clone());
    json!({ "nodes": found.into_iter().map(shown).collect::<Vec<_>>(), "next": next })
}

fn tenant_of(told: Option<String>) -> Result<Option<Space>, Problem> {
    let read = |guid: String| tenant::space_of(&guid).ok_or_else(|| bad("`tenant` must be a GUID"));
    told.map(read).transpose()
}

/// `GET /v1/nodes/{nodeId}`: by any id it was given; removed ones too.
pub(super) async fn read(
    State(services): State<Services>,
    Named(id): Named,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let node = find(&services, id, tenant_in(&uri)?).await?;
    if conditions::is_known(&headers, &node.etag) {
        return Ok((StatusCode::NOT_MODIFIED, tagged(&node)).into_response());
    }
    Ok(told(node))
}

/// `PATCH /v1/nodes/{nodeId}`: writes what is named, and nothing else.
pub(super) async fn patch(
    State(services): State<Services>,
    Named(id): Named,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    let mut sent = any_object(&headers, &body)?;
    let node = find(&services, id, tenant_in(&uri)?).await?;
    let if_match = conditions::required(&headers, &node.etag)?;
    let revives = revives(&mut sent)?;
    let members = changes(sent, &node.members)?;
    let put = NodePut { revives, ..nodes::put_of(node.space.clone(), members, false) };
    let done = services.engine.patch_node(name(&node), put, if_match).await?;
    done.map(told).ok_or_else(unknown)
}

/// `DELETE /v1/nodes/{nodeId}`: removes what is there now.
pub(super) async fn remove(
    State(services): State<Services>,
    Named(id): Named,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let node = find(&services, id, tenant_in(&uri)?).await?;
    let if_match = conditions::required(&headers, &node.etag)?;
    let done = services.engine.remove_node(node.space.clone(), name(&node), if_match).await?;
    done.map(told).ok_or_else(unknown)
}

fn tenant_in(uri: &Uri) -> Result<Option<String>, Problem> {
    Ok(query(uri, &["tenant"])?.remove("tenant"))
}

/// The node of any id that it was given, in the tenant that is told, or in any.
pub(super) async fn find(
    services: &Services,
    id: String,
    tenant: Option<String>,
) -> Result<ItemView, Problem> {
    let tenant = tenant_of(tenant)?;
    let node_id = Some(guid_text(&id).ok_or_else(unknown)?);
    let engine = services.engine.clone();
    let any = NodeFilter { node_id, removed: None, ..NodeFilter::of(Space::tenant(&uuid::Uuid::nil())) };
    let mut found = off_thread(move || found(&engine, tenant, &any)).await?;
    // Where one id was given to several, the one that the id is shown for.
    let shown =
        found.iter().position(|node| node.members["nodeId"].as_str().map(guid_text) == Some(guid_text(&id)));
    if found.is_empty() { Err(unknown()) } else { Ok(found.swap_remove(shown.unwrap_or(0))) }
}

fn name(node: &ItemView) -> NodeName {
    NodeName::Doc(node.doc)
}

/// `removed` says that a removed node is to be there again; nothing else that is written does.
fn revives(sent: &mut Members) -> Result<bool, Problem> {
    match sent.remove("removed") {
        None => Ok(false),
        Some(Value::Bool(false)) => Ok(true),
        Some(_) => Err(bad("`removed` can be set to false; DELETE removes").with("member", "removed")),
    }
}

fn changes(sent: Members, now: &Members) -> Result<Members, Problem> {
    let known: Vec<&str> = NODE.fields.iter().map(|field| field.name).collect();
    let unknown = sent.keys().map(String::as_str).filter(|name| NODE.field(name).is_none());
    refuse_unknown("member", unknown, &known)?;
    let mut members = contract_json::read(&NODE, Value::Object(sent)).map_err(|faults| {
        let why: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
        bad(why.join(" "))
    })?;
    for fixed in FIXED {
        if members.remove(fixed).is_some_and(|said| now.get(fixed) != Some(&said)) {
            return Err(bad(format!("`{fixed}` cannot be changed")).with("member", fixed));
        }
    }
    Ok(members)
}

fn unknown() -> Problem {
    missing("there is no node of this nodeId")
}

fn shown(mut node: ItemView) -> Value {
    node.members.insert("removed".to_owned(), node.removed.into());
    Value::Object(node.members)
}

pub(super) fn told(node: ItemView) -> Response {
    (StatusCode::OK, tagged(&node), Json(shown(node))).into_response()
}

fn tagged(node: &ItemView) -> HeaderMap {
    conditions::etag(&node.etag).map(|tag| (ETAG, tag)).into_iter().collect()
}
