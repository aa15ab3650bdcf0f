//! Statements on who may share what: made here, learned from peers, and what their being known changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{Certificate, DeviceCard, PublicKey};
use quire_protocol::limits::{MAX_ROSTER, MAX_STATEMENTS_OF_ONE};
use quire_protocol::message::Credentials;
use quire_protocol::roster::{RosterEntry, Ruling, Saying, Scope, Standing, Trust};

use super::{Batch, meta_key};
use crate::store::keys::{Key, Kind};
use crate::store::rows::{InvitedRow, bytes, decode, meta};
use crate::store::{Result, Rows};

/// Addresses kept of one peer: home, work, a phone's hotspot, each in both families.
const MAX_ADDRESSES: usize = 8;

/// Certificates kept of one device: one for each life of its installation.
const MAX_LIVES: usize = 256;

impl Batch<'_, '_> {
    /// Keeps what a peer says of the roster, as far as it holds; true when anything was new.
    pub fn learn(&mut self, credentials: &Credentials) -> Result<bool> {
        let before = Arc::clone(&self.replica.mirror.standing);
        let is_fork = |ruling: &&Ruling| matches!(ruling.says(), Some(Saying::Fork(_)));
        let (forks, rulings): (Vec<_>, Vec<_>) = credentials.rulings.iter().partition(is_fork);
        let mut new = self.keep_statements(&rulings, &credentials.roster)?;
        for certificate in &credentials.certificates {
            new |= self.keep_certificate(certificate)?;
        }
        if new {
            self.replica.settle_trust();
        }
        // Whose logs are known is known now.
        for ruling in forks {
            new |= self.keep_ruling(ruling)?;
        }
        if new {
            self.settle(&before)?;
        }
        Ok(new)
    }

    /// Keeps statements of those who are or were trusted, whom other statements may name; true when any was new.
    fn keep_statements(&mut self, rulings: &[&Ruling], entries: &[RosterEntry]) -> Result<bool> {
        let mut new = false;
        loop {
            let mut took = false;
            for ruling in rulings {
                took |= self.keep_ruling(ruling)?;
            }
            for entry in entries {
                took |= self.keep_entry(entry)?;
            }
            if !took {
                return Ok(new);
            }
            new = true;
            self.replica.settle_trust();
        }
    }

    /// Applies what changed in the roster: who is trusted, and which records are folded.
    fn settle(&mut self, before: &Standing) -> Result<()> {
        // What is open is of the log that writes now, whatever it is then.
        self.seal()?;
        self.replica.settle_trust();
        self.pin_recovery()?;
        self.settle_forks(before)?;
        self.roster_changed = true;
        self.refold_all(before)
    }

    fn keep_entry(&mut self, entry: &RosterEntry) -> Result<bool> {
        let key = Key::of(Kind::Roster).bytes(&entry.id());
        let signers = self.replica.mirror.roster.entries.iter().map(|entry| entry.adder);
        if !self.has_room_for(entry.adder, signers) || self.rows.get(&key)?.is_some() || !entry.holds() {
            return Ok(false);
        }
        self.rows.put(&key, &bytes(entry))?;
        Arc::make_mut(&mut self.replica.mirror.roster).entries.push(entry.clone());
        Ok(true)
    }

    fn keep_ruling(&mut self, ruling: &Ruling) -> Result<bool> {
        if let Some(Saying::Fork(fork)) = ruling.says() {
            return self.keep_fork(ruling, &fork);
        }
        let key = Key::of(Kind::Ruling).bytes(&ruling.id());
        let signers = self.replica.mirror.roster.rulings.iter().map(|ruling| ruling.by);
        if !self.has_room_for(ruling.by, signers) || self.rows.get(&key)?.is_some() || !ruling.holds() {
            return Ok(false);
        }
        self.rows.put(&key, &bytes(ruling))?;
        Arc::make_mut(&mut self.replica.mirror.roster).rulings.push(ruling.clone());
        Ok(true)
    }

