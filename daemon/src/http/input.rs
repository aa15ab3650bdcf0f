//! What callers of `/v1` send: parts of the path, queries, JSON objects. It is read strictly: a misspelled name must
//! not quietly mean something else.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value};

use super::problem::Problem;

/// How many unknown names a refusal lists, and how much of each: enough to find the mistake.
const SHOWN_NAMES: usize = 10;
const SHOWN_CHARS: usize = 60;

/// The one variable part of a path, decoded.
#[derive(Debug, Clone)]
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(why) => Err(bad(why.body_text())),
        }
    }
}

/// 400 with that reason.
pub(super) fn bad(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, why)
}

/// 404 with that reason.
pub(super) fn missing(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, why)
}

/// The parameters of a query, each at most once and none but the known ones.
pub(super) fn query(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let Query(pairs) =
        Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|why| bad(why.body_text()))?;
    refuse_unknown("query parameter", pairs.iter().map(|(name, _)| name.as_str()), known)?;
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        if found.contains_key(&name) {
            return Err(bad(format!("the query parameter `{name}` occurs more than once")));
        }
        found.insert(name, value);
    }
    Ok(found)
}

/// A JSON object with none but the known members.
pub(super) fn object(
    headers: &HeaderMap,
    body: &[u8],
    known: &[&str],
) -> Result<Map<String, Value>, Problem> {
    let members = any_object(headers, body)?;
    refuse_unknown("member", members.keys().map(String::as_str), known)?;
    Ok(members)
}

/// The same, where no body at all means no members.
pub(super) fn optional_object(
    headers: &HeaderMap,
    body: &[u8],
    known: &[&str],
) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() { Ok(Map::new()) } else { object(headers, body, known) }
}

/// A JSON object with whatever members.
pub(super) fn any_object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if !is_json(headers) {
        let why = "the body must be JSON: send `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(bad("the body must be a JSON object")),
        Err(why) => Err(bad(format!("the body is not JSON: {why}"))),
    }
}

/// Absent counts: nobody who sends a body here means anything else.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let kind = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii().to_ascii_lowercase();
    kind == b"application/json" || (kind.starts_with(b"application/") && kind.ends_with(b"+json"))
}

/// 400 that names what is not known, and what is.
pub(super) fn refuse_unknown<'a>(
    what: &str,
    names: impl Iterator<Item = &'a str>,
    known: &[&str],
) -> Result<(), Problem> {
    let unknown: Vec<String> =
        names.filter(|name| !known.contains(name)).take(SHOWN_NAMES).map(shown).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let detail = format!("unknown {what}: {}; known here: {}", unknown.join(", "), known.join(", "));
    Err(bad(detail).with("unknown", unknown))
}

/// A name from outside, short enough to be repeated.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(kind: Option<&str>) -> HeaderMap {
        kind.map(|kind| (CONTENT_TYPE, kind.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn queries_have_known_names_once() {
        let of = |text: &str| query(&text.parse().unwrap(), &["a", "b"]);
        assert_eq!(of("/x").unwrap().len(), 0);
        assert_eq!(
            of("/x?a=1%202&b=").unwrap(),
            [("a", "1 2"), ("b", "")].map(|(n, v)| (n.into(), v.into())).into()
        );
        for bad in ["/x?c=1", "/x?a=1&a=2", "/x?A=1"] {
            assert_eq!(of(bad).unwrap_err().status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }

    #[test]
    fn bodies_are_json_objects() {
        let json = headers(Some("Application/JSON; charset=utf-8"));
        let of = |body: &[u8]| object(&json, body, &["a"]).map_err(|problem| problem.status.as_u16());
        assert_eq!(of(br#"{"a":1}"#).unwrap()["a"], 1);
        let deep = "[".repeat(10_000);
        for bad in [
            &b""[..],
            b"{",
            b"[]",
            b"5",
            b"\"text\"",
            b"{\"b\":1}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e400}",
            deep.as_bytes(),
        ] {
            assert_eq!(of(bad).unwrap_err(), 400, "{}", String::from_utf8_lossy(bad));
        }
        assert!(optional_object(&headers(None), b"", &[]).unwrap().is_empty());
        assert_eq!(optional_object(&json, b"[]", &[]).unwrap_err().status.as_u16(), 400);
    }

    #[test]
    fn other_types_than_json_are_refused() {
        for good in [None, Some("application/json"), Some("application/merge-patch+json")] {
            assert!(any_object(&headers(good), b"{}").is_ok(), "{good:?}");
        }
        for other in ["text/plain", "application/x-www-form-urlencoded", "text/json", "", "jsonish+json"] {
            assert_eq!(any_object(&headers(Some(other)), b"{}").unwrap_err().status.as_u16(), 415, "{other}");
        }
    }

    #[test]
    fn unknown_names_are_told_and_bounded() {
        let names: Vec<String> = (0..1_000).map(|n| format!("{n}{}", "x".repeat(1_000))).collect();
        let problem = refuse_unknown("member", names.iter().map(String::as_str), &["a"]).unwrap_err();
        assert_eq!(problem.members["unknown"].as_array().unwrap().len(), SHOWN_NAMES);
        assert!(problem.detail.unwrap().len() < 1_000);
    }
}
