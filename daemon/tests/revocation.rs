//! Devices that are removed: what of theirs still counts, and where.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

use pair::{gossip, meet, trust};
use quire_daemon::engine::Engine;
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::DeviceKey;
use quire_protocol::roster::{Ruling, Saying};
use quire_protocol::shapes::{json, model};
use serde_json::{Map, Value, json};

fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

fn id(engine: &Engine) -> DeviceId {
    engine.card().id()
}

async fn write(engine: &Engine, n: u8, note: &str) {
    let item = json!({"syncGuid": guid(n), "AccountId": 3, "content": "c", "note": note, "color": "yellow"});
    let body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1, "Markings": [item]});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    assert!(engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer.is_success());
}

async fn colour(engine: &Engine, n: u8, colour: &str) {
    let members: Map<String, Value> = [("color".to_owned(), json!(colour))].into_iter().collect();
    assert!(engine.patch(&guid(n), members, None).await.unwrap().is_some());
}

fn member(engine: &Engine, n: u8, name: &str) -> Option<String> {
    let item = engine.marking(&guid(n), None).unwrap()?;
    item.members[name].as_str().map(str::to_owned)
}

fn color(engine: &Engine, n: u8) -> Option<String> {
    member(engine, n, "color")
}

/// Three devices of one person that know each other and one marking.
async fn family() -> [Engine; 3] {
    let all = ["a", "b", "c"].map(|name| Engine::in_memory(name).unwrap());
    let [a, b, c] = &all;
    trust(a, b).await;
    trust(a, c).await;
    trust(b, c).await;
    write(a, 1, "one").await;
    for (one, other) in [(a, b), (a, c), (b, c), (a, b), (a, c)] {
        meet(one, other).await;
    }
    all
}

fn clock(engine: &Engine) -> quire_protocol::clock::Clock {
    engine.clock(&Space::account(3)).unwrap()
}

#[tokio::test]
async fn what_a_removed_device_wrote_before_stays_and_what_it_writes_after_does_not_count() {
    let [a, b, c] = family().await;
    colour(&b, 1, "green").await;
    meet(&a, &b).await;
    assert!(a.remove_peer(id(&b)).await.unwrap());
    // b goes on, and c has not heard of the removal.
    colour(&b, 1, "red").await;
    write(&b, 2, "of the removed").await;
    meet(&b, &c).await;
    assert_eq!((color(&c, 1).as_deref(), color(&c, 2).is_some()), (Some("red"), true));
    meet(&a, &c).await;
    meet(&a, &c).await;
    for engine in [&a, &c] {
        assert_eq!(color(engine, 1).as_deref(), Some("green"), "what it wrote before");
        assert!(color(engine, 2).is_none(), "what it wrote after");
        assert!(engine.set_aside(id(&b)) > 0);
        assert!(engine.asides(Some(id(&b))).unwrap().iter().all(|aside| aside.author == Some(id(&b))));
    }
    assert_eq!(clock(&a), clock(&c), "the logs are whole everywhere");
    assert!(c.peers().iter().all(|peer| peer.card.id() != id(&b)));
    // It may be taken for good after all, once, by anybody who may.
    assert!(c.adopt(id(&b)).await.unwrap());
    meet(&a, &c).await;
    meet(&a, &c).await;
    for engine in [&a, &c] {
        assert_eq!((color(engine, 1).as_deref(), color(engine, 2).as_deref()), (Some("red"), Some("yellow")));
        assert_eq!(engine.set_aside(id(&b)), 0);
    }
}

#[tokio::test]
async fn what_a_trusted_device_built_on_stays() {
    let [a, b, c] = family().await;
    a.remove_peer(id(&b)).await.unwrap();
    write(&b, 2, "late").await;
    meet(&b, &c).await;
    // c edits what it took for good, not having heard.
    colour(&c, 2, "blue").await;
    colour(&b, 1, "red").await;
    meet(&b, &c).await;
    meet(&a, &c).await;
    meet(&a, &c).await;
    for engine in [&a, &c] {
        assert_eq!(color(engine, 2).as_deref(), Some("blue"), "c's own edit is nowhere lost");
        assert_eq!(member(engine, 2, "note").as_deref(), Some("late"));
        assert_eq!(color(engine, 1).as_deref(), Some("yellow"));
    }
    assert_eq!(clock(&a), clock(&c));
}

#[tokio::test]
async fn the_order_in_which_records_and_the_removal_come_does_not_matter() {
    let [a, b, c] = family().await;
    let d = Engine::in_memory("d").unwrap();
    trust(&c, &d).await;
    meet(&c, &d).await;
    a.remove_peer(id(&b)).await.unwrap();
    write(&b, 2, "late").await;
    colour(&b, 2, "red").await;
    meet(&b, &c).await;
    meet(&c, &d).await;
    colour(&d, 2, "blue").await;
    colour(&b, 1, "black").await;
    meet(&b, &c).await;
    meet(&c, &d).await;
    // a hears of records first, c of the removal first.
    for (one, other) in [(&a, &c), (&c, &d), (&a, &c), (&c, &d), (&a, &c)] {
        meet(one, other).await;
    }
    for n in [1, 2] {
        let colours = [&a, &c, &d].map(|engine| color(engine, n));
        assert!(colours.iter().all(|one| *one == colours[0]), "{n}: {colours:?}");
    }
    assert_eq!(color(&a, 2).as_deref(), Some("blue"));
    assert_eq!(color(&a, 1).as_deref(), Some("yellow"));
}

