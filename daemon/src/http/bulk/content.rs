//! What is sent: definitions and syncs as JSON objects, staged rows as they come.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use quire_protocol::shapes::bulk::media::Media;
use quire_protocol::shapes::json;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::bulk::Upload;

/// Of a definition or a sync, in bytes: 250 fields with long statements take a tenth of it.
const MAX_OBJECT: usize = 1024 * 1024;

/// A definition or a sync.
pub(super) fn object(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    if media(headers) != Some(Media::Json) {
        return Err(Refusal::Media);
    }
    if body.len() > MAX_OBJECT {
        return Err(unusable(format!("Must not be longer than {MAX_OBJECT} bytes")));
    }
    match json::parse(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(unusable("Must be a JSON object")),
        Err(why) => Err(unusable(format!("Must be JSON: {why}"))),
    }
}

/// Rows to be staged. Nothing is read of them here.
pub(super) fn upload(headers: &HeaderMap, body: Bytes) -> Result<Upload, Refusal> {
    match media(headers) {
        Some(Media::Json) => Ok(Upload::Json(body)),
        Some(Media::Csv) => Ok(Upload::Csv(body)),
        None => Err(Refusal::Media),
    }
}

fn media(headers: &HeaderMap) -> Option<Media> {
    Media::sent(headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()))
}

fn unusable(constraint: impl Into<String>) -> Refusal {
    Refusal::member("body", Value::Null, constraint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bulk::BulkError;
    use axum::response::IntoResponse;

    fn headers(kind: Option<&str>) -> HeaderMap {
        kind.map(|kind| (CONTENT_TYPE, kind.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn definitions_are_json_objects_of_a_bounded_length() {
        let json = headers(Some("application/json; charset=UTF-8"));
        let of = |body: &str| object(&json, &Bytes::copy_from_slice(body.as_bytes()));
        assert_eq!(of(r#"{"name":"ä","filter":null}"#).unwrap()["name"], "ä");
        assert_eq!(of("{'syncedInstanceUri':'/contacts/exports/1',}").unwrap().len(), 1);
        let long = format!("{{\"name\":\"{}\"}}", "x".repeat(MAX_OBJECT));
        for bad in ["", "[]", "5", "\"text\"", "{", &"[".repeat(10_000), &long] {
            match of(bad).unwrap_err() {
                Refusal::Service(BulkError::Invalid(failures)) => assert_eq!(failures[0].field, "body"),
                other => panic!("{other}"),
            }
        }
        let broken = Bytes::from_static(b"{\"name\":\"\xff\"}");
        assert_eq!(object(&json, &broken).unwrap_err().into_response().status(), 400);
    }

    #[test]
    fn the_type_must_be_told() {
        for kind in [
            None,
            Some("text/plain"),
            Some("text/csv"),
            Some("application/xml"),
            Some("application/json;charset=latin1"),
        ] {
            let refused = object(&headers(kind), &Bytes::from_static(b"{}")).unwrap_err();
            assert_eq!(refused.into_response().status(), 415, "{kind:?}");
        }
        assert!(matches!(upload(&headers(None), Bytes::new()), Err(Refusal::Media)));
    }

    #[test]
    fn rows_are_handed_on_unread() {
        let rows = Bytes::from_static(b"\xff not read");
        let Upload::Csv(csv) = upload(&headers(Some("text/csv")), rows.clone()).unwrap() else { panic!() };
        let Upload::Json(json) = upload(&headers(Some("application/json")), rows.clone()).unwrap() else {
            panic!()
        };
        assert_eq!((csv, json), (rows.clone(), rows));
    }
}
