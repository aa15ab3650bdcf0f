//! What a reader needs before it has synchronized anything: the person, their settings and their books (REFERENCE C1).

use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::shapes::model::Answer;
use serde_json::{Map, Value};

use super::{Mirror, View};
use crate::store::Result;
use crate::store::keys::SpaceNo;

impl View {
    /// `Account`, `PopupSettings` and `Books` of an account; without one, of the only account that is held, else the
    /// books of all. Everything else is as in an empty answer.
    pub fn initial_content(&self, account: Option<i64>) -> Result<Answer> {
        let account = account.or_else(|| self.mirror().only_account());
        let mut answer = Answer::default();
        for (number, space) in self.mirror().names.spaces() {
            let Some(of) = space.account_number() else { continue };
            if account.is_some_and(|account| account != of) {
                continue;
            }
            if account.is_some() {
                answer.account = self.settings_of(number, ItemKind::Account, of)?;
                answer.popup = self.settings_of(number, ItemKind::Popup, of)?;
            }
            self.since(number, None, &|_| true, &mut |_, row| {
                if row.kind() == Some(ItemKind::Book) && !row.projection.removed {
                    answer.books.push(self.members(number, row));
                }
                Ok(())
            })?;
        }
        if let [only] = &answer.books[..] {
            answer.book = Some(only.clone());
        }
        Ok(answer)
    }

    /// The one item of a kind that is known by its account's number.
    fn settings_of(
        &self,
        space: SpaceNo,
        kind: ItemKind,
        account: i64,
    ) -> Result<Option<Map<String, Value>>> {
        let row = self.row(space, DocId::of(kind, &account.to_string()))?;
        Ok(row.filter(|row| !row.projection.removed).map(|row| self.members(space, &row)))
    }
}

impl Mirror {
    /// The account whose items are here, if there is only one. Items without an account do not count.
    pub(super) fn only_account(&self) -> Option<i64> {
        let held = |(_, space): &(SpaceNo, &Space)| !self.clock(space).is_empty();
        let number = |(_, space): (SpaceNo, &Space)| space.account_number().filter(|account| *account != 0);
        let mut accounts = self.names.spaces().filter(held).filter_map(number);
        let only = accounts.next();
        only.filter(|_| accounts.next().is_none())
    }
}
