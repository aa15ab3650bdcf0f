//! The engine without sockets: the documented request, cursors, merging, exchange of segments.
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

use quire_daemon::engine::{Engine, EngineError, Event, ItemView, MarkingFilter};
use quire_daemon::store::keys::{Key, Kind};
use quire_protocol::clock::Clock;
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::id::{DocId, Space};
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

use pair::{exchange, exchange_as, trust};

const SAMPLE: &[u8] = include_bytes!("../../tests/fixtures/shapes/synchronize.request.json");

async fn say(engine: &Engine, body: &Value) -> model::Answer {
    say_bytes(engine, body.to_string().as_bytes()).await
}

async fn say_bytes(engine: &Engine, body: &[u8]) -> model::Answer {
    let read = model::read(json::parse(body).unwrap()).unwrap();
    engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer
}

fn marking(guid: u8, more: &Value) -> Value {
    let mut item =
        json!({"syncGuid": uuid::Uuid::from_bytes([guid; 16]).to_string(), "AccountId": 3, "content": "c"});
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

fn request(app: i64, cursor: Option<&str>, markings: &[Value]) -> Value {
    json!({"Account": {"AccountId": 3}, "AccountApplicationId": app, "LastSyncTimestamp": cursor, "Markings": markings})
}

fn shown(engine: &Engine, guid: u8) -> Value {
    let guid = uuid::Uuid::from_bytes([guid; 16]).to_string();
    let mut members = engine.marking(&guid, None).unwrap().unwrap().members;
    members.remove("id");
    members.into()
}

#[tokio::test]
async fn the_documented_request_is_taken_and_arrives_elsewhere() {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    let answer = say_bytes(&a, SAMPLE).await;
    assert!(answer.is_success(), "{:?}", answer.errors);
    exchange(&a, &b).await;
    let other = say(&b, &json!({"Account": {"AccountId": 3}, "AccountApplicationId": 9})).await;
    assert_eq!((other.markings.len(), other.history.len()), (1, 1));
    let sent: Value = serde_json::from_slice(SAMPLE).unwrap();
    let mut got = Value::Object(other.markings[0].clone());
    got["id"] = json!(1);
    assert_eq!(got, sent["Markings"][0]);
    let one = say(&b, &json!({"Account": {"AccountId": 1}, "AccountApplicationId": 9})).await;
    assert_eq!(Value::Object(one.books[0].clone()), sent["Books"][1]);
    assert_eq!(one.account.unwrap()["Email"], "sample string 3");
}

#[tokio::test]
async fn a_repeated_request_writes_nothing_and_cursors_stand_for_clocks() {
    let a = Engine::in_memory("a").unwrap();
    let body = request(1, None, &[marking(1, &json!({"note": "first", "color": "red"}))]);
    let first = say(&a, &body).await;
    let clock = a.clock(&Space::account(3));
    let again = say(&a, &body).await;
    assert_eq!(a.clock(&Space::account(3)), clock);
    assert_eq!(first.cursor, again.cursor);
    assert!(again.markings.is_empty());
    let quiet = say(&a, &request(1, Some(&first.cursor), &[])).await;
    assert_eq!(quiet.cursor, first.cursor);
    let other = say(&a, &request(2, None, &[])).await;
    assert_eq!(other.markings.len(), 1);
}

#[tokio::test]
async fn a_stale_whole_object_does_not_undo_anothers_edit() {
    let a = Engine::in_memory("a").unwrap();
    let whole = marking(1, &json!({"note": "first", "color": "red", "type": 1}));
    let one = say(&a, &request(1, None, std::slice::from_ref(&whole))).await;
    let two = say(&a, &request(2, None, &[])).await;
    say(
        &a,
        &request(2, Some(&two.cursor), &[marking(1, &json!({"color": "blue", "note": "first and second"}))]),
    )
    .await;
    let mut stale = whole.clone();
    stale["type"] = json!(2);
    stale["note"] = json!("the first");
    let answer = say(&a, &request(1, Some(&one.cursor), &[stale.clone()])).await;
    let now = shown(&a, 1);
    assert_eq!(
        (&now["color"], &now["type"], &now["note"]),
        (&json!("blue"), &json!(2), &json!("the first and second"))
    );
    assert_eq!(answer.markings.len(), 1, "the merge is told");
    let clock = a.clock(&Space::account(3));
    say(&a, &request(1, Some(&one.cursor), &[stale])).await;
    assert_eq!(a.clock(&Space::account(3)), clock, "repeated after another's edit");
    assert!(a.conflicts(None).unwrap().is_empty());
}

#[tokio::test]
async fn what_was_no_news_at_first_is_none_when_repeated() {
    let a = Engine::in_memory("a").unwrap();
    let one = say(&a, &request(1, None, &[])).await;
    let two = say(&a, &request(2, None, &[marking(1, &json!({"color": "red", "note": "first"}))])).await;
    // The first app makes the same item without having seen it, and says it again after an edit.
    let same = request(1, Some(&one.cursor), &[marking(1, &json!({"color": "red", "note": "first"}))]);
    say(&a, &same).await;
    let edited = marking(1, &json!({"color": "blue", "note": "first and second"}));
    say(&a, &request(2, Some(&two.cursor), &[edited])).await;
    let clock = a.clock(&Space::account(3));
    say(&a, &same).await;
    assert_eq!(a.clock(&Space::account(3)), clock);
    assert_eq!(shown(&a, 1)["color"], "blue");
    assert!(a.conflicts(None).unwrap().is_empty());
}

#[tokio::test]
async fn an_old_copy_without_a_cursor_changes_nothing() {
    let a = Engine::in_memory("a").unwrap();
    let old = marking(1, &json!({"note": "first", "color": "red", "SyncIsRemoved": false}));
    let one = say(&a, &request(1, None, std::slice::from_ref(&old))).await;
    say(&a, &request(1, Some(&one.cursor), &[marking(1, &json!({"color": "blue", "SyncIsRemoved": true}))]))
        .await;
    let clock = a.clock(&Space::account(3));
    let answer = say(&a, &request(7, None, std::slice::from_ref(&old))).await;
    assert_eq!(a.clock(&Space::account(3)), clock);
    assert_eq!(answer.markings[0]["SyncIsRemoved"], true);
    let new = marking(1, &json!({"color": "green", "note": "first note"}));
    say(&a, &request(8, None, &[new])).await;
    let now = shown(&a, 1);
    assert_eq!((&now["SyncIsRemoved"], &now["note"]), (&json!(false), &json!("first note")));
    let conflicts = a.conflicts(None).unwrap();
    let members: Vec<&str> = conflicts.iter().map(|c| c.member.as_str()).collect();
    assert_eq!(members, ["color", "SyncIsRemoved"]);
}

#[tokio::test]
async fn edits_made_apart_merge_and_the_loser_is_shown_on_both() {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    say(&a, &request(1, None, &[marking(1, &json!({"note": "the quick fox", "color": "red"}))])).await;
    exchange(&a, &b).await;
    let guid = uuid::Uuid::from_bytes([1; 16]).to_string();
    let patch = |value: Value| value.as_object().unwrap().clone();
    a.patch(&guid, patch(json!({"note": "the quick brown fox", "color": "blue"})), None).await.unwrap();
    b.patch(&guid, patch(json!({"note": "the quick fox jumps", "color": "green", "chapter": "x"})), None)
        .await
        .unwrap();
    exchange(&a, &b).await;
    exchange(&b, &a).await;
    assert_eq!(shown(&a, 1), shown(&b, 1));
    assert_eq!(shown(&a, 1)["note"], "the quick brown fox jumps");
    let (ca, cb) = (a.conflicts(None).unwrap(), b.conflicts(None).unwrap());
    assert_eq!((ca.len(), &ca[0].others), (1, &cb[0].others));
    let loser = ca[0].others[0].1.unwrap();
    assert!([a.card().id(), b.card().id()].contains(&loser));
    a.resolve(&ca[0].id, json!("white")).await.unwrap().unwrap();
    assert!(a.conflicts(None).unwrap().is_empty());
    exchange(&a, &b).await;
    assert!(b.conflicts(None).unwrap().is_empty());
    assert_eq!(shown(&b, 1)["color"], "white");
}

#[tokio::test]
async fn large_values_travel_whole() {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    let page = "<p>long</p>".repeat(30_000);
    let note = "n".repeat(100_000);
    let body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1,
        "BookHtmlPages": [{"BookHtmlPageId": 5, "BookId": 2, "Content": page, "BodyContent": page}],
        "Markings": [marking(1, &json!({"note": note, "selectionOuterHtml": page}))]});
    assert!(say(&a, &body).await.is_success());
    exchange(&a, &b).await;
    let got = say(&b, &json!({"Account": {"AccountId": 3}, "AccountApplicationId": 9})).await;
    assert_eq!(
        (got.html_pages[0]["Content"].as_str(), got.html_pages[0]["BodyContent"].as_str()),
        (Some(&page[..]), Some(&page[..]))
    );
    assert_eq!(shown(&b, 1)["note"], note);
    assert_eq!(shown(&b, 1)["selectionOuterHtml"], page);
    let clock = a.clock(&Space::account(3));
    say(&a, &body).await;
    assert_eq!(a.clock(&Space::account(3)), clock);
}

