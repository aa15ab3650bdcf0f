//! Two and three engines over real sockets: they pair, and what one is told the others know.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use quire_daemon::discovery::Sighting;
use quire_daemon::engine::Engine;
use quire_daemon::pairing::{AcceptError, Pairing};
use quire_daemon::peers::{Options, PeerStatus, Peers};
use quire_protocol::id::Space;
use quire_protocol::identity::{Rights, Scope};
use quire_protocol::shapes::{json, model};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

struct Device {
    engine: Engine,
    peers: Peers,
    pairing: Pairing,
    /// Kept, so that discovery counts as running.
    _sightings: mpsc::Sender<Sighting>,
}

impl Device {
    async fn start(name: &str) -> Device {
        Device::run(Engine::in_memory(name).unwrap(), "127.0.0.1:0", Vec::new()).await
    }

    async fn run(engine: Engine, at: &str, connect: Vec<String>) -> Device {
        let socket = TcpListener::bind(at).await.unwrap();
        let (sender, sightings) = mpsc::channel(4);
        let options = Options { connect, sightings: Some(sightings), announce: None };
        let peers = Peers::start(engine.clone(), socket, options).unwrap();
        Device { engine, pairing: Pairing::new(peers.clone()), peers, _sightings: sender }
    }

    fn address(&self) -> String {
        self.peers.local_addr().to_string()
    }

    async fn pair_with(&self, inviter: &Device) -> PeerStatus {
        let invitation = inviter.pairing.invite(None).await.unwrap();
        self.pairing.accept(&invitation.code, Some(inviter.address())).await.unwrap().peer
    }

    async fn write(&self, account: i64, guid: u8, note: &str) {
        self.write_item(account, guid, note, "c").await;
    }

    async fn write_item(&self, account: i64, guid: u8, note: &str, content: &str) {
        let item = json!({"syncGuid": guid_of(guid), "AccountId": account, "content": content, "note": note});
        let body = json!({"Account": {"AccountId": account}, "AccountApplicationId": 1, "Markings": [item]});
        let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
        assert!(self.engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer.is_success());
    }

    fn note(&self, guid: u8) -> Option<String> {
        let item = self.engine.marking(&guid_of(guid), None).unwrap()?;
        Some(item.members["note"].as_str()?.to_owned())
    }

    fn status(&self, other: &Device) -> Option<PeerStatus> {
        let device = other.engine.card().id();
        self.peers.status().into_iter().find(|peer| peer.device == device)
    }

    fn sees(&self, other: &Device) -> bool {
        self.status(other).is_some_and(|peer| peer.connected)
    }
}

