//! The thread that keeps discovery going: it starts a [`Responder`], serves it while it is healthy and
//! the interfaces stay the same, and starts another one.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::address;
use super::backoff::Backoff;
use super::interfaces::Interfaces;
use super::responder::{Heeded, Instance, Responder, ResponderError};
use super::table::Table;
use super::{Advert, DiscoveryState, SharedState, Sighting, Wanted};

/// How often the interfaces and the time are looked at. A lost network must be found again within ten
/// seconds, of which this and [`SETTLE`] may pass before anything is sent.
const LOOK: Duration = Duration::from_secs(2);

/// The least life of a responder before a change of interfaces ends it. Containers that come and go
/// would otherwise make us a flood to our peers.
const SETTLE: Duration = Duration::from_secs(4);

/// Time for our own announcement to come back. It takes milliseconds, and is sent again after one
/// second; after five we are not heard by others either.
const ECHO: Duration = Duration::from_secs(5);

/// How often the network is asked anew. A cut between two switches is not seen at our interfaces, and
/// makes a peer vanish after the two minutes its address is valid; asking in that rhythm finds it soon
/// after the cut is healed.
const ASK: Duration = Duration::from_secs(120);

/// How often the library's memory is looked at.
const COUNT: Duration = Duration::from_secs(10);

/// Records the library may keep: the instances of a full [`Table`], each with a name, a service, a text
/// and some addresses on two interfaces. More is a flood, which ends with the library's restart.
const MAX_RECORDS: u64 = 4096;

/// The owner of all discovery state.
pub(super) struct Keeper {
    advert: Advert,
    wanted: watch::Receiver<Wanted>,
    out: mpsc::Sender<Sighting>,
    state: SharedState,
    table: Table,
    backoff: Backoff,
    /// Whether the present trouble was logged.
    warned: bool,
}

/// A responder while it is served.
struct Service {
    responder: Responder,
    interfaces: Interfaces,
    started: Instant,
    asked: Instant,
    counted: Instant,
    /// Whether anything was heard, be it ourselves.
    hears: bool,
}

/// Why a service or a pause ended.
enum End {
    Stopped,
    InterfacesChanged,
    /// Nothing comes back; it was served on for as long as the back-off demands.
    Deaf,
    Broken(String),
}

impl Keeper {
    pub(super) fn new(
        advert: Advert,
        wanted: watch::Receiver<Wanted>,
        out: mpsc::Sender<Sighting>,
        state: SharedState,
    ) -> Self {
        let (table, backoff) = (Table::new(Instant::now()), Backoff::new());
        Self { advert, wanted, out, state, table, backoff, warned: false }
    }

