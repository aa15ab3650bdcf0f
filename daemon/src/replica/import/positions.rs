//! Rows that are markings or reading activities.

use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::Space;
use quire_protocol::item::beginning;
use quire_protocol::node::NO_GUID;
use serde_json::{Map, Value};

use super::row::{Fields, is_null};
use super::{INVALID, Imported, Plan, Stop, UNKNOWN, missing, outcome, reject};
use crate::replica::Batch;
use crate::replica::edit::{Seen, Target};
use crate::replica::view::{read_blob, row_of_id};
use crate::store::keys::SpaceNo;
use crate::store::rows::DocRow;

/// Keys of the row number that this daemon gave a marking.
const ROW_NUMBER: [&str; 2] = ["id", "Marking.Id"];

/// What a row names.
struct Named {
    guid: String,
    at: Option<(SpaceNo, DocRow)>,
}

impl Batch<'_, '_> {
    pub(super) fn import_position(
        &mut self,
        plan: &Plan,
        kind: ItemKind,
        row: Map<String, Value>,
        index: u64,
    ) -> Result<Imported, Stop> {
        let number = row_number(plan, kind, &row)?;
        let fields = Fields::read(kind, row)?;
        let account = fields.number("AccountId");
        let named = match number {
            Some(number) => self.marking_of_number(number, account)?,
            None => self.named_position(plan, kind, &fields, index)?,
        };
        let guid = Value::from(named.guid.as_str());
        if let Some((space, row)) = named.at {
            let target = Target { space, kind, identity: &named.guid };
            self.seal_blobs(&row.projection)?;
            let said = fields
                .said(plan, kind, guid, Some(&row.projection), &|blob| read_blob(&*self.rows, space, blob))?;
            return Ok(outcome(&self.put_onto(target, row, &said, &Seen::Everything)?));
        }
        let said = fields.said(plan, kind, guid, None, &|_| None)?;
        let account = account.or_else(|| self.replica.mirror.only_account());
        let space = self.space(&Space::account(account.unwrap_or(0)))?;
        let target = Target { space, kind, identity: &named.guid };
        self.create(target, beginning(kind, &named.guid, &said))?;
        Ok(Imported::Created)
    }

    /// The item of the row's GUID: in the account that the row names, else in any that has it.
    fn named_position(
        &mut self,
        plan: &Plan,
        kind: ItemKind,
        fields: &Fields,
        index: u64,
    ) -> Result<Named, Stop> {
        let given = fields.get("syncGuid").and_then(Value::as_str).filter(|guid| *guid != NO_GUID);
        let guid = match (given, kind) {
            (Some(guid), _) => guid.to_owned(),
            (None, ItemKind::History) => self.guid_of_row(plan, index),
            (None, _) => return Err(missing("syncGuid")),
        };
        let at = self.held(kind, &guid, fields.number("AccountId"))?;
        Ok(Named { guid, at })
    }

    fn marking_of_number(&mut self, number: i64, account: Option<i64>) -> Result<Named, Stop> {
        // A number given lately may still be in the open run, where reading does not look.
        self.seal_arrival(number)?;
        let found = row_of_id(&*self.rows, &self.blocks, number)?;
        let names = &self.replica.mirror.names;
        let here = |space: SpaceNo| {
            account.is_none() || names.space(space).and_then(Space::account_number) == account
        };
        match found.filter(|(space, row)| row.kind() == Some(ItemKind::Marking) && here(*space)) {
            Some((space, row)) => Ok(Named { guid: row.identity().to_owned(), at: Some((space, row)) }),
            None => Err(reject(UNKNOWN, "No such marking.", [])),
        }
    }
}

/// The row number by which a row is known, when rows are.
fn row_number(plan: &Plan, kind: ItemKind, row: &Map<String, Value>) -> Result<Option<i64>, Stop> {
    if kind != ItemKind::Marking || !plan.is_known_by(&ROW_NUMBER) {
        return Ok(None);
    }
    let key = plan.identifier.as_deref().unwrap_or_default();
    let brought = row.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    let number = match brought.filter(|value| !is_null(value)) {
        None => return Err(missing(key)),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_i64(),
    };
    number.map(Some).ok_or_else(|| reject(INVALID, "The number of a marking is a whole number.", [key]))
}
