//! The roster as the handle changes and shows it.

use std::collections::BTreeSet;

use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, PublicKey};
use quire_protocol::message::{Credentials, ShortHead};
use quire_protocol::roster::{Ruling, Saying, Scope};
use quire_protocol::session::Compared;

use super::writer::Command;
use super::{Engine, EngineError, RosterChange};
use crate::replica::{Comparison, SetAside};

impl Engine {
    /// Keeps who proved an invitation's code, and what it grants. Its first session is enough from here on.
    pub async fn invite(&self, card: DeviceCard, scopes: Vec<Scope>) -> Result<(), EngineError> {
        self.change_roster(RosterChange::Invite(card, scopes)).await.map(drop)
    }

    /// Forgets who was invited and did not take it.
    pub async fn uninvite(&self, device: DeviceId) -> Result<(), EngineError> {
        self.change_roster(RosterChange::Uninvite(device)).await.map(drop)
    }

    /// Trusts an invited device, which has come; false when it was not invited.
    pub async fn admit_invited(&self, device: DeviceId) -> Result<bool, EngineError> {
        if !self.trust().invited.contains_key(&device) {
            return Ok(false);
        }
        self.change_roster(RosterChange::AdmitInvited(device)).await
    }

    /// Removes a device, for this one and all who share anything with it. False when it was not trusted.
    pub async fn remove_peer(&self, peer: DeviceId) -> Result<bool, EngineError> {
        self.change_roster(RosterChange::Remove(peer)).await
    }

    /// Takes for good what is here of a removed device's logs. False when it is trusted, or never was.
    pub async fn adopt(&self, device: DeviceId) -> Result<bool, EngineError> {
        self.change_roster(RosterChange::Adopt(device)).await
    }

    /// Puts a recovery key above this person's devices. False when they keep to another one.
    pub async fn name_recovery(&self, key: PublicKey) -> Result<bool, EngineError> {
        self.change_roster(RosterChange::NameRecovery(key)).await
    }

    /// Takes a ruling of a recovery key that throws devices out. False when it is none, or this device does not keep to
    /// that key.
    pub async fn expel(&self, ruling: Ruling) -> Result<bool, EngineError> {
        self.change_roster(RosterChange::Expel(ruling)).await
    }

    /// Devices that removed this one, with the right to.
    pub fn removed_by(&self) -> Vec<DeviceId> {
        self.trust().standing.removed_by.iter().copied().collect()
    }

    /// What a device may hear that is trusted no more: that it was removed.
    pub fn farewell_to(&self, device: DeviceId) -> Option<Credentials> {
        self.trust().farewell_to(device)
    }

    /// The first records that were set aside, of one device's logs or of all.
    pub fn asides(&self, of: Option<DeviceId>) -> Result<Vec<SetAside>, EngineError> {
        Ok(self.view()?.asides(of)?)
    }

    /// What is known of forks: space, log, last good record.
    pub fn forks(&self) -> BTreeSet<(Space, Incarnation, u64)> {
        let standing = self.trust().standing;
        standing.forks().map(|(space, log, _, end)| (space.clone(), log, end)).collect()
    }

    /// The ends of the logs of a space, as peers compare them.
    pub fn heads(&self, space: &Space) -> Result<Vec<ShortHead>, EngineError> {
        Ok(self.view()?.heads(space)?)
    }

    /// Logs of which a peer says to have as many records as are here, but not the same; and how many.
    pub fn doubtful(
        &self,
        space: &Space,
        theirs: &[ShortHead],
    ) -> Result<Vec<(Incarnation, u64)>, EngineError> {
        Ok(self.view()?.doubtful(space, theirs)?)
    }

    /// What follows a record of a log, as it is kept: one segment, or nothing.
    pub fn branch(&self, space: &Space, log: Incarnation, after: u64) -> Result<Vec<u8>, EngineError> {
        Ok(self.view()?.branch(space, log, after)?)
    }

    /// Compares what a peer has behind a record of a log with what is here; keeps the proof when the log forked.
    pub async fn compare(
        &self,
        space: &Space,
        log: Incarnation,
        after: u64,
        segment: Vec<u8>,
    ) -> Result<Compared, EngineError> {
        let (view, name) = (self.view()?, space.clone());
        let found = tokio::task::spawn_blocking(move || view.compare(&name, log, after, &segment)).await;
        match found.map_err(|_| EngineError::Stopping)?? {
            Comparison::Apart => Ok(Compared::Apart),
            Comparison::Together(hi) => Ok(Compared::Together(hi)),
            Comparison::Nothing => Ok(Compared::Settled),
            Comparison::Forked(fork) => {
                let ruling = Ruling::make(&Saying::Fork(fork), &self.inner.device_key);
                self.learn(Credentials { rulings: vec![ruling], ..Credentials::default() }).await?;
                Ok(Compared::Settled)
            }
        }
    }

    async fn change_roster(&self, change: RosterChange) -> Result<bool, EngineError> {
        self.ask(|reply| Command::Roster { change, reply }).await
    }
}
