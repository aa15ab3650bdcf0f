use proptest::prelude::*;

use super::*;
use crate::document::{Conflict, Other};
use crate::id::Incarnation;

const NOW: &str = "2026-01-01T00:00:00Z";
const GUID: &str = "2f5853bd-1c1a-4d0b-9e91-53e4e5cff006";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn told(members: &Map<String, Value>) -> Told<'_> {
    Told { members, textual: false, revives: true, now: NOW }
}

fn space() -> Space {
    Space::parse("tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd").unwrap()
}

fn apply(base: &Projection, edit: Edit) -> Projection {
    let mut after = base.clone();
    after.values.extend(edit.values);
    after
}

fn made(sent: Value) -> Projection {
    let sent = object(sent);
    let identity = NodeKey::of(&sent, "type", "id").map_or_else(|| GUID.to_owned(), |key| key.identity());
    apply(&Projection::default(), beginning(&space(), &identity, told(&sent)))
}

fn edited(base: &Projection, sent: Value) -> Projection {
    let parent = base.get(PARENT).and_then(|register| read_move(register)?.0);
    apply(base, differences(base, parent.as_ref(), told(&object(sent)), &|_| None))
}

fn shown(projection: &Projection) -> Value {
    let parent = projection.get(PARENT).and_then(|register| read_move(register)?.0);
    let naming = Naming { tenant: "t", cyan_id: 7, parent: parent.as_ref() };
    Value::Object(members(projection, naming, &|_| None))
}

#[test]
fn the_documented_node_comes_back() {
    let sample: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/shapes/put-data-delete.json")).unwrap();
    let mut sent = sample["nodes"][0].clone();
    let mut back = shown(&made(sent.clone()));
    assert_eq!(
        back.as_object().unwrap().keys().collect::<Vec<_>>(),
        sent.as_object().unwrap().keys().collect::<Vec<_>>()
    );
    for ours in ["tenantId", "cyanId"] {
        sent.as_object_mut().unwrap().remove(ours);
        back.as_object_mut().unwrap().remove(ours);
    }
    assert_eq!(back, sent);
}

#[test]
fn what_is_sent_again_is_no_edit() {
    let sent = json!({"type": "a", "id": "1", "title": "x", "props": {"k": {"l": [1]}}, "refs": {"r": {"type": "b", "id": "2"}},
        "parentType": "p", "parentId": "0", "createdDateUtc": "2026-01-21T16:24:10.7944316+00:00", "subjectToCleanup": true});
    let base = made(sent.clone());
    let again =
        differences(&base, Some(&NodeKey { ty: "p".into(), id: "0".into() }), told(&object(sent)), &|_| None);
    assert_eq!((again.values, again.life), (vec![], Life::Keep));
    let whole = object(shown(&base));
    let parent = NodeKey { ty: "p".into(), id: "0".into() };
    let back = differences(&base, Some(&parent), told(&whole), &|_| None);
    assert_eq!((back.values, back.life), (vec![], Life::Keep));
}

#[test]
fn dates_are_what_was_sent_and_else_the_daemons() {
    let dates = |node: &Projection| (shown(node)[CREATED].clone(), shown(node)[UPDATED].clone());
    let own = made(json!({"type": "a", "id": "1", "createdDateUtc": "0001-01-01T00:00:00"}));
    assert_eq!(dates(&own), (json!(NOW), json!(NOW)));
    let sent = "2026-01-21T16:24:10.7944316+00:00";
    let node = made(json!({"type": "a", "id": "1", "createdDateUtc": sent, "updatedDateUtc": sent}));
    assert_eq!(dates(&node), (json!(sent), json!(sent)));
    let touched = edited(&node, json!({"title": "x"}));
    assert_eq!(dates(&touched), (json!(sent), json!(NOW)));
    assert_eq!(
        dates(&edited(&touched, json!({"title": "y", "updatedDateUtc": NOW}))),
        (json!(sent), json!(NOW))
    );
    assert_eq!(dates(&edited(&touched, json!({"updatedDateUtc": sent}))), (json!(sent), json!(sent)));
    assert_eq!(
        dates(&edited(&node, json!({"title": "x", "updatedDateUtc": sent}))),
        (json!(sent), json!(sent))
    );
}

