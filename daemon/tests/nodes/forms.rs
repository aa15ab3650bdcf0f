//! Any node through both forms, a document and another device.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use quire_protocol::shapes::contract::{NODE, json as contract_json};
use quire_protocol::shapes::xml;

use super::*;

/// A value as the form without objects and arrays in `props` carries it.
fn as_xml_carries(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.is_empty() => value.clone(),
        Value::Array(_) | Value::Object(_) => Value::from(value.to_string()),
        other => other.clone(),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,12}", "[\\x00-\\x1f\\r\\n\\t<>&\"']{0,6}", ".{0,8}"];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z\\x1F]{0,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_node() -> impl Strategy<Value = Map<String, Value>> {
    let text = || prop::option::of(".{0,10}");
    let props = prop::collection::btree_map(".{0,6}", any_value(), 0..5);
    let refs = prop::collection::btree_map(".{0,6}", (".{1,4}", ".{1,4}"), 0..3);
    (text(), props, refs, any::<bool>(), prop::option::of((".{1,4}", ".{1,4}"))).prop_map(
        |(title, props, refs, cleanup, parent)| {
            let refs: Map<String, Value> =
                refs.into_iter().map(|(name, (ty, id))| (name, json!({"type": ty, "id": id}))).collect();
            let props: Map<String, Value> = props.into_iter().collect();
            let (parent_type, parent_id) = parent.unzip();
            object(json!({
                "type": "t", "parentType": parent_type, "parentId": parent_id, "title": title,
                "props": props, "refs": refs, "subjectToCleanup": cleanup,
                "createdDateUtc": "2026-01-21T16:24:10.7944316+00:00", "updatedDateUtc": "2026-01-21T16:24:10.7944316+00:00",
            }))
        },
    )
}

/// What is left of a node when it has been through both forms, a document, another device, and back.
async fn around(
    a: &Engine,
    b: &Engine,
    sent: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let id = sent["id"].as_str().unwrap();
    put(a, Value::Object(sent.clone())).await;
    exchange(a, b).await;
    let there = object(named(b, "t", id));
    let told = contract_json::write(&NODE, &there);
    assert_eq!(contract_json::read(&NODE, told).unwrap(), there, "JSON loses nothing");
    let carried = xml::read(&NODE, &xml::write(&NODE, &there)).unwrap();
    // Posted back as a client of that form would, it is no edit: not even of what the form cannot carry.
    let clock = b.clock(&tenant());
    let back = NodePut { textual: true, ..node(Value::Object(carried.clone())) };
    assert_eq!(b.put_node(back).await.unwrap().members, there);
    assert_eq!(b.clock(&tenant()), clock);
    (there, carried)
}

#[test]
fn any_node_comes_back_from_both_forms_a_document_and_another_device() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (a, b) = runtime.block_on(both());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let count = std::cell::Cell::new(0);
    let done = runner.run(&any_node(), |mut sent| {
        count.set(count.get() + 1);
        sent.insert("id".into(), count.get().to_string().into());
        let (there, carried) = runtime.block_on(around(&a, &b, &sent));
        for (name, value) in &sent {
            prop_assert_eq!(&there[name], value, "{}", name);
        }
        let props = sent["props"].as_object().unwrap();
        let wanted: Map<String, Value> = props.iter().map(|(k, v)| (k.clone(), as_xml_carries(v))).collect();
        prop_assert_eq!(&carried["props"], &Value::Object(wanted));
        prop_assert_eq!(&carried["refs"], &sent["refs"]);
        prop_assert_eq!(&carried["title"], &sent["title"]);
        Ok(())
    });
    if let Err(failure) = done {
        panic!("{failure}\n{runner}");
    }
}
