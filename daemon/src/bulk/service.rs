//! The service's front: what callers can ask, each call checked against what is known and done by the file of its subject.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quire_protocol::shapes::bulk::object::Object;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, watch};

use super::callback::Allowed;
use super::contents::Cover;
use super::definition::{Definition, Named, Way};
use super::error::{BulkError, Result};
use super::exchange::Exchange;
use super::files::Files;
use super::inner::Inner;
use super::limits::{CALLS, EXCHANGES, MAX_CALLS_WAITING};
use super::registry::Registry;
use super::staging::Upload;
use super::sync::Sync;
use super::users::{Caller, User, Users};
use super::{Data, custom, data, keeping, shelf, worker};
use crate::engine::Engine;
use crate::passwords::Logins;

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Bulk(pub(super) Arc<Inner>);

/// What configuration says of the service; may change while it runs.
#[derive(Clone)]
pub struct Options {
    /// Who may call; empty: everybody on this machine.
    pub users: Vec<User>,
    /// What checks their passwords. Counts at the start alone.
    pub logins: Logins,
    /// Where callbacks may go.
    pub callbacks: Allowed,
    /// Bytes of staged and exported data on the disk, at most.
    pub storage: u64,
    /// Syncs that run at one time; [`ACTIVE`](super::limits::ACTIVE) but in tests. Counts at the start alone.
    pub active: usize,
}

/// Tells the time: milliseconds since 1970. It names dates and says when data was kept long enough.
pub type Clock = Arc<dyn Fn() -> i64 + Send + std::marker::Sync>;

/// Whose data is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataOf {
    /// Of the latest finished sync of this definition.
    Definition(Named),
    /// Of this sync.
    Sync(u64),
}

