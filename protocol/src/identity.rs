//! Who is who: device keys, incarnation certificates, cards, and rights. Who may do what follows from the
//! [roster](crate::roster).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Incarnation};
use crate::limits::MAX_DEVICE_NAME;
pub use crate::roster::{RosterEntry, Scope, Trust};

/// The Ed25519 key of this device: signs incarnations, segments and roster entries.
pub struct DeviceKey(SigningKey);

/// The public half of a device's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PublicKey(pub [u8; 32]);

/// A 64-byte signature in a form that serde carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureBytes(Vec<u8>);

impl SignatureBytes {
    /// The signature of `key` over `message`.
    pub(crate) fn of(key: &DeviceKey, message: &[u8]) -> SignatureBytes {
        SignatureBytes(key.sign(message).to_vec())
    }

    /// Its bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl DeviceKey {
    /// The key of a 32-byte secret seed.
    pub fn from_seed(seed: &[u8; 32]) -> DeviceKey {
        DeviceKey(SigningKey::from_bytes(seed))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl PublicKey {
    /// The device that holds it.
    pub fn device(&self) -> DeviceId {
        DeviceId::of(&self.0)
    }

    /// True when `signature` is its holder's over `message` (strict: no malleable or weak-key forms).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(bytes) = <[u8; 64]>::try_from(signature) else { return false };
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(message, &Signature::from_bytes(&bytes)).is_ok()
    }
}

/// Binds an incarnation to a device. Replicates before any record of its logs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// The incarnation whose logs the device signs.
    pub incarnation: Incarnation,
    /// The device's key.
    pub device: PublicKey,
    signature: SignatureBytes,
}

impl Certificate {
    /// Certifies `incarnation` as a life of `key`'s device.
    pub fn issue(incarnation: Incarnation, key: &DeviceKey) -> Certificate {
        let signature = SignatureBytes(key.sign(&Self::signed(incarnation)).to_vec());
        Certificate { incarnation, device: key.public(), signature }
    }

    /// True when its device signed it.
    pub fn holds(&self) -> bool {
        self.device.verify(&Self::signed(self.incarnation), &self.signature.0)
    }

    fn signed(incarnation: Incarnation) -> Vec<u8> {
        [b"quire incarnation 1".as_slice(), &incarnation.0].concat()
    }
}

/// A device as others know it: both its keys and the name it shows. The keys are bound by a signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceCard {
    /// Signs logs and roster entries.
    pub key: PublicKey,
    /// X25519 key of the encrypted channel.
    pub channel_key: [u8; 32],
    /// What people call it. Display only.
    pub name: String,
    signature: SignatureBytes,
}

impl DeviceCard {
    /// The card of the device that holds `key`; a longer name is cut.
    pub fn issue(key: &DeviceKey, channel_key: [u8; 32], name: &str) -> DeviceCard {
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_DEVICE_NAME / 4).collect();
        let signature = SignatureBytes(key.sign(&Self::signed(&channel_key, &name)).to_vec());
        DeviceCard { key: key.public(), channel_key, name, signature }
    }

    /// The device's id.
    pub fn id(&self) -> DeviceId {
        self.key.device()
    }

    /// True when the device signed it.
    pub fn holds(&self) -> bool {
        self.name.len() <= MAX_DEVICE_NAME
            && self.key.verify(&Self::signed(&self.channel_key, &self.name), &self.signature.0)
    }

    fn signed(channel_key: &[u8; 32], name: &str) -> Vec<u8> {
        [b"quire device card 1".as_slice(), channel_key, name.as_bytes()].concat()
    }
}

/// What a device may do in a space: a set of rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rights(pub u8);

impl Rights {
    /// Receive its records.
    pub const READ: Rights = Rights(1);
    /// Have one's own records admitted.
    pub const WRITE: Rights = Rights(2);
    /// Add further devices.
    pub const INVITE: Rights = Rights(4);
    /// Remove devices.
    pub const ADMIN: Rights = Rights(8);
    /// All of them: what devices of one person grant each other.
    pub const ALL: Rights = Rights(15);

    /// True when `other` is contained.
    pub fn allow(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// In either.
    pub fn or(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// In both.
    pub fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// Their names, as [`parse`](Self::parse) reads them.
    pub fn words(self) -> Vec<&'static str> {
        let all =
            [(Self::READ, "read"), (Self::WRITE, "write"), (Self::INVITE, "invite"), (Self::ADMIN, "admin")];
        all.into_iter().filter(|(right, _)| self.allow(*right)).map(|(_, word)| word).collect()
    }

    /// Reads `read`, `write`, `invite`, `admin` in any mix of separators, or `rw`. Each of them implies `read`.
    pub fn parse(text: &str) -> Option<Rights> {
        if text == "rw" {
            return Some(Rights::READ.or(Rights::WRITE));
        }
        let words = text.split([',', ' ', '/', '+']).filter(|w| !w.is_empty());
        let rights = words.map(|word| match word {
            "r" | "read" => Some(Rights::READ),
            "w" | "write" => Some(Rights::WRITE),
            "invite" => Some(Rights::INVITE),
            "admin" => Some(Rights::ADMIN),
            _ => None,
        });
        let all = rights.collect::<Option<Vec<_>>>()?.into_iter().fold(Rights(0), Rights::or);
        (all.0 != 0).then(|| all.or(Rights::READ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_certificates_do_not_hold() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let mut certificate = Certificate::issue(Incarnation([1; 16]), &key);
        assert!(certificate.holds());
        certificate.incarnation = Incarnation([2; 16]);
        assert!(!certificate.holds());
    }
}