#[test]
fn what_is_not_named_stays_and_null_clears() {
    let base = made(
        json!({"type": "a", "id": "1", "title": "x", "props": {"k": 1, "l": 2}, "parentType": "p", "parentId": "0",
        "refs": {"r": {"type": "b", "id": "2"}, "s": {"type": "b", "id": "3"}}}),
    );
    let after = shown(&edited(
        &base,
        json!({"title": null, "props": {"k": null}, "refs": {"r": null}, "parentType": null, "parentId": null}),
    ));
    assert_eq!((&after["title"], &after["props"]), (&Value::Null, &json!({"l": 2})));
    assert_eq!(after["refs"], json!({"s": {"type": "b", "id": "3"}}));
    assert_eq!((&after["parentType"], &after["parentId"]), (&Value::Null, &Value::Null));
    let untouched = shown(&edited(&base, json!({"props": null, "refs": null})));
    assert_eq!(
        untouched["props"],
        json!({"k": 1, "l": 2}),
        "typed clients send null for what they never set"
    );
}

#[test]
fn every_guid_it_was_given_finds_a_node() {
    let (first, second, third) =
        (GUID, "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003");
    let mut node = made(json!({"type": "a", "id": "1", "nodeId": first}));
    node = edited(&node, json!({"nodeId": second}));
    node = edited(&node, json!({"nodeId": NO_GUID}));
    let by = Incarnation([1; 16]);
    node.conflicts.push(Conflict {
        key: NODE_ID.into(),
        others: vec![Other { value: Register::Text(third.into()), by }],
    });
    let mut ids: Vec<&str> = node_ids(&node).collect();
    ids.sort_unstable();
    assert_eq!(ids, [second, third, first]);
    assert_eq!(node_id(&node), first);
    let derived = derived_node_id(&space(), "x");
    assert_eq!(
        shown(&made(json!({"type": "a", "id": "1"})))["nodeId"].as_str().unwrap().len(),
        derived.len()
    );
}

#[test]
fn a_node_without_key_keeps_what_is_known_of_it() {
    let node = shown(&made(json!({"nodeId": GUID, "type": "a"})));
    assert_eq!((&node["type"], &node["id"], &node["nodeId"]), (&json!("a"), &Value::Null, &json!(GUID)));
}

#[test]
fn long_names_are_refused() {
    let long = "x".repeat(MAX_IDENTITY + 1);
    for name in ["type", "id", "parentType", "parentId"] {
        assert_eq!(check(&object(json!({name: long}))), Err(NodeError::TooLong(name)));
    }
    assert_eq!(check(&object(json!({"title": long, "props": {&*long: long}}))), Ok(()));
    let refs = json!({"refs": {"r": {"type": "a", "id": long}}});
    assert_eq!(check(&object(refs)), Err(NodeError::TooLong("refs")));
    let long = "x".repeat(MAX_IDENTITY);
    let node = made(json!({"type": "a", "id": "1", "refs": {&*long: {"type": "a", "id": "b"}}}));
    assert_eq!(shown(&node)["refs"], json!({&*long: {"type": "a", "id": "b"}}));
}

proptest! {
    #[test]
    fn keys_are_identities_and_back(ty in ".{1,6}", id in ".{1,6}") {
        let key = NodeKey { ty, id };
        prop_assert_eq!(NodeKey::from_identity(&key.identity()), Some(key.clone()));
        let moved = moved(Some(&key), None);
        prop_assert_eq!(read_move(&moved), Some((Some(key), None)));
    }
}
