//! Names of the service's rows on the engine's shelf, and their bytes. Numbers in names are big-endian, so that rows come
//! in their order.
//!
//! | name | value |
//! |---|---|
//! | `bulk/counters` | [`Counters`] |
//! | `bulk/definition/` URI | a definition |
//! | `bulk/sync/` number | a sync |
//! | `bulk/custom/` number | a custom object |
//! | `bulk/gone/` URI | nothing: the definition was deleted automatically |
//! | `bulk/reject/` number of the sync, place | a rejected row as it is answered |

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::definition::Named;
use super::error::{BulkError, Result};
use crate::engine::Engine;

pub(super) const COUNTERS: &[u8] = b"bulk/counters";
pub(super) const DEFINITIONS: &[u8] = b"bulk/definition/";
pub(super) const SYNCS: &[u8] = b"bulk/sync/";
pub(super) const CUSTOM: &[u8] = b"bulk/custom/";
pub(super) const GONE: &[u8] = b"bulk/gone/";
const REJECTS: &[u8] = b"bulk/reject/";

/// Rows read from the shelf at one time.
const PAGE: usize = 256;

/// A row to be put, or removed.
pub(super) type Row = (Vec<u8>, Option<Vec<u8>>);

/// The last numbers that were given: none is given twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    pub sync: u64,
    pub upload: u64,
    pub custom: u64,
    /// By object and way: `/activities/exports`.
    pub definitions: BTreeMap<String, u64>,
}

pub(super) fn definition(named: Named) -> Vec<u8> {
    [DEFINITIONS, named.to_string().as_bytes()].concat()
}

pub(super) fn gone(named: Named) -> Vec<u8> {
    [GONE, named.to_string().as_bytes()].concat()
}

pub(super) fn sync(id: u64) -> Vec<u8> {
    [SYNCS, &id.to_be_bytes()].concat()
}

pub(super) fn custom(number: u64) -> Vec<u8> {
    [CUSTOM, &number.to_be_bytes()].concat()
}

/// The beginning of the names of a sync's rejected rows.
pub(super) fn rejects(sync: u64) -> Vec<u8> {
    [REJECTS, &sync.to_be_bytes()].concat()
}

pub(super) fn reject(sync: u64, place: u64) -> Vec<u8> {
    [&rejects(sync)[..], &place.to_be_bytes()].concat()
}

/// A row with this value.
pub(super) fn put(name: Vec<u8>, value: &impl Serialize) -> Result<Row> {
    let value = serde_json::to_vec(value).map_err(|error| BulkError::Failed(error.to_string()))?;
    Ok((name, Some(value)))
}

pub(super) fn get<T: DeserializeOwned>(value: &[u8]) -> Result<T> {
    serde_json::from_slice(value)
        .map_err(|error| BulkError::Failed(format!("a row of the service cannot be read: {error}")))
}

/// Every row whose name begins so. Blocks on the disk.
pub(super) fn each(
    engine: &Engine,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = engine.shelf(prefix, after.as_deref(), PAGE)?;
        for (name, value) in &rows {
            visit(&name[prefix.len()..], value)?;
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((name, _)) => after = Some(name),
            None => return Ok(()),
        }
    }
}
