//! The documented `synchronize` request against a replica: cursors that are names for clocks.
//!
//! The base of a request is the state at the clock its cursor stands for, plus every change already taken
//! from that application with that cursor (contract 4). Only what differs from the base is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::domain::{Kind as ItemKind, Role};
use quire_protocol::id::Space;
use quire_protocol::item::{Said, differences, is_nothing, said};
use quire_protocol::shapes::model::{Identity, Item, SynchronizationModel};
use serde_json::Value;

use super::Batch;
use super::answer::{Pending, Sent};
use super::edit::{Done, Seen, Target};
use super::view::{read_blob, row_of_id};
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind, SpaceNo, last_signed};
use crate::store::rows::{ChangeRef, CursorRow, bytes, decode};
use crate::store::{Result, Rows};

/// The cursor under which the edits of an application that brings none are remembered.
const NO_CURSOR: i64 = 0;

/// Cursors keep what SQL `datetime` and JavaScript keep: multiples of ten milliseconds.
const CURSOR_STEP_MS: i64 = 10;

/// What a request's cursor stands for.
struct Presented {
    application: i64,
    ms: i64,
    valid: bool,
    row: CursorRow,
}

impl Batch<'_, '_> {
    /// Does a request. Its answer waits in the batch until the commit.
    pub fn synchronize(
        &mut self,
        model: SynchronizationModel,
        candidates: &[i64],
    ) -> Result<(), EngineError> {
        let mut presented = self.presented(model.account_application_id, candidates)?;
        let accounts = model.accounts();
        let default = model.request_account.or_else(|| accounts.iter().next().copied()).unwrap_or(0);
        let mut pending = Pending::new(&model, &accounts, presented.valid);
        pending.errors = model.item_errors.iter().map(ToString::to_string).collect();
        let taken_before = presented.row.taken.clone();
        for (ordinal, item) in model.items.into_iter().enumerate() {
            let position = item.position.clone();
            match self.item(item, ordinal, default, &mut presented, &mut pending) {
                Ok(()) => {}
                Err(EngineError::Member(message)) => pending.errors.push(format!("{position}: {message}")),
                Err(other) => return Err(other),
            }
        }
        if presented.row.taken != taken_before {
            let key = cursor_key(presented.application, presented.ms);
            self.rows.put(&key, &bytes(&presented.row))?;
        }
        pending.application = presented.application;
        pending.presented_ms = presented.ms;
        pending.clocks = presented.row.clocks;
        pending.taken = presented.row.taken;
        self.pending.push(pending);
        Ok(())
    }

    /// Looks the cursor up; a value this daemon never gave means "I have nothing".
    fn presented(&self, application: i64, candidates: &[i64]) -> Result<Presented> {
        for ms in candidates.iter().copied().filter(|ms| *ms != NO_CURSOR) {
            let key = cursor_key(application, ms);
            if let Some(value) = self.rows.get(&key)? {
                let row = decode(&key, &value)?;
                return Ok(Presented { application, ms, valid: true, row });
            }
        }
        let key = cursor_key(application, NO_CURSOR);
        let row = self.rows.get(&key)?.map(|value| decode(&key, &value)).transpose()?.unwrap_or_default();
        Ok(Presented { application, ms: NO_CURSOR, valid: false, row })
    }

    fn item(
        &mut self,
        item: Item,
        ordinal: usize,
        default: i64,
        presented: &mut Presented,
        pending: &mut Pending,
    ) -> Result<(), EngineError> {
        let account = item.account.unwrap_or(default);
        let space_name = Space::account(account);
        let (identity, told) = self.identity(&item, ordinal, &space_name, presented)?;
        let mut members = item.members;
        if let (Some(key), false, ItemKind::Marking | ItemKind::History) =
            (item.kind.with_role(Role::Key), told, item.kind)
        {
            members.insert(key.name.to_owned(), Value::from(identity.as_str()));
        }
        let said = said(item.kind, &members).map_err(|error| EngineError::Member(error.to_string()))?;
        let space = self.space(&space_name)?;
        let target = Target { space, kind: item.kind, identity: &identity };
        let names = Arc::clone(&self.replica.mirror.names);
        let (taken, clock) = (&presented.row.taken, presented.row.clocks.get(&space));
        let by_taken = |change: &ChangeRef| taken.has(space, change.log, change.seq);
        let by_clock = |change: &ChangeRef| {
            clock.is_some_and(|clock| clock.covers(names.log(change.log), change.seq)) || by_taken(change)
        };
        let seen = if clock.is_some() { Seen::Since(&by_clock) } else { Seen::Nothing(&by_taken) };
        let done = self.put(target, &said, &seen)?;
        self.note_sent(target, &said, &done, told, pending);
        let log = self.log_number(self.replica.mirror.log)?;
        for seq in done.written {
            presented.row.taken.add(space, log, seq);
        }
        Ok(())
    }

