//! Sync tokens: immutable windows of a tenant's changes. A token is an item of the tenant's space like any other, so that
//! it can be redeemed on every daemon that holds the space; what it says is never changed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::document::{Edit, Life, Projection, Register};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::item::{IDENTITY, KIND};
use quire_protocol::node::{NO_GUID, NodeKey, guid};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::edit::Target;
use super::tree::branches;
use super::view::{BlobRows, read_blob};
use super::{Batch, View};
use crate::engine::{EngineError, TokenPut};
use crate::store::keys::{Key, Kind, SpaceNo, last_number};
use crate::store::rows::DocRow;
use crate::store::{Result, Rows, StoreError};

/// Tokens of a tenant among which the last one of a user and an application is looked for.
const KEPT: usize = 1000;

/// Key of what a token or an anchor says.
const SAYS: &str = "says";

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenState {
    /// What the client sent.
    pub sent: Map<String, Value>,
    /// The documented members, filled in.
    pub shown: Map<String, Value>,
    /// The clock at which the window begins, as an anchor: what the requested one meant when the token was made.
    pub from: String,
    /// The clock at which the window ends, as an anchor.
    pub to: String,
    /// Nodes whose place in the tree other nodes' moves decided at that clock.
    #[serde(default)]
    pub branches: BTreeMap<String, Branch>,
}

/// Where such a node was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Branch {
    /// False: where its document says.
    pub demoted: bool,
    /// Type and id of the parent in force.
    pub in_force: Option<(String, String)>,
    /// Whether that came about within the window.
    pub news: bool,
}

impl TokenState {
    /// The parent of a node at the end of the window.
    pub fn parent_of(&self, doc: DocId, projection: &Projection) -> Option<NodeKey> {
        match self.branches.get(&doc.to_string()).filter(|branch| branch.demoted) {
            Some(branch) => branch.in_force.clone().map(super::tree::node_key),
            None => super::tree::said_parent(projection),
        }
    }
}

impl View {
    /// A token of a tenant by its id.
    pub fn token(&self, space: &Space, id: &str) -> Result<Option<TokenState>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(None) };
        let row = self.row(number, DocId::of(ItemKind::Token, id))?;
        Ok(row.and_then(|row| state(self.rows(), number, &row)))
    }

    /// The tenant whose token that is: ids are the clients' own, so they are looked for in every tenant.
    pub fn tenant_of_token(&self, id: &str) -> Result<Option<Space>> {
        let doc = DocId::of(ItemKind::Token, id);
        for (number, space) in self.mirror().names.spaces().filter(|(_, space)| space.tenant_guid().is_some())
        {
            if self.row(number, doc)?.is_some() {
                return Ok(Some(space.clone()));
            }
        }
        Ok(None)
    }

    /// The last token of a user and an application.
    pub fn last_token(&self, space: &Space, user: &str, application: &str) -> Result<Option<TokenState>> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(None) };
        let mut docs = listed(self.rows(), number)?;
        docs.reverse();
        for (_, doc) in docs {
            let Some(token) = self.row(number, doc)?.and_then(|row| state(self.rows(), number, &row)) else {
                continue;
            };
            // What was not sent is all zeros.
            let says = |name: &str| token.shown.get(name).and_then(Value::as_str).unwrap_or(NO_GUID);
            if says("userId") == user && says("applicationId") == application {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }
}

/// The digits of a short anchor: what clients that store eight bytes can keep.
const SHORT: usize = 16;

