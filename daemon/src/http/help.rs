//! `GET /help` and the page of each endpoint, in the manner of a Web API (REFERENCE D10): made of the table, with samples
//! made of the schemas and of the documented classes.

mod example;
mod html;
mod indent;
mod index;
mod page;
mod pairs;
mod sample;
mod version;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::endpoints::all;
use super::input::{Named, missing};
use super::problem::Problem;
use html::Html;

/// `GET /help`.
pub(super) async fn index() -> Response {
    answer(index::index())
}

/// `GET /help/1`.
pub(super) async fn version() -> Response {
    answer(version::version())
}

/// `GET /help/api/{id}`, and the same below a version.
pub(super) async fn page(Named(id): Named) -> Result<Response, Problem> {
    let found = all().find(|endpoint| endpoint.friendly_id().eq_ignore_ascii_case(&id));
    let found = found.ok_or_else(|| missing("no endpoint is called so; /help lists them"))?;
    Ok(answer(page::page(found)))
}

/// A page may do nothing but be read.
fn answer(page: Html) -> Response {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    let headers = [(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, POLICY)];
    (StatusCode::OK, headers, page.finish()).into_response()
}
