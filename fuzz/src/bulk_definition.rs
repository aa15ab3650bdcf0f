//! Definitions and syncs of the Bulk shapes: failures that are short, or what is shown and read again as the same.

use quire_protocol::shapes::bulk::definition::Draft;
use quire_protocol::shapes::bulk::failure::Failure;
use quire_protocol::shapes::bulk::field::Field;
use quire_protocol::shapes::bulk::object::Object;
use quire_protocol::shapes::bulk::sync::{Instance, SyncDraft};
use quire_protocol::shapes::json::parse;
use serde_json::{Map, Value};

use super::{assert_short, bulk_filter};

/// More failures than this no definition can have: three for each field, one for each rule, one for each member.
const MAX_FAILURES: usize = 3 * 250 + 200 + 20;

/// Reads the input as the body of a definition of each object, and of a sync.
pub fn check(data: &[u8]) {
    let Ok(Value::Object(sent)) = parse(data) else { return };
    for (object, fields) in bulk_filter::objects() {
        for is_import in [false, true] {
            definition(object, is_import, &sent, &fields);
        }
    }
    match SyncDraft::read(&sent) {
        Ok(draft) => assert_eq!(Instance::parse(&draft.instance.to_string()), Some(draft.instance)),
        Err(failures) => told(&failures),
    }
}

fn definition(object: Object, is_import: bool, sent: &Map<String, Value>, fields: &[Field]) {
    let draft = match Draft::read(object, is_import, sent, fields) {
        Ok(draft) => draft,
        Err(failures) => return told(&failures),
    };
    assert_eq!(draft.columns(object, fields).map(|columns| columns.len()), Ok(draft.fields.len()));
    assert!(draft.filter(object, fields).is_ok());
    let shown = draft.shown(is_import);
    let again = Draft::read(object, is_import, &shown, fields);
    assert_eq!(again.map(|again| again.shown(is_import)), Ok(shown));
    let stored = serde_json::to_string(&draft).and_then(|text| serde_json::from_str::<Draft>(&text));
    assert_eq!(stored.ok(), Some(draft));
}

fn told(failures: &[Failure]) {
    assert!((1..=MAX_FAILURES).contains(&failures.len()));
    for failure in failures {
        assert_short(&failure.constraint);
        match &failure.value {
            Value::String(text) => assert_short(text),
            other => assert_short(&other.to_string()),
        }
    }
}
