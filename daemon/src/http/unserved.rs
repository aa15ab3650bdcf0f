//! What is said where nothing is served: at an unknown path, and for a method that an endpoint does not have
//! (REFERENCE D8).

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use quire_protocol::shapes::error::HttpError;
use quire_protocol::shapes::negotiation::Answer;

use super::endpoint::{capitalised, segments};
use super::endpoints;
use super::failure::shape_error;
use super::problem::Family;
use super::web;

/// How much of an unknown controller's name is repeated, in characters: enough to find the mistake.
const SHOWN_CHARS: usize = 200;

/// What was asked for, as far as an error must repeat it.
#[derive(Debug, Clone)]
pub struct Asked {
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    wanted: Answer,
}

impl From<&Parts> for Asked {
    fn from(parts: &Parts) -> Self {
        let host = parts.headers.get(HOST).cloned();
        let wanted = web::wanted(&parts.headers);
        Self { method: parts.method.clone(), uri: parts.uri.clone(), host, wanted }
    }
}

impl Asked {
    /// The family that answers.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.uri.path())
    }

    /// A refusal in the form that the caller wants.
    #[must_use]
    pub fn negotiated(&self, response: Response) -> Response {
        web::negotiated(response, self.wanted)
    }

    /// The answer for a path that nothing serves.
    #[must_use]
    pub fn not_found(&self) -> Response {
        match self.family() {
            Family::Native => Family::Native.refuse(StatusCode::NOT_FOUND, "There is nothing at this path."),
            Family::Shape => {
                shape_error(&HttpError::not_found(&self.full_uri(), Some(detail(self.uri.path()))))
            }
            Family::Bulk => Family::Bulk.refuse(StatusCode::NOT_FOUND, ""),
        }
    }

    /// The answer for a path that is served, but not with this method. The caller adds `Allow`.
    #[must_use]
    pub fn method_not_allowed(&self) -> Response {
        let error = HttpError::method_not_allowed(self.method.as_str());
        self.family().refuse(StatusCode::METHOD_NOT_ALLOWED, error.message)
    }

    fn full_uri(&self) -> String {
        if self.uri.authority().is_some() {
            return self.uri.to_string();
        }
        let host = self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("{}://{host}{}", web::scheme(), self.uri)
    }
}

/// A Web API looks for a controller, which it names by its class, and then for an action of it.
fn detail(path: &str) -> String {
    let asked = segments(path).nth(1).unwrap_or_default();
    let known = endpoints::all().filter_map(|endpoint| controller(endpoint.path));
    match known.into_iter().find(|known| known.eq_ignore_ascii_case(asked)) {
        Some(known) => {
            let name = capitalised(known);
            format!("No action was found on the controller '{name}' that matches the request.")
        }
        None => {
            let shown: String = asked.chars().take(SHOWN_CHARS).collect();
            format!("No type was found that matches the controller named '{shown}'.")
        }
    }
}

fn controller(path: &'static str) -> Option<&'static str> {
    path.strip_prefix("/api/")?.split('/').next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;

    #[test]
    fn the_whole_address_is_told() {
        let request = Request::get("/api/x?a=%3Cscript%3E").header(HOST, "localhost:7470").body(()).unwrap();
        assert_eq!(
            Asked::from(&request.into_parts().0).full_uri(),
            "http://localhost:7470/api/x?a=%3Cscript%3E"
        );
    }

    #[test]
    fn a_known_controller_lacks_an_action_and_an_unknown_one_its_type() {
        let no_type = |name| format!("No type was found that matches the controller named '{name}'.");
        assert_eq!(detail("/api/x"), no_type("x"));
        assert_eq!(detail("//API//Some/thing"), no_type("Some"));
        assert_eq!(detail("/api"), no_type(""));
        assert_eq!(
            detail("/api/SYNCHRONIZATION/x"),
            "No action was found on the controller 'Synchronization' that matches the request."
        );
        assert!(detail(&format!("/api/{}", "x".repeat(10_000))).len() < 1_000);
    }
}
