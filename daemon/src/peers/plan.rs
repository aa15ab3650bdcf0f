//! Whom to dial, where, and when: a pure function of what was told, without sockets and without a clock.

use std::collections::{BTreeMap, BTreeSet};

use quire_protocol::id::DeviceId;
use quire_protocol::session::Millis;

use super::backoff::Backoff;
use crate::engine::PeerRecord;

/// Places tried for one peer in one round: what the sources give together (1 + 16 + 8), and some
/// configured ones.
const MAX_PLACES: usize = 32;

/// A session shorter than this was no success: a peer that is let in and thrown out again would otherwise be
/// dialed twice a second for ever.
const SUCCESS: Millis = 5_000;

/// Peers, and what is known of the way to them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    peers: BTreeMap<DeviceId, Peer>,
    configured: Vec<String>,
    /// Whose a configured address is, once somebody answered there.
    owners: BTreeMap<String, DeviceId>,
}

#[derive(Debug)]
struct Peer {
    key: [u8; 32],
    given: Option<String>,
    sighted: Vec<String>,
    remembered: Vec<String>,
    phase: Phase,
    backoff: Backoff,
}

#[derive(Debug, PartialEq)]
enum Phase {
    Waiting { due: Millis },
    Dialing,
    Connected { since: Millis },
}

/// One round of dialing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// Who is meant.
    pub(super) device: DeviceId,
    /// The key that must answer.
    pub(super) key: [u8; 32],
    /// Where, the most promising first.
    pub(super) places: Vec<String>,
}

impl Plan {
    /// Takes over who is trusted now. New ones are due at once; gives those that are gone.
    pub(super) fn set_roster(&mut self, records: Vec<PeerRecord>, now: Millis) -> Vec<DeviceId> {
        let present: BTreeSet<DeviceId> = records.iter().map(|record| record.card.id()).collect();
        let gone = self.peers.keys().filter(|device| !present.contains(device)).copied().collect::<Vec<_>>();
        self.peers.retain(|device, _| present.contains(device));
        self.owners.retain(|_, device| present.contains(device));
        for record in records {
            self.set_record(record, now);
        }
        gone
    }

    fn set_record(&mut self, record: PeerRecord, now: Millis) {
        let peer = self.peers.entry(record.card.id()).or_insert_with(|| Peer {
            key: record.card.channel_key,
            given: None,
            sighted: Vec::new(),
            remembered: Vec::new(),
            phase: Phase::Waiting { due: now },
            backoff: Backoff::default(),
        });
        peer.key = record.card.channel_key;
        peer.remembered = record.addresses;
    }

    /// Takes over the configured addresses; those that are new are tried at once.
    pub(super) fn set_configured(&mut self, configured: Vec<String>, now: Millis) {
        let new = configured.iter().any(|place| !self.configured.contains(place));
        self.owners.retain(|place, _| configured.contains(place));
        self.configured = configured;
        if new {
            self.hurry(None, now);
        }
    }

