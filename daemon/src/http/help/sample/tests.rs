#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use quire_protocol::shapes::contract::SYNC_TOKEN;
use quire_protocol::shapes::forms;
use quire_protocol::shapes::model::{self, read};

use super::*;
use crate::http::endpoint::Body;
use crate::http::endpoints::{all, messages};

const TOKEN_XML: &str = include_str!("../../../../../tests/fixtures/shapes/sync-token.xml");
const DELETE_JSON: &str = include_str!("../../../../../tests/fixtures/shapes/put-data-delete.json");
const DELETE_XML: &str = include_str!("../../../../../tests/fixtures/shapes/put-data-delete.xml");

/// Every body that is sent or answered, each schema in each media type once.
fn bodies() -> BTreeMap<(String, &'static str), Body> {
    let of = all().flat_map(|endpoint| {
        endpoint.request.into_iter().chain(endpoint.replies().into_iter().filter_map(|reply| reply.body))
    });
    let each = of.flat_map(|body| body.media.types().iter().map(move |media| (body, *media)));
    each.map(|(body, media)| ((format!("{:?}", body.schema), media), body)).collect()
}

#[test]
fn every_body_that_is_data_has_a_sample_in_every_media_type() {
    for ((name, media), body) in bodies() {
        let is_data = !matches!(
            media,
            "text/html" | "text/plain" | "text/css" | "text/javascript" | "application/octet-stream"
        );
        let sample = text(body.schema, media);
        assert_eq!(sample.is_ok_and(|text| !text.is_empty()), is_data, "{name} as {media}");
    }
    assert!(text(Schema::Text, "text/html").unwrap_err().ends_with('.'));
}

#[test]
fn every_sample_of_a_class_comes_back_from_the_codecs() {
    let mut seen = 0;
    for ((name, media), body) in bodies() {
        let (of, is_list) = match body.schema {
            Schema::Contract(of) => (of, false),
            Schema::Contracts(of) => (of, true),
            _ => continue,
        };
        let sample = text(body.schema, media).unwrap();
        let expected = if media.contains("form") { example(of, example::text) } else { object(of) };
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let items = match media {
            "application/json" | "text/json" if is_list => {
                contract_json::read_list(of, value(&sample)).unwrap()
            }
            "application/json" | "text/json" => vec![contract_json::read(of, value(&sample)).unwrap()],
            "application/xml" | "text/xml" if is_list => xml::read_list(of, &sample).unwrap(),
            "application/xml" | "text/xml" => vec![xml::read(of, &sample).unwrap()],
            _ => vec![contract_json::read(of, forms::read(&sample).unwrap()).unwrap()],
        };
        assert_eq!(items.len(), if is_list { ENTRIES } else { 1 });
        let whole = |members: &Members| contract_json::write(of, members);
        assert!(items.iter().all(|item| whole(item) == whole(&expected)), "{name} as {media}:\n{sample}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn the_message_body_is_the_documented_example_itself() {
    let body = messages::DELETE_EXAMPLE.responses[0].body.unwrap();
    assert_eq!(text(body.schema, "application/json").unwrap().trim(), DELETE_JSON.trim());
    assert_eq!(text(body.schema, "text/xml").unwrap().trim(), DELETE_XML.trim());
}

/// Lines with the names of their elements, without what is in them.
fn outline(xml: &str) -> Vec<String> {
    let start = |line: &str| line.split_inclusive('>').next().unwrap_or_default().to_owned();
    xml.trim().lines().map(start).collect()
}

#[test]
fn the_token_looks_as_documented() {
    let made = text(Schema::Contract(&SYNC_TOKEN), "application/xml").unwrap();
    assert_eq!(outline(&made), outline(TOKEN_XML));
    assert!(made.contains("<CurrentDatabaseAnchorHex>sample string 10</CurrentDatabaseAnchorHex>"));
}

#[test]
fn the_sample_of_a_model_is_a_model_without_a_fault_in_every_form() {
    let sample = |media| text(Schema::Model, media).unwrap();
    let model = read(serde_json::from_str(&sample("application/json")).unwrap()).unwrap();
    assert_eq!(model.item_errors, []);
    assert!(model.items.len() >= 8, "one of each kind: {}", model.items.len());
    assert!(sample("application/json").contains("\"SyncIsRemoved\": false"));

    let of_xml = read(plain::read_model(&sample("application/xml")).unwrap()).unwrap();
    let of_form = read(forms::read(&sample("application/x-www-form-urlencoded")).unwrap()).unwrap();
    let said = |model: &model::SynchronizationModel| {
        let mut items = model.items.clone();
        // Forms have no null, and say nothing instead.
        items.iter_mut().for_each(|item| item.members.retain(|_, value| !value.is_null()));
        (model.account_application_id, model.last_sync.clone(), model.item_errors.clone(), items)
    };
    assert_eq!(said(&of_xml), said(&model));
    assert_eq!(said(&of_form), said(&model));
}

#[test]
fn samples_of_markings_come_back_from_every_form() {
    let list = Schema::Json("ListOfMarkings", || panic!("taken from the table"));
    let list =
        bodies().into_values().map(|body| body.schema).find(|schema| schema.name() == list.name()).unwrap();
    for schema in [list, Schema::Kind(Kind::Marking)] {
        let of = |value| {
            model::read_list(
                Kind::Marking,
                match value {
                    Value::Object(_) => Value::Array(vec![value]),
                    list => list,
                },
            )
        };
        let sample = |media| text(schema, media).unwrap();
        let (items, errors) = of(serde_json::from_str(&sample("application/json")).unwrap()).unwrap();
        assert!(items.len() == 1 && errors.is_empty());
        let of_xml = of(plain::read_items(Kind::Marking, &sample("text/xml")).unwrap()).unwrap();
        let of_form = of(forms::read(&sample("application/x-www-form-urlencoded")).unwrap()).unwrap();
        assert_eq!(of_xml.0[0].members, items[0].members);
        assert_eq!(of_form.0[0].members, items[0].members);
    }
}

#[test]
fn a_definition_that_holds_itself_ends() {
    let mut definitions = Map::new();
    definitions.insert("Self".to_owned(), serde_json::json!({ "$ref": format!("{DEFINITIONS}Self") }));
    let told = definitions["Self"].clone();
    assert_eq!(Sampler { definitions, strings: 0 }.of(&told, MAX_DEPTH), Value::Null);
}
