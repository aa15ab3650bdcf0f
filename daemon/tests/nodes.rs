//! Nodes, tokens and messages against the engine, without sockets.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "nodes/forms.rs"]
mod forms;
mod pair;
#[path = "nodes/windows.rs"]
mod windows;

use pair::{exchange, trust};
use quire_daemon::engine::{
    Engine, EngineError, ItemView, MessageAction, MessagePut, NodeFilter, NodeName, NodePut, TokenPut,
    WindowPage,
};
use quire_protocol::id::Space;
use quire_protocol::node::NodeKey;
use serde_json::{Map, Value, json};

const TENANT: &str = "tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd";
const NOW: &str = "2026-01-01T00:00:00Z";

fn tenant() -> Space {
    Space::parse(TENANT).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

fn node(members: Value) -> NodePut {
    let fresh = guid(0xFF);
    NodePut {
        space: tenant(),
        members: object(members),
        textual: false,
        revives: true,
        now: NOW.into(),
        fresh,
    }
}

async fn put(engine: &Engine, members: Value) -> Map<String, Value> {
    engine.put_node(node(members)).await.unwrap().members
}

fn all(engine: &Engine) -> Vec<ItemView> {
    engine.nodes(&NodeFilter::of(tenant())).unwrap()
}

fn named(engine: &Engine, ty: &str, id: &str) -> Value {
    let filter = NodeFilter { ty: Some(ty.into()), id: Some(id.into()), ..NodeFilter::of(tenant()) };
    let found = engine.nodes(&filter).unwrap().pop();
    found.map_or(Value::Null, |item| Value::Object(item.members))
}

async fn token(engine: &Engine, requested: Option<&str>, short: bool) -> Map<String, Value> {
    let sent = object(json!({"requestedAnchorHex": requested, "userId": guid(1), "applicationId": guid(2)}));
    let fresh = uuid::Uuid::new_v4().to_string();
    engine.put_token(TokenPut { space: tenant(), sent, fresh, now: NOW.into(), short }).await.unwrap()
}

fn id(token: &Map<String, Value>) -> &str {
    token["syncTokenId"].as_str().unwrap()
}

fn anchor(token: &Map<String, Value>) -> &str {
    token["currentDatabaseAnchorHex"].as_str().unwrap()
}

fn page(engine: &Engine, token: &Map<String, Value>, first: usize, count: usize) -> WindowPage {
    engine.window_page(Some(&tenant()), id(token), first, count).unwrap().unwrap()
}

fn titles(page: &WindowPage) -> Vec<&str> {
    let mut titles: Vec<&str> = page.nodes.iter().map(|node| node["title"].as_str().unwrap_or("-")).collect();
    titles.sort_unstable();
    titles
}

async fn both() -> (Engine, Engine) {
    let (a, b) = (Engine::in_memory("a").unwrap(), Engine::in_memory("b").unwrap());
    trust(&a, &b).await;
    (a, b)
}

async fn meet(a: &Engine, b: &Engine) {
    exchange(a, b).await;
    exchange(b, a).await;
}

#[tokio::test]
async fn what_is_posted_is_read_here_and_elsewhere_and_again_it_writes_nothing() {
    let (a, b) = both().await;
    let sent = json!({"type": "truck", "id": "7", "title": "x", "props": {"a": {"b": [1, 2.5]}}, "refs": {"r": {"type": "t", "id": "1"}}});
    let first = put(&a, sent.clone()).await;
    let clock = a.clock(&tenant());
    assert_eq!(put(&a, sent.clone()).await, first);
    assert_eq!(a.clock(&tenant()), clock, "the same again writes nothing");
    exchange(&a, &b).await;
    let mut there = named(&b, "truck", "7");
    there["cyanId"] = first["cyanId"].clone();
    assert_eq!(there, Value::Object(first));
    assert_eq!((&there["props"], &there["refs"]), (&sent["props"], &sent["refs"]));
}

#[tokio::test]
async fn one_node_created_twice_is_one_and_every_guid_finds_it() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1", "nodeId": guid(1), "props": {"a": 1}})).await;
    put(&b, json!({"type": "t", "id": "1", "nodeId": guid(2), "props": {"b": 2}, "title": "b"})).await;
    meet(&a, &b).await;
    for engine in [&a, &b] {
        assert_eq!(all(engine).len(), 1);
        for n in [1, 2] {
            let filter = NodeFilter { node_id: Some(guid(n)), ..NodeFilter::of(tenant()) };
            let found = engine.nodes(&filter).unwrap().pop().unwrap().members;
            assert_eq!(found["props"], json!({"a": 1, "b": 2}));
        }
        assert!(engine.conflicts(None).unwrap().is_empty(), "nobody wrote one thing twice");
    }
    assert_eq!(named(&a, "t", "1")["nodeId"], named(&b, "t", "1")["nodeId"]);
    let other = a.put_node(node(json!({"type": "t", "id": "2", "nodeId": guid(1)}))).await;
    assert!(matches!(other, Err(EngineError::Taken(_))), "type and id of a node do not change: {other:?}");
}