#[tokio::test]
async fn an_app_hears_of_what_was_decided_otherwise() {
    let [a, b, c] = family().await;
    a.remove_peer(id(&b)).await.unwrap();
    colour(&b, 1, "red").await;
    meet(&b, &c).await;
    let before = c.last_event();
    let ask = |cursor: Option<String>| {
        let mut body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 7, "Markings": []});
        if let Some(cursor) = cursor {
            body["LastSyncTimestamp"] = cursor.into();
        }
        model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap()
    };
    let first = c.synchronize(ask(None), 1_800_000_000_000).await.unwrap().answer;
    let first: Value = serde_json::from_slice(&model::write(&first)).unwrap();
    let model = &first["Result"];
    assert_eq!(model["Markings"][0]["color"], "red");
    let cursor = model["CurrentSyncTimestamp"].as_str().unwrap().to_owned();
    gossip(&a, &c).await;
    let news = c.synchronize(ask(Some(cursor)), 1_800_000_001_000).await.unwrap().answer;
    let news: Value = serde_json::from_slice(&model::write(&news)).unwrap();
    assert_eq!(news["Result"]["Markings"][0]["color"], "yellow", "{news}");
    assert!(c.last_event() > before);
    assert!(c.conflicts(None).unwrap().is_empty());
}

#[tokio::test]
async fn two_that_remove_each_other_are_both_out_and_paper_decides() {
    let [a, b, c] = family().await;
    let paper = DeviceKey::from_seed(&[9; 32]);
    assert!(a.name_recovery(paper.public()).await.unwrap());
    write(&b, 6, "honest").await;
    for other in [&b, &c, &b] {
        meet(&a, other).await;
    }
    // The thief has b: it names a key of its own, and throws the owner out.
    let forged = DeviceKey::from_seed(&[8; 32]);
    assert!(!b.name_recovery(forged.public()).await.unwrap());
    b.remove_peer(id(&a)).await.unwrap();
    a.remove_peer(id(&b)).await.unwrap();
    meet(&b, &c).await;
    write(&b, 7, "the thief's").await;
    meet(&b, &c).await;
    c.learn(a.mirror().farewell_to(id(&b)).unwrap()).await.unwrap();
    assert!(c.peers().is_empty(), "both are out");
    assert_eq!(b.removed_by(), []);
    // The owner has the paper, and types an invitation of c.
    let expel = Saying::Expel { devices: vec![id(&b)] };
    assert!(!a.expel(Ruling::make(&expel, &forged)).await.unwrap());
    assert!(a.expel(Ruling::make(&expel, &paper)).await.unwrap());
    trust(&a, &c).await;
    meet(&a, &c).await;
    write(&a, 5, "again").await;
    meet(&a, &c).await;
    assert_eq!(member(&c, 5, "note").as_deref(), Some("again"));
    assert!(c.peers().iter().all(|peer| peer.card.id() == id(&a)) && c.peers().len() == 1);
    for engine in [&a, &c] {
        assert_eq!(
            member(engine, 6, "note").as_deref(),
            Some("honest"),
            "what the device wrote before stays"
        );
        assert_eq!(member(engine, 7, "note"), None);
    }
}

#[tokio::test]
async fn whom_the_removed_device_had_brought_along_stays() {
    let (a, b, c) =
        (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap(), Engine::in_memory("c").unwrap());
    trust(&a, &b).await;
    trust(&b, &c).await;
    write(&a, 1, "one").await;
    meet(&b, &c).await;
    meet(&a, &b).await;
    assert_eq!(a.peers().len(), 2);
    a.remove_peer(id(&b)).await.unwrap();
    let left: Vec<_> = a.peers().iter().map(|peer| (peer.card.id(), peer.added_by.clone())).collect();
    assert_eq!(left, [(id(&c), vec![id(&a)])]);
}

#[tokio::test]
async fn pairing_again_takes_all_in_again() {
    let [a, b, c] = family().await;
    a.remove_peer(id(&b)).await.unwrap();
    colour(&b, 1, "red").await;
    meet(&a, &c).await;
    assert!(a.credentials_for(id(&b)).roster.is_empty(), "who is out is told nothing");
    trust(&a, &b).await;
    for (one, other) in [(&a, &b), (&a, &c), (&b, &c), (&a, &b)] {
        meet(one, other).await;
    }
    for engine in [&a, &b, &c] {
        assert_eq!(color(engine, 1).as_deref(), Some("red"));
    }
}