    /// Nobody fills the roster for others: strangers have no place in it, those who are trusted a bounded one, this device
    /// and recovery keys always one.
    fn has_room_for(&self, by: PublicKey, signers: impl Iterator<Item = PublicKey>) -> bool {
        if by.device() == self.replica.mirror.card.id() || self.replica.recovery.contains(&by) {
            return true;
        }
        if !self.replica.mirror.standing.was_trusted(by.device()) && !self.is_named_recovery(by) {
            return false;
        }
        let (mut all, mut of_one) = (0, 0);
        for signer in signers {
            all += 1;
            of_one += usize::from(signer == by);
        }
        all < MAX_ROSTER && of_one < MAX_STATEMENTS_OF_ONE
    }

    /// A key that somebody named as a recovery key; whether this device keeps to it is another question.
    fn is_named_recovery(&self, by: PublicKey) -> bool {
        let named = |ruling: &Ruling| matches!(ruling.says(), Some(Saying::Recovery { key }) if key == by);
        self.replica.mirror.roster.rulings.iter().any(named)
    }

    pub(super) fn keep_certificate(&mut self, certificate: &Certificate) -> Result<bool> {
        let known = &self.replica.mirror.certificates;
        let lives = || known.values().filter(|other| other.device == certificate.device).count();
        let full = || known.len() >= MAX_ROSTER || lives() >= MAX_LIVES;
        let is_strange = !self.replica.mirror.standing.was_trusted(certificate.device.device());
        if known.contains_key(&certificate.incarnation) || is_strange || full() || !certificate.holds() {
            return Ok(false);
        }
        self.rows.put(&Key::of(Kind::Certificate).log(certificate.incarnation), &bytes(certificate))?;
        let certificates = Arc::make_mut(&mut self.replica.mirror.certificates);
        certificates.insert(certificate.incarnation, certificate.clone());
        Ok(true)
    }

    /// Keeps to the first recovery key that a device of the same person names, and from then on to that and those
    /// which it names itself: who steals a device cannot put a key of his own above the owner's.
    fn pin_recovery(&mut self) -> Result<()> {
        loop {
            let (mirror, pinned) = (&self.replica.mirror, &self.replica.recovery);
            let named = mirror.roster.rulings.iter().filter_map(|ruling| match ruling.says() {
                Some(Saying::Recovery { key }) => Some((ruling.by, key)),
                _ => None,
            });
            let own = |by: PublicKey| mirror.standing.trust.get(&by.device()).is_some_and(|t| t.everything);
            let fits = |(by, key): &(PublicKey, PublicKey)| {
                !pinned.contains(key) && (pinned.contains(by) || (pinned.is_empty() && own(*by)))
            };
            let Some((_, key)) = named.into_iter().find(fits) else { return Ok(()) };
            self.replica.recovery.insert(key);
            let keys = bytes(&self.replica.recovery);
            self.rows.put(&meta_key(meta::RECOVERY), &keys)?;
            self.replica.settle_trust();
        }
    }

    /// Adds a device in this one's name, with what it brought and where it was met.
    pub fn add_peer(
        &mut self,
        card: &DeviceCard,
        scopes: &[Scope],
        brought: &Credentials,
        addresses: &[String],
    ) -> Result<()> {
        let before = Arc::clone(&self.replica.mirror.standing);
        self.add_entries(card, scopes)?;
        self.forget_invited(card.id())?;
        for address in addresses.iter().rev() {
            self.remember_address(card.id(), address)?;
        }
        self.settle(&before)?;
        self.learn(brought).map(drop)
    }

    fn add_entries(&mut self, card: &DeviceCard, scopes: &[Scope]) -> Result<()> {
        let after = self.replica.mirror.roster.removals_of(card.id());
        for scope in scopes {
            let entry = RosterEntry::add_after(card.clone(), scope.clone(), after, &self.replica.key);
            self.keep_entry(&entry)?;
        }
        Ok(())
    }

