#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::shapes::coerce::MAX_VALUE;
use crate::shapes::contract::{MESSAGE, NODE, PUT_DATA_DELETE, SYNC_PAGE, SYNC_TOKEN};

const GUID: &str = "bacdceb0-d7fa-4fd8-a478-579d39407032";

fn ok(contract: &Contract, value: Value) -> Value {
    Value::Object(read(contract, value).unwrap())
}

fn faults(contract: &Contract, value: Value) -> Vec<(String, String)> {
    read(contract, value).unwrap_err().into_iter().map(|fault| (fault.path, fault.message)).collect()
}

#[test]
fn names_are_read_in_any_case_and_unknown_ones_dropped() {
    let read = ok(&NODE, json!({"TENANTID": GUID.to_uppercase(), "nope": 1, "Title": "a", "title": "b"}));
    assert_eq!(read, json!({"tenantId": GUID, "title": "b"}));
}

#[test]
fn absent_stays_absent_and_is_written_as_its_default() {
    assert_eq!(ok(&NODE, json!({})), json!({}));
    let written = write(&NODE, &Members::new()).to_string();
    let zeros = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        written,
        format!(
            r#"{{"tenantId":"{zeros}","nodeId":"{zeros}","type":null,"id":null,"parentType":null,"parentId":null,"title":null,"props":null,"refs":null,"cyanId":0,"subjectToCleanup":false,"createdDateUtc":"0001-01-01T00:00:00","updatedDateUtc":"0001-01-01T00:00:00"}}"#
        )
    );
}

#[test]
fn nested_objects_are_written_whole() {
    let members =
        read(&PUT_DATA_DELETE, json!({"nodes": [{"refs": {"r": {"id": "1"}, "n": null}}]})).unwrap();
    let written = write(&PUT_DATA_DELETE, &members);
    assert_eq!(written["nodeIds"], Value::Null);
    assert_eq!(written["nodes"][0]["refs"], json!({"r": {"type": null, "id": "1"}, "n": null}));
    assert_eq!(written["nodes"][0]["cyanId"], json!(0));
    assert_eq!(write(&SYNC_PAGE, &Members::new())["pageSize"], json!(0));
}

#[test]
fn null_and_empty_text_are_faults_where_the_class_has_no_null() {
    for name in ["tenantId", "nodeId", "cyanId", "subjectToCleanup", "createdDateUtc", "updatedDateUtc"] {
        for value in [Value::Null, json!("")] {
            assert_eq!(faults(&NODE, json!({name: value}))[0].0, name);
        }
    }
    for field in SYNC_TOKEN.fields {
        let read = read(&SYNC_TOKEN, json!({field.name: null}));
        assert_eq!(read.is_ok(), field.nullable, "{}", field.name);
    }
    assert_eq!(
        ok(&NODE, json!({"title": null, "props": "", "id": ""})),
        json!({"title": null, "props": null, "id": ""})
    );
    assert_eq!(ok(&MESSAGE, json!({"userId": ""})), json!({"userId": null}));
}

#[test]
fn types_are_converted_as_json_net_does() {
    let read = ok(
        &NODE,
        json!({"title": 5, "id": true, "type": 1.5, "cyanId": "9223372036854775807", "subjectToCleanup": "TRUE",
               "createdDateUtc": "/Date(0)/", "props": {"A b": [1, {"Z": {}}]}}),
    );
    assert_eq!(
        read,
        json!({"title": "5", "id": "True", "type": "1.5", "cyanId": i64::MAX, "subjectToCleanup": true,
               "createdDateUtc": "/Date(0)/", "props": {"A b": [1, {"Z": {}}]}})
    );
}

#[test]
fn faults_speak_as_json_net_and_tell_the_path() {
    assert_eq!(
        faults(&SYNC_TOKEN, json!({"tenantId": "nope", "options": {}, "userId": 5})),
        [
            ("tenantId", "Error converting value \"nope\" to type 'System.Guid'. Path 'tenantId'."),
            ("options", "Error reading string. Unexpected token: StartObject. Path 'options'."),
            ("userId", "Error converting value 5 to type 'System.Guid'. Path 'userId'."),
        ]
        .map(|(path, message)| (path.to_owned(), message.to_owned()))
    );
    let nested =
        json!({"nodeIds": ["x"], "nodes": [{}, {"refs": {"a b": {"type": []}}, "cyanId": 1.5}, null]});
    let paths: Vec<_> = faults(&PUT_DATA_DELETE, nested).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["nodeIds[0]", "nodes[1].refs['a b'].type", "nodes[1].cyanId", "nodes[2]"]);
    assert_eq!(faults(&NODE, json!([]))[0].1, "Error reading object. Unexpected token: StartArray. Path ''.");
    assert_eq!(faults(&NODE, Value::Null)[0].1, "Error reading object. Unexpected token: Null. Path ''.");
    assert_eq!(
        faults(&NODE, json!({"cyanId": null}))[0].1,
        "Error converting value {null} to type 'System.Int64'. Path 'cyanId'."
    );
}

#[test]
fn a_list_may_be_the_root() {
    let items = read_list(&NODE, json!([{"title": "a"}, {}])).unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(write_list(&NODE, &items)[0]["title"], "a");
    assert_eq!(read_list(&NODE, json!([{"nodeId": "x"}])).unwrap_err()[0].path, "[0].nodeId");
    assert!(read_list(&NODE, json!({})).is_err());
}

#[test]
fn faults_and_values_are_bounded() {
    let many = json!({"nodeIds": vec!["x"; 1_000], "nodes": vec![Value::Null; 1_000]});
    assert_eq!(faults(&PUT_DATA_DELETE, many).len(), MAX_FAULTS);
    let long = "a".repeat(MAX_VALUE + 1);
    assert!(faults(&NODE, json!({"title": long}))[0].1.starts_with("The value is longer than"));
    assert_eq!(faults(&NODE, json!({"props": {"k": long}}))[0].0, "props.k");
    assert_eq!(faults(&NODE, json!({"props": {"k": [long]}}))[0].0, "props.k");
}

proptest! {
    #[test]
    fn what_is_read_is_written_and_read_again(title in any::<Option<String>>(), keys in proptest::collection::vec(any::<String>(), 0..4), whole in any::<i64>()) {
        let props: Members = keys.into_iter().map(|key| (key.clone(), json!({key: whole}))).collect();
        let members = read(&NODE, json!({"title": title, "props": props, "cyanId": whole})).unwrap();
        let written = write(&NODE, &members);
        let again = read(&NODE, written.clone()).unwrap();
        prop_assert_eq!(write(&NODE, &again), written);
        prop_assert_eq!(&again["props"], &members["props"]);
    }
}
