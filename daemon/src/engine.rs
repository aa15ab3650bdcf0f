//! The one owner of the replica: a thread that commits whatever waits as one group, and answers after the
//! sync. Callers hold a handle; none is known to it.

mod backup;
mod bulk;
mod check;
mod history;
mod readers;
mod roster;
mod tenants;
mod types;
mod writer;

pub use backup::{Snapshot, SnapshotRow};
pub use history::{HistoryPage, VersionView};
pub use types::{
    Changed, ConflictView, DateRange, EngineError, Event, ImportPut, Imported, Ingested, ItemView,
    MarkingFilter, MarkingsAction, MarkingsDone, MarkingsPut, MessageAction, MessagePut, NodeFilter,
    NodeName, NodePut, PeerRecord, RecordsOf, Refusal, RosterChange, ShelfRow, Shelve, Shelved, SpaceView,
    Synchronized, TokenPut, WindowPage,
};

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, DeviceKey, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::shapes::model::SynchronizationModel;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, broadcast, oneshot};

use crate::channel::StaticKey;
use crate::replica::{Mirror, Opening, Replica, View, cursor_candidates, open_store};
use crate::sealed::Secret;
use crate::store::protection::{Place, Protection};
use crate::store::{Store, StoreError};
use writer::{Command, Job, Told, Writer};

/// Name of the database within the data folder.
pub const DATABASE: &str = "quire.redb";

/// Announcements a slow subscriber may be behind before it is told to read clocks anew.
const EVENTS: usize = 1024;

/// A handle on the engine; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What the handle and the writer share.
pub(crate) struct Shared {
    /// What readers see, changed with each commit; they clone what they need.
    pub mirror: RwLock<Mirror>,
    /// Something was answered that readers do not see yet.
    pub unshown: AtomicBool,
    /// Somebody read since the writer last looked.
    pub read: AtomicBool,
    /// The store as it is now; replaced when it had to be opened again.
    pub store: RwLock<Arc<Store>>,
    /// The store is being opened again, or could not be: what stands in for it is empty.
    pub reopening: AtomicBool,
    /// The last commit failed.
    pub failing: AtomicBool,
    /// Why what was asked last was not begun; whoever asked is told by its reply going away.
    pub refused: Mutex<Option<StoreError>>,
    /// The store is damaged: why nothing is written any more.
    pub condemned: OnceLock<StoreError>,
    pub events: broadcast::Sender<Arc<Event>>,
}

struct Inner {
    shared: Arc<Shared>,
    channel_key: StaticKey,
    device_key: Arc<DeviceKey>,
    jobs: std::sync::mpsc::SyncSender<Job>,
    /// What peers' disks have, as they said; kept on disk now and then, so lower after a crash, never higher.
    acknowledged: Mutex<HashMap<DeviceId, BTreeMap<Space, Clock>>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    windows: tenants::Windows,
    file_key: Secret,
    key_place: Option<Place>,
    /// A snapshot that is read to its end makes the file grow: one at a time.
    snapshots: Arc<Semaphore>,
}

/// Where a store is opened again, and with what.
pub(crate) struct Home {
    pub path: std::path::PathBuf,
    pub protection: Protection,
}

/// How long a reader waits for a store that is being opened again: longer than a repair of some hundred MiB takes, and
/// short enough that nobody gives up.
const REOPENED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What is said while the store is not open.
const REOPENING: &str = "it is being opened again";

/// Jobs that may wait for the writer before callers wait: a few batches.
const QUEUE: usize = 4096;

impl Engine {
    /// Opens the engine on a data folder and starts its writer. `name` is what people call the device. A store that is
    /// encrypted is refused.
    pub fn open(folder: &Path, name: &str) -> Result<Engine, EngineError> {
        Engine::open_protected(folder, name, Protection::default())
    }

    /// The same with keys, and with the store encrypted or not, as is wanted: it is written anew where it is otherwise.
    pub fn open_protected(folder: &Path, name: &str, protection: Protection) -> Result<Engine, EngineError> {
        let path = folder.join(DATABASE);
        let store = open_store(&path, &protection)?;
        Engine::start(Arc::new(store), Some(Home { path, protection }), name)
    }