    /// Runs on the calling thread until the handle is dropped or says stop.
    pub(super) fn run(mut self) {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(self.keep()),
            Err(error) => self.unavailable(format!("no timer for discovery: {error}")),
        }
    }

    async fn keep(&mut self) {
        loop {
            let interfaces = self.look();
            let wanted = *self.wanted.borrow_and_update();
            if wanted.stop {
                return;
            }
            match self.try_once(&interfaces, wanted.pairing).await {
                End::Stopped => return,
                End::InterfacesChanged => {}
                End::Deaf => drop(self.backoff.failed()),
                End::Broken(why) => {
                    self.unavailable(why);
                    let wait = self.backoff.failed();
                    if let End::Stopped = self.pause(&interfaces, Some(wait)).await {
                        return;
                    }
                }
            }
        }
    }

    /// Serves on these interfaces for as long as it goes well.
    async fn try_once(&mut self, interfaces: &Interfaces, pairing: bool) -> End {
        if interfaces.is_empty() {
            self.unavailable("no network interface is up".into());
            return self.pause(interfaces, None).await;
        }
        match Responder::start(&self.advert, pairing) {
            Ok(responder) => self.serve(responder, interfaces).await,
            Err(error) => End::Broken(why(error)),
        }
    }

    /// Waits for other interfaces, for the end of a wait if there is one, or for the stop.
    async fn pause(&mut self, interfaces: &Interfaces, wait: Option<Duration>) -> End {
        let started = Instant::now();
        loop {
            let left = wait.map_or(LOOK, |wait| LOOK.min(wait.saturating_sub(started.elapsed())));
            tokio::select! {
                () = sleep(left) => {}
                changed = self.wanted.changed() => if changed.is_err() || self.wanted.borrow().stop {
                    return End::Stopped;
                },
            }
            if self.look() != *interfaces || wait.is_some_and(|wait| started.elapsed() >= wait) {
                return End::InterfacesChanged;
            }
        }
    }

    /// Serves one responder from its start to its farewell.
    async fn serve(&mut self, responder: Responder, interfaces: &Interfaces) -> End {
        self.table.clear();
        let now = Instant::now();
        let interfaces = interfaces.clone();
        let mut service =
            Service { responder, interfaces, started: now, asked: now, counted: now, hears: false };
        let end = self.attend(&mut service).await;
        service.responder.farewell().await;
        end
    }

    async fn attend(&mut self, service: &mut Service) -> End {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let end = tokio::select! {
                heeded = service.responder.next() => self.heed(service, heeded),
                _ = look.tick() => self.tick(service).await,
                changed = self.wanted.changed() => self.obey(service, changed.is_ok()),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn heed(&mut self, service: &mut Service, heeded: Heeded) -> Option<End> {
        match heeded {
            Heeded::Own => self.hears(service),
            Heeded::Seen(instance) => {
                self.hears(service);
                self.seen(service, instance);
            }
            Heeded::Gone(name) => self.table.gone(&name),
            Heeded::Nothing => {}
            Heeded::Ended => return Some(End::Broken("multicast DNS ended or was flooded".into())),
        }
        None
    }

    /// Something came in, so multicast works.
    fn hears(&mut self, service: &mut Service) {
        if !service.hears {
            service.hears = true;
            self.warned = false;
            self.state.set(DiscoveryState::Working);
            tracing::debug!("discovery works");
        }
    }

    fn seen(&mut self, service: &Service, instance: Instance) {
        let Some(text) = instance.text else { return };
        let own = (&service.interfaces, self.advert.port);
        let addresses = address::usable(&instance.addresses, instance.port, own);
        // Our tag under another name is our own echo, or somebody who plays with it.
        if addresses.is_empty() || text.tag.matches(&self.advert.public) {
            return;
        }
        let sighting = Sighting { addresses, tag: text.tag, pairing: text.pairing };
        if let Some(news) = self.table.seen(instance.name, sighting, Instant::now()) {
            self.report(news);
        }
    }

    /// Tells the dialer, unless it is behind: it will hear of the instance again.
    fn report(&self, sighting: Sighting) {
        if self.out.try_send(sighting).is_err() {
            tracing::debug!("a sighting was dropped: nobody takes them");
        }
    }

    /// What is looked at every [`LOOK`].
    async fn tick(&mut self, service: &mut Service) -> Option<End> {
        let up = service.started.elapsed();
        if up >= SETTLE && self.look() != service.interfaces {
            return Some(End::InterfacesChanged);
        }
        for sighting in self.table.due(Instant::now()) {
            self.report(sighting);
        }
        if service.hears {
            self.backoff.served(up);
        } else if up >= ECHO {
            self.unavailable("no multicast comes back; a firewall or the network may block it".into());
            if up >= ECHO + self.backoff.wait() {
                return Some(End::Deaf);
            }
        }
        self.upkeep(service).await.err().map(End::Broken)
    }

    /// Asks again and counts again when it is time. Fails with the reason for a restart.
    async fn upkeep(&mut self, service: &mut Service) -> Result<(), String> {
        if service.asked.elapsed() >= ASK || self.table.should_ask(Instant::now()) {
            service.asked = Instant::now();
            service.responder.ask_again().map_err(why)?;
        }
        if service.counted.elapsed() >= COUNT {
            service.counted = Instant::now();
            let records = service.responder.records().await.map_err(why)?;
            if records > MAX_RECORDS {
                return Err(format!("the network floods us with {records} announcements"));
            }
        }
        Ok(())
    }

    /// Does what the handle asks; `alive` says whether there still is one.
    fn obey(&mut self, service: &Service, alive: bool) -> Option<End> {
        let wanted = *self.wanted.borrow_and_update();
        if !alive || wanted.stop {
            return Some(End::Stopped);
        }
        service.responder.announce(wanted.pairing).err().map(|error| End::Broken(why(error)))
    }

    /// The interfaces now; none when the system cannot say.
    fn look(&self) -> Interfaces {
        Interfaces::now().unwrap_or_else(|error| {
            tracing::debug!(%error, "the network interfaces cannot be listed");
            Interfaces::default()
        })
    }

    fn unavailable(&mut self, why: String) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(%why, "peers are not discovered; those with a known address are still dialled");
        }
        self.state.set(DiscoveryState::Unavailable(why));
    }
}

fn why(error: ResponderError) -> String {
    error.to_string()
}
