//! Every endpoint with its handler, in one list.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::sync::watch;
use tower::ServiceExt;

use super::endpoint::Endpoint;
use super::network::Network;
use super::problem::Family;
use super::sessions::Sessions;
use super::{
    backup, bulk, conflicts, dashboard, devices, endpoints, events, help, history, markings, messages, nodes,
    openapi, pairing, peers, positions, roster, spelling, status, sync_tokens, synchronization,
    tenant_devices, tenant_nodes,
};
use crate::bulk::Bulk;
use crate::engine::Engine;

/// What the handlers work with.
#[derive(Clone)]
pub struct Services {
    /// The replica.
    pub engine: Engine,
    /// Exports and imports.
    pub bulk: Bulk,
    /// The peers.
    pub network: Arc<dyn Network>,
    /// Browsers that may see the dashboard.
    pub sessions: Sessions,
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
    /// The same over HTTPS, where that is served.
    pub tls: Option<Secured>,
    /// Anchors of sixteen digits, for clients that store eight bytes (contract 3).
    pub short_anchors: bool,
    /// True from when both sockets accept until it stops.
    pub ready: watch::Receiver<bool>,
    /// Becomes true when this device is to leave and all that it keeps is to be destroyed.
    pub leaving: watch::Sender<bool>,
}

/// Where HTTPS is served, and with what.
#[derive(Debug)]
pub struct Secured {
    /// Where apps call, as `https://ADDRESS:PORT`.
    pub api: String,
    /// The certificate that apps must trust.
    pub certificate: PathBuf,
}

/// The router, to be put behind the [`super::door::Door`].
pub fn router(services: Services) -> Router {
    let mut table = Router::new();
    for Route { endpoint, handler } in routes().into_iter().chain(bulk::routes::routes()) {
        table = table.route(endpoint.path, bulk::access::guarded(endpoint.path, handler, &services));
    }
    for path in documented_paths() {
        table = table.route(path, others(verbs(path)));
    }
    let folded = fold as fn(Request) -> Request;
    Router::new().fallback_service(table.with_state(services).map_request(folded))
}

/// An endpoint and what answers it.
pub(super) struct Route {
    endpoint: &'static Endpoint,
    handler: MethodRouter<Services>,
}

pub(super) fn to<H: Handler<T, Services>, T: 'static>(endpoint: &'static Endpoint, handler: H) -> Route {
    Route { endpoint, handler: on(endpoint.verb.filter(), handler) }
}

/// Every endpoint with its handler, but for those of the Bulk shapes, which have a list of their own.
fn routes() -> Vec<Route> {
    use super::endpoints as of;
    vec![
        to(&of::synchronization::SYNCHRONIZE, synchronization::synchronize),
        to(&of::tokens::CREATE, sync_tokens::create),
        to(&of::tokens::LAST, sync_tokens::last),
        to(&of::tokens::PAGE, sync_tokens::page),
        to(&of::nodes::CREATE, nodes::create),
        to(&of::nodes::FIND, nodes::find),
        to(&of::messages::CREATE, messages::create),
        to(&of::messages::FIND, messages::find),
        to(&of::messages::DELETE_EXAMPLE, messages::delete_example),
        to(&of::messages::PUT_EXAMPLE, messages::put_example),
        to(&of::messages::DEVICE_CREATE, tenant_devices::register),
        to(&of::synchronization::REGISTER, devices::register),
        to(&of::synchronization::INITIAL_CONTENT, devices::initial_content),
        to(&of::synchronization::POST_MARKINGS, positions::post),
        to(&of::synchronization::EDIT_NOTE, positions::edit_note),
        to(&of::synchronization::REMOVE_MARKINGS, positions::remove),
        to(&of::synchronization::MARKING, positions::get),
        to(&of::health::ALIVE, status::healthz),
        to(&of::health::READY, status::readyz),
        to(&of::help::OPENAPI, openapi::openapi),
        to(&of::help::INDEX, help::index),
        to(&of::help::VERSION, help::version),
        to(&of::help::PAGE, help::page),
        to(&of::help::VERSIONED, help::page),
        to(&of::spaces::STATUS, status::status),
        to(&of::spaces::SPACES, status::spaces),
        to(&of::spaces::CLOCK, status::clock),
        to(&of::spaces::EVENTS, events::events),
        to(&of::spaces::BACKUP, backup::backup),
        to(&of::markings::LIST, markings::list),
        to(&of::markings::READ, markings::read),
        to(&of::markings::PATCH, markings::patch),
        to(&of::markings::REMOVE, markings::remove),
        to(&of::markings::HISTORY, history::of_marking),
        to(&of::markings::RESTORE, history::restore_marking),
        to(&of::tenant_nodes::LIST, tenant_nodes::list),
        to(&of::tenant_nodes::READ, tenant_nodes::read),
        to(&of::tenant_nodes::PATCH, tenant_nodes::patch),
        to(&of::tenant_nodes::REMOVE, tenant_nodes::remove),
        to(&of::tenant_nodes::HISTORY, history::of_node),
        to(&of::tenant_nodes::RESTORE, history::restore_node),
        to(&of::conflicts::LIST, conflicts::list),
        to(&of::conflicts::RESOLVE, conflicts::resolve),
        to(&of::peers::LIST, peers::list),
        to(&of::peers::REMOVE, peers::remove),
        to(&of::peers::ADOPT, roster::adopt),
        to(&of::peers::LEAVE, roster::leave),
        to(&of::peers::SET_ASIDE, roster::set_aside),
        to(&of::peers::RECOVERY, roster::name),
        to(&of::peers::EXPEL, roster::expel),
        to(&of::peers::SYNC, peers::sync),
        to(&of::peers::INVITE, pairing::invite),
        to(&of::peers::ACCEPT, pairing::accept),
        to(&of::dashboard::PAGE, dashboard::page),
        to(&of::dashboard::SCRIPT, dashboard::script),
        to(&of::dashboard::STYLE, dashboard::style),
        to(&of::dashboard::LINK, dashboard::link),
        to(&of::dashboard::FOLLOW, dashboard::follow),
    ]
}

