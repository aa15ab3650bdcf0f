//! The reference: plain axum in this process, which says what the daemon said, from memory.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use crate::failure::Outcome;
use crate::http::Client;
use crate::server::{Kept, Server};
use crate::statistics::{percentile, sorted};
use crate::subject::timed;

/// What [`said`] is made of.
pub const SAID: &str = "axum, from memory";
/// What [`parsed`] is made of.
pub const PARSED: &str = "axum + serde_json";
/// What [`kept`] is made of.
pub const KEPT: &str = "axum + serde_json + append + fdatasync";
/// What a token and a page are made of.
pub const TOKEN_AND_PAGE: &str = "the token so kept, the page from memory";

/// How often a token and a page are asked for.
const CALLS: usize = 100;
/// What is posted for a token, about as long as what the daemon gets.
const TOKEN_REQUEST: &[u8] =
    br#"{"tenantId":"6f1d9d3e-54a0-4c0e-9f0b-2f6f0f9a7c11","requestedAnchorHex":null}"#;

/// A running reference.
pub struct Plain(Server);

/// Where an answer is told (`GET`).
pub fn said(name: &str) -> String {
    format!("/said/{name}")
}

/// Where it is told to who posts JSON.
pub fn parsed(name: &str) -> String {
    format!("/parsed/{name}")
}

/// Where it is told to who posts JSON, once that is appended to a file and synced.
pub fn kept(name: &str) -> String {
    format!("/kept/{name}")
}

impl Plain {
    /// Serves the named answers, and keeps what is posted in `file`.
    pub fn start(file: &Path, answers: &[(&str, Vec<u8>)]) -> Outcome<Self> {
        let kept = Kept::create(file)?;
        let routes = answers.iter().fold(Router::new(), |routes, (name, answer)| {
            with(routes, name, Bytes::copy_from_slice(answer), kept.clone())
        });
        Server::start(routes).map(Self)
    }

    /// A new connection.
    pub fn client(&self) -> Outcome<Client> {
        Client::connect(&self.0.address, None)
    }

    /// Half of the time, one that has the answers `token` and `page` takes no longer for both; in microseconds.
    pub fn token_and_page(&self) -> Outcome<f64> {
        let (mut client, token, page) = (self.client()?, kept("token"), said("page"));
        let mut call = || {
            client.demand("POST", &token, TOKEN_REQUEST)?;
            client.demand("GET", &page, b"")
        };
        call()?;
        let times = (0..CALLS).map(|_| timed(&mut call).map(|(time, _)| time.as_secs_f64() * 1e6));
        Ok(percentile(&sorted(times.collect::<Outcome<_>>()?), 50))
    }
}

fn with(routes: Router, name: &str, answer: Bytes, file: Kept) -> Router {
    let (to_say, to_parse, to_keep) = (answer.clone(), answer.clone(), answer);
    let parse = async move |body: Bytes| {
        if is_json(&body) {
            json(StatusCode::CREATED, to_parse)
        } else {
            StatusCode::BAD_REQUEST.into_response()
        }
    };
    let keep = async move |body: Bytes| {
        if !is_json(&body) {
            return StatusCode::BAD_REQUEST.into_response();
        }
        match file.append(&body) {
            Ok(()) => json(StatusCode::CREATED, to_keep),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    routes
        .route(&said(name), get(async move || json(StatusCode::OK, to_say)))
        .route(&parsed(name), post(parse))
        .route(&kept(name), post(keep))
}

fn json(status: StatusCode, answer: Bytes) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], answer).into_response()
}

/// A message's body is JSON in a text, which whoever uses it has to read as well.
fn is_json(body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
    value.get("body").and_then(Value::as_str).is_none_or(|inner| serde_json::from_str::<Value>(inner).is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn both_layers_of_a_message_are_read() {
        assert!(is_json(br#"{"title":"a"}"#));
        assert!(is_json(br#"{"body":"{\"nodes\":[]}"}"#));
        assert!(!is_json(br#"{"body":"{"}"#));
        assert!(!is_json(b"{"));
    }
}
