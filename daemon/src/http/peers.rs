//! `/v1/peers` and `/v1/sync`: the paired devices.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::Rights;
use serde_json::{Value, json};

use super::input::{Named, bad, missing, optional_object};
use super::network::PeerStatus;
use super::problem::Problem;
use super::roster::reasons;
use super::router::Services;

/// `GET /v1/peers`.
pub(super) async fn list(State(services): State<Services>) -> Json<Value> {
    Json(told(&services.network.peers()))
}

/// `DELETE /v1/peers/{deviceId}`: revokes the pairing.
pub(super) async fn remove(
    State(services): State<Services>,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    let device = DeviceId::parse(&id).ok_or_else(unpaired)?;
    if services.engine.remove_peer(device).await? { Ok(StatusCode::NO_CONTENT) } else { Err(unpaired()) }
}

/// `POST /v1/sync`: tries peers now.
pub(super) async fn sync(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let members = optional_object(&headers, &body, &["peer"])?;
    let peer = match members.get("peer") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(DeviceId::parse(id).ok_or_else(unpaired)?),
        Some(_) => return Err(bad("`peer` must be a device id")),
    };
    let peers = services.network.peers();
    let tried = peers.iter().filter(|known| peer.is_none_or(|peer| known.device == peer)).count();
    if peer.is_some() && tried == 0 {
        return Err(unpaired());
    }
    services.network.sync_now(peer);
    Ok((StatusCode::ACCEPTED, Json(json!({ "peers": tried }))))
}

fn unpaired() -> Problem {
    missing("no such device is paired")
}

/// All peers as the API tells them.
pub(super) fn told(peers: &[PeerStatus]) -> Value {
    json!({ "peers": peers.iter().map(one).collect::<Vec<_>>() })
}

/// One peer as the API tells it; times are seconds from now.
pub(super) fn one(peer: &PeerStatus) -> Value {
    // Exact: nobody waits for 2^53 ms.
    #[allow(clippy::cast_precision_loss)]
    let next_attempt = peer.next_attempt_ms.map(|ms| ms as f64 / 1_000.0);
    json!({
        "deviceId": peer.device.to_string(),
        "name": peer.name,
        "connected": peer.connected,
        "address": peer.address,
        "lastError": peer.last_error,
        "nextAttempt": next_attempt,
        "behindBy": peer.behind_by,
        "setAside": peer.set_aside,
        "setAsideReasons": reasons(&peer.set_aside_first),
        "grants": grants(peer.grants.as_deref()),
        "addedBy": peer.added_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What a device may do: `"everything"` for one of the same person, else its rights in each space.
pub(super) fn grants(spaces: Option<&[(Space, Rights)]>) -> Value {
    let Some(spaces) = spaces else { return Value::from("everything") };
    let one =
        |(space, rights): &(Space, Rights)| json!({ "space": space.as_str(), "rights": rights.words() });
    spaces.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_the_documented_members() {
        let device = DeviceId([1; 20]);
        let peer = PeerStatus {
            device,
            name: "desk".into(),
            connected: false,
            address: None,
            last_error: Some("refused".into()),
            next_attempt_ms: Some(1_500),
            behind_by: 2,
            set_aside: 0,
            set_aside_first: Vec::new(),
            grants: Some(vec![(Space::account(3), Rights::READ.or(Rights::WRITE))]),
            added_by: vec![device],
        };
        let wanted = format!(
            r#"{{"peers":[{{"deviceId":"{device}","name":"desk","connected":false,"address":null,"#,
        ) + r#""lastError":"refused","nextAttempt":1.5,"behindBy":2,"setAside":0,"#
            + &format!(
                r#""setAsideReasons":[],"grants":[{{"space":"account:3","rights":["read","write"]}}],"addedBy":["{device}"]}}]}}"#
            );
        assert_eq!(told(&[peer]).to_string(), wanted);
    }
}
