//! The shelf: what services of this daemon keep for themselves, in the same transactions as items. Nothing of it is
//! replicated.

use std::ops::ControlFlow;

use super::{Batch, View};
use crate::engine::{EngineError, ShelfRow};
use crate::store::keys::{Key, Kind};
use crate::store::{Result, Rows};

/// Bytes of a name at most: room for a path of numbers, while a page of the store's tree still holds a dozen keys.
pub const MAX_SHELF_NAME: usize = 256;

/// Bytes of a value at most, 4 MiB: a value is in memory whole, once for each row of a group. Larger contents are
/// files.
pub const MAX_SHELF_VALUE: usize = 4 * 1024 * 1024;

impl View {
    /// Rows whose names begin with `prefix`, in the order of their names, at most `limit` of those behind `after`.
    pub fn shelf(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let shelf = Key::of(Kind::Shelf);
        let all = shelf.clone().bytes(prefix);
        let start = match after.filter(|after| *after >= prefix) {
            Some(after) => shelf.clone().bytes(after).bytes(&[0]),
            None => all.clone(),
        };
        let end = all.end();
        let mut out = Vec::new();
        if limit == 0 || *start >= *end {
            return Ok(out);
        }
        self.rows().scan(&start, &end, &mut |key, value| {
            out.push((key[shelf.len()..].to_vec(), value.to_vec()));
            Ok(if out.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(out)
    }
}

impl Batch<'_, '_> {
    /// Puts or removes rows of the shelf.
    ///
    /// # Errors
    /// [`EngineError::Member`] for a name or a value that is too long; nothing is written then.
    pub fn shelve(&mut self, rows: &[ShelfRow]) -> Result<(), EngineError> {
        rows.iter().try_for_each(checked)?;
        for (name, value) in rows {
            let key = Key::of(Kind::Shelf).bytes(name);
            match value {
                Some(value) => self.rows.put(&key, value)?,
                None => self.rows.remove(&key)?,
            }
        }
        Ok(())
    }
}

fn checked((name, value): &ShelfRow) -> Result<(), EngineError> {
    if name.len() > MAX_SHELF_NAME {
        return Err(EngineError::Member(format!("a name on the shelf has at most {MAX_SHELF_NAME} bytes")));
    }
    if value.as_ref().is_some_and(|value| value.len() > MAX_SHELF_VALUE) {
        return Err(EngineError::Member(format!("a value on the shelf has at most {MAX_SHELF_VALUE} bytes")));
    }
    Ok(())
}
