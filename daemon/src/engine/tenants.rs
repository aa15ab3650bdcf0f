//! What field apps ask of the engine: nodes, tokens and their windows, messages.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use serde_json::{Map, Value};

use super::writer::Command;
use super::{Engine, EngineError, ItemView, MessagePut, NodeFilter, NodeName, NodePut, TokenPut, WindowPage};
use crate::replica::{TokenState, Window};

/// Windows kept listed while they are paged: as many as apps that sync at once, each of 16 bytes a node.
const WINDOWS: usize = 8;

/// Windows that were read lately, by tenant and token.
pub(super) struct Windows(Mutex<LruCache<(Space, String), Arc<Window>>>);

impl Default for Windows {
    fn default() -> Windows {
        Windows(Mutex::new(LruCache::new(NonZeroUsize::new(WINDOWS).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl Engine {
    /// Creates a node, or changes what differs from it.
    pub async fn put_node(&self, put: NodePut) -> Result<ItemView, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::PutNode { put, reply }).await
    }

    /// Changes a node as it is now; `if_match` is an `etag` that must still hold. `Ok(None)`: no such node.
    pub async fn patch_node(
        &self,
        name: NodeName,
        put: NodePut,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::PatchNode { name, put, if_match, reply }).await
    }

    /// Removes a node as it is now.
    pub async fn remove_node(
        &self,
        space: Space,
        name: NodeName,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        self.ask(|reply| Command::RemoveNode { space, name, if_match, reply }).await
    }

    /// Every tenant that is held.
    pub fn tenants(&self) -> Vec<Space> {
        let mirror = self.mirror();
        let all = mirror.names.spaces().map(|(_, space)| space.clone());
        all.filter(|space| space.tenant_guid().is_some()).collect()
    }

    /// Nodes in a stable order. Blocks on the disk.
    pub fn nodes(&self, filter: &NodeFilter) -> Result<Vec<ItemView>, EngineError> {
        self.view()?.nodes(filter)
    }

    /// Does what a message asks for, once; gives it as it was taken.
    pub async fn put_message(&self, put: MessagePut) -> Result<Map<String, Value>, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::PutMessage { put, reply }).await
    }

    /// Messages of a tenant, oldest first. Blocks on the disk.
    pub fn messages(&self, space: &Space) -> Result<Vec<Map<String, Value>>, EngineError> {
        Ok(self.view()?.messages(space)?)
    }

    /// Keeps a sync token; gives its documented members.
    pub async fn put_token(&self, put: TokenPut) -> Result<Map<String, Value>, EngineError> {
        let put = Box::new(put);
        self.ask(|reply| Command::PutToken { put, reply }).await
    }

    /// The last token of a user and an application.
    pub fn last_token(
        &self,
        space: &Space,
        user: &str,
        application: &str,
    ) -> Result<Option<Map<String, Value>>, EngineError> {
        Ok(self.view()?.last_token(space, user, application)?.map(|token| token.shown))
    }

    /// A page of a token's window, `first` nodes after its beginning; `None`: no such token. Without a tenant the
    /// token is looked for in all. Blocks on the disk.
    pub fn window_page(
        &self,
        tenant: Option<&Space>,
        token: &str,
        first: usize,
        count: usize,
    ) -> Result<Option<WindowPage>, EngineError> {
        let view = self.view()?;
        let space = match tenant {
            Some(space) => space.clone(),
            None => match view.tenant_of_token(token)? {
                Some(space) => space,
                None => return Ok(None),
            },
        };
        let Some(state) = view.token(&space, token)? else { return Ok(None) };
        let to = Clock::from_anchor(&space, &state.to).unwrap_or_default();
        if !view.mirror().clock(&space).includes(&view.mirror().capped(&space, to)) {
            // What is shown now would lack what no later window names.
            return Err(EngineError::Behind);
        }
        let window = self.window(&view, &space, token, &state)?;
        let docs = window.live.get(first..).unwrap_or_default();
        let nodes = view.page(&space, &state, docs.get(..count).unwrap_or(docs))?;
        Ok(Some(WindowPage { nodes, total: window.live.len(), removed: window.removed.clone() }))
    }

    fn window(
        &self,
        view: &crate::replica::View,
        space: &Space,
        token: &str,
        state: &TokenState,
    ) -> Result<Arc<Window>, EngineError> {
        // Of two tokens that were made apart under one id, each has its own window.
        let name = (space.clone(), format!("{token} {}", state.to));
        let kept =
            |windows: &Windows| windows.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(window) = kept(&self.inner.windows) {
            return Ok(window);
        }
        let window = Arc::new(view.window(space, state)?);
        let mut windows = self.inner.windows.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.put(name, Arc::clone(&window));
        Ok(window)
    }
}
