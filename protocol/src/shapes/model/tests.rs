#![allow(clippy::unwrap_used)]
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{BLANK_DATE, Role};
use crate::shapes::json::parse;

const REQUEST: &str = include_str!("../../../../tests/fixtures/shapes/synchronize.request.json");
const RESPONSE: &str = include_str!("../../../../tests/fixtures/shapes/synchronize.response.json");
const GUID: &str = "538b23c8-1b20-4bd3-a44e-53ae4a8bdc12";

fn sample(text: &str) -> Value {
    parse(text.as_bytes()).unwrap()
}

fn model(value: Value) -> SynchronizationModel {
    read(value).unwrap()
}

fn key(text: &str) -> Identity {
    Identity::Key(text.to_owned())
}

fn without_secrets(kind: Kind, item: &Value) -> Map<String, Value> {
    let secret = |name: &str| kind.member(name).unwrap().role == Role::Secret;
    item.as_object().unwrap().clone().into_iter().filter(|(name, _)| !secret(name)).collect()
}

#[test]
fn the_documented_request_reads_completely() {
    let sent = sample(REQUEST);
    let model = model(sent.clone());
    assert_eq!(model.item_errors, []);
    assert_eq!((model.account_application_id, model.request_account), (1, Some(1)));
    assert_eq!(model.application_type, json!(1));
    assert_eq!(model.last_sync.as_deref(), Some("2025-03-13T20:04:43.9577025-04:00"));
    let found: Vec<_> =
        model.items.iter().map(|i| (i.kind, i.position.as_str(), i.account, &i.identity)).collect();
    assert_eq!(
        found,
        [
            (Kind::Account, "Account", Some(1), &key("1")),
            (Kind::AccountCode, "AccountCodes[1]", Some(2), &key("1")),
            (Kind::HtmlPage, "BookHtmlPages[1]", None, &key("1")),
            (Kind::StyleSheet, "BookStyleSheets[1]", None, &key("1")),
            (Kind::Marking, "Markings[1]", Some(3), &key(GUID)),
            (Kind::History, "EPubHistoryActivities[1]", Some(3), &key(GUID)),
            (Kind::Book, "Book", None, &key("n:1")),
            (Kind::Popup, "PopupSettings", Some(2), &key("2")),
        ]
    );
    for item in &model.items {
        let one = &sent[item.kind.collection()];
        let sent = if one.is_array() { &one[1] } else { one };
        assert_eq!(item.members, without_secrets(item.kind, sent), "{}", item.position);
    }
    assert!(!format!("{model:?}").contains("sample string 6\", \"LastAccess"));
}

#[test]
fn the_documented_members_are_all_known_and_in_order() {
    let sent = sample(REQUEST);
    for kind in Kind::MODEL {
        let one = &sent[kind.collection()];
        let item = if one.is_array() { &one[0] } else { one };
        let names: Vec<_> = item.as_object().unwrap().keys().collect();
        let known: Vec<_> = kind.members().iter().map(|member| member.name).collect();
        assert_eq!(names, known);
    }
}

