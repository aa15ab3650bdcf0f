//! What a replica has seen of a space: for each log, how many records. A version vector.
//!
//! Its opaque text form is the *anchor* that apps carry (contract 3).

use std::collections::BTreeMap;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, Space};
use crate::limits::MAX_LOGS;

/// Sequence numbers per log; a log that is not named stands at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clock(BTreeMap<Incarnation, u64>);

impl Clock {
    /// How many records of `log` are covered.
    pub fn get(&self, log: Incarnation) -> u64 {
        self.0.get(&log).copied().unwrap_or(0)
    }

    /// Covers `log` up to `seq`; never goes back.
    pub fn advance(&mut self, log: Incarnation, seq: u64) {
        if seq > 0 {
            let entry = self.0.entry(log).or_insert(0);
            *entry = seq.max(*entry);
        }
    }

    /// Covers no more of `log` than up to `seq`.
    pub fn cap(&mut self, log: Incarnation, seq: u64) {
        if self.get(log) > seq {
            if seq == 0 {
                self.0.remove(&log)
            } else {
                self.0.insert(log, seq)
            };
        }
    }

    /// True when record `seq` of `log` is covered.
    pub fn covers(&self, log: Incarnation, seq: u64) -> bool {
        seq <= self.get(log)
    }

    /// True when everything in `other` is covered.
    pub fn includes(&self, other: &Clock) -> bool {
        other.iter().all(|(log, seq)| self.covers(log, seq))
    }

    /// Covers what either covers.
    pub fn join(&mut self, other: &Clock) {
        for (log, seq) in other.iter() {
            self.advance(log, seq);
        }
    }

    /// Covers only what both cover.
    pub fn meet(&self, other: &Clock) -> Clock {
        let common = self.iter().map(|(log, seq)| (log, seq.min(other.get(log))));
        common.filter(|(_, seq)| *seq > 0).collect()
    }

    /// Records covered here and not in `other`.
    pub fn ahead_of(&self, other: &Clock) -> u64 {
        self.iter().map(|(log, seq)| seq.saturating_sub(other.get(log))).sum()
    }

    /// Logs in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Incarnation, u64)> + '_ {
        self.0.iter().map(|(log, seq)| (*log, *seq))
    }

    /// True when nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of logs named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The clock as an anchor of `space`: version, digest of the space's name, the vector, checksum; in hex.
    pub fn to_anchor(&self, space: &Space) -> String {
        let mut bytes = vec![ANCHOR_VERSION];
        bytes.extend_from_slice(&space_digest(space));
        for (log, seq) in self.iter() {
            bytes.extend_from_slice(&log.0);
            put_varint(&mut bytes, seq);
        }
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        HEXLOWER.encode(&bytes)
    }

    /// Reads an anchor of `space`. `None` for anything else: another space's, damaged, or not an anchor;
    /// it then stands for "I have nothing".
    pub fn from_anchor(space: &Space, text: &str) -> Option<Clock> {
        if text.len() > 2 * (1 + 8 + MAX_LOGS * 26 + 4) {
            return None;
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        let rest = body.strip_prefix(&[ANCHOR_VERSION])?.strip_prefix(&space_digest(space))?;
        if checksum(body) != sum {
            return None;
        }
        read_vector(rest)
    }
}

impl FromIterator<(Incarnation, u64)> for Clock {
    fn from_iter<T: IntoIterator<Item = (Incarnation, u64)>>(entries: T) -> Clock {
        let mut clock = Clock::default();
        for (log, seq) in entries {
            clock.advance(log, seq);
        }
        clock
    }
}

const ANCHOR_VERSION: u8 = 1;

fn space_digest(space: &Space) -> [u8; 8] {
    truncated(&blake3::derive_key("quire anchor space 1", space.as_str().as_bytes()))
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    truncated(&blake3::derive_key("quire anchor checksum 1", bytes))
}

fn truncated<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

fn read_vector(mut bytes: &[u8]) -> Option<Clock> {
    let mut clock = Clock::default();
    while !bytes.is_empty() {
        let (log, rest) = bytes.split_at_checked(16)?;
        let (seq, rest) = take_varint(rest)?;
        clock.advance(Incarnation(log.try_into().ok()?), seq);
        bytes = rest;
    }
    Some(clock)
}

/// Appends `value` as LEB128.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a LEB128 number off the front; `None` when cut or longer than 64 bits.
pub fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        if i == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clocks() -> impl Strategy<Value = Clock> {
        prop::collection::vec((any::<[u8; 16]>(), any::<u64>()), 0..6)
            .prop_map(|entries| entries.into_iter().map(|(log, seq)| (Incarnation(log), seq)).collect())
    }

    proptest! {
        #[test]
        fn anchors_come_back(clock in clocks()) {
            let space = Space::account(3);
            let anchor = clock.to_anchor(&space);
            prop_assert_eq!(Clock::from_anchor(&space, &anchor), Some(clock.clone()));
            prop_assert_eq!(Clock::from_anchor(&space, &anchor.to_uppercase()), Some(clock));
            prop_assert_eq!(Clock::from_anchor(&Space::account(4), &anchor), None);
        }

        #[test]
        fn one_wrong_digit_is_no_anchor(clock in clocks(), at in any::<prop::sample::Index>()) {
            let space = Space::account(3);
            let mut anchor = clock.to_anchor(&space).into_bytes();
            let i = at.index(anchor.len());
            anchor[i] = if anchor[i] == b'0' { b'1' } else { b'0' };
            prop_assert_eq!(Clock::from_anchor(&space, std::str::from_utf8(&anchor).unwrap()), None);
        }

        #[test]
        fn join_covers_both_and_meet_is_covered_by_both(a in clocks(), b in clocks()) {
            let mut joined = a.clone();
            joined.join(&b);
            prop_assert!(joined.includes(&a) && joined.includes(&b));
            prop_assert!(a.includes(&a.meet(&b)) && b.includes(&a.meet(&b)));
        }

        #[test]
        fn anything_is_read_without_panic(text in ".*") {
            let _ = Clock::from_anchor(&Space::account(3), &text);
        }
    }

    #[test]
    fn what_the_documented_sample_says_is_no_anchor() {
        for text in ["sample string 9", "", "0000", "0x0000000000000000"] {
            assert_eq!(Clock::from_anchor(&Space::account(3), text), None);
        }
    }
}
