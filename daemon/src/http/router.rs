//! Every route in one list.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::routing::{delete, get, post};
use tokio::sync::watch;
use tower::ServiceExt;

use super::network::Network;
use super::{conflicts, events, markings, pairing, peers, status, synchronization};
use crate::engine::Engine;

/// What the handlers work with.
#[derive(Clone)]
pub struct Services {
    /// The replica.
    pub engine: Engine,
    /// The peers.
    pub network: Arc<dyn Network>,
    /// This daemon.
    pub about: Arc<About>,
}

/// What a daemon says about itself.
#[derive(Debug)]
pub struct About {
    /// Where apps call, as `http://ADDRESS:PORT`.
    pub api: String,
    /// Where peers call, as `ADDRESS:PORT`.
    pub peer: String,
    /// When it started: milliseconds since 1970, for people.
    pub started_ms: i64,
    /// True from when both sockets accept until it stops.
    pub ready: watch::Receiver<bool>,
}

/// The router, to be put behind the [`super::door::Door`].
pub fn router(services: Services) -> Router {
    let routes = Router::new()
        .route("/api/synchronization/synchronize", post(synchronization::synchronize))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/v1/status", get(status::status))
        .route("/v1/spaces", get(status::spaces))
        .route("/v1/spaces/{space}/clock", get(status::clock))
        .route("/v1/markings", get(markings::list))
        .route("/v1/markings/{syncGuid}", get(markings::read).patch(markings::patch).delete(markings::remove))
        .route("/v1/conflicts", get(conflicts::list))
        .route("/v1/conflicts/{id}/resolve", post(conflicts::resolve))
        .route("/v1/events", get(events::events))
        .route("/v1/peers", get(peers::list))
        .route("/v1/peers/{deviceId}", delete(peers::remove))
        .route("/v1/sync", post(peers::sync))
        .route("/v1/pairing/invitations", post(pairing::invite))
        .route("/v1/pairing/accept", post(pairing::accept))
        .with_state(services);
    let folded = fold_request as fn(Request) -> Request;
    Router::new().fallback_service(routes.map_request(folded))
}

/// Paths of the documented shapes are the same in any letter case and with a slash more (REFERENCE D2, fact 9). Our own
/// API has one spelling.
fn fold_request(mut request: Request) -> Request {
    if let Some(folded) = folded(request.uri()) {
        *request.uri_mut() = folded;
    }
    request
}

fn folded(uri: &Uri) -> Option<Uri> {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    if !parts.first()?.eq_ignore_ascii_case("api") {
        return None;
    }
    let path = format!("/{}", parts.join("/").to_ascii_lowercase());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Only letter case and slashes of a valid URI have changed: it is one still.
    let path_and_query = PathAndQuery::try_from(path + &query).ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shapes_are_found_however_they_are_spelled() {
        const PATH: &str = "/api/synchronization/synchronize";
        for spelled in [
            PATH,
            "/API/Synchronization/SYNCHRONIZE",
            "/api/synchronization/synchronize/",
            "//api//synchronization/synchronize//",
        ] {
            assert_eq!(folded(&spelled.parse().unwrap()).unwrap(), PATH, "{spelled}");
        }
        let asked = folded(&"http://localhost:1/Api/X/?Y=%2F/Z".parse().unwrap()).unwrap();
        assert_eq!(asked, "http://localhost:1/api/x?Y=%2F/Z");
    }

    #[test]
    fn our_own_paths_are_left_alone() {
        for path in ["/v1/Markings/", "/", "/V1//status", "/apiary/x", "*"] {
            assert_eq!(folded(&path.parse().unwrap()), None, "{path}");
        }
    }
}