fn answer_of(result: &Value) -> Answer {
    let list = |name: &str| -> Vec<_> {
        result[name].as_array().unwrap().iter().map(|item| item.as_object().unwrap().clone()).collect()
    };
    Answer {
        errors: Vec::new(),
        account: result["Account"].as_object().cloned(),
        popup: result["PopupSettings"].as_object().cloned(),
        account_codes: list("AccountCodes"),
        html_pages: list("BookHtmlPages"),
        style_sheets: list("BookStyleSheets"),
        book: result["Book"].as_object().cloned(),
        books: list("Books"),
        markings: list("Markings"),
        history: list("EPubHistoryActivities"),
        account_application_id: result["AccountApplicationId"].as_i64().unwrap(),
        application_type: result["ApplicationType"].clone(),
        last_sync: result["LastSyncTimestamp"].as_str().map(str::to_owned),
        cursor: result["CurrentSyncTimestamp"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn the_documented_response_is_written_member_by_member() {
    let mut documented = sample(RESPONSE);
    let mut answer = answer_of(&documented["Result"]);
    answer.errors = vec!["sample string 1".to_owned(), "sample string 2".to_owned()];
    for secret in ["Password", "PasswordHash", "SecurityStamp"] {
        documented["Result"]["Account"][secret] = Value::Null;
    }
    documented["Errors"]["ErrorsNumber"] = json!(2);
    documented["Errors"]["MessagesString"] = json!("sample string 1 sample string 2");
    documented["StatusCode"] = json!(400);
    assert_eq!(String::from_utf8(write(&answer)).unwrap(), documented.to_string());
}

#[test]
fn an_empty_answer_has_every_member() {
    let answer = Answer { cursor: "2025-01-01T00:00:00Z".to_owned(), ..Answer::default() };
    assert_eq!(
        String::from_utf8(write(&answer)).unwrap(),
        r#"{"Errors":null,"Result":{"Account":null,"AccountCodes":[],"AccountApplicationId":0,"ApplicationType":null,"BookHtmlPages":[],"BookStyleSheets":[],"Book":null,"Markings":[],"Books":[],"PopupSettings":null,"EPubHistoryActivities":[],"LastSyncTimestamp":null,"CurrentSyncTimestamp":"2025-01-01T00:00:00Z","ServerDateTime":"2025-01-01T00:00:00Z"},"IsSuccess":true,"StatusCode":200}"#
    );
}

#[test]
fn missing_members_are_written_as_clients_can_read_them() {
    let mut out = Vec::new();
    write_item(&mut out, Kind::Popup, json!({"Top": 5, "Left": null}).as_object().unwrap());
    let popup =
        r#"{"EPubPopupSettingId":0,"AccountId":0,"Top":5,"Left":0,"Width":0,"Height":0,"Timestamp":null}"#;
    assert_eq!(String::from_utf8(out).unwrap(), popup);
    let mut out = Vec::new();
    write_item(&mut out, Kind::Marking, &Map::new());
    let marking = sample(std::str::from_utf8(&out).unwrap());
    assert_eq!(marking["Timestamp"], BLANK_DATE);
    assert_eq!(marking["SyncIsRemoved"], false);
    assert_eq!(marking["note"], Value::Null);
}

#[test]
fn names_are_found_in_any_case_and_unknown_ones_are_ignored() {
    let model = model(json!({
        "ACCOUNTAPPLICATIONID": "7", "lastsynctimestamp": "", "Elephant": [1],
        "account": {"accountid": "3", "Email": 5},
        "markings": [{"SYNCGUID": GUID.to_uppercase(), "NOTE": true, "elephant": {}}]
    }));
    assert_eq!((model.account_application_id, model.last_sync, model.request_account), (7, None, Some(3)));
    assert_eq!(model.application_type, json!(0));
    assert_eq!(Value::Object(model.items[0].members.clone()), json!({"AccountId": 3, "Email": "5"}));
    assert_eq!(Value::Object(model.items[1].members.clone()), json!({"syncGuid": GUID, "note": "True"}));
}

#[test]
fn a_bad_item_is_named_and_the_others_are_kept() {
    let model = model(json!({
        "Account": {"AccountId": 3, "Email": {}, "Password": {"a": 1}},
        "Markings": [null, {"syncGuid": "nope"}, {"syncGuid": GUID, "type": 5}, 7, {"syncGuid": GUID, "bookID": null}],
        "BookHtmlPages": [{"Content": "x"}, {"BookHtmlPageId": 0}],
        "Book": {"title": "x", "bookIdentifier": ""},
        "PopupSettings": []
    }));
    assert_eq!(model.request_account, Some(3), "a bad Email does not move the items to another account");
    assert_eq!(model.items.len(), 1);
    let errors: Vec<_> = model.item_errors.iter().map(|e| (e.position.as_str(), e.member.as_str())).collect();
    assert_eq!(
        errors,
        [
            ("Account", "Email"),
            ("BookHtmlPages[0]", "BookHtmlPageId"),
            ("BookHtmlPages[1]", "BookHtmlPageId"),
            ("Markings[0]", ""),
            ("Markings[1]", "syncGuid"),
            ("Markings[3]", ""),
            ("Markings[4]", "bookID"),
            ("Book", "booksBookID"),
            ("PopupSettings", ""),
        ]
    );
    let message = &model.item_errors[4].message;
    assert_eq!(
        message,
        "Error converting value \"nope\" to type 'System.Guid'. Path 'Markings[1].syncGuid'."
    );
}

#[test]
fn identities_fall_back_as_documented() {
    let zero = "00000000000000000000000000000000";
    let model = model(json!({
        "Markings": [{"syncGuid": zero, "id": 9}, {"syncGuid": null, "id": 0}, {"note": "x"}, {"syncGuid": GUID, "id": 4}],
        "Books": [{"booksBookID": 0, "bookIdentifier": "urn:1"}, {"bookIdentifier": "1", "booksBookID": 1}]
    }));
    let found: Vec<_> = model.items.iter().map(|item| item.identity.clone()).collect();
    let expected = [Identity::RowId(9), Identity::New, Identity::New, key(GUID), key("i:urn:1"), key("n:1")];
    assert_eq!(found, expected);
    assert!(!model.items[0].members.contains_key("syncGuid"));
}

#[test]
fn of_an_item_twice_the_last_counts_in_its_place() {
    let marking = |account: i64, note: &str| json!({"syncGuid": GUID, "AccountId": account, "note": note});
    let model = model(json!({
        "Account": {"AccountId": 1},
        "Markings": [marking(1, "a"), {"note": "new"}, marking(2, "b"), marking(0, "c"), {"note": "new"}],
        "EPubHistoryActivities": [marking(1, "d")],
        "Book": {"booksBookID": 1, "title": "single"},
        "Books": [{"booksBookID": 1, "title": "listed"}]
    }));
    let found: Vec<_> = model.items.iter().map(|item| item.position.as_str()).collect();
    assert_eq!(
        found,
        [
            "Account",
            "Markings[1]",
            "Markings[2]",
            "Markings[3]",
            "Markings[4]",
            "EPubHistoryActivities[0]",
            "Book"
        ]
    );
}

#[test]
fn popup_settings_without_an_account_are_those_of_the_request() {
    let with = model(json!({"Account": {"AccountId": 3}, "PopupSettings": {"Top": 1}}));
    assert_eq!((with.items[1].account, &with.items[1].identity), (Some(3), &key("3")));
    assert_eq!(with.items[1].members["AccountId"], 3);
    let without = model(json!({"PopupSettings": {"Top": 1}}));
    assert_eq!(without.item_errors[0].member, "AccountId");
}

#[test]
fn a_model_that_cannot_be_used_says_where() {
    for (sent, path) in [
        (json!([]), ""),
        (json!("x"), ""),
        (Value::Null, ""),
        (json!({"Markings": {}}), "Markings"),
        (json!({"books": "x"}), "Books"),
        (json!({"AccountApplicationId": {}}), "AccountApplicationId"),
        (json!({"AccountApplicationId": 1.5}), "AccountApplicationId"),
        (json!({"ApplicationType": []}), "ApplicationType"),
        (json!({"LastSyncTimestamp": 5}), "LastSyncTimestamp"),
        (json!({"LastSyncTimestamp": "x".repeat(10_000)}), "LastSyncTimestamp"),
    ] {
        let error = read(sent.clone()).unwrap_err();
        assert_eq!(error.path, path, "{error}");
        assert!(error.message.chars().count() <= 200);
    }
    let nothing = model(
        json!({"Markings": null, "Books": null, "Account": null, "Book": null, "LastSyncTimestamp": null}),
    );
    assert!(nothing.items.is_empty() && nothing.item_errors.is_empty());
}

#[test]
fn a_list_of_items_is_read_as_the_model_is() {
    let list = json!([{"syncGuid": GUID}, 5, {"syncGuid": GUID, "note": "last"}, {"type": "x"}]);
    let (items, errors) = read_list(Kind::Marking, list).unwrap();
    assert_eq!(
        (items.len(), items[0].position.as_str(), &items[0].members["note"]),
        (1, "[2]", &json!("last"))
    );
    assert_eq!([&errors[0].position, &errors[1].position], ["[1]", "[3]"]);
    assert!(errors[1].to_string().contains("Path '[3].type'"), "{}", errors[1]);
    for other in [json!("x"), json!({}), json!(null), json!(5)] {
        assert!(read_list(Kind::Marking, other).is_err());
    }
}

#[test]
fn one_item_is_read_as_the_model_is() {
    let one = |body| read_one(Kind::Marking, POSITION, body);
    let (items, _) = one(json!({"SYNCGUID": GUID, "note": "x"})).unwrap();
    assert_eq!((&items[0].members["note"], &items[0].identity), (&json!("x"), &key(GUID)));
    let (items, errors) = one(json!({"syncGuid": "nope"})).unwrap();
    assert!(items.is_empty());
    assert!(errors[0].to_string().contains("Path 'position.syncGuid'"), "{}", errors[0]);
    for other in [json!("x"), json!([]), json!(null), json!(5)] {
        assert!(one(other).is_err());
    }
}

#[test]
fn positions_are_written_as_an_api_result() {
    let documented = sample(RESPONSE)["Result"]["Markings"][0].clone();
    let position = documented.as_object().unwrap().clone();
    let text = |result, status, errors: &[&str]| {
        let errors = errors.iter().map(|&error| error.to_owned()).collect();
        sample(&String::from_utf8(write_positions(&PositionResult { errors, status, result })).unwrap())
    };
    assert_eq!(
        text(Positions::Many(vec![position.clone(); 2]), 200, &[]).to_string(),
        json!({"Errors": null, "Result": [documented, documented], "IsSuccess": true, "StatusCode": 200})
            .to_string()
    );
    assert_eq!(text(Positions::One(position), 400, &["a", "b"])["Errors"]["MessagesString"], "a b");
    let missing = text(Positions::None, 404, &["none"]);
    assert_eq!((&missing["Result"], &missing["IsSuccess"]), (&Value::Null, &json!(false)));
}

/// Generous, so that a loaded machine passes and anything quadratic does not; `--nocapture` shows the times.
#[test]
fn ten_thousand_markings_are_quick() {
    let marking = sample(REQUEST)["Markings"][0].clone();
    let markings: Vec<Value> = (0..10_000)
        .map(|n| {
            let mut marking = marking.clone();
            marking["syncGuid"] = json!(format!("{n:032x}"));
            marking["content"] = json!("A sentence. ".repeat(40));
            marking
        })
        .collect();
    let body = json!({"Account": {"AccountId": 3}, "Markings": markings}).to_string();
    let started = Instant::now();
    let body_value = sample(&body);
    let parsing = started.elapsed();
    let model = model(body_value);
    let reading = started.elapsed();
    assert_eq!(model.items.len(), 10_001, "the account, and each marking as its own");
    let answer =
        Answer { markings: model.items.into_iter().map(|item| item.members).collect(), ..Answer::default() };
    let started = Instant::now();
    let bytes = write(&answer);
    let writing = started.elapsed();
    println!(
        "{} bytes read in {reading:?} (parsed in {parsing:?}), {} written in {writing:?}",
        body.len(),
        bytes.len()
    );
    assert!(reading < Duration::from_secs(5) && writing < Duration::from_secs(5));
}

fn any_shape() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..300).prop_map(Value::from),
        Just(json!(GUID)),
        Just(json!("2025-01-01T00:00:00Z")),
        ".{0,6}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        prop::sample::select(vec![
            "Account",
            "Markings",
            "Books",
            "book",
            "PopupSettings",
            "BookHtmlPages",
            "AccountCodes"
        ]),
        prop::sample::select(vec![
            "syncGuid",
            "id",
            "AccountId",
            "note",
            "Timestamp",
            "booksBookID",
            "Password",
            "Id"
        ]),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8)
                .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_and_read_again_the_same(root in prop::collection::hash_map(
        prop::sample::select(Kind::MODEL.to_vec()), any_shape(), 0..6)) {
        let root = root.into_iter().map(|(kind, value)| (kind.collection().to_owned(), value)).collect();
        let Ok(model) = read(Value::Object(root)) else { return Ok(()) };
        for item in &model.items {
            prop_assert!(item.members.keys().all(|name| item.kind.member(name).is_some_and(|m| m.role != Role::Secret)));
            let mut out = Vec::new();
            write_item(&mut out, item.kind, &item.members);
            let (again, errors) = read_one(item.kind, "", parse(&out).unwrap()).unwrap();
            prop_assert_eq!(errors, vec![]);
            prop_assert_eq!(&again[0].identity, &item.identity);
            for (name, value) in &item.members {
                let member = item.kind.member(name).unwrap();
                let same = &again[0].members[name] == value || value.is_null() && member.is_blank(&again[0].members[name]);
                prop_assert!(same, "{}", name);
            }
        }
    }
}
