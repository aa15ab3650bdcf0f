//! What the Bulk service asks of the engine.
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

use std::ops::ControlFlow;

use pair::{exchange, trust};
use quire_daemon::engine::{Engine, EngineError, ImportPut, Imported, NodePut, RecordsOf};
use quire_protocol::id::Space;
use quire_protocol::shapes::bulk::rule::UpdateRule;
use quire_protocol::shapes::{json as shape_json, model};
use serde_json::{Map, Value, json};

const TENANT: &str = "tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd";
const NOW: &str = "2026-01-01T00:00:00Z";

fn tenant() -> Space {
    Space::parse(TENANT).unwrap()
}

fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn vehicles() -> RecordsOf {
    RecordsOf::Nodes { space: tenant(), ty: "vehicle".into() }
}

async fn say(engine: &Engine, body: Value) {
    let read = model::read(shape_json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    let answer = engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer;
    assert!(answer.is_success(), "{:?}", answer.errors);
}

async fn patch(engine: &Engine, n: u8, members: Value) {
    engine.patch(&guid(n), object(members), None).await.unwrap().unwrap();
}

async fn put_node(engine: &Engine, members: Value) -> Map<String, Value> {
    let (members, now, fresh) = (object(members), NOW.into(), guid(0xFE));
    let put = NodePut { space: tenant(), members, textual: false, revives: true, now, fresh };
    engine.put_node(put).await.unwrap().members
}

fn records(engine: &Engine, of: &RecordsOf) -> Vec<Map<String, Value>> {
    let mut out = Vec::new();
    let keep = &mut |record| {
        out.push(record);
        ControlFlow::Continue(())
    };
    engine.records(of, keep).unwrap();
    out
}

/// An import of rows known by `identifier`.
fn rows(into: RecordsOf, identifier: &str, rows: Value) -> ImportPut {
    ImportPut {
        into,
        identifier: Some(identifier.into()),
        rules: Vec::new(),
        all_matches: false,
        first: 0,
        seed: b"/syncs/1".to_vec(),
        rows: rows.as_array().unwrap().iter().cloned().map(object).collect(),
        now: NOW.into(),
        shelve: Box::new(|_| Vec::new()),
    }
}

/// What became of each row; of rejected ones the code and the keys.
async fn import(engine: &Engine, put: ImportPut) -> Vec<String> {
    let said = |one: Imported| match one {
        Imported::Rejected { code, keys, .. } => format!("{code} {}", keys.join(" ")).trim().to_owned(),
        other => format!("{other:?}"),
    };
    engine.import(put).await.unwrap().into_iter().map(said).collect()
}

fn shown(engine: &Engine, n: u8) -> Value {
    engine.marking(&guid(n), None).unwrap().unwrap().members.into()
}

fn row(name: &str, value: Option<&str>) -> (Vec<u8>, Option<Vec<u8>>) {
    (name.into(), value.map(Into::into))
}

fn names(engine: &Engine, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let rows = engine.shelf(prefix.as_bytes(), after.map(str::as_bytes), limit).unwrap();
    rows.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
}

#[tokio::test]
async fn the_shelf_keeps_rows_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), "desk").unwrap();
    let rows = ["b/2", "a/1", "b/1", "b/10", "c"].map(|name| row(name, Some(name)));
    engine.shelve(rows.to_vec()).await.unwrap();
    assert_eq!(names(&engine, "", None, 10), ["a/1", "b/1", "b/10", "b/2", "c"]);
    assert_eq!(names(&engine, "b/", None, 2), ["b/1", "b/10"]);
    assert_eq!(names(&engine, "b/", Some("b/10"), 2), ["b/2"]);
    assert_eq!(names(&engine, "b/", Some("a"), 1), ["b/1"]);
    assert!(names(&engine, "b/", Some("c"), 9).is_empty() && names(&engine, "", None, 0).is_empty());

    engine.shelve(vec![row("b/1", None), row("nothing", None), row("c", Some("new"))]).await.unwrap();
    engine.stop().await;
    drop(engine);
    let engine = Engine::open(folder.path(), "desk").unwrap();
    assert_eq!(names(&engine, "", None, 10), ["a/1", "b/10", "b/2", "c"]);
    assert_eq!(engine.shelf(b"c", None, 1).unwrap(), [(b"c".to_vec(), b"new".to_vec())]);
}

