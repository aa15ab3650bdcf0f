//! The writer's thread: takes what waits as one group, does it, syncs once, then answers all.
//!
//! Small groups that follow each other closely are done in one **sitting**: one transaction, of which the journal
//! has each group before its callers are answered. Readers see a sitting when it ends; whoever reads in between asks
//! for its end first ([`Command::Show`]), so nobody reads less than what was answered. While somebody reads between the
//! writes, as a connected peer does, a sitting ends with its first group: it need not be asked.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::shapes::model::{Answer, SynchronizationModel};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{
    EngineError, Event, Home, ImportPut, Imported, Ingested, ItemView, MarkingsDone, MarkingsPut,
    MessageAction, MessagePut, NodeName, NodePut, RosterChange, Shared, ShelfRow, TokenPut,
};
use crate::replica::{Batch, Committed, Opening, Pending, Replica, View};
use crate::store::{Store, StoreError};

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// Jobs of one transaction at most: bounds what a crash could leave unanswered, and the pages one commit
/// holds in memory.
const BATCH: usize = 256;

/// Groups of one sitting at most: what is sealed and packed together at its end holds up the next caller for a
/// millisecond or so.
const SITTING: usize = 64;

/// How long a sitting waits for another group. An application that writes one item after the other is back in a
/// fraction of it; whoever reads does not wait for it.
const PAUSE: Duration = Duration::from_millis(2);

/// Items of a request, and bytes of segments, up to which a command may follow others in a sitting: its readers
/// wait for all of it.
const FEW_ITEMS: usize = 16;
const FEW_BYTES: usize = 16 * 1024;