    /// Keeps who proved the code of an invitation, before it is told anything: a crash on either side from here on
    /// is healed by its first session. Only the last one is kept, as there is one invitation.
    pub fn invite(&mut self, card: &DeviceCard, scopes: &[Scope]) -> Result<()> {
        let others: Vec<DeviceId> = self.replica.mirror.invited.keys().copied().collect();
        for device in others {
            self.forget_invited(device)?;
        }
        let row = InvitedRow { card: card.clone(), scopes: scopes.to_vec() };
        self.rows.put(&Key::of(Kind::Invited).device(card.id()), &bytes(&row))?;
        Arc::make_mut(&mut self.replica.mirror.invited).insert(card.id(), row);
        self.roster_changed = true;
        Ok(())
    }

    /// The invited device did not take it.
    pub fn forget_invited(&mut self, device: DeviceId) -> Result<()> {
        if Arc::make_mut(&mut self.replica.mirror.invited).remove(&device).is_some() {
            self.rows.remove(&Key::of(Kind::Invited).device(device))?;
            self.roster_changed = true;
        }
        Ok(())
    }

    /// Trusts an invited device, which has come: false when it was not invited.
    pub fn admit_invited(&mut self, device: DeviceId) -> Result<bool> {
        let Some(row) = self.replica.mirror.invited.get(&device).cloned() else { return Ok(false) };
        self.add_peer(&row.card, &row.scopes, &Credentials::default(), &[])?;
        Ok(true)
    }

    /// Removes a device for all who share anything with it: what was added is taken back, and its logs are good as far
    /// as they are here. Devices that it had brought along and that are known here stay, in this device's name: only
    /// one was to go. False when it was not trusted.
    pub fn remove_peer(&mut self, peer: DeviceId) -> Result<bool> {
        let mirror = &self.replica.mirror;
        let Some(removed) = mirror.trust.get(&peer).cloned() else { return self.uninvite(peer) };
        let before = Arc::clone(&mirror.standing);
        let entries = mirror.roster.entries_of(peer);
        let removal = Ruling::make(&Saying::Remove { device: peer, entries }, &self.replica.key);
        self.keep_ruling(&removal)?;
        self.replica.settle_trust();
        if removed.everything {
            self.keep_companions(&before, peer)?;
        }
        self.cut_off(&before)?;
        self.rows.remove(&Key::of(Kind::Address).device(peer))?;
        self.settle(&before)?;
        Ok(true)
    }

    fn uninvite(&mut self, peer: DeviceId) -> Result<bool> {
        let invited = self.replica.mirror.invited.contains_key(&peer);
        self.forget_invited(peer)?;
        Ok(invited)
    }

    /// Adds in this device's name who was known only through a device that is gone.
    fn keep_companions(&mut self, before: &Standing, gone: DeviceId) -> Result<()> {
        let now = &self.replica.mirror.standing.trust;
        let missing = |(device, _): &(&DeviceId, &Trust)| **device != gone && !now.contains_key(device);
        let lost: Vec<Trust> = before.trust.iter().filter(missing).map(|(_, trust)| trust.clone()).collect();
        for trust in lost {
            tracing::info!(device = %trust.card.id(), "was known through the removed device, and stays");
            let scopes = if trust.everything { vec![Scope::Everything] } else { scopes_of(&trust) };
            self.add_entries(&trust.card, &scopes)?;
        }
        self.replica.settle_trust();
        Ok(())
    }

    /// Says of the logs of all who lost their trust how far they are good: as far as they are here.
    fn cut_off(&mut self, before: &Standing) -> Result<()> {
        let now = Arc::clone(&self.replica.mirror.standing);
        let lost: BTreeSet<DeviceId> =
            before.trust.keys().filter(|device| !now.trust.contains_key(device)).copied().collect();
        self.say_cuts(&lost)
    }

