//! Who may share what: a set of signed statements, and what follows from it.
//!
//! **Entries** add a device to a scope. **Rulings** (`ruling.rs`) take entries back, say up to where the logs of who
//! lost its right are good, and let a recovery key throw out whoever threw out the others. Trust starts at one's own
//! device and follows the entries that stand, so two devices of a person that were each paired with a third know each
//! other without being paired. All of it is a pure function of the set: whatever came first, devices that know the same
//! statements decide the same.

mod fork;
mod ruling;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Space};
use crate::identity::{DeviceCard, DeviceKey, PublicKey, Rights, SignatureBytes};

pub use fork::{Branch, Fork};
pub use ruling::{Ruling, Saying};
pub use standing::{Admitted, Standing};

/// Name of a statement.
pub type StatementId = [u8; 16];

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
    /// Names the removals of the subject that its adder had seen: zeros when there was none. What is taken back is
    /// taken back by name, so adding a device again needs an entry of another name.
    pub after: [u8; 8],
    /// By whom.
    pub adder: PublicKey,
    signature: SignatureBytes,
}

impl RosterEntry {
    /// Adds `subject`, which nobody removed so far, to `scope` in the name of `key`'s device.
    pub fn add(subject: DeviceCard, scope: Scope, key: &DeviceKey) -> RosterEntry {
        RosterEntry::add_after(subject, scope, [0; 8], key)
    }

    /// Adds `subject` to `scope` when the removals that `after` names were known.
    pub fn add_after(subject: DeviceCard, scope: Scope, after: [u8; 8], key: &DeviceKey) -> RosterEntry {
        let signed = signed(&subject, &scope, after);
        let signature = SignatureBytes::of(key, &signed);
        RosterEntry { version: 1, subject, scope, after, adder: key.public(), signature }
    }

    /// True when format, card and signature hold.
    pub fn holds(&self) -> bool {
        let signed = signed(&self.subject, &self.scope, self.after);
        self.version == 1 && self.subject.holds() && self.adder.verify(&signed, self.signature.as_bytes())
    }

    /// Name of the entry, for keeping it once and for taking it back.
    pub fn id(&self) -> StatementId {
        let signed = signed(&self.subject, &self.scope, self.after);
        name("quire roster entry 1", &signed, self.signature.as_bytes())
    }
}

fn signed(subject: &DeviceCard, scope: &Scope, after: [u8; 8]) -> Vec<u8> {
    let mut out = b"quire roster add 1".to_vec();
    out.extend_from_slice(&subject.key.0);
    out.extend_from_slice(&subject.channel_key);
    out.extend_from_slice(&(subject.name.len() as u32).to_be_bytes());
    out.extend_from_slice(subject.name.as_bytes());
    out.extend_from_slice(&after);
    match scope {
        Scope::Everything => out.push(0),
        Scope::One(space, rights) => {
            out.extend_from_slice(&[1, rights.0]);
            out.extend_from_slice(space.as_str().as_bytes());
        }
    }
    out
}

fn name(context: &str, signed: &[u8], signature: &[u8]) -> StatementId {
    let hash = blake3::derive_key(context, &[signed, signature].concat());
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
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

    fn of(card: &DeviceCard, everything: bool) -> Trust {
        Trust { card: card.clone(), everything, spaces: BTreeMap::new() }
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

/// The statements that a device knows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Roster {
    /// Who was added to what.
    pub entries: Vec<RosterEntry>,
    /// What was ruled since.
    pub rulings: Vec<Ruling>,
}

impl Roster {
    /// Names the removals of a device that are known here: what a new entry for it comes [after](RosterEntry::after).
    pub fn removals_of(&self, subject: DeviceId) -> [u8; 8] {
        let names = |ruling: &Ruling| match ruling.says()? {
            Saying::Remove { device, .. } if device == subject => Some(ruling.id()),
            _ => None,
        };
        let mut known: Vec<StatementId> = self.rulings.iter().filter_map(names).collect();
        let mut after = [0; 8];
        if !known.is_empty() {
            known.sort_unstable();
            after.copy_from_slice(&blake3::derive_key("quire removals 1", &known.concat())[..8]);
        }
        after
    }

    /// The forks that are proven.
    pub fn forks(&self) -> impl Iterator<Item = (&Ruling, Fork)> {
        self.rulings.iter().filter_map(|ruling| match ruling.says()? {
            Saying::Fork(fork) => Some((ruling, *fork)),
            _ => None,
        })
    }

    /// Names of the entries that add a device.
    pub fn entries_of(&self, subject: DeviceId) -> Vec<StatementId> {
        self.entries.iter().filter(|entry| entry.subject.id() == subject).map(RosterEntry::id).collect()
    }
}
