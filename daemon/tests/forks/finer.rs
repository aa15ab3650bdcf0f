//! Finer points of what is said again: apps that had seen the originals, texts that come back as themselves, and devices
//! that fork on purpose.

use quire_daemon::engine::Engine;
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

use super::family::{Family, clock, colour, family, guid, member, set, values, write};
use crate::pair::talk::talk;

/// An app that keeps a cursor says something; gives its next cursor.
async fn say(engine: &Engine, cursor: Option<&str>, markings: &[Value]) -> String {
    let body = json!({ "Account": { "AccountId": 3 }, "AccountApplicationId": 9, "LastSyncTimestamp": cursor,
        "Markings": markings });
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    let answer = engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer;
    assert!(answer.is_success(), "{:?}", answer.errors);
    answer.cursor
}

fn item(n: u8, note: &str, color: &str) -> Value {
    json!({ "syncGuid": guid(n), "AccountId": 3, "content": "c", "note": note, "color": color })
}

#[tokio::test]
async fn an_app_that_had_seen_the_original_has_seen_its_echo() {
    let family = family().await;
    let Family { a, clone, p, .. } = &family;
    let cursor = say(a, None, &[]).await;
    let mut cursor =
        say(a, Some(&cursor), &[item(2, "two, and more", "green"), item(7, "made", "blue")]).await;
    cursor = say(a, Some(&cursor), &[]).await;
    write(clone, 4, "of the clone").await;
    family.gather().await;
    family.same();
    assert!(a.forks().len() == 1 && member(p, 2, "note").as_deref() == Some("two, and more"));
    // The app goes on from what it has, with the cursor that it had before anybody heard of the fork.
    say(a, Some(&cursor), &[item(2, "two, and more!", "red"), item(7, "made again", "white")]).await;
    family.gather().await;
    family.same();
    for engine in [a, clone, p] {
        assert_eq!(member(engine, 2, "note").as_deref(), Some("two, and more!"));
        assert_eq!(values(engine, 2, "color"), ["red".to_owned()].into());
        assert_eq!(member(engine, 7, "note").as_deref(), Some("made again"));
        assert_eq!(values(engine, 7, "color"), ["white".to_owned()].into());
    }
}

#[tokio::test]
async fn what_builds_on_a_text_that_comes_back_as_itself_counts_once() {
    for n in 0..4 {
        let family = family().await;
        let Family { a, clone, p, q, .. } = &family;
        write(clone, 5 + n, "foo").await;
        talk(clone, p).await;
        // An app at P that knows of nothing: its text goes where the nearest one is, which may be the seed.
        write(p, 5 + n, "foo bar").await;
        write(a, 3, "of a").await;
        talk(a, q).await;
        family.gather().await;
        set(q, 5 + n, "color", "black").await;
        family.gather().await;
        family.same();
        let note = member(q, 5 + n, "note").unwrap();
        assert_eq!((note.matches("foo").count(), note.matches("bar").count()), (1, 1), "{note}");
    }
}

#[tokio::test]
async fn once_all_is_said_nothing_is_said_again() {
    let family = family().await;
    let Family { a, clone, p, q, .. } = &family;
    for n in 10..16 {
        write(a, n, "of a").await;
        write(clone, n + 10, "of the clone").await;
    }
    talk(a, p).await;
    talk(clone, q).await;
    talk(p, q).await;
    family.gather().await;
    family.same();
    let (before, forks) = (clock(p), p.forks());
    assert_eq!(forks.len(), 1);
    family.gather().await;
    assert_eq!((clock(p), p.forks()), (before, forks), "once all is said nothing is said again");
    colour(p, 10, "red").await;
    family.gather().await;
    family.same();
}
