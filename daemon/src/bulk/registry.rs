//! What the service knows, in memory: loaded once, changed only after the shelf has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quire_protocol::id::Space;
use serde::{Deserialize, Serialize};

use super::definition::{Definition, Named};
use super::error::{BulkError, Result};
use super::shelf::{self, Counters};
use super::sync::{Subject, Sync};
use crate::engine::Engine;

/// One type of nodes of one tenant, under a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CustomObject {
    pub number: u64,
    /// The tenant's space, by its name.
    pub space: String,
    pub ty: String,
    /// Keys of its fields: the number of a field is its place, from 1 on. None is ever removed.
    pub keys: Vec<String>,
}

impl CustomObject {
    pub fn space(&self) -> Result<Space> {
        Space::parse(&self.space)
            .ok_or_else(|| BulkError::Failed(format!("custom object {} names no space", self.number)))
    }
}

/// Everything small.
#[derive(Default)]
pub(super) struct Registry {
    pub counters: Counters,
    pub definitions: BTreeMap<Named, Definition>,
    pub syncs: BTreeMap<u64, Sync>,
    pub custom: BTreeMap<u64, CustomObject>,
    /// Definitions that were deleted automatically.
    pub gone: BTreeSet<Named>,
}

impl Registry {
    /// Reads everything from the shelf. Blocks on the disk.
    pub fn load(engine: &Engine) -> Result<Registry> {
        let mut registry = Registry::default();
        shelf::each(engine, shelf::COUNTERS, |_, value| {
            registry.counters = shelf::get(value)?;
            Ok(())
        })?;
        shelf::each(engine, shelf::DEFINITIONS, |_, value| {
            let definition: Definition = shelf::get(value)?;
            registry.definitions.insert(definition.named, definition);
            Ok(())
        })?;
        shelf::each(engine, shelf::SYNCS, |_, value| {
            let sync: Sync = shelf::get(value)?;
            registry.syncs.insert(sync.id, sync);
            Ok(())
        })?;
        shelf::each(engine, shelf::CUSTOM, |_, value| {
            let object: CustomObject = shelf::get(value)?;
            registry.custom.insert(object.number, object);
            Ok(())
        })?;
        shelf::each(engine, shelf::GONE, |name, _| {
            let uri = String::from_utf8_lossy(name).into_owned();
            registry.gone.extend(Named::try_from(uri).ok());
            Ok(())
        })?;
        Ok(registry)
    }

    /// The definition; one that was deleted automatically, or that nobody used for as long as it was to be kept, is gone.
    pub fn definition(&self, named: Named, now: i64) -> Result<&Definition> {
        match self.definitions.get(&named) {
            Some(definition) if !definition.is_outlived(now) || self.running(named).is_some() => {
                Ok(definition)
            }
            Some(_) => Err(BulkError::Gone),
            None if self.gone.contains(&named) => Err(BulkError::Gone),
            None => Err(BulkError::NotFound),
        }
    }

    /// The sync; one that is no longer kept is gone, since its number was given.
    pub fn sync(&self, id: u64) -> Result<&Sync> {
        let missing =
            || if id <= self.counters.sync && id > 0 { BulkError::Gone } else { BulkError::NotFound };
        self.syncs.get(&id).ok_or_else(missing)
    }

    /// The sync of a definition that has not ended.
    pub fn running(&self, named: Named) -> Option<u64> {
        self.running_of(&Subject::Definition(named))
    }

    /// The sync of a definition or a peer that has not ended.
    pub fn running_of(&self, subject: &Subject) -> Option<u64> {
        let runs = |sync: &&Sync| !sync.status.has_ended() && sync.subject == *subject;
        self.syncs.values().rev().find(runs).map(|sync| sync.id)
    }

    /// How many syncs have not ended.
    pub fn waiting(&self) -> usize {
        self.syncs.values().filter(|sync| !sync.status.has_ended()).count()
    }

    /// The latest sync of an export that has rows, or had.
    pub fn latest(&self, named: Named) -> Option<&Sync> {
        let has = |sync: &&Sync| sync.named() == Some(named) && sync.exported.is_some();
        self.syncs.values().rev().find(has)
    }

    /// Bytes of exported rows by definition.
    pub fn exported_bytes(&self) -> HashMap<Named, u64> {
        let mut bytes = HashMap::new();
        for sync in self.syncs.values() {
            if let Some(named) = sync.named() {
                *bytes.entry(named).or_default() += sync.bytes();
            }
        }
        bytes
    }

    /// Bytes on the disk that belong to a definition.
    pub fn bytes_of(&self, definition: &Definition) -> u64 {
        let of = |sync: &&Sync| sync.named() == Some(definition.named);
        let exported: u64 = self.syncs.values().filter(of).map(Sync::bytes).sum();
        exported + definition.staged_bytes()
    }

    /// Bytes on the disk in all.
    pub fn bytes(&self) -> u64 {
        let staged: u64 = self.definitions.values().map(Definition::staged_bytes).sum();
        let taken = |sync: &Sync| sync.staged.iter().map(|staged| staged.bytes).sum::<u64>();
        staged + self.syncs.values().map(|sync| sync.bytes() + taken(sync)).sum::<u64>()
    }
}
