//! A look at every row of a store that is too large for it when it is opened. From the first damage on nothing is
//! written: what can still be read can be saved, and nothing is confirmed that may not be found again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use super::{Engine, EngineError, Shared};
use crate::store::{Reader, Store, StoreError};

/// A check that goes on beside everything else; it ends with this.
pub(super) struct Check {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Check {
    /// Begins one where the store was not looked at when it was opened.
    pub(super) fn of(store: &Store, shared: &Arc<Shared>) -> Option<Check> {
        if store.is_checked() {
            return None;
        }
        let (reader, shared) = (store.read().ok()?, Arc::downgrade(shared));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || run(&reader, &shared, &stopped);
        let thread = std::thread::Builder::new().name("quire-check".into()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!(%error, "the store is not looked through: no thread could be started");
        }
        Some(Check { stop, thread: thread.ok() })
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(reader: &Reader, shared: &Weak<Shared>, stop: &AtomicBool) {
    let found = reader.look_through(&|| !stop.load(Ordering::Acquire));
    let Some(shared) = shared.upgrade() else { return };
    match found {
        Ok(Some(rows)) => tracing::info!(rows, "the store was looked through: it is whole"),
        Ok(None) => {}
        Err(error) => condemn(&shared, &error),
    }
}

/// Ends all writing when it is damage.
fn condemn(shared: &Shared, error: &StoreError) {
    if !matches!(error, StoreError::Damaged(_) | StoreError::Unreadable(_)) {
        return tracing::warn!(%error, "the store could not be looked through");
    }
    if shared.condemned.set(StoreError::ReadOnly(error.to_string())).is_ok() {
        tracing::error!(%error, "the store is damaged: from here on nothing is written; what can be read, can be read");
    }
}

impl Engine {
    /// Looks at every row, and takes no writes any more when one is damaged or hidden. It takes some microseconds a row
    /// and blocks on the disk.
    ///
    /// # Errors
    /// The first damage.
    pub fn look_through(&self) -> Result<(), EngineError> {
        let looked = self.view()?.look_through();
        if let Err(error) = &looked {
            condemn(&self.inner.shared, error);
        }
        Ok(looked?)
    }
}