#[tokio::test]
async fn rows_beyond_the_bounds_are_refused_and_the_others_with_them() {
    let engine = Engine::in_memory("desk").unwrap();
    let whole = vec![7; quire_daemon::replica::MAX_SHELF_VALUE];
    engine.shelve(vec![(b"large".to_vec(), Some(whole.clone()))]).await.unwrap();
    assert_eq!(engine.shelf(b"large", None, 1).unwrap()[0].1, whole);
    let long = vec![b'n'; quire_daemon::replica::MAX_SHELF_NAME + 1];
    let larger = vec![7; quire_daemon::replica::MAX_SHELF_VALUE + 1];
    for bad in [(long, None), (b"larger".to_vec(), Some(larger))] {
        let refused = engine.shelve(vec![row("small", Some("")), bad]).await;
        assert!(matches!(refused, Err(EngineError::Member(_))));
    }
    assert_eq!(names(&engine, "", None, 9), ["large"]);
}

/// The members of records, in the order of the records.
fn column(records: &[Map<String, Value>], key: &str) -> Vec<Value> {
    records.iter().map(|record| record[key].clone()).collect()
}

#[tokio::test]
async fn every_change_of_a_marking_is_an_activity_with_what_it_said_then() {
    let engine = Engine::in_memory("desk").unwrap();
    let reading = json!({"syncGuid": guid(9), "bookID": 7, "Timestamp": NOW, "content": "read"});
    say(
        &engine,
        json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1,
            "Books": [{"booksBookID": 7, "title": "A title"}], "EPubHistoryActivities": [reading],
            "Markings": [{"syncGuid": guid(1), "bookID": 7, "note": "one"}, {"syncGuid": guid(2), "bookID": 8},
                {"syncGuid": guid(3), "SyncIsRemoved": true}]}),
    )
    .await;
    for members in [
        json!({"note": "one and more"}),
        json!({"SyncIsRemoved": true}),
        json!({"color": "red"}),
        json!({"SyncIsRemoved": false}),
    ] {
        patch(&engine, 1, members).await;
    }
    let all = records(&engine, &RecordsOf::Activities);
    let of = |n: u8| -> Vec<_> { all.iter().filter(|one| one["syncGuid"] == guid(n)).cloned().collect() };
    let one = of(1);
    assert_eq!(
        column(&one, "Activity.Type"),
        ["MarkingCreated", "MarkingChanged", "MarkingRemoved", "MarkingChanged", "MarkingRestored"]
    );
    assert_eq!(column(&one, "note")[..2], ["one", "one and more"]);
    assert_eq!(column(&one, "color"), [json!(null), json!(null), json!(null), json!("red"), json!("red")]);
    assert_eq!(column(&one, "SyncIsRemoved"), [false, false, true, true, false]);
    assert_eq!(column(&of(2), "Activity.Type"), ["MarkingCreated"]);
    assert_eq!(column(&of(3), "Activity.Type"), ["MarkingRemoved"]);
    let read = &of(9)[0];
    assert_eq!((&read["Activity.Type"], &read["Activity.CreatedAt"]), (&json!("Reading"), &json!(NOW)));
    assert_eq!((&read["Activity.Asset.Id"], &read["Activity.Asset.Name"]), (&json!(7), &json!("A title")));
    assert_eq!((&of(2)[0]["Activity.Asset.Name"], &read["Activity.Contact.Id"]), (&json!(""), &json!(3)));
    assert_eq!(read["Activity.Device"], engine.card().id().to_string());
    let mut ids: Vec<u64> = column(&all, "Activity.Id").iter().map(|id| id.as_u64().unwrap()).collect();
    assert!(ids.iter().all(|id| *id < engine.mirror().next_arrival));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "each has its own number");
    assert_eq!(records(&engine, &RecordsOf::Activities), all, "the order stays");
}

