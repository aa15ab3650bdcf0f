#![allow(clippy::unwrap_used)]
mod hostile;
mod plain_shapes;
mod rules;
mod samples;
mod values;

use serde_json::json;

use super::super::contract::{self, Contract, Members, NODE, PUT_DATA_DELETE, SYNC_TOKEN};
use super::*;

const TENANT: &str = "bacdceb0-d7fa-4fd8-a478-579d39407032";

fn members(value: serde_json::Value) -> Members {
    value.as_object().unwrap().clone()
}

/// A document of that class with this inside.
fn document(contract: &Contract, inside: &str) -> String {
    let (name, namespace) = (contract.name, contract.namespace);
    format!(r#"<{name} xmlns:i="{INSTANCE}" xmlns="{namespace}">{inside}</{name}>"#)
}

fn node(inside: &str) -> Result<Members, XmlError> {
    read(&NODE, &document(&NODE, inside))
}

/// A node whose `props` has one value under `k`, whose attributes and content are these.
fn prop(attributes: &str, content: &str) -> Result<serde_json::Value, XmlError> {
    let entry = format!(
        r#"<Props xmlns:a="{ARRAYS}" xmlns:x="{SCHEMA}" xmlns:s="{SERIALIZATION}"><a:{ANY_ENTRY}><a:Key>k</a:Key><a:Value {attributes}>{content}</a:Value></a:{ANY_ENTRY}></Props>"#
    );
    node(&entry).map(|node| node["props"]["k"].clone())
}

fn written_prop(value: serde_json::Value) -> String {
    let xml = write(&NODE, &members(json!({"props": {"k": value}})));
    let start = xml.find("<d2p1:Value").unwrap();
    let end = xml.find("</d2p1:KeyValue").unwrap();
    xml[start..end].to_owned()
}
