//! Windows: which nodes changed between two clocks, and what they said at the second.
//!
//! A window is a function of the records that its clocks name, so it is the same whenever and wherever it is read.

use std::collections::HashSet;
use std::ops::ControlFlow;

use quire_protocol::clock::Clock;
use quire_protocol::document::{Document, Projection, load, load_saved};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{ChangeId, DocId, Incarnation, Space};
use quire_protocol::node::{node_id, page_members};
use serde_json::{Map, Value};

use super::View;
use super::blocks::{Inflated, blocks_after};
use super::nodes::Weight;
use super::token::TokenState;
use super::view::read_blob;
use crate::engine::EngineError;
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;
use crate::store::{Result, StoreError};

/// The nodes of a window in a fixed order, and the removed ones by the `nodeId` that is shown.
#[derive(Debug, Default)]
pub struct Window {
    /// Documents of those that are there, by the log and number of their first records: the same on every daemon, and
    /// neighbours in the blocks they are read from.
    pub live: Vec<DocId>,
    /// `nodeId`s of those that are not.
    pub removed: Vec<String>,
}

impl View {
    /// The window of a token.
    pub fn window(&self, space: &Space, token: &TokenState) -> Result<Window> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Window::default()) };
        let from = Clock::from_anchor(space, &token.from).unwrap_or_default();
        let to = Clock::from_anchor(space, &token.to).unwrap_or_default();
        let moved = token.branches.iter().filter(|(_, branch)| branch.news);
        let moved =
            moved.filter_map(|(doc, _)| data_encoding::HEXLOWER.decode(doc.as_bytes()).ok()?.try_into().ok());
        let mut docs: Vec<DocId> = self.changed_between(number, &from, &to)?;
        let known: HashSet<DocId> = docs.iter().copied().collect();
        docs.extend(moved.map(DocId).filter(|doc| !known.contains(doc)));
        let (mut live, mut window) = (Vec::new(), Window::default());
        for doc in docs {
            let Some((row, then)) = self.at(number, doc, &to)? else { continue };
            if then.removed {
                window.removed.push(node_id(&then).to_owned());
            } else {
                live.push((self.first_record(&row, &to), doc));
            }
        }
        live.sort_unstable();
        window.removed.sort_unstable();
        window.live = live.into_iter().map(|(_, doc)| doc).collect();
        Ok(window)
    }

    /// Nodes of a window as its pages show them.
    pub fn page(
        &self,
        space: &Space,
        token: &TokenState,
        docs: &[DocId],
    ) -> Result<Vec<Map<String, Value>>, EngineError> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Vec::new()) };
        let to = Clock::from_anchor(space, &token.to).unwrap_or_default();
        let mut out = Vec::with_capacity(docs.len());
        let mut weight = Weight::default();
        for doc in docs {
            let Some((_, then)) = self.at(number, *doc, &to)? else { continue };
            weight.add(&then)?;
            let parent = token.parent_of(*doc, &then);
            out.push(page_members(&then, parent.as_ref(), &|blob| read_blob(self.rows(), number, blob)));
        }
        Ok(out)
    }

    /// The least log and number among a document's records up to a clock: what comes later does not change it.
    fn first_record(&self, row: &DocRow, to: &Clock) -> (Incarnation, u64) {
        let places = row.changes.iter().map(|change| (self.log_of(change.log), change.seq));
        places.filter(|(log, seq)| to.covers(*log, *seq)).min().unwrap_or((Incarnation([0; 16]), 0))
    }

    /// Documents with a record after one clock and not after the other, by log and first such record.
    fn changed_between(&self, space: SpaceNo, from: &Clock, to: &Clock) -> Result<Vec<DocId>> {
        let (mut changed, mut order) = (HashSet::new(), Vec::new());
        for (log, last) in to.iter() {
            let first = from.get(log);
            if first >= last {
                continue;
            }
            blocks_after(self.rows(), space, log, first, &mut |block| {
                let block = Inflated::of(log, &block)?;
                let within = block.docs().filter(|(_, seq)| *seq > first && *seq <= last);
                order.extend(within.map(|(doc, _)| doc).filter(|doc| changed.insert(*doc)));
                let past = block.docs().last().is_some_and(|(_, seq)| seq >= last);
                Ok(if past { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(order)
    }

    /// A node as it was at a clock; `None` when there was none, or it is of another kind.
    fn at(&self, space: SpaceNo, doc: DocId, clock: &Clock) -> Result<Option<(DocRow, Projection)>> {
        let Some(row) = self.row(space, doc)? else { return Ok(None) };
        if row.kind() != Some(ItemKind::Node) {
            return Ok(None);
        }
        let covered: Vec<bool> =
            row.changes.iter().map(|change| clock.covers(self.log_of(change.log), change.seq)).collect();
        let then = match (covered.iter().any(|covered| *covered), covered.iter().all(|covered| *covered)) {
            (false, _) => return Ok(None),
            (true, true) => row.projection.clone(),
            (true, false) => self.past((space, doc), &row, &covered)?,
        };
        Ok(Some((row, then)))
    }

    fn past(&self, (space, doc): (SpaceNo, DocId), row: &DocRow, covered: &[bool]) -> Result<Projection> {
        let skip = row.snapshot.as_ref().map_or(0, |(covered, _)| *covered as usize);
        let mut raws = Vec::new();
        for change in row.changes.iter().skip(skip) {
            raws.push(self.record(space, change.log, change.seq)?.payload);
        }
        let loaded = loaded(doc, row, raws)?;
        let wanted = |id: &ChangeId| {
            row.changes.iter().zip(covered).any(|(change, covered)| *covered && change.short == id.0[..8])
        };
        let base: Vec<ChangeId> = loaded.versions().into_iter().map(|v| v.change).filter(wanted).collect();
        loaded
            .project_at(doc, &base)
            .ok_or_else(|| StoreError::Damaged(format!("the history of document {doc}")))
    }
}

/// The document of a row: of its snapshot, and of the changes behind that.
pub(super) fn loaded(doc: DocId, row: &DocRow, raws: Vec<Vec<u8>>) -> Result<Document> {
    let loaded = match &row.snapshot {
        Some((_, saved)) => load_saved(doc, saved, raws),
        None => load(doc, raws),
    };
    loaded.map_err(|error| StoreError::Damaged(error.to_string()))
}
