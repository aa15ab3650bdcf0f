//! What the native API reads and does: markings by GUID, conflicts, peers.

use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::document::{Conflict, Edit, Life, Register, key};
use quire_protocol::domain::{Kind as ItemKind, Role};
use quire_protocol::id::{DeviceId, DocId, Space};
use quire_protocol::item::{Said, plain, said};
use quire_protocol::shapes::coerce::coerce;
use serde_json::{Map, Value};

use super::edit::{Seen, Target};
use super::view::members_of;
use super::{Batch, View, device, each};
use crate::engine::{ConflictView, EngineError, ItemView, MarkingFilter};
use crate::store::keys::{Key, Kind, SpaceNo, sixteen};
use crate::store::rows::{DocRow, decode};
use crate::store::{Result, Rows};

impl View {
    /// One marking by its GUID.
    pub fn marking(&self, sync_guid: &str, account: Option<i64>) -> Result<Option<ItemView>> {
        let doc = DocId::of(ItemKind::Marking, sync_guid);
        for (number, space) in self.mirror().names.spaces() {
            let wanted = account.is_none_or(|account| space.account_number() == Some(account));
            if wanted && let Some(row) = self.row(number, doc)? {
                return Ok(Some(self.item(number, space, doc, &row)));
            }
        }
        Ok(None)
    }

    fn item(&self, number: SpaceNo, space: &Space, doc: DocId, row: &DocRow) -> ItemView {
        item((number, space), doc, row, self.members(number, row))
    }

