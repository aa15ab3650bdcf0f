//! The way of one request: guard, admission, body, router, and what every answer carries. No layer of a router
//! comes before this, so none can forget it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW,
    CACHE_CONTROL, CONTENT_TYPE, EXPECT, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt};
use hyper::body::Incoming;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::admission;
use super::bodies::{self, BodyError};
use super::bulk::overrides::Overrides;
use super::caller::Caller;
use super::guard::{self, Passage, SharedRules};
use super::problem::Family;
use super::server::{Limits, wait_for_stop};
use super::unserved::Asked;
use super::web;

/// Everything one request needs, shared by all connections.
#[derive(Clone)]
pub struct Door {
    router: Router,
    rules: SharedRules,
    limits: Limits,
    body_memory: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Door {
    /// A door before `router`. Event streams end when `stop` becomes true.
    #[must_use]
    pub fn new(router: Router, rules: SharedRules, limits: Limits, stop: watch::Receiver<bool>) -> Self {
        Self {
            // The bound of axum's own extractors (2 MiB) would come before ours, in words that are no shape's.
            router: router.layer(DefaultBodyLimit::disable()),
            rules,
            limits,
            body_memory: Arc::new(Semaphore::new(limits.body_memory)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            stop,
        }
    }

    /// Answers one request. Handlers find the [`Caller`] and the [`admission::Pass`] among its extensions and the body in memory.
    pub async fn answer(&self, caller: Caller, request: Request<Incoming>) -> Response {
        let (mut parts, body) = request.into_parts();
        let rules = self.rules.load();
        let asked = Asked::from(&parts);
        let (passage, admitted) = match guard::check(&parts, &rules) {
            Err(refusal) => (Passage::Own, Err(asked.family().refuse(refusal.status(), refusal.to_string()))),
            Ok(passage @ Passage::Preflight(_)) => (passage, Err(StatusCode::NO_CONTENT.into_response())),
            Ok(passage) => {
                let admitted = admission::admit(&parts, &passage, caller, &rules).await;
                (passage, admitted)
            }
        };
        let scheme = if rules.https { "https" } else { "http" };
        drop(rules);
        let response = match admitted {
            Err(refusal) => refusal,
            Ok(pass) => {
                let overrides = Overrides::take(&mut parts);
                let asked = Asked::from(&parts);
                parts.extensions.insert(caller);
                parts.extensions.insert(pass);
                overrides.told(web::SCHEME.scope(scheme, self.take(parts, body, &asked)).await)
            }
        };
        let mut response = asked.negotiated(response);
        harden(&mut response, &passage);
        response
    }

    async fn take(&self, parts: Parts, mut body: Incoming, asked: &Asked) -> Response {
        let limit = self.limits.body_bytes(asked.family());
        let read =
            bodies::read(&parts.headers, &mut body, limit, self.limits.body_time, &self.body_memory).await;
        let held = match read {
            Ok(held) => held,
            Err(why) => {
                // A client that waits for `100 Continue` has sent nothing and will send nothing.
                if why != BodyError::TooSlow && !parts.headers.contains_key(EXPECT) {
                    tokio::spawn(bodies::linger(body));
                }
                return asked.family().refuse_body(why);
            }
        };
        // `held` lives until the handler has answered: until then its memory counts.
        let request = Request::from_parts(parts, Body::from(held.bytes.clone()));
        let response = self.route(request, asked.family()).await;
        self.finish(response, asked)
    }

    /// A handler that panics costs its caller an answer, and nobody else anything.
    async fn route(&self, request: Request<Body>, family: Family) -> Response {
        match AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(_) => {
                tracing::error!("a request handler panicked; this is a bug in Quire");
                family.refuse(StatusCode::INTERNAL_SERVER_ERROR, "An error has occurred.")
            }
        }
    }

    fn finish(&self, response: Response, asked: &Asked) -> Response {
        let bare = !response.headers().contains_key(CONTENT_TYPE) && response.body().is_end_stream();
        match response.status() {
            StatusCode::NOT_FOUND if bare => asked.not_found(),
            StatusCode::METHOD_NOT_ALLOWED if bare => with_allow(asked.method_not_allowed(), &response),
            _ if is_event_stream(&response) => self.stream(response, asked.family()),
            _ => response,
        }
    }

    /// Event streams never end by themselves: they are counted, and end when the daemon stops.
    fn stream(&self, response: Response, family: Family) -> Response {
        let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else {
            return family.refuse(StatusCode::SERVICE_UNAVAILABLE, "Too many event streams are open.");
        };
        let stopped = wait_for_stop(self.stop.clone());
        response.map(|body| {
            let counted = body.into_data_stream().map(move |part: Result<Bytes, _>| {
                let _ = &permit;
                part
            });
            Body::from_stream(counted.take_until(Box::pin(stopped)))
        })
    }
}

fn with_allow(mut told: Response, response: &Response) -> Response {
    if let Some(allow) = response.headers().get(ALLOW) {
        told.headers_mut().insert(ALLOW, allow.clone());
    }
    told
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// What every answer carries, and what none may: a permission for another origin than the one it was granted to.
fn harden(response: &mut Response, passage: &Passage) {
    const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let grants = |name: &&HeaderName| name.as_str().starts_with("access-control-allow-");
    let granted: Vec<HeaderName> = headers.keys().filter(grants).cloned().collect();
    for name in granted {
        headers.remove(name);
    }
    let (Passage::Granted(origin) | Passage::Preflight(origin)) = passage else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Passage::Preflight(_) = passage {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE"));
        let fields = HeaderValue::from_static("Authorization, Content-Type");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, fields);
    }
}
