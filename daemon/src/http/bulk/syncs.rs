//! Syncs, and what they say of themselves.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::address::Number;
use super::paging::{Extent, Listing, Window};
use super::refusal::Refusal;
use super::{answer, content};
use crate::bulk::Caller;
use crate::http::router::Services;

/// `GET /syncs`.
pub(super) async fn list(State(services): State<Services>, uri: Uri) -> Result<Response, Refusal> {
    Ok(Listing::of(&uri)?.page(services.bulk.syncs()))
}

/// `POST /syncs`.
pub(super) async fn create(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let sent = content::object(&headers, &body)?;
    Ok(answer::created(services.bulk.create_sync(&caller, sent).await?))
}

/// `GET /syncs/{id}`.
pub(super) async fn read(
    State(services): State<Services>,
    Number(sync): Number,
) -> Result<Response, Refusal> {
    Ok(answer::found(services.bulk.sync(sync)?))
}

/// `GET /syncs/{id}/logs`.
pub(super) async fn logs(
    State(services): State<Services>,
    Number(sync): Number,
    uri: Uri,
) -> Result<Response, Refusal> {
    let listing = Listing::of(&uri)?;
    Ok(listing.page(services.bulk.logs(sync)?))
}

/// `GET /syncs/{id}/rejects`.
pub(super) async fn rejects(
    State(services): State<Services>,
    Extension(caller): Extension<Caller>,
    Number(sync): Number,
    uri: Uri,
) -> Result<Response, Refusal> {
    let window = Window::of_items(&uri)?;
    let work = move || services.bulk.rejects(&caller, sync, window.offset, window.limit);
    let (items, total) = answer::off_thread(work).await?;
    Ok(Extent { window, total }.page(items))
}