#[tokio::test]
async fn edits_made_apart_merge_and_a_loser_is_shown_and_settled() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1", "title": "o", "props": {"x": {"y": 0, "z": 0}}})).await;
    exchange(&a, &b).await;
    put(&a, json!({"type": "t", "id": "1", "title": "a", "props": {"x": {"y": 1}}})).await;
    put(&b, json!({"type": "t", "id": "1", "title": "b", "props": {"x": {"z": 2}, "new": {}}})).await;
    meet(&a, &b).await;
    let there = named(&a, "t", "1");
    assert_eq!(there["props"], json!({"new": {}, "x": {"y": 1, "z": 2}}));
    assert_eq!(there["title"], named(&b, "t", "1")["title"]);
    let conflicts = a.conflicts(None).unwrap();
    assert_eq!(conflicts.len(), 1);
    let lost = if there["title"] == "a" { "b" } else { "a" };
    assert_eq!((conflicts[0].member.as_str(), &conflicts[0].others[0].0), ("title", &json!(lost)));
    assert_eq!(conflicts[0].item, there["nodeId"].as_str().unwrap());
    a.resolve(&conflicts[0].id, json!("both")).await.unwrap().unwrap();
    exchange(&a, &b).await;
    assert_eq!((named(&b, "t", "1")["title"].clone(), b.conflicts(None).unwrap().len()), (json!("both"), 0));
}

#[tokio::test]
async fn a_removed_node_stays_away_until_it_is_posted_again_and_its_children_are_kept() {
    let a = Engine::in_memory("a").unwrap();
    put(&a, json!({"type": "t", "id": "1"})).await;
    put(&a, json!({"type": "t", "id": "2", "parentType": "t", "parentId": "1"})).await;
    let name = NodeName::Key(NodeKey { ty: "t".into(), id: "1".into() });
    assert!(a.remove_node(tenant(), name.clone(), None).await.unwrap().unwrap().removed);
    assert_eq!(named(&a, "t", "1"), Value::Null);
    let below =
        NodeFilter { parent_type: Some("t".into()), parent_id: Some("1".into()), ..NodeFilter::of(tenant()) };
    assert_eq!(a.nodes(&below).unwrap().len(), 1);
    put(&a, json!({"type": "t", "id": "1"})).await;
    assert_eq!(named(&a, "t", "1")["id"], "1");
}

#[tokio::test]
async fn an_edit_beside_a_removal_keeps_the_node() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1"})).await;
    exchange(&a, &b).await;
    a.remove_node(tenant(), NodeName::Key(NodeKey { ty: "t".into(), id: "1".into() }), None).await.unwrap();
    put(&b, json!({"type": "t", "id": "1", "title": "edited"})).await;
    meet(&a, &b).await;
    for engine in [&a, &b] {
        assert_eq!(named(engine, "t", "1")["title"], "edited");
        let conflict = &engine.conflicts(None).unwrap()[0];
        assert_eq!((conflict.member.as_str(), &conflict.others[0].0), ("removed", &json!(true)));
    }
}

