//! Which tenant a request of a field app is about: a member of the body, else a header, else none is named.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use quire_protocol::id::Space;
use quire_protocol::node::guid;
use quire_protocol::shapes::coerce::guid_text;
use quire_protocol::shapes::date::utc_text;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The header that names a tenant (REFERENCE B1).
pub(super) const HEADER: &str = "X-Cyan-TenantAccessKey";

/// The tenant that a body names, else the head; all zeros where nobody says.
pub(super) fn of_body(headers: &HeaderMap, members: &Map<String, Value>) -> Space {
    let own = guid(members, "tenantId").and_then(space_of);
    own.or_else(|| of_head(headers)).unwrap_or_else(|| Space::tenant(&Uuid::nil()))
}

/// The tenant that the head names.
pub(super) fn of_head(headers: &HeaderMap) -> Option<Space> {
    let key = headers.get(HEADER)?.to_str().ok()?.trim();
    (!key.is_empty()).then(|| space_of(key).unwrap_or_else(|| of_key(key)))
}

/// The tenant of a GUID, in any of the forms that .NET knows.
pub(super) fn space_of(text: &str) -> Option<Space> {
    Some(Space::tenant(&Uuid::parse_str(&guid_text(text)?).ok()?))
}

/// An access key that is no GUID names a tenant of its own: the same key, the same one.
fn of_key(key: &str) -> Space {
    let hash = blake3::derive_key("quire tenant access key 1", key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Space::tenant(&uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// The moment as text, for dates that nobody sent; decides nothing.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    utc_text(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A GUID for what came without one.
pub(super) fn fresh() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const GUID: &str = "087a4be1-37eb-4c62-8484-39e603c2f6bd";

    #[test]
    fn the_body_is_asked_before_the_head() {
        let head: HeaderMap =
            [(HEADER.parse().unwrap(), GUID.to_uppercase().parse().unwrap())].into_iter().collect();
        let of = |members: Value| of_body(&head, members.as_object().unwrap()).to_string();
        assert_eq!(of(json!({})), format!("tenant:{GUID}"));
        let other = GUID.replace('0', "1");
        assert_eq!(of(json!({ "tenantId": other })), format!("tenant:{other}"));
        assert_eq!(of(json!({ "tenantId": Uuid::nil().to_string() })), format!("tenant:{GUID}"));
        assert_eq!(of_body(&HeaderMap::new(), &Map::new()), Space::tenant(&Uuid::nil()));
    }

    #[test]
    fn a_key_that_is_no_guid_names_one_tenant() {
        let of =
            |key: &str| of_head(&[(HEADER.parse().unwrap(), key.parse().unwrap())].into_iter().collect());
        assert_eq!(of("secret"), of(" secret "));
        assert_ne!(of("secret"), of("other"));
        assert_eq!(of(" "), None);
    }
}
