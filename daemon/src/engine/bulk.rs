//! What the Bulk shapes ask of the engine (contract 6, REFERENCE A): records to be exported, rows to be imported, and
//! the shelf, where the service keeps its definitions and its progress.

use super::writer::Command;
use super::{Engine, EngineError, ShelfRow};

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
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, EngineError> {
        Ok(self.view()?.shelf(prefix, after, limit)?)
    }
}
