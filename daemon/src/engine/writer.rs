//! The writer's thread: takes what waits, does it in one transaction, syncs once, then answers all.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::shapes::model::SynchronizationModel;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{EngineError, Event, Ingested, Shared};
use crate::replica::{Batch, Committed, Opening, Pending, Replica, View};
use crate::store::keys::SpaceNo;
use crate::store::{Store, StoreError};

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// Jobs of one transaction at most: bounds what a crash could leave unanswered, and the pages one commit
/// holds in memory.
const BATCH: usize = 256;

/// What the writer can be asked.
#[allow(missing_docs)]
pub(super) enum Command {
    Synchronize {
        model: Box<SynchronizationModel>,
        candidates: Vec<i64>,
        now_ms: i64,
        reply: Reply<(Pending, View)>,
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
    RemovePeer {
        peer: DeviceId,
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
        reply: Reply<bool>,
    },
    Remove {
        guid: String,
        if_match: Option<String>,
        reply: Reply<bool>,
    },
    Resolve {
        id: String,
        value: Value,
        reply: Reply<Option<(SpaceNo, DocId)>>,
    },
    Stop {
        reply: Reply<()>,
    },
}

/// A command, and whether it is worth a commit of its own.
pub(super) struct Job {
    command: Command,
    lazy: bool,
}

impl Job {
    /// A command whose caller waits.
    pub(super) fn new(command: Command) -> Job {
        Job { command, lazy: false }
    }

    /// A command that goes with the next commit.
    pub(super) fn later(command: Command) -> Job {
        Job { command, lazy: true }
    }
}

/// What answers a caller after the commit.
type Answer = Box<dyn FnOnce(Result<&mut Delivery, &StoreError>) + Send>;

/// What answers are made from.
pub(super) struct Delivery {
    pending: std::vec::IntoIter<Pending>,
    view: Box<dyn Fn() -> Result<View, StoreError>>,
}

/// The writer.
pub(super) struct Writer {
    replica: Replica,
    shared: Arc<Shared>,
    path: Option<PathBuf>,
    name: String,
    /// Lazy commands that wait for a commit.
    lazy: Vec<Command>,
}

impl Writer {
    pub(super) fn new(replica: Replica, shared: Arc<Shared>, path: Option<PathBuf>, name: String) -> Writer {
        Writer { replica, shared, path, name, lazy: Vec::new() }
    }

