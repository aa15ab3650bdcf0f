//! The peer socket: lets in whom the door knows, and bounds everybody else.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::sleep;

use super::Command;
use super::strangers::Strangers;
use crate::channel::{self, Accepted, ChannelError, Door, INVITATION_ID, Invitation};
use crate::engine::Engine;
use crate::pairing::{Invitations, Redeemed};

/// The wait when the system gives no more connections (most often: no more file descriptors).
const BREATH: Duration = Duration::from_millis(100);

/// Pairings at one time. An invitation works once, so there is hardly ever more than one.
const PAIRINGS: usize = 4;

/// Accepts for ever.
pub(super) async fn listen(
    socket: TcpListener,
    engine: Engine,
    invitations: Arc<Invitations>,
    commands: mpsc::UnboundedSender<Command>,
) {
    let mut entrance = Entrance {
        strangers: Strangers::default(),
        running: HashMap::new(),
        greeting: JoinSet::new(),
        pairings: JoinSet::new(),
        engine,
        invitations,
        commands,
    };
    loop {
        tokio::select! {
            accepted = socket.accept() => entrance.come(accepted).await,
            Some(done) = entrance.greeting.join_next_with_id() => entrance.greeted(done),
            Some(_) = entrance.pairings.join_next() => {}
        }
    }
}

struct Entrance {
    strangers: Strangers,
    /// Number of the place and handle of each task that greets.
    running: HashMap<tokio::task::Id, (u64, AbortHandle)>,
    greeting: JoinSet<Option<Entered>>,
    pairings: JoinSet<()>,
    engine: Engine,
    invitations: Arc<Invitations>,
    commands: mpsc::UnboundedSender<Command>,
}

/// Who came in, from where, and what was redeemed for it.
struct Entered {
    accepted: Accepted,
    from: SocketAddr,
    redeemed: Option<Redeemed>,
}

impl Entrance {
    async fn come(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer's connection");
                return sleep(BREATH).await;
            }
        };
        let (place, leaves) = self.strangers.admit(from.ip());
        if let Some((_, handle)) = self.running.values().find(|(number, _)| Some(*number) == leaves) {
            handle.abort();
        }
        let (engine, invitations) = (self.engine.clone(), self.invitations.clone());
        let handle = self.greeting.spawn(greet(stream, from, engine, invitations));
        self.running.insert(handle.id(), (place, handle));
    }

    fn greeted(&mut self, done: Result<(tokio::task::Id, Option<Entered>), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        if let Some((place, _)) = self.running.remove(&id) {
            self.strangers.leave(place);
        }
        if let Ok((_, Some(entered))) = done {
            self.enter(entered);
        }
    }

    fn enter(&mut self, entered: Entered) {
        let Entered { accepted, from, redeemed } = entered;
        match (accepted, redeemed) {
            (Accepted::Session { channel, peer_public }, _) => {
                // The manager lives as long as this task does.
                let _ = self.commands.send(Command::Accepted {
                    channel: Box::new(channel),
                    key: peer_public,
                    from,
                });
            }
            (Accepted::Pairing { channel, peer_public }, Some(redeemed))
                if self.pairings.len() < PAIRINGS =>
            {
                let engine = self.engine.clone();
                self.pairings.spawn(async move {
                    match crate::pairing::answer(&engine, channel, peer_public, redeemed).await {
                        Ok(device) => tracing::info!(peer = %device, "paired"),
                        Err(error) => tracing::warn!(%error, "a pairing failed"),
                    }
                });
            }
            (Accepted::Pairing { .. }, _) => {}
        }
    }
}

async fn greet(
    stream: TcpStream,
    from: SocketAddr,
    engine: Engine,
    invitations: Arc<Invitations>,
) -> Option<Entered> {
    let threshold = Threshold { engine: &engine, invitations: &invitations, redeemed: Mutex::new(None) };
    match channel::accept(stream, engine.channel_key(), &threshold).await {
        Ok(accepted) => {
            let redeemed = threshold.redeemed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            Some(Entered { accepted, from, redeemed })
        }
        Err(ChannelError::Stranger(why)) => {
            tracing::debug!(%from, %why, "a stranger was turned away");
            None
        }
        Err(error) => {
            tracing::info!(%from, %error, "a peer could not be let in");
            None
        }
    }
}

/// The door of one connection: it remembers what was redeemed on it.
struct Threshold<'a> {
    engine: &'a Engine,
    invitations: &'a Invitations,
    redeemed: Mutex<Option<Redeemed>>,
}

impl Door for Threshold<'_> {
    fn knows(&self, public: &[u8; 32]) -> bool {
        self.engine.device_of(public).is_some()
    }

    fn invitation(&self) -> Option<Invitation> {
        self.invitations.live()
    }

    fn failed_try(&self) {
        self.invitations.failed_try();
    }

    fn redeem(&self, id: &[u8; INVITATION_ID]) -> bool {
        let redeemed = self.invitations.redeem(id);
        let took = redeemed.is_some();
        *self.redeemed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = redeemed;
        took
    }
}