#[tokio::test]
async fn activities_of_long_histories_and_of_other_devices_are_told_too() {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    let marking = json!({"syncGuid": guid(1), "AccountId": 3, "note": "n"});
    say(&a, json!({"AccountApplicationId": 1, "Markings": [marking]})).await;
    exchange(&a, &b).await;
    // Long enough that the document is kept saved.
    for n in 0..40 {
        patch(&a, 1, json!({"color": n.to_string()})).await;
    }
    patch(&b, 1, json!({"chapter": "of b"})).await;
    patch(&b, 1, json!({"SyncIsRemoved": true})).await;
    exchange(&b, &a).await;
    exchange(&a, &b).await;
    let (of_a, of_b) = (records(&a, &RecordsOf::Activities), records(&b, &RecordsOf::Activities));
    assert_eq!((of_a.len(), of_b.len()), (43, 43));
    let colors: Vec<Value> = (0..40).map(|n| Value::from(n.to_string())).collect();
    assert_eq!(column(&of_a[1..41], "color"), colors);
    assert_eq!(column(&of_a[41..], "Activity.Type"), ["MarkingChanged", "MarkingRemoved"]);
    assert_eq!(column(&of_a[41..], "color"), [json!(null), json!(null)], "what its author had seen");
    let devices = |all: &[Map<String, Value>]| {
        let mut devices: Vec<String> = column(all, "Activity.Device").iter().map(Value::to_string).collect();
        devices.sort_unstable();
        devices
    };
    assert_eq!(devices(&of_a), devices(&of_b));
    let types = column(&of_b, "Activity.Type");
    assert_eq!(types.iter().filter(|ty| **ty == "MarkingRemoved").count(), 1);
    assert_eq!(types.iter().filter(|ty| **ty == "MarkingRestored").count(), 0);
}

#[tokio::test]
async fn markings_contacts_and_nodes_are_records() {
    let engine = Engine::in_memory("desk").unwrap();
    let account = json!({"AccountId": 3, "Email": "a@b.c", "Password": "secret", "FirstName": "Ada"});
    let long = "long ".repeat(10_000);
    let markings = [json!({"syncGuid": guid(1), "content": long}), json!({"syncGuid": guid(2)})];
    say(&engine, json!({"Account": account, "AccountApplicationId": 1, "Markings": markings})).await;
    engine.remove(&guid(2), None).await.unwrap().unwrap();
    let markings = records(&engine, &RecordsOf::Markings);
    assert_eq!(column(&markings, "SyncIsRemoved"), [false, true]);
    assert_eq!(column(&markings, "Marking.Id"), column(&markings, "id"));
    assert_eq!(markings[0]["content"], long);
    let contacts = records(&engine, &RecordsOf::Contacts);
    assert_eq!(
        (contacts.len(), &contacts[0]["FirstName"], &contacts[0]["Contact.Id"]),
        (1, &json!("Ada"), &json!(3))
    );
    assert!(!contacts[0].contains_key("Password") && !contacts[0].contains_key("PasswordHash"));

    put_node(
        &engine,
        json!({"type": "vehicle", "id": "1", "title": "t", "parentType": "fleet", "parentId": "f",
        "props": {"vin": "W", "tyres": {"front": 2}, "axles": [1, 2]}}),
    )
    .await;
    put_node(&engine, json!({"type": "vehicle", "id": "2", "props": {"plate": 5}})).await;
    put_node(&engine, json!({"type": "fleet", "id": "f", "nodeId": guid(5)})).await;
    let gone =
        put_node(&engine, json!({"type": "ghost", "id": "g", "nodeId": guid(6), "props": {"x": 1}})).await;
    let name = quire_daemon::engine::NodeName::Guid(gone["nodeId"].as_str().unwrap().to_owned());
    engine.remove_node(tenant(), name, None).await.unwrap().unwrap();
    let types = ["fleet", "vehicle"].map(|ty| (tenant(), ty.to_owned()));
    assert_eq!(engine.node_types().unwrap(), types);
    assert_eq!(engine.property_names(&tenant(), "vehicle").unwrap(), ["axles", "plate", "tyres", "vin"]);
    let nodes = records(&engine, &vehicles());
    assert_eq!(column(&nodes, "id"), ["1", "2"]);
    assert_eq!((&nodes[0]["props.tyres"], &nodes[0]["parentId"]), (&json!({"front": 2}), &json!("f")));
    assert!(!nodes[0].contains_key("props") && !nodes[0].contains_key("refs"));
    let mut count = 0;
    let stop = &mut |_| {
        count += 1;
        ControlFlow::Break(())
    };
    engine.records(&RecordsOf::Activities, stop).unwrap();
    assert_eq!(count, 1, "an export ends when it is told to");
}