    /// An engine in memory, for tests and simulations of callers.
    pub fn in_memory(name: &str) -> Result<Engine, EngineError> {
        let store = Store::with_backend(redb::backends::InMemoryBackend::new())?;
        Engine::start(Arc::new(store), None, name)
    }

    fn start(store: Arc<Store>, home: Option<Home>, name: &str) -> Result<Engine, EngineError> {
        let path = home.as_ref().map(|home| home.path.as_path());
        let replica = Replica::open(Arc::clone(&store), &Opening { name, path })?;
        let (file_key, key_place) = (replica.file_key(), store.key_place());
        let channel_key = StaticKey::from_private(replica.channel_key());
        let device_key = replica.device_key();
        let mirror = replica.mirror();
        let acknowledged = acknowledged(&replica)?;
        let (events, _) = broadcast::channel(EVENTS);
        let [unshown, read, reopening, failing] = [(); 4].map(|()| AtomicBool::new(false));
        let (mirror, store) = (RwLock::new(mirror), RwLock::new(store));
        let shared = Arc::new(Shared {
            mirror,
            unshown,
            read,
            store,
            reopening,
            failing,
            refused: Mutex::default(),
            condemned: OnceLock::new(),
            events,
        });
        let (jobs, queue) = std::sync::mpsc::sync_channel(QUEUE);
        let writer = Writer::new(replica, Arc::clone(&shared), home, name.to_owned());
        let thread =
            std::thread::Builder::new().name("quire-writer".into()).spawn(move || writer.run(&queue));
        let thread =
            thread.map_err(|error| EngineError::Forbidden(format!("no thread could be started: {error}")))?;
        let inner = Inner {
            shared,
            channel_key,
            device_key,
            jobs,
            acknowledged: Mutex::new(acknowledged),
            thread: Mutex::new(Some(thread)),
            windows: tenants::Windows::default(),
            file_key,
            key_place,
            snapshots: Arc::new(Semaphore::new(1)),
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Where the key of the store lies; none when the store is not encrypted.
    pub fn key_place(&self) -> Option<Place> {
        self.inner.key_place
    }

    /// What services encrypt their files with, where the store is encrypted; it is a row of the store.
    pub fn file_key(&self) -> Secret {
        self.inner.file_key.clone()
    }

    /// This device as others know it.
    pub fn card(&self) -> DeviceCard {
        self.trust().card
    }

    /// The key of the encrypted channel.
    pub fn channel_key(&self) -> &StaticKey {
        &self.inner.channel_key
    }

    /// Signs with the device key. `statement` must begin with words that nothing else signed begins with.
    pub fn sign(&self, statement: &[u8]) -> [u8; 64] {
        self.inner.device_key.sign(statement)
    }

    /// What is announced, after it is on disk. A receiver that lags gets an error and reads clocks anew.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.inner.shared.events.subscribe()
    }

    /// What is known without the store. Waits for the writer, briefly, where it has answered what nobody sees yet.
    pub fn mirror(&self) -> Mirror {
        // A writer that is gone shows no more than this.
        let _ = self.show();
        self.trust()
    }

    /// The mirror as far as no record changes it: who is trusted, with what names.
    fn trust(&self) -> Mirror {
        self.inner.shared.mirror.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the writer show all that it has answered.
    fn show(&self) -> Result<(), EngineError> {
        if !self.inner.shared.unshown.load(Ordering::Acquire) {
            return Ok(());
        }
        let (done, shown) = std::sync::mpsc::sync_channel(1);
        self.inner.jobs.send(Job::new(Command::Show { done })).map_err(|_| EngineError::Stopping)?;
        shown.recv().map_err(|_| EngineError::Stopping)
    }

    /// A snapshot of all that was answered. Hold it briefly.
    pub fn view(&self) -> Result<View, EngineError> {
        self.show()?;
        self.wait_open();
        self.inner.shared.read.store(true, Ordering::Relaxed);
        loop {
            // The mirror is taken first: what it names is then in the snapshot.
            let mirror = self.trust();
            let store = Arc::clone(&self.inner.shared.store.read().unwrap_or_else(PoisonError::into_inner));
            if self.is_reopening() {
                return Err(StoreError::Database(REOPENING.to_owned()).into());
            }
            let reader = store.read()?;
            if mirror.names.name_all_logs(&reader)? {
                return Ok(View::new(reader, mirror));
            }
            // A commit came between that brought a new log: the writer is about to show its name.
            std::thread::yield_now();
        }
    }

    /// Waits for a store that is being opened again, which takes a moment: reads go on when writing fails.
    fn wait_open(&self) {
        let end = Instant::now() + REOPENED_WITHIN;
        while self.is_reopening() && Instant::now() < end {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The store failed and is not open again: nothing can be read, and whoever holds a snapshot of it holds it up.
    fn is_reopening(&self) -> bool {
        self.inner.shared.reopening.load(Ordering::Acquire)
    }

    /// Hands a command to the writer and waits until its commit is on disk.
    async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, EngineError>>) -> Command,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let mut job = Job::new(make(reply));
        // A full queue is back-pressure; waiting for it must not hold up the runtime's thread.
        loop {
            match self.inner.jobs.try_send(job) {
                Ok(()) => break,
                Err(std::sync::mpsc::TrySendError::Full(back)) => {
                    job = back;
                    tokio::task::yield_now().await;
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(EngineError::Stopping),
            }
        }
        match answer.await {
            Ok(answered) => answered,
            Err(_) if let Some(why) = self.inner.shared.condemned.get() => Err(why.clone().into()),
            // Given up unanswered: the store cannot be written, could not be opened again, or the engine ends.
            Err(_) if let Some(why) = self.refused() => Err(why.into()),
            Err(_) if self.is_reopening() => Err(StoreError::Database(REOPENING.to_owned()).into()),
            Err(_) => Err(EngineError::Stopping),
        }
    }

    fn refused(&self) -> Option<StoreError> {
        self.inner.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the store takes what is written. Where the last commit failed it is tried again, which brings back a store
    /// whose disk works again without anybody writing.
    pub async fn is_usable(&self) -> bool {
        let shared = &self.inner.shared;
        if shared.condemned.get().is_some() {
            return false;
        }
        if !shared.failing.load(Ordering::Acquire) && !self.is_reopening() {
            let store = Arc::clone(&shared.store.read().unwrap_or_else(PoisonError::into_inner));
            return store.is_in_place().is_ok();
        }
        self.ask(|reply| Command::Probe { reply }).await.is_ok()
    }

    /// The device that holds this channel key, when it is trusted with anything.
    pub fn device_of(&self, channel_key: &[u8; 32]) -> Option<DeviceId> {
        self.trust().device_of(channel_key)
    }

    /// What `peer` may know of the roster.
    pub fn credentials_for(&self, peer: DeviceId) -> Credentials {
        self.trust().credentials_for(peer)
    }

    /// Clocks of the spaces that `peer` may read.
    pub fn clocks_for(&self, peer: DeviceId) -> Vec<(Space, Clock)> {
        self.mirror().clocks_for(peer)
    }

    /// Encoded segments that `after` does not cover, in order of arrival, about `bytes` of them. Blocks on
    /// the disk, briefly.
    pub fn fetch(
        &self,
        space: &Space,
        after: &Clock,
        bytes: usize,
    ) -> Result<Vec<(Incarnation, Vec<u8>)>, EngineError> {
        Ok(self.view()?.fetch(space, after, bytes)?)
    }

    /// Verifies and keeps segments that `peer` sent; answers when they are on disk, one for each, in order.
    pub async fn ingest(
        &self,
        peer: DeviceId,
        segments: Vec<(Space, Incarnation, Vec<u8>)>,
    ) -> Result<Vec<Ingested>, EngineError> {
        self.ask(|reply| Command::Ingest { peer, segments, reply }).await
    }

    /// Keeps roster entries and certificates that hold; others are ignored. Emits [`Event::Roster`] when
    /// anything was new.
    pub async fn learn(&self, credentials: Credentials) -> Result<(), EngineError> {
        self.ask(|reply| Command::Learn { credentials, reply }).await
    }

    /// Notes what is on a peer's disk. The clock a new session begins with replaces the old one: the peer
    /// may have lost its disk since.
    pub fn peer_has(&self, peer: DeviceId, space: &Space, clock: Clock, fresh_session: bool) {
        let mut all = self.inner.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = all.entry(peer).or_default();
        // A peer may say the same without end, and name spaces without end of which it has nothing.
        let news = match of_peer.get(space) {
            Some(kept) => fresh_session || !kept.includes(&clock),
            None => !clock.is_empty(),
        };
        if !news {
            return;
        }
        let kept = of_peer.entry(space.clone()).or_default();
        if fresh_session {
            *kept = clock.clone();
        } else {
            kept.join(&clock);
        }
        let command = Command::Acknowledge { peer, space: space.clone(), clock: kept.clone() };
        drop(all);
        // Lost when the queue is full: it is said again at the next session.
        let _ = self.inner.jobs.try_send(Job::later(command));
    }

    /// Every device that is trusted with anything, itself left out.
    pub fn peers(&self) -> Vec<PeerRecord> {
        let mirror = self.mirror();
        let view = self.view().ok();
        let record = |(device, trust): (&DeviceId, &quire_protocol::identity::Trust)| PeerRecord {
            card: trust.card.clone(),
            everything: trust.everything,
            added_by: mirror.added_by(*device),
            spaces: trust.spaces.iter().map(|(space, rights)| (space.clone(), *rights)).collect(),
            addresses: view.as_ref().and_then(|v| v.addresses(*device).ok()).unwrap_or_default(),
        };
        mirror.trust.iter().map(record).collect()
    }

    /// Adds a device to these scopes in this device's name and keeps what it brought, in one transaction.
    pub async fn add_peer(
        &self,
        card: DeviceCard,
        scopes: Vec<Scope>,
        brought: Credentials,
        addresses: Vec<String>,
    ) -> Result<(), EngineError> {
        self.ask(|reply| Command::AddPeer { card, scopes, brought, addresses, reply }).await
    }

    /// Keeps an address (`HOST:PORT`) at which a peer was reached; newest first.
    pub async fn remember_address(&self, peer: DeviceId, address: String) -> Result<(), EngineError> {
        self.ask(|reply| Command::RememberAddress { peer, address, reply }).await
    }

    /// Records that the peer's disk does not have, as far as it said.
    pub fn behind_by(&self, peer: DeviceId) -> u64 {
        let said = self.inner.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned();
        let said = said.unwrap_or_default();
        let behind =
            |(space, own): &(Space, Clock)| own.ahead_of(said.get(space).unwrap_or(&Clock::default()));
        self.clocks_for(peer).iter().map(behind).fold(0, u64::saturating_add)
    }

    /// Records that the peer's disk has, as far as it said, and that are not here.
    pub fn ahead_by(&self, peer: DeviceId) -> u64 {
        let said = self.inner.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned();
        let mirror = self.mirror();
        // What a peer has of a log behind its good end nobody wants.
        let ahead =
            |(space, said): (Space, Clock)| mirror.capped(&space, said).ahead_of(&mirror.clock(&space));
        said.unwrap_or_default().into_iter().map(ahead).fold(0, u64::saturating_add)
    }

    /// Records of other devices' logs that are here.
    pub fn received(&self) -> u64 {
        let mirror = self.mirror();
        let clocks = mirror.names.spaces().map(|(_, space)| mirror.clock(space));
        let of_others = |clock: Clock| -> u64 {
            clock.iter().filter(|(log, _)| *log != mirror.log).map(|(_, seq)| seq).sum()
        };
        clocks.map(of_others).sum()
    }

    /// Records of a device's logs that were set aside.
    pub fn set_aside(&self, peer: DeviceId) -> u64 {
        self.view().ok().and_then(|view| view.set_aside(peer).ok()).unwrap_or(0)
    }

    /// Whether this replica holds records of the space.
    pub fn holds(&self, space: &Space) -> bool {
        !self.mirror().clock(space).is_empty()
    }

    /// Every space that is held.
    pub fn spaces(&self) -> Vec<SpaceView> {
        let Ok(view) = self.view() else { return Vec::new() };
        let mirror = view.mirror();
        let one = |(number, space): (u32, &Space)| SpaceView {
            space: space.clone(),
            clock: mirror.clock(space),
            items: view.count(number).unwrap_or(0),
        };
        mirror.names.spaces().map(one).collect()
    }

    /// A space's clock; `None` when it is not held.
    pub fn clock(&self, space: &Space) -> Option<Clock> {
        let mirror = self.mirror();
        mirror.names.space_number(space).map(|_| mirror.clock(space))
    }

    /// Markings in a stable order.
    pub fn markings(&self, filter: &MarkingFilter) -> Result<Vec<ItemView>, EngineError> {
        Ok(self.view()?.markings(filter)?)
    }

    /// One marking by its `syncGuid` (lower-case with hyphens), in `account` or in any.
    pub fn marking(&self, sync_guid: &str, account: Option<i64>) -> Result<Option<ItemView>, EngineError> {
        Ok(self.view()?.marking(sync_guid, account)?)
    }

    /// Changes members of a marking as it is now; `if_match` is an `etag` that must still hold. `Ok(None)`:
    /// no such marking.
    pub async fn patch(
        &self,
        sync_guid: &str,
        members: Map<String, Value>,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        let guid = sync_guid.to_owned();
        self.ask(|reply| Command::Patch { guid, members, if_match, reply }).await
    }

    /// Removes a marking as it is now.
    pub async fn remove(
        &self,
        sync_guid: &str,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        let guid = sync_guid.to_owned();
        self.ask(|reply| Command::Remove { guid, if_match, reply }).await
    }

    /// Every conflict, optionally of one space.
    pub fn conflicts(&self, space: Option<&Space>) -> Result<Vec<ConflictView>, EngineError> {
        Ok(self.view()?.conflicts(space)?)
    }

    /// Settles a conflict with a value; `Ok(None)`: no such conflict (any more).
    pub async fn resolve(&self, id: &str, value: Value) -> Result<Option<ItemView>, EngineError> {
        let id = id.to_owned();
        self.ask(|reply| Command::Resolve { id, value, reply }).await
    }

    /// Does a documented `synchronize` request. `now_ms`: the wall clock, for naming a cursor.
    pub async fn synchronize(
        &self,
        model: SynchronizationModel,
        now_ms: i64,
    ) -> Result<Synchronized, EngineError> {
        let candidates = cursor_candidates(model.last_sync.as_deref(), local_offset_minutes);
        let model = Box::new(model);
        let told = self.ask(|reply| Command::Synchronize { model, candidates, now_ms, reply }).await?;
        let (pending, view) = match told {
            Told::Answer(answer) => return Ok(Synchronized { answer: *answer }),
            Told::News(news) => *news,
        };
        if pending.is_short(&view) {
            return Ok(Synchronized { answer: pending.answer(&view)? });
        }
        let read = move || pending.answer(&view);
        let answer = tokio::task::spawn_blocking(read).await.map_err(|_| EngineError::Stopping)??;
        Ok(Synchronized { answer })
    }

    /// Changes with an event id above `after`, oldest first, at most `limit`; `None` when they are no
    /// longer all there.
    pub fn changes_after(&self, after: u64, limit: usize) -> Result<Option<Vec<Changed>>, EngineError> {
        if after > self.last_event() {
            return Ok(None);
        }
        Ok(Some(self.view()?.changes_after(after, limit)?))
    }

    /// Id of the newest change.
    pub fn last_event(&self) -> u64 {
        self.mirror().next_arrival - 1
    }

    /// Answers once everything acknowledged is on disk and the engine has stopped.
    pub async fn stop(&self) {
        let _ = self.ask(|reply| Command::Stop { reply }).await;
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn acknowledged(replica: &Replica) -> Result<HashMap<DeviceId, BTreeMap<Space, Clock>>, EngineError> {
    let view = replica.view()?;
    let mut out: HashMap<DeviceId, BTreeMap<Space, Clock>> = HashMap::new();
    for (device, space, clock) in view.acknowledged()? {
        if let Some(space) = view.mirror().names.space(space) {
            out.entry(device).or_default().insert(space.clone(), clock);
        }
    }
    Ok(out)
}

/// How far local time is ahead of UTC at a moment, for reading cursors that lost their offset.
fn local_offset_minutes(ms: i64) -> i64 {
    let Ok(moment) = jiff::Timestamp::from_millisecond(ms) else { return 0 };
    i64::from(jiff::tz::TimeZone::system().to_offset(moment).seconds() / 60)
}
