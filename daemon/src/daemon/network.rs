//! The network that the routes see: sessions, pairing and discovery of the running daemon.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::Rights;
use tokio::sync::watch;

use crate::bulk::{Exchange, PeerLink};
use crate::discovery::{self, DiscoveryState};
use crate::engine::Engine;
use crate::http::network::{self, AcceptError, Accepted, Invitation, InviteError, Network, PeerStatus};
use crate::pairing::Pairing;
use crate::peers::Peers;

/// What the routes see.
pub(super) struct LiveNetwork {
    pairing: Pairing,
    peers: Peers,
    beacon: Beacon,
}

impl LiveNetwork {
    /// Shows these.
    pub(super) fn new(peers: Peers, beacon: Beacon) -> Self {
        Self { pairing: Pairing::new(peers.clone()), peers, beacon }
    }
}

impl Network for LiveNetwork {
    fn peers(&self) -> Vec<PeerStatus> {
        self.peers.status()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.peers.subscribe()
    }

    fn discovery(&self) -> network::Discovery {
        self.beacon.state()
    }

    fn sync_now(&self, peer: Option<DeviceId>) {
        self.peers.sync_now(peer);
    }

    fn invite(&self, spaces: Option<Vec<(Space, Rights)>>) -> BoxFuture<'_, Result<Invitation, InviteError>> {
        Box::pin(async { self.pairing.invite(spaces).await.map_err(|why| InviteError(why.to_string())) })
    }

    fn accept(&self, code: String, address: Option<String>) -> BoxFuture<'_, Result<Accepted, AcceptError>> {
        Box::pin(async move { self.pairing.accept(&code, address).await })
    }
}

/// What a Bulk sync with a peer sees.
pub(super) struct Exchanges {
    engine: Engine,
    peers: Peers,
}

impl Exchanges {
    /// Looks at these.
    pub(super) fn new(engine: Engine, peers: Peers) -> Self {
        Self { engine, peers }
    }
}

impl Exchange for Exchanges {
    fn knows(&self, device: &str) -> bool {
        let known = self.peers.status();
        DeviceId::parse(device).is_some_and(|device| known.iter().any(|peer| peer.device == device))
    }

    fn link(&self, device: &str) -> Option<PeerLink> {
        let device = DeviceId::parse(device)?;
        let peer = self.peers.status().into_iter().find(|peer| peer.device == device)?;
        let has = self.engine.ahead_by(device);
        Some(PeerLink { connected: peer.connected, lacks: peer.behind_by, has })
    }

    fn sync_now(&self, device: &str) {
        self.peers.sync_now(DeviceId::parse(device));
    }
}

/// Discovery as those share it who announce by it; empty where it is off or has stopped.
#[derive(Clone, Default)]
pub(super) struct Beacon(Arc<Mutex<Option<discovery::Discovery>>>);

impl Beacon {
    /// Shares a running discovery.
    pub(super) fn new(discovery: discovery::Discovery) -> Self {
        Self(Arc::new(Mutex::new(Some(discovery))))
    }

    /// Says whether an invitation is live. Does not wait.
    pub(super) fn set_pairing(&self, live: bool) {
        self.with(|discovery| discovery.set_pairing(live));
    }

    fn state(&self) -> network::Discovery {
        match self.with(|discovery| discovery.state()) {
            None => network::Discovery::Off,
            Some(DiscoveryState::Working) => network::Discovery::Working,
            Some(DiscoveryState::Unavailable(why)) => network::Discovery::Unavailable(why),
        }
    }

    /// Says farewell to the network, within two seconds.
    pub(super) async fn stop(&self) {
        let discovery = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(discovery) = discovery {
            // It waits for its thread; should that have panicked, it has stopped all the same.
            let _ = tokio::task::spawn_blocking(|| discovery.shutdown()).await;
        }
    }

    fn with<T>(&self, use_it: impl FnOnce(&discovery::Discovery) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(use_it)
    }
}
