//! What e-readers ask besides synchronization, against the engine: it acts at the present clock.
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

use std::collections::BTreeSet;

use pair::{exchange, trust};
use quire_daemon::engine::{Engine, MarkingsAction, MarkingsDone, MarkingsPut};
use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind;
use quire_protocol::id::Space;
use quire_protocol::shapes::model::{self, Answer};
use serde_json::{Map, Value, json};

use MarkingsAction::{EditNote, Post, Remove};

fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

fn engine() -> Engine {
    Engine::in_memory("a").unwrap()
}

async fn put_for(engine: &Engine, account: Option<i64>, action: MarkingsAction, list: Value) -> MarkingsDone {
    let (items, errors) = model::read_list(Kind::Marking, list).unwrap();
    assert_eq!(errors, []);
    engine.put_markings(MarkingsPut { action, items, account }).await.unwrap()
}

/// What is told of the markings, when nothing was wrong.
async fn put(engine: &Engine, action: MarkingsAction, list: Value) -> Vec<Map<String, Value>> {
    let done = put_for(engine, None, action, list).await;
    assert_eq!(done.errors, Vec::<String>::new());
    done.markings
}

async fn synchronize(engine: &Engine, body: Value) -> Answer {
    let answer = engine.synchronize(model::read(body).unwrap(), 1_800_000_000_000).await.unwrap().answer;
    assert!(answer.is_success(), "{:?}", answer.errors);
    answer
}

fn shown(engine: &Engine, n: u8) -> Map<String, Value> {
    engine.marking(&guid(n), None).unwrap().unwrap().members
}

fn clock(engine: &Engine) -> Option<Clock> {
    engine.clock(&Space::account(3))
}

fn whole(n: u8) -> Value {
    json!({"syncGuid": guid(n), "AccountId": 3, "color": "red", "note": "first", "SyncIsRemoved": false})
}

#[tokio::test]
async fn what_is_posted_is_told_as_it_is_now_and_a_repetition_writes_nothing() {
    let a = engine();
    let list =
        json!([whole(1), {"AccountId": 3, "content": "no guid"}, {"AccountId": 3, "content": "no guid"}]);
    let first = put(&a, Post, list.clone()).await;
    assert_eq!(first.len(), 3);
    assert_eq!((&first[0]["syncGuid"], &first[0]["color"]), (&json!(guid(1)), &json!("red")));
    assert_ne!(first[1]["syncGuid"], first[2]["syncGuid"], "two items without a guid are two");
    let (before, event) = (clock(&a), a.last_event());
    assert_eq!(put(&a, Post, list).await, first);
    assert_eq!((clock(&a), a.last_event()), (before, event));
}

#[tokio::test]
async fn only_what_differs_from_the_present_is_written() {
    let a = engine();
    put(&a, Post, json!([whole(1)])).await;
    // Another app edits; the first has not seen it, and names neither field, or says the same.
    let cursor =
        synchronize(&a, json!({"Account": {"AccountId": 3}, "AccountApplicationId": 2})).await.cursor;
    synchronize(
        &a,
        json!({"AccountApplicationId": 2, "LastSyncTimestamp": cursor, "Account": {"AccountId": 3},
            "Markings": [{"syncGuid": guid(1), "AccountId": 3, "section": "seven", "color": "blue"}]}),
    )
    .await;
    let told = put(&a, Post, json!([{"syncGuid": guid(1), "color": "blue", "note": "second"}])).await;
    assert_eq!(
        (&told[0]["section"], &told[0]["color"], &told[0]["note"]),
        (&json!("seven"), &json!("blue"), &json!("second"))
    );
    assert!(a.conflicts(None).unwrap().is_empty(), "the present was seen");
    put(&a, Post, json!([{"syncGuid": guid(1), "section": null}])).await;
    assert_eq!(shown(&a, 1)["section"], Value::Null, "null clears");
}

#[tokio::test]
async fn a_removed_marking_comes_back_only_by_saying_so() {
    let a = engine();
    put(&a, Post, json!([whole(1)])).await;
    let told = put(&a, Remove, json!([{"syncGuid": guid(1), "color": "stale"}])).await;
    assert_eq!((&told[0]["SyncIsRemoved"], &told[0]["color"]), (&json!(true), &json!("red")));
    let before = clock(&a);
    put(&a, Remove, json!([{"syncGuid": guid(1)}])).await;
    assert_eq!(clock(&a), before);
    put(&a, Post, json!([{"syncGuid": guid(1), "color": "green"}])).await;
    assert_eq!((&shown(&a, 1)["SyncIsRemoved"], &shown(&a, 1)["color"]), (&json!(true), &json!("green")));
    put(&a, Post, json!([{"syncGuid": guid(1), "SyncIsRemoved": false}])).await;
    assert_eq!(shown(&a, 1)["SyncIsRemoved"], false);
}