#[tokio::test]
async fn items_survive_reopening_and_a_copied_folder_writes_a_new_log() {
    let dir = tempfile::tempdir().unwrap();
    let a = Engine::open(dir.path(), "a").unwrap();
    say(&a, &request(1, None, &[marking(1, &json!({"color": "red"}))])).await;
    let log = a.mirror().log;
    a.stop().await;
    drop(a);
    let a = Engine::open(dir.path(), "a").unwrap();
    assert_eq!(a.mirror().log, log);
    assert_eq!(shown(&a, 1)["color"], "red");
    a.stop().await;
    drop(a);
    let copy = tempfile::tempdir().unwrap();
    for name in ["quire.redb", "boot-token"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let b = Engine::open(copy.path(), "a").unwrap();
    assert_ne!(b.mirror().log, log, "a copy");
    let a = Engine::open(dir.path(), "a").unwrap();
    say(&a, &request(1, None, &[marking(2, &json!({}))])).await;
    say(&b, &request(1, None, &[marking(3, &json!({}))])).await;
    let id = a.card().id();
    for (from, to) in [(&a, &b), (&b, &a)] {
        to.learn(quire_protocol::message::Credentials {
            certificates: from.mirror().certificates.values().cloned().collect(),
            ..Default::default()
        })
        .await
        .unwrap();
        let space = Space::account(3);
        let segments = from.fetch(&space, &to.clock(&space).unwrap_or_else(Clock::default), 1 << 30).unwrap();
        let segments = segments.into_iter().map(|(log, bytes)| (space.clone(), log, bytes)).collect();
        assert!(to.ingest(id, segments).await.unwrap().iter().all(|done| done.refused.is_none()));
    }
    assert_eq!(shown(&a, 3), shown(&b, 3));
    assert_eq!(shown(&a, 2), shown(&b, 2));
}

#[tokio::test]
async fn a_folder_copied_while_it_is_in_use_has_everything_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let a = Engine::open(dir.path(), "a").unwrap();
    for n in 1..=9 {
        say(&a, &request(1, None, &[marking(n, &json!({"color": "red"}))])).await;
    }
    let copy = as_a_crash_leaves(dir.path());
    let b = Engine::open(copy.path(), "a").unwrap();
    for n in 1..=9 {
        assert_eq!(shown(&b, n), shown(&a, n));
    }
    assert_ne!(b.mirror().log, a.mirror().log, "a copy");
    a.stop().await;
    drop(a);
    assert!(!dir.path().join("quire.journal").exists(), "a stopped store is one file");
}

