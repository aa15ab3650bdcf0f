//! Reading nodes: by name, by place in the tree, by what they say.

use std::ops::ControlFlow;

use quire_protocol::document::{Projection, Register};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::node::{Naming, NodeKey, members};
use quire_protocol::shapes::date::DateText;
use serde_json::{Map, Value};

use super::View;
use super::native::{etag, item, read_position};
use super::tree::{Branches, below, branches, by_guid, found, parent_of, said_parent};
use super::view::{BlobRows, read_blob};
use crate::engine::{DateRange, EngineError, ItemView, NodeFilter};
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;
use crate::store::{Result, Rows};

impl View {
    /// Nodes of a tenant in the order of their documents.
    pub fn nodes(&self, filter: &NodeFilter) -> Result<Vec<ItemView>, EngineError> {
        let (mut out, mut weight, mut refused) = (Vec::new(), Weight::default(), None);
        if filter.limit == 0 {
            return Ok(out);
        }
        let Some(number) = self.mirror().names.space_number(&filter.space) else { return Ok(out) };
        let branches = branches(self.rows(), number)?;
        let after = match filter.after.as_deref().and_then(read_position) {
            Some((at, _)) if number < at => return Ok(out),
            Some((at, doc)) if number == at => Some(doc),
            _ => None,
        };
        let mut skip = filter.skip;
        let mut take = |doc: DocId, row: &DocRow| {
            if Some(doc) != after
                && let Some(item) = self.matching((number, &filter.space), (doc, row), &branches, filter)
            {
                if skip > 0 {
                    skip -= 1;
                } else {
                    refused = weight.add(&row.projection).err();
                    out.push(item);
                }
            }
            if refused.is_some() || out.len() >= filter.limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        match self.candidates(number, filter)? {
            Some(docs) => {
                for doc in docs.into_iter().filter(|doc| after.is_none_or(|after| *doc > after)) {
                    let Some(row) = self.row(number, doc)? else { continue };
                    if take(doc, &row).is_break() {
                        break;
                    }
                }
            }
            None => self.documents(number, after, &mut |doc, row| Ok(take(doc, row)))?,
        }
        refused.map_or(Ok(out), Err)
    }

    /// The documents among which the answer is, when that is known without looking at all.
    fn candidates(&self, space: SpaceNo, filter: &NodeFilter) -> Result<Option<Vec<DocId>>> {
        let key = |ty: &Option<String>, id: &Option<String>| {
            ty.as_ref().zip(id.as_ref()).map(|(ty, id)| NodeKey { ty: ty.clone(), id: id.clone() })
        };
        if let Some(guid) = &filter.node_id {
            return found(self.rows(), by_guid(space, guid)).map(Some);
        }
        if let Some(key) = key(&filter.ty, &filter.id) {
            return Ok(Some(vec![key.doc()]));
        }
        match key(&filter.parent_type, &filter.parent_id) {
            Some(parent) => found(self.rows(), below(space, parent.doc())).map(Some),
            None => Ok(None),
        }
    }

    fn matching(
        &self,
        (number, space): (SpaceNo, &Space),
        (doc, row): (DocId, &DocRow),
        branches: &Branches,
        filter: &NodeFilter,
    ) -> Option<ItemView> {
        if filter.removed.is_some_and(|removed| row.projection.removed != removed) {
            return None;
        }
        let parent = parent_of(branches, doc, &row.projection);
        let item = node_item(self.rows(), (number, space), doc, row, parent.as_ref())?;
        filter.takes(&item.members).then_some(item)
    }
}

impl NodeFilter {
    /// True for a node that says this.
    fn takes(&self, members: &Map<String, Value>) -> bool {
        let is = |name: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| members.get(name).and_then(Value::as_str) == Some(wanted))
        };
        is("type", &self.ty)
            && is("id", &self.id)
            && is("parentType", &self.parent_type)
            && is("parentId", &self.parent_id)
            && is("title", &self.title)
            && self.body.as_ref().is_none_or(|text| members["props"].to_string().contains(text))
            && self.created.holds(&members["createdDateUtc"])
            && self.updated.holds(&members["updatedDateUtc"])
            && self.props.iter().all(|(name, wanted)| has_prop(&members["props"], name, wanted))
    }
}

/// Names are compared in any letter case, as the documented query does (REFERENCE B2), values as they are shown.
fn has_prop(props: &Value, name: &str, wanted: &str) -> bool {
    let said = |value: &Value| match value {
        Value::String(text) => text == wanted,
        Value::Bool(b) => b.to_string().eq_ignore_ascii_case(wanted),
        other => {
            let text = other.to_string();
            text == wanted
        }
    };
    let props = props.as_object().into_iter().flatten();
    props.into_iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && said(value))
}

impl DateRange {
    fn holds(&self, date: &Value) -> bool {
        let ticks = |text: &str| DateText::parse(text).ok().map(|date| date.ticks);
        if self.after.is_none() && self.before.is_none() {
            return true;
        }
        let Some(at) = date.as_str().and_then(ticks) else { return false };
        self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at < before)
    }
}

/// A node as it is read; `None` for what is none.
pub(super) fn node_item(
    rows: &(impl Rows + BlobRows),
    (number, space): (SpaceNo, &Space),
    doc: DocId,
    row: &DocRow,
    parent: Option<&NodeKey>,
) -> Option<ItemView> {
    if row.kind() != Some(ItemKind::Node) {
        return None;
    }
    let tenant = space.tenant_guid().unwrap_or_default();
    let naming = Naming { tenant, cyan_id: row.row_id, parent };
    let members = members(&row.projection, naming, &|blob| read_blob(rows, number, blob));
    let etag = node_etag(row, parent);
    Some(ItemView { etag, ..item((number, space), doc, row, members) })
}

/// Names the state of a node: its own changes, and the parent in force where others' moves decided it.
pub(super) fn node_etag(row: &DocRow, parent: Option<&NodeKey>) -> String {
    let own = etag(row);
    if said_parent(&row.projection).as_ref() == parent {
        return own;
    }
    let hash = blake3::hash(parent.map(NodeKey::identity).unwrap_or_default().as_bytes());
    format!("{own}{}", data_encoding::HEXLOWER.encode(&hash.as_bytes()[..8]))
}

/// What nodes of one answer take in memory, roughly: their texts, those that are kept outside included.
#[derive(Default)]
pub(super) struct Weight(u64);

/// Bytes of texts in one answer at most.
const MAX_WEIGHT: u64 = 64 * 1024 * 1024;

impl Weight {
    /// Counts one more node; refuses it when the answer would be too large.
    pub(super) fn add(&mut self, projection: &Projection) -> Result<(), EngineError> {
        let of = |register: &Register| match register {
            Register::Text(text) => text.len() as u64,
            Register::Blob(blob) => blob.length,
            _ => 0,
        };
        self.0 += projection.values.values().map(of).sum::<u64>();
        let why = || {
            EngineError::Member(format!(
                "The answer would be larger than {MAX_WEIGHT} bytes. Ask for fewer at once."
            ))
        };
        if self.0 > MAX_WEIGHT { Err(why()) } else { Ok(()) }
    }
}
