//! Peers of the local network: says that this daemon is here, and hears who else is.
//!
//! What lives here: the multicast DNS advertisement, the browsing, and the bounds on both. What does
//! not: trust. Anybody on the network can say anything here, so a [`Sighting`] is only a hint where it
//! may be worth to dial; who answers there is proved by the channel, and nothing heard is kept.
//!
//! The advertisement names neither user, host nor device. Its instance and host names are random, and
//! its [`Tag`] can be recognised only by those who know this device's public key. Names and tag are
//! chosen anew with every set of network interfaces, so a travelling device is not followed by them.
//!
//! All work happens on one thread of its own (`keeper`); no type of the multicast DNS library leaves
//! `responder`.

mod address;
mod backoff;
#[doc(hidden)]
pub mod fuzzing;
mod interfaces;
mod keeper;
mod responder;
mod table;
mod tag;
mod text;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use tag::Tag;

/// Sightings waiting for the dialer. It is told again every [`table::REPEAT`], so one that finds the
/// channel full is dropped; 64 is one minute's worth of new instances.
const WAITING_SIGHTINGS: usize = 64;

/// How long [`Discovery::shutdown`] waits for the farewell to be sent. Without the farewell peers only
/// keep a dead address for two minutes, so leaving in time matters more.
const FAREWELL: Duration = Duration::from_secs(2);

/// What this daemon says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Advert {
    /// TCP port on which peers are accepted.
    pub port: u16,
    /// Our X25519 static public key. It is never sent: only a salted tag of it is.
    pub public: [u8; 32],
    /// Whether an invitation is live.
    pub pairing: bool,
}

/// Somebody who says to be a Quire daemon. A hint, never proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Where to dial, the most promising first; at least one, at most sixteen.
    pub addresses: Vec<SocketAddr>,
    /// Tells devices that know the peer's key which peer it is.
    pub tag: Tag,
    /// Whether it says that an invitation is live there.
    pub pairing: bool,
}

/// Whether discovery does anything at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryState {
    /// Multicast was seen to work since the interfaces last changed.
    Working,
    /// It does not work now, and why, for a person to read. It is tried again by itself.
    Unavailable(String),
}

/// A running discovery. Dropping it ends it, without waiting for the farewell.
#[derive(Debug)]
pub struct Discovery {
    wanted: watch::Sender<Wanted>,
    state: SharedState,
    /// Disconnects when the thread is gone; a mutex only to let the handle be shared.
    ended: Mutex<std::sync::mpsc::Receiver<()>>,
}

/// What the handle asks of the thread.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    pairing: bool,
    stop: bool,
}

/// The state as the thread last set it.
#[derive(Clone, Debug)]
struct SharedState(Arc<Mutex<DiscoveryState>>);

impl SharedState {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(DiscoveryState::Unavailable("discovery is starting".into()))))
    }

    fn get(&self) -> DiscoveryState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: DiscoveryState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Starts to advertise and to listen.
///
/// Never fails: where multicast is missing that is logged once, [`Discovery::state`] says so, and it
/// is tried again when the network interfaces change. The channel ends with the discovery.
pub fn start(advert: Advert) -> (Discovery, mpsc::Receiver<Sighting>) {
    let (wanted, asked) = watch::channel(Wanted { pairing: advert.pairing, stop: false });
    let (out, sightings) = mpsc::channel(WAITING_SIGHTINGS);
    let (alive, ended) = std::sync::mpsc::channel();
    let state = SharedState::new();
    let keeper = keeper::Keeper::new(advert, asked, out, state.clone());
    let thread = std::thread::Builder::new().name("discovery".into()).spawn(move || {
        let _alive = alive;
        keeper.run();
    });
    if let Err(error) = thread {
        tracing::warn!(%error, "no thread for discovery: peers are found by known addresses only");
        state.set(DiscoveryState::Unavailable(format!("no thread for discovery: {error}")));
    }
    (Discovery { wanted, state, ended: Mutex::new(ended) }, sightings)
}

impl Discovery {
    /// Says whether an invitation is live; a change is announced within two seconds.
    pub fn set_pairing(&self, pairing: bool) {
        self.wanted.send_if_modified(|wanted| std::mem::replace(&mut wanted.pairing, pairing) != pairing);
    }

    /// Whether discovery works now.
    pub fn state(&self) -> DiscoveryState {
        self.state.get()
    }

    /// Says farewell to the network and ends the thread. Blocks, usually for some milliseconds and at
    /// most two seconds.
    pub fn shutdown(self) {
        self.wanted.send_modify(|wanted| wanted.stop = true);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: this returns when the thread dropped its end, or when time is up.
        let _ = ended.recv_timeout(FAREWELL);
    }
}
