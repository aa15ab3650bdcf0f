//! What the Bulk shapes say without a structure: the sentence of the documented page, as a JSON string (REFERENCE A6).

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// The type of every JSON answer of the Bulk shapes.
pub(in crate::http) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Said by discovery with 200, and with 401 by everything else; clients compare it (REFERENCE A1).
pub(in crate::http) const NOT_AUTHENTICATED: &str = "Not authenticated.";

/// Said with 404.
pub(in crate::http) const NOT_FOUND: &str = "The requested resource was not found.";

/// What the documented page says of a status; `None` for those that it does not name.
fn documented(status: StatusCode) -> Option<&'static str> {
    Some(match status {
        StatusCode::UNAUTHORIZED => NOT_AUTHENTICATED,
        StatusCode::FORBIDDEN => "Forbidden.",
        StatusCode::NOT_FOUND => NOT_FOUND,
        StatusCode::GONE => "The requested resource is no longer available.",
        StatusCode::PRECONDITION_FAILED => {
            "The resource you are attempting to delete has dependencies, and cannot be deleted."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "Storage space exceeded.",
        StatusCode::INTERNAL_SERVER_ERROR => "The service has encountered an internal server error.",
        StatusCode::SERVICE_UNAVAILABLE => "There was a timeout processing the request.",
        _ => return None,
    })
}

/// A refusal in the words of the page.
pub(in crate::http) fn plain(status: StatusCode) -> Response {
    let usual = status.canonical_reason().unwrap_or("Error");
    let mut response = said(status, documented(status).unwrap_or(usual));
    if status == StatusCode::UNAUTHORIZED {
        const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"quire\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, BASIC);
    }
    response
}

/// A refusal of the shell, which knows more than the page says: what is not found, and who is nobody, is told in the
/// page's words first or alone; errors of our own never have others.
pub(in crate::http) fn refusal(status: StatusCode, why: &str) -> Response {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::INTERNAL_SERVER_ERROR => plain(status),
        StatusCode::NOT_FOUND if !why.is_empty() => said(status, &format!("{NOT_FOUND} {why}")),
        _ if why.is_empty() => plain(status),
        _ => said(status, why),
    }
}

/// A sentence as an answer.
pub(in crate::http) fn said(status: StatusCode, sentence: &str) -> Response {
    (status, [(CONTENT_TYPE, JSON)], Value::from(sentence).to_string()).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::text;

    #[tokio::test]
    async fn sentences_are_those_of_the_page() {
        let told = |status: u16, why: &'static str| async move {
            let response = refusal(StatusCode::from_u16(status).unwrap(), why);
            assert_eq!((response.status().as_u16(), &response.headers()[CONTENT_TYPE]), (status, &JSON));
            text(response).await
        };
        assert_eq!(told(404, "").await, "\"The requested resource was not found.\"");
        assert_eq!(
            told(404, "Too \"large\".").await,
            r#""The requested resource was not found. Too \"large\".""#
        );
        assert_eq!(told(401, "whatever").await, "\"Not authenticated.\"");
        assert_eq!(
            told(500, "/secret/path").await,
            "\"The service has encountered an internal server error.\""
        );
        assert_eq!(told(415, "").await, "\"Unsupported Media Type\"");
        assert_eq!(told(421, "Another host.").await, "\"Another host.\"");
    }

    #[test]
    fn who_is_not_known_is_asked_for_a_password() {
        let response = plain(StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic realm=\"quire\"");
    }
}
