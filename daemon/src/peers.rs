//! Who is connected: one session with every peer that can be reached, found by whatever means.
//!
//! Here lives when to dial and whom to keep. How a session goes is `transport`, who may come in is asked of
//! the engine, how strangers become peers is `pairing`. One task ([`manager`]) decides; it sleeps while
//! nothing is to do.

mod backoff;
mod collision;
mod dial;
mod listener;
mod manager;
mod plan;
mod strangers;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::Rights;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::channel::Channel;
use crate::discovery::Sighting;
use crate::engine::Engine;
use crate::pairing::Invitations;
use crate::replica::SetAside;

pub(crate) use dial::{PlaceError, connect};

/// How long [`Peers::stop`] waits for sessions to end.
const STOP: Duration = Duration::from_secs(1);

/// How long a sighting of an inviter is good: discovery repeats every sighting after ten seconds.
const SIGHTING_LIFE: Duration = Duration::from_secs(25);

/// Sightings of inviters kept. More than one person pairs at a time only at a fair.
const MAX_INVITERS: usize = 16;

/// What the peers need besides the engine and the socket.
#[derive(Default)]
pub struct Options {
    /// Configured addresses, `HOST:PORT` each.
    pub connect: Vec<String>,
    /// What discovery sees; `None` when it is off.
    pub sightings: Option<mpsc::Receiver<Sighting>>,
    /// Told whether an invitation is live (for [`Discovery::set_pairing`](crate::discovery::Discovery)). Must
    /// not wait.
    pub announce: Option<Box<dyn Fn(bool) + Send + Sync>>,
}

/// A handle on the sessions with all peers; cheap to clone. They end with [`stop`](Self::stop).
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    /// Unbounded, because those who send are bounded: the listener by its places, apps by their connections.
    commands: mpsc::UnboundedSender<Command>,
    view: View,
    invitations: Arc<Invitations>,
    address: SocketAddr,
}

/// What the manager shows of itself.
#[derive(Clone)]
struct View(Arc<Inside>);

struct Inside {
    states: Mutex<BTreeMap<DeviceId, State>>,
    changes: watch::Sender<u64>,
    inviters: watch::Sender<Vec<(Instant, Sighting)>>,
    connect: Mutex<Vec<String>>,
}

/// How it stands with one peer.
#[derive(Clone, Debug, Default)]
struct State {
    connected: bool,
    address: Option<String>,
    last_error: Option<String>,
    next_attempt: Option<Instant>,
}

enum Command {
    Accepted { channel: Box<Channel>, key: [u8; 32], from: SocketAddr },
    SyncNow(Option<DeviceId>),
    SetConnect(Vec<String>),
    Paired { device: DeviceId, place: String },
    Stop(oneshot::Sender<()>),
}

/// How it stands with one peer, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which device.
    pub device: DeviceId,
    /// What it calls itself.
    pub name: String,
    /// Whether a session is open.
    pub connected: bool,
    /// Where it is or was last connected.
    pub address: Option<String>,
    /// Why the last attempt or session failed; gone with the next session.
    pub last_error: Option<String>,
    /// Milliseconds from now until it is dialed; `None` while connected, dialing, or with nowhere to dial.
    pub next_attempt_ms: Option<u64>,
    /// Records that its disk does not have, as far as it said.
    pub behind_by: u64,
    /// Records of its logs that were set aside.
    pub set_aside: u64,
    /// The first of them, with the reasons.
    pub set_aside_first: Vec<SetAside>,
    /// What it may do in single spaces; `None` for a device of the same person, which may do everything.
    pub grants: Option<Vec<(Space, Rights)>>,
    /// Trusted devices that added it.
    pub added_by: Vec<DeviceId>,
}

impl Peers {
    /// Accepts peers on `socket` and dials those that can be found. Needs to be called in a tokio runtime.
    ///
    /// # Errors
    /// When the socket does not tell its address.
    pub fn start(engine: Engine, socket: TcpListener, options: Options) -> io::Result<Peers> {
        let address = socket.local_addr()?;
        let (commands, asked) = mpsc::unbounded_channel();
        let invitations = Arc::new(Invitations::new(options.announce));
        let view = View::new(options.connect.clone());
        let listening = listener::listen(socket, engine.clone(), invitations.clone(), commands.clone());
        let manager = manager::Manager::new(engine.clone(), view.clone(), options.connect);
        tokio::spawn(manager.run(asked, options.sightings, listening));
        let shared = Shared { engine, commands, view, invitations, address };
        Ok(Peers { shared: Arc::new(shared) })
    }