fn is_short(text: &str) -> bool {
    text.len() == SHORT && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The name of a clock in sixteen digits.
fn short_name(anchor: &str) -> String {
    let hash = blake3::derive_key("quire short anchor 1", anchor.as_bytes());
    data_encoding::HEXLOWER.encode(&hash[..SHORT / 2])
}

fn says(rows: &(impl Rows + BlobRows), space: SpaceNo, row: &DocRow) -> Option<String> {
    match row.projection.get(SAYS)? {
        Register::Text(text) => Some(text.clone()),
        Register::Blob(blob) => read_blob(rows, space, blob),
        _ => None,
    }
}

fn state(rows: &(impl Rows + BlobRows), space: SpaceNo, row: &DocRow) -> Option<TokenState> {
    serde_json::from_str(&says(rows, space, row)?).ok()
}

fn listed(rows: &impl Rows, space: SpaceNo) -> Result<Vec<(u64, DocId)>> {
    let all = Key::of(Kind::Token).space(space);
    let mut out = Vec::new();
    rows.scan(&all, &all.end(), &mut |key, value| {
        let doc = value.try_into().map_err(|_| StoreError::Unreadable(crate::store::keys::describe(key)))?;
        out.push((last_number(key), DocId(doc)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(out)
}

impl Batch<'_, '_> {
    /// Keeps a token; the same again is answered again.
    pub fn put_token(&mut self, put: &TokenPut) -> Result<Map<String, Value>, EngineError> {
        let space = self.space(&put.space)?;
        let id = guid(&put.sent, "syncTokenId").unwrap_or(&put.fresh).to_owned();
        self.refuse_elsewhere(space, &id)?;
        if let Some(row) = self.row(space, DocId::of(ItemKind::Token, &id))? {
            self.seal_blobs(&row.projection)?;
            let known = state(&*self.rows, space, &row).filter(|known| known.sent == put.sent);
            let taken =
                || EngineError::Taken(format!("The syncTokenId '{id}' is in use with other content."));
            return known.map(|known| known.shown).ok_or_else(taken);
        }
        self.count_open();
        let clock = self.replica.mirror.clocks.get(space as usize).cloned().unwrap_or_default();
        let to = clock.to_anchor(&put.space);
        let current = if put.short { self.put_anchor(space, &to)? } else { to.clone() };
        let from = self.requested(space, put)?;
        let shown = filled(put, &id, current);
        let branches = self.branches_since(space, &from)?;
        let from = from.to_anchor(&put.space);
        let state = TokenState { sent: put.sent.clone(), shown: shown.clone(), from, to, branches };
        let text = serde_json::to_string(&state).map_err(|error| EngineError::Member(error.to_string()))?;
        self.put_own((space, ItemKind::Token, &id), text)?;
        Ok(shown)
    }

    /// A token is looked for by its id alone where nobody names a tenant: one id is one token's.
    fn refuse_elsewhere(&mut self, space: SpaceNo, id: &str) -> Result<(), EngineError> {
        let names = Arc::clone(&self.replica.mirror.names);
        let others = names.spaces().filter(|(other, name)| *other != space && name.tenant_guid().is_some());
        for (other, _) in others {
            if self.row(other, DocId::of(ItemKind::Token, id))?.is_some() {
                return Err(EngineError::Taken(format!(
                    "The syncTokenId '{id}' is in use by another tenant."
                )));
            }
        }
        Ok(())
    }

    /// The clock from which a token's window begins.
    fn requested(&mut self, space: SpaceNo, put: &TokenPut) -> Result<Clock, EngineError> {
        let name = put.sent.get("requestedAnchorHex").and_then(Value::as_str).unwrap_or_default();
        if let Some(clock) = Clock::from_anchor(&put.space, name) {
            return Ok(clock);
        }
        if !is_short(name) {
            return Ok(Clock::default());
        }
        let row = self.row(space, DocId::of(ItemKind::Anchor, &name.to_ascii_lowercase()))?;
        let Some(row) = row else { return Ok(Clock::default()) };
        self.seal_blobs(&row.projection)?;
        let says = says(&*self.rows, space, &row);
        Ok(says.and_then(|says| Clock::from_anchor(&put.space, &says)).unwrap_or_default())
    }

    fn branches_since(&self, space: SpaceNo, from: &Clock) -> Result<BTreeMap<String, Branch>> {
        let names = &self.replica.mirror.names;
        let one = |(doc, row): (DocId, crate::store::rows::BranchRow)| {
            let news = row.causes.iter().any(|(log, seq)| !from.covers(names.log(*log), *seq));
            (doc.to_string(), Branch { demoted: row.demoted, in_force: row.in_force, news })
        };
        let all = branches(&*self.rows, space)?.into_iter().map(one);
        Ok(all.filter(|(_, branch)| branch.demoted || branch.news).collect())
    }

    /// Keeps the clock of an anchor under a short name, and gives that.
    fn put_anchor(&mut self, space: SpaceNo, anchor: &str) -> Result<String, EngineError> {
        let name = short_name(anchor);
        if self.row(space, DocId::of(ItemKind::Anchor, &name))?.is_none() {
            self.put_own((space, ItemKind::Anchor, &name), anchor.to_owned())?;
        }
        Ok(name)
    }

    /// Makes an item of the daemon's own.
    fn put_own(
        &mut self,
        (space, kind, identity): (SpaceNo, ItemKind, &str),
        says: String,
    ) -> Result<(), EngineError> {
        let values = vec![
            (KIND.to_owned(), Register::Int(i64::from(kind.code()))),
            (IDENTITY.to_owned(), Register::Text(identity.to_owned())),
            (SAYS.to_owned(), Register::Text(says)),
        ];
        let edit = Edit { values, note: None, life: Life::Keep };
        self.create(Target { space, kind, identity }, edit).map(drop)
    }

    /// Lists a token among its tenant's last ones.
    pub(super) fn index_token(&mut self, (space, doc): (SpaceNo, DocId), row: &DocRow) -> Result<()> {
        if row.changes.len() > 1 {
            return Ok(());
        }
        let all = Key::of(Kind::Token).space(space);
        let listed = listed(&*self.rows, space)?;
        for (arrival, _) in listed.iter().take(listed.len().saturating_sub(KEPT - 1)) {
            self.rows.remove(&all.clone().number(*arrival))?;
        }
        self.rows.put(&all.number(row.row_id), &doc.0)
    }
}

/// What a client sent, with what the daemon fills in.
fn filled(put: &TokenPut, id: &str, anchor: String) -> Map<String, Value> {
    let mut shown = put.sent.clone();
    let own = [
        ("syncTokenId", Value::from(id)),
        ("tenantId", put.space.tenant_guid().unwrap_or_default().into()),
        ("currentDatabaseAnchorHex", anchor.into()),
        ("createdDateUtc", put.now.as_str().into()),
        ("updatedDateUtc", put.now.as_str().into()),
    ];
    shown.extend(own.map(|(name, value)| (name.to_owned(), value)));
    shown
}
