//! Two engines without sockets.
#![allow(dead_code, reason = "each test file uses what it needs")]

pub mod talk;

use quire_daemon::engine::Engine;
use quire_protocol::identity::Scope;

/// Has two engines trust each other with everything.
pub async fn trust(a: &Engine, b: &Engine) {
    for (one, other) in [(a, b), (b, a)] {
        let brought = quire_protocol::message::Credentials {
            certificates: other.mirror().certificates.values().cloned().collect(),
            ..Default::default()
        };
        one.add_peer(other.card(), vec![Scope::Everything], brought, Vec::new()).await.unwrap();
    }
}

/// Everything `from` has that `to` lacks.
pub async fn exchange(from: &Engine, to: &Engine) {
    exchange_as(from, from, to).await;
}

/// Everything `copy` has that `to` lacks, brought in the name of the engine it is a copy of.
pub async fn exchange_as(original: &Engine, copy: &Engine, to: &Engine) {
    for (space, _) in original.clocks_for(to.card().id()) {
        let after = to.clock(&space).unwrap_or_default();
        let segments = copy.fetch(&space, &after, 1 << 30).unwrap();
        let segments = segments.into_iter().map(|(log, bytes)| (space.clone(), log, bytes)).collect();
        for done in to.ingest(original.card().id(), segments).await.unwrap() {
            assert_eq!(done.refused, None);
        }
    }
}

/// Tells `to` what `from` knows of the roster.
pub async fn gossip(from: &Engine, to: &Engine) {
    to.learn(from.credentials_for(to.card().id())).await.unwrap();
}

/// All that two engines say to each other when they meet.
pub async fn meet(a: &Engine, b: &Engine) {
    gossip(a, b).await;
    gossip(b, a).await;
    exchange(a, b).await;
    exchange(b, a).await;
}