    /// How it stands with every peer.
    pub fn status(&self) -> Vec<PeerStatus> {
        let states = self.shared.view.states().clone();
        let now = Instant::now();
        let one = |record: crate::engine::PeerRecord| {
            let device = record.card.id();
            let state = states.get(&device).cloned().unwrap_or_default();
            let until = |at: Instant| at.saturating_duration_since(now).as_millis();
            PeerStatus {
                device,
                name: record.card.name,
                connected: state.connected,
                address: state.address.or_else(|| record.addresses.into_iter().next()),
                last_error: state.last_error,
                next_attempt_ms: state.next_attempt.and_then(|at| u64::try_from(until(at)).ok()),
                behind_by: self.shared.engine.behind_by(device),
                set_aside: self.shared.engine.set_aside(device),
                set_aside_first: self.shared.engine.asides(Some(device)).unwrap_or_default(),
                grants: (!record.everything).then_some(record.spaces),
                added_by: record.added_by,
            }
        };
        self.shared.engine.peers().into_iter().map(one).collect()
    }

    /// Changes whenever a peer connects or goes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.view.0.changes.subscribe()
    }

    /// Dials at once, whatever failed before: one peer, or all that are not connected.
    pub fn sync_now(&self, device: Option<DeviceId>) {
        self.tell(Command::SyncNow(device));
    }

    /// Takes other configured addresses into use. Sessions that stand stay.
    pub fn set_connect(&self, connect: Vec<String>) {
        self.shared.view.connect().clone_from(&connect);
        self.tell(Command::SetConnect(connect));
    }

    /// Where peers are accepted.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// Closes all sessions and the socket, within a second.
    pub async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        self.tell(Command::Stop(stopped));
        // Stopped, already gone, or late: the process ends in any case.
        let _ = timeout(STOP, wait).await;
    }

    /// A pairing was accepted at this address: it is dialed there at once.
    pub(crate) fn paired(&self, device: DeviceId, place: String) {
        self.tell(Command::Paired { device, place });
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(crate) fn invitations(&self) -> &Arc<Invitations> {
        &self.shared.invitations
    }

    pub(crate) fn configured(&self) -> Vec<String> {
        self.shared.view.connect().clone()
    }

    /// Inviters that discovery has seen, newest last.
    pub(crate) fn inviters(&self) -> watch::Receiver<Vec<(Instant, Sighting)>> {
        self.shared.view.0.inviters.subscribe()
    }

    fn tell(&self, command: Command) {
        // After the stop there is nobody to tell and nothing to do.
        let _ = self.shared.commands.send(command);
    }
}

impl View {
    fn new(connect: Vec<String>) -> View {
        View(Arc::new(Inside {
            states: Mutex::default(),
            changes: watch::Sender::new(0),
            inviters: watch::Sender::default(),
            connect: Mutex::new(connect),
        }))
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<DeviceId, State>> {
        self.0.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.connect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is shown of one peer, and tells subscribers when it came or went.
    fn update(&self, device: DeviceId, change: impl FnOnce(&mut State)) {
        let mut states = self.states();
        let state = states.entry(device).or_default();
        let before = state.connected;
        change(state);
        let turned = before != state.connected;
        drop(states);
        if turned {
            self.0.changes.send_modify(|count| *count += 1);
        }
    }

    fn forget(&self, device: DeviceId) {
        self.states().remove(&device);
        self.0.changes.send_modify(|count| *count += 1);
    }

    fn saw_inviter(&self, sighting: Sighting) {
        let now = Instant::now();
        self.0.inviters.send_modify(|seen| {
            seen.retain(|(at, old)| now.duration_since(*at) < SIGHTING_LIFE && old.tag != sighting.tag);
            seen.truncate(MAX_INVITERS - 1);
            seen.push((now, sighting));
        });
    }
}
