//! What all parts of the service share, and the one way in which what it knows is changed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::{Semaphore, watch};

use super::callback::Allowed;
use super::change::Change;
use super::definition::Way;
use super::error::{BulkError, Result};
use super::exchange::Exchange;
use super::files::Files;
use super::registry::Registry;
use super::service::{Clock, DataOf};
use super::users::{Caller, Users};
use crate::engine::Engine;

pub(super) struct Inner {
    pub engine: Engine,
    pub files: Files,
    pub users: Users,
    pub exchange: Arc<dyn Exchange>,
    /// Sockets of this daemon, which no callback reaches.
    pub own: Vec<SocketAddr>,
    pub callbacks: RwLock<Allowed>,
    pub storage: AtomicU64,
    /// Bytes that are being written and that the registry does not know yet.
    pub reserved: AtomicU64,
    pub registry: Mutex<Registry>,
    /// Held while a change goes to the shelf and then to memory.
    pub changing: tokio::sync::Mutex<()>,
    pub active: Semaphore,
    pub exchanges: Semaphore,
    pub calls: Semaphore,
    pub calls_waiting: Semaphore,
    /// Held while the nodes of all tenants are gone through for their types.
    pub looking: tokio::sync::Mutex<()>,
    pub stopping: AtomicBool,
    pub stop: watch::Sender<bool>,
    pub clock: Clock,
}

impl Inner {
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Removes files that no row names any more, away from the threads that serve sockets.
    pub async fn remove_files(&self, uploads: Vec<u64>, exports: Vec<u64>) {
        if uploads.is_empty() && exports.is_empty() {
            return;
        }
        let files = self.files.clone();
        let removing = tokio::task::spawn_blocking(move || {
            uploads.into_iter().for_each(|upload| files.remove_upload(upload));
            exports.into_iter().for_each(|sync| files.remove_export(sync));
        });
        // One that was not done is done at the next start.
        let _ = removing.await;
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Decides about changes by what is known, puts them on the shelf and then in memory. Goes on to its end also when
    /// its caller is gone, so that memory says what the shelf does.
    pub async fn commit<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Registry, &mut Vec<Change>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(self);
        let done = tokio::spawn(async move {
            let _turn = inner.changing.lock().await;
            let mut changes = Vec::new();
            let value = decide(&inner.registry(), &mut changes)?;
            if !changes.is_empty() {
                let rows = changes.iter().map(Change::row).collect::<Result<_>>()?;
                inner.engine.shelve(rows).await?;
                let mut registry = inner.registry();
                changes.into_iter().for_each(|change| change.apply(&mut registry));
            }
            Ok(value)
        });
        done.await.unwrap_or(Err(BulkError::Busy))
    }

    /// Rejected rows of an import that this caller may read.
    pub fn kept_rejects(&self, caller: &Caller, id: u64) -> Result<u64> {
        let registry = self.registry();
        match registry.sync(id)? {
            sync if !sync.created.is_of(caller) => Err(BulkError::Forbidden),
            sync if sync.rejects > 0 && sync.is_outlived(self.now()) => Err(BulkError::Gone),
            sync => Ok(sync.rejects),
        }
    }

    /// The sync whose rows are meant and how many there are; `None` for an export that never ran.
    pub fn exported(&self, caller: &Caller, of: &DataOf) -> Result<Option<(u64, u64)>> {
        let registry = self.registry();
        let now = self.now();
        let sync = match of {
            DataOf::Sync(id) => registry.sync(*id)?,
            DataOf::Definition(named) => {
                registry.definition(*named, now)?;
                match registry.latest(*named) {
                    Some(sync) => sync,
                    None => return Ok(None),
                }
            }
        };
        if sync.way() != Some(Way::Export) {
            return Err(BulkError::invalid(
                "syncedInstanceUri",
                sync.subject.uri(),
                "Must reference an export.",
            ));
        }
        if !sync.created.is_of(caller) {
            return Err(BulkError::Forbidden);
        }
        match sync.exported {
            Some(exported) if exported.kept && !sync.is_outlived(now) => Ok(Some((sync.id, exported.rows))),
            None if !sync.status.has_ended() => {
                Err(BulkError::Active { sync: sync.id, uri: sync.subject.uri() })
            }
            None => Err(BulkError::NotFound),
            Some(_) => Err(BulkError::Gone),
        }
    }
}
