//! `/v1/set-aside`, `/v1/recovery` and what becomes of a removed device's records.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use data_encoding::HEXLOWER_PERMISSIVE;
use quire_protocol::id::DeviceId;
use quire_protocol::identity::PublicKey;
use quire_protocol::roster::Ruling;
use serde_json::{Value, json};

use super::failure::off_thread;
use super::input::{Named, bad, missing, object};
use super::problem::Problem;
use super::router::Services;
use crate::replica::SetAside;
use crate::store::rows::Aside;

/// `GET /v1/set-aside`.
pub(super) async fn set_aside(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let found = off_thread(move || services.engine.asides(None)).await?;
    Ok(Json(json!({ "setAside": found.iter().map(told).collect::<Vec<_>>() })))
}

fn told(aside: &SetAside) -> Value {
    json!({
        "space": aside.space.as_str(),
        "deviceId": aside.author.map(|device| device.to_string()),
        "log": aside.log.to_string(),
        "seq": aside.seq,
        "reason": reason(&aside.why),
    })
}

/// How many records of a device were set aside for each reason, among the first that are told.
pub(super) fn reasons(found: &[SetAside]) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for aside in found {
        *counts.entry(reason(&aside.why)).or_default() += 1;
    }
    counts.into_iter().map(|(reason, count)| json!({ "reason": reason, "count": count })).collect()
}

/// Why a record is not used, for people.
fn reason(why: &Aside) -> String {
    match why {
        Aside::Gate(reason) => reason.to_string(),
        Aside::UnknownRules => "it was written by a newer version; update this one".to_owned(),
        Aside::BehindCut => "its author had been removed".to_owned(),
        Aside::Forked => {
            "its log forked: one device wrote it in two places, or signed two versions; what it says is said again".to_owned()
        }
        Aside::DependsOnForked => "it builds on a record of a log that forked; what it says is said again".to_owned(),
    }
}

/// `POST /v1/peers/{deviceId}/adopt`.
pub(super) async fn adopt(State(services): State<Services>, Named(id): Named) -> Result<StatusCode, Problem> {
    let device = DeviceId::parse(&id).ok_or_else(|| missing("no such device was ever paired"))?;
    if services.engine.adopt(device).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let paired = services.engine.peers().iter().any(|peer| peer.card.id() == device);
    Err(if paired {
        Problem::new(StatusCode::CONFLICT, "the device is paired: all that it writes counts")
    } else {
        missing("no such device was ever paired")
    })
}

/// `POST /v1/leave`.
pub(super) async fn leave(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let members = object(&headers, &body, &["deviceId", "evenIfLost"])?;
    let own = services.engine.card().id();
    if members.get("deviceId").and_then(Value::as_str).and_then(DeviceId::parse) != Some(own) {
        return Err(bad("`deviceId` must be this device, so that nobody leaves by mistake"));
    }
    let even_if_lost = members.get("evenIfLost").and_then(Value::as_bool).unwrap_or(false);
    let is_elsewhere =
        services.network.peers().iter().any(|peer| peer.grants.is_none() && peer.behind_by == 0);
    let is_empty = services.engine.mirror().names.spaces().next().is_none();
    if !(is_elsewhere || is_empty || even_if_lost) {
        let why = "no other device of yours has all that is here: it would be lost";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    services.engine.leave().await?;
    services.about.leaving.send_replace(true);
    Ok(StatusCode::ACCEPTED)
}

/// `POST /v1/recovery`: puts a key on paper above this person's devices.
pub(super) async fn name(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let members = object(&headers, &body, &["key"])?;
    let bytes = members.get("key").and_then(Value::as_str).and_then(hex);
    let key = bytes.and_then(|bytes| bytes.try_into().ok()).map(PublicKey);
    let key = key.ok_or_else(|| bad("`key` must be the 64 hexadecimal digits of an Ed25519 public key"))?;
    if services.engine.name_recovery(key).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "your devices have a recovery key already; its 24 words stay the ones that count",
    ))
}

/// `POST /v1/recovery/expulsions`: takes a ruling that was signed with the recovery key.
pub(super) async fn expel(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let members = object(&headers, &body, &["ruling"])?;
    let bytes = members.get("ruling").and_then(Value::as_str).and_then(hex);
    let ruling: Option<Ruling> = bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok());
    let ruling = ruling.ok_or_else(|| bad("`ruling` must be the hexadecimal digits of a signed ruling"))?;
    if services.engine.expel(ruling).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "the words are not those of the recovery key that this device keeps to",
    ))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}
