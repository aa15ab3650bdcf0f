//! The one task that decides who is dialed and which sessions live.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quire_protocol::id::DeviceId;
use quire_protocol::session::Millis;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::dial::{PlaceError, reach};
use super::plan::{Plan, Round};
use super::{Command, View, collision};
use crate::channel::Channel;
use crate::discovery::Sighting;
use crate::engine::{Engine, Event};
use crate::random;
use crate::transport::{self, End};

/// Peers dialed at one time, so that a thousand unreachable ones do not take all file descriptors.
const DIALS: usize = 32;

/// How often the network interfaces are looked at while a peer waits for its next attempt. A look costs some
/// 50 µs; nobody who opens a lid waits longer than this.
const LOOK: Millis = 5_000;

/// What is shown of a peer that does not answer because it removed this device.
const REMOVED: &str = "it has removed this device; to share with it again, pair them again";

pub(super) struct Manager {
    engine: Engine,
    view: View,
    begun: Instant,
    plan: Plan,
    sessions: HashMap<DeviceId, Live>,
    dials: HashMap<DeviceId, AbortHandle>,
    tasks: JoinSet<Done>,
    counter: u64,
    interfaces: Vec<IpAddr>,
    looked: Millis,
}

/// An open session.
struct Live {
    number: u64,
    dialer: DeviceId,
    since: Millis,
    /// Dropped: the session ends.
    _stop: oneshot::Sender<()>,
}

type Reached = Result<(Box<Channel>, String), Vec<PlaceError>>;

enum Done {
    Dialed(DeviceId, [u8; 32], Reached),
    Ended(DeviceId, u64, String),
    Remembered,
}

enum Turn {
    Command(Option<Command>),
    Event(Result<Arc<Event>, RecvError>),
    Sighting(Option<Sighting>),
    Done(Done),
    Lost,
    Time,
}

impl Manager {
    pub(super) fn new(engine: Engine, view: View, connect: Vec<String>) -> Manager {
        let mut plan = Plan::default();
        plan.set_configured(connect, 0);
        Manager {
            engine,
            view,
            begun: Instant::now(),
            plan,
            sessions: HashMap::new(),
            dials: HashMap::new(),
            tasks: JoinSet::new(),
            counter: 0,
            interfaces: interfaces(),
            looked: 0,
        }
    }

