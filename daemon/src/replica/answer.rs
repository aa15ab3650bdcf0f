//! The answer to a `synchronize` request, read from the snapshot of its own commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::DocId;
use quire_protocol::shapes::date::utc_text;
use quire_protocol::shapes::model::{Answer, SynchronizationModel};
use serde_json::{Map, Value};

use super::View;
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::{DocRow, Taken};

/// Records since an app's cursor up to which its answer is read at once.
const SHORT: u64 = 16;

/// A request that was done and waits for its commit.
#[derive(Debug, Default)]
pub struct Pending {
    pub(super) application: i64,
    pub(super) accounts: BTreeSet<i64>,
    pub(super) covered: Vec<SpaceNo>,
    pub(super) errors: Vec<String>,
    /// The cursor it brought was one of ours.
    pub(super) valid: bool,
    pub(super) presented_ms: i64,
    pub(super) clocks: BTreeMap<SpaceNo, Clock>,
    pub(super) taken: Taken,
    pub(super) sent: HashMap<(SpaceNo, DocId), Sent>,
    pub(super) cursor_ms: i64,
    /// There is nothing it must be told: its answer is known without reading.
    pub(super) quiet: bool,
    request_account: Option<i64>,
    popup_account: Option<i64>,
    application_type: Value,
    last_sync: Option<String>,
}

/// How the app that sent an item has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Changes the item had when the request was done.
    pub changes: usize,
    /// The app has it as it is.
    pub same: bool,
}

impl Pending {
    pub(super) fn new(model: &SynchronizationModel, accounts: &BTreeSet<i64>, valid: bool) -> Pending {
        let popup = model.items.iter().find(|item| item.kind == ItemKind::Popup);
        Pending {
            accounts: accounts.clone(),
            valid,
            request_account: model.request_account,
            popup_account: popup.and_then(|item| item.account),
            application_type: model.application_type.clone(),
            last_sync: model.last_sync.clone(),
            ..Pending::default()
        }
    }

    /// Items that a later request of the same group changed again are news after all.
    pub(super) fn forget_overtaken(&mut self, written: &HashMap<(SpaceNo, DocId), usize>) {
        for (key, sent) in &mut self.sent {
            sent.same &= written.get(key).is_none_or(|changes| *changes == sent.changes);
        }
    }

    /// Whether reading the answer is so little work that it is done where the request is, not on another thread.
    pub fn is_short(&self, view: &View) -> bool {
        let news = |space: &SpaceNo| {
            let seen = self.clocks.get(space);
            let now = view.mirror().clocks.get(*space as usize);
            let since = |(log, seq): (_, u64)| seq.saturating_sub(seen.map_or(0, |clock| clock.get(log)));
            now.into_iter().flat_map(Clock::iter).map(since).sum::<u64>()
        };
        self.covered.iter().map(news).sum::<u64>() <= SHORT
    }

    /// True when [`quiet_answer`](Self::quiet_answer) is the answer.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The answer that brings nothing but the cursor.
    pub fn quiet_answer(&self) -> Answer {
        Answer {
            errors: self.errors.clone(),
            account_application_id: self.application,
            application_type: self.application_type.clone(),
            last_sync: self.last_sync.clone(),
            cursor: utc_text(self.cursor_ms),
            ..Answer::default()
        }
    }

    /// Reads the answer from the snapshot after the commit.
    pub fn answer(self, view: &View) -> Result<Answer> {
        let mut answer = self.quiet_answer();
        let (mut accounts, mut popups) = (BTreeMap::new(), BTreeMap::new());
        for space in &self.covered {
            let account = view.account_of(*space);
            // What the app sent just so is passed over before its row is even read.
            let wanted = |doc| !self.sent.get(&(*space, doc)).is_some_and(|sent| sent.same);
            view.since(*space, self.clocks.get(space), &wanted, &mut |doc, row| {
                if let Some(kind) = row.kind()
                    && (self.sent.contains_key(&(*space, doc)) || self.is_news(view, *space, row))
                {
                    let members = view.members(*space, row);
                    match kind {
                        ItemKind::Account => drop(accounts.insert(account, members)),
                        ItemKind::Popup => drop(popups.insert(account, members)),
                        _ => list(&mut answer, kind).push(members),
                    }
                }
                Ok(())
            })?;
        }
        answer.account = chosen(accounts, self.request_account);
        answer.popup = chosen(popups, self.popup_account.or(self.request_account));
        if let [only] = &answer.books[..] {
            answer.book = Some(only.clone());
        }
        Ok(answer)
    }

    /// False when every change since the app's cursor was its own.
    fn is_news(&self, view: &View, space: SpaceNo, row: &DocRow) -> bool {
        let Some(clock) = self.clocks.get(&space) else { return true };
        row.changes.iter().any(|change| {
            let own = self.taken.has(space, change.log, change.seq);
            !own && !clock.covers(view.log_of(change.log), change.seq)
        })
    }
}

fn list(answer: &mut Answer, kind: ItemKind) -> &mut Vec<Map<String, Value>> {
    match kind {
        ItemKind::History => &mut answer.history,
        ItemKind::Book => &mut answer.books,
        ItemKind::HtmlPage => &mut answer.html_pages,
        ItemKind::StyleSheet => &mut answer.style_sheets,
        ItemKind::AccountCode => &mut answer.account_codes,
        _ => &mut answer.markings,
    }
}

/// The shape has one place for what may come from several accounts: the one asked for, else the first.
fn chosen(mut found: BTreeMap<i64, Map<String, Value>>, asked: Option<i64>) -> Option<Map<String, Value>> {
    asked.and_then(|account| found.remove(&account)).or_else(|| found.into_values().next())
}
