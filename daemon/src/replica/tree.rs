//! Where nodes are: what finds them, what is below them, and which of their moves are in force.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use quire_protocol::document::Projection;
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Incarnation};
use quire_protocol::node::{NodeKey, PARENT, node_ids, read_move};
use quire_protocol::tree::{Candidate, candidates, settle};

use super::Batch;
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind, SpaceNo, sixteen};
use crate::store::rows::{BranchRow, ChangeRef, DocRow, bytes, decode};
use crate::store::{Result, Rows};

/// Nodes whose place other nodes' moves decide.
pub(super) type Branches = BTreeMap<DocId, BranchRow>;

/// The branches of a space.
pub(super) fn branches(rows: &impl Rows, space: SpaceNo) -> Result<Branches> {
    let all = Key::of(Kind::Branch).space(space);
    let mut out = Branches::new();
    rows.scan(&all, &all.end(), &mut |key, value| {
        out.insert(DocId(sixteen(key, 5)), decode(key, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// The parent of a node that is in force.
pub(super) fn parent_of(branches: &Branches, doc: DocId, projection: &Projection) -> Option<NodeKey> {
    match branches.get(&doc).filter(|branch| branch.demoted) {
        Some(branch) => branch.in_force.clone().map(node_key),
        None => said_parent(projection),
    }
}

/// The parent that a document says.
pub(super) fn said_parent(projection: &Projection) -> Option<NodeKey> {
    read_move(projection.get(PARENT)?)?.0
}

pub(super) fn node_key((ty, id): (String, String)) -> NodeKey {
    NodeKey { ty, id }
}

fn pair(key: NodeKey) -> (String, String) {
    (key.ty, key.id)
}

/// The documents of the nodes that a `nodeId` finds, or that are below a node, in the order of their ids.
pub(super) fn found(rows: &impl Rows, under: Key) -> Result<Vec<DocId>> {
    let at = under.len();
    let mut out = Vec::new();
    rows.scan(&under, &under.end(), &mut |key, _| {
        out.push(DocId(sixteen(key, at)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

/// Whether there is any.
fn any(rows: &impl Rows, under: &Key) -> Result<bool> {
    let mut is_any = false;
    rows.scan(under, &under.end(), &mut |_, _| {
        is_any = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(is_any)
}

/// The key under which nodes with this `nodeId` are.
pub(super) fn by_guid(space: SpaceNo, guid: &str) -> Key {
    let bytes = uuid::Uuid::parse_str(guid).unwrap_or_default().into_bytes();
    Key::of(Kind::NodeId).space(space).bytes(&bytes)
}

/// The key under which the nodes below one are.
pub(super) fn below(space: SpaceNo, parent: DocId) -> Key {
    Key::of(Kind::Child).space(space).doc(parent)
}

impl Batch<'_, '_> {
    /// Keeps what finds an item besides its identity, after a change of it.
    pub(super) fn index(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        before: &Projection,
        row: &DocRow,
    ) -> Result<()> {
        match row.kind() {
            Some(ItemKind::Node) => self.index_node((space, doc), before, row),
            Some(ItemKind::Token) => self.index_token((space, doc), row),
            _ => Ok(()),
        }
    }

    /// Takes a document out of what [`index`](Self::index) wrote, when nothing of it is left.
    pub(super) fn unindex(&mut self, (space, doc): (SpaceNo, DocId), before: &DocRow) -> Result<()> {
        if before.kind() != Some(ItemKind::Node) {
            return Ok(());
        }
        for guid in node_ids(&before.projection) {
            self.rows.remove(&by_guid(space, guid).doc(doc))?;
        }
        self.move_edge((space, doc), said_parent(&before.projection).as_ref(), None)?;
        if let Some(branch) = branches(&*self.rows, space)?.remove(&doc) {
            self.move_edge((space, doc), branch.in_force.map(node_key).as_ref(), None)?;
            self.rows.remove(&Key::of(Kind::Branch).space(space).doc(doc))?;
        }
        self.settle_tree(space, doc, None)
    }

    fn index_node(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        before: &Projection,
        row: &DocRow,
    ) -> Result<()> {
        let known: BTreeSet<&str> = node_ids(before).collect();
        for guid in node_ids(&row.projection).filter(|guid| !known.contains(guid)) {
            self.rows.put(&by_guid(space, guid).doc(doc), &[])?;
        }
        let now: BTreeSet<&str> = node_ids(&row.projection).collect();
        // An id never goes but with the change that gave it.
        for guid in known.difference(&now) {
            self.rows.remove(&by_guid(space, guid).doc(doc))?;
        }
        let (old, new) = (said_parent(before), said_parent(&row.projection));
        if old != new {
            self.move_edge((space, doc), old.as_ref(), new.as_ref())?;
        }
        let is_new = before.values.is_empty();
        if is_new || candidates(doc, before) != candidates(doc, &row.projection) {
            self.settle_tree(space, doc, row.changes.last().copied())?;
        }
        Ok(())
    }

    fn move_edge(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        from: Option<&NodeKey>,
        to: Option<&NodeKey>,
    ) -> Result<()> {
        if let Some(from) = from {
            self.rows.remove(&below(space, from.doc()).doc(doc))?;
        }
        to.map_or(Ok(()), |to| self.rows.put(&below(space, to.doc()).doc(doc), &[]))
    }

    /// Settles which moves are in force after a node began or moved. A cycle through it needs something below it.
    fn settle_tree(&mut self, space: SpaceNo, doc: DocId, cause: Option<ChangeRef>) -> Result<()> {
        let branches = branches(&*self.rows, space)?;
        let demoted: Vec<DocId> = branches.iter().filter(|(_, b)| b.demoted).map(|(doc, _)| *doc).collect();
        if demoted.is_empty() && !any(&*self.rows, &below(space, doc))? {
            return Ok(());
        }
        let mut read: HashMap<DocId, DocRow> = HashMap::new();
        let suspects: BTreeSet<DocId> = demoted.iter().copied().chain([doc]).collect();
        let settled = settle(suspects, &mut |doc| {
            let Some(row) = self.row(space, doc)? else { return Ok(None) };
            let candidates = candidates(doc, &row.projection);
            read.insert(doc, row);
            Ok::<_, crate::store::StoreError>(Some(candidates))
        })?;
        // Each change of theirs: which of them moved is not worth finding out, one too many only tells a node again.
        let changes = |doc: &DocId| read.get(doc).into_iter().flat_map(|row| row.changes.iter().copied());
        let causes = settled.cycles.iter().flat_map(changes).chain(cause);
        let causes: BTreeSet<(u32, u64)> = causes.map(|change| (change.log, change.seq)).collect();
        for doc in demoted.into_iter().chain(settled.demoted.keys().copied()).collect::<BTreeSet<_>>() {
            let Some(row) = read.remove(&doc) else { continue };
            let at = settled.demoted.get(&doc).copied().unwrap_or(0);
            let chosen = candidates(doc, &row.projection).swap_remove(at);
            self.put_branch((space, doc), &row, branches.get(&doc), (at, chosen), &causes)?;
        }
        Ok(())
    }

    fn put_branch(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: &DocRow,
        before: Option<&BranchRow>,
        (at, chosen): (usize, Candidate),
        causes: &BTreeSet<(u32, u64)>,
    ) -> Result<()> {
        let (said, in_force) = (said_parent(&row.projection).map(pair), chosen.parent.map(pair));
        let same = before.is_some_and(|b| b.demoted == (at > 0) && b.in_force == in_force && b.lost == said);
        if same {
            return Ok(());
        }
        let by = if at > 0 { self.mover(space, doc, row)? } else { None };
        let old = before.filter(|b| b.demoted).and_then(|b| b.in_force.clone());
        if old != said && old.is_some() {
            self.move_edge((space, doc), old.map(node_key).as_ref(), None)?;
        }
        if let Some(parent) = in_force.clone().map(node_key) {
            self.move_edge((space, doc), None, Some(&parent))?;
        }
        let causes = causes.iter().copied().collect();
        let branch = BranchRow { demoted: at > 0, in_force, lost: said, by, causes };
        self.rows.put(&Key::of(Kind::Branch).space(space).doc(doc), &bytes(&branch))
    }

    /// The log in which the move came that a document says.
    fn mover(&mut self, space: SpaceNo, doc: DocId, row: &DocRow) -> Result<Option<Incarnation>> {
        let loaded = self.document(space, doc, row)?;
        self.replica.documents.put((space, doc), loaded.clone());
        let said = row.projection.get(PARENT);
        let says = |version: &quire_protocol::document::Version| {
            loaded.project_at(doc, &[version.change]).is_some_and(|then| then.get(PARENT) == said)
        };
        Ok(loaded.versions().into_iter().find(says).map(|version| version.by))
    }

    /// Refuses a move below the node itself: who made it sees the cycle (design 3).
    pub(super) fn check_move(
        &mut self,
        space: SpaceNo,
        node: DocId,
        to: Option<&NodeKey>,
    ) -> Result<(), EngineError> {
        let below_itself = || EngineError::Member("The node would be below itself.".into());
        if to.is_some_and(|to| to.doc() == node) {
            return Err(below_itself());
        }
        if !any(&*self.rows, &below(space, node))? {
            // Nothing that it could come below.
            return Ok(());
        }
        let branches = branches(&*self.rows, space)?;
        let mut walked = BTreeSet::new();
        let mut at = to.cloned();
        while let Some(key) = at {
            let doc = key.doc();
            if doc == node {
                return Err(below_itself());
            }
            if !walked.insert(doc) {
                return Ok(());
            }
            at = match self.row(space, doc)? {
                Some(row) => parent_of(&branches, doc, &row.projection),
                None => None,
            };
        }
        Ok(())
    }
}