#[tokio::test]
async fn moves_that_close_a_cycle_end_in_one_tree_and_the_lost_one_is_a_conflict() {
    let (a, b) = both().await;
    for id in ["1", "2"] {
        put(&a, json!({"type": "t", "id": id, "title": id})).await;
    }
    exchange(&a, &b).await;
    let before = token(&a, None, false).await;
    exchange(&a, &b).await;
    put(&a, json!({"type": "t", "id": "1", "parentType": "t", "parentId": "2"})).await;
    put(&b, json!({"type": "t", "id": "2", "parentType": "t", "parentId": "1"})).await;
    let apart = token(&b, Some(anchor(&before)), false).await;
    meet(&a, &b).await;
    let parents = |engine: &Engine| ["1", "2"].map(|id| named(engine, "t", id)["parentId"].clone());
    assert_eq!(parents(&a), parents(&b));
    assert_eq!(parents(&a).iter().filter(|parent| parent.is_null()).count(), 1);
    let conflicts = a.conflicts(None).unwrap();
    assert_eq!((conflicts.len(), conflicts[0].member.as_str()), (1, "parent"));
    assert!(conflicts[0].others[0].1.is_some(), "its author is known");
    assert_eq!(conflicts[0].others, b.conflicts(None).unwrap()[0].others);
    // Who synced with b before the two met is told of both: one of them is where it was not.
    let after = token(&b, Some(anchor(&apart)), false).await;
    let lost_on_b = named(&b, "t", "2")["parentId"].is_null();
    let wanted: &[&str] = if lost_on_b { &["1", "2"] } else { &["1"] };
    assert!(wanted.iter().all(|title| titles(&page(&b, &after, 0, 9)).contains(title)));
    let own = a.put_node(node(json!({"type": "t", "id": "3", "parentType": "t", "parentId": "3"}))).await;
    assert!(matches!(own, Err(EngineError::Member(_))));
    // Settled the other way round, there is no conflict any more.
    let id = conflicts[0].id.clone();
    assert!(a.resolve(&id, conflicts[0].value.clone()).await.unwrap().is_some());
    meet(&a, &b).await;
    assert_eq!((a.conflicts(None).unwrap().len(), b.conflicts(None).unwrap().len()), (0, 0));
    assert_eq!(parents(&a), parents(&b));
}

#[tokio::test]
async fn a_message_is_done_once() {
    let a = Engine::in_memory("a").unwrap();
    let message = |sequence: i64, action| MessagePut {
        space: tenant(),
        message: object(
            json!({"messageId": guid(sequence as u8), "senderSessionId": guid(5), "senderSessionSequence": sequence, "body": "b"}),
        ),
        action,
    };
    let nodes = || {
        MessageAction::Put(vec![node(json!({"type": "t", "id": "1"})), node(json!({"type": "t", "id": "2"}))])
    };
    let first = a.put_message(message(1, nodes())).await.unwrap();
    assert_eq!(all(&a).len(), 2);
    let remove =
        |key| MessageAction::Remove(vec![(tenant(), NodeName::Key(NodeKey { ty: "t".into(), id: key }))]);
    a.put_message(message(2, remove("1".into()))).await.unwrap();
    let clock = a.clock(&tenant());
    assert_eq!(a.put_message(message(1, nodes())).await.unwrap(), first);
    assert_eq!((all(&a).len(), a.clock(&tenant())), (1, clock));
    a.put_message(message(3, remove("nobody".into()))).await.unwrap();
    assert_eq!(a.messages(&tenant()).unwrap().len(), 3);
    let long = "x".repeat(2000);
    let some = MessageAction::Put(vec![
        node(json!({"type": long, "id": "1"})),
        node(json!({"type": "t", "id": "3"})),
    ]);
    assert!(
        matches!(a.put_message(message(4, some)).await, Err(EngineError::Member(why)) if why.starts_with("nodes[0]"))
    );
    assert_eq!(named(&a, "t", "3")["id"], "3", "every other one is stored");
    // Sent again it is refused again, and does not go over what came in since.
    put(&a, json!({"type": "t", "id": "3", "title": "since"})).await;
    let again = MessageAction::Put(vec![node(json!({"type": "t", "id": "3", "title": "old"}))]);
    assert!(
        matches!(a.put_message(message(4, again)).await, Err(EngineError::Member(why)) if why.starts_with("nodes[0]"))
    );
    assert_eq!(named(&a, "t", "3")["title"], "since");
    // Another number in the session is another message, whatever its id; without a session the id is its name.
    let mut other = message(5, remove("3".into()));
    other.message["messageId"] = guid(1).into();
    a.put_message(other).await.unwrap();
    assert_eq!(named(&a, "t", "3"), Value::Null);
}

