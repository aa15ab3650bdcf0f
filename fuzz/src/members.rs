//! What holds for a JSON value, whichever reader it came from: contracts and models read, write and read it the same.

use quire_protocol::domain::Type;
use quire_protocol::shapes::contract::{Contract, Members, NODE, PUT_DATA_DELETE, SYNC_TOKEN, json};
use quire_protocol::shapes::json::{parse_text, placed};
use quire_protocol::shapes::model::{self, Item};
use quire_protocol::shapes::xml;
use serde_json::Value;

use super::assert_short;

/// Checks the value as each class and as a model; `text` is what it was read from.
pub fn check(text: &str, value: &Value) {
    for contract in [&NODE, &SYNC_TOKEN, &PUT_DATA_DELETE] {
        object(contract, text, value);
        if let Ok(items) = json::read_list(contract, value.clone()) {
            items.iter().for_each(|members| written(contract, members));
        }
    }
    match model::read(value.clone()) {
        Ok(model) => {
            model.items.iter().for_each(item);
            model.item_errors.iter().for_each(|error| assert_short(&error.to_string()));
        }
        Err(error) => assert_short(&error.to_string()),
    }
}

fn object(contract: &Contract, text: &str, value: &Value) {
    match json::read(contract, value.clone()) {
        Ok(members) => written(contract, &members),
        Err(faults) => {
            assert!(!faults.is_empty() && faults.len() <= json::MAX_FAULTS);
            for fault in faults {
                assert_short(&placed(text, &fault.path, fault.message));
            }
        }
    }
}

/// What was read is written whole, in JSON and, where XML has a type for it, in XML.
pub fn written(contract: &Contract, members: &Members) {
    let text = json::write(contract, members).to_string();
    let again = parse_text(&text).map(|value| json::read(contract, value));
    let again = again.map(|read| read.map(|members| json::write(contract, &members).to_string()));
    assert_eq!(again, Ok(Ok(text.clone())));
    if is_plain(members) {
        let document = xml::write(contract, members);
        let again = xml::read(contract, &document);
        let again = again.map(|members| json::write(contract, &members).to_string());
        assert_eq!(again, Ok(text), "{document}");
    }
}

/// Whether XML has a type for everything in `props`; lists and objects become texts.
fn is_plain(members: &Members) -> bool {
    let props = members.get("props").and_then(Value::as_object);
    let nodes = members.get("nodes").and_then(Value::as_array);
    props.is_none_or(|props| props.values().all(has_type))
        && nodes.is_none_or(|nodes| nodes.iter().filter_map(Value::as_object).all(is_plain))
}

fn has_type(value: &Value) -> bool {
    match value {
        Value::Array(_) => false,
        Value::Object(members) => members.is_empty(),
        _ => true,
    }
}

/// An item that was read is read again as it is, and from XML too but for lists of anything.
fn item(item: &Item) {
    let members = Value::Object(item.members.clone());
    same(item, members.clone());
    let is_list = |name: &String| item.kind.member(name).is_some_and(|member| member.ty == Type::Json);
    if !item.members.iter().any(|(name, value)| is_list(name) && !value.is_null()) {
        let document = xml::plain::write(item.kind.class(), &members);
        match xml::plain::read_items(item.kind, &document) {
            Ok(read) => same(item, read),
            Err(error) => panic!("{error} {document}"),
        }
    }
}

fn same(item: &Item, members: Value) {
    let shown = members.to_string();
    let Ok((again, errors)) = model::read_one(item.kind, &item.position, members) else {
        panic!("{shown} is no longer an object");
    };
    assert_eq!((again, errors), (vec![item.clone()], vec![]), "{shown}");
}