fn documented_paths() -> BTreeSet<&'static str> {
    endpoints::all().map(|endpoint| endpoint.path).filter(|path| Family::of(path) != Family::Native).collect()
}

/// What a documented path answers to other methods than these. HEAD and OPTIONS are nothing special there (REFERENCE D2),
/// while axum would take HEAD for GET. The body is the door's.
fn others<S: Clone + Send + Sync + 'static>(allow: String) -> MethodRouter<S> {
    let refuse = move || async move { (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allow)]) };
    on(MethodFilter::HEAD, refuse.clone()).fallback(refuse)
}

fn verbs(path: &str) -> String {
    let here = endpoints::all().filter(|endpoint| endpoint.path == path);
    here.map(|endpoint| endpoint.verb.name()).collect::<Vec<_>>().join(", ")
}

fn fold(mut request: Request) -> Request {
    if let Some(documented) = spelling::documented(request.uri()) {
        *request.uri_mut() = documented;
    }
    request
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::admission::needs_token;
    use crate::http::endpoint::Auth;
    use axum::body::Body;

    #[tokio::test]
    async fn head_and_options_are_not_special_on_documented_paths() {
        let path = on(MethodFilter::GET, || async { "fine" }).merge(others("GET, POST".to_owned()));
        let table: Router = Router::new().route("/api/x", path);
        for method in ["HEAD", "OPTIONS", "PUT"] {
            let asked = Request::builder().method(method).uri("/api/x").body(Body::empty()).unwrap();
            let answer = table.clone().oneshot(asked).await.unwrap();
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
            assert_eq!(answer.headers()[ALLOW], "GET, POST", "{method}");
        }
    }

    #[test]
    fn each_endpoint_has_one_handler_and_each_handler_an_endpoint() {
        let name = |endpoint: &Endpoint| (endpoint.path, endpoint.verb.name());
        let mut defined: Vec<_> = endpoints::all().map(name).collect();
        let mut joined: Vec<_> =
            routes().iter().chain(&bulk::routes::routes()).map(|route| name(route.endpoint)).collect();
        defined.sort_unstable();
        joined.sort_unstable();
        assert_eq!(defined, joined);
    }

    #[test]
    fn the_door_asks_for_the_token_where_the_table_says() {
        for endpoint in endpoints::all() {
            assert_eq!(needs_token(endpoint.path), endpoint.auth == Auth::Bearer, "{}", endpoint.path);
            assert_eq!(
                Family::of(endpoint.path) != Family::Native,
                endpoint.auth == Auth::Shape,
                "{}",
                endpoint.path
            );
        }
    }
}
