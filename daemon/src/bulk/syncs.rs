//! Making syncs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use quire_protocol::shapes::bulk::sync::SyncDraft;
use serde_json::{Map, Value};

use super::change::Change;
use super::custom;
use super::definition::{Definition, Named, Stamp, Way};
use super::error::{BulkError, Result};
use super::inner::Inner;
use super::limits::MAX_WAITING;
use super::registry::Registry;
use super::sync::{Subject, Sync};
use super::users::Caller;
use super::worker;

/// The member that is at fault when what is to be synced cannot be.
const INSTANCE: &str = "syncedInstanceUri";

impl Inner {
    pub async fn create_sync(
        self: &Arc<Self>,
        caller: &Caller,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let draft = SyncDraft::read(sent).map_err(BulkError::Invalid)?;
        let subject = Subject::of(draft.instance);
        match &subject {
            Subject::Definition(named) => self.check(*named).await?,
            Subject::Peer(device) if !self.exchange.knows(device) => {
                return Err(BulkError::invalid(INSTANCE, subject.uri(), "Must reference a paired device."));
            }
            Subject::Peer(_) => {}
        }
        if self.is_stopping() {
            return Err(BulkError::Busy);
        }
        let (callback, stamp) = (draft.callback_url, Stamp::new(caller, self.now()));
        let sync =
            self.commit(move |registry, changes| made(registry, subject, callback, stamp, changes)).await?;
        let shown = sync.shown();
        worker::begin(self, sync.id);
        Ok(shown)
    }

    /// The definition is looked at again: what it names may be gone since (REFERENCE A3).
    async fn check(self: &Arc<Self>, named: Named) -> Result<()> {
        let draft = match self.registry().definition(named, self.now()) {
            Ok(definition) => definition.draft.clone(),
            Err(_) => {
                let constraint = "Must reference an existing object.";
                return Err(BulkError::invalid(INSTANCE, named.to_string(), constraint));
            }
        };
        let fields = custom::fields(self, named.object).await?;
        draft.columns(named.object, &fields).map_err(BulkError::Invalid)?;
        draft.filter(named.object, &fields).map_err(BulkError::Invalid)?;
        let is_full = self.registry().bytes() >= self.storage.load(Ordering::Relaxed);
        if named.way == Way::Export && is_full { Err(BulkError::Full) } else { Ok(()) }
    }
}

fn made(
    registry: &Registry,
    subject: Subject,
    callback: Option<String>,
    created: Stamp,
    changes: &mut Vec<Change>,
) -> Result<Sync> {
    if let Some(sync) = registry.running_of(&subject) {
        return Err(BulkError::Active { sync, uri: subject.uri() });
    }
    if registry.waiting() >= MAX_WAITING {
        return Err(BulkError::Busy);
    }
    let mut counters = registry.counters.clone();
    counters.sync += 1;
    let mut sync = Sync::new(counters.sync, subject, callback, created);
    if let Subject::Definition(named) = sync.subject {
        let mut definition = registry.definition(named, sync.created.at)?.clone();
        take(&mut sync, &mut definition);
        changes.push(Change::definition(definition));
    }
    changes.extend([Change::Counters(counters), Change::sync(sync.clone())]);
    Ok(sync)
}

/// The sync runs the definition as it is now, with what is staged now.
fn take(sync: &mut Sync, definition: &mut Definition) {
    sync.retention = definition.draft.retention(definition.named.way == Way::Import).milliseconds();
    sync.draft = Some(definition.draft.clone());
    sync.staged = std::mem::take(&mut definition.staged);
    definition.used_at = sync.created.at;
}
