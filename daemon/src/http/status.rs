//! What a daemon says about itself and its spaces: `/v1/status`, `/v1/spaces`, `/healthz`, `/readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind;
use quire_protocol::id::Space;
use serde_json::{Map, Value, json};

use super::failure::off_thread;
use super::input::{Named, missing};
use super::problem::Problem;
use super::router::{Secured, Services};
use crate::store::protection::Place;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// `GET /readyz`: the daemon can be used.
pub(super) async fn readyz(State(services): State<Services>) -> Response {
    let refuse = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if !*services.about.ready.borrow() {
        return refuse("the daemon is starting or stopping");
    }
    if !services.engine.is_usable().await {
        return refuse("the store cannot be written; the daemon's log says why");
    }
    "ok".into_response()
}

/// `GET /v1/status`.
pub(super) async fn status(State(services): State<Services>) -> Json<Value> {
    // Not `Engine::spaces`, which counts items.
    let spaces = services.engine.mirror().names.spaces().count();
    let (card, about) = (services.engine.card(), &services.about);
    let peers = services.network.peers();
    let connected = peers.iter().filter(|peer| peer.connected).count();
    Json(json!({
        "deviceId": card.id().to_string(),
        "name": card.name,
        "version": env!("CARGO_PKG_VERSION"),
        "api": about.api,
        "tls": about.tls.as_ref().map(secured),
        "peer": about.peer,
        "spaces": spaces,
        "peers": { "known": peers.len(), "connected": connected },
        "removedBy": services.engine.removed_by().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "discovery": services.network.discovery().text(),
        "encrypted": services.engine.key_place().is_some(),
        "keyPlace": services.engine.key_place().map(Place::word),
        "lastEvent": services.engine.last_event(),
        "startedMs": about.started_ms,
    }))
}

fn secured(tls: &Secured) -> Value {
    json!({ "api": tls.api, "certificate": tls.certificate.to_string_lossy() })
}

/// `GET /v1/spaces`.
pub(super) async fn spaces(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let spaces = off_thread(move || Ok(services.engine.spaces())).await?;
    let told = spaces.iter().map(
        |view| json!({ "space": view.space.as_str(), "vector": vector(&view.clock), "items": view.items }),
    );
    Ok(Json(json!({ "spaces": told.collect::<Vec<_>>() })))
}

/// `GET /v1/spaces/{space}/clock`.
pub(super) async fn clock(
    State(services): State<Services>,
    Named(name): Named,
) -> Result<Json<Value>, Problem> {
    let not_held = || missing("this daemon holds no such space");
    let space = Space::parse(&name).ok_or_else(not_held)?;
    let clock = services.engine.clock(&space).ok_or_else(not_held)?;
    Ok(Json(json!({
        "space": space.as_str(),
        "vector": vector(&clock),
        "anchorHex": clock.to_anchor(&space),
    })))
}

/// A clock as JSON: how many records of each log.
fn vector(clock: &Clock) -> Map<String, Value> {
    clock.iter().map(|(log, seq)| (log.to_string(), Value::from(seq))).collect()
}

/// What this API calls a kind of item.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Marking => "marking",
        Kind::History => "activity",
        Kind::Book => "book",
        Kind::HtmlPage => "htmlPage",
        Kind::StyleSheet => "styleSheet",
        Kind::AccountCode => "accountCode",
        Kind::Popup => "popupSettings",
        Kind::Account => "account",
        Kind::Node => "node",
        Kind::Token => "syncToken",
        Kind::Anchor => "anchor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quire_protocol::id::Incarnation;

    #[test]
    fn a_vector_names_logs() {
        let clock: Clock = [(Incarnation([0xAB; 16]), 7)].into_iter().collect();
        assert_eq!(Value::Object(vector(&clock)), json!({ "abababababababababababababababab": 7 }));
        assert_eq!(Value::Object(vector(&Clock::default())), json!({}));
    }

    #[test]
    fn kinds_have_different_names() {
        let kinds = Kind::MODEL.into_iter().chain(Kind::TENANT);
        let names: std::collections::BTreeSet<_> = kinds.clone().map(kind_name).collect();
        assert_eq!(names.len(), kinds.count());
    }
}
