//! `api/nodes`: nodes as field apps post and look for them.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use quire_protocol::id::Space;
use quire_protocol::shapes::contract::{Members, NODE};
use quire_protocol::shapes::error::HttpError;
use serde_json::Value;

use super::failure::{shape_refusal, shape_work};
use super::granted::Granted;
use super::query::Pairs;
use super::{tenant, web};
use crate::engine::{DateRange, NodeFilter, NodePut};

/// The action's parameter.
const PARAMETER: &str = "nodeRepresentation";

/// Nodes of one answer at most, unless the query asks for fewer: the documented query has no pages, and an answer must
/// not take all memory. Who wants more asks for a window.
const MAX_NODES: usize = 100_000;

/// A node to be put, as a body says it.
pub(super) fn put_of(space: Space, members: Members, textual: bool) -> NodePut {
    NodePut { space, members, textual, revives: true, now: tenant::now(), fresh: tenant::fresh() }
}

/// `POST /api/nodes`.
pub(super) async fn create(granted: Granted, headers: HeaderMap, body: Bytes) -> Result<Response, Response> {
    let told = web::read(&headers, &body, &NODE, PARAMETER).map_err(web::refused)?;
    let space = tenant::of_body(&headers, &told.members);
    let put = put_of(space, told.members, told.textual);
    let node = granted.put_node(put).await.map_err(|error| shape_refusal(&error))?;
    let id = node.members.get("nodeId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = web::one(web::wanted(&headers), StatusCode::CREATED, &NODE, &node.members);
    Ok(web::created(answer, &headers, &format!("/api/nodes?nodeNodeId={id}")))
}

/// `GET /api/nodes`: those that say what the query says, always a list.
pub(super) async fn find(granted: Granted, headers: HeaderMap, uri: Uri) -> Result<Response, Response> {
    let (tenant, filter) = asked(&headers, &uri).map_err(web::refused)?;
    let wanted = web::wanted(&headers);
    shape_work(move || {
        let tenants = tenant.map_or_else(|| granted.tenants(), |tenant| vec![tenant]);
        let mut found: Vec<Members> = Vec::new();
        // Skipped once, over all tenants together.
        let enough = filter.limit.saturating_add(filter.skip);
        for space in tenants {
            let limit = enough - found.len();
            let nodes = granted.nodes(&NodeFilter { space, limit, skip: 0, ..filter.clone() })?;
            found.extend(nodes.into_iter().map(|node| node.members));
        }
        found.drain(..filter.skip.min(found.len()));
        Ok(web::list(wanted, &NODE, &found))
    })
    .await
}

fn asked(headers: &HeaderMap, uri: &Uri) -> Result<(Option<Space>, NodeFilter), HttpError> {
    let mut query = Pairs::of(uri)?;
    let tenant = query.guid("tenantId")?.and_then(|guid| tenant::space_of(&guid));
    let any = Space::tenant(&uuid::Uuid::nil());
    let mut filter = NodeFilter {
        node_id: query.guid("nodeNodeId")?,
        ty: query.take("nodeType"),
        id: query.take("nodeId"),
        parent_type: query.take("nodeParentType"),
        parent_id: query.take("nodeParentId"),
        title: query.take("nodeTitle"),
        body: query.take("nodeBody"),
        created: range(&mut query, "nodeCreated")?,
        updated: range(&mut query, "nodeUpdated")?,
        skip: query.number("nodeSkip", 0, usize::MAX)?.unwrap_or(0),
        limit: query.number("nodeLimit", 1, MAX_NODES)?.unwrap_or(MAX_NODES),
        ..NodeFilter::of(any)
    };
    filter.props = query.rest();
    Ok((tenant.or_else(|| tenant::of_head(headers)), filter))
}

/// From the one on, up to the other, which is left out (REFERENCE B2).
fn range(query: &mut Pairs, name: &str) -> Result<DateRange, HttpError> {
    let after = query.date(&format!("{name}AfterUtc"))?;
    Ok(DateRange { after, before: query.date(&format!("{name}BeforeUtc"))? })
}
