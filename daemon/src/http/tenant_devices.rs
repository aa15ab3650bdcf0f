//! `api/devices`: a field app's device gets an id.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quire_protocol::id::Space;
use quire_protocol::shapes::contract::{DEVICE, Members};
use quire_protocol::shapes::error::HttpError;
use serde_json::Value;

use super::failure::shape_refusal;
use super::granted::Granted;
use super::{tenant, web};

/// The action's parameter.
const PARAMETER: &str = "deviceRepresentation";

/// `POST /api/devices`. A name is unique within its tenant (REFERENCE B2), so the id is made of both: whoever registers
/// the same name again, at whichever daemon, is the same device, and nothing need be kept.
pub(super) async fn register(
    granted: Granted,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Response> {
    let told = web::read(&headers, &body, &DEVICE, PARAMETER).map_err(web::refused)?;
    let space = tenant::of_head(&headers).unwrap_or_else(|| tenant::of_body(&headers, &told.members));
    granted.device_of(&space).map_err(|error| shape_refusal(&error))?;
    let device = filled(&space, told.members).map_err(web::refused)?;
    Ok(web::one(web::wanted(&headers), StatusCode::CREATED, &DEVICE, &device))
}

fn filled(space: &Space, mut device: Members) -> Result<Members, HttpError> {
    let name = device.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(HttpError::invalid_member(PARAMETER, "name", "A name is required."));
    }
    let mut hasher = blake3::Hasher::new_derive_key("quire device registration 1");
    hasher.update(space.as_str().as_bytes()).update(&[0]).update(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    let now = tenant::now();
    let own = [
        ("deviceId", Value::from(uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())),
        ("tenantId", space.tenant_guid().unwrap_or_default().into()),
        ("createdDateUtc", now.as_str().into()),
        ("updatedDateUtc", now.as_str().into()),
    ];
    device.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Ok(device)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_one_device_of_its_tenant() {
        let id = |tenant: u8, name: &str| {
            let members = json!({ "name": name }).as_object().unwrap().clone();
            filled(&Space::tenant(&uuid::Uuid::from_bytes([tenant; 16])), members).unwrap()["deviceId"]
                .clone()
        };
        assert_eq!(id(1, "a"), id(1, "a"));
        assert_ne!(id(1, "a"), id(1, "b"));
        assert_ne!(id(1, "a"), id(2, "a"));
        assert_eq!(filled(&Space::account(1), Members::new()).unwrap_err().status, 400);
    }
}