    /// Remembers how the app has the item now, so that the answer leaves out what it need not be told.
    fn note_sent(&self, target: Target<'_>, said: &Said, done: &Done, told: bool, pending: &mut Pending) {
        let resolve = |blob: &_| read_blob(&*self.rows, target.space, blob);
        // What was sent over the base must say what the item says now, or the app has to be told.
        let says_now = is_nothing(&differences(said, &done.row.projection, &resolve));
        let unsaid_same = done.row.projection.values.iter().all(|(name, now)| {
            let sent = said.values.iter().any(|(member, _)| member.name == name)
                || (name == "note" && said.note.is_some())
                || (name == "place" && !said.place.is_empty())
                || name == quire_protocol::item::KIND
                || name == quire_protocol::item::IDENTITY;
            sent || done.base.get(name).is_some_and(|base| base.same(now))
        });
        let fresh = done.base.values.is_empty() && done.written.len() == done.row.changes.len();
        let same = told && says_now && (unsaid_same || fresh);
        let key = (target.space, target.doc());
        pending.sent.insert(key, Sent { changes: done.row.changes.len(), same });
    }

    /// The identity of an item, and whether the app knows it: one without a `syncGuid` is told it.
    fn identity(
        &mut self,
        item: &Item,
        ordinal: usize,
        space: &Space,
        presented: &Presented,
    ) -> Result<(String, bool), EngineError> {
        let number = self.replica.mirror.names.space_number(space);
        match (&item.identity, number) {
            (Identity::Key(key), _) => Ok((key.clone(), true)),
            (Identity::RowId(id), Some(number)) => {
                self.seal()?;
                let found = row_of_id(&*self.rows, &self.blocks, *id)?;
                let known = found.filter(|(at, row)| *at == number && row.kind() == Some(item.kind));
                let minted = || self.minted(item, ordinal, space, presented);
                Ok((known.map_or_else(minted, |(_, row)| row.identity().into()), false))
            }
            _ => Ok((self.minted(item, ordinal, space, presented), false)),
        }
    }

    /// A GUID for an item that brought none: a function of the request, so that repeating it makes no
    /// second item. The daemon's log is part of it: two daemons never make the same one.
    fn minted(&self, item: &Item, ordinal: usize, space: &Space, presented: &Presented) -> String {
        minted_guid(&[
            self.replica.mirror.log.0.to_vec(),
            presented.application.to_be_bytes().to_vec(),
            presented.ms.to_be_bytes().to_vec(),
            vec![item.kind.code()],
            (ordinal as u64).to_be_bytes().to_vec(),
            space.as_str().as_bytes().to_vec(),
            Value::Object(item.members.clone()).to_string().into_bytes(),
        ])
    }

