//! Changes of what the service knows: first on the shelf, then in memory.

use super::definition::{Definition, Named};
use super::error::Result;
use super::registry::{CustomObject, Registry};
use super::shelf::{self, Counters, Row};
use super::sync::Sync;

/// One change.
pub(super) enum Change {
    Definition(Box<Definition>),
    RemoveDefinition(Named),
    /// The definition was deleted automatically, and is remembered so.
    Gone(Named),
    /// It is no longer remembered.
    ForgetGone(Named),
    Sync(Box<Sync>),
    RemoveSync(u64),
    Custom(CustomObject),
    Counters(Counters),
    /// A row of the shelf that is not in memory.
    Remove(Vec<u8>),
}

impl Change {
    pub fn definition(definition: Definition) -> Change {
        Change::Definition(Box::new(definition))
    }

    pub fn sync(sync: Sync) -> Change {
        Change::Sync(Box::new(sync))
    }

    /// What it is on the shelf.
    pub fn row(&self) -> Result<Row> {
        match self {
            Change::Definition(definition) => shelf::put(shelf::definition(definition.named), definition),
            Change::RemoveDefinition(named) => Ok((shelf::definition(*named), None)),
            Change::Gone(named) => Ok((shelf::gone(*named), Some(Vec::new()))),
            Change::ForgetGone(named) => Ok((shelf::gone(*named), None)),
            Change::Sync(sync) => shelf::put(shelf::sync(sync.id), sync),
            Change::RemoveSync(id) => Ok((shelf::sync(*id), None)),
            Change::Custom(object) => shelf::put(shelf::custom(object.number), object),
            Change::Counters(counters) => shelf::put(shelf::COUNTERS.to_vec(), counters),
            Change::Remove(name) => Ok((name.clone(), None)),
        }
    }

    /// Does it in memory.
    pub fn apply(self, registry: &mut Registry) {
        match self {
            Change::Definition(definition) => {
                registry.definitions.insert(definition.named, *definition);
            }
            Change::RemoveDefinition(named) => {
                registry.definitions.remove(&named);
            }
            Change::Gone(named) => {
                registry.gone.insert(named);
            }
            Change::ForgetGone(named) => {
                registry.gone.remove(&named);
            }
            Change::Sync(sync) => {
                registry.syncs.insert(sync.id, *sync);
            }
            Change::RemoveSync(id) => {
                registry.syncs.remove(&id);
            }
            Change::Custom(object) => {
                registry.custom.insert(object.number, object);
            }
            Change::Counters(counters) => registry.counters = counters,
            Change::Remove(_) => {}
        }
    }
}