/// What a crash would leave of a folder, but for its identity: the copy has another inode.
fn as_a_crash_leaves(folder: &std::path::Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["quire.redb", "quire.journal", "boot-token"] {
        std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// Answers come before records are sealed: a crash then leaves them open, and they are sealed to the same log.
#[tokio::test]
async fn records_that_a_crash_left_open_come_back_to_the_same_log() {
    let (dir, space) = (tempfile::tempdir().unwrap(), Space::account(3));
    let (a, b) = (Engine::open(dir.path(), "a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    // Notes with a seed, a large value in parts and another space are in it too.
    let large = "part of a value that is kept outside of its document ".repeat(2_000);
    let mut cursor = say(&a, &request(1, None, &[marking(1, &json!({"note": "begun"}))])).await.cursor;
    let mut copies = Vec::new();
    for n in 2..=40u8 {
        let more = match n % 4 {
            0 => json!({"note": format!("note {n}")}),
            1 => json!({"selectionOuterHtml": if n == 21 { &large } else { "short" }}),
            2 => json!({"AccountId": 4}),
            _ => json!({"color": "red"}),
        };
        cursor = say(&a, &request(1, Some(&cursor), &[marking(n, &more)])).await.cursor;
        let edit = json!({"color": format!("#{n:06}")}).as_object().unwrap().clone();
        let guid = uuid::Uuid::from_bytes([1; 16]).to_string();
        assert_eq!(a.patch(&guid, edit, None).await.unwrap().unwrap().members["color"], format!("#{n:06}"));
        if n % 13 == 0 {
            copies.push((n, as_a_crash_leaves(dir.path())));
        }
    }
    let log = a.mirror().log;
    for (n, copy) in copies {
        let again = Engine::open(copy.path(), "a").unwrap();
        assert_ne!(again.mirror().log, log, "a copy");
        assert_eq!(shown(&again, n), shown(&a, n));
        assert_eq!(shown(&again, 1)["color"], format!("#{n:06}"));
        let (clock, rows) = (again.clock(&space).unwrap(), again.markings(&everything()).unwrap());
        assert!(rows.iter().all(|row| row.members["id"] == row_number(&a, row)), "rows keep their numbers");
        exchange_as(&a, &again, &b).await;
        assert_eq!(b.clock(&space).unwrap().get(log), clock.get(log), "its segments hold");
    }
    exchange(&a, &b).await;
    assert_eq!(b.clock(&space), a.clock(&space), "and those of the original follow them");
    for n in 1..=40 {
        assert_eq!(shown(&b, n), shown(&a, n));
    }
}

fn everything() -> MarkingFilter {
    MarkingFilter { account: None, book: None, removed: None, after: None, limit: 1000 }
}

fn row_number(engine: &Engine, row: &ItemView) -> Value {
    let guid = row.members["syncGuid"].as_str().unwrap();
    engine.marking(guid, None).unwrap().unwrap().members["id"].clone()
}

/// Readers on other threads see all that was answered, however many writes are done together.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_is_read_by_everybody_at_once() {
    let (dir, space) = (tempfile::tempdir().unwrap(), Space::account(3));
    let a = Engine::open(dir.path(), "a").unwrap();
    say(&a, &request(1, None, &(1..=4).map(|n| marking(n, &json!({}))).collect::<Vec<_>>())).await;
    let writers = (1..=4u8).map(|n| {
        let (a, space) = (a.clone(), space.clone());
        tokio::spawn(async move {
            let guid = uuid::Uuid::from_bytes([n; 16]).to_string();
            for round in 0..150 {
                let edit = json!({"color": format!("{round}")}).as_object().unwrap().clone();
                let clock = a.clock(&space).unwrap();
                let told = a.patch(&guid, edit, None).await.unwrap().unwrap();
                // Reading at every time of a sitting: at once, and after others wrote.
                if round % 3 != 0 {
                    let read = a.marking(&guid, None).unwrap().unwrap();
                    assert_eq!((&read.members, read.etag), (&told.members, told.etag));
                    assert!(a.clock(&space).unwrap().ahead_of(&clock) > 0);
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(a.changes_after(0, 1000).unwrap().unwrap().len(), 5 + 600, "with the account");
}

/// A damaged row fails its own requests and nothing else, not even what was answered a moment before and is in no
/// database yet.
#[tokio::test]
async fn a_damaged_row_takes_nothing_else_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let a = Engine::open(dir.path(), "a").unwrap();
    say(&a, &request(1, None, &(1..=3).map(|n| marking(n, &json!({}))).collect::<Vec<_>>())).await;
    let guid = |n: u8| uuid::Uuid::from_bytes([n; 16]).to_string();
    a.stop().await;
    drop(a);
    damage(dir.path(), DocId::of(ItemKind::Marking, &guid(2)));
    let a = Engine::open(dir.path(), "a").unwrap();
    let edit = |color: &str| json!({"color": color}).as_object().unwrap().clone();
    for round in 0..12 {
        let color = format!("#{round:06}");
        a.patch(&guid(1), edit(&color), None).await.unwrap().unwrap();
        a.patch(&guid(3), edit(&color), None).await.unwrap().unwrap();
        let refused = a.patch(&guid(2), edit(&color), None).await;
        assert!(matches!(refused, Err(EngineError::Store(_))), "{refused:?}");
        for n in [1, 3] {
            assert_eq!(shown(&a, n)["color"], color);
        }
        assert!(a.marking(&guid(2), None).is_err());
    }
    let written: Vec<u64> = a.clock(&Space::account(3)).unwrap().iter().map(|(_, seq)| seq).collect();
    assert_eq!(written, [4 + 24]);
    for round in 0..24 {
        // They come together: what the group had done before the failing one is told to be undone, what stands
        // behind it is done.
        let said = ["first", "beside", "failing", "behind"].map(|which| edit(&format!("{which} {round}")));
        let [first, beside, failing, behind] = said;
        let (guids, last) = ([guid(1), guid(3), guid(2)], format!("behind {round}"));
        let (first, beside, failing, behind) = tokio::join!(
            a.patch(&guids[0], first, None),
            a.patch(&guids[1], beside, None),
            a.patch(&guids[2], failing, None),
            a.patch(&guids[0], behind, None),
        );
        for done in [first, beside] {
            assert!(matches!(done, Ok(_) | Err(EngineError::Store(_))), "{done:?}");
        }
        assert!(matches!(failing, Err(EngineError::Store(_))), "{failing:?}");
        assert_eq!(behind.unwrap().unwrap().members["color"], last);
        assert_eq!(shown(&a, 1)["color"], last);
    }
    let (first, third) = (shown(&a, 1), shown(&a, 3));
    a.stop().await;
    drop(a);
    let a = Engine::open(dir.path(), "a").unwrap();
    assert_eq!((shown(&a, 1), shown(&a, 3)), (first, third));
}

/// Flips a bit in the row of a document.
fn damage(folder: &std::path::Path, doc: DocId) {
    use redb::ReadableTable as _;
    let rows = redb::TableDefinition::<&[u8], &[u8]>::new("rows");
    let database = redb::Database::create(folder.join("quire.redb")).unwrap();
    let change = database.begin_write().unwrap();
    {
        let mut table = change.open_table(rows).unwrap();
        let key = Key::of(Kind::Document).space(0).doc(doc);
        let mut value = table.get(&*key).unwrap().unwrap().value().to_vec();
        value[1] ^= 1;
        table.insert(&*key, &*value).unwrap();
    }
    change.commit().unwrap();
}

#[tokio::test]
async fn an_item_without_a_guid_is_told_its_own_whatever_the_cursor() {
    let a = Engine::in_memory("a").unwrap();
    let cursor = say(&a, &request(1, None, &[marking(1, &json!({}))])).await.cursor;
    let mut nameless = marking(2, &json!({"note": "without a name"}));
    nameless.as_object_mut().unwrap().remove("syncGuid");
    let answer = say(&a, &request(1, Some(&cursor), &[nameless])).await;
    assert_eq!(answer.markings.len(), 1);
    assert_eq!(answer.markings[0]["note"], "without a name");
    assert!(answer.markings[0]["syncGuid"].is_string());
}

#[tokio::test]
async fn commits_are_announced_and_can_be_read_again() {
    let a = Engine::in_memory("a").unwrap();
    let mut events = a.subscribe();
    say(&a, &request(1, None, &[marking(1, &json!({"note": "x"})), marking(2, &json!({}))])).await;
    let Event::Committed { changes, clocks } = &*events.recv().await.unwrap() else { panic!("no commit") };
    assert_eq!((changes.len(), clocks.len()), (3, 1), "two markings and the account");
    assert_eq!(a.changes_after(0, 10).unwrap().unwrap(), *changes);
    assert_eq!(a.changes_after(changes[0].id, 10).unwrap().unwrap(), changes[1..]);
    assert_eq!(a.changes_after(99, 10).unwrap(), None);
}

/// Edits one by one come to rest and travel together; whoever has the beginning gets the rest.
#[tokio::test]
async fn small_commits_travel_as_one_segment_and_from_any_record_on() {
    let (a, b, c) =
        (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap(), Engine::in_memory("c").unwrap());
    for (one, other) in [(&a, &b), (&a, &c), (&b, &c)] {
        trust(one, other).await;
    }
    let space = Space::account(3);
    for n in 0..40u8 {
        say(&a, &request(5, None, &[marking(n % 20 + 1, &json!({"color": format!("#{n:06}")}))])).await;
        if n == 11 {
            exchange(&a, &b).await;
        }
    }
    let all = a.fetch(&space, &Clock::default(), 1 << 30).unwrap();
    assert_eq!(all.len(), 1, "one signature for all");
    let log = a.mirror().log;
    let last = a.clock(&space).unwrap().get(log);
    for seq in 1..last {
        let after: Clock = [(log, seq)].into_iter().collect();
        let rest = a.fetch(&space, &after, 1 << 30).unwrap();
        let ranges: Vec<_> = rest.iter().map(|(_, s)| quire_protocol::record::Segment::range(s)).collect();
        assert_eq!(ranges, [Ok((seq + 1, last))]);
    }
    // What overlaps with what is here is taken from where it is news.
    let segments = all.iter().map(|(log, bytes)| (space.clone(), *log, bytes.clone())).collect();
    let done = b.ingest(a.card().id(), segments).await.unwrap();
    assert_eq!((done[0].seq, done[0].refused.clone()), (last, None));
    exchange(&b, &c).await;
    for n in 1..=20 {
        assert_eq!(shown(&b, n), shown(&a, n));
        assert_eq!(shown(&c, n), shown(&a, n));
    }
}