#[tokio::test]
async fn rows_of_markings_are_edits_of_what_differs() {
    let engine = Engine::in_memory("desk").unwrap();
    let braced = format!("{{{}}}", guid(1).to_uppercase());
    let put = json!([
        {"syncGuid": braced, "AccountId": "3", "bookID": "5", "content": "c", "CharIndexStart": "7", "note": ""},
        {"syncGuid": guid(1), "color": "red", "SyncIsRemoved": "true"},
        {"syncGuid": guid(1), "color": "red"},
        {"syncGuid": "", "color": "red"},
        {"syncGuid": guid(2), "bookID": "five", "type": "x"},
        {"syncGuid": "no guid"},
    ]);
    let done = import(&engine, rows(RecordsOf::Markings, "syncGuid", put)).await;
    let expected = [
        "Created",
        "Updated",
        "Unchanged",
        "ELQ-00061 syncGuid",
        "ELQ-00032 bookID type",
        "ELQ-00032 syncGuid",
    ];
    assert_eq!(done, expected);
    assert!(engine.marking(&guid(2), None).unwrap().is_none(), "a rejected row writes nothing");
    let now = shown(&engine, 1);
    assert_eq!(
        (&now["AccountId"], &now["bookID"], &now["CharIndexStart"]),
        (&json!(3), &json!(5), &json!(7))
    );
    assert_eq!(
        (&now["color"], &now["note"], &now["SyncIsRemoved"]),
        (&json!("red"), &json!(null), &json!(true))
    );
    let edits = records(&engine, &RecordsOf::Activities).len();
    assert_eq!(edits, 2);

    // What an export gave says nothing new.
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let exported: Map<String, Value> = records(&engine, &RecordsOf::Markings)[0]
        .iter()
        .map(|(key, value)| (key.clone(), text(value).into()))
        .collect();
    for identifier in ["syncGuid", "id", "Marking.Id"] {
        let again = rows(RecordsOf::Markings, identifier, json!([exported]));
        assert_eq!(import(&engine, again).await, ["Unchanged"], "{identifier}");
    }
    let id = now["id"].to_string();
    let by_id = json!([{"id": id, "SyncIsRemoved": false, "syncGuid": guid(7)}, {"id": "999"}, {"id": id, "AccountId": 4}, {}]);
    let done = import(&engine, rows(RecordsOf::Markings, "Id", by_id)).await;
    assert_eq!(done, ["Updated", "ELQ-00034", "ELQ-00034", "ELQ-00061 Id"]);
    assert_eq!(shown(&engine, 1)["SyncIsRemoved"], false);
    assert_eq!(shown(&engine, 1)["syncGuid"], guid(1));
    for elsewhere in [json!([{"syncGuid": guid(1), "AccountId": 4}]), json!([{"syncGuid": guid(8)}])] {
        assert_eq!(import(&engine, rows(RecordsOf::Markings, "syncGuid", elsewhere)).await, ["Created"]);
    }
    assert_eq!(
        engine.marking(&guid(8), Some(0)).unwrap().map(|item| item.removed),
        Some(false),
        "of no account"
    );
}

#[tokio::test]
async fn update_rules_decide_by_what_is_null() {
    let engine = Engine::in_memory("desk").unwrap();
    let first = json!([{"syncGuid": guid(1), "AccountId": 3, "color": "red", "chapterId": "c1"}]);
    import(&engine, rows(RecordsOf::Markings, "syncGuid", first)).await;
    let with = |rule, row: Value| {
        let put = rows(RecordsOf::Markings, "syncGuid", json!([row]));
        let rules = ["color", "content", "chapterId", "section", "note"];
        ImportPut { rules: rules.map(|key| (key.to_owned(), rule)).to_vec(), ..put }
    };
    let row = json!({"syncGuid": guid(1), "color": "", "content": "c", "chapterId": "c2", "section": null, "note": "n"});
    assert_eq!(import(&engine, with(UpdateRule::IfExistingIsNull, row.clone())).await, ["Updated"]);
    let now = shown(&engine, 1);
    let said = |now: &Value| ["color", "content", "chapterId", "note"].map(|key| now[key].clone());
    assert_eq!(said(&now), ["red", "c", "c1", "n"]);
    assert_eq!(import(&engine, with(UpdateRule::IfNewIsNotNull, row.clone())).await, ["Updated"]);
    assert_eq!(said(&shown(&engine, 1)), ["red", "c", "c2", "n"]);
    assert_eq!(import(&engine, with(UpdateRule::Always, row)).await, ["Updated"]);
    assert_eq!(said(&shown(&engine, 1)), ["", "c", "c2", "n"]);
}

