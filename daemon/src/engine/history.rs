//! What items said, and bringing it back.

use quire_protocol::id::{ChangeId, DeviceId, DocId, Space};
use serde_json::{Map, Value};

use super::writer::Command;
use super::{Engine, EngineError, ItemView};

/// One version of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionView {
    /// Names it.
    pub id: ChangeId,
    /// Whose it is; `None` for what was said again because its log forked.
    pub device: Option<DeviceId>,
    /// Milliseconds since 1970 by its author's clock, for people.
    pub claimed_ms: u64,
    /// The versions that its author had seen last.
    pub builds_on: Vec<ChangeId>,
    /// Whether the item was removed then.
    pub removed: bool,
    /// The documented members that it changed, as they were then.
    pub changed: Map<String, Value>,
}

/// Versions of an item, newest first.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// They.
    pub versions: Vec<VersionView>,
    /// Whether there are older ones.
    pub more: bool,
}

impl Engine {
    /// Versions of an item that arrived before `before`, or all: at most `limit`, and no more than fit an answer. `Ok(None)`:
    /// no such item, or it has no such version. Blocks on the disk.
    pub fn history(
        &self,
        item: (&Space, DocId),
        before: Option<ChangeId>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, EngineError> {
        Ok(self.view()?.history(item, before, limit)?)
    }

    /// Has an item say what it said at a version; `if_match` is an `etag` that must still hold. `Ok(None)`: no such item,
    /// or it has no such version.
    pub async fn restore(
        &self,
        space: Space,
        doc: DocId,
        version: ChangeId,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        self.ask(|reply| Command::Restore { space, doc, version, if_match, reply }).await
    }
}
