//! `X-HTTP-Method-Override` and `X-HTTP-Status-Code-Override`, for clients that cannot send every method or read every
//! status (REFERENCE A6). They hold for the Bulk shapes alone, and come after the guard has looked at what was sent.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use hyper::ext::ReasonPhrase;

use crate::http::problem::Family;

const METHOD: HeaderName = HeaderName::from_static("x-http-method-override");
const STATUS: HeaderName = HeaderName::from_static("x-http-status-code-override");
const ORIGINAL: HeaderName = HeaderName::from_static("x-http-original-status-code");

/// The one status that others can be told as.
const TOLD: StatusCode = StatusCode::OK;

/// What a request asks to be told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Overrides {
    /// Every status is told as 200.
    status: bool,
}

impl Overrides {
    /// Reads them, and gives a POST the method that it names. One that the path does not have is refused as such, so that
    /// nothing is ever posted that was meant otherwise.
    pub(in crate::http) fn take(parts: &mut Parts) -> Self {
        if Family::of(parts.uri.path()) != Family::Bulk {
            return Self { status: false };
        }
        if let Some(method) = method(&parts.headers).filter(|_| parts.method == Method::POST) {
            parts.method = method;
        }
        let asked = parts.headers.get(STATUS).map(|status| status.as_bytes().trim_ascii());
        Self { status: asked == Some(TOLD.as_str().as_bytes()) }
    }

    /// The answer as it is told.
    pub(in crate::http) fn told(self, mut response: Response) -> Response {
        if self.status {
            let original = HeaderValue::from(response.status().as_u16());
            response.headers_mut().insert(ORIGINAL, original);
            *response.status_mut() = TOLD;
            // It is the phrase of the original status.
            response.extensions_mut().remove::<ReasonPhrase>();
        }
        response
    }
}

/// What is no method at all is no wish.
fn method(headers: &HeaderMap) -> Option<Method> {
    let named = headers.get(METHOD)?.as_bytes().trim_ascii().to_ascii_uppercase();
    Method::from_bytes(&named).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;
    use axum::response::IntoResponse;

    fn parts(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_post_of_the_bulk_shapes_may_mean_another_method() {
        let of = |method: &str, path: &str, meant: &str| {
            let mut parts = parts(method, path, &[("X-HTTP-Method-Override", meant)]);
            Overrides::take(&mut parts);
            parts.method.to_string()
        };
        assert_eq!(of("POST", "/API/BULK/2.0//syncs/1/data", "DELETE"), "DELETE");
        assert_eq!(of("POST", "/api/bulk/2.0/contacts/exports/1", " put "), "PUT");
        assert_eq!(of("POST", "/api/bulk/2.0/syncs", "PATCH"), "PATCH");
        assert_eq!(of("POST", "/api/bulk/2.0/syncs", "a b"), "POST");
        assert_eq!(of("GET", "/api/bulk/2.0/syncs/1/data", "DELETE"), "GET");
        assert_eq!(of("POST", "/api/nodes", "DELETE"), "POST");
        assert_eq!(of("POST", "/v1/sync", "DELETE"), "POST");
    }

    #[test]
    fn every_status_may_be_told_as_200() {
        let of = |path: &str, asked: &str| {
            let overrides =
                Overrides::take(&mut parts("GET", path, &[("X-HTTP-Status-Code-Override", asked)]));
            overrides.told((StatusCode::NOT_FOUND, "x").into_response())
        };
        let told = of("/api/bulk/2.0/syncs/9", "200");
        assert_eq!(told.status(), 200);
        assert_eq!(told.headers()["x-http-original-status-code"], "404");
        for (path, asked) in [("/api/bulk/2.0/syncs/9", "201"), ("/api/nodes", "200"), ("/v1/peers", "200")] {
            let told = of(path, asked);
            assert_eq!(
                (told.status().as_u16(), told.headers().contains_key(&ORIGINAL)),
                (404, false),
                "{path}"
            );
        }
    }
}
