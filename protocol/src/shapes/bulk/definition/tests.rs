#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::shapes::bulk::field::{custom_fields, fields};

const SEVEN: Object = Object::CustomObject(7);

fn all(object: Object) -> Vec<Field> {
    let keys = [(10, "nodeId".to_owned()), (11, "id".to_owned()), (12, "props.colour".to_owned())];
    if object == SEVEN { custom_fields(7, &keys) } else { fields(object) }
}

fn read(object: Object, is_import: bool, body: Value) -> Result<Draft, Vec<Failure>> {
    Draft::read(object, is_import, body.as_object().unwrap(), &all(object))
}

/// What is wrong with a body: members and what they have to be.
fn faults(object: Object, is_import: bool, body: Value) -> Vec<(String, String)> {
    let failures = read(object, is_import, body).unwrap_err();
    failures.into_iter().map(|failure| (failure.field, failure.constraint)).collect()
}

fn export(more: Value) -> Value {
    with(json!({"name": "Readings", "fields": {"Type": "{{Activity.Type}}"}}), more)
}

fn import(more: Value) -> Value {
    let fields = json!({"guid": "{{Marking.Field(syncGuid)}}", "Note": "{{Marking.Field(note)}}"});
    with(json!({"name": "Notes", "fields": fields, "identifierFieldName": "guid"}), more)
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn exports_are_shown_as_documented() {
    let draft = read(
        Object::Contacts,
        false,
        json!({
            "name": "test name",
            "fields": {
                "contactID": "{{Contact.Id}}", "createdAt": "{{Contact.CreatedAt}}",
                "emailFormat": "{{Contact.Email.Format}}", "C_EmailAddress": "{{Contact.Field(C_EmailAddress)}}",
            },
            "filter": null, "createdAt": null, "status": 0, "uri": "/contacts/exports/1", "kbUsed": 5,
        }),
    );
    let shown = r#"{"name":"test name","fields":{"contactID":"{{Contact.Id}}","createdAt":"{{Contact.CreatedAt}}","emailFormat":"{{Contact.Email.Format}}","C_EmailAddress":"{{Contact.Field(C_EmailAddress)}}"},"dataRetentionDuration":"PT12H"}"#;
    let draft = draft.unwrap();
    assert_eq!(Value::Object(draft.shown(false)).to_string(), shown);
    let columns = draft.columns(Object::Contacts, &all(Object::Contacts)).unwrap();
    let keys: Vec<_> = columns.iter().map(|column| column.key.as_str()).collect();
    assert_eq!(keys, ["Contact.Id", "", "", "Email"]);
    assert!(draft.filter(Object::Contacts, &[]).unwrap().is_none());
}

#[test]
fn imports_are_shown_as_documented() {
    let draft = read(Object::Markings, true, import(json!({}))).unwrap();
    let shown = r#"{"name":"Notes","fields":{"guid":"{{Marking.Field(syncGuid)}}","Note":"{{Marking.Field(note)}}"},"identifierFieldName":"guid","isSyncTriggeredOnImport":false,"dataRetentionDuration":"P7D","isUpdatingMultipleMatchedRecords":false}"#;
    assert_eq!(Value::Object(draft.shown(true)).to_string(), shown);
    assert_eq!((draft.rule_of("Note"), draft.retention(true)), (UpdateRule::Always, Span::IMPORT_RETENTION));
}

#[test]
fn members_are_read_in_any_case_and_as_text() {
    let more = json!({
        "FILTER": " '{{Activity.Type}}' = 'Reading' ", "autodeleteduration": "PT3600S", "MaxRecords": "50",
        "dataRetentionDuration": "P1D", "areSystemTimestampsInUTC": "TRUE", "syncActions": [],
    });
    let draft = read(Object::Activities, false, export(more)).unwrap();
    let shown = Value::Object(draft.shown(false));
    assert_eq!(shown["autoDeleteDuration"], "PT3600S");
    assert_eq!((&shown["maxRecords"], &shown["areSystemTimestampsInUTC"]), (&json!(50), &json!(true)));
    assert_eq!(draft.retention(false).seconds(), 86_400);
    let filter = draft.filter(Object::Activities, &all(Object::Activities)).unwrap().unwrap();
    assert!(filter.matches(json!({"Activity.Type": "Reading"}).as_object().unwrap()));
    let again: Draft = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
    assert_eq!(again, draft);
    let more = json!({
        "IdentifierFieldName": "GUID", "isSyncTriggeredOnImport": "true", "isUpdatingMultipleMatchedRecords": true,
        "nullIdentifierFieldName": false,
    });
    let mut body = import(json!({}));
    body.as_object_mut().unwrap().remove("identifierFieldName");
    let draft = read(Object::Markings, true, with(body, more)).unwrap();
    assert_eq!(draft.identifier.as_deref(), Some("guid"));
    assert!(draft.is_sync_triggered_on_import && draft.is_updating_multiple_matched_records);
    assert_eq!(draft.shown(true)["nullIdentifierFieldName"], false);
}

#[test]
fn all_failures_are_told_at_once() {
    let body = json!({
        "name": "x".repeat(101), "fields": {"a": "{{Activity.Id}}", "A": "{{Activity.Nothing}}", " ": 5},
        "filter": "'{{Activity.Type}}' == 'x'", "maxRecords": 0, "dataRetentionDuration": "P15D",
        "autoDeleteDuration": "PT59M", "areSystemTimestampsInUTC": 1, "syncActions": [{"action": "add"}],
    });
    let failures = read(Object::Activities, false, body).unwrap_err();
    let named: Vec<_> = failures.iter().map(|failure| failure.field.as_str()).collect();
    let expected = "name fields fields fields fields autoDeleteDuration dataRetentionDuration \
        areSystemTimestampsInUTC maxRecords filter syncActions";
    assert_eq!(named, expected.split_whitespace().collect::<Vec<_>>());
    let filter = failures.iter().find(|failure| failure.field == "filter").unwrap();
    let shown = json!({
        "field": "filter", "value": "'{{Activity.Type}}' == 'x'", "constraint": "Must have a value in single quotes here",
        "position": 21,
    });
    assert_eq!(serde_json::to_value(filter).unwrap(), shown);
    let name = serde_json::to_value(&failures[0]).unwrap();
    assert_eq!(
        name["constraint"],
        "Must be a string value, at least 1 character and at most 100 characters long."
    );
    assert!(name.get("position").is_none());
}

#[test]
fn fields_are_counted() {
    let many = |count: usize| -> Value {
        (0..count)
            .map(|at| (format!("f{at}"), json!("{{Marking.Field(note)}}")))
            .collect::<Map<_, _>>()
            .into()
    };
    let export = |count| read(Object::Markings, false, json!({"name": "n", "fields": many(count)}));
    assert!(export(250).is_ok());
    assert_eq!(export(251).unwrap_err().len(), 1);
    assert_eq!(export(0).unwrap_err().len(), 1);
    assert_eq!(faults(Object::Markings, false, json!({"name": "n"})).len(), 1);
    let import = |count: usize| {
        let mut body = json!({"name": "n", "identifierFieldName": "guid", "fields": many(count - 1)});
        body["fields"]["guid"] = json!("{{Marking.Field(syncGuid)}}");
        read(Object::Markings, true, body)
    };
    assert!(import(100).is_ok());
    assert!(import(101).is_err());
}

#[test]
fn an_import_needs_what_identifies() {
    for (object, statement) in [
        (Object::Markings, "{{Marking.Field(syncGuid)}}"),
        (Object::Markings, "{{Marking.Field(id)}}"),
        (Object::Markings, "{{Marking.Id}}"),
        (Object::Activities, "{{Activity.Field(syncGuid)}}"),
        (Object::Contacts, "{{Contact.Field(AccountId)}}"),
        (Object::Contacts, "{{Contact.Id}}"),
        (Object::Contacts, "{{Contact.Field(C_EmailAddress)}}"),
        (SEVEN, "{{CustomObject[7].Field[10]}}"),
        (SEVEN, "{{CustomObject[7].ExternalId}}"),
        (SEVEN, "{{CustomObject[7].Field(id)}}"),
    ] {
        let body = json!({"name": "n", "fields": {"key": statement}, "identifierFieldName": "key"});
        assert!(read(object, true, body).is_ok(), "{statement}");
    }
    let without = |object, statement| json!({"name": object, "fields": {"f": statement}});
    let body = without("activities", "{{Activity.Field(note)}}");
    assert!(read(Object::Activities, true, body).is_ok());
    let body = without("contacts", "{{Contact.Field(FirstName)}}");
    assert_eq!(faults(Object::Contacts, true, body)[0].0, "identifierFieldName");
    let other = import(json!({"identifierFieldName": "other"}));
    assert_eq!(faults(Object::Markings, true, other)[0].1, "Must be the name of one of the fields");
    let note = import(json!({"identifierFieldName": "Note"}));
    let expected = "Must be a field that identifies: syncGuid, id, Marking.Id";
    assert_eq!(
        faults(Object::Markings, true, note),
        [("identifierFieldName".to_owned(), expected.to_owned())]
    );
    let mut read_only = import(json!({}));
    read_only["fields"]["row"] = json!("{{Marking.Id}}");
    let expected = ("fields".to_owned(), "Must not reference a read-only field".to_owned());
    assert_eq!(faults(Object::Markings, true, read_only), [expected]);
}

#[test]
fn rules_are_those_of_the_whole_or_of_each_field() {
    let one = read(Object::Markings, true, import(json!({"updateRule": "IFNEWISNOTNULL"}))).unwrap();
    assert_eq!(one.rule_of("Note"), UpdateRule::IfNewIsNotNull);
    assert_eq!(one.shown(true)["updateRule"], "ifNewIsNotNull");
    let rules = json!({"note": "ifExistingIsNull", "{{Marking.Field(syncGuid)}}": "ifNewIsNotNull"});
    let each = import(json!({"updateRule": "useFieldRule", "updateRuleByField": rules}));
    let each = read(Object::Markings, true, each).unwrap();
    assert_eq!(each.rule_of("Note"), UpdateRule::IfExistingIsNull);
    assert_eq!(each.rule_of("guid"), UpdateRule::IfNewIsNotNull);
    assert_eq!(each.rule_of("other"), UpdateRule::Always);
    let shown = json!({"Note": "ifExistingIsNull", "guid": "ifNewIsNotNull"});
    assert_eq!(each.shown(true)["updateRuleByField"], shown);
    for (more, fields) in [
        (json!({"updateRule": "never"}), vec!["updateRule"]),
        (json!({"updateRule": "useFieldRule"}), vec!["updateRuleByField"]),
        (json!({"updateRuleByField": {"Note": "useFieldRule", "x": "always"}}), vec!["updateRuleByField"; 2]),
        (json!({"updateRuleByField": []}), vec!["updateRuleByField"]),
    ] {
        let named: Vec<_> =
            faults(Object::Markings, true, import(more)).into_iter().map(|fault| fault.0).collect();
        assert_eq!(named, fields);
    }
}

#[test]
fn what_no_longer_stands_for_anything_is_told() {
    let body = json!({"name": "n", "fields": {"c": "{{CustomObject[7].Field[12]}}"}});
    let draft = read(SEVEN, false, body).unwrap();
    assert_eq!(draft.columns(SEVEN, &all(SEVEN)).unwrap()[0].key, "props.colour");
    assert_eq!(draft.columns(SEVEN, &[]).unwrap_err()[0].constraint, "Must reference an existing field");
}

fn values() -> impl Strategy<Value = Value> {
    let texts = "PT1H|always|useFieldRule|true|guid|7|.{0,8}".prop_map(Value::from);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("guid|Note|.{0,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_is_refused_or_shown_as_itself(
        more in prop::collection::btree_map(
            "name|fields|filter|updateRule|updateRuleByField|maxRecords|autoDeleteDuration|dataRetentionDuration|\
             syncActions|identifierFieldName|isSyncTriggeredOnImport|nullIdentifierFieldName",
            values(), 0..5,
        ),
        is_import in any::<bool>(),
    ) {
        let body = import(Value::Object(more.into_iter().collect()));
        match read(Object::Markings, is_import, body) {
            Ok(draft) => {
                let shown = Value::Object(draft.shown(is_import));
                let again = read(Object::Markings, is_import, shown.clone()).unwrap();
                prop_assert_eq!(Value::Object(again.shown(is_import)), shown);
                let stored: Draft = serde_json::from_str(&serde_json::to_string(&draft).unwrap()).unwrap();
                prop_assert_eq!(stored, draft);
            }
            Err(failures) => prop_assert!(!failures.is_empty()),
        }
    }
}