#[tokio::test]
async fn a_removed_marking_that_was_never_seen_is_kept_whole() {
    let a = engine();
    let told = put(&a, Remove, json!([whole(1), {"id": 77, "AccountId": 3, "content": "elsewhere"}])).await;
    assert_eq!((&told[0]["SyncIsRemoved"], &told[0]["note"]), (&json!(true), &json!("first")));
    assert_eq!((&told[1]["SyncIsRemoved"], &told[1]["content"]), (&json!(true), &json!("elsewhere")));
    let done = put_for(&a, None, Remove, json!([{"content": "nothing to go by"}])).await;
    assert!(done.markings.is_empty() && done.errors[0].starts_with("[0]: "), "{done:?}");
}

#[tokio::test]
async fn a_row_number_finds_its_marking_whatever_the_account() {
    let a = engine();
    put(&a, Post, json!([{"syncGuid": guid(9), "AccountId": 4}])).await;
    let id = put(&a, Post, json!([whole(1)])).await[0]["id"].clone();
    let told = put(&a, Post, json!([{"id": id, "color": "black"}])).await;
    assert_eq!((&told[0]["syncGuid"], &told[0]["color"]), (&json!(guid(1)), &json!("black")));
    let told = put(&a, Post, json!([{"id": id, "AccountId": 4, "color": "black"}])).await;
    assert_ne!(told[0]["syncGuid"], guid(1), "another account's row is not meant");
    put(&a, Remove, json!([{"id": id}])).await;
    assert_eq!(shown(&a, 1)["SyncIsRemoved"], true);
}

#[tokio::test]
async fn an_item_goes_where_it_is_or_to_the_account_that_is_spoken_for() {
    let a = engine();
    let of = |done: MarkingsDone| done.markings[0]["AccountId"].clone();
    let none = json!([{"content": "none is held"}]);
    assert_eq!(of(put_for(&a, None, Post, none.clone()).await), 0);
    put(&a, Post, json!([whole(1)])).await;
    assert_eq!(of(put_for(&a, None, Post, json!([{"content": "one is held"}])).await), 3);
    assert_eq!(of(put_for(&a, Some(5), Post, json!([{"content": "one is named"}])).await), 5);
    assert_eq!(of(put_for(&a, Some(5), Post, json!([{"syncGuid": guid(1), "color": "x"}])).await), 3);
    assert_eq!(of(put_for(&a, Some(5), Post, json!([{"syncGuid": guid(2), "AccountId": 6}])).await), 6);
    assert_eq!(of(put_for(&a, None, Post, json!([{"content": "several are held"}])).await), 0);
    // The same request finds what it made, though it would go elsewhere now; one for another account is another.
    assert_eq!(of(put_for(&a, None, Post, json!([{"content": "one is held"}])).await), 3);
    assert_eq!(of(put_for(&a, Some(5), Post, none).await), 5);
    let spaces: Vec<String> = a.spaces().iter().map(|view| view.space.as_str().to_owned()).collect();
    assert_eq!(spaces, ["account:0", "account:3", "account:5", "account:6"]);
}

#[tokio::test]
async fn a_note_is_edited_and_nothing_else() {
    let a = engine();
    put(&a, Post, json!([whole(1)])).await;
    let sent = json!([{"syncGuid": guid(1), "note": "second", "color": "stale", "SyncIsRemoved": true,
        "AccountId": 0, "bookID": 0, "CharIndexStart": 9, "Timestamp": "2026-01-02T03:04:05Z"}]);
    let told = put(&a, EditNote, sent.clone()).await;
    let now = shown(&a, 1);
    assert_eq!((told.len(), &told[0]), (1, &now));
    let mut expected = now.clone();
    for (name, value) in [
        ("note", json!("second")),
        ("color", json!("red")),
        ("SyncIsRemoved", json!(false)),
        ("CharIndexStart", Value::Null),
        ("Timestamp", json!("2026-01-02T03:04:05Z")),
    ] {
        expected.insert(name.to_owned(), value);
    }
    assert_eq!(now, expected);
    let before = clock(&a);
    put(&a, EditNote, sent).await;
    put(&a, EditNote, json!([{"syncGuid": guid(1), "note": "second", "Timestamp": "0001-01-01T00:00:00"}]))
        .await;
    put(&a, EditNote, json!([{"syncGuid": guid(1), "Timestamp": "2027-01-01T00:00:00Z"}])).await;
    assert_eq!(clock(&a), before, "the same, a date never set, no note at all");
    put(&a, EditNote, json!([{"syncGuid": guid(1), "note": null}])).await;
    assert_eq!(shown(&a, 1)["note"], Value::Null);
    assert!(put(&a, EditNote, json!([{"syncGuid": guid(2), "note": "x"}])).await.is_empty());
    assert!(a.marking(&guid(2), None).unwrap().is_none());
}

