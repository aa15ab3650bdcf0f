//! Names of things: devices, incarnations, spaces, documents, changes.
//!
//! Every id is opaque bytes with one text form; nothing here says what an id points at.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use crate::domain::Kind;
use crate::limits::MAX_SPACE_NAME;

/// SHA-256 of an Automerge change: its name inside a document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeId(pub [u8; 32]);

/// One life of one installation: the id of its logs and the prefix of its Automerge actors.
///
/// Minted at installation and again whenever the store turns out to be a copy or an old backup;
/// reusing one after a restore would silently lose every later edit (`ARCHITECTURE.md`, decision 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub [u8; 16]);

/// Name of one document: first 16 bytes of blake3 over (kind, identity).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocId(pub [u8; 16]);

/// A device: first 20 bytes of blake3 of its Ed25519 public key, shown as 32 base32 letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId(pub [u8; 20]);

/// The unit of sharing, of authorisation and of clocks: `account:3`, `tenant:GUID`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Space(String);

impl DocId {
    /// The document of one item: `identity` is the canonical text of contract sections 2 and 4.
    pub fn of(kind: Kind, identity: &str) -> DocId {
        let mut hasher = blake3::Hasher::new_derive_key("quire document id 1");
        hasher.update(&[kind.code()]);
        hasher.update(identity.as_bytes());
        DocId(first(hasher.finalize().as_bytes()))
    }
}

impl DeviceId {
    /// The device that holds this Ed25519 public key.
    pub fn of(public_key: &[u8; 32]) -> DeviceId {
        let mut hasher = blake3::Hasher::new_derive_key("quire device id 1");
        hasher.update(public_key);
        DeviceId(first(hasher.finalize().as_bytes()))
    }

    /// Reads the text form; `None` when it is not one.
    pub fn parse(text: &str) -> Option<DeviceId> {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        Some(DeviceId(bytes.try_into().ok()?))
    }
}

impl Incarnation {
    /// Reads the text form (32 hex digits); `None` when it is not one.
    pub fn parse(text: &str) -> Option<Incarnation> {
        Some(Incarnation(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }
}

impl Space {
    /// The space of an account, by its number in the documented shapes.
    pub fn account(number: i64) -> Space {
        Space(format!("account:{number}"))
    }

    /// The space of a tenant, by its GUID.
    pub fn tenant(guid: &uuid::Uuid) -> Space {
        Space(format!("tenant:{guid}"))
    }

    /// Reads a space name; `None` when it is empty, too long, or of no known form.
    pub fn parse(text: &str) -> Option<Space> {
        if text.len() > MAX_SPACE_NAME {
            return None;
        }
        let known = match text.split_once(':')? {
            ("account", number) => number.parse::<i64>().is_ok_and(|n| n.to_string() == number),
            ("tenant", guid) => uuid::Uuid::parse_str(guid).is_ok_and(|u| u.to_string() == guid),
            _ => false,
        };
        known.then(|| Space(text.to_owned()))
    }

    /// The account number, when this is the space of an account.
    pub fn account_number(&self) -> Option<i64> {
        self.0.strip_prefix("account:")?.parse().ok()
    }

    /// The tenant's GUID, when this is the space of a tenant.
    pub fn tenant_guid(&self) -> Option<&str> {
        self.0.strip_prefix("tenant:")
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

macro_rules! hex_text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    )*};
}
hex_text!(ChangeId Incarnation DocId);

impl std::str::FromStr for ChangeId {
    type Err = data_encoding::DecodeError;

    /// Reads what `Display` writes: 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<ChangeId, Self::Err> {
        let mut id = [0; 32];
        let wrong =
            |position| data_encoding::DecodeError { position, kind: data_encoding::DecodeKind::Length };
        if text.len() != 2 * id.len() {
            return Err(wrong(text.len()));
        }
        HEXLOWER.decode_mut(text.as_bytes(), &mut id).map_err(|partial| partial.error)?;
        Ok(ChangeId(id))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_have_one_spelling() {
        assert!(Space::parse("account:3").is_some());
        for bad in ["account:03", "account:", "account:+3", "tenant:nope", "other:1", "account", ""] {
            assert!(Space::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn device_ids_come_back_from_text() {
        let id = DeviceId::of(&[7; 32]);
        assert_eq!(DeviceId::parse(&id.to_string()), Some(id));
        assert_eq!(DeviceId::parse("short"), None);
    }
}
