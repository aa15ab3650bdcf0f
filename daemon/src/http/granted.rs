//! The engine as far as a request's caller may use it: the one place where the spaces of an app (`api.apps`) are compared
//! with those that a documented shape is about. Handlers of these shapes have no other way to what is kept.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use quire_protocol::id::Space;
use quire_protocol::identity::Rights;
use quire_protocol::shapes::model::{Answer, Item, SynchronizationModel};
use serde_json::{Map, Value};

use super::admission::Pass;
use super::router::Services;
use crate::apps::{App, Grant};
use crate::engine::{
    Engine, EngineError, ItemView, MarkingsDone, MarkingsPut, MessageAction, MessagePut, NodeFilter, NodePut,
    Synchronized, TokenPut, WindowPage,
};

type Result<T> = std::result::Result<T, EngineError>;

/// What is kept, to one caller.
#[derive(Clone)]
pub(super) struct Granted {
    engine: Engine,
    /// None for a caller with all rights.
    app: Option<Arc<App>>,
}

impl FromRequestParts<Services> for Granted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Services,
    ) -> std::result::Result<Self, Self::Rejection> {
        let app = match parts.extensions.get() {
            Some(Pass::App(app)) if app.is_restricted() => Some(Arc::clone(app)),
            _ => None,
        };
        Ok(Self { engine: services.engine.clone(), app })
    }
}

impl Granted {
    /// Does a `synchronize`. `now_ms`: the wall clock, for naming a cursor.
    pub(super) async fn synchronize(
        &self,
        mut model: SynchronizationModel,
        now_ms: i64,
    ) -> Result<Synchronized> {
        if let Some(app) = &self.app {
            model.items.retain(|item| !only_names_its_account(app, item));
            for account in model.accounts() {
                let writes = |item: &Item| item.account.is_none_or(|own| own == account);
                let rights = if model.items.iter().any(writes) { Grant::BOTH } else { Rights::READ };
                self.check(&Space::account(account), rights)?;
            }
        }
        self.engine.synchronize(model, now_ms).await
    }

    /// Does something with markings as they are now. Those that name no account are in the one that is spoken for.
    pub(super) async fn put_markings(&self, mut put: MarkingsPut) -> Result<MarkingsDone> {
        if self.app.is_some() {
            for item in &mut put.items {
                let account = item.account.or(put.account).map_or_else(|| self.only_account(), Ok)?;
                self.check(&Space::account(account), Grant::BOTH)?;
                item.account = Some(account);
            }
        }
        self.engine.put_markings(put).await
    }