    /// Markings in the order of spaces and documents.
    pub fn markings(&self, filter: &MarkingFilter) -> Result<Vec<ItemView>> {
        let after = filter.after.as_deref().and_then(|after| self.place_of(after, filter.account));
        let mut out = Vec::new();
        for (number, space) in self.mirror().names.spaces() {
            if filter.account.is_some_and(|account| space.account_number() != Some(account)) {
                continue;
            }
            let from = match after {
                Some((at, _)) if number < at => continue,
                Some((at, doc)) if number == at => Some(doc),
                _ => None,
            };
            self.documents(number, from, &mut |doc, row| {
                let wanted =
                    Some(doc) != from && row.kind() == Some(ItemKind::Marking) && matches(filter, row);
                if wanted {
                    out.push(self.item(number, space, doc, row));
                }
                Ok(if out.len() >= filter.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if out.len() >= filter.limit {
                break;
            }
        }
        Ok(out)
    }

    /// Where a list goes on: after a position it gave, or after a marking named by its GUID.
    fn place_of(&self, after: &str, account: Option<i64>) -> Option<(SpaceNo, DocId)> {
        read_position(after).or_else(|| {
            let item = self.marking(&after.to_lowercase(), account).ok()??;
            Some((self.mirror().names.space_number(&item.space)?, item.doc))
        })
    }

    /// Items of a space, by walking them.
    pub fn count(&self, space: SpaceNo) -> Result<u64> {
        let mut count = 0;
        let all = Key::of(Kind::Document).space(space);
        self.rows().scan(&all, &all.end(), &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// Every conflict.
    pub fn conflicts(&self, space: Option<&Space>) -> Result<Vec<ConflictView>> {
        let mut keys = Vec::new();
        each(self.rows(), Kind::Conflict, |key, _| {
            keys.push((SpaceNo::from_be_bytes([key[1], key[2], key[3], key[4]]), DocId(sixteen(key, 5))));
            Ok(())
        })?;
        let mut out = Vec::new();
        for (number, doc) in keys {
            let Some(name) = self.mirror().names.space(number) else { continue };
            if space.is_some_and(|space| space != name) {
                continue;
            }
            match self.row(number, doc)?.map(|row| (row.kind(), row)) {
                Some((Some(ItemKind::Node), row)) => {
                    out.extend(self.node_conflicts((number, name), doc, &row))
                }
                Some((Some(kind), row)) if kind.is_shown() => out.extend(
                    row.projection.conflicts.iter().map(|c| self.conflict(number, name, kind, doc, &row, c)),
                ),
                _ => {}
            }
        }
        for (number, name) in
            self.mirror().names.spaces().filter(|(_, name)| space.is_none_or(|s| s == *name))
        {
            out.extend(self.tree_conflicts((number, name))?);
        }
        Ok(out)
    }

    fn conflict(
        &self,
        number: SpaceNo,
        space: &Space,
        kind: ItemKind,
        doc: DocId,
        row: &DocRow,
        conflict: &Conflict,
    ) -> ConflictView {
        let resolve = |blob: &_| self.blob(number, blob);
        let (member, value) = match conflict.key.as_str() {
            key::LIFE => ("SyncIsRemoved", Value::from(row.projection.removed)),
            name => {
                let winner = row.projection.get(name).cloned().unwrap_or(Register::Null);
                (name, plain(name, kind, &winner, &resolve))
            }
        };
        let device = |log| self.mirror().certificates.get(&log).map(|c| c.device.device());
        let other =
            |o: &quire_protocol::document::Other| (plain(member, kind, &o.value, &resolve), device(o.by));
        ConflictView {
            id: format!("{number:08x}{doc}-{member}"),
            space: space.clone(),
            kind,
            item: row.identity().to_owned(),
            member: member.to_owned(),
            value,
            others: conflict.others.iter().map(other).collect(),
        }
    }

    /// Where a peer was reached, newest first.
    pub fn addresses(&self, of: DeviceId) -> Result<Vec<String>> {
        let key = Key::of(Kind::Address).device(of);
        Ok(self.rows().get(&key)?.map(|value| decode(&key, &value)).transpose()?.unwrap_or_default())
    }

    /// What every peer's disk was said to have.
    pub fn acknowledged(&self) -> Result<Vec<(DeviceId, SpaceNo, quire_protocol::clock::Clock)>> {
        let mut out = Vec::new();
        each(self.rows(), Kind::Acknowledged, |key, value| {
            if let (Some(device), Some(space)) = (device(key), key.get(21..25)) {
                let space = SpaceNo::from_be_bytes([space[0], space[1], space[2], space[3]]);
                out.push((device, space, decode(key, value)?));
            }
            Ok(())
        })?;
        Ok(out)
    }
}

impl Batch<'_, '_> {
    /// Changes members of a marking as it is now; gives it, or nothing when there is none.
    pub fn patch(
        &mut self,
        sync_guid: &str,
        changed: &Map<String, Value>,
        if_match: Option<&str>,
    ) -> Result<Option<ItemView>, EngineError> {
        let Some((space, row)) = self.find(sync_guid, if_match)? else { return Ok(None) };
        let mut coerced = Map::new();
        for (name, value) in changed {
            let member = ItemKind::Marking.member(name);
            let member =
                member.ok_or_else(|| EngineError::Member(format!("a marking has no member '{name}'")))?;
            let value =
                coerce(member, value.clone()).map_err(|e| EngineError::Member(e.message(member.name)))?;
            if matches!(member.role, Role::Key | Role::RowId | Role::Account | Role::Secret) {
                continue;
            }
            coerced.insert(member.name.to_owned(), value);
        }
        let said = said(ItemKind::Marking, &coerced).map_err(|e| EngineError::Member(e.to_string()))?;
        self.say(space, sync_guid, row, &said).map(Some)
    }

    /// Removes a marking as it is now; gives it, or nothing when there is none.
    pub fn remove(
        &mut self,
        sync_guid: &str,
        if_match: Option<&str>,
    ) -> Result<Option<ItemView>, EngineError> {
        let Some((space, row)) = self.find(sync_guid, if_match)? else { return Ok(None) };
        let said = Said { removed: Some(true), ..Said::default() };
        self.say(space, sync_guid, row, &said).map(Some)
    }

    /// Writes what differs from a marking as it is now.
    pub(super) fn say(
        &mut self,
        space: SpaceNo,
        identity: &str,
        row: DocRow,
        said: &Said,
    ) -> Result<ItemView, EngineError> {
        let target = Target { space, kind: ItemKind::Marking, identity };
        let done = self.put_onto(target, row, said, &Seen::Everything)?;
        Ok(self.shown(space, target.doc(), &done.row)?)
    }

    /// An item as this batch left it.
    pub(super) fn shown(&mut self, number: SpaceNo, doc: DocId, row: &DocRow) -> Result<ItemView> {
        if row.projection.values.values().any(|value| matches!(value, Register::Blob(_))) {
            // Parts of a large value may still be in the open run, where reading does not look.
            self.seal()?;
        }
        let space = self.name_of(number)?;
        let account = space.account_number().unwrap_or(0);
        let members = members_of(&*self.rows, (number, account), row);
        Ok(item((number, &space), doc, row, members))
    }

    fn find(
        &mut self,
        sync_guid: &str,
        if_match: Option<&str>,
    ) -> Result<Option<(SpaceNo, DocRow)>, EngineError> {
        let Some((number, row)) = self.marking(sync_guid, None)? else { return Ok(None) };
        let holds = if_match.is_none_or(|wanted| wanted == etag(&row));
        if holds { Ok(Some((number, row))) } else { Err(EngineError::Stale) }
    }

    /// The marking of a GUID, in that account or in any.
    pub(super) fn marking(
        &mut self,
        sync_guid: &str,
        account: Option<i64>,
    ) -> Result<Option<(SpaceNo, DocRow)>> {
        self.held(ItemKind::Marking, sync_guid, account)
    }

    /// The item of an identity, in that account or in any.
    pub(super) fn held(
        &mut self,
        kind: ItemKind,
        identity: &str,
        account: Option<i64>,
    ) -> Result<Option<(SpaceNo, DocRow)>> {
        let doc = DocId::of(kind, identity);
        let names = Arc::clone(&self.replica.mirror.names);
        if let Some(account) = account {
            let Some(number) = names.space_number(&Space::account(account)) else { return Ok(None) };
            return Ok(self.row(number, doc)?.map(|row| (number, row)));
        }
        for (number, _) in names.spaces() {
            if let Some(row) = self.row(number, doc)? {
                return Ok(Some((number, row)));
            }
        }
        Ok(None)
    }

    /// Settles a conflict with a value: a write that has seen every value of the key. Gives the item.
    pub fn resolve(&mut self, id: &str, value: &Value) -> Result<Option<ItemView>, EngineError> {
        let Some(((space, doc), member)) = read_conflict_id(id) else { return Ok(None) };
        let Some(row) = self.row(space, doc)? else { return Ok(None) };
        let Some(kind) = row.kind().filter(|kind| kind.is_shown()) else { return Ok(None) };
        if kind == ItemKind::Node {
            return self.resolve_node((space, doc), row, member, value);
        }
        let named = if member == "SyncIsRemoved" { key::LIFE } else { member };
        if !row.projection.conflicts.iter().any(|conflict| conflict.key == named) {
            return Ok(None);
        }
        let edit = settling(kind, member, value)?;
        let identity = row.identity().to_owned();
        let done = self.write_present(Target { space, kind, identity: &identity }, row, edit)?;
        Ok(Some(self.shown(space, doc, &done.row)?))
    }
}

pub(super) fn item(
    (number, space): (SpaceNo, &Space),
    doc: DocId,
    row: &DocRow,
    members: Map<String, Value>,
) -> ItemView {
    let (etag, position) = (etag(row), format!("{number:08x}{doc}"));
    ItemView { space: space.clone(), doc, members, etag, position, removed: row.projection.removed }
}

/// Names the state of an item on this daemon: the changes that made it, whatever order they came in.
pub(super) fn etag(row: &DocRow) -> String {
    let mut shorts: Vec<[u8; 8]> = row.changes.iter().map(|change| change.short).collect();
    shorts.sort_unstable();
    let hash = blake3::derive_key("quire etag 1", &shorts.concat());
    data_encoding::HEXLOWER.encode(&hash[..8])
}

fn matches(filter: &MarkingFilter, row: &DocRow) -> bool {
    let book = match row.projection.get("bookID") {
        Some(Register::Int(n)) => *n,
        _ => 0,
    };
    filter.removed.is_none_or(|removed| row.projection.removed == removed)
        && filter.book.is_none_or(|wanted| wanted == book)
}

pub(super) fn read_position(text: &str) -> Option<(SpaceNo, DocId)> {
    let (space, doc) = text.split_at_checked(8)?;
    let doc = data_encoding::HEXLOWER.decode(doc.as_bytes()).ok()?;
    Some((SpaceNo::from_str_radix(space, 16).ok()?, DocId(doc.try_into().ok()?)))
}

fn read_conflict_id(id: &str) -> Option<((SpaceNo, DocId), &str)> {
    let (position, member) = id.split_once('-')?;
    Some((read_position(position)?, member))
}

/// The edit that settles one key.
fn settling(kind: ItemKind, member: &str, value: &Value) -> Result<Edit, EngineError> {
    let mut members = Map::new();
    if member == key::PLACE {
        let place = value.as_object().ok_or_else(|| EngineError::Member("a place is an object".into()))?;
        members.extend(place.iter().map(|(name, value)| (name.clone(), value.clone())));
    } else {
        members.insert(member.to_owned(), value.clone());
    }
    let mut coerced = Map::new();
    for (name, value) in members {
        let known =
            kind.member(&name).ok_or_else(|| EngineError::Member(format!("there is no member '{name}'")))?;
        let value = coerce(known, value).map_err(|e| EngineError::Member(e.message(known.name)))?;
        coerced.insert(known.name.to_owned(), value);
    }
    let said = said(kind, &coerced).map_err(|e| EngineError::Member(e.to_string()))?;
    let mut edit = quire_protocol::item::beginning(kind, "", &said);
    edit.values
        .retain(|(name, _)| name != quire_protocol::item::KIND && name != quire_protocol::item::IDENTITY);
    edit.life = match said.removed {
        Some(true) => Life::Remove,
        Some(false) => Life::Revive,
        None => Life::Keep,
    };
    Ok(edit)
}