    /// Takes for good what is here of these devices' logs.
    fn say_cuts(&mut self, of: &BTreeSet<DeviceId>) -> Result<()> {
        let mirror = &self.replica.mirror;
        let authors = mirror.certificates.values().filter(|c| of.contains(&c.device.device()));
        let logs: Vec<Incarnation> = authors.map(|certificate| certificate.incarnation).collect();
        let spaces: Vec<Space> = mirror.names.spaces().map(|(_, space)| space.clone()).collect();
        for space in spaces {
            let clock = self.replica.mirror.clock(&space);
            let here = |log: &Incarnation| Some((*log, clock.get(*log))).filter(|(_, last)| *last > 0);
            let logs: Vec<(Incarnation, u64)> = logs.iter().filter_map(here).collect();
            if !logs.is_empty() {
                let cut = Ruling::make(&Saying::Cut { space, logs }, &self.replica.key);
                self.keep_ruling(&cut)?;
            }
        }
        Ok(())
    }

    /// Takes this device out of everything it shares: nobody trusts it from then on, and its logs are good to their ends.
    pub fn leave(&mut self) -> Result<()> {
        // What is open is counted, so that the cut names it.
        self.seal()?;
        let (before, me) = (Arc::clone(&self.replica.mirror.standing), self.replica.mirror.card.id());
        let entries = self.replica.mirror.roster.entries_of(me);
        self.keep_ruling(&Ruling::make(&Saying::Remove { device: me, entries }, &self.replica.key))?;
        self.say_cuts(&BTreeSet::from([me]))?;
        self.settle(&before)
    }

    /// Takes for good all that is here of a device's logs, also what was set aside because others cut them earlier.
    pub fn adopt(&mut self, device: DeviceId) -> Result<bool> {
        let known = self.replica.mirror.standing.was_trusted(device);
        if !known || self.replica.mirror.trust.contains_key(&device) {
            return Ok(false);
        }
        let before = Arc::clone(&self.replica.mirror.standing);
        self.say_cuts(&BTreeSet::from([device]))?;
        self.settle(&before)?;
        Ok(true)
    }

    /// Puts a key above this person's devices. False when they keep to another one, which alone may name a next.
    pub fn name_recovery(&mut self, key: PublicKey) -> Result<bool> {
        if !self.replica.recovery.is_empty() {
            return Ok(self.replica.recovery.contains(&key));
        }
        let before = Arc::clone(&self.replica.mirror.standing);
        self.keep_ruling(&Ruling::make(&Saying::Recovery { key }, &self.replica.key))?;
        self.settle(&before)?;
        Ok(true)
    }

    /// Takes a ruling of a recovery key that throws devices out: nothing that they said counts any more. Their logs are
    /// good as far as they are here. False when it is none, or of a key that this device does not keep to.
    pub fn expel(&mut self, ruling: &Ruling) -> Result<bool> {
        let Some(Saying::Expel { devices }) = ruling.says() else { return Ok(false) };
        if !self.replica.recovery.contains(&ruling.by) || !ruling.holds() {
            return Ok(false);
        }
        let before = Arc::clone(&self.replica.mirror.standing);
        self.keep_ruling(ruling)?;
        self.replica.settle_trust();
        self.say_cuts(&devices.into_iter().collect())?;
        self.settle(&before)?;
        Ok(true)
    }

    /// Keeps an address, newest first.
    pub fn remember_address(&mut self, peer: DeviceId, address: &str) -> Result<()> {
        let key = Key::of(Kind::Address).device(peer);
        let mut kept: Vec<String> =
            self.rows.get(&key)?.map(|value| decode(&key, &value)).transpose()?.unwrap_or_default();
        if kept.first().is_some_and(|first| first == address) {
            return Ok(());
        }
        kept.retain(|known| known != address);
        kept.insert(0, address.to_owned());
        kept.truncate(MAX_ADDRESSES);
        self.rows.put(&key, &bytes(&kept))
    }

    /// Keeps what a peer's disk is said to have.
    pub fn acknowledge(&mut self, peer: DeviceId, space: &Space, clock: &Clock) -> Result<()> {
        let Some(number) = self.replica.mirror.names.space_number(space) else { return Ok(()) };
        self.rows.put(&Key::of(Kind::Acknowledged).device(peer).space(number), &bytes(clock))
    }
}

fn scopes_of(trust: &Trust) -> Vec<Scope> {
    trust.spaces.iter().map(|(space, rights)| Scope::One(space.clone(), *rights)).collect()
}
