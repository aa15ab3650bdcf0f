//! Who may have what: the roster as this replica applies it.

use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::{Rights, Scope, trusted};
use quire_protocol::message::Credentials;

use super::{Mirror, Replica};

impl Replica {
    /// Works out anew who is trusted, after the roster or the list of unpaired devices changed.
    pub(super) fn settle_trust(&mut self) {
        let mut trust = trusted(&self.mirror.card, self.mirror.roster.iter());
        trust.retain(|device, _| !self.unpaired.contains(device));
        trust.remove(&self.mirror.card.id());
        self.mirror.trust = Arc::new(trust);
    }
}

impl Mirror {
    /// What a device may do in a space; this device itself may do everything.
    pub fn rights(&self, device: DeviceId, space: &Space) -> Rights {
        if device == self.card.id() {
            return Rights::ALL;
        }
        self.trust.get(&device).map_or(Rights(0), |trust| trust.rights(space))
    }

    /// The device that holds this channel key, when it is trusted with anything.
    pub fn device_of(&self, channel_key: &[u8; 32]) -> Option<DeviceId> {
        let found = self.trust.iter().find(|(_, trust)| trust.card.channel_key == *channel_key);
        found.map(|(device, _)| *device)
    }

    /// Clock of a space; empty when it is not held.
    pub fn clock(&self, space: &Space) -> Clock {
        let number = self.names.space_number(space);
        number.and_then(|n| self.clocks.get(n as usize).cloned()).unwrap_or_default()
    }

    /// Clocks of the spaces that `peer` may read. Spaces it was granted and that hold nothing yet are
    /// among them, so that the first record finds its way.
    pub fn clocks_for(&self, peer: DeviceId) -> Vec<(Space, Clock)> {
        let Some(trust) = self.trust.get(&peer) else { return Vec::new() };
        let held = self.names.spaces().map(|(_, space)| space.clone());
        let mut spaces: Vec<Space> = held.chain(trust.spaces.keys().cloned()).collect();
        spaces.sort();
        spaces.dedup();
        spaces.retain(|space| trust.rights(space).allow(Rights::READ));
        spaces.into_iter().map(|space| (space.clone(), self.clock(&space))).collect()
    }

    /// What `peer` may know of the roster: entries about what it shares, and certificates of the devices
    /// it may meet there. Nothing that names a space it was not granted.
    pub fn credentials_for(&self, peer: DeviceId) -> Credentials {
        let Some(trust) = self.trust.get(&peer) else { return Credentials::default() };
        let visible = |scope: &Scope| match scope {
            Scope::Everything => true,
            Scope::One(space, _) => trust.rights(space).allow(Rights::READ),
        };
        let roster = self.roster.iter().filter(|entry| visible(&entry.scope)).cloned().collect();
        let known = |device: DeviceId| device == self.card.id() || self.trust.contains_key(&device);
        let certificates = self.certificates.values().filter(|c| known(c.device.device())).cloned().collect();
        Credentials { roster, certificates }
    }
}
