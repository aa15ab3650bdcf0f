//! Writing nodes, at the daemon's present clock.

use quire_protocol::document::{Edit, Life, Projection};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::node::{self, NodeKey, Told, beginning, differences, guid, key_of};

use super::Batch;
use super::batch::unwritable;
use super::edit::{Done, Target};
use super::nodes::{node_etag, node_item};
use super::tree::{branches, by_guid, found, parent_of};
use super::view::read_blob;
use crate::engine::{EngineError, ItemView, NodeName, NodePut};
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;

/// What may be known of a document before an edit.
pub(super) type Known = Option<(DocId, DocRow)>;

impl Batch<'_, '_> {
    /// Creates a node, or writes what differs from it; gives it.
    pub fn put_node(&mut self, put: &NodePut) -> Result<ItemView, EngineError> {
        node::check(&put.members).map_err(|error| EngineError::Member(error.to_string()))?;
        let space = self.space(&put.space)?;
        let (identity, known) = self.identify(space, put)?;
        self.write_node(space, &identity, known.map(|(_, row)| row), put)
    }

    /// Changes a node that is here; `None` when there is none.
    pub fn patch_node(
        &mut self,
        name: &NodeName,
        put: &NodePut,
        if_match: Option<&str>,
    ) -> Result<Option<ItemView>, EngineError> {
        node::check(&put.members).map_err(|error| EngineError::Member(error.to_string()))?;
        let Some(space) = self.replica.mirror.names.space_number(&put.space) else { return Ok(None) };
        let Some((doc, row)) = self.find_node(space, name)? else { return Ok(None) };
        self.check_tag((space, doc), &row, if_match)?;
        let identity = row.identity().to_owned();
        self.write_node(space, &identity, Some(row), put).map(Some)
    }

    /// Removes a node as it is now; gives it, or nothing when there is none.
    pub fn remove_node(
        &mut self,
        space: &Space,
        name: &NodeName,
        if_match: Option<&str>,
    ) -> Result<Option<ItemView>, EngineError> {
        let Some(number) = self.replica.mirror.names.space_number(space) else { return Ok(None) };
        let Some((doc, row)) = self.find_node(number, name)? else { return Ok(None) };
        self.check_tag((number, doc), &row, if_match)?;
        let row = self.remove_row(number, row)?;
        Ok(Some(self.shown_node(number, doc, &row)?))
    }

    pub(super) fn check_tag(
        &self,
        (space, doc): (SpaceNo, DocId),
        row: &DocRow,
        if_match: Option<&str>,
    ) -> Result<(), EngineError> {
        let Some(wanted) = if_match else { return Ok(()) };
        let parent = parent_of(&branches(&*self.rows, space)?, doc, &row.projection);
        if wanted == node_etag(row, parent.as_ref()) { Ok(()) } else { Err(EngineError::Stale) }
    }

    /// Removes every node that a name finds; a name that finds none is no error.
    pub(super) fn remove_nodes(&mut self, space: &Space, name: &NodeName) -> Result<(), EngineError> {
        let Some(number) = self.replica.mirror.names.space_number(space) else { return Ok(()) };
        for doc in self.nodes_of(number, name)? {
            if let Some(row) = self.row(number, doc)? {
                self.remove_row(number, row)?;
            }
        }
        Ok(())
    }

    fn remove_row(&mut self, space: SpaceNo, row: DocRow) -> Result<DocRow, EngineError> {
        if row.projection.removed {
            return Ok(row);
        }
        let identity = row.identity().to_owned();
        let target = Target { space, kind: ItemKind::Node, identity: &identity };
        let edit = Edit { values: Vec::new(), note: None, life: Life::Remove };
        Ok(self.write_present(target, row, edit)?.row)
    }

    pub(super) fn nodes_of(&self, space: SpaceNo, name: &NodeName) -> Result<Vec<DocId>, EngineError> {
        Ok(match name {
            NodeName::Guid(guid) => found(&*self.rows, by_guid(space, guid))?,
            NodeName::Key(key) => vec![key.doc()],
            NodeName::Doc(doc) => vec![*doc],
        })
    }

    /// The node of a name. Where one `nodeId` was given to several, the one with type and id, and of these the first.
    fn find_node(&mut self, space: SpaceNo, name: &NodeName) -> Result<Known, EngineError> {
        let mut best: Known = None;
        for doc in self.nodes_of(space, name)? {
            let Some(row) = self.row(space, doc)? else { continue };
            let has_key = |row: &DocRow| key_of(&row.projection).is_some();
            if best.as_ref().is_none_or(|(_, best)| !has_key(best) && has_key(&row)) {
                best = Some((doc, row));
            }
        }
        Ok(best)
    }

