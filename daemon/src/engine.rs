//! The one owner of the replica: a thread that commits whatever waits as one group, and answers after the
//! sync. Callers hold a handle; none is known to it.

mod types;

pub use types::{
    Changed, ConflictView, EngineError, Event, Ingested, ItemView, MarkingFilter, PeerRecord, SpaceView,
    Synchronized,
};

use std::sync::Arc;

use quire_protocol::clock::Clock;
use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{DeviceCard, Scope};
use quire_protocol::message::Credentials;
use quire_protocol::shapes::model::SynchronizationModel;
use serde_json::{Map, Value};

use crate::channel::StaticKey;

/// A handle on the engine; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {}

impl Engine {
    /// This device as others know it.
    pub fn card(&self) -> DeviceCard {
        unimplemented!()
    }
    /// The key of the encrypted channel.
    pub fn channel_key(&self) -> &StaticKey {
        unimplemented!()
    }
    /// Signs with the device key. `statement` must begin with words that nothing else signed begins with.
    pub fn sign(&self, statement: &[u8]) -> [u8; 64] {
        let _ = statement;
        unimplemented!()
    }
    /// What is announced, after it is on disk. A receiver that lags gets an error and reads clocks anew.
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Arc<Event>> {
        unimplemented!()
    }

    // --- for sessions
    /// The device that holds this channel key, when it is trusted with anything.
    pub fn device_of(&self, channel_key: &[u8; 32]) -> Option<DeviceId> {
        let _ = channel_key;
        unimplemented!()
    }
    /// What `peer` may know of the roster.
    pub fn credentials_for(&self, peer: DeviceId) -> Credentials {
        let _ = peer;
        unimplemented!()
    }
    /// Clocks of the spaces that `peer` may read.
    pub fn clocks_for(&self, peer: DeviceId) -> Vec<(Space, Clock)> {
        let _ = peer;
        unimplemented!()
    }
    /// Encoded segments that `after` does not cover, in order of arrival, about `bytes` of them. Blocks on the disk, briefly.
    pub fn fetch(
        &self,
        space: &Space,
        after: &Clock,
        bytes: usize,
    ) -> Result<Vec<(Incarnation, Vec<u8>)>, EngineError> {
        let _ = (space, after, bytes);
        unimplemented!()
    }
    /// Verifies and keeps segments that `peer` sent; answers when they are on disk, one for each, in order.
    pub async fn ingest(
        &self,
        peer: DeviceId,
        segments: Vec<(Space, Incarnation, Vec<u8>)>,
    ) -> Result<Vec<Ingested>, EngineError> {
        let _ = (peer, segments);
        unimplemented!()
    }
    /// Keeps roster entries and certificates that hold; others are ignored. Emits `Event::Roster` when anything was new.
    pub async fn learn(&self, credentials: Credentials) -> Result<(), EngineError> {
        let _ = credentials;
        unimplemented!()
    }
    /// Notes what is on a peer's disk. `None` forgets nothing; a clock of a new session replaces the old one.
    pub fn peer_has(&self, peer: DeviceId, space: &Space, clock: Clock, fresh_session: bool) {
        let _ = (peer, space, clock, fresh_session);
        unimplemented!()
    }

    // --- for peers and pairing
    /// Every device that is trusted with anything, itself left out.
    pub fn peers(&self) -> Vec<PeerRecord> {
        unimplemented!()
    }
    /// Adds a device to these scopes in this device's name and keeps what it brought, in one transaction.
    pub async fn add_peer(
        &self,
        card: DeviceCard,
        scopes: Vec<Scope>,
        brought: Credentials,
        addresses: Vec<String>,
    ) -> Result<(), EngineError> {
        let _ = (card, scopes, brought, addresses);
        unimplemented!()
    }
    /// Forgets a device here: no session, no records from it any more.
    pub async fn remove_peer(&self, peer: DeviceId) -> Result<bool, EngineError> {
        let _ = peer;
        unimplemented!()
    }
    /// Keeps an address (`HOST:PORT`) at which a peer was reached; at most 8 of each, newest first.
    pub async fn remember_address(&self, peer: DeviceId, address: String) -> Result<(), EngineError> {
        let _ = (peer, address);
        unimplemented!()
    }
    /// Records that the peer's disk does not have, as far as it said.
    pub fn behind_by(&self, peer: DeviceId) -> u64 {
        let _ = peer;
        unimplemented!()
    }
    /// Records of this device's logs that were set aside.
    pub fn set_aside(&self, peer: DeviceId) -> u64 {
        let _ = peer;
        unimplemented!()
    }
    /// Whether this replica holds records of the space.
    pub fn holds(&self, space: &Space) -> bool {
        let _ = space;
        unimplemented!()
    }

    // --- for apps (reads block on the disk, briefly)
    /// Every space that is held.
    pub fn spaces(&self) -> Vec<SpaceView> {
        unimplemented!()
    }
    /// A space's clock; `None` when it is not held.
    pub fn clock(&self, space: &Space) -> Option<Clock> {
        let _ = space;
        unimplemented!()
    }
    /// Markings in a stable order.
    pub fn markings(&self, filter: &MarkingFilter) -> Result<Vec<ItemView>, EngineError> {
        let _ = filter;
        unimplemented!()
    }
    /// One marking by its `syncGuid` (lower-case with hyphens), in `account` or in any.
    pub fn marking(&self, sync_guid: &str, account: Option<i64>) -> Result<Option<ItemView>, EngineError> {
        let _ = (sync_guid, account);
        unimplemented!()
    }
    /// Changes members of a marking as it is now; `if_match` is an `etag` that must still hold. `Ok(None)`: no such marking.
    pub async fn patch(
        &self,
        sync_guid: &str,
        members: Map<String, Value>,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        let _ = (sync_guid, members, if_match);
        unimplemented!()
    }
    /// Removes a marking as it is now.
    pub async fn remove(
        &self,
        sync_guid: &str,
        if_match: Option<String>,
    ) -> Result<Option<ItemView>, EngineError> {
        let _ = (sync_guid, if_match);
        unimplemented!()
    }
    /// Every conflict, optionally of one space.
    pub fn conflicts(&self, space: Option<&Space>) -> Result<Vec<ConflictView>, EngineError> {
        let _ = space;
        unimplemented!()
    }
    /// Settles a conflict with a value; `Ok(None)`: no such conflict (any more).
    pub async fn resolve(&self, id: &str, value: Value) -> Result<Option<ItemView>, EngineError> {
        let _ = (id, value);
        unimplemented!()
    }
    /// Does a documented `synchronize` request. `now_ms`: the wall clock, for naming a cursor.
    pub async fn synchronize(
        &self,
        model: SynchronizationModel,
        now_ms: i64,
    ) -> Result<Synchronized, EngineError> {
        let _ = (model, now_ms);
        unimplemented!()
    }
    /// Changes with an event id above `after`, oldest first, at most `limit`; `None` when they are no longer all there.
    pub fn changes_after(&self, after: u64, limit: usize) -> Result<Option<Vec<Changed>>, EngineError> {
        let _ = (after, limit);
        unimplemented!()
    }
    /// Id of the newest change.
    pub fn last_event(&self) -> u64 {
        unimplemented!()
    }
    /// Answers once everything acknowledged is on disk and the engine has stopped.
    pub async fn stop(&self) {
        unimplemented!()
    }
}
