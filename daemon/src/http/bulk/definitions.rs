//! Definitions of exports and imports.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use quire_protocol::shapes::bulk::object::Object;

use super::address::{Definition, Ways};
use super::paging::Listing;
use super::refusal::Refusal;
use super::{answer, content};
use crate::bulk::{Caller, Way};
use crate::http::router::Services;

type Answer = Result<Response, Refusal>;

/// `GET /api/bulk/2.0/exports`.
pub(super) async fn exports(State(services): State<Services>, uri: Uri) -> Answer {
    listed(services, uri, None, Way::Export).await
}

/// `GET /api/bulk/2.0/imports`.
pub(super) async fn imports(State(services): State<Services>, uri: Uri) -> Answer {
    listed(services, uri, None, Way::Import).await
}

/// `GET …/exports`, `GET …/imports` of an object.
pub(super) async fn list(State(services): State<Services>, Ways(of, way): Ways, uri: Uri) -> Answer {
    listed(services, uri, Some(of), way).await
}

async fn listed(services: Services, uri: Uri, of: Option<Object>, way: Way) -> Answer {
    let listing = Listing::of(&uri)?;
    let items = services.bulk.definitions(of, way).await?;
    Ok(listing.page(items))
}

/// `POST …/exports`, `POST …/imports`.
pub(super) async fn create(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Ways(of, way): Ways,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let sent = content::object(&headers, &body)?;
    Ok(answer::created(services.bulk.create_definition(&caller, of, way, sent).await?))
}

/// `GET …/exports/{id}`, `GET …/imports/{id}`.
pub(super) async fn read(State(services): State<Services>, Definition(named): Definition) -> Answer {
    Ok(answer::found(services.bulk.definition(named)?))
}

/// `PUT …/exports/{id}`, `PUT …/imports/{id}`.
pub(super) async fn change(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Definition(named): Definition,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let sent = content::object(&headers, &body)?;
    Ok(answer::found(services.bulk.change_definition(&caller, named, sent).await?))
}

/// `DELETE …/exports/{id}`, `DELETE …/imports/{id}`.
pub(super) async fn delete(State(services): State<Services>, Definition(named): Definition) -> Answer {
    services.bulk.delete_definition(named).await?;
    Ok(answer::done())
}
