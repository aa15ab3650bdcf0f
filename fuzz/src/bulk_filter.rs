//! Filters, statements and searches of the Bulk shapes: an error in its place, or what can be negated and matched.

use quire_protocol::shapes::bulk::field::{Field, custom_fields, fields, resolve};
use quire_protocol::shapes::bulk::filter::Filter;
use quire_protocol::shapes::bulk::object::Object;
use quire_protocol::shapes::bulk::search::{Order, Search};
use serde_json::{Map, Value, json};

use super::assert_short;

/// Every object, with its fields.
pub fn objects() -> [(Object, Vec<Field>); 4] {
    let keys = ["nodeId", "id", "createdDateUtc", "props.a"];
    let keys: Vec<_> = keys.iter().zip(1..).map(|(key, id)| (id, (*key).to_owned())).collect();
    let fixed = |object| (object, fields(object));
    [
        fixed(Object::Activities),
        fixed(Object::Markings),
        fixed(Object::Contacts),
        (Object::CustomObject(7), custom_fields(7, &keys)),
    ]
}

/// Reads the input as a filter, a statement, a search and an order.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for (object, fields) in objects() {
        filter(object, &fields, text);
        if let Err(error) = resolve(object, &fields, text) {
            assert_short(&error.to_string());
        }
    }
    searched(text);
}

fn filter(object: Object, fields: &[Field], text: &str) {
    let read = |text: &str| Filter::parse(text, &|statement| resolve(object, fields, statement));
    match read(text) {
        Ok(filter) => {
            let opposite = read(&format!("NOT ({text})"));
            for record in records() {
                let passes = filter.matches(&record);
                // One more pair of parentheses can be too many.
                assert!(
                    opposite.as_ref().is_ok_and(|other| other.matches(&record) != passes)
                        || opposite.is_err()
                );
            }
        }
        Err(error) => {
            assert!(error.position <= text.chars().count());
            assert_short(&error.message);
        }
    }
}

fn searched(text: &str) {
    let mut items = records();
    if let Ok(search) = Search::parse(text) {
        items.retain(|item| search.matches(item));
    }
    if let Ok(order) = Order::parse(text) {
        order.sort(&mut items);
        let sorted = items.clone();
        order.sort(&mut items);
        assert_eq!(items, sorted);
    }
}

fn records() -> Vec<Map<String, Value>> {
    let records = [
        json!({"note": "Ab", "Activity.Id": 1, "Activity.CreatedAt": "2017-01-01T00:00:00", "props.a": 10, "Email": ""}),
        json!({"note": null, "Activity.Id": 10, "Activity.CreatedAt": "x", "props.a": "9", "Email": "a@b.c"}),
        json!({"note": "a%_['", "props.a": [1], "Timestamp": "2025-03-13T22:00:00+02:00", "SyncIsRemoved": true}),
        json!({}),
    ];
    records.iter().filter_map(|record| record.as_object().cloned()).collect()
}
