//! Proof that a log forked: two different records with one number, both signed by the log's author.
//!
//! ```text
//!   1 ── 2 ── … ── first − 1 ──┬── first ── …  sealed      `before` is the chain here, at first − 1
//!                              └── first ── …  sealed
//! ```
//!
//! Of the records it has what the chain takes, not what they say, so it is short, and needs no trust in who sends it.

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Incarnation, Space};
use crate::identity::Certificate;
use crate::limits::MAX_SEGMENT_RECORDS;
use crate::record::{Chain, Link, Record, Seal};

/// Proof that a log forked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fork {
    /// In which space.
    pub space: Space,
    /// Whose log it is.
    pub author: Certificate,
    /// Number of the first records that differ.
    pub first: u64,
    /// Chain before them.
    pub before: Chain,
    /// One branch.
    pub one: Branch,
    /// The other.
    pub other: Branch,
}

/// A branch of a log from the first record that differs to a seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Branch {
    links: Vec<Link>,
    seal: Vec<u8>,
}

impl Branch {
    /// The branch of these records, the last of which `seal` closes.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>, seal: &Seal) -> Branch {
        let mut bytes = Vec::new();
        seal.put(&mut bytes);
        Branch { links: records.into_iter().map(Record::link).collect(), seal: bytes }
    }

    fn holds(&self, fork: &Fork) -> bool {
        let bounded =
            (1..=MAX_SEGMENT_RECORDS).contains(&self.links.len()) && self.links.iter().all(Link::is_bounded);
        let Some((seal, [])) = Seal::take(&self.seal).filter(|_| bounded) else { return false };
        let chain = self.links.iter().fold(fork.before, |chain, link| link.step(&chain));
        let Some(hi) = fork.first.checked_add(self.links.len() as u64 - 1) else { return false };
        seal.closes(&fork.space, fork.log(), (hi, &chain), &fork.author.device)
    }
}

impl Fork {
    /// Which log.
    pub fn log(&self) -> Incarnation {
        self.author.incarnation
    }

    /// The device whose log it is.
    pub fn device(&self) -> DeviceId {
        self.author.device.device()
    }

    /// The last record that all branches share.
    pub fn good_end(&self) -> u64 {
        self.first.saturating_sub(1)
    }

    /// True when it proves what it says.
    pub fn holds(&self) -> bool {
        let differ = self.one.links.first() != self.other.links.first();
        self.first >= 1 && differ && self.author.holds() && self.one.holds(self) && self.other.holds(self)
    }
}

#[cfg(test)]
mod tests;