    /// Runs until it is told to stop or every handle is gone.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut jobs = vec![first];
            while jobs.len() < BATCH
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            if self.group(jobs) {
                return;
            }
        }
    }

    /// Does one group; true when it held the word to stop.
    fn group(&mut self, jobs: Vec<Job>) -> bool {
        let mut commands = std::mem::take(&mut self.lazy);
        let mut stops = Vec::new();
        let mut eager = false;
        for job in jobs {
            match job.command {
                Command::Stop { reply } => stops.push(reply),
                command => {
                    eager |= !job.lazy;
                    commands.push(command);
                }
            }
        }
        if eager || !stops.is_empty() {
            self.commit(commands);
        } else {
            keep_last_acknowledgements(&mut commands);
            self.lazy = commands;
        }
        let stop = !stops.is_empty();
        for reply in stops {
            let _ = reply.send(Ok(()));
        }
        stop
    }

    fn commit(&mut self, commands: Vec<Command>) {
        if !self.replica.is_open() {
            self.reopen();
        }
        if !self.replica.is_open() {
            // What stands in for the store keeps nothing: whoever waits hears that the engine is gone.
            tracing::error!(commands = commands.len(), "nothing is taken while the store cannot be opened");
            return;
        }
        let store = self.store();
        let now_ms = wall_clock_ms();
        let mut answers: Vec<Answer> = Vec::new();
        let replica = &mut self.replica;
        let result = store.write(|rows| -> Result<Committed, StoreError> {
            let mut batch = Batch::new(replica, rows, now_ms);
            for command in commands {
                run(&mut batch, command, &mut answers)?;
            }
            batch.finish()
        });
        // One more handle would keep a failed store locked when it is opened again.
        drop(store);
        match result {
            Ok(committed) => self.deliver(committed, answers),
            Err(error) => self.fail(&error, answers),
        }
    }

    fn deliver(&mut self, mut committed: Committed, answers: Vec<Answer>) {
        let mirror = self.replica.mirror();
        *self.shared.mirror.write().unwrap_or_else(PoisonError::into_inner) = mirror.clone();
        let store = self.store();
        let pending = std::mem::take(&mut committed.pending).into_iter();
        let view = Box::new(move || Ok(View::new(store.read()?, mirror.clone())));
        let mut delivery = Delivery { pending, view };
        for answer in answers {
            answer(Ok(&mut delivery));
        }
        if committed.roster_changed {
            let _ = self.shared.events.send(Arc::new(Event::Roster));
        }
        if !committed.clocks.is_empty() {
            let event = Event::Committed { clocks: committed.clocks, changes: committed.changes };
            let _ = self.shared.events.send(Arc::new(event));
        }
    }

    /// Nothing was stored. The mirror is read again; after an I/O error the database must be opened again
    /// first, its handle is dead.
    fn fail(&mut self, error: &StoreError, answers: Vec<Answer>) {
        tracing::error!(%error, "a commit failed, nothing of it was acknowledged");
        for answer in answers {
            answer(Err(error));
        }
        if self.replica.reload().is_err() || matches!(error, StoreError::Database(_)) {
            self.reopen();
        }
        *self.shared.mirror.write().unwrap_or_else(PoisonError::into_inner) = self.replica.mirror();
    }

    fn reopen(&mut self) {
        let Some(path) = self.path.clone() else { return };
        // The old handle holds the file's lock; it goes when the last snapshot of it is dropped.
        let placeholder = Store::with_backend(redb::backends::InMemoryBackend::new());
        let Ok(placeholder) = placeholder else { return };
        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(placeholder);
        self.replica.release();
        match Store::open(&path) {
            Ok(store) => {
                let store = Arc::new(store);
                let opening = Opening { name: &self.name, path: Some(&path) };
                match Replica::open(Arc::clone(&store), &opening) {
                    Ok(replica) => {
                        self.replica = replica;
                        *self.shared.store.write().unwrap_or_else(PoisonError::into_inner) = store;
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

/// Does one command and says how its caller is answered once the commit is on disk. Only a failing store
/// is an error here: everything else is an answer.
fn run(batch: &mut Batch<'_, '_>, command: Command, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
    match command {
        Command::Synchronize { model, candidates, now_ms, reply } => {
            batch.set_now(now_ms);
            match split(batch.synchronize(*model, &candidates))? {
                Ok(()) => answers.push(Box::new(move |delivery| {
                    let ready = delivery.map_err(again).and_then(|delivery| {
                        let pending = delivery.pending.next().ok_or(EngineError::Stopping)?;
                        Ok((pending, (delivery.view)()?))
                    });
                    let _ = reply.send(ready);
                })),
                Err(error) => answers.push(refusal(reply, error)),
            }
        }
        Command::Ingest { peer, segments, reply } => {
            let mut taken = Vec::with_capacity(segments.len());
            for (space, log, encoded) in segments {
                taken.push(batch.ingest(peer, &space, log, &encoded)?);
            }
            answers.push(success(reply, taken));
        }
        Command::Learn { credentials, reply } => {
            batch.learn(&credentials)?;
            answers.push(success(reply, ()));
        }
        Command::AddPeer { card, scopes, brought, addresses, reply } => {
            batch.add_peer(&card, &scopes, &brought, &addresses)?;
            answers.push(success(reply, ()));
        }
        Command::RemovePeer { peer, reply } => answers.push(success(reply, batch.remove_peer(peer)?)),
        Command::RememberAddress { peer, address, reply } => {
            batch.remember_address(peer, &address)?;
            answers.push(success(reply, ()));
        }
        Command::Acknowledge { peer, space, clock } => batch.acknowledge(peer, &space, &clock)?,
        Command::Patch { guid, members, if_match, reply } => {
            answers.push(either(reply, split(batch.patch(&guid, &members, if_match.as_deref()))?));
        }
        Command::Remove { guid, if_match, reply } => {
            answers.push(either(reply, split(batch.remove(&guid, if_match.as_deref()))?));
        }
        Command::Resolve { id, value, reply } => {
            answers.push(either(reply, split(batch.resolve(&id, &value))?))
        }
        Command::Stop { .. } => {}
    }
    Ok(())
}

/// Tells a failing store, which ends the group, from a refused request, which does not.
fn split<T>(result: Result<T, EngineError>) -> Result<Result<T, EngineError>, StoreError> {
    match result {
        Err(EngineError::Store(error)) => Err(error),
        other => Ok(other),
    }
}

fn either<T: Send + 'static>(reply: Reply<T>, result: Result<T, EngineError>) -> Answer {
    match result {
        Ok(value) => success(reply, value),
        Err(error) => refusal(reply, error),
    }
}

fn success<T: Send + 'static>(reply: Reply<T>, value: T) -> Answer {
    Box::new(move |delivery| {
        let _ = reply.send(delivery.map(|_| value).map_err(again));
    })
}

fn refusal<T: Send + 'static>(reply: Reply<T>, error: EngineError) -> Answer {
    Box::new(move |_| {
        let _ = reply.send(Err(error));
    })
}

fn again(error: &StoreError) -> EngineError {
    EngineError::Store(StoreError::Database(error.to_string()))
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
