//! The dashboard, and the way of a browser to it: a one-time link, which sets a cookie. The page is static; what it shows
//! it asks for like any other client of `/v1`, and puts it on the page as text.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::input::{Named, missing};
use super::problem::Problem;
use super::router::Services;
use super::sessions::LINK_TIME;

const PAGE: &str = include_str!("dashboard/page.html");
const SCRIPT: &str = include_str!("dashboard/script.js");
const STYLE: &str = include_str!("dashboard/style.css");

/// Nothing but what this daemon serves itself is loaded or called, and no page may put this one into a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// `GET /`.
pub(super) async fn page() -> Response {
    told("text/html; charset=utf-8", PAGE)
}

/// `GET /dashboard.js`.
pub(super) async fn script() -> Response {
    told("text/javascript; charset=utf-8", SCRIPT)
}

/// `GET /dashboard.css`.
pub(super) async fn style() -> Response {
    told("text/css; charset=utf-8", STYLE)
}

fn told(kind: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text).into_response()
}

/// `POST /v1/links`: a link that a browser may follow once.
pub(super) async fn link(State(services): State<Services>) -> (StatusCode, Json<Value>) {
    let url = format!("{}/open/{}", services.about.api, services.sessions.link());
    (StatusCode::CREATED, Json(json!({ "url": url, "expiresInSeconds": LINK_TIME.as_secs() })))
}

/// `GET /open/{code}`.
pub(super) async fn follow(
    State(services): State<Services>,
    Named(code): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let cookie = services.sessions.follow(&code, host);
    let cookie = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok());
    let cookie = cookie
        .ok_or_else(|| missing("this link was followed before, or is too old; `quire open` makes another"))?;
    let headers = [(SET_COOKIE, cookie), (LOCATION, HeaderValue::from_static("/"))];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_no_script_or_style_within_and_writes_no_markup() {
        for inline in ["<script>", "<style", "style=", "onclick", "onload", "javascript:", "http:", "https:"]
        {
            assert!(!PAGE.contains(inline), "{inline}");
        }
        for sink in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function("] {
            assert!(!SCRIPT.contains(sink), "{sink}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
