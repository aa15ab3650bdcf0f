//! Every row of one snapshot, for a backup.

use std::ops::ControlFlow;

use tokio::sync::OwnedSemaphorePermit;

use super::{Engine, EngineError};
use crate::replica::View;
use crate::store::{StoreError, rows::meta};

/// A row as it was put.
pub type SnapshotRow = (Vec<u8>, Vec<u8>);

/// The rows of one moment, in the order of their keys. While it is held the store's file may grow by what is written.
pub struct Snapshot {
    engine: Engine,
    view: View,
    after: Vec<u8>,
    is_over: bool,
    _one: OwnedSemaphorePermit,
}

impl Engine {
    /// A snapshot of all that was answered; none while another one is being read. What belongs to this installation
    /// alone is not in it: whoever starts on its rows is a new one. Blocks on the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, EngineError> {
        let Ok(one) = std::sync::Arc::clone(&self.inner.snapshots).try_acquire_owned() else {
            return Ok(None);
        };
        let (engine, view) = (self.clone(), self.view()?);
        Ok(Some(Snapshot { engine, view, after: Vec::new(), is_over: false, _one: one }))
    }
}

impl Snapshot {
    /// The next rows, about `bytes` of them; none behind the last one. Blocks on the disk.
    ///
    /// # Errors
    /// When one of them is damaged, or the store has to be opened again.
    pub fn next(&mut self, bytes: usize) -> Result<Vec<SnapshotRow>, EngineError> {
        if self.engine.is_reopening() {
            return Err(StoreError::Database("it had to be opened again".to_owned()).into());
        }
        let (mut rows, mut taken) = (Vec::new(), 0);
        if self.is_over {
            return Ok(rows);
        }
        self.is_over = true;
        let (after, is_over) = (&mut self.after, &mut self.is_over);
        self.view.rows_after(&after.clone(), &mut |key, value| {
            *after = key.to_vec();
            if !is_of_installation(key) {
                taken += key.len() + value.len();
                rows.push((key.to_vec(), value.to_vec()));
            }
            *is_over = taken < bytes;
            Ok(if *is_over { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(rows)
    }
}

/// The mark of this installation, and how far its journal is.
fn is_of_installation(key: &[u8]) -> bool {
    [meta::INSTALLATION, meta::JOURNAL].iter().any(|name| *key == *crate::replica::meta_key(name))
}