    /// Runs until it is told to stop; `listening` ends with it.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut sightings: Option<mpsc::Receiver<Sighting>>,
        listening: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut listener = JoinSet::new();
        listener.spawn(listening);
        let mut events = self.engine.subscribe();
        self.roster();
        loop {
            self.dial_due();
            let wake = self.wake();
            let turn = tokio::select! {
                command = commands.recv() => Turn::Command(command),
                event = events.recv() => Turn::Event(event),
                sighting = next_sighting(&mut sightings) => Turn::Sighting(sighting),
                Some(done) = self.tasks.join_next() => done.map_or(Turn::Lost, Turn::Done),
                () = at(wake) => Turn::Time,
            };
            match turn {
                Turn::Command(Some(Command::Stop(stopped))) => return self.stop(listener, stopped).await,
                Turn::Command(None) | Turn::Event(Err(RecvError::Closed)) => return,
                Turn::Command(Some(command)) => self.command(command),
                Turn::Event(Ok(event)) if !matches!(*event, Event::Roster) => {}
                Turn::Event(_) => self.roster(),
                Turn::Sighting(Some(sighting)) => self.sighted(sighting),
                Turn::Sighting(None) => sightings = None,
                Turn::Done(done) => self.done(done),
                Turn::Lost => {}
                Turn::Time => self.look(),
            }
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Accepted { channel, key, from } => {
                if let Some(device) = self.engine.device_of(&key) {
                    self.open(device, key, *channel, Way::Accepted(from));
                }
            }
            Command::SyncNow(device) => self.plan.hurry(device, now),
            Command::SetConnect(connect) => self.plan.set_configured(connect, now),
            Command::Paired { device, place } => {
                self.roster();
                self.plan.give(device, place, now);
            }
            Command::Stop(_) => {}
        }
    }

    fn roster(&mut self) {
        for device in self.plan.set_roster(self.engine.peers(), self.now()) {
            self.sessions.remove(&device);
            self.give_up_dialing(device);
            self.view.forget(device);
        }
    }

    fn sighted(&mut self, sighting: Sighting) {
        let places = sighting.addresses.iter().map(SocketAddr::to_string).collect();
        if let Some(device) = self.plan.with_key(|key| sighting.tag.matches(key)) {
            self.plan.sighted(device, places, self.now());
        }
        if sighting.pairing {
            self.view.saw_inviter(sighting);
        }
    }

    fn dial_due(&mut self) {
        let now = self.now();
        let free = DIALS.saturating_sub(self.dials.len());
        for Round { device, key, places } in self.plan.due(now, free) {
            self.view.update(device, |state| state.next_attempt = None);
            let engine = self.engine.clone();
            let dial = async move {
                // A task of its own, so that a bug in it ends as a failed attempt.
                let mut attempt = JoinSet::new();
                attempt.spawn(reach(engine, key, places));
                let reached = attempt.join_next().await;
                let reached = reached.and_then(Result::ok).unwrap_or_else(|| Err(Vec::new()));
                Done::Dialed(device, key, reached.map(|(channel, place)| (Box::new(channel), place)))
            };
            self.dials.insert(device, self.tasks.spawn(dial));
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Dialed(device, key, Ok((channel, place))) => {
                self.dials.remove(&device);
                self.open(device, key, *channel, Way::Dialed(place));
            }
            Done::Dialed(device, _, Err(failures)) => {
                self.dials.remove(&device);
                self.failed(device, &failures);
            }
            Done::Ended(device, number, reason) => self.ended(device, number, reason),
            Done::Remembered => {}
        }
    }

    fn failed(&mut self, device: DeviceId, failures: &[PlaceError]) {
        let others: Vec<String> = failures.iter().filter_map(PlaceError::somebody_else).cloned().collect();
        self.plan.failed(device, &others, self.now(), chance());
        // Where somebody answered tells more than where nobody did.
        let telling = failures.iter().find(|f| matches!(f, PlaceError::Channel { .. })).or(failures.first());
        let error = telling.map_or_else(|| "the attempt was lost".to_owned(), ToString::to_string);
        let removed = self.engine.removed_by().contains(&device);
        let error = if removed { REMOVED.to_owned() } else { error };
        tracing::debug!(peer = %device, error, "not reached");
        if !self.sessions.contains_key(&device) {
            self.waits(device, Some(error));
        }
    }

    fn ended(&mut self, device: DeviceId, number: u64, reason: String) {
        if self.sessions.get(&device).is_none_or(|live| live.number != number) {
            return;
        }
        self.sessions.remove(&device);
        self.plan.ended(device, self.now(), chance());
        tracing::info!(peer = %device, reason, "session ended");
        let removed = self.engine.removed_by().contains(&device);
        self.waits(device, Some(if removed { REMOVED.to_owned() } else { reason }));
    }

    /// Shows that a peer is away and when it is tried next.
    fn waits(&self, device: DeviceId, error: Option<String>) {
        let next = self.plan.next_of(device).map(|due| self.begun + Duration::from_millis(due));
        self.view.update(device, |state| {
            state.connected = false;
            state.next_attempt = next;
            state.last_error = error;
        });
    }

    /// Begins a session, unless one stands that is to stay.
    fn open(&mut self, device: DeviceId, key: [u8; 32], channel: Channel, way: Way) {
        let (now, me) = (self.now(), self.engine.card().id());
        let dialer = if matches!(way, Way::Dialed(_)) { me } else { device };
        if let Some(live) = self.sessions.get(&device)
            && !collision::replaces(now.saturating_sub(live.since), live.dialer, dialer)
        {
            return;
        }
        // A dial of ours that would win a crossing goes on: the peer may have taken it already.
        if dialer != me && device < me {
            self.give_up_dialing(device);
        }
        self.counter += 1;
        let (stop, stopped) = oneshot::channel();
        let live = Live { number: self.counter, dialer, since: now, _stop: stop };
        self.sessions.insert(device, live);
        self.spawn_session(device, key, channel, stopped);
        let place = way.place();
        self.plan.connected(device, place, now);
        self.show_connected(device, &way);
        if let Some(place) = place {
            self.remember(device, place.clone());
        }
    }

    fn spawn_session(
        &mut self,
        device: DeviceId,
        key: [u8; 32],
        channel: Channel,
        stopped: oneshot::Receiver<()>,
    ) {
        let (engine, number) = (self.engine.clone(), self.counter);
        self.tasks.spawn(async move {
            // A task of its own, so that a bug in it ends one session and is seen here.
            let mut session = JoinSet::new();
            session.spawn(transport::run(engine, device, key, channel, stopped));
            let reason = match session.join_next().await {
                Some(Ok(end)) => reason(&end),
                _ => "the session failed; please report this".to_owned(),
            };
            Done::Ended(device, number, reason)
        });
    }

    fn show_connected(&self, device: DeviceId, way: &Way) {
        tracing::info!(peer = %device, address = way.address(), "connected");
        self.view.update(device, |state| {
            state.connected = true;
            state.address = Some(way.address());
            state.last_error = None;
            state.next_attempt = None;
        });
    }

    fn remember(&mut self, device: DeviceId, place: String) {
        let engine = self.engine.clone();
        self.tasks.spawn(async move {
            if let Err(error) = engine.remember_address(device, place).await {
                tracing::warn!(peer = %device, %error, "its address could not be kept");
            }
            Done::Remembered
        });
    }

    fn give_up_dialing(&mut self, device: DeviceId) {
        if let Some(dial) = self.dials.remove(&device) {
            dial.abort();
        }
    }

    /// Hurries everybody when the network has changed.
    fn look(&mut self) {
        let now = self.now();
        if now < self.looked + LOOK {
            return;
        }
        self.looked = now;
        let interfaces = interfaces();
        if interfaces != self.interfaces {
            self.interfaces = interfaces;
            self.plan.hurry(None, now);
        }
    }

    /// When there is something to do without being told.
    fn wake(&self) -> Option<Instant> {
        let next = self.plan.next().filter(|_| self.dials.len() < DIALS)?;
        Some(self.begun + Duration::from_millis(next.min(self.looked.max(self.now()) + LOOK)))
    }

    async fn stop(mut self, mut listener: JoinSet<()>, stopped: oneshot::Sender<()>) {
        listener.shutdown().await;
        self.sessions.clear();
        self.tasks.shutdown().await;
        // Whoever asked may have lost patience.
        let _ = stopped.send(());
    }

    fn now(&self) -> Millis {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// How a connection came about.
enum Way {
    Dialed(String),
    Accepted(SocketAddr),
}

impl Way {
    /// Where the peer can be dialed again.
    fn place(&self) -> Option<&String> {
        if let Way::Dialed(place) = self { Some(place) } else { None }
    }

    fn address(&self) -> String {
        match self {
            Way::Dialed(place) => place.clone(),
            Way::Accepted(from) => SocketAddr::new(from.ip().to_canonical(), from.port()).to_string(),
        }
    }
}

fn reason(end: &End) -> String {
    end.to_string()
}

fn chance() -> u16 {
    u16::from_le_bytes(random::bytes())
}

fn interfaces() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<IpAddr> =
        found.iter().filter(|i| i.is_oper_up()).map(if_addrs::Interface::ip).collect();
    addresses.sort_unstable();
    addresses
}

async fn next_sighting(sightings: &mut Option<mpsc::Receiver<Sighting>>) -> Option<Sighting> {
    match sightings {
        Some(sightings) => sightings.recv().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