#[tokio::test]
async fn rows_of_activities_are_new_unless_their_guid_is_known() {
    let engine = Engine::in_memory("desk").unwrap();
    let put = || {
        rows(RecordsOf::Activities, "syncGuid", json!([{"bookID": 1}, {"bookID": 1}, {"syncGuid": guid(1)}]))
    };
    assert_eq!(import(&engine, put()).await, ["Created", "Created", "Created"]);
    assert_eq!(
        import(&engine, put()).await,
        ["Unchanged", "Unchanged", "Unchanged"],
        "the same rows of one sync"
    );
    let later = ImportPut { first: 3, ..put() };
    assert_eq!(import(&engine, later).await, ["Created", "Created", "Unchanged"]);
    let all = records(&engine, &RecordsOf::Activities);
    assert_eq!((all.len(), &all[0]["Activity.Type"]), (5, &json!("Reading")));
}

#[tokio::test]
async fn rows_of_contacts_are_known_by_number_or_e_mail() {
    let engine = Engine::in_memory("desk").unwrap();
    let put = json!([
        {"AccountId": 3, "Email": "A@b.c", "Password": "p"}, {"Contact.Id": "4", "Email": "d@e.f"},
        {"AccountId": 5, "Email": "D@e.f"}, {"FirstName": "nobody"}, {"AccountId": "x"},
    ]);
    let done = import(&engine, rows(RecordsOf::Contacts, "AccountId", put)).await;
    assert_eq!(done, ["Created", "Created", "Created", "ELQ-00061 AccountId", "ELQ-00032 AccountId"]);
    let by_mail = json!([
        {"Email": "a@B.c", "FirstName": "Ada"}, {"Email": "d@e.f", "FirstName": "Two"}, {"Email": "new@e.f"},
        {"Email": "new@e.f", "AccountId": 6}, {"Email": "new@e.f", "FirstName": "Six"}, {"Email": "x@y.z", "AccountId": 3},
        {"FirstName": "nobody"},
    ]);
    let done = import(&engine, rows(RecordsOf::Contacts, "Email", by_mail.clone())).await;
    let expected = [
        "Updated",
        "ELQ-00026 Email",
        "ELQ-00034 Email",
        "Created",
        "Updated",
        "ELQ-00034 Email",
        "ELQ-00061 Email",
    ];
    assert_eq!(done, expected);
    let put = rows(RecordsOf::Contacts, "Email", by_mail);
    assert_eq!(import(&engine, ImportPut { all_matches: true, ..put }).await[1], "Updated");
    let names = column(&records(&engine, &RecordsOf::Contacts), "FirstName");
    assert_eq!(names, ["Ada", "Two", "Two", "Six"]);
}

#[tokio::test]
async fn rows_of_nodes_are_put_like_nodes() {
    let engine = Engine::in_memory("desk").unwrap();
    let put = json!([
        {"id": "1", "title": "t", "props.vin": "W", "props.json": "{\"a\":1}", "subjectToCleanup": "true", "type": "other"},
        {"id": "1", "title": "t2", "props.vin": ""},
        {"id": "", "title": "t"},
        {"id": "2", "subjectToCleanup": "maybe", "props.x": "1"},
        {"id": "3", "nodeId": guid(3), "parentType": "vehicle", "parentId": "1"},
        {"id": "1", "parentType": "vehicle", "parentId": "3"},
    ]);
    let done = import(&engine, rows(vehicles(), "id", put)).await;
    let expected =
        ["Created", "Updated", "ELQ-00061 id", "ELQ-00032 subjectToCleanup", "Created", "ELQ-00032"];
    assert_eq!(done, expected);
    let all = records(&engine, &vehicles());
    assert_eq!(column(&all, "title"), [json!("t2"), json!(null)]);
    assert_eq!((&all[0]["props.json"], &all[0]["type"]), (&json!("{\"a\":1}"), &json!("vehicle")));
    assert_eq!(all[0]["props.vin"], "", "always: also when it is nothing");

    // Numbers of an export come back as their texts.
    put_node(&engine, json!({"type": "vehicle", "id": "1", "props": {"n": 5, "o": {"a": [1]}}})).await;
    let same = json!([{"id": "1", "props.n": "5", "props.o": "{\"a\":[1]}", "props.absent": ""}]);
    assert_eq!(import(&engine, rows(vehicles(), "id", same)).await, ["Unchanged"]);

    let name = quire_daemon::engine::NodeName::Guid(guid(3));
    engine.remove_node(tenant(), name, None).await.unwrap().unwrap();
    let revived =
        json!([{"nodeId": guid(3), "title": "back"}, {"nodeId": guid(4)}, {"nodeId": guid(3), "id": "1"}]);
    let done = import(&engine, rows(vehicles(), "nodeId", revived)).await;
    assert_eq!(done, ["Updated", "Created", "ELQ-00032"]);
    assert_eq!(records(&engine, &vehicles()).len(), 3);
}

