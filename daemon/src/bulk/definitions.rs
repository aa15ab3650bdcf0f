//! Making, changing and deleting definitions.

use std::sync::Arc;

use quire_protocol::shapes::bulk::definition::Draft;
use quire_protocol::shapes::bulk::object::Object;
use serde_json::{Map, Value};

use super::change::Change;
use super::custom;
use super::definition::{Definition, Named, Stamp, Way};
use super::error::{BulkError, Result};
use super::inner::Inner;
use super::limits::{MAX_ALL_DEFINITIONS, MAX_DEFINITION, MAX_DEFINITIONS, MAX_GONE};
use super::registry::Registry;
use super::users::Caller;

impl Inner {
    pub async fn create_definition(
        self: &Arc<Self>,
        caller: &Caller,
        object: Object,
        way: Way,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let fields = custom::fields(self, object).await?;
        let draft = Draft::read(object, way == Way::Import, sent, &fields).map_err(BulkError::Invalid)?;
        check_size(&draft)?;
        let stamp = Stamp::new(caller, self.now());
        self.commit(move |registry, changes| {
            if registry.definitions.len() >= MAX_DEFINITIONS || !has_room(registry, &draft) {
                return Err(BulkError::Full);
            }
            let mut counters = registry.counters.clone();
            let id = counters.definitions.entry(format!("{object}/{}", way.word())).or_default();
            *id += 1;
            let named = Named { object, way, id: *id };
            let (created, updated, used_at) = (stamp.clone(), stamp.clone(), stamp.at);
            let definition = Definition { named, draft, created, updated, used_at, staged: Vec::new() };
            let shown = definition.shown(0);
            changes.extend([Change::Counters(counters), Change::definition(definition)]);
            Ok(shown)
        })
        .await
    }

    pub async fn change_definition(
        self: &Arc<Self>,
        caller: &Caller,
        named: Named,
        sent: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        self.registry().definition(named, self.now())?;
        let fields = custom::fields(self, named.object).await?;
        let is_import = named.way == Way::Import;
        let draft = Draft::read(named.object, is_import, sent, &fields).map_err(BulkError::Invalid)?;
        check_size(&draft)?;
        let stamp = Stamp::new(caller, self.now());
        self.commit(move |registry, changes| {
            let old = registry.definition(named, stamp.at)?.clone();
            if !has_room(registry, &draft) {
                return Err(BulkError::Full);
            }
            let changed = Definition { draft, used_at: stamp.at, updated: stamp, ..old };
            let shown = changed.shown(registry.bytes_of(&changed));
            changes.push(Change::definition(changed));
            Ok(shown)
        })
        .await
    }

    /// Deletes a definition with what it staged and exported. Its syncs stay, without their rows.
    pub async fn delete_definition(self: &Arc<Self>, named: Named, outlived: bool) -> Result<()> {
        let now = self.now();
        let (uploads, exports) = self
            .commit(move |registry, changes| {
                let definition = match registry.definitions.get(&named) {
                    Some(definition) if outlived && definition.is_outlived(now) => definition,
                    Some(_) if outlived => return Ok((Vec::new(), Vec::new())),
                    _ => registry.definition(named, now)?,
                };
                if registry.running(named).is_some() {
                    return Err(BulkError::InUse);
                }
                let uploads: Vec<u64> = definition.staged.iter().map(|staged| staged.upload).collect();
                changes.push(Change::RemoveDefinition(named));
                if outlived {
                    changes.extend(remember_gone(registry, named));
                }
                Ok((uploads, forget_rows(registry, named, changes)))
            })
            .await?;
        self.remove_files(uploads, exports).await;
        Ok(())
    }

    /// Throws the exported rows of a sync away.
    pub async fn forget_rows(self: &Arc<Self>, id: u64) -> Result<()> {
        self.commit(move |registry, changes| {
            let mut sync = registry.sync(id)?.clone();
            if let Some(exported) = &mut sync.exported {
                exported.kept = false;
            }
            changes.push(Change::sync(sync));
            Ok(())
        })
        .await?;
        self.remove_files(Vec::new(), vec![id]).await;
        Ok(())
    }
}

fn check_size(draft: &Draft) -> Result<()> {
    if weight(draft) <= MAX_DEFINITION {
        return Ok(());
    }
    let constraint = format!("Must have at most {MAX_DEFINITION} bytes with the filter.");
    Err(BulkError::invalid("fields", draft.fields.len(), constraint))
}

fn has_room(registry: &Registry, draft: &Draft) -> bool {
    let all: usize = registry.definitions.values().map(|known| weight(&known.draft)).sum();
    all + weight(draft) <= MAX_ALL_DEFINITIONS
}

/// Bytes of what a client wrote.
fn weight(draft: &Draft) -> usize {
    let fields: usize = draft.fields.iter().map(|(name, statement)| name.len() + statement.len()).sum();
    fields + draft.name.len() + draft.filter.as_ref().map_or(0, String::len)
}

/// Of so many the first by name is forgotten: it is answered as if it never was.
fn remember_gone(registry: &Registry, named: Named) -> Vec<Change> {
    let mut changes = vec![Change::Gone(named)];
    if registry.gone.len() >= MAX_GONE {
        changes.extend(registry.gone.first().copied().map(Change::ForgetGone));
    }
    changes
}

/// The syncs of a definition lose their rows; gives their numbers.
fn forget_rows(registry: &Registry, named: Named, changes: &mut Vec<Change>) -> Vec<u64> {
    let mut forgotten = Vec::new();
    for sync in registry.syncs.values().filter(|sync| sync.named() == Some(named)) {
        if let Some(exported) = sync.exported.filter(|exported| exported.kept) {
            let mut sync = sync.clone();
            sync.exported = Some(super::sync::Exported { kept: false, ..exported });
            forgotten.push(sync.id);
            changes.push(Change::sync(sync));
        }
    }
    forgotten
}