    /// One marking by its GUID, in `account` or in any.
    pub(super) fn marking(&self, guid: &str, account: Option<i64>) -> Result<Option<ItemView>> {
        match (account, &self.app) {
            (Some(account), _) => {
                self.check(&Space::account(account), Rights::READ)?;
                self.engine.marking(guid, Some(account))
            }
            (None, None) => self.engine.marking(guid, None),
            (None, Some(app)) => {
                for account in accounts(app) {
                    if let Some(found) = self.engine.marking(guid, Some(account))? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
        }
    }

    /// What an e-reader shows first. Blocks on the disk.
    pub(super) fn initial_content(&self, account: Option<i64>) -> Result<Answer> {
        if self.app.is_none() {
            return self.engine.initial_content(account);
        }
        let account = account.map_or_else(|| self.only_account(), Ok)?;
        self.check(&Space::account(account), Rights::READ)?;
        self.engine.initial_content(Some(account))
    }

    /// The number of a new application; it says nothing of any space.
    pub(super) async fn register(&self, device: String) -> Result<i64> {
        self.engine.register(device).await
    }

    /// A device of a tenant; nothing is kept of it.
    pub(super) fn device_of(&self, tenant: &Space) -> Result<()> {
        self.check(tenant, Grant::BOTH)
    }

    /// Every tenant that is held and may be read.
    pub(super) fn tenants(&self) -> Vec<Space> {
        let may = |space: &Space| self.check(space, Rights::READ).is_ok();
        self.engine.tenants().into_iter().filter(may).collect()
    }

    /// Creates a node, or changes what differs from it.
    pub(super) async fn put_node(&self, put: NodePut) -> Result<ItemView> {
        self.check(&put.space, Grant::BOTH)?;
        self.engine.put_node(put).await
    }

    /// Nodes in a stable order. Blocks on the disk.
    pub(super) fn nodes(&self, filter: &NodeFilter) -> Result<Vec<ItemView>> {
        self.check(&filter.space, Rights::READ)?;
        self.engine.nodes(filter)
    }

    /// Does what a message asks for, once: in the tenant that keeps it, and in each that it names.
    pub(super) async fn put_message(&self, put: MessagePut) -> Result<Map<String, Value>> {
        self.check(&put.space, Grant::BOTH)?;
        match &put.action {
            MessageAction::Remove(names) => {
                names.iter().try_for_each(|(space, _)| self.check(space, Grant::BOTH))?;
            }
            MessageAction::Put(nodes) => {
                nodes.iter().try_for_each(|node| self.check(&node.space, Grant::BOTH))?;
            }
        }
        self.engine.put_message(put).await
    }

    /// Messages of a tenant, oldest first. Blocks on the disk.
    pub(super) fn messages(&self, space: &Space) -> Result<Vec<Map<String, Value>>> {
        self.check(space, Rights::READ)?;
        self.engine.messages(space)
    }

    /// Keeps a sync token; whoever may read a tenant may ask for its changes.
    pub(super) async fn put_token(&self, put: TokenPut) -> Result<Map<String, Value>> {
        self.check(&put.space, Rights::READ)?;
        self.engine.put_token(put).await
    }

    /// The last token of a user and an application.
    pub(super) fn last_token(
        &self,
        space: &Space,
        user: &str,
        app: &str,
    ) -> Result<Option<Map<String, Value>>> {
        self.check(space, Rights::READ)?;
        self.engine.last_token(space, user, app)
    }

    /// A page of a token's window; without a tenant it is looked for in all that may be read. Blocks on the disk.
    pub(super) fn window_page(
        &self,
        tenant: Option<&Space>,
        token: &str,
        first: usize,
        count: usize,
    ) -> Result<Option<WindowPage>> {
        if let (None, Some(_)) = (tenant, &self.app) {
            for tenant in self.tenants() {
                if let Some(page) = self.engine.window_page(Some(&tenant), token, first, count)? {
                    return Ok(Some(page));
                }
            }
            return Ok(None);
        }
        tenant.map_or(Ok(()), |tenant| self.check(tenant, Rights::READ))?;
        self.engine.window_page(tenant, token, first, count)
    }

    fn check(&self, space: &Space, rights: Rights) -> Result<()> {
        match &self.app {
            Some(app) if !app.may(space, rights) => {
                let what = if app.may(space, Rights::READ) { "write to" } else { "use" };
                Err(EngineError::Forbidden(format!("This app password may not {what} {space}.")))
            }
            _ => Ok(()),
        }
    }

    /// The account of an app that has but one.
    fn only_account(&self) -> Result<i64> {
        let app = self.app.iter();
        let own: Vec<i64> = app.flat_map(|app| accounts(app)).collect();
        match own[..] {
            [only] => Ok(only),
            _ => Err(EngineError::Forbidden(
                "This app password needs a request that names an account.".to_owned(),
            )),
        }
    }
}

fn accounts(app: &App) -> impl Iterator<Item = i64> + '_ {
    app.spaces.iter().filter_map(|grant| grant.space.account_number())
}

/// An app that may only read names the account it speaks for all the same: that is no edit.
fn only_names_its_account(app: &App, item: &Item) -> bool {
    let Some(account) = item.account else { return false };
    let names = item.kind == quire_protocol::domain::Kind::Account
        && item.members.keys().all(|name| name == "AccountId");
    names && !app.may(&Space::account(account), Rights::WRITE)
}
