//! Who calls: the one place where the Bulk shapes ask for credentials (REFERENCE A1).

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;

use super::{identity, sentence};
use crate::bulk::{Bulk, Caller};
use crate::http::admission::Pass;
use crate::http::problem::Family;
use crate::http::router::Services;

/// A handler behind the question who calls, where its path is one of the Bulk shapes. Discovery answers who is nobody
/// itself.
pub(in crate::http) fn guarded(
    path: &str,
    handler: MethodRouter<Services>,
    services: &Services,
) -> MethodRouter<Services> {
    if Family::of(path) != Family::Bulk || path == identity::PATH {
        return handler;
    }
    handler.route_layer(from_fn_with_state(services.clone(), known))
}

/// Handlers find the [`Caller`] among the extensions of a request.
async fn known(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    if let Some(Pass::App(app)) = request.extensions().get()
        && app.is_restricted()
    {
        // Objects are of all accounts, and so are exports and imports of them.
        let why = "This app password is for some spaces; the Bulk shapes need one that is for all of them.";
        return sentence::refusal(StatusCode::FORBIDDEN, why);
    }
    match caller(&services.bulk, request.headers()).await {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => sentence::plain(StatusCode::UNAUTHORIZED),
    }
}

/// Who calls; `None` for credentials that do not hold.
pub(super) async fn caller(bulk: &Bulk, headers: &HeaderMap) -> Option<Caller> {
    let told = headers.get(AUTHORIZATION).map(|told| told.as_bytes().to_vec());
    bulk.authenticate(told.as_deref()).await
}