#[tokio::test]
async fn several_nodes_of_one_node_id_are_changed_only_together() {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    put_node(&a, json!({"type": "vehicle", "id": "1", "nodeId": guid(1)})).await;
    put_node(&b, json!({"type": "vehicle", "id": "2", "nodeId": guid(1)})).await;
    exchange(&b, &a).await;
    let put = || rows(vehicles(), "nodeId", json!([{"nodeId": guid(1), "title": "both"}]));
    assert_eq!(import(&a, put()).await, ["ELQ-00026 nodeId"]);
    assert_eq!(import(&a, ImportPut { all_matches: true, ..put() }).await, ["Updated"]);
    assert_eq!(column(&records(&a, &vehicles()), "title"), ["both", "both"]);
}

/// What a crash would leave of a folder.
fn as_a_crash_leaves(folder: &std::path::Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["quire.redb", "quire.journal", "boot-token"] {
        if folder.join(name).exists() {
            std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
    }
    copy
}

fn shelved(put: ImportPut, name: &str) -> ImportPut {
    let name = name.to_owned();
    let shelve =
        move |done: &[Imported]| vec![(name.into_bytes(), Some(done.len().to_string().into_bytes()))];
    ImportPut { shelve: Box::new(shelve), ..put }
}

#[tokio::test]
async fn a_crash_leaves_edits_and_shelf_both_or_neither() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), "desk").unwrap();
    // Small chunks are in the journal, the last one is too large for it.
    let mut copies = Vec::new();
    for (n, size) in [3, 3, 3, 3, 3, 120u8].into_iter().enumerate() {
        let one = |k| {
            let guid = uuid::Uuid::from_u128((n as u128) << 64 | u128::from(k) << 8 | 1);
            json!({"syncGuid": guid.to_string(), "AccountId": 3, "content": format!("{k}").repeat(400)})
        };
        let some: Vec<Value> = (0..size).map(one).collect();
        let put = rows(RecordsOf::Markings, "syncGuid", some.into());
        let done = engine.import(shelved(put, &format!("progress/{n}"))).await.unwrap();
        assert_eq!(done.len(), usize::from(size));
        copies.push(as_a_crash_leaves(folder.path()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for whole in &copies[3..] {
        let journal = std::fs::read(whole.path().join("quire.journal")).unwrap();
        for cut in (0..12_000).step_by(1_499).chain([journal.len()]) {
            let copy = as_a_crash_leaves(whole.path());
            let mut torn = journal.clone();
            torn[cut..].fill(0);
            std::fs::write(copy.path().join("quire.journal"), torn).unwrap();
            seen.insert(kept(&Engine::open(copy.path(), "desk").unwrap()));
        }
    }
    assert!(seen.len() > 3 && seen.contains(&12) && seen.contains(&135), "{seen:?}");
}

/// Markings that are held: as many as the shelf says.
fn kept(engine: &Engine) -> usize {
    let shelf = engine.shelf(b"progress/", None, 100).unwrap();
    let counts =
        shelf.into_iter().map(|(_, count)| String::from_utf8(count).unwrap().parse::<usize>().unwrap());
    let (noted, held): (usize, usize) = (counts.sum(), records(engine, &RecordsOf::Markings).len());
    assert_eq!(held, noted);
    held
}

#[tokio::test]
async fn edits_are_not_kept_without_the_shelf() {
    let engine = Engine::in_memory("desk").unwrap();
    let put = rows(RecordsOf::Markings, "syncGuid", json!([{"syncGuid": guid(1)}]));
    let put = shelved(put, &"n".repeat(quire_daemon::replica::MAX_SHELF_NAME + 1));
    assert!(matches!(engine.import(put).await, Err(EngineError::Store(_))));
    assert!(engine.marking(&guid(1), None).unwrap().is_none());
    let put = rows(RecordsOf::Markings, "syncGuid", json!([{"syncGuid": guid(1)}]));
    assert_eq!(import(&engine, shelved(put, "n")).await, ["Created"], "and the engine goes on");
    assert_eq!(engine.shelf(b"n", None, 2).unwrap().len(), 1);
}
