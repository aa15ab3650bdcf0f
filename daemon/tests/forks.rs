//! Logs that one device wrote in two places: seen, told, and nothing of them lost.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

#[path = "forks/family.rs"]
mod family;
#[path = "forks/finer.rs"]
mod finer;
#[path = "forks/stories.rs"]
mod stories;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use family::*;
use pair::talk::talk;
use quire_daemon::engine::Engine;
use quire_daemon::peers::{Options, Peers};
use tokio::net::TcpListener;

#[tokio::test]
async fn what_a_device_and_its_clone_wrote_is_everywhere() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    let log = a.mirror().log;
    colour(a, 1, "green").await;
    set(a, 2, "note", "two, by a").await;
    write(a, 3, "of a").await;
    colour(clone, 1, "red").await;
    set(clone, 2, "note", "clone: two").await;
    write(clone, 4, "of the clone").await;
    write(clone, 5, "of the clone too").await;
    // P hears of the one, Q of the other, and each builds on it.
    talk(a, p).await;
    talk(clone, q).await;
    assert_eq!(member(p, 3, "note").as_deref(), Some("of a"));
    assert_eq!(member(q, 4, "note").as_deref(), Some("of the clone"));
    colour(p, 3, "blue").await;
    set(p, 1, "content", "by p").await;
    colour(q, 4, "black").await;
    family.gather().await;
    family.same();
    for engine in [a, clone, p, q] {
        assert_eq!(values(engine, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
        assert_eq!(member(engine, 2, "note").as_deref(), Some("clone: two, by a"));
        assert_eq!(member(engine, 3, "note").as_deref(), Some("of a"));
        assert_eq!(member(engine, 4, "note").as_deref(), Some("of the clone"));
        assert_eq!(member(engine, 5, "note").as_deref(), Some("of the clone too"));
        assert_eq!(member(engine, 1, "content").as_deref(), Some("by p"));
        assert!(values(engine, 3, "color").contains("blue"));
        assert!(values(engine, 4, "color").contains("black"));
        assert_eq!(engine.forks().len(), 1);
        assert_eq!(clock(engine).get(log), family.end, "{:?}", clock(engine));
    }
    assert!(a.mirror().log != log && clone.mirror().log != log && a.mirror().log != clone.mirror().log);
    // From here on all is as ever.
    colour(a, 5, "white").await;
    write(clone, 6, "later").await;
    family.gather().await;
    family.same();
    assert_eq!(member(p, 5, "color").as_deref(), Some("white"));
    assert_eq!(member(a, 6, "note").as_deref(), Some("later"));
}

#[tokio::test]
async fn as_many_records_on_both_sides_are_noticed() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    colour(a, 1, "green").await;
    colour(clone, 1, "red").await;
    talk(a, p).await;
    talk(clone, q).await;
    assert_eq!(clock(p), clock(q), "the clocks do not tell");
    assert_ne!(member(p, 1, "color"), member(q, 1, "color"));
    let told = talk(p, q).await;
    assert!(told.recounts >= 1 && told.sessions >= 2, "{told:?}");
    assert_eq!(p.forks(), q.forks());
    assert_eq!(member(p, 1, "color"), member(q, 1, "color"));
    family.gather().await;
    family.same();
    assert_eq!(values(q, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
}

#[tokio::test]
async fn a_device_that_signs_two_stories_makes_no_others_differ() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    // One hostile device tells P this and Q that, and is never seen again.
    write(a, 3, "for p").await;
    colour(a, 1, "green").await;
    write(clone, 4, "for q").await;
    colour(clone, 1, "red").await;
    colour(clone, 2, "red").await;
    talk(a, p).await;
    talk(clone, q).await;
    colour(p, 3, "blue").await;
    set(q, 1, "content", "by q").await;
    set(q, 2, "note", "two, by q").await;
    for _ in 0..3 {
        talk(p, q).await;
    }
    same(&[p, q]);
    for engine in [p, q] {
        assert_eq!(member(engine, 3, "note").as_deref(), Some("for p"));
        assert_eq!(member(engine, 3, "color").as_deref(), Some("blue"));
        assert_eq!(member(engine, 4, "note").as_deref(), Some("for q"));
        assert_eq!(values(engine, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
        assert_eq!(member(engine, 2, "color").as_deref(), Some("red"));
        assert_eq!(member(engine, 1, "content").as_deref(), Some("by q"));
        assert_eq!(member(engine, 2, "note").as_deref(), Some("two, by q"));
        assert!(engine.set_aside(a.card().id()) > 0);
    }
    assert_eq!(p.behind_by(q.card().id()), 0);
    assert_eq!(p.ahead_by(q.card().id()), 0);
    let whose = |aside: quire_daemon::replica::SetAside| format!("{:?}", aside.why);
    let reasons: BTreeSet<String> = p.asides(None).unwrap().into_iter().map(whose).collect();
    assert_eq!(reasons, BTreeSet::from(["Forked".to_owned(), "DependsOnForked".to_owned()]));
    // Nothing is asked again.
    let told = talk(p, q).await;
    assert_eq!((told.sessions, told.recounts), (1, 0));
}

/// An old state of a disk put back under a device that goes on, and of what came after nobody has the rest but its peers.
#[tokio::test]
async fn a_device_set_back_unnoticed_loses_nothing_that_a_peer_holds() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    colour(a, 1, "green").await;
    set(a, 2, "note", "two, and more").await;
    write(a, 3, "before it was set back").await;
    let large = "a long note ".repeat(9_000);
    write(a, 4, &large).await;
    talk(a, p).await;
    // From here on A is gone: the clone is what its disk was at first, and writes before it meets anybody.
    set(clone, 2, "note", "and two").await;
    write(clone, 5, "after it was set back").await;
    colour(clone, 1, "red").await;
    for _ in 0..4 {
        talk(clone, p).await;
        talk(p, q).await;
        talk(clone, q).await;
    }
    same(&[clone, p, q]);
    for engine in [clone, p, q] {
        assert_eq!(values(engine, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
        assert_eq!(member(engine, 2, "note").as_deref(), Some("and two, and more"));
        assert_eq!(member(engine, 3, "note").as_deref(), Some("before it was set back"));
        assert_eq!(member(engine, 4, "note").as_deref(), Some(&large[..]));
        assert_eq!(member(engine, 5, "note").as_deref(), Some("after it was set back"));
    }
    assert_eq!(clock(p), clock(clone));
    // Nothing more is written once all is said.
    let before = clock(p);
    talk(clone, p).await;
    talk(p, q).await;
    assert_eq!(clock(p), before);
}

#[tokio::test]
async fn restarts_in_between_change_nothing() {
    let mut family = family().await;
    let log = family.a.mirror().log;
    colour(&family.a, 1, "green").await;
    write(&family.a, 3, "of a").await;
    colour(&family.clone, 1, "red").await;
    write(&family.clone, 4, "of the clone").await;
    talk(&family.a, &family.p).await;
    talk(&family.clone, &family.q).await;
    talk(&family.p, &family.q).await;
    talk(&family.a, &family.q).await;
    let renewed = family.a.mirror().log;
    assert_ne!(renewed, log);
    let before = (clock(&family.a), all(&family.a), family.a.forks());
    for n in 0..2 {
        let engine = if n == 0 { &mut family.a } else { &mut family.clone };
        engine.stop().await;
        *engine = Engine::in_memory("none").unwrap();
        *engine = Engine::open(family.folders[n].path(), "a").unwrap();
    }
    assert_eq!((clock(&family.a), all(&family.a), family.a.forks()), before);
    assert_eq!(family.a.mirror().log, renewed);
    assert_eq!(family.clone.mirror().log, log, "it has not heard yet");
    family.gather().await;
    family.same();
    assert_eq!(values(&family.q, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
    assert_eq!(member(&family.q, 3, "note").as_deref(), Some("of a"));
    assert_eq!(member(&family.p, 4, "note").as_deref(), Some("of the clone"));
}

#[tokio::test]
async fn a_fork_of_a_fork_is_none_the_worse() {
    let mut family = family().await;
    // The clone is cloned in turn, after it has gone on.
    colour(&family.clone, 1, "red").await;
    write(&family.clone, 4, "of the clone").await;
    family.clone.stop().await;
    family.clone = Engine::in_memory("none").unwrap();
    let third = cloned(family.folders[1].path());
    family.clone = Engine::open(family.folders[1].path(), "a").unwrap();
    let other = Engine::open(third.path(), "a").unwrap();
    let Family { a, clone, p, q, .. } = &family;
    assert_eq!(other.mirror().log, a.mirror().log);
    colour(clone, 4, "blue").await;
    colour(&other, 4, "black").await;
    write(&other, 5, "of the third").await;
    write(a, 3, "of a").await;
    // The later fork is found first, and built upon.
    talk(clone, p).await;
    talk(&other, q).await;
    talk(p, q).await;
    talk(clone, p).await;
    talk(&other, q).await;
    set(p, 4, "content", "by p").await;
    for _ in 0..4 {
        for device in [a, clone, &other] {
            talk(device, p).await;
            talk(device, q).await;
        }
        talk(p, q).await;
    }
    same(&[a, clone, &other, p, q]);
    assert_eq!(p.forks().len(), 1);
    assert_eq!(p.forks().first().unwrap().2, family.end);
    assert_eq!(member(q, 1, "color").as_deref(), Some("red"));
    assert_eq!(member(q, 3, "note").as_deref(), Some("of a"));
    assert_eq!(member(q, 4, "note").as_deref(), Some("of the clone"));
    assert_eq!(member(q, 5, "note").as_deref(), Some("of the third"));
    assert!(values(q, 4, "color").is_superset(&BTreeSet::from(["black".into(), "blue".into()])));
    assert!(values(q, 4, "content").contains("by p"));
}

#[tokio::test]
async fn a_long_log_is_searched_in_few_questions() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    for n in 10..60 {
        write(a, n, &format!("a {n}")).await;
        write(clone, n, &format!("clone {n}")).await;
    }
    for _ in 0..40 {
        colour(a, 1, "green").await;
        colour(a, 1, "red").await;
        colour(clone, 1, "blue").await;
        colour(clone, 1, "white").await;
    }
    talk(a, p).await;
    talk(clone, q).await;
    let told = talk(p, q).await;
    assert!((1..20).contains(&told.recounts), "{told:?}");
    family.gather().await;
    family.same();
    for n in 10..60 {
        let note = member(p, n, "note").unwrap();
        assert!(note.contains(&format!("a {n}")) && note.contains(&format!("clone {n}")), "{note}");
    }
    assert_eq!(values(p, 1, "color"), BTreeSet::from(["red".into(), "white".into()]));
}

/// How long anything may take over sockets.
const PATIENCE: Duration = Duration::from_secs(20);

async fn listen(engine: &Engine, connect: Vec<String>) -> Peers {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Peers::start(engine.clone(), socket, Options { connect, sightings: None, announce: None }).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_real_connections_sessions_find_it_and_go_on() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    colour(a, 1, "green").await;
    write(a, 3, "of a").await;
    colour(clone, 1, "red").await;
    write(clone, 4, "of the clone").await;
    talk(a, p).await;
    talk(clone, q).await;
    assert_eq!(clock(p), clock(q), "the clocks do not tell");
    let at_p = listen(p, Vec::new()).await;
    let _at_q = listen(q, vec![at_p.local_addr().to_string()]).await;
    let agree = || p.forks().len() == 1 && p.forks() == q.forks() && all(p) == all(q) && clock(p) == clock(q);
    until("P and Q agree", agree).await;
    until("nobody is behind", || p.behind_by(q.card().id()) + q.behind_by(p.card().id()) == 0).await;
    // What either is told the other knows, as ever.
    write(p, 6, "later").await;
    until("Q hears of it", || member(q, 6, "note").is_some()).await;
    // What it wrote in either place is said again without it.
    for engine in [p, q] {
        assert_eq!(member(engine, 3, "note").as_deref(), Some("of a"));
        assert_eq!(member(engine, 4, "note").as_deref(), Some("of the clone"));
    }
    // The device comes, hears of it, and has nothing to add.
    let _at_a = listen(a, vec![at_p.local_addr().to_string()]).await;
    until("all agree", || all(p) == all(q) && all(a) == all(p) && clock(a) == clock(q)).await;
    assert_eq!(values(q, 1, "color"), BTreeSet::from(["green".into(), "red".into()]));
    write(a, 7, "under its new log").await;
    until("Q hears of it", || member(q, 7, "note").is_some()).await;
}