    /// Which node is meant: the one of its type and id, else of its `nodeId`, else a new one.
    pub(super) fn identify(&mut self, space: SpaceNo, put: &NodePut) -> Result<(String, Known), EngineError> {
        let (key, given) = (NodeKey::of(&put.members, "type", "id"), guid(&put.members, "nodeId"));
        let by_guid = match given {
            Some(guid) => self.find_node(space, &NodeName::Guid(guid.to_owned()))?,
            None => None,
        };
        match (key, by_guid) {
            (Some(key), Some((doc, _))) if doc != key.doc() => {
                let known = self.nodes_of(space, &NodeName::Guid(given.unwrap_or_default().to_owned()))?;
                if known.contains(&key.doc()) { self.by_key(space, &key) } else { Err(other_key(given)) }
            }
            (Some(key), _) => self.by_key(space, &key),
            (None, Some((doc, row))) => {
                let says = |name: &str| put.members.get(name).and_then(|v| v.as_str()).unwrap_or_default();
                let own = key_of(&row.projection);
                let other =
                    |said: &str, own: Option<&String>| !said.is_empty() && own.is_some_and(|o| o != said);
                if other(says("type"), own.as_ref().map(|k| &k.ty))
                    || other(says("id"), own.as_ref().map(|k| &k.id))
                {
                    return Err(other_key(given));
                }
                Ok((row.identity().to_owned(), Some((doc, row))))
            }
            (None, None) => Ok((given.unwrap_or(&put.fresh).to_owned(), None)),
        }
    }

    fn by_key(&mut self, space: SpaceNo, key: &NodeKey) -> Result<(String, Known), EngineError> {
        let row = self.row(space, key.doc())?;
        Ok((key.identity(), row.map(|row| (key.doc(), row))))
    }

    fn write_node(
        &mut self,
        space: SpaceNo,
        identity: &str,
        row: Option<DocRow>,
        put: &NodePut,
    ) -> Result<ItemView, EngineError> {
        let doc = Target { space, kind: ItemKind::Node, identity }.doc();
        let done = self.write_told(space, identity, row, put)?;
        self.shown_node(space, doc, &done.row)
    }

    /// Writes a node of which it is known whether it is here.
    pub(super) fn write_told(
        &mut self,
        space: SpaceNo,
        identity: &str,
        row: Option<DocRow>,
        put: &NodePut,
    ) -> Result<Done, EngineError> {
        let target = Target { space, kind: ItemKind::Node, identity };
        let doc = target.doc();
        let told = Told { members: &put.members, textual: put.textual, revives: put.revives, now: &put.now };
        let (edit, row) = match row {
            None => {
                let mut members = put.members.clone();
                if NodeKey::from_identity(identity).is_none() {
                    members.insert("nodeId".to_owned(), identity.into());
                }
                (beginning(&put.space, identity, Told { members: &members, ..told }), None)
            }
            Some(row) => {
                self.seal_blobs(&row.projection)?;
                let parent = parent_of(&branches(&*self.rows, space)?, doc, &row.projection);
                let resolve = |blob: &_| read_blob(&*self.rows, space, blob);
                (differences(&row.projection, parent.as_ref(), told, &resolve), Some(row))
            }
        };
        self.check_moves(space, doc, &edit)?;
        match row {
            None => self.create(target, edit),
            Some(row) => self.write_present(target, row, edit),
        }
    }

    /// Refuses an edit that would have a node below itself.
    pub(super) fn check_moves(&mut self, space: SpaceNo, doc: DocId, edit: &Edit) -> Result<(), EngineError> {
        let moved = edit.values.iter().find(|(name, _)| name == node::PARENT);
        match moved.and_then(|(_, register)| node::read_move(register)) {
            Some((to, _)) => self.check_move(space, doc, to.as_ref()),
            None => Ok(()),
        }
    }

    /// Parts of a large value may still be in the open run, where reading does not look.
    pub(super) fn seal_blobs(&mut self, projection: &Projection) -> crate::store::Result<()> {
        let is_blob = |value| matches!(value, &quire_protocol::document::Register::Blob(_));
        if projection.values.values().any(is_blob) { self.seal() } else { Ok(()) }
    }

    /// A node as this batch left it.
    pub(super) fn shown_node(
        &mut self,
        number: SpaceNo,
        doc: DocId,
        row: &DocRow,
    ) -> Result<ItemView, EngineError> {
        self.seal_blobs(&row.projection)?;
        let space = self.name_of(number)?;
        let parent = parent_of(&branches(&*self.rows, number)?, doc, &row.projection);
        node_item(&*self.rows, (number, &space), doc, row, parent.as_ref())
            .ok_or_else(|| unwritable("it is no node"))
    }
}

fn other_key(guid: Option<&str>) -> EngineError {
    let guid = guid.unwrap_or_default();
    EngineError::Taken(format!(
        "The nodeId '{guid}' is that of a node with another type or id; these do not change."
    ))
}
