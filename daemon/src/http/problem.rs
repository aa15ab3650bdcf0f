//! What refusals look like: RFC 9457 problems, but the errors of a Web API on the documented shapes (REFERENCE D8).

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use quire_protocol::shapes::error::HttpError;
use serde::Serialize;
use serde_json::{Map, Value};

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
}

impl Family {
    /// The family of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match first_segment(path).to_ascii_lowercase().as_str() {
            "api" | "id" => Self::Shape,
            _ => Self::Native,
        }
    }

    /// A refusal in this family's form.
    #[must_use]
    pub fn refuse(self, status: StatusCode, why: impl Into<String>) -> Response {
        match self {
            Self::Native => Problem::new(status, why).into_response(),
            Self::Shape => shape_error(&HttpError::new(status.as_u16(), why)),
        }
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
        for path in ["/api", "/api/v1", "//API/synchronization/synchronize", "/id", "/ID/"] {
            assert_eq!(Family::of(path), Family::Shape, "{path}");
        }
        for path in ["/", "", "/v1/status", "//v1/status", "/V1", "/v10", "/apiary", "/metrics", "/healthz"] {
            assert_eq!(Family::of(path), Family::Native, "{path}");
        }
    }
}
