//! What happened to a marking: each of its changes as an activity, with what the marking said at that change.

use std::collections::HashMap;
use std::ops::ControlFlow;

use quire_protocol::change::Change;
use quire_protocol::document::Document;
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{ChangeId, DocId};

use super::records::{Activities, Activity, Each};
use super::view::Near;
use super::window::loaded;
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;
use crate::store::{Result, StoreError};

/// The type of the activity that begins a marking.
pub(super) fn beginning(removed: bool) -> &'static str {
    if removed { "MarkingRemoved" } else { "MarkingCreated" }
}

/// The type of a later one, by whether the marking was removed before it and after it.
fn later(before: bool, after: bool) -> &'static str {
    match (before, after) {
        (false, true) => "MarkingRemoved",
        (true, false) => "MarkingRestored",
        _ => "MarkingChanged",
    }
}

/// One change, by the arrival of its record.
struct Step {
    arrival: u64,
    change: ChangeId,
    log: u32,
    /// What its author had seen.
    deps: Vec<ChangeId>,
}

impl Activities<'_> {
    /// Every change of a marking in the order of arrival, as far as it is no seed of a note.
    pub(super) fn past(
        &mut self,
        (at, doc): ((SpaceNo, i64), DocId),
        row: &DocRow,
        near: Near<'_>,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>> {
        let (document, steps) = read(doc, row, near)?;
        // Whether the marking was removed at each change that was told.
        let mut removed: HashMap<ChangeId, bool> = HashMap::with_capacity(steps.len());
        for step in &steps {
            let then = document.project_at(doc, &[step.change]).ok_or_else(|| lost(doc))?;
            let ty = match removed.is_empty() {
                true => beginning(then.removed),
                false => later(was_removed(&document, doc, step, &removed), then.removed),
            };
            removed.insert(step.change, then.removed);
            let activity = Activity { id: step.arrival, ty, log: step.log };
            if self.tell(at, (ItemKind::Marking, row.row_id), &then, activity, each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A document, and its changes in the order of arrival.
fn read(doc: DocId, row: &DocRow, near: Near<'_>) -> Result<(Document, Vec<Step>)> {
    let saved = row.snapshot.as_ref().map_or(0, |(covered, _)| *covered as usize);
    let (mut raws, mut steps) = (Vec::new(), Vec::with_capacity(row.changes.len()));
    for (place, at) in row.changes.iter().enumerate() {
        let (record, arrival) = near(at.log, at.seq)?;
        if record.kind.is_edit() {
            let change = Change::read(&record.payload).ok_or_else(|| lost(doc))?;
            steps.push(Step { arrival, change: change.id(), log: at.log, deps: change.deps().to_vec() });
        }
        if place >= saved {
            raws.push(record.payload);
        }
    }
    steps.sort_unstable_by_key(|step| step.arrival);
    Ok((loaded(doc, row, raws)?, steps))
}

/// Whether the marking was removed in what the author of a change had seen. What is no change that was told, the
/// genesis or the seed of a note, says nothing of it.
fn was_removed(document: &Document, doc: DocId, step: &Step, removed: &HashMap<ChangeId, bool>) -> bool {
    let known: Vec<(ChangeId, bool)> =
        step.deps.iter().filter_map(|dep| Some((*dep, *removed.get(dep)?))).collect();
    match &known[..] {
        [] => false,
        [(_, removed)] => *removed,
        _ => {
            let seen: Vec<ChangeId> = known.iter().map(|(change, _)| *change).collect();
            document.project_at(doc, &seen).is_some_and(|then| then.removed)
        }
    }
}

fn lost(doc: DocId) -> StoreError {
    StoreError::Damaged(format!("the history of document {doc}"))
}