/// What the writer can be asked.
#[allow(missing_docs)]
pub(super) enum Command {
    Synchronize {
        model: Box<SynchronizationModel>,
        candidates: Vec<i64>,
        now_ms: i64,
        reply: Reply<Told>,
    },
    Ingest {
        peer: DeviceId,
        segments: Vec<(Space, Incarnation, Vec<u8>)>,
        reply: Reply<Vec<Ingested>>,
    },
    Learn {
        credentials: Credentials,
        reply: Reply<()>,
    },
    AddPeer {
        card: DeviceCard,
        scopes: Vec<Scope>,
        brought: Credentials,
        addresses: Vec<String>,
        reply: Reply<()>,
    },
    Roster {
        change: RosterChange,
        reply: Reply<bool>,
    },
    RememberAddress {
        peer: DeviceId,
        address: String,
        reply: Reply<()>,
    },
    Acknowledge {
        peer: DeviceId,
        space: Space,
        clock: Clock,
    },
    Patch {
        guid: String,
        members: Map<String, Value>,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    Remove {
        guid: String,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    Resolve {
        id: String,
        value: Value,
        reply: Reply<Option<ItemView>>,
    },
    PutMarkings {
        put: Box<MarkingsPut>,
        reply: Reply<MarkingsDone>,
    },
    Register {
        device: String,
        reply: Reply<i64>,
    },
    PutNode {
        put: Box<NodePut>,
        reply: Reply<ItemView>,
    },
    PatchNode {
        name: NodeName,
        put: Box<NodePut>,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    RemoveNode {
        space: Space,
        name: NodeName,
        if_match: Option<String>,
        reply: Reply<Option<ItemView>>,
    },
    PutMessage {
        put: Box<MessagePut>,
        reply: Reply<Map<String, Value>>,
    },
    PutToken {
        put: Box<TokenPut>,
        reply: Reply<Map<String, Value>>,
    },
    Import {
        put: Box<ImportPut>,
        reply: Reply<Vec<Imported>>,
    },
    Probe {
        reply: Reply<()>,
    },
    Shelve {
        rows: Vec<ShelfRow>,
        reply: Reply<()>,
    },
    /// Ends the sitting, so that readers see what was answered.
    Show {
        done: SyncSender<()>,
    },
    Stop {
        reply: Reply<()>,
    },
}

impl Command {
    /// Done so soon that readers may wait for it.
    fn is_small(&self) -> bool {
        match self {
            Command::Synchronize { model, .. } => model.items.len() <= FEW_ITEMS,
            Command::Ingest { segments, .. } => {
                segments.iter().map(|(_, _, encoded)| encoded.len()).sum::<usize>() <= FEW_BYTES
            }
            Command::PutMarkings { put, .. } => put.items.len() <= FEW_ITEMS,
            Command::PutMessage { put, .. } => match &put.action {
                MessageAction::Remove(names) => names.len() <= FEW_ITEMS,
                MessageAction::Put(nodes) => nodes.len() <= FEW_ITEMS,
            },
            Command::Import { .. } => false,
            Command::Shelve { rows, .. } => {
                let bytes = |(name, value): &ShelfRow| name.len() + value.as_ref().map_or(0, Vec::len);
                rows.len() <= FEW_ITEMS && rows.iter().map(bytes).sum::<usize>() <= FEW_BYTES
            }
            _ => true,
        }
    }
}

/// How a `synchronize` request is answered.
pub(super) enum Told {
    /// With this.
    Answer(Box<Answer>),
    /// With what is read from here.
    News(Box<(Pending, View)>),
}

/// A command, and whether it is worth a commit of its own.
pub(super) struct Job {
    /// In a box: a place in the queue is there also while nobody waits in it (0.8 MB of them without).
    command: Box<Command>,
    lazy: bool,
}

impl Job {
    /// A command whose caller waits.
    pub(super) fn new(command: Command) -> Job {
        Job { command: Box::new(command), lazy: false }
    }

    /// A command that goes with the next commit.
    pub(super) fn later(command: Command) -> Job {
        Job { command: Box::new(command), lazy: true }
    }
}

/// What answers a caller when its group is on disk.
type Reaction = Box<dyn FnOnce(Result<&mut Delivery, &StoreError>) + Send>;

/// What answers are made from.
struct Delivery {
    pending: std::vec::IntoIter<Pending>,
    /// A snapshot that holds the group; none while readers do not see it yet.
    view: Option<ViewMaker>,
}

impl Delivery {
    /// How the next `synchronize` request is answered.
    fn next(&mut self) -> Result<Told, EngineError> {
        let pending = self.pending.next().ok_or(EngineError::Stopping)?;
        match &self.view {
            Some(view) if !pending.is_quiet() => Ok(Told::News(Box::new((pending, view()?)))),
            _ => Ok(Told::Answer(Box::new(pending.quiet_answer()))),
        }
    }
}

/// Jobs taken off the queue together.
#[derive(Default)]
struct Group {
    commands: Vec<Command>,
    /// Who waits for the end of the sitting.
    shows: Vec<SyncSender<()>>,
    stops: Vec<Reply<()>>,
    /// Somebody waits for the commands.
    eager: bool,
}

impl Group {
    /// What waits in the queue, behind its first job.
    fn of(first: Job, queue: &Receiver<Job>) -> Group {
        let mut group = Group::default();
        group.add(first);
        for job in queue.try_iter().take(BATCH - 1) {
            group.add(job);
        }
        group
    }

    fn add(&mut self, job: Job) {
        match *job.command {
            Command::Stop { reply } => self.stops.push(reply),
            Command::Show { done } => self.shows.push(done),
            command => {
                self.eager |= !job.lazy;
                self.commands.push(command);
            }
        }
    }

    /// True when it may be done in the sitting that is open.
    fn may_follow(&self) -> bool {
        !self.stops() && self.shows.is_empty() && self.commands.iter().all(Command::is_small)
    }

    /// True when nobody waits for it.
    fn can_wait(&self) -> bool {
        !self.eager && !self.stops() && self.shows.is_empty()
    }

    fn stops(&self) -> bool {
        !self.stops.is_empty()
    }

    fn tell_readers(&mut self) {
        for done in self.shows.drain(..) {
            // Who is gone does not wait.
            let _ = done.try_send(());
        }
    }

    fn tell_stopped(self) {
        self.stops.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
    }
}

/// The writer.
pub(super) struct Writer {
    replica: Replica,
    shared: Arc<Shared>,
    home: Option<Home>,
    name: String,
    /// Lazy commands that wait for a commit.
    lazy: Vec<Command>,
}

impl Writer {
    pub(super) fn new(replica: Replica, shared: Arc<Shared>, home: Option<Home>, name: String) -> Writer {
        Writer { replica, shared, home, name, lazy: Vec::new() }
    }

    /// Runs until it is told to stop or every handle is gone.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut next = Some(Group::of(first, queue));
            while let Some(mut group) = next {
                // No sitting is open here: readers see all that was answered.
                group.tell_readers();
                let mut commands = std::mem::take(&mut self.lazy);
                commands.append(&mut group.commands);
                if group.eager || group.stops() {
                    next = self.sit(commands, queue);
                } else {
                    keep_last_acknowledgements(&mut commands);
                    self.lazy = commands;
                    next = None;
                }
                if group.stops() {
                    return group.tell_stopped();
                }
            }
        }
    }

    /// Does a group, and those that follow it closely; gives one that came and is to be done anew.
    fn sit(&mut self, commands: Vec<Command>, queue: &Receiver<Job>) -> Option<Group> {
        if !self.replica.is_open() {
            self.reopen();
        }
        if !self.replica.is_open() {
            // What stands in for the store keeps nothing: whoever waits hears that the engine is gone.
            tracing::error!(commands = commands.len(), "nothing is taken while the store cannot be opened");
            return None;
        }
        let store = self.store();
        let (mut reactions, mut next) = (Vec::new(), None);
        let mut commands = VecDeque::from(commands);
        let result = store.write(|rows| self.groups(rows, &mut commands, queue, &mut reactions, &mut next));
        // One more handle would keep a failed store locked when it is opened again.
        drop(store);
        match result {
            Ok(last) => {
                self.shared.failing.store(false, Ordering::Release);
                self.show();
                if let Some(last) = last {
                    self.deliver(last, reactions);
                }
            }
            Err(error) => self.fail(&error, reactions),
        }
        if !commands.is_empty() {
            // What was not begun has nothing to do with what failed.
            let group: &mut Group = next.get_or_insert_default();
            commands.extend(group.commands.drain(..));
            (group.commands, group.eager) = (commands.into(), true);
        }
        next
    }

    /// The groups of one transaction; gives the one whose callers are answered when readers see it. `commands` and
    /// `reactions` are what is left to do and to answer of the group at hand, `next` is what came and is to be done in
    /// another sitting.
    fn groups(
        &mut self,
        rows: &mut crate::store::Writer<'_>,
        commands: &mut VecDeque<Command>,
        queue: &Receiver<Job>,
        reactions: &mut Vec<Reaction>,
        next: &mut Option<Group>,
    ) -> Result<Option<Committed>, StoreError> {
        let Writer { replica, shared, lazy, .. } = self;
        let is_read = shared.read.swap(false, Ordering::Relaxed);
        let mut batch = Batch::new(replica, rows, wall_clock_ms());
        let mut last = None;
        for place in 1.. {
            batch.set_now(wall_clock_ms());
            while let Some(command) = commands.pop_front() {
                run(&mut batch, command, reactions)?;
            }
            let group = batch.end_group()?;
            let is_known = !group.roster_changed && group.pending.iter().all(Pending::is_quiet);
            if !(is_known && batch.secure()?) {
                last = Some(group);
                break;
            }
            shared.unshown.store(batch.has_written(), Ordering::Release);
            tell(shared, group, None, std::mem::take(reactions));
            if !batch.has_written() || is_read || place == SITTING {
                break;
            }
            *next = following(queue, lazy);
            match next.take_if(|next| next.may_follow()) {
                None => break,
                Some(next) => commands.extend(lazy.drain(..).chain(next.commands)),
            }
        }
        batch.seal()?;
        Ok(last)
    }

    /// Readers see from here on what the store has.
    fn show(&self) {
        *self.shared.mirror.write().unwrap_or_else(PoisonError::into_inner) = self.replica.mirror();
        self.shared.unshown.store(false, Ordering::Release);
    }

    fn deliver(&self, group: Committed, reactions: Vec<Reaction>) {
        let (store, mirror) = (self.store(), self.replica.mirror());
        let view = Box::new(move || Ok(View::new(store.read()?, mirror.clone())));
        tell(&self.shared, group, Some(view), reactions);
    }

    /// Nothing of the group at hand was stored. The mirror is read again. The database must be opened again first
    /// after an I/O error, its handle is dead; and when groups before it are in the journal alone.
    fn fail(&mut self, error: &StoreError, reactions: Vec<Reaction>) {
        tracing::error!(%error, "a commit failed, nothing of it was acknowledged");
        self.shared.failing.store(true, Ordering::Release);
        let unshown = self.shared.unshown.load(Ordering::Acquire);
        // Before anybody hears of it: who reads next waits for the store instead of meeting the dead one.
        let is_dead = self.home.is_some() && (unshown || error.is_of_disk());
        self.shared.reopening.fetch_or(is_dead, Ordering::AcqRel);
        for react in reactions {
            react(Err(error));
        }
        if unshown || error.is_of_disk() || self.replica.reload().is_err() {
            self.reopen();
        }
        self.show();
    }

    fn reopen(&mut self) {
        let Some(home) = &self.home else { return };
        // The old handle holds the file's lock; it goes when the last snapshot of it is dropped.
        let placeholder = Store::with_backend(redb::backends::InMemoryBackend::new());
        let Ok(placeholder) = placeholder else { return };
        self.shared.reopening.store(true, Ordering::Release);
        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(placeholder);
        self.replica.release();
        match Store::open_protected(&home.path, &home.protection) {
            Ok(store) => {
                let store = Arc::new(store);
                let opening = Opening { name: &self.name, path: Some(&home.path) };
                match Replica::open(Arc::clone(&store), &opening) {
                    Ok(replica) => {
                        self.replica = replica;
                        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = store;
                        self.shared.reopening.store(false, Ordering::Release);
                        tracing::info!("the store is open again");
                    }
                    Err(error) => tracing::error!(%error, "the store cannot be opened again"),
                }
            }
            Err(error) => tracing::error!(%error, "the store cannot be opened again"),
        }
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.shared.store.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The next group, when it comes soon. What can wait is put to `lazy`.
fn following(queue: &Receiver<Job>, lazy: &mut Vec<Command>) -> Option<Group> {
    loop {
        let mut group = Group::of(queue.recv_timeout(PAUSE).ok()?, queue);
        if !group.can_wait() {
            return Some(group);
        }
        lazy.append(&mut group.commands);
    }
}

type ViewMaker = Box<dyn Fn() -> Result<View, StoreError>>;

/// Answers the callers of a group that is on disk, and announces it.
fn tell(shared: &Shared, mut group: Committed, view: Option<ViewMaker>, reactions: Vec<Reaction>) {
    let pending = std::mem::take(&mut group.pending).into_iter();
    let mut delivery = Delivery { pending, view };
    for react in reactions {
        react(Ok(&mut delivery));
    }
    if group.roster_changed {
        let _ = shared.events.send(Arc::new(Event::Roster));
    }
    if !group.clocks.is_empty() {
        let event = Event::Committed { clocks: group.clocks, changes: group.changes };
        let _ = shared.events.send(Arc::new(event));
    }
}

/// Does one command and says how its caller is answered once the commit is on disk. Only a failing store
/// is an error here: everything else is an answer.
fn run(batch: &mut Batch<'_, '_>, command: Command, reactions: &mut Vec<Reaction>) -> Result<(), StoreError> {
    match command {
        Command::Synchronize { model, candidates, now_ms, reply } => {
            batch.set_now(now_ms);
            let done = batch.synchronize(*model, &candidates);
            react(reactions, reply, done, |reply, ()| {
                Box::new(|delivery| drop(reply.send(delivery.map_err(again).and_then(Delivery::next))))
            })
        }
        Command::Ingest { peer, segments, reply } => {
            let mut one =
                |(space, log, encoded): (Space, _, Vec<u8>)| batch.ingest(peer, &space, log, &encoded);
            let taken = segments.into_iter().map(&mut one).collect::<Result<Vec<_>, _>>();
            react(reactions, reply, taken.map_err(EngineError::Store), success)
        }
        Command::Learn { credentials, reply } => {
            let done = batch.learn(&credentials).map(drop);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::AddPeer { card, scopes, brought, addresses, reply } => {
            let done = batch.add_peer(&card, &scopes, &brought, &addresses);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::Roster { change, reply } => {
            let done = change_roster(batch, change);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::RememberAddress { peer, address, reply } => {
            let done = batch.remember_address(peer, &address);
            react(reactions, reply, done.map_err(EngineError::Store), success)
        }
        Command::Acknowledge { peer, space, clock } => batch.acknowledge(peer, &space, &clock),
        Command::Patch { guid, members, if_match, reply } => {
            react(reactions, reply, batch.patch(&guid, &members, if_match.as_deref()), success)
        }
        Command::Remove { guid, if_match, reply } => {
            react(reactions, reply, batch.remove(&guid, if_match.as_deref()), success)
        }
        Command::Resolve { id, value, reply } => react(reactions, reply, batch.resolve(&id, &value), success),
        Command::PutMarkings { put, reply } => react(reactions, reply, batch.put_markings(&put), success),
        Command::Register { device, reply } => react(reactions, reply, batch.register(&device), success),
        Command::PutNode { put, reply } => react(reactions, reply, batch.put_node(&put), success),
        Command::PatchNode { name, put, if_match, reply } => {
            react(reactions, reply, batch.patch_node(&name, &put, if_match.as_deref()), success)
        }
        Command::RemoveNode { space, name, if_match, reply } => {
            react(reactions, reply, batch.remove_node(&space, &name, if_match.as_deref()), success)
        }
        Command::PutMessage { put, reply } => react(reactions, reply, batch.put_message(&put), success),
        Command::PutToken { put, reply } => react(reactions, reply, batch.put_token(&put), success),
        Command::Import { put, reply } => react(reactions, reply, batch.import(*put), success),
        Command::Probe { reply } => {
            batch.touch();
            react(reactions, reply, Ok(()), success)
        }
        Command::Shelve { rows, reply } => react(reactions, reply, batch.shelve(&rows), success),
        Command::Show { .. } | Command::Stop { .. } => Ok(()),
    }
}

fn change_roster(batch: &mut Batch<'_, '_>, change: RosterChange) -> Result<bool, StoreError> {
    match change {
        RosterChange::Invite(card, scopes) => batch.invite(&card, &scopes).map(|()| true),
        RosterChange::Uninvite(device) => batch.forget_invited(device).map(|()| true),
        RosterChange::AdmitInvited(device) => batch.admit_invited(device),
        RosterChange::Remove(device) => batch.remove_peer(device),
        RosterChange::Leave => batch.leave().map(|()| true),
        RosterChange::Adopt(device) => batch.adopt(device),
        RosterChange::NameRecovery(key) => batch.name_recovery(key),
        RosterChange::Expel(ruling) => batch.expel(&ruling),
    }
}

/// Keeps how a caller is answered: by `make` when its command was done. A failing store, which ends the group, is told
/// from a refused request, which does not.
fn react<T, R: Send + 'static>(
    reactions: &mut Vec<Reaction>,
    reply: Reply<R>,
    result: Result<T, EngineError>,
    make: impl FnOnce(Reply<R>, T) -> Reaction,
) -> Result<(), StoreError> {
    let (reaction, outcome) = match result {
        Ok(value) => (make(reply, value), Ok(())),
        Err(EngineError::Store(error)) => (refusal(reply, again(&error)), Err(error)),
        Err(error) => (refusal(reply, error), Ok(())),
    };
    reactions.push(reaction);
    outcome
}

fn success<T: Send + 'static>(reply: Reply<T>, value: T) -> Reaction {
    Box::new(move |delivery| {
        let _ = reply.send(delivery.map(|_| value).map_err(again));
    })
}

fn refusal<T: Send + 'static>(reply: Reply<T>, error: EngineError) -> Reaction {
    Box::new(move |_| {
        let _ = reply.send(Err(error));
    })
}

fn again(error: &StoreError) -> EngineError {
    EngineError::Store(error.clone())
}

/// Of several acknowledgements of one peer for one space the last says all.
fn keep_last_acknowledgements(commands: &mut Vec<Command>) {
    let mut seen = std::collections::HashSet::new();
    commands.reverse();
    commands.retain(|command| match command {
        Command::Acknowledge { peer, space, .. } => seen.insert((*peer, space.clone())),
        _ => true,
    });
    commands.reverse();
}

/// For naming cursors and for people to see; decides nothing.
fn wall_clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