#[tokio::test]
async fn what_is_posted_at_one_merges_at_the_other() {
    let (a, b) = (engine(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    put(&a, Post, json!([whole(1)])).await;
    exchange(&a, &b).await;
    put(&a, EditNote, json!([{"syncGuid": guid(1), "note": "the first"}])).await;
    put(&b, EditNote, json!([{"syncGuid": guid(1), "note": "first and second"}])).await;
    put(&b, Remove, json!([whole(2)])).await;
    exchange(&a, &b).await;
    exchange(&b, &a).await;
    for engine in [&a, &b] {
        assert_eq!(shown(engine, 1)["note"], "the first and second");
        assert_eq!(shown(engine, 2)["SyncIsRemoved"], true);
    }
    assert_eq!(clock(&a), clock(&b));
}

#[tokio::test]
async fn long_values_are_told_whole() {
    let a = engine();
    let long = "x".repeat(200_000);
    let told = put(&a, Post, json!([{"syncGuid": guid(1), "content": long, "note": long}])).await;
    assert_eq!((&told[0]["content"], &told[0]["note"]), (&json!(long), &json!(long)));
}

#[tokio::test]
async fn a_device_keeps_its_number_and_shares_it_with_nobody() {
    let a = engine();
    let mut given = BTreeSet::new();
    for device in ["one", "two", "three"] {
        let number = a.register(device.to_owned()).await.unwrap();
        assert!((1..=i64::from(i32::MAX)).contains(&number));
        synchronize(&a, json!({"AccountApplicationId": number, "Account": {"AccountId": 3}})).await;
        assert_eq!(a.register(device.to_owned()).await.unwrap(), number, "also after its first cursor");
        assert!(given.insert(number));
    }
    // Elsewhere an app that never asked has that number already.
    let (b, taken) = (engine(), *given.first().unwrap());
    synchronize(&b, json!({"AccountApplicationId": taken, "Account": {"AccountId": 3}})).await;
    for device in ["one", "two", "three"] {
        let number = b.register(device.to_owned()).await.unwrap();
        assert_ne!(number, taken);
        assert_eq!(b.register(device.to_owned()).await.unwrap(), number);
    }
}

#[tokio::test]
async fn the_initial_content_is_of_the_account_asked_for() {
    let a = engine();
    let nothing = a.initial_content(None).unwrap();
    assert_eq!((nothing.account, nothing.books.len()), (None, 0));
    let of = |account: i64, books: Value| {
        json!({"Account": {"AccountId": account, "Email": format!("{account}@x")}, "Books": books,
            "PopupSettings": {"AccountId": account, "Top": account}, "Markings": [whole(1)]})
    };
    synchronize(&a, of(3, json!([{"booksBookID": 1, "title": "One"}]))).await;
    let only = a.initial_content(None).unwrap();
    assert_eq!(only.account.unwrap()["Email"], "3@x");
    assert_eq!((only.popup.unwrap()["Top"].clone(), &only.books[0]["title"]), (json!(3), &json!("One")));
    assert_eq!(only.book.unwrap()["title"], "One");
    assert!(only.markings.is_empty() && only.history.is_empty());
    synchronize(&a, of(4, json!([{"booksBookID": 2, "title": "Two"}]))).await;
    let all = a.initial_content(None).unwrap();
    assert_eq!((all.account, all.popup, all.book, all.books.len()), (None, None, None, 2));
    let fourth = a.initial_content(Some(4)).unwrap();
    assert_eq!((fourth.account.unwrap()["AccountId"].clone(), fourth.books.len()), (json!(4), 1));
    let unknown = a.initial_content(Some(5)).unwrap();
    assert_eq!((unknown.account, unknown.books.len()), (None, 0));
}