fn guid_of(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

/// 12,000 characters that cannot be compressed by much, so that more than one fetch is needed.
fn noise(seed: u8) -> String {
    let mut bytes = vec![0; 6_000];
    blake3::Hasher::new_derive_key("noise").update(&[seed]).finalize_xof().fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

/// Waits until `what` holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_pair_and_what_one_is_told_the_other_knows_at_once() {
    let (a, b) = (Device::start("a").await, Device::start("b").await);
    a.write(3, 1, "before").await;
    let peer = b.pair_with(&a).await;
    assert_eq!((peer.device, peer.name.as_str()), (a.engine.card().id(), "a"));
    until("the past arrives", || b.note(1).as_deref() == Some("before")).await;
    until("both see each other", || a.sees(&b) && b.sees(&a)).await;

    let start = Instant::now();
    a.write(3, 2, "live").await;
    until("a live change arrives", || b.note(2).as_deref() == Some("live")).await;
    println!("written, sent and readable after {:?}", start.elapsed());
    b.write(4, 3, "of a new account").await;
    until("a new space arrives", || a.note(3).is_some()).await;
    until("both know that it is on both disks", || {
        a.status(&b).unwrap().behind_by == 0 && b.status(&a).unwrap().behind_by == 0
    })
    .await;
    assert_eq!(b.status(&a).unwrap().address, Some(a.address()));
    timeout(Duration::from_secs(2), a.peers.stop()).await.unwrap();
    until("the other notices the stop", || !b.sees(&a)).await;
    let left = b.status(&a).unwrap();
    assert!(left.last_error.is_some() && left.next_attempt_ms.is_some(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn much_goes_both_ways_at_once() {
    let (a, b) = (Device::start("a").await, Device::start("b").await);
    for n in 1..=80 {
        a.write_item(3, n, "short", &noise(n)).await;
        b.write_item(3, n + 100, "short", &noise(n + 100)).await;
    }
    b.pair_with(&a).await;
    let all = || (1..=80).chain(101..=180);
    until("everything is everywhere", || all().all(|n| a.note(n).is_some() && b.note(n).is_some())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_device_relays_and_all_know_each_other() {
    let (a, b, c) = (Device::start("a").await, Device::start("b").await, Device::start("c").await);
    b.pair_with(&a).await;
    c.pair_with(&b).await;
    a.write(3, 1, "from a").await;
    c.write(3, 2, "from c").await;
    until("a to c over b", || c.note(1).is_some()).await;
    until("c to a over b", || a.note(2).is_some()).await;
    until("a heard of c", || a.status(&c).is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_and_a_wrong_one_not_at_all() {
    let (a, b, c) = (Device::start("a").await, Device::start("b").await, Device::start("c").await);
    let wrong = c.pairing.invite(None).await.unwrap().code;
    let right = a.pairing.invite(None).await.unwrap();
    let refused = b.pairing.accept(&wrong, Some(a.address())).await;
    assert!(matches!(refused, Err(AcceptError::NotAccepted)), "{refused:?}");
    b.pairing.accept(&right.uri, None).await.unwrap();
    let used = c.pairing.accept(&right.code, Some(a.address())).await;
    assert!(matches!(used, Err(AcceptError::NotAccepted)), "{used:?}");
    let mistyped = c.pairing.accept("0000-0000-00001", Some(a.address())).await;
    assert!(matches!(mistyped, Err(AcceptError::Code(_))), "{mistyped:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let away = c.pairing.accept(&wrong, Some(nobody)).await;
    assert!(matches!(away, Err(AcceptError::Unreachable(_))), "{away:?}");
    assert_eq!((a.peers.status().len(), c.peers.status().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_for_one_space_shows_nothing_of_the_others() {
    let (a, b) = (Device::start("a").await, Device::start("b").await);
    a.write(3, 1, "shared").await;
    a.write(4, 2, "private").await;
    let grants = vec![(Space::account(3), Rights::READ.or(Rights::WRITE))];
    let invitation = a.pairing.invite(Some(grants.clone())).await.unwrap();
    b.pairing.accept(&invitation.code, Some(a.address())).await.unwrap();
    until("the shared space arrives", || b.note(1).is_some()).await;
    b.write(5, 3, "the guest's own").await;
    b.write(3, 4, "the guest's share").await;
    until("the guest's record arrives", || a.note(4).is_some()).await;
    assert!(b.note(2).is_none() && a.note(3).is_none());
    assert!(b.engine.clock(&Space::account(4)).is_none());

    let c = Device::start("c").await;
    c.write(3, 9, "another person's account 3").await;
    let invitation = a.pairing.invite(Some(grants)).await.unwrap();
    let refused = c.pairing.accept(&invitation.code, Some(a.address())).await;
    assert!(matches!(refused, Err(AcceptError::AlreadyHolds(space)) if space == Space::account(3)));
    assert!(c.peers.status().is_empty() && a.status(&c).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_peer_is_thrown_out_at_once_and_stays_out() {
    let (a, b) = (Device::start("a").await, Device::start("b").await);
    b.pair_with(&a).await;
    until("connected", || a.sees(&b) && b.sees(&a)).await;
    assert!(a.engine.remove_peer(b.engine.card().id()).await.unwrap());
    until("b is out", || a.status(&b).is_none() && !b.sees(&a)).await;
    a.write(3, 1, "not for b").await;
    b.peers.sync_now(None);
    until("b is told that it is not known", || {
        b.status(&a)
            .is_some_and(|peer| peer.last_error.is_some_and(|error| error.contains("pair them again")))
    })
    .await;
    assert!(b.note(1).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_peer_is_found_again_by_its_configured_address() {
    let (a, b, c) = (Device::start("a").await, Device::start("b").await, Device::start("c").await);
    b.pair_with(&a).await;
    c.pair_with(&b).await;
    until("c may talk to a", || a.status(&c).is_some() && c.status(&a).is_some()).await;
    b.peers.stop().await;
    a.write(3, 1, "while b is away").await;
    c.peers.set_connect(vec![b.address(), a.address()]);
    until("c reaches a, which it never paired with", || c.note(1).is_some()).await;
    assert_eq!(c.status(&a).unwrap().address, Some(a.address()));

    let (at, engine) = (a.address(), a.engine.clone());
    a.peers.stop().await;
    until("c notices", || !c.sees(&a)).await;
    engine.remember_address(c.engine.card().id(), c.address()).await.unwrap();
    let a = Device::run(engine, &at, Vec::new()).await;
    c.write(3, 2, "after the restart").await;
    until("and finds it again", || a.note(2).is_some()).await;
    until("one session is left", || a.sees(&c) && c.sees(&a)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_peer_hears_why_and_the_others_drop_it() {
    let (a, b, c) = (Device::start("a").await, Device::start("b").await, Device::start("c").await);
    b.pair_with(&a).await;
    c.pair_with(&a).await;
    until("all know each other", || b.status(&c).is_some() && c.status(&b).is_some()).await;
    b.peers.set_connect(vec![c.address()]);
    until("b and c meet", || b.sees(&c)).await;
    assert!(a.engine.remove_peer(b.engine.card().id()).await.unwrap());
    until("c drops it", || c.status(&b).is_none() && !b.sees(&c)).await;
    until("b is told", || b.engine.removed_by() == [a.engine.card().id()]).await;
    let told = || b.status(&a).and_then(|peer| peer.last_error);
    until("and shows it", || told().is_some_and(|error| error.contains("removed this device"))).await;
    b.write(3, 1, "not for them").await;
    a.write(3, 2, "for c").await;
    until("the others go on", || c.note(2).is_some()).await;
    assert!(a.note(1).is_none() && c.note(1).is_none() && b.note(2).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pairing_cut_between_the_two_sides_is_healed_by_the_first_session() {
    let (a, b) = (Device::start("a").await, Device::start("b").await);
    // As a crash of the inviter leaves it, after the acceptor has written: a keeps b as invited, b trusts a.
    a.engine.invite(b.engine.card(), vec![Scope::Everything]).await.unwrap();
    assert!(a.status(&b).is_none(), "nobody is shown as paired yet");
    b.engine
        .add_peer(a.engine.card(), vec![Scope::Everything], Default::default(), vec![a.address()])
        .await
        .unwrap();
    b.peers.sync_now(None);
    until("healed", || a.sees(&b) && b.sees(&a)).await;
    a.write(3, 1, "whole").await;
    until("and whole", || b.note(1).is_some()).await;
    assert!(!a.engine.admit_invited(b.engine.card().id()).await.unwrap(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_device_that_never_came_gets_nothing_before_it_comes() {
    let (a, b, c) = (Device::start("a").await, Device::start("b").await, Device::start("c").await);
    a.engine.invite(b.engine.card(), vec![Scope::Everything]).await.unwrap();
    a.engine.invite(c.engine.card(), vec![Scope::Everything]).await.unwrap();
    assert!(!a.engine.admit_invited(b.engine.card().id()).await.unwrap(), "the last one counts");
    assert!(a.engine.credentials_for(c.engine.card().id()).certificates.is_empty());
    assert!(a.engine.remove_peer(c.engine.card().id()).await.unwrap(), "it can be taken back");
    assert!(!a.engine.admit_invited(c.engine.card().id()).await.unwrap());
}