    /// A person gave this address for the peer: it goes before all others.
    pub(super) fn give(&mut self, device: DeviceId, place: String, now: Millis) {
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.given = Some(place);
        }
        self.hurry(Some(device), now);
    }

    /// Somebody was seen who may be this peer. The same news told again changes nothing.
    pub(super) fn sighted(&mut self, device: DeviceId, places: Vec<String>, now: Millis) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.sighted != places {
            peer.sighted = places;
            self.hurry(Some(device), now);
        }
    }

    /// Peers that have this key, as far as `is_key` can tell.
    pub(super) fn with_key(&self, is_key: impl Fn(&[u8; 32]) -> bool) -> Option<DeviceId> {
        self.peers.iter().find(|(_, peer)| is_key(&peer.key)).map(|(device, _)| *device)
    }

    /// Forgets all waiting, for one peer or for all: something has changed, or a person asked.
    pub(super) fn hurry(&mut self, device: Option<DeviceId>, now: Millis) {
        let meant = self.peers.iter_mut().filter(|(id, _)| device.is_none_or(|device| device == **id));
        for (_, peer) in meant {
            peer.backoff.reset();
            if let Phase::Waiting { due } = &mut peer.phase {
                *due = now.min(*due);
            }
        }
    }

    /// Whom to dial now, at most `free` of them. They count as being dialed from here on.
    pub(super) fn due(&mut self, now: Millis, free: usize) -> Vec<Round> {
        let due = self.waiting().filter(|(_, _, due)| *due <= now);
        let rounds: Vec<Round> = due
            .map(|(device, peer, _)| Round { device, key: peer.key, places: self.places(device, peer) })
            .take(free)
            .collect();
        for round in &rounds {
            if let Some(peer) = self.peers.get_mut(&round.device) {
                peer.phase = Phase::Dialing;
            }
        }
        rounds
    }

    /// When [`due`](Self::due) will next give somebody.
    pub(super) fn next(&self) -> Option<Millis> {
        self.waiting().map(|(_, _, due)| due).min()
    }

    /// When this peer is dialed next; `None` when it is not waiting, or there is nowhere to dial.
    pub(super) fn next_of(&self, device: DeviceId) -> Option<Millis> {
        self.waiting().find(|(id, _, _)| *id == device).map(|(_, _, due)| due)
    }

    /// The peer is there. `place`: where it was dialed.
    pub(super) fn connected(&mut self, device: DeviceId, place: Option<&String>, now: Millis) {
        if let Some(place) = place.filter(|place| self.configured.contains(place)) {
            self.owners.insert(place.clone(), device);
        }
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.phase = Phase::Connected { since: now };
        }
    }

    /// Nobody was reached. `others` are places where somebody else answered.
    pub(super) fn failed(&mut self, device: DeviceId, others: &[String], now: Millis, chance: u16) {
        self.owners.retain(|place, owner| *owner != device || !others.contains(place));
        if let Some(peer) = self.peers.get_mut(&device)
            && peer.phase == Phase::Dialing
        {
            peer.phase = Phase::Waiting { due: now + peer.backoff.failed(chance) };
        }
    }

    /// The session is over.
    pub(super) fn ended(&mut self, device: DeviceId, now: Millis, chance: u16) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if let Phase::Connected { since } = peer.phase {
            if now >= since + SUCCESS {
                peer.backoff.reset();
            }
            peer.phase = Phase::Waiting { due: now + peer.backoff.failed(chance) };
        }
    }

    /// Peers that wait and have somewhere to be dialed.
    fn waiting(&self) -> impl Iterator<Item = (DeviceId, &Peer, Millis)> {
        self.peers.iter().filter_map(|(device, peer)| match peer.phase {
            Phase::Waiting { due } if self.has_place(*device, peer) => Some((*device, peer, due)),
            _ => None,
        })
    }

    fn has_place(&self, device: DeviceId, peer: &Peer) -> bool {
        let known = peer.given.is_some() || !peer.sighted.is_empty() || !peer.remembered.is_empty();
        known || self.configured.iter().any(|place| self.may_be_at(device, place))
    }

    fn may_be_at(&self, device: DeviceId, place: &String) -> bool {
        self.owners.get(place).is_none_or(|owner| *owner == device)
    }

    /// The given one, those that are surely this peer's, and last those that may be anybody's.
    fn places(&self, device: DeviceId, peer: &Peer) -> Vec<String> {
        let (owned, unknown): (Vec<&String>, Vec<&String>) = self
            .configured
            .iter()
            .filter(|place| self.may_be_at(device, place))
            .partition(|place| self.owners.contains_key(*place));
        let all = peer.given.iter().chain(owned).chain(&peer.sighted).chain(&peer.remembered).chain(unknown);
        let mut places: Vec<String> = Vec::new();
        for place in all {
            if !places.contains(place) && places.len() < MAX_PLACES {
                places.push(place.clone());
            }
        }
        places
    }
}

#[cfg(test)]
mod tests;
