//! The documented request, verbatim, and live items of every kind: taken here, complete there.

use super::pair;
use quire_tests::app::{App, everything, success};
use quire_tests::process::{Daemon, SYNCHRONIZE};
use quire_tests::sample::{self, GUID, MARKINGS_ACCOUNT, SECRETS, With, assert_same_item};
use serde_json::{Value, json};

/// Account of the documented request's `Account`, to which items without an account of their own belong.
const REQUEST_ACCOUNT: i64 = 1;

/// Account of the documented request's codes and popup settings.
const SETTINGS_ACCOUNT: i64 = 2;

#[test]
fn the_documented_request_is_taken_verbatim() {
    let desk = Daemon::named("desk");
    let headers = [("Content-Type", "application/json; charset=utf-8")];
    let answer = desk.anonymous("POST", SYNCHRONIZE, &headers, Some(sample::REQUEST.as_bytes())).expect(200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    let result = success(answer.json());
    assert_eq!(result["AccountApplicationId"], 1);
    assert_eq!(result["ApplicationType"], 1);
    assert_eq!(result["LastSyncTimestamp"], sample::request()["LastSyncTimestamp"]);
}

#[test]
fn an_answer_has_the_documented_members_in_the_documented_order() {
    let desk = Daemon::named("desk");
    let headers = [("Content-Type", "application/json")];
    let body =
        desk.anonymous("POST", SYNCHRONIZE, &headers, Some(sample::REQUEST.as_bytes())).expect(200).json();
    assert_eq!(names(&body), names(&sample::response()));
    assert_eq!(names(&body["Result"]), names(&sample::response()["Result"]));
}

#[test]
fn the_documented_request_arrives_complete_at_the_other_daemon() {
    let (desk, phone) = pair();
    success(desk.synchronize(&sample::request()));
    assert_arrived(&desk, &phone, &sample::request());
    let marking = find_marking(&phone);
    assert_eq!(marking["SyncIsRemoved"], true, "the documented marking is a removed one");
}

#[test]
fn live_items_of_every_kind_arrive_complete_at_the_other_daemon() {
    let (desk, phone) = pair();
    let live = sample::live_request("live");
    success(desk.synchronize(&live));
    assert_arrived(&desk, &phone, &live);
    let marking = phone.marking(GUID).expect("a live marking is listed");
    assert_eq!(marking["note"], "live sample string 13");
}

#[test]
fn secrets_never_come_back() {
    let (desk, phone) = pair();
    let result = success(desk.synchronize(&sample::request()));
    let here = everything(&desk, REQUEST_ACCOUNT);
    wait_in_step(&desk, &phone);
    let there = everything(&phone, REQUEST_ACCOUNT);
    assert_eq!(there["Account"]["Email"], "sample string 3");
    for answer in [result, here, there] {
        let text = answer.to_string();
        for secret in ["sample string 6\"", "sample string 12\"", "sample string 13\""] {
            // The same texts stand in harmless members too, so only the account is searched.
            assert!(!answer["Account"].to_string().contains(secret), "{secret} came back in {text}");
        }
        for member in SECRETS {
            assert_eq!(answer["Account"].get(member).unwrap_or(&Value::Null), &Value::Null);
        }
    }
}

#[test]
fn secrets_are_dropped_whatever_their_type_and_never_logged_or_stored() {
    let desk = Daemon::named("desk");
    let canary = "canary-7f3a9b1c5d2e4f60";
    for value in [json!(canary), json!({ "deep": canary }), json!([canary])] {
        let account =
            json!({ "AccountId": 3, "Password": value, "PasswordHash": value, "SecurityStamp": value });
        let answer = desk.synchronize(&App::new(3, 1).request(&[]).with("Account", account));
        assert!(!answer.to_string().contains(canary), "{answer}");
    }
    assert!(!desk.log().contains(canary));
    assert!(!folder_contains(&desk.data(), canary.as_bytes()), "the data folder holds a password");
}

/// Waits until `phone` has all that `desk` has, and checks that a fresh app there finds every item of `request`,
/// every member of each.
fn assert_arrived(desk: &Daemon, phone: &Daemon, request: &Value) {
    wait_in_step(desk, phone);
    let markings = everything(phone, MARKINGS_ACCOUNT);
    let settings = everything(phone, SETTINGS_ACCOUNT);
    let books = everything(phone, REQUEST_ACCOUNT);
    let lists = [
        (&markings, "Markings"),
        (&markings, "EPubHistoryActivities"),
        (&settings, "AccountCodes"),
        (&books, "Books"),
        (&books, "BookHtmlPages"),
        (&books, "BookStyleSheets"),
    ];
    for (result, list) in lists {
        let items = result[list].as_array().unwrap_or_else(|| panic!("no list {list}: {result}"));
        assert_eq!(items.len(), 1, "the sample has each item twice, and it is kept once: {list} {items:?}");
        assert_same_item(&items[0], &request[list][0]);
    }
    assert_same_item(&settings["PopupSettings"], &request["PopupSettings"]);
    assert_same_item(&books["Book"], &request["Book"]);
    assert_same_item(&books["Account"], &without_secrets(&request["Account"]));
}

/// Waits for every account that the documented request speaks of.
fn wait_in_step(desk: &Daemon, phone: &Daemon) {
    for account in [REQUEST_ACCOUNT, SETTINGS_ACCOUNT, MARKINGS_ACCOUNT] {
        desk.wait_in_step(phone, &format!("account:{account}"));
    }
}

fn without_secrets(account: &Value) -> Value {
    SECRETS.iter().fold(account.clone(), |account, secret| account.with(secret, Value::Null))
}

fn find_marking(daemon: &Daemon) -> Value {
    everything(daemon, MARKINGS_ACCOUNT)["Markings"][0].take()
}

fn names(value: &Value) -> Vec<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

fn folder_contains(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return folder_contains(&path, needle);
        }
        std::fs::read(&path).unwrap_or_default().windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn a_synchronization_in_xml_is_answered_in_xml() {
    let daemon = Daemon::named("desk");
    let guid = sample::guid();
    let body = format!(
        "<SynchronizationModel><Markings><position><note>a &amp; b</note><syncGuid>{guid}</syncGuid><bookID>4</bookID>\
         </position></Markings><AccountApplicationId>7</AccountApplicationId>\
         <Account><AccountId>3</AccountId></Account></SynchronizationModel>"
    );
    let answer = daemon
        .request("POST", SYNCHRONIZE, &[("Content-Type", "text/xml")], Some(body.as_bytes()))
        .expect(200);
    assert_eq!(answer.header("Content-Type"), Some("text/xml; charset=utf-8"));
    let told = answer.text();
    assert!(told.starts_with("<ApiResult") && told.contains("<IsSuccess>true</IsSuccess>"), "{told}");
    let kept = daemon.marking(&guid).unwrap();
    assert_eq!((&kept["note"], &kept["bookID"]), (&"a & b".into(), &4.into()));
    let one = [("Accept", "application/xml")];
    let found = daemon
        .request("GET", &format!("/api/markings/getMarkingById?syncGuid={guid}"), &one, None)
        .expect(200);
    assert!(found.text().starts_with("<ApiResultOfposition8WPzUjNG"), "{}", found.text());
}
