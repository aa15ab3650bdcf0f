//! `GET /id`: where the Bulk shapes are, and for whom (REFERENCE A1). It makes this daemon a login server for clients that
//! look for their base address.

use axum::extract::State;
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::{access, answer, sentence};
use crate::bulk::Caller;
use crate::http::router::Services;
use crate::http::web;

/// The path.
pub(in crate::http) const PATH: &str = "/id";

/// What a site is called when nobody names one.
const SITE: &str = "Quire";

/// `GET /id`.
pub(super) async fn identity(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    let caller = access::caller(&services.bulk, &headers).await;
    told(caller, &base(&uri, &headers))
}

/// Whose credentials do not hold is told so with 200: clients compare the text.
fn told(caller: Option<Caller>, base: &str) -> Response {
    match caller {
        Some(caller) => answer::json(StatusCode::OK, &discovery(&caller, base)),
        None => sentence::said(StatusCode::OK, sentence::NOT_AUTHENTICATED),
    }
}

/// As the caller reached us.
fn base(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    format!("{}://{authority}", web::scheme())
}

/// `{version}` is for the client to fill in.
fn discovery(caller: &Caller, base: &str) -> Value {
    let site = if caller.site.is_empty() { SITE } else { &caller.site };
    json!({
        "site": { "id": number(site), "name": site },
        "user": {
            "id": number(&format!("{site}\\{}", caller.user)),
            "username": caller.user,
            "displayName": caller.user,
            "firstName": caller.user,
            "lastName": "",
            "emailAddress": "",
        },
        "urls": {
            "base": base,
            "apis": {
                "soap": {},
                "rest": {
                    "standard": format!("{base}/API/REST/{{version}}/"),
                    "data": format!("{base}/API/REST/{{version}}/data/"),
                    "bulk": format!("{base}/API/Bulk/{{version}}/"),
                },
            },
        },
    })
}

/// A small number that a name always has: three bytes of its hash, and never 0.
fn number(name: &str) -> u32 {
    let [a, b, c, ..] = *blake3::hash(name.as_bytes()).as_bytes();
    u32::from_be_bytes([0, a, b, c]).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::{json_of, text};

    #[tokio::test]
    async fn discovery_leads_back_to_the_same_host() {
        let headers: HeaderMap = [(HOST, "localhost:7470".parse().unwrap())].into_iter().collect();
        let base = base(&"/id".parse().unwrap(), &headers);
        let caller = Caller { site: "APITest".into(), user: "API.User".into(), known: true };
        let told = json_of(told(Some(caller.clone()), &base)).await;
        assert_eq!(told["urls"]["base"], "http://localhost:7470");
        assert_eq!(told["urls"]["apis"]["rest"]["bulk"], "http://localhost:7470/API/Bulk/{version}/");
        assert_eq!(
            (&told["site"]["name"], &told["user"]["username"]),
            (&json!("APITest"), &json!("API.User"))
        );
        assert_eq!(told, discovery(&caller, &base), "the numbers are always the same");
        assert!(told["site"]["id"].as_u64().unwrap() < 1 << 24);
        assert_ne!(told["site"]["id"], told["user"]["id"]);
    }

    #[tokio::test]
    async fn who_is_nobody_is_told_so_with_200() {
        let response = told(None, "http://localhost");
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "\"Not authenticated.\"");
    }

    #[test]
    fn an_absolute_target_counts_before_host() {
        let headers: HeaderMap = [(HOST, "localhost".parse().unwrap())].into_iter().collect();
        assert_eq!(base(&"http://127.0.0.1:7/id".parse().unwrap(), &headers), "http://127.0.0.1:7");
    }
}
