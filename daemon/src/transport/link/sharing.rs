//! What the peer may know: looked up anew when trust changes, and told to a peer that was removed.

use std::collections::BTreeSet;
use std::time::Duration;

use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::identity::Rights;
use quire_protocol::message::{Credentials, Message};
use quire_protocol::session::Input;

use super::{End, Link};

/// How long a removed peer may take to read that it was.
const FAREWELL: Duration = Duration::from_millis(500);

impl Link {
    /// Reads trust, credentials and clocks from the engine, whatever was missed.
    pub(super) async fn look_anew(&mut self) -> Result<(), End> {
        self.still_trusted()?;
        if self.engine.forks() != self.forks {
            return Err(End::ForkFound);
        }
        self.access = None;
        let credentials = self.engine.credentials_for(self.peer);
        self.give(Input::Credentials(credentials)).await?;
        let clocks = self.share_anew()?;
        self.give(Input::Committed(clocks)).await
    }

    /// Tells a peer that it was removed, so that its owner learns why it hears nothing more; the session ends in any
    /// case, so it matters little whether it arrives.
    pub(super) async fn say_farewell(&mut self) {
        if let Some(credentials) = self.engine.farewell_to(self.peer) {
            // Nothing else goes out to it any more.
            self.outgoing.take();
            self.outgoing.push(Message::Credentials(credentials));
            let last = self.outgoing.take();
            let sent = tokio::time::timeout(FAREWELL, self.sender.send_batch(&last)).await;
            tracing::debug!(peer = %self.peer, told = sent.is_ok(), "the peer was removed");
            // What it still says is read to the end: closing before would take the last word back.
            let read = async { while let Ok(Some(_)) = self.receiver.recv().await {} };
            let _ = tokio::time::timeout(FAREWELL, read).await;
        }
    }

    pub(super) fn still_trusted(&self) -> Result<(), End> {
        let trusted = self.engine.device_of(&self.key) == Some(self.peer);
        if trusted { Ok(()) } else { Err(End::Removed) }
    }

    /// The clocks that the peer may see now. A session cannot take a space back, so it ends when one is gone.
    pub(super) fn share_anew(&mut self) -> Result<Vec<(Space, Clock)>, End> {
        let clocks = self.engine.clocks_for(self.peer);
        let now: BTreeSet<Space> = clocks.iter().map(|(space, _)| space.clone()).collect();
        let gone: Vec<Space> = self.shared.difference(&now).cloned().collect();
        if !gone.iter().all(|space| self.may_share(space)) {
            return Err(End::RightsChanged);
        }
        self.shared.extend(now);
        Ok(clocks)
    }

    /// Whether the peer may read a space, also one of which nothing is here yet.
    pub(super) fn may_share(&mut self, space: &Space) -> bool {
        if self.access.is_none() {
            self.access = self.engine.peers().into_iter().find(|record| record.card.id() == self.peer);
        }
        self.access.as_ref().is_some_and(|record| {
            let granted = |(name, rights): &(Space, Rights)| name == space && rights.allow(Rights::READ);
            record.everything || record.spaces.iter().any(granted)
        })
    }

    pub(super) async fn learn(&mut self, credentials: Credentials) -> Result<Input, End> {
        self.engine.learn(credentials).await?;
        self.still_trusted()?;
        if self.engine.forks() != self.forks {
            return Err(End::ForkFound);
        }
        self.access = None;
        Ok(Input::Committed(self.share_anew()?))
    }

    /// A space that the peer shares and that is not here yet is answered with an empty clock, which asks
    /// for all of it. One that the peer may not read is not answered at all.
    pub(super) fn peer_has(&mut self, space: Space, clock: Clock) -> Option<Input> {
        let known = self.shared.contains(&space);
        if !known && !self.may_share(&space) {
            return None;
        }
        let fresh = self.heard_of.insert(space.clone());
        self.engine.peer_has(self.peer, &space, clock, fresh);
        if known {
            return None;
        }
        self.shared.insert(space.clone());
        let own = self.engine.clock(&space).unwrap_or_default();
        Some(Input::Committed(vec![(space, own)]))
    }
}
