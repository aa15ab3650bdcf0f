//! A signed statement about entries of the roster that were made before it.

use serde::{Deserialize, Serialize};

use super::{Fork, StatementId, name};
use crate::id::{DeviceId, Incarnation, Space};
use crate::identity::{DeviceKey, PublicKey, SignatureBytes};
use crate::limits::{MAX_LOGS, MAX_ROSTER, MAX_RULING};

const REMOVE: u8 = 1;
const CUT: u8 = 2;
const RECOVERY: u8 = 3;
const EXPEL: u8 = 4;
const FORK: u8 = 5;

/// One signed statement. Of a kind that this version does not know it is kept and passed on, and follows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ruling {
    /// What it says, by number.
    pub kind: u8,
    /// What it says, in the form of its kind.
    pub body: Vec<u8>,
    /// Who says it: a device, or a recovery key.
    pub by: PublicKey,
    pub(super) signature: SignatureBytes,
}

/// What a ruling says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Saying {
    /// These entries, which add this device, are taken back.
    Remove {
        /// The device.
        device: DeviceId,
        /// Entries by name: those that the remover knew.
        entries: Vec<StatementId>,
    },
    /// Of these logs so many records are good, should their authors have no right to write.
    Cut {
        /// In which space.
        space: Space,
        /// Log and last good record.
        logs: Vec<(Incarnation, u64)>,
    },
    /// This key, which a person keeps on paper, is above devices.
    Recovery {
        /// The key.
        key: PublicKey,
    },
    /// Nothing that these devices ever said counts, nor what was said for them. Only a recovery key says so.
    Expel {
        /// The devices.
        devices: Vec<DeviceId>,
    },
    /// A log forked: it is good up to the last record that its branches share, whoever wrote it. It proves itself.
    Fork(Box<Fork>),
}

impl Ruling {
    /// Signs what is said in the name of `key`.
    pub fn make(saying: &Saying, key: &DeviceKey) -> Ruling {
        let (kind, body) = saying.encode();
        let signature = SignatureBytes::of(key, &signed(kind, &body));
        Ruling { kind, body, by: key.public(), signature }
    }

    /// What it says; `None` for a kind that this version does not know, and for what cannot be read.
    pub fn says(&self) -> Option<Saying> {
        Saying::decode(self.kind, &self.body)
    }

    /// True when it is within its bound and signed.
    pub fn holds(&self) -> bool {
        let fits = match self.says() {
            Some(Saying::Fork(fork)) => fork.holds(),
            Some(_) => true,
            None => !(REMOVE..=FORK).contains(&self.kind),
        };
        fits && self.body.len() <= MAX_RULING
            && self.by.verify(&signed(self.kind, &self.body), self.signature.as_bytes())
    }

    /// Its name, for keeping it once.
    pub fn id(&self) -> StatementId {
        name("quire ruling 1", &signed(self.kind, &self.body), self.signature.as_bytes())
    }

    /// The space that it names; a peer that may not read that is not told of it.
    pub fn space(&self) -> Option<Space> {
        match self.says() {
            Some(Saying::Cut { space, .. }) => Some(space),
            Some(Saying::Fork(fork)) => Some(fork.space),
            _ => None,
        }
    }
}

impl Saying {
    fn encode(&self) -> (u8, Vec<u8>) {
        // Writing to memory cannot fail; an empty body would not be read again.
        let body = |written: Result<Vec<u8>, postcard::Error>| written.unwrap_or_default();
        match self {
            Saying::Remove { device, entries } => (REMOVE, body(postcard::to_allocvec(&(device, entries)))),
            Saying::Cut { space, logs } => (CUT, body(postcard::to_allocvec(&(space, logs)))),
            Saying::Recovery { key } => (RECOVERY, body(postcard::to_allocvec(key))),
            Saying::Expel { devices } => (EXPEL, body(postcard::to_allocvec(devices))),
            Saying::Fork(fork) => (FORK, body(postcard::to_allocvec(fork))),
        }
    }

    fn decode(kind: u8, body: &[u8]) -> Option<Saying> {
        let saying = match kind {
            REMOVE => {
                let (device, entries) = postcard::from_bytes(body).ok()?;
                Saying::Remove { device, entries }
            }
            CUT => {
                let (space, logs): (Space, Vec<_>) = postcard::from_bytes(body).ok()?;
                Saying::Cut { space: Space::parse(space.as_str())?, logs }
            }
            RECOVERY => Saying::Recovery { key: postcard::from_bytes(body).ok()? },
            EXPEL => Saying::Expel { devices: postcard::from_bytes(body).ok()? },
            FORK => {
                let fork: Fork = postcard::from_bytes(body).ok()?;
                Space::parse(fork.space.as_str())?;
                Saying::Fork(Box::new(fork))
            }
            _ => return None,
        };
        saying.is_bounded().then_some(saying)
    }

    fn is_bounded(&self) -> bool {
        match self {
            Saying::Remove { entries, .. } => entries.len() <= MAX_ROSTER,
            Saying::Cut { logs, .. } => logs.len() <= MAX_LOGS,
            // A fork is bounded by what a ruling may have; its branches are when they are checked.
            Saying::Recovery { .. } | Saying::Fork(_) => true,
            Saying::Expel { devices } => devices.len() <= MAX_ROSTER,
        }
    }
}

fn signed(kind: u8, body: &[u8]) -> Vec<u8> {
    [b"quire ruling 1".as_slice(), &[kind], body].concat()
}
