//! Who is admitted, and with what rights: everything that is decided by the head of a request, in its order. The browser's
//! layers come first ([`guard`]), then the user of the calling process, then what the caller shows.
//!
//! Whoever shows the API token may do everything, wherever a password is asked for too: it opens `/v1`, where an app's
//! limits would mean nothing. Only a page of a granted origin always needs the password of its own app.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::caller::{Caller, Standing};
use super::guard::{Passage, Rules};
use super::problem::{Family, first_segment};
use crate::apps::{App, Shown};

/// What an admitted request may do; handlers find it among its extensions.
#[derive(Debug, Clone)]
pub enum Pass {
    /// Whatever its path is for.
    Everything,
    /// What this app may.
    App(Arc<App>),
}

/// Decides by the head of a request alone.
///
/// # Errors
/// The refusal, in the form of the request's family.
// The error is an answer and is built once, at the end of a request's way.
#[allow(clippy::result_large_err)]
pub(super) async fn admit(
    parts: &Parts,
    passage: &Passage,
    caller: Caller,
    rules: &Rules,
) -> Result<Pass, Response> {
    let path = parts.uri.path();
    let family = Family::of(path);
    let standing = caller.standing(rules);
    if standing == Standing::Refused {
        let why = "The calling process does not belong to the user of this daemon.";
        return Err(family.refuse(StatusCode::FORBIDDEN, why));
    }
    if let Passage::Granted(origin) = passage {
        let origin = origin.to_str().unwrap_or_default();
        return app_of(parts, family, rules, &|app| app.is_from(origin)).await;
    }
    if rules.token.is_borne_by(&parts.headers) {
        return Ok(Pass::Everything);
    }
    match family {
        Family::Native => native(parts, standing, rules),
        Family::Shape | Family::Bulk => shape(parts, family, standing, rules).await,
    }
}

#[allow(clippy::result_large_err, reason = "as above")]
fn native(parts: &Parts, standing: Standing, rules: &Rules) -> Result<Pass, Response> {
    let path = parts.uri.path();
    let is_free = match standing {
        Standing::Trusted => !needs_token(path) || rules.sessions.permit(parts),
        // Who watches over a daemon that other machines may call is often one of them.
        _ => rules.app_passwords && is_health(path),
    };
    if is_free { Ok(Pass::Everything) } else { Err(bearer_missing(Family::Native)) }
}

async fn shape(parts: &Parts, family: Family, standing: Standing, rules: &Rules) -> Result<Pass, Response> {
    if !rules.app_passwords {
        return match standing {
            Standing::Trusted => Ok(Pass::Everything),
            _ => Err(bearer_missing(family)),
        };
    }
    if family == Family::Bulk && rules.bulk_users {
        // These shapes have users of their own, and ask themselves.
        return Ok(Pass::Everything);
    }
    app_of(parts, family, rules, &|_| true).await
}

async fn app_of(
    parts: &Parts,
    family: Family,
    rules: &Rules,
    is_meant: &(dyn Fn(&App) -> bool + Sync),
) -> Result<Pass, Response> {
    let mut told = parts.headers.get_all(AUTHORIZATION).iter();
    let one = told.next().filter(|_| told.next().is_none());
    match rules.apps.shown(&rules.logins, one.map(HeaderValue::as_bytes)).await {
        Shown::App(app) if is_meant(&app) => Ok(Pass::App(app)),
        Shown::Busy => Err(busy(family)),
        _ => Err(app_missing(family)),
    }
}

/// Quire's own API, the metrics and the dashboard. Folded like [`first_segment`]: rather ask once too often.
pub(super) fn needs_token(path: &str) -> bool {
    let first = first_segment(path);
    first.is_empty() || ["v1", "metrics"].iter().any(|own| first.eq_ignore_ascii_case(own))
}

fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

fn bearer_missing(family: Family) -> Response {
    let why = match family {
        Family::Native => "Send `Authorization: Bearer` with the content of the API token file; for a browser, run `quire open`."
            .to_owned(),
        Family::Shape | Family::Bulk => "Authorization has been denied for this request.".to_owned(),
    };
    unauthorized(family, why, HeaderValue::from_static("Bearer"))
}

fn app_missing(family: Family) -> Response {
    let why = "Authorization has been denied for this request.".to_owned();
    unauthorized(family, why, HeaderValue::from_static("Basic realm=\"quire\""))
}

fn unauthorized(family: Family, why: String, scheme: HeaderValue) -> Response {
    let mut response = family.refuse(StatusCode::UNAUTHORIZED, why);
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

fn busy(family: Family) -> Response {
    let why = "Too many passwords are being checked.";
    let mut response = family.refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_guarded_path_goes_without_a_token() {
        for path in
            ["/v1", "/v1/", "/v1/status", "//v1/status", "/V1/status", "/metrics", "/Metrics", "/", "//", ""]
        {
            assert!(needs_token(path), "{path}");
        }
        for path in ["/healthz", "/readyz", "/api/synchronization/synchronize", "/id", "/v10", "/help"] {
            assert!(!needs_token(path), "{path}");
        }
    }
}
