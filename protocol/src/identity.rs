//! Who is who: device keys, incarnation certificates, and the roster of devices that may share spaces.
//!
//! The roster is a set of signed `add` entries. Trust starts at one's own device and follows them, so two
//! devices of a person that were each paired with a third know each other without being paired.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Incarnation, Space};
use crate::limits::MAX_DEVICE_NAME;

/// The Ed25519 key of this device: signs incarnations, segments and roster entries.
pub struct DeviceKey(SigningKey);

/// The public half of a device's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PublicKey(pub [u8; 32]);

/// A 64-byte signature in a form that serde carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignatureBytes(Vec<u8>);

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

    fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
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

/// Which spaces a roster entry speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// A device of the same person: every space, later ones too, with all rights.
    Everything,
    /// One space.
    One(Space, Rights),
}

/// One signed `add`: `adder` says that `subject` may share `scope`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RosterEntry {
    /// Format of the entry; 1.
    pub version: u8,
    /// Who is added.
    pub subject: DeviceCard,
    /// To what.
    pub scope: Scope,
    /// By whom.
    pub adder: PublicKey,
    signature: SignatureBytes,
}

impl RosterEntry {
    /// Adds `subject` to `scope` in the name of `key`'s device.
    pub fn add(subject: DeviceCard, scope: Scope, key: &DeviceKey) -> RosterEntry {
        let mut entry = RosterEntry {
            version: 1,
            subject,
            scope,
            adder: key.public(),
            signature: SignatureBytes(Vec::new()),
        };
        entry.signature = SignatureBytes(key.sign(&entry.signed()).to_vec());
        entry
    }

    /// True when format, card and signature hold.
    pub fn holds(&self) -> bool {
        self.version == 1 && self.subject.holds() && self.adder.verify(&self.signed(), &self.signature.0)
    }

    /// Name of the entry, for keeping it once.
    pub fn id(&self) -> [u8; 16] {
        let hash =
            blake3::derive_key("quire roster entry 1", &[self.signed(), self.signature.0.clone()].concat());
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = b"quire roster add 1".to_vec();
        out.extend_from_slice(&self.subject.key.0);
        out.extend_from_slice(&self.subject.channel_key);
        out.extend_from_slice(&(self.subject.name.len() as u32).to_be_bytes());
        out.extend_from_slice(self.subject.name.as_bytes());
        match &self.scope {
            Scope::Everything => out.push(0),
            Scope::One(space, rights) => {
                out.extend_from_slice(&[1, rights.0]);
                out.extend_from_slice(space.as_str().as_bytes());
            }
        }
        out
    }
}

/// What one device is trusted with, as seen from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// Its card, from the newest entry read.
    pub card: DeviceCard,
    /// True for a device of the same person.
    pub everything: bool,
    /// Rights in single spaces, for a device of somebody else.
    pub spaces: BTreeMap<Space, Rights>,
}

impl Trust {
    /// Its rights in `space`.
    pub fn rights(&self, space: &Space) -> Rights {
        if self.everything { Rights::ALL } else { self.spaces.get(space).copied().unwrap_or(Rights(0)) }
    }

    fn grant(&mut self, scope: &Scope, adder: &Trust) -> bool {
        let before = (self.everything, self.spaces.clone());
        match scope {
            Scope::Everything if adder.everything => self.everything = true,
            Scope::Everything => {
                for (space, rights) in &adder.spaces {
                    self.grant_one(space, *rights, adder);
                }
            }
            Scope::One(space, rights) => self.grant_one(space, *rights, adder),
        }
        before != (self.everything, self.spaces.clone())
    }

    /// Nobody can give more than they have, and only who may invite can give at all.
    fn grant_one(&mut self, space: &Space, rights: Rights, adder: &Trust) {
        let held = adder.rights(space);
        if held.allow(Rights::INVITE) {
            let entry = self.spaces.entry(space.clone()).or_insert(Rights(0));
            *entry = entry.or(rights.and(held));
        }
    }
}

/// Everything that follows from `entries` for the device of `me`: a pure function of the set.
pub fn trusted<'a>(
    me: &DeviceCard,
    entries: impl Iterator<Item = &'a RosterEntry> + Clone,
) -> BTreeMap<DeviceId, Trust> {
    let own = Trust { card: me.clone(), everything: true, spaces: BTreeMap::new() };
    let mut known = BTreeMap::from([(me.id(), own)]);
    loop {
        let mut grew = false;
        for entry in entries.clone() {
            let Some(adder) = known.get(&entry.adder.device()).cloned() else { continue };
            let subject = entry.subject.id();
            if subject == me.id() {
                continue;
            }
            let trust = known.entry(subject).or_insert_with(|| {
                grew = true;
                Trust { card: entry.subject.clone(), everything: false, spaces: BTreeMap::new() }
            });
            grew |= trust.grant(&entry.scope, &adder);
        }
        if !grew {
            known.retain(|_, trust| trust.everything || trust.spaces.values().any(|r| r.0 != 0));
            return known;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> (DeviceKey, DeviceCard) {
        let key = DeviceKey::from_seed(&[n; 32]);
        let card = DeviceCard::issue(&key, [n; 32], &format!("device {n}"));
        (key, card)
    }

    #[test]
    fn trust_follows_the_adds_of_ones_own_devices() {
        let (a, b, c) = (device(1), device(2), device(3));
        let entries = [
            RosterEntry::add(b.1.clone(), Scope::Everything, &a.0),
            RosterEntry::add(c.1.clone(), Scope::Everything, &b.0),
        ];
        assert!(trusted(&a.1, entries.iter())[&c.1.id()].everything);
        assert_eq!(trusted(&c.1, entries.iter()).len(), 1, "nobody was added by c");
    }

    #[test]
    fn a_guest_cannot_give_more_than_it_has() {
        let (a, b, c) = (device(1), device(2), device(3));
        let three = Space::account(3);
        let guest = Rights::READ.or(Rights::INVITE);
        let entries = [
            RosterEntry::add(b.1.clone(), Scope::One(three.clone(), guest), &a.0),
            RosterEntry::add(c.1.clone(), Scope::Everything, &b.0),
        ];
        let known = trusted(&a.1, entries.iter());
        let trust = &known[&c.1.id()];
        assert!(!trust.everything);
        assert_eq!(trust.rights(&three), guest);
        assert_eq!(trust.rights(&Space::account(4)), Rights(0));
    }

    #[test]
    fn a_guest_that_may_not_invite_adds_nobody() {
        let (a, b, c) = (device(1), device(2), device(3));
        let rw = Rights::READ.or(Rights::WRITE);
        let entries = [
            RosterEntry::add(b.1.clone(), Scope::One(Space::account(3), rw), &a.0),
            RosterEntry::add(c.1.clone(), Scope::One(Space::account(3), rw), &b.0),
        ];
        assert!(!trusted(&a.1, entries.iter()).contains_key(&c.1.id()));
    }

    #[test]
    fn changed_entries_and_certificates_do_not_hold() {
        let (a, b) = (device(1), device(2));
        let mut entry = RosterEntry::add(b.1.clone(), Scope::One(Space::account(3), Rights::READ), &a.0);
        assert!(entry.holds());
        entry.scope = Scope::Everything;
        assert!(!entry.holds());
        let mut certificate = Certificate::issue(Incarnation([1; 16]), &a.0);
        assert!(certificate.holds());
        certificate.incarnation = Incarnation([2; 16]);
        assert!(!certificate.holds());
    }
}
