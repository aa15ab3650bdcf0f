//! What an item said at each of its changes, for people, and bringing it back.

use std::collections::{HashSet, VecDeque};

use quire_protocol::change::Change;
use quire_protocol::document::{Document, Projection};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{ChangeId, DocId, Space};
use quire_protocol::item::{self, Naming};
use quire_protocol::node;
use quire_protocol::record::RecordKind;
use quire_protocol::restore::restoring;
use serde_json::{Map, Value};

use super::edit::Target;
use super::native::etag;
use super::tree::said_parent;
use super::window::loaded;
use super::{Batch, View};
use crate::engine::{EngineError, HistoryPage, ItemView, VersionView};
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;
use crate::store::{Result, StoreError};

/// Bytes of texts in one page, after which it ends: one version may say 16 MiB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// States that are kept for the versions that come next: a version mostly builds on the one before.
const KNOWN: usize = 4;

/// A change with its record's place and claim.
struct Told {
    arrival: u64,
    change: Change,
    log: u32,
    kind: RecordKind,
    claimed_ms: u64,
}

impl View {
    /// The versions of an item that arrived before one of them, or all. `Ok(None)`: no such item, or it has no such
    /// version.
    pub fn history(
        &self,
        (space, doc): (&Space, DocId),
        before: Option<ChangeId>,
        limit: usize,
    ) -> Result<Option<HistoryPage>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(None) };
        let Some(row) = self.row(number, doc)? else { return Ok(None) };
        let (document, mut told) = self.told(number, doc, &row)?;
        let edits: HashSet<ChangeId> =
            told.iter().filter(|one| one.kind.is_edit()).map(|one| one.change.id()).collect();
        told.retain(|one| one.kind.is_edit());
        told.sort_unstable_by_key(|one| std::cmp::Reverse(one.arrival));
        let from = match before {
            None => 0,
            Some(before) => match told.iter().position(|one| one.change.id() == before) {
                Some(at) => at + 1,
                None => return Ok(None),
            },
        };
        let known = VecDeque::new();
        let mut said = Said { view: self, at: (number, space), row: &row, doc, document, known };
        let (mut page, mut bytes) = (HistoryPage::default(), 0);
        for one in &told[from..] {
            if page.versions.len() >= limit || bytes > MAX_BYTES {
                page.more = true;
                break;
            }
            let version = said.version(one, &edits)?;
            bytes += version.changed.values().map(|value| value.as_str().map_or(0, str::len)).sum::<usize>();
            page.versions.push(version);
        }
        Ok(Some(page))
    }

    /// A document, and all its changes.
    fn told(&self, space: SpaceNo, doc: DocId, row: &DocRow) -> Result<(Document, Vec<Told>)> {
        let saved = row.snapshot.as_ref().map_or(0, |(covered, _)| *covered as usize);
        let (mut raws, mut told) = (Vec::new(), Vec::with_capacity(row.changes.len()));
        for (place, at) in row.changes.iter().enumerate() {
            let (record, arrival) = self.placed(space, at.log, at.seq)?;
            let change = Change::read_again(record.payload.clone()).ok_or_else(|| lost(doc))?;
            let (kind, claimed_ms) = (record.kind, record.claimed_ms);
            told.push(Told { arrival, change, log: at.log, kind, claimed_ms });
            if place >= saved {
                raws.push(record.payload);
            }
        }
        Ok((loaded(doc, row, raws)?, told))
    }
}

/// The documented members at a state, and whether the item was removed then.
type State = (Map<String, Value>, bool);

/// What an item said at its versions. Versions build on each other, so most states are asked for twice.
struct Said<'a> {
    view: &'a View,
    at: (SpaceNo, &'a Space),
    row: &'a DocRow,
    doc: DocId,
    document: Document,
    known: VecDeque<(Vec<ChangeId>, State)>,
}

impl Said<'_> {
    fn version(&mut self, one: &Told, edits: &HashSet<ChangeId>) -> Result<VersionView> {
        let builds_on: Vec<ChangeId> =
            one.change.deps().iter().filter(|dep| edits.contains(dep)).copied().collect();
        let (base, _) = self.members(builds_on.clone())?;
        let (members, removed) = self.members(vec![one.change.id()])?;
        let news = |(name, value): &(String, Value)| base.get(name) != Some(value);
        let mirror = self.view.mirror();
        let author = mirror.certificates.get(&mirror.names.log(one.log)).map(|c| c.device.device());
        Ok(VersionView {
            id: one.change.id(),
            // An echo is of nobody's: whoever held it said it again.
            device: author.filter(|_| one.kind == RecordKind::CHANGE),
            claimed_ms: one.claimed_ms,
            builds_on,
            removed,
            changed: members.into_iter().filter(news).collect(),
        })
    }

    fn members(&mut self, at: Vec<ChangeId>) -> Result<State> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == at) {
            return Ok(known.clone());
        }
        let then = self.document.project_at(self.doc, &at).ok_or_else(|| lost(self.doc))?;
        let said = (self.shown(&then), then.removed);
        self.known.truncate(KNOWN - 1);
        self.known.push_front((at, said.clone()));
        Ok(said)
    }

    fn shown(&self, then: &Projection) -> Map<String, Value> {
        let (number, space) = self.at;
        let resolve = |blob: &_| self.view.blob(number, blob);
        match self.row.kind() {
            Some(ItemKind::Node) => {
                let (tenant, parent) = (space.tenant_guid().unwrap_or_default(), said_parent(then));
                let naming = node::Naming { tenant, cyan_id: self.row.row_id, parent: parent.as_ref() };
                node::members(then, naming, &resolve)
            }
            kind => {
                let account = space.account_number().unwrap_or(0);
                let naming = Naming { account, row_id: self.row.row_id };
                item::members(kind.unwrap_or(ItemKind::Marking), then, naming, &resolve)
            }
        }
    }
}

impl Batch<'_, '_> {
    /// Has a marking or node say what it said at a version. `Ok(None)`: no such item, or it has no such version.
    pub fn restore(
        &mut self,
        (space, doc): (&Space, DocId),
        version: ChangeId,
        if_match: Option<&str>,
    ) -> Result<Option<ItemView>, EngineError> {
        let Some(number) = self.replica.mirror.names.space_number(space) else { return Ok(None) };
        let Some(row) = self.row(number, doc)? else { return Ok(None) };
        let Some(kind) = row.kind().filter(|kind| kind.is_shown()) else { return Ok(None) };
        let is_node = kind == ItemKind::Node;
        if is_node {
            self.check_tag((number, doc), &row, if_match)?;
        } else if if_match.is_some_and(|wanted| wanted != etag(&row)) {
            return Err(EngineError::Stale);
        }
        let loaded = self.document(number, doc, &row)?;
        let then = loaded.project_at(doc, &[version]);
        self.replica.documents.put((number, doc), loaded);
        let Some(then) = then else { return Ok(None) };
        let edit = restoring(&then, &row.projection);
        if is_node {
            self.check_moves(number, doc, &edit)?;
        }
        let identity = row.identity().to_owned();
        let done = self.write_present(Target { space: number, kind, identity: &identity }, row, edit)?;
        let shown = if is_node {
            self.shown_node(number, doc, &done.row)?
        } else {
            self.shown(number, doc, &done.row)?
        };
        Ok(Some(shown))
    }
}

fn lost(doc: DocId) -> StoreError {
    StoreError::Damaged(format!("the history of document {doc}"))
}
