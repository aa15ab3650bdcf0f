//! Conflicts of nodes: values written apart, and moves that gave way so that there is no cycle.

use quire_protocol::document::{Edit, Life, Register, key};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::node::{self, PARENT, moved, parent_value, plain, settling};
use serde_json::{Value, json};

use super::edit::Target;
use super::tree::{branches, node_key, parent_of};
use super::view::read_blob;
use super::{Batch, View};
use crate::engine::{ConflictView, EngineError, ItemView};
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;

/// What the removal of a node is called where it is in conflict; nodes have no member for it.
const REMOVED: &str = "removed";

impl View {
    /// Keys of a node that hold more than one value.
    pub(super) fn node_conflicts(
        &self,
        (number, space): (SpaceNo, &Space),
        doc: DocId,
        row: &DocRow,
    ) -> Vec<ConflictView> {
        let resolve = |blob: &_| self.blob(number, blob);
        let device = |log| self.mirror().certificates.get(&log).map(|c| c.device.device());
        let read = |conflict: &quire_protocol::document::Conflict| {
            let (member, value) = match conflict.key.as_str() {
                key::LIFE => (REMOVED.to_owned(), Value::from(row.projection.removed)),
                name => plain(name, row.projection.get(name).unwrap_or(&Register::Null), &resolve)?,
            };
            let other = |other: &quire_protocol::document::Other| {
                let value = match conflict.key.as_str() {
                    key::LIFE => Value::from(!row.projection.removed),
                    name => plain(name, &other.value, &resolve)?.1,
                };
                Some((value, device(other.by)))
            };
            Some(ConflictView {
                id: format!("{number:08x}{doc}-{member}"),
                space: space.clone(),
                kind: ItemKind::Node,
                item: row.name().to_owned(),
                member,
                value,
                others: conflict.others.iter().filter_map(other).collect(),
            })
        };
        row.projection.conflicts.iter().filter_map(read).collect()
    }

    /// Moves that are not in force, because together with others they would close a cycle.
    pub(super) fn tree_conflicts(&self, (number, space): (SpaceNo, &Space)) -> Result<Vec<ConflictView>> {
        let mut out = Vec::new();
        for (doc, branch) in branches(self.rows(), number)?.into_iter().filter(|(_, branch)| branch.demoted) {
            let Some(row) = self.row(number, doc)? else { continue };
            let device =
                branch.by.and_then(|log| self.mirror().certificates.get(&log)).map(|c| c.device.device());
            let lost = branch.lost.map(node_key);
            out.push(ConflictView {
                id: format!("{number:08x}{doc}-tree"),
                space: space.clone(),
                kind: ItemKind::Node,
                item: row.name().to_owned(),
                member: PARENT.to_owned(),
                value: parent_value(branch.in_force.map(node_key).as_ref()),
                others: vec![(parent_value(lost.as_ref()), device)],
            });
        }
        Ok(out)
    }
}

impl Batch<'_, '_> {
    /// Settles one conflict of a node with a value.
    pub(super) fn resolve_node(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: DocRow,
        member: &str,
        value: &Value,
    ) -> Result<Option<ItemView>, EngineError> {
        self.seal_blobs(&row.projection)?;
        let branches = branches(&*self.rows, space)?;
        let parent = parent_of(&branches, doc, &row.projection);
        let is_demoted = branches.get(&doc).is_some_and(|branch| branch.demoted);
        let mut edit = Edit { values: Vec::new(), note: None, life: Life::Keep };
        if member == "tree" && is_demoted {
            edit.values.push((PARENT.to_owned(), self.settled_parent((space, doc), parent.as_ref(), value)?));
        } else {
            let Some(key) = self.conflict_key(space, &row, member) else { return Ok(None) };
            match (key.as_str(), value.as_bool()) {
                (key::LIFE, Some(true)) => edit.life = Life::Remove,
                (key::LIFE, Some(false)) => edit.life = Life::Revive,
                (key::LIFE, None) => return Err(EngineError::Member("`removed` is true or false".into())),
                (PARENT, _) => {
                    let to = self.settled_parent((space, doc), parent.as_ref(), value)?;
                    edit.values.push((key, to));
                }
                _ => {
                    let resolve = |blob: &_| read_blob(&*self.rows, space, blob);
                    edit.values = settling(&row.projection, &key, value, &resolve);
                }
            }
        }
        let identity = row.identity().to_owned();
        let target = Target { space, kind: ItemKind::Node, identity: &identity };
        let done = self.write_present(target, row, edit)?;
        self.shown_node(space, doc, &done.row).map(Some)
    }

    /// The key in conflict that people call so.
    fn conflict_key(&self, space: SpaceNo, row: &DocRow, member: &str) -> Option<String> {
        let resolve = |blob: &_| read_blob(&*self.rows, space, blob);
        let named = |key: &str| {
            let held = row.projection.get(key).unwrap_or(&Register::Null);
            if key == key::LIFE {
                member == REMOVED
            } else {
                plain(key, held, &resolve).is_some_and(|(name, _)| name == member)
            }
        };
        row.projection.conflicts.iter().map(|conflict| conflict.key.clone()).find(|key| named(key))
    }

    fn settled_parent(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        now: Option<&node::NodeKey>,
        value: &Value,
    ) -> Result<Register, EngineError> {
        let form =
            || EngineError::Member(format!("a parent is {}", json!({"parentType": "T", "parentId": "I"})));
        let to = value.as_object().ok_or_else(form)?;
        let to = node::NodeKey::of(to, "parentType", "parentId");
        self.check_move(space, doc, to.as_ref())?;
        Ok(moved(to.as_ref(), now))
    }
}
