//! What refusals look like: RFC 9457 problems under Quire's own API, the errors of a Web API on the documented shapes
//! (REFERENCE D8).

use axum::Json;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

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

/// The error body of a Web API, as JSON. Members that are absent are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpError {
    /// What happened, in the documented words.
    pub message: String,
    /// More of it, for callers on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_detail: Option<String>,
    /// Messages by the member they are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_state: Option<Map<String, Value>>,
}

impl HttpError {
    /// An error that is only a message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// No controller listens there (404).
    #[must_use]
    pub fn no_resource(uri: &str, path: &str) -> Self {
        let controller = path.trim_start_matches('/').split('/').nth(1).unwrap_or_default();
        Self {
            message: format!("No HTTP resource was found that matches the request URI '{uri}'."),
            message_detail: Some(format!(
                "No type was found that matches the controller named '{controller}'."
            )),
            model_state: None,
        }
    }

    /// The resource is there, but not for this method (405; `Allow` names the others).
    #[must_use]
    pub fn no_method(method: &str) -> Self {
        Self::new(format!("The requested resource does not support http method '{method}'."))
    }

    /// The body is of a type that is not documented there (415).
    #[must_use]
    pub fn no_media_type(content_type: Option<&str>) -> Self {
        Self::new(content_type.map_or_else(
            || {
                "The request contains an entity body but no Content-Type header. The inferred media type \
                 'application/octet-stream' is not supported for this resource."
                    .to_owned()
            },
            |named| format!("The request entity's media type '{named}' is not supported for this resource."),
        ))
    }

    /// The caller did not say who it is (401).
    #[must_use]
    pub fn no_authorization() -> Self {
        Self::new("Authorization has been denied for this request.")
    }
}

/// An error in the form of the documented shapes.
#[must_use]
pub fn shape_error(status: StatusCode, error: HttpError) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
    let mut response = (status, Json(error)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// In whose form a path's errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Quire's own API: problems.
    Native,
    /// The documented shapes, and everything unknown: Web API errors.
    Shape,
}

impl Family {
    /// The family of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match first_segment(path).to_ascii_lowercase().as_str() {
            "v1" | "metrics" | "healthz" | "readyz" | "openapi.json" => Self::Native,
            _ => Self::Shape,
        }
    }

    /// A refusal in this family's form.
    #[must_use]
    pub fn refuse(self, status: StatusCode, why: impl Into<String>) -> Response {
        match self {
            Self::Native => Problem::new(status, why).into_response(),
            Self::Shape => shape_error(status, HttpError::new(why)),
        }
    }
}

/// The first part of a path. Leading slashes are folded, so that no spelling a router might accept is missed.
#[must_use]
pub fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// What was asked for, as far as an error must repeat it.
#[derive(Debug, Clone)]
pub struct Asked {
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
}

impl From<&Parts> for Asked {
    fn from(parts: &Parts) -> Self {
        let host = parts.headers.get(HOST).cloned();
        Self { method: parts.method.clone(), uri: parts.uri.clone(), host }
    }
}

impl Asked {
    /// The family that answers.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.uri.path())
    }

    /// The answer for a path that nothing serves.
    #[must_use]
    pub fn not_found(&self) -> Response {
        const STATUS: StatusCode = StatusCode::NOT_FOUND;
        match self.family() {
            Family::Native => Family::Native.refuse(STATUS, "There is nothing at this path."),
            Family::Shape => shape_error(STATUS, HttpError::no_resource(&self.full_uri(), self.uri.path())),
        }
    }

    /// The answer for a path that is served, but not with this method. The caller adds `Allow`.
    #[must_use]
    pub fn method_not_allowed(&self) -> Response {
        let error = HttpError::no_method(self.method.as_str());
        self.family().refuse(StatusCode::METHOD_NOT_ALLOWED, error.message)
    }

    fn full_uri(&self) -> String {
        if self.uri.authority().is_some() {
            return self.uri.to_string();
        }
        let host = self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("http://{host}{}", self.uri)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;
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
    fn a_web_api_error_leaves_out_what_it_has_not() {
        let told =
            serde_json::to_string(&HttpError::no_resource("http://localhost/api/x?y=1", "/api/x")).unwrap();
        let wanted = concat!(
            r#"{"Message":"No HTTP resource was found that matches the request URI 'http://localhost/api/x?y=1'.","#,
            r#""MessageDetail":"No type was found that matches the controller named 'x'."}"#
        );
        assert_eq!(told, wanted);
    }

    #[test]
    fn native_paths_have_problems_however_they_are_spelled() {
        for path in ["/v1", "/v1/", "/v1/status", "//v1/status", "/V1/status", "/metrics", "/healthz"] {
            assert_eq!(Family::of(path), Family::Native, "{path}");
        }
        for path in ["/", "", "/v10", "/api/v1", "/api/synchronization/synchronize", "/id"] {
            assert_eq!(Family::of(path), Family::Shape, "{path}");
        }
    }

    #[test]
    fn the_whole_address_is_told() {
        let request = Request::get("/api/x?a=%3Cscript%3E").header(HOST, "localhost:7470").body(()).unwrap();
        assert_eq!(
            Asked::from(&request.into_parts().0).full_uri(),
            "http://localhost:7470/api/x?a=%3Cscript%3E"
        );
    }
}
