//! What the Bulk shapes ask of the engine (contract 6, REFERENCE A): records to be exported, rows to be imported, and
//! the shelf, where the service keeps its definitions and its progress.

use std::ops::ControlFlow;

use quire_protocol::id::Space;
use serde_json::{Map, Value};

use crate::store::StoreError;

use super::writer::Command;
use super::{Engine, EngineError, ImportPut, Imported, RecordsOf, ShelfRow, Shelved};

impl Engine {
    /// Puts or removes rows of the shelf, all of them or none; answers when they are on disk. A name has at most
    /// [`MAX_SHELF_NAME`](crate::replica::MAX_SHELF_NAME) bytes, a value at most
    /// [`MAX_SHELF_VALUE`](crate::replica::MAX_SHELF_VALUE).
    ///
    /// # Errors
    /// [`EngineError::Member`] for a row beyond these bounds; nothing is written then.
    pub async fn shelve(&self, rows: Vec<ShelfRow>) -> Result<(), EngineError> {
        self.ask(|reply| Command::Shelve { rows, reply }).await
    }

    /// Rows of the shelf whose names begin with `prefix`, in the order of their names: at most `limit` of those behind
    /// the name `after`. Blocks on the disk.
    pub fn shelf(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Shelved>, EngineError> {
        Ok(self.view()?.shelf(prefix, after, limit)?)
    }

    /// Every record of an object out of one snapshot, each a map from keys to values, until `each` breaks. The order
    /// stays while nothing changes. Blocks on the disk, and keeps the snapshot until it ends; so it ends with an error when
    /// the store has to be opened again.
    pub fn records(
        &self,
        of: &RecordsOf,
        each: &mut dyn FnMut(Map<String, Value>) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let mut is_cut = false;
        self.view()?.records(of, &mut |record| {
            is_cut = self.is_reopening();
            if is_cut { ControlFlow::Break(()) } else { each(record) }
        })?;
        match is_cut {
            true => Err(StoreError::Database("it had to be opened again".to_owned()).into()),
            false => Ok(()),
        }
    }

    /// Tenants and types of nodes that are there, in order. Reads every node: blocks on the disk.
    pub fn node_types(&self) -> Result<Vec<(Space, String)>, EngineError> {
        Ok(self.view()?.node_types()?)
    }

    /// Names of the top-level properties of nodes of one type that are there, in order. Reads every node of the
    /// tenant: blocks on the disk.
    pub fn property_names(&self, space: &Space, ty: &str) -> Result<Vec<String>, EngineError> {
        Ok(self.view()?.property_names(space, ty)?)
    }

    /// Does rows of an import as edits at the present, whatever becomes of single ones, together with rows of the shelf;
    /// gives what became of each row when all of it is on disk.
    ///
    /// # Errors
    /// When the store fails, or a row for the shelf passes its bounds: nothing is kept then.
    pub async fn import(&self, put: ImportPut) -> Result<Vec<Imported>, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::Import { put, reply }).await
    }
}
