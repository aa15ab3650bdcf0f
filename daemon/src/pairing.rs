//! How two devices that never met come to trust each other: one shows a code, the other types it.
//!
//! Here lives the invitation with its bounds, where an acceptor looks for the inviter, and what the two say
//! once the code has made a channel. The channel itself is `channel`, what trust means is the engine's.

mod exchange;
mod find;
#[doc(hidden)]
pub mod fuzzing;
mod invitations;
mod uri;

use std::fmt;
use std::sync::Arc;

use quire_protocol::id::Space;
use quire_protocol::identity::Rights;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::channel::{self, ChannelError, Code, INVITATION_ID};
use crate::engine::EngineError;
use crate::peers::{PeerStatus, Peers};
use crate::random;

pub use exchange::ExchangeError;
pub(crate) use exchange::answer;
pub(crate) use invitations::{Invitations, Redeemed};

use invitations::{LIFE, Offer};

/// An invitation as it is shown to a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// To be typed on the other device: `XXXX-XXXX-XXXXX`.
    pub code: String,
    /// Code, name and addresses in one, to be scanned.
    pub uri: String,
    /// Seconds until it works no more.
    pub expires_in_seconds: u64,
}

/// The code is a secret while it lives.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").finish_non_exhaustive()
    }
}

/// What came of accepting an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The inviter.
    pub peer: PeerStatus,
    /// What it granted this device, in single spaces; `None` for everything.
    pub granted: Option<Vec<(Space, Rights)>>,
}

/// Why an invitation could not be accepted.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// An inviter was reached and the code did not hold: wrong, used, or too old. Deliberately one error.
    #[error("the code was not accepted")]
    NotAccepted,
    /// No inviter was reached; what was tried.
    #[error("{0}")]
    Unreachable(String),
    /// The invitation shares a space that is here already, and it is not the inviter's.
    #[error("{0} is already here; two spaces of one name cannot be joined between different people")]
    AlreadyHolds(Space),
    /// What was typed is no code and no invitation; nothing was sent.
    #[error("{0}")]
    Code(String),
    /// This side could not keep the new peer.
    #[error("{0}")]
    Engine(#[from] EngineError),
}

/// Makes and accepts invitations; cheap to clone.
#[derive(Clone)]
pub struct Pairing {
    peers: Peers,
    /// One at a time: deriving a key takes 64 MiB.
    deriving: Arc<Mutex<()>>,
}

impl Pairing {
    /// Pairs for these peers.
    pub fn new(peers: Peers) -> Pairing {
        Pairing { peers, deriving: Arc::default() }
    }

    /// Makes an invitation, which takes the place of an earlier one. Without `spaces` whoever accepts is a
    /// device of the same person.
    ///
    /// # Errors
    /// When the system gives no randomness or no 64 MiB of memory.
    pub async fn invite(&self, spaces: Option<Vec<(Space, Rights)>>) -> Result<Invitation, ChannelError> {
        let _one = self.deriving.lock().await;
        let code = Code::generate()?;
        let shown = code.to_string();
        let id: [u8; INVITATION_ID] = random::bytes();
        let derived = tokio::task::spawn_blocking(move || channel::psk(&code, &id)).await;
        let psk = *derived.map_err(|_| ChannelError::Kdf)??;
        let expires = Instant::now() + LIFE;
        let secret = channel::Invitation { id, psk };
        self.peers.invitations().put(Offer::new(secret, spaces, expires));
        let invitations = self.peers.invitations().clone();
        tokio::spawn(async move {
            sleep_until(expires).await;
            invitations.expire();
        });
        let name = self.peers.engine().card().name;
        let uri = uri::Invite { code: shown.clone(), name, at: uri::own_addresses(self.peers.local_addr()) };
        Ok(Invitation { code: shown, uri: uri.to_string(), expires_in_seconds: LIFE.as_secs() })
    }

    /// Accepts an invitation by its code or its URI; `address` (`HOST:PORT`) says where the inviter is. Answers
    /// when both sides have written, or this one has and the other was lost.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub async fn accept(&self, code: &str, address: Option<String>) -> Result<Accepted, AcceptError> {
        let invite = uri::Invite::read(code).map_err(AcceptError::Code)?;
        Code::parse(&invite.code).map_err(|error| AcceptError::Code(error.to_string()))?;
        let one = self.deriving.lock().await;
        let found = find::inviter(&self.peers, &invite, address).await?;
        drop(one);
        let place = found.place.clone();
        let (device, granted) = exchange::accept(self.peers.engine(), found).await?;
        self.peers.paired(device.id(), place.clone());
        let listed = self.peers.status().into_iter().find(|peer| peer.device == device.id());
        let peer = listed.unwrap_or_else(|| PeerStatus {
            device: device.id(),
            name: device.name,
            connected: false,
            address: Some(place),
            last_error: None,
            next_attempt_ms: None,
            behind_by: 0,
            set_aside: 0,
            set_aside_first: Vec::new(),
            grants: None,
            added_by: Vec::new(),
        });
        Ok(Accepted { peer, granted })
    }
}
