//! Rows that are accounts.

use std::collections::HashMap;

use quire_protocol::document::Register;
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::item::beginning;
use serde_json::{Map, Value};

use super::row::Fields;
use super::{Imported, Plan, SEVERAL, Stop, UNKNOWN, joined, missing, outcome, reject};
use crate::replica::Batch;
use crate::replica::edit::{Seen, Target};
use crate::replica::view::read_blob;

/// The documented key of an account, and the member that has it.
const NUMBER: &str = "Contact.Id";
const ACCOUNT: &str = "AccountId";
const EMAIL: &str = "Email";

impl Batch<'_, '_> {
    pub(super) fn import_contact(
        &mut self,
        plan: &mut Plan,
        mut row: Map<String, Value>,
    ) -> Result<Imported, Stop> {
        if let Some(number) = row.shift_remove(NUMBER)
            && !row.contains_key(ACCOUNT)
        {
            row.insert(ACCOUNT.to_owned(), number);
        }
        let fields = Fields::read(ItemKind::Account, row)?;
        let accounts = self.accounts_of_row(plan, &fields)?;
        if accounts.len() > 1 && !plan.all_matches {
            return Err(reject(SEVERAL, "Multiple matches.", [EMAIL]));
        }
        let mut outcomes = Vec::with_capacity(accounts.len());
        for account in accounts {
            outcomes.push(self.import_account(plan, &fields, account)?);
        }
        Ok(joined(outcomes))
    }

    /// The accounts that a row names. One with an e-mail that nobody has is a new one when it brings its number too.
    fn accounts_of_row(&mut self, plan: &mut Plan, fields: &Fields) -> Result<Vec<i64>, Stop> {
        let number = fields.number(ACCOUNT);
        if !plan.is_known_by(&[EMAIL]) {
            return Ok(vec![number.ok_or_else(|| missing(plan.identifier.as_deref().unwrap_or(ACCOUNT)))?]);
        }
        let email = fields.get(EMAIL).and_then(Value::as_str).ok_or_else(|| missing(EMAIL))?.to_lowercase();
        let emails = match &mut plan.emails {
            Some(emails) => emails,
            none => none.insert(self.emails()?),
        };
        if let Some(known) = emails.get(&email) {
            return Ok(known.clone());
        }
        let unknown = || reject(UNKNOWN, "No such contact: a new one needs its AccountId.", [EMAIL]);
        let number = number.ok_or_else(unknown)?;
        if self.held(ItemKind::Account, &number.to_string(), Some(number))?.is_some() {
            return Err(unknown());
        }
        emails.insert(email, vec![number]);
        Ok(vec![number])
    }

    fn emails(&mut self) -> Result<HashMap<String, Vec<i64>>, Stop> {
        let mut emails: HashMap<String, Vec<i64>> = HashMap::new();
        let names = std::sync::Arc::clone(&self.replica.mirror.names);
        let accounts = names.spaces().filter_map(|(number, space)| Some((number, space.account_number()?)));
        for (space, account) in accounts {
            let doc = DocId::of(ItemKind::Account, &account.to_string());
            let Some(row) = self.row(space, doc)? else { continue };
            if let Some(Register::Text(email)) = row.projection.get(EMAIL)
                && !email.is_empty()
            {
                emails.entry(email.to_lowercase()).or_default().push(account);
            }
        }
        Ok(emails)
    }

    fn import_account(&mut self, plan: &Plan, fields: &Fields, account: i64) -> Result<Imported, Stop> {
        let (kind, identity) = (ItemKind::Account, account.to_string());
        if let Some((space, row)) = self.held(kind, &identity, Some(account))? {
            self.seal_blobs(&row.projection)?;
            let said = fields.said(plan, kind, account.into(), Some(&row.projection), &|blob| {
                read_blob(&*self.rows, space, blob)
            })?;
            let target = Target { space, kind, identity: &identity };
            return Ok(outcome(&self.put_onto(target, row, &said, &Seen::Everything)?));
        }
        let said = fields.said(plan, kind, account.into(), None, &|_| None)?;
        let space = self.space(&Space::account(account))?;
        let target = Target { space, kind, identity: &identity };
        self.create(target, beginning(kind, &identity, &said))?;
        Ok(Imported::Created)
    }
}
