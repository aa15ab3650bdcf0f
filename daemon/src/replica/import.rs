//! Rows of an import as ordinary edits at the daemon's present clock, in one transaction with what the service notes of
//! them (REFERENCE A2).
//!
//! An item is compared with what it says now, and only what differs is written. A row that cannot be used writes
//! nothing and holds up no other.

mod contacts;
mod nodes;
mod positions;
mod row;

use std::collections::HashMap;

use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::shapes::bulk::rule::UpdateRule;
use serde_json::{Map, Value};

use super::Batch;
use super::edit::Done;
use super::synchronize::minted_guid;
use crate::engine::{EngineError, ImportPut, Imported, RecordsOf};
use crate::store::StoreError;

/// A value does not fit its field.
const INVALID: &str = "ELQ-00032";
/// What the row is known by is not in it.
const MISSING: &str = "ELQ-00061";
/// The row names something that is not held and cannot be made of it.
const UNKNOWN: &str = "ELQ-00034";
/// The row names more than one item.
const SEVERAL: &str = "ELQ-00026";

/// Why a row came to nothing.
enum Stop {
    /// It is of no use.
    Reject(Imported),
    /// The engine failed.
    Engine(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        match error {
            EngineError::Member(why) | EngineError::Taken(why) => reject(INVALID, why, []),
            other => Stop::Engine(other),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Engine(error.into())
    }
}

fn reject<const N: usize>(code: &'static str, message: impl Into<String>, keys: [&str; N]) -> Stop {
    let keys = keys.map(str::to_owned).into();
    Stop::Reject(Imported::Rejected { code, message: message.into(), keys })
}

fn missing(key: &str) -> Stop {
    reject(MISSING, format!("The row has no value for '{key}', by which it is known."), [key])
}

/// What holds for all rows.
struct Plan {
    into: RecordsOf,
    identifier: Option<String>,
    rules: HashMap<String, UpdateRule>,
    all_matches: bool,
    seed: Vec<u8>,
    now: String,
    /// Accounts by their e-mail in lower case, when rows are known by it.
    emails: Option<HashMap<String, Vec<i64>>>,
}

impl Plan {
    fn rule(&self, key: &str) -> UpdateRule {
        self.rules.get(key).copied().unwrap_or_default()
    }

    fn is_known_by(&self, keys: &[&str]) -> bool {
        self.identifier.as_ref().is_some_and(|key| keys.iter().any(|one| one.eq_ignore_ascii_case(key)))
    }
}

impl Batch<'_, '_> {
    /// Does the rows of a chunk and shelves what the service notes of them; gives what became of each.
    ///
    /// # Errors
    /// When the store fails, or the shelf does not take a row: nothing of the transaction is kept then.
    pub fn import(&mut self, put: ImportPut) -> Result<Vec<Imported>, EngineError> {
        let mut plan = Plan {
            into: put.into,
            identifier: put.identifier,
            rules: put.rules.into_iter().collect(),
            all_matches: put.all_matches,
            seed: put.seed,
            now: put.now,
            emails: None,
        };
        let mut done = Vec::with_capacity(put.rows.len());
        for (row, index) in put.rows.into_iter().zip(put.first..) {
            done.push(match self.import_row(&mut plan, row, index) {
                Ok(outcome) | Err(Stop::Reject(outcome)) => outcome,
                Err(Stop::Engine(error)) => return Err(error),
            });
        }
        match self.shelve(&(put.shelve)(&done)) {
            // The edits must not be kept without it.
            Err(EngineError::Member(why)) => Err(StoreError::Refused(why).into()),
            shelved => shelved.map(|()| done),
        }
    }

    fn import_row(&mut self, plan: &mut Plan, row: Map<String, Value>, index: u64) -> Result<Imported, Stop> {
        match plan.into {
            RecordsOf::Markings => self.import_position(plan, ItemKind::Marking, row, index),
            RecordsOf::Activities => self.import_position(plan, ItemKind::History, row, index),
            RecordsOf::Contacts => self.import_contact(plan, row),
            RecordsOf::Nodes { .. } => self.import_node(plan, row, index),
        }
    }

    /// A GUID for a row that brings none. The daemon's log is part of it: two daemons never make the same one.
    fn guid_of_row(&self, plan: &Plan, index: u64) -> String {
        let parts = [self.replica.mirror.log.0.to_vec(), b"import".to_vec(), plan.seed.clone()];
        minted_guid(&[&parts[..], &[index.to_be_bytes().to_vec()]].concat())
    }
}

/// What became of an item that was here.
fn outcome(done: &Done) -> Imported {
    if done.written.is_empty() { Imported::Unchanged } else { Imported::Updated }
}

/// What became of a row that named several.
fn joined(outcomes: impl IntoIterator<Item = Imported>) -> Imported {
    let mut outcomes = outcomes.into_iter();
    outcomes.find(|one| *one != Imported::Unchanged).unwrap_or(Imported::Unchanged)
}