    /// Names the clock that each waiting answer will stand for, and drops the cursors it follows.
    pub(super) fn name_cursors(&mut self) -> Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        for one in &mut pending {
            self.name_cursor(one)?;
        }
        self.pending = pending;
        Ok(())
    }

    fn name_cursor(&mut self, pending: &mut Pending) -> Result<()> {
        let mut now: BTreeMap<SpaceNo, Clock> = BTreeMap::new();
        for account in &pending.accounts {
            if let Some(number) = self.replica.mirror.names.space_number(&Space::account(*account)) {
                now.insert(number, self.replica.mirror.clocks[number as usize].clone());
            }
        }
        pending.covered = now.keys().copied().collect();
        if let Some(ms) = self.same_cursor(pending, &now)? {
            pending.cursor_ms = ms;
            return Ok(());
        }
        let mut clocks = if pending.valid { pending.clocks.clone() } else { BTreeMap::new() };
        clocks.extend(now);
        let after = clocks.keys().filter_map(|space| self.replica.last_cursor.get(space)).max();
        let floor = self.now_ms - self.now_ms.rem_euclid(CURSOR_STEP_MS);
        let ms = after.map_or(floor, |last| floor.max(last + CURSOR_STEP_MS)).max(CURSOR_STEP_MS);
        for space in clocks.keys() {
            self.replica.last_cursor.insert(*space, ms);
        }
        let row = CursorRow { clocks, ..CursorRow::default() };
        self.rows.put(&cursor_key(pending.application, ms), &bytes(&row))?;
        pending.cursor_ms = ms;
        if pending.valid { self.forget_before(pending.application, pending.presented_ms) } else { Ok(()) }
    }

    /// True when everything since the app's cursor is the app's own, and the app has it just so.
    pub(super) fn has_no_news(&self, pending: &Pending) -> bool {
        let mirror = &self.replica.mirror;
        let own_alone = |space: &SpaceNo| {
            let Some(seen) = pending.clocks.get(space) else { return false };
            let now = mirror.clocks.get(*space as usize).into_iter().flat_map(Clock::iter);
            now.into_iter().all(|(log, seq)| {
                let taken =
                    mirror.names.log_number(log).map(|n| pending.taken.count_after(*space, n, seen.get(log)));
                seq.saturating_sub(seen.get(log)) == taken.unwrap_or(0)
            })
        };
        pending.sent.values().all(|sent| sent.same) && pending.covered.iter().all(own_alone)
    }

    /// A cursor already given that stands for just these clocks: asking again writes nothing.
    fn same_cursor(&self, pending: &Pending, now: &BTreeMap<SpaceNo, Clock>) -> Result<Option<i64>> {
        let stands = |row: &CursorRow| now.iter().all(|(space, clock)| row.clocks.get(space) == Some(clock));
        if pending.valid {
            let row = CursorRow { clocks: pending.clocks.clone(), ..CursorRow::default() };
            return Ok(stands(&row).then_some(pending.presented_ms));
        }
        let from = Key::of(Kind::Cursor).signed(pending.application);
        match self.rows.last(&from, &from.end())? {
            Some((key, value)) if key.starts_with(&from) && last_signed(&key) != NO_CURSOR => {
                let row: CursorRow = decode(&key, &value)?;
                let covers_no_more = row.clocks.len() == now.len();
                Ok((covers_no_more && stands(&row)).then_some(last_signed(&key)))
            }
            _ => Ok(None),
        }
    }

    /// An application that returns a cursor will not return an earlier one.
    fn forget_before(&mut self, application: i64, ms: i64) -> Result<()> {
        let from = Key::of(Kind::Cursor).signed(application);
        let mut old = Vec::new();
        self.rows.scan(&from, &cursor_key(application, ms), &mut |key, _| {
            old.push(key.to_vec());
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        old.iter().try_for_each(|key| self.rows.remove(key))
    }
}

/// A GUID that is a function of these parts.
pub(super) fn minted_guid(parts: &[Vec<u8>]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("quire minted guid 1");
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn cursor_key(application: i64, ms: i64) -> Key {
    Key::of(Kind::Cursor).signed(application).signed(ms)
}

/// The moments a cursor's text may mean, in milliseconds since 1970: with an offset one; without, as UTC
/// and as local time.
pub fn cursor_candidates(text: Option<&str>, local_offset_minutes: impl Fn(i64) -> i64) -> Vec<i64> {
    use quire_protocol::shapes::date::{DateKind, DateText, ticks_to_unix_ms};
    let Some(date) = text.and_then(|text| DateText::parse(text).ok()) else { return Vec::new() };
    let Some(ms) = ticks_to_unix_ms(date.ticks) else { return Vec::new() };
    match date.kind {
        DateKind::Unspecified => vec![ms, ms - local_offset_minutes(ms) * 60_000],
        _ => vec![ms],
    }
}
