//! Markings from apps that bring no cursor: they act at the present clock (contract 4).
//!
//! An item is compared with what it says now, and only what differs is written, so that a field that is not named
//! stays as another app left it.

use std::borrow::Cow;

use quire_protocol::domain::{Kind as ItemKind, Role};
use quire_protocol::id::Space;
use quire_protocol::item::{Said, said};
use quire_protocol::shapes::model::{Identity, Item};
use serde_json::{Map, Value};

use super::Batch;
use super::edit::{Seen, Target};
use super::synchronize::minted_guid;
use super::view::row_of_id;
use crate::engine::{EngineError, MarkingsAction, MarkingsDone, MarkingsPut};
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;

/// What `editNote` takes of what was sent.
const OF_A_NOTE: [&str; 2] = ["note", "Timestamp"];

/// A marking that an item names.
struct Named {
    guid: String,
    /// Where it is; none when it is not known.
    at: Option<(SpaceNo, DocRow)>,
}

impl Batch<'_, '_> {
    /// Does what an app asks for with each marking, whatever becomes of the others.
    pub fn put_markings(&mut self, put: &MarkingsPut) -> Result<MarkingsDone, EngineError> {
        let mut done = MarkingsDone::default();
        for (ordinal, item) in put.items.iter().enumerate() {
            match self.put_marking(put, item, ordinal) {
                Ok(members) => done.markings.extend(members),
                Err(EngineError::Member(why)) => done.errors.push(format!("{}: {why}", item.position)),
                Err(other) => return Err(other),
            }
        }
        Ok(done)
    }

    /// Gives the marking as it is then; nothing when it is not known and is not to be created.
    fn put_marking(
        &mut self,
        put: &MarkingsPut,
        item: &Item,
        ordinal: usize,
    ) -> Result<Option<Map<String, Value>>, EngineError> {
        if item.identity == Identity::New && put.action != MarkingsAction::Post {
            let why = "The item has neither syncGuid nor id, by which it is known.";
            return Err(EngineError::Member(why.to_owned()));
        }
        let named = self.named_marking(put.account, item, ordinal)?;
        let said = said_by(put.action, item, &named)?;
        if let Some((space, row)) = named.at {
            return Ok(Some(self.say(space, &named.guid, row, &said)?.members));
        }
        if put.action == MarkingsAction::EditNote {
            return Ok(None);
        }
        let account = item.account.or(put.account).or_else(|| self.replica.mirror.only_account());
        let space = self.space(&Space::account(account.unwrap_or(0)))?;
        let target = Target { space, kind: ItemKind::Marking, identity: &named.guid };
        let done = self.put(target, &said, &Seen::Everything)?;
        Ok(Some(self.shown(space, target.doc(), &done.row)?.members))
    }

    /// The marking of the item's GUID, else of its row number, else of the GUID that the item is given: in the account
    /// that it names, or in any.
    fn named_marking(&mut self, spoken_for: Option<i64>, item: &Item, ordinal: usize) -> Result<Named> {
        if let Identity::RowId(id) = item.identity {
            // Row numbers given lately may still be in the open run, where reading does not look.
            self.seal()?;
            let names = &self.replica.mirror.names;
            let here = |space| {
                item.account.is_none() || names.space(space).and_then(Space::account_number) == item.account
            };
            let found = row_of_id(&*self.rows, &self.blocks, id)?;
            let known = found.filter(|(space, row)| row.kind() == Some(ItemKind::Marking) && here(*space));
            if let Some((space, row)) = known {
                return Ok(Named { guid: row.identity().to_owned(), at: Some((space, row)) });
            }
        }
        let guid = match &item.identity {
            Identity::Key(guid) => guid.clone(),
            _ => self.given_guid(spoken_for, item, ordinal),
        };
        Ok(Named { at: self.marking(&guid, item.account)?, guid })
    }

    /// A GUID for an item that brought none: a function of what was sent alone, so that repeating it finds the item
    /// wherever it went. The daemon's log is part of it: two daemons never make the same one.
    fn given_guid(&self, spoken_for: Option<i64>, item: &Item, ordinal: usize) -> String {
        minted_guid(&[
            self.replica.mirror.log.0.to_vec(),
            b"position".to_vec(),
            (ordinal as u64).to_be_bytes().to_vec(),
            spoken_for.unwrap_or(0).to_be_bytes().to_vec(),
            Value::Object(item.members.clone()).to_string().into_bytes(),
        ])
    }
}

/// What an item says by what is done with it.
fn said_by(action: MarkingsAction, item: &Item, named: &Named) -> Result<Said, EngineError> {
    let mut members = Cow::Borrowed(&item.members);
    match action {
        MarkingsAction::Remove if named.at.is_some() => {
            return Ok(Said { removed: Some(true), ..Said::default() });
        }
        MarkingsAction::EditNote => members = Cow::Owned(of_a_note(&item.members)),
        _ => {
            if let Some(key) = ItemKind::Marking.with_role(Role::Key) {
                members.to_mut().insert(key.name.to_owned(), Value::from(named.guid.as_str()));
            }
        }
    }
    let mut said =
        said(ItemKind::Marking, &members).map_err(|error| EngineError::Member(error.to_string()))?;
    if action == MarkingsAction::Remove {
        said.removed = Some(true);
    }
    Ok(said)
}

/// The note and when it was written, if a note was sent. Typed apps send a blank date for one they never set.
fn of_a_note(sent: &Map<String, Value>) -> Map<String, Value> {
    if !sent.contains_key("note") {
        return Map::new();
    }
    let wanted = |name: &str| ItemKind::Marking.member(name).filter(|_| OF_A_NOTE.contains(&name));
    let told = |(name, value): &(&String, &Value)| {
        wanted(name).is_some_and(|member| member.role == Role::Note || !member.is_blank(value))
    };
    sent.iter().filter(told).map(|(name, value)| (name.clone(), value.clone())).collect()
}
