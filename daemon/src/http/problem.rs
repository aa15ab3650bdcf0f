//! What refusals look like: RFC 9457 problems, but on the documented shapes the errors of a Web API (REFERENCE D8), and
//! on the Bulk shapes theirs (REFERENCE A6).

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::error::HttpError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::bodies::BodyError;
use super::bulk::sentence;
use super::endpoint::segments;
use super::failure::shape_error;

/// A problem as RFC 9457 has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// A URI that names the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind of problem in a few words, always the same for one kind.
    pub title: &'static str,
    /// The HTTP status, repeated.
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    /// What happened this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Further members of this kind of problem. Boxed, since problems travel as errors, which should be small.
    #[serde(flatten)]
    pub members: Box<Map<String, Value>>,
}

// serde's signature
#[allow(clippy::trivially_copy_pass_by_ref)]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem that the status names well enough.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: Some(detail.into()),
            members: Box::default(),
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

/// In whose form a path's errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Quire's own API, and everything unknown: problems.
    Native,
    /// The documented shapes: Web API errors.
    Shape,
    /// The Bulk shapes and their discovery: JSON strings.
    Bulk,
}

impl Family {
    /// The family of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut parts = segments(path);
        let first = parts.next().unwrap_or_default();
        let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
        match parts.next().unwrap_or_default() {
            second if is(first, "api") && is(second, "bulk") => Self::Bulk,
            _ if is(first, "id") => Self::Bulk,
            _ if is(first, "api") => Self::Shape,
            _ => Self::Native,
        }
    }

    /// A refusal in this family's form.
    #[must_use]
    pub fn refuse(self, status: StatusCode, why: impl Into<String>) -> Response {
        match self {
            Self::Native => Problem::new(status, why).into_response(),
            Self::Shape => shape_error(&HttpError::new(status.as_u16(), why)),
            Self::Bulk => sentence::refusal(status, &why.into()),
        }
    }

    /// The refusal of a body. The Bulk shapes answer 404 to one that is too large, since 413 is for storage space there
    /// (REFERENCE A7).
    #[must_use]
    pub fn refuse_body(self, why: BodyError) -> Response {
        let status = match (self, why) {
            (Self::Bulk, BodyError::TooLarge) => StatusCode::NOT_FOUND,
            _ => why.status(),
        };
        self.refuse(status, why.to_string())
    }
}

/// The first part of a path. Leading slashes are folded, so that no spelling a router might accept is missed.
#[must_use]
pub fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::new(StatusCode::CONFLICT, "taken").with("space", "account:3");
        let told = serde_json::to_value(problem).unwrap();
        let wanted = json!({
            "type": "about:blank", "title": "Conflict", "status": 409, "detail": "taken", "space": "account:3"
        });
        assert_eq!(told, wanted);
    }

    #[test]
    fn documented_paths_have_web_api_errors_however_they_are_spelled() {
        for path in ["/api", "/api/v1", "//API/synchronization/synchronize", "/api/bulky", "/api/x/bulk"] {
            assert_eq!(Family::of(path), Family::Shape, "{path}");
        }
        for path in ["/api/bulk", "/API/BULK/2.0//contacts/fields", "//Api//Bulk/", "/id", "/ID/", "/id/none"]
        {
            assert_eq!(Family::of(path), Family::Bulk, "{path}");
        }
        for path in
            ["/", "", "/v1/status", "//v1/status", "/V1", "/v10", "/apiary", "/metrics", "/bulk", "/healthz"]
        {
            assert_eq!(Family::of(path), Family::Native, "{path}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_nowhere_to_be_found_in_bulk() {
        let status = |family: Family, why: BodyError| family.refuse_body(why).status().as_u16();
        assert_eq!(status(Family::Bulk, BodyError::TooLarge), 404);
        assert_eq!(status(Family::Shape, BodyError::TooLarge), 413);
        assert_eq!(status(Family::Native, BodyError::TooLarge), 413);
        for (why, wanted) in [
            (BodyError::Encoded, 415),
            (BodyError::TooSlow, 408),
            (BodyError::Crowded, 503),
            (BodyError::Broken, 400),
        ] {
            assert_eq!(status(Family::Bulk, why), wanted);
        }
    }
}