#[tokio::test]
async fn large_values_and_long_names_travel_whole() {
    let (a, b) = both().await;
    let (long, name) = ("é".repeat(100_000), "k".repeat(400));
    let props = json!({"large": long, &*name: {&*name: [long]}});
    put(&a, json!({"type": "t", "id": "1", "props": props, "title": long})).await;
    exchange(&a, &b).await;
    let there = named(&b, "t", "1");
    assert!(there["props"] == props && there["title"] == long.as_str());
    let clock = b.clock(&tenant());
    put(&b, json!({"type": "t", "id": "1", "props": props, "title": long})).await;
    assert_eq!(b.clock(&tenant()), clock);
}

#[tokio::test]
async fn settling_with_an_object_leaves_its_members_to_merge() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1", "props": {"a": 0}})).await;
    exchange(&a, &b).await;
    put(&a, json!({"type": "t", "id": "1", "props": {"a": 5}})).await;
    put(&b, json!({"type": "t", "id": "1", "props": {"a": {"y": 1}}})).await;
    meet(&a, &b).await;
    let conflict = a.conflicts(None).unwrap().pop().unwrap();
    a.resolve(&conflict.id, json!({"x": 1})).await.unwrap().unwrap();
    assert_eq!(
        (named(&a, "t", "1")["props"]["a"]["x"].clone(), a.conflicts(None).unwrap().len()),
        (json!(1), 0)
    );
    put(&a, json!({"type": "t", "id": "1", "props": {"a": {"x": null, "z": 2}}})).await;
    assert_eq!(named(&a, "t", "1")["props"]["a"].get("x"), None);
    exchange(&a, &b).await;
    assert_eq!(named(&b, "t", "1")["props"], named(&a, "t", "1")["props"]);
}

#[tokio::test]
async fn a_reference_of_any_length_that_is_taken_is_shown() {
    let a = Engine::in_memory("a").unwrap();
    let long = "é".repeat(500);
    let refs = |count: u8| -> Map<String, Value> {
        (0..count).map(|n| (format!("{n}{long}"), json!({"type": long, "id": n.to_string()}))).collect()
    };
    put(&a, json!({"type": "t", "id": "1", "refs": refs(20)})).await;
    assert_eq!(named(&a, "t", "1")["refs"].as_object().unwrap().len(), 20);
    let too_many = a.put_node(node(json!({"type": "t", "id": "2", "refs": refs(60)}))).await;
    assert!(matches!(too_many, Err(EngineError::Member(_))), "they fit no change");
    assert_eq!(named(&a, "t", "2"), Value::Null);
}

#[tokio::test]
async fn an_edit_of_a_removed_node_leaves_it_removed_unless_it_says_so() {
    let a = Engine::in_memory("a").unwrap();
    put(&a, json!({"type": "t", "id": "1"})).await;
    let name = NodeName::Key(NodeKey { ty: "t".into(), id: "1".into() });
    a.remove_node(tenant(), name.clone(), None).await.unwrap();
    let edit = |revives| NodePut { revives, ..node(json!({"title": "x"})) };
    let left = a.patch_node(name.clone(), edit(false), None).await.unwrap().unwrap();
    assert!(left.removed && left.members["title"] == "x");
    assert!(!a.patch_node(name, edit(true), None).await.unwrap().unwrap().removed);
}

#[tokio::test]
async fn the_tag_of_a_node_says_where_it_is() {
    let (a, b) = both().await;
    for id in ["1", "2"] {
        put(&a, json!({"type": "t", "id": id})).await;
    }
    exchange(&a, &b).await;
    let first =
        a.put_node(node(json!({"type": "t", "id": "1", "parentType": "t", "parentId": "2"}))).await.unwrap();
    let second =
        b.put_node(node(json!({"type": "t", "id": "2", "parentType": "t", "parentId": "1"}))).await.unwrap();
    meet(&a, &b).await;
    let tag = |engine: &Engine, key: &str| {
        let filter = NodeFilter { ty: Some("t".into()), id: Some(key.into()), ..NodeFilter::of(tenant()) };
        engine.nodes(&filter).unwrap().pop().unwrap().etag
    };
    // The one whose move lost is elsewhere now, though its own changes are the same.
    let first_lost = named(&a, "t", "1")["parentId"].is_null();
    assert_eq!((tag(&a, "1") != first.etag, tag(&b, "2") != second.etag), (first_lost, !first_lost));
    assert_eq!((tag(&a, "1"), tag(&a, "2")), (tag(&b, "1"), tag(&b, "2")));
}