impl Bulk {
    /// Reads what is kept and goes on with syncs that had not ended. `own` are the sockets of this daemon, which no
    /// callback reaches. Blocks on the disk; needs to be called in a tokio runtime.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub fn start(
        engine: Engine,
        data_folder: &Path,
        exchange: Arc<dyn Exchange>,
        own: Vec<SocketAddr>,
        options: Options,
        clock: Clock,
    ) -> Result<Bulk> {
        let registry = Registry::load(&engine)?;
        let cover = Cover { key: engine.file_key(), is_on: engine.key_place().is_some() };
        let inner = Arc::new(Inner {
            engine,
            files: Files::within(data_folder, cover),
            users: Users::new(options.users, options.logins),
            exchange,
            own,
            callbacks: RwLock::new(options.callbacks),
            storage: AtomicU64::new(options.storage),
            reserved: AtomicU64::new(0),
            registry: Mutex::new(registry),
            changing: tokio::sync::Mutex::new(()),
            active: Semaphore::new(options.active),
            exchanges: Semaphore::new(EXCHANGES),
            calls: Semaphore::new(CALLS),
            calls_waiting: Semaphore::new(CALLS + MAX_CALLS_WAITING),
            looking: tokio::sync::Mutex::new(()),
            stopping: AtomicBool::new(false),
            stop: watch::Sender::new(false),
            clock,
        });
        keeping::remove_unknown_files(&inner);
        keeping::cover_files(&inner)?;
        worker::resume(&inner);
        keeping::start(&inner);
        Ok(Bulk(inner))
    }

    /// Puts other options in force.
    pub fn adopt(&self, options: Options) {
        self.0.users.store(options.users);
        self.0.storage.store(options.storage, Ordering::Relaxed);
        *self.0.callbacks.write().unwrap_or_else(PoisonError::into_inner) = options.callbacks;
    }

    /// Ends what runs, to go on after the next start.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.stop.send_replace(true);
        self.0.active.close();
        self.0.exchanges.close();
        self.0.calls.close();
    }

    /// Who calls, by the content of `Authorization`. `None`: credentials that do not hold, or none where users are
    /// configured.
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Option<Caller> {
        self.0.users.authenticate(authorization).await
    }

    /// Definitions, of one object or of all, as they are shown, in the order of their creation.
    ///
    /// # Errors
    /// An object that is not there.
    pub async fn definitions(&self, of: Option<Object>, way: Way) -> Result<Vec<Map<String, Value>>> {
        if let Some(object) = of {
            custom::require(&self.0, object).await?;
        }
        let (registry, now) = (self.0.registry(), self.0.now());
        let wanted = |named: &&Named| named.way == way && of.is_none_or(|object| object == named.object);
        let mut found: Vec<_> = registry
            .definitions
            .keys()
            .filter(wanted)
            .filter_map(|named| registry.definition(*named, now).ok())
            .collect();
        found.sort_by_key(|definition| definition.created.at);
        let exported = registry.exported_bytes();
        let bytes = |definition: &Definition| {
            exported.get(&definition.named).copied().unwrap_or(0) + definition.staged_bytes()
        };
        Ok(found.into_iter().map(|definition| definition.shown(bytes(definition))).collect())
    }

    /// One definition.
    ///
    /// # Errors
    /// None of that number, or it is no longer kept.
    pub fn definition(&self, named: Named) -> Result<Map<String, Value>> {
        let registry = self.0.registry();
        let definition = registry.definition(named, self.0.now())?;
        Ok(definition.shown(registry.bytes_of(definition)))
    }

    /// Makes a definition of what a client sent.
    ///
    /// # Errors
    /// Members that cannot be used, too many definitions, an object that is not there.
    pub async fn create_definition(
        &self,
        caller: &Caller,
        object: Object,
        way: Way,
        sent: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        self.0.create_definition(caller, object, way, &sent).await
    }

    /// Puts what a client sent in the place of a definition.
    ///
    /// # Errors
    /// As for [`Bulk::create_definition`]. A sync that runs goes on with the definition as it was.
    pub async fn change_definition(
        &self,
        caller: &Caller,
        named: Named,
        sent: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        self.0.change_definition(caller, named, &sent).await
    }

    /// Deletes a definition with what it staged and exported.
    ///
    /// # Errors
    /// A sync of it runs.
    pub async fn delete_definition(&self, named: Named) -> Result<()> {
        self.0.delete_definition(named, false).await
    }

    /// Fields of an object.
    ///
    /// # Errors
    /// An object that is not there.
    pub async fn fields(&self, of: Object) -> Result<Vec<Map<String, Value>>> {
        let fields = custom::fields(&self.0, of).await?;
        Ok(fields.iter().map(|field| field.shown(of)).collect())
    }

    /// Custom objects: types of nodes.
    ///
    /// # Errors
    /// The store.
    pub async fn custom_objects(&self) -> Result<Vec<Map<String, Value>>> {
        custom::look(&self.0).await?;
        Ok(self.0.registry().custom.values().map(custom::shown).collect())
    }

    /// Stages rows for an import; gives the sync that began by it, when the definition says so.
    ///
    /// # Errors
    /// No such import, rows that cannot be read, too many uploads (400), no storage left (413).
    pub async fn stage(
        &self,
        caller: &Caller,
        named: Named,
        upload: Upload,
    ) -> Result<Option<Map<String, Value>>> {
        self.0.stage(caller, named, upload).await
    }

    /// Throws staged rows away.
    ///
    /// # Errors
    /// No such import.
    pub async fn clear(&self, named: Named) -> Result<()> {
        self.0.clear(named).await
    }

    /// Starts a sync; gives it as it is before it runs.
    ///
    /// # Errors
    /// Members that cannot be used, a sync of the same that runs (409), no storage left (413), too many that wait (503).
    pub async fn create_sync(&self, caller: &Caller, sent: Map<String, Value>) -> Result<Map<String, Value>> {
        self.0.create_sync(caller, &sent).await
    }

    /// Syncs in the order of their creation.
    #[must_use]
    pub fn syncs(&self) -> Vec<Map<String, Value>> {
        self.0.registry().syncs.values().map(Sync::shown).collect()
    }

    /// One sync.
    ///
    /// # Errors
    /// None of that number, or it is no longer kept.
    pub fn sync(&self, id: u64) -> Result<Map<String, Value>> {
        Ok(self.0.registry().sync(id)?.shown())
    }

    /// What a sync tells of itself, oldest first.
    ///
    /// # Errors
    /// As for [`Bulk::sync`].
    pub fn logs(&self, id: u64) -> Result<Vec<Map<String, Value>>> {
        let registry = self.0.registry();
        let sync = registry.sync(id)?;
        let so_far = sync.so_far(self.0.now());
        Ok(sync.logs.iter().chain(&so_far).map(|item| item.shown(id)).collect())
    }

    /// A page of the rows that an import rejected, and how many are kept. Blocks on the disk.
    ///
    /// # Errors
    /// As for [`Bulk::sync`]; another user's (403), no longer kept (410).
    pub fn rejects(
        &self,
        caller: &Caller,
        id: u64,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<Map<String, Value>>, u64)> {
        let kept = self.0.kept_rejects(caller, id)?;
        let before = offset.checked_sub(1).map(|place| shelf::reject(id, place));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = self.0.engine.shelf(&shelf::rejects(id), before.as_deref(), limit)?;
        let rows = rows.iter().map(|(_, value)| shelf::get(value));
        Ok((rows.collect::<Result<_>>()?, kept))
    }

    /// Exported rows, from one on. Blocks on the disk.
    ///
    /// # Errors
    /// No such sync or definition, another user's (403), no longer kept (410), an import (400).
    pub fn data(&self, caller: &Caller, of: &DataOf, offset: u64) -> Result<Data> {
        let sync = match self.0.exported(caller, of)? {
            Some(sync) => sync,
            None => return Ok(Data { total: 0, names: Vec::new(), rows: Box::new(std::iter::empty()) }),
        };
        let (id, rows) = sync;
        match data::open(&self.0.files, id, rows, offset) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(BulkError::Gone),
            opened => Ok(opened?),
        }
    }

    /// Throws exported rows away.
    ///
    /// # Errors
    /// As for [`Bulk::data`].
    pub async fn delete_data(&self, caller: &Caller, of: &DataOf) -> Result<()> {
        let Some((id, _)) = self.0.exported(caller, of)? else { return Ok(()) };
        self.0.forget_rows(id).await
    }
}
