//! XML: whatever is read is written, and read again as the same.

use quire_protocol::domain::Kind;
use quire_protocol::shapes::contract::{Contract, NODE, PUT_DATA_DELETE, SYNC_TOKEN, json};
use quire_protocol::shapes::xml::plain::{MODEL, read_items, read_model};
use quire_protocol::shapes::xml::{self, XmlError};
use serde_json::Value;

use super::{assert_short, members};

/// Reads the input as each class, as a list of each, as a model and as its items.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for contract in [&NODE, &SYNC_TOKEN, &PUT_DATA_DELETE] {
        object(contract, text);
        list(contract, text);
    }
    plain(text, MODEL, read_model);
    for kind in Kind::MODEL {
        let is_list = text.contains("<ArrayOf");
        let root = if is_list { format!("ArrayOf{}", kind.class()) } else { kind.class().to_owned() };
        plain(text, &root, |text| read_items(kind, text));
    }
}

fn object(contract: &Contract, text: &str) {
    match xml::read(contract, text) {
        Ok(read) => members::written(contract, &read),
        Err(error) => assert_short(&error.to_string()),
    }
}

fn list(contract: &Contract, text: &str) {
    let Ok(read) = xml::read_list(contract, text) else { return };
    let document = xml::write_list(contract, &read);
    let again =
        xml::read_list(contract, &document).map(|again| json::write_list(contract, &again).to_string());
    assert_eq!(again, Ok(json::write_list(contract, &read).to_string()), "{document}");
}

/// A document without namespaces; its value is then read as any other.
fn plain(text: &str, root: &str, read: impl Fn(&str) -> Result<Value, XmlError>) {
    match read(text) {
        Ok(value) => {
            // A list and a single item differ in the root alone.
            let root = if value.is_array() == root.starts_with("ArrayOf") { root } else { return };
            let document = xml::plain::write(root, &value);
            let again = read(&document).map(|again| again.to_string());
            assert_eq!(again, Ok(value.to_string()), "{document}");
            members::check(text, &value);
        }
        Err(error) => assert_short(&error.to_string()),
    }
}
