//! Who may have what: what follows from the roster, as this replica applies it.

use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::Rights;
use quire_protocol::message::Credentials;
use quire_protocol::roster::{Admitted, Roster, Ruling, Saying, Scope};

use super::{Mirror, Replica, View, each};
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{Aside, AsideRow, decode};
use crate::store::{Result, Rows};

/// Records set aside that are told one by one: enough to see what is wrong.
pub const TOLD_ASIDES: usize = 100;

/// A record that is set aside, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// In which space.
    pub space: Space,
    /// Whose it is, where that is known.
    pub author: Option<DeviceId>,
    /// In which log.
    pub log: Incarnation,
    /// Its number there.
    pub seq: u64,
    /// Why.
    pub why: Aside,
}

impl Replica {
    /// Works out anew who is trusted, after the roster changed.
    pub(super) fn settle_trust(&mut self) {
        let standing = self.mirror.roster.standing(&self.mirror.card, &self.recovery);
        let mut trust = standing.trust.clone();
        trust.remove(&self.mirror.card.id());
        self.mirror.standing = Arc::new(standing);
        self.mirror.trust = Arc::new(trust);
        self.cap_clocks();
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

    /// How far a log of a space is good.
    pub(super) fn admitted(&self, space: &Space, log: Incarnation) -> Admitted {
        let author = self.certificates.get(&log).map(|certificate| certificate.device.device());
        author.map_or(Admitted::Never, |author| self.standing.admitted(author, space, log))
    }

    /// The same, had the log not forked.
    pub(super) fn entitled(&self, space: &Space, log: Incarnation) -> Admitted {
        let author = self.certificates.get(&log).map(|certificate| certificate.device.device());
        author.map_or(Admitted::Never, |author| self.standing.entitled(author, space, log))
    }

    /// Whether others take what this device writes to a space: who was let in may have been let in to read.
    pub(super) fn may_write(&self, space: &Space) -> bool {
        let mut of_me = self.roster.entries.iter().filter(|entry| entry.subject.id() == self.card.id());
        let mut reader = false;
        let writer = of_me.any(|entry| match &entry.scope {
            Scope::Everything => true,
            Scope::One(name, rights) => {
                reader |= name == space;
                name == space && rights.allow(Rights::WRITE)
            }
        });
        writer || !reader
    }

    /// The device that holds this channel key, when it is trusted with anything or was invited.
    pub fn device_of(&self, channel_key: &[u8; 32]) -> Option<DeviceId> {
        let trusted = self.trust.iter().find(|(_, trust)| trust.card.channel_key == *channel_key);
        let invited = || self.invited.iter().find(|(_, row)| row.card.channel_key == *channel_key);
        trusted.map(|(device, _)| *device).or_else(|| invited().map(|(device, _)| *device))
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

    /// What `peer` may know of the roster: statements about what it shares, and certificates of the devices
    /// it may meet there. Nothing that names a space it was not granted.
    pub fn credentials_for(&self, peer: DeviceId) -> Credentials {
        let Some(trust) = self.trust.get(&peer) else { return Credentials::default() };
        let reads = |space: &Space| trust.rights(space).allow(Rights::READ);
        let shown = |scope: &Scope| match scope {
            Scope::Everything => true,
            Scope::One(space, _) => reads(space),
        };
        let Roster { entries, rulings } = &*self.roster;
        let told = |ruling: &&Ruling| ruling.space().is_none_or(|space| reads(&space));
        let known = |device: DeviceId| device == self.card.id() || self.standing.was_trusted(device);
        Credentials {
            rulings: rulings.iter().filter(told).cloned().collect(),
            roster: entries.iter().filter(|entry| shown(&entry.scope)).cloned().collect(),
            certificates: self.certificates.values().filter(|c| known(c.device.device())).cloned().collect(),
        }
    }

    /// What a device may still hear that is trusted no more: that it was removed. Nothing when it was not.
    pub fn farewell_to(&self, device: DeviceId) -> Option<Credentials> {
        let about = |ruling: &&Ruling| match ruling.says() {
            Some(Saying::Remove { device: of, .. }) => of == device,
            Some(Saying::Expel { devices }) => devices.contains(&device),
            _ => false,
        };
        let rulings: Vec<Ruling> = self.roster.rulings.iter().filter(about).cloned().collect();
        let gone = !self.trust.contains_key(&device) && !rulings.is_empty();
        gone.then(|| Credentials { rulings, ..Credentials::default() })
    }

    /// Devices that added this one, and that still count: what goes when they do.
    pub fn added_by(&self, device: DeviceId) -> Vec<DeviceId> {
        let entries = self.roster.entries.iter().filter(|entry| entry.subject.id() == device);
        let mut adders: Vec<DeviceId> = entries.map(|entry| entry.adder.device()).collect();
        adders.retain(|adder| *adder == self.card.id() || self.trust.contains_key(adder));
        adders.sort();
        adders.dedup();
        adders
    }
}

impl View {
    /// How many records of each device's logs were set aside.
    pub fn set_aside(&self, of: DeviceId) -> Result<u64> {
        let mut count = 0;
        each(self.rows(), Kind::SetAside, |key, _| {
            let log = Incarnation(sixteen(key, 5));
            let author = self.mirror().certificates.get(&log).map(|c| c.device.device());
            count += u64::from(author == Some(of));
            Ok(())
        })?;
        Ok(count)
    }

    /// Records that were set aside, at most [`TOLD_ASIDES`], of one device's logs or of all.
    pub fn asides(&self, of: Option<DeviceId>) -> Result<Vec<SetAside>> {
        let (all, mut told) = (Key::of(Kind::SetAside), Vec::new());
        self.rows().scan(&all, &all.end(), &mut |key, value| {
            let (number, log) = (SpaceNo::from_be_bytes([key[1], key[2], key[3], key[4]]), sixteen(key, 5));
            let (log, row): (_, AsideRow) = (Incarnation(log), decode(key, value)?);
            let author = self.mirror().certificates.get(&log).map(|c| c.device.device());
            if let Some(space) = self.mirror().names.space(number)
                && of.is_none_or(|of| author == Some(of))
            {
                let (space, seq) = (space.clone(), last_number(key));
                told.push(SetAside { space, author, log, seq, why: row.why });
            }
            let full = told.len() >= TOLD_ASIDES;
            Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(told)
    }
}
