//! The e-book reader's codec: a `SynchronizationModel` or positions as items, and answers as `ApiResult` of either.

mod read;
mod write;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::Kind;

pub use read::{read, read_list, read_one};
pub use write::{Answer, PositionResult, Positions, write, write_item, write_positions};

/// The action's parameter, which begins every key of a `ModelState`.
pub const PARAMETER: &str = "synchronizationModel";

/// The parameter of actions that take a list of positions.
pub const POSITIONS: &str = "positions";

/// The parameter of an action that takes one position.
pub const POSITION: &str = "position";

/// What an app sent.
#[derive(Clone, Debug, PartialEq)]
pub struct SynchronizationModel {
    /// `AccountApplicationId`, 0 when absent: which application this is, and so whose cursor.
    pub account_application_id: i64,
    /// `ApplicationType` as it was sent, 0 when absent.
    pub application_type: Value,
    /// `LastSyncTimestamp` as it was sent; a valid date text.
    pub last_sync: Option<String>,
    /// `Account.AccountId`: the account this request speaks for.
    pub request_account: Option<i64>,
    /// The usable items, each identity once.
    pub items: Vec<Item>,
    /// What is wrong with the others.
    pub item_errors: Vec<ItemError>,
}

impl SynchronizationModel {
    /// Every account that the request names; 0 where its items name none.
    pub fn accounts(&self) -> BTreeSet<i64> {
        let own = self.items.iter().filter_map(|item| item.account);
        let mut accounts: BTreeSet<i64> = self.request_account.into_iter().chain(own).collect();
        if accounts.is_empty() && !self.items.is_empty() {
            accounts.insert(0);
        }
        accounts
    }
}

/// One usable item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Where it was in the request, such as `Markings[3]`.
    pub position: String,
    /// Its own `AccountId`, unless that is 0 or absent.
    pub account: Option<i64>,
    /// Which item it is.
    pub identity: Identity,
    /// The members that were sent, by their documented names and as their types; never a secret.
    pub members: Map<String, Value>,
}

/// Which item of its kind an item is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The documented key as text: a GUID in lower case with hyphens, a number in decimal; of a book `n:` with its
    /// `booksBookID`, else `i:` with its `bookIdentifier`.
    Key(String),
    /// A marking or activity without `syncGuid` but with the row number that a daemon gave it.
    RowId(i64),
    /// A marking or activity with neither.
    New,
}

/// An item that cannot be used; the others still can.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{position}: {message}")]
pub struct ItemError {
    /// Where it was in the request, such as `Markings[3]`.
    pub position: String,
    /// The documented name of the bad member; empty when the item itself is at fault.
    pub member: String,
    /// The reason in the words of Json.NET; never a secret.
    pub message: String,
}

/// A model that cannot be used at all: HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ModelError {
    /// The member at fault; empty for the model itself.
    pub path: String,
    /// The reason in the words of Json.NET.
    pub message: String,
}

#[cfg(test)]
mod tests;
