//! What e-readers ask besides synchronization: at the present clock, over the real program.

use quire_tests::app::{App, success};
use quire_tests::http::Response;
use quire_tests::process::Daemon;
use quire_tests::sample::{self, With, assert_same_item, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

const POST: &str = "/api/markings/postMarkingsApp";
const EDIT_NOTE: &str = "/api/markings/editNote";
const REMOVE: &str = "/api/markings/removeMarkings";
const REGISTER: &str = "/api/synchronization/registerDevice";
const SPACE: &str = "account:3";
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// As an app sends it: no token.
fn send(daemon: &Daemon, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    daemon.anonymous("POST", target, headers, Some(body))
}

/// The whole answer to JSON.
fn told(daemon: &Daemon, target: &str, body: &Value) -> Value {
    send(daemon, target, &[JSON], body.to_string().as_bytes()).expect(200).json()
}

fn get(daemon: &Daemon, target: &str, headers: &[(&str, &str)]) -> Response {
    daemon.anonymous("GET", target, headers, None)
}

fn by_guid(daemon: &Daemon, guid: &str) -> Value {
    get(daemon, &format!("/api/markings/getMarkingById?syncGuid={guid}"), &[]).expect(200).json()
}

/// Everything that a bad request could have changed.
fn state(daemon: &Daemon) -> Value {
    let spaces = daemon.get("/v1/spaces").expect(200).json();
    json!([spaces, daemon.get("/v1/markings").expect(200).json(), daemon.conflicts()])
}

#[test]
fn posted_markings_are_kept_and_posting_them_again_writes_nothing() {
    let desk = Daemon::named("desk");
    let (one, other) = (guid(), guid());
    let body = json!([marking(&one), marking(&other), { "AccountId": 3, "content": "no guid" }]);

    let first = success(told(&desk, POST, &body));

    assert_same_item(&first[0], &marking(&one));
    assert_eq!(desk.markings(3).len(), 3);
    let given = first[2]["syncGuid"].as_str().expect("the answer tells the guid");
    assert_eq!(desk.marking(given).unwrap()["content"], "no guid");
    let before = state(&desk);
    assert_eq!(success(told(&desk, POST, &body)), first);
    assert_eq!(success(told(&desk, "/API/Markings//PostMarkingsApp/", &body)), first);
    assert_eq!(state(&desk), before);
}

#[test]
fn a_member_that_is_not_named_stays_as_another_app_left_it() {
    let desk = Daemon::named("desk");
    let guid = guid();
    success(told(&desk, POST, &json!([marking(&guid)])));
    let mut app = App::new(3, 1);
    app.pull(&desk);
    app.sync(&desk, &[marking(&guid).with("color", "blue")]);

    success(told(&desk, POST, &json!([{ "syncGuid": guid, "color": "blue", "chapter": "ten" }])));

    assert_same_item(
        &by_guid(&desk, &guid)["Result"],
        &marking(&guid).with("color", "blue").with("chapter", "ten"),
    );
    assert!(desk.conflicts().is_empty());
    // The app is told of it, as of anybody's edit.
    assert_eq!(app.pull(&desk)["Markings"][0]["chapter"], "ten");
}

#[test]
fn a_note_is_edited_alone() {
    let desk = Daemon::named("desk");
    let guid = guid();
    success(told(&desk, POST, &json!([marking(&guid)])));
    let edit = marking(&guid).with("note", "seen").with("color", "stale").with("SyncIsRemoved", true);

    let answer = success(told(&desk, EDIT_NOTE, &edit));

    assert_same_item(&answer, &marking(&guid).with("note", "seen"));
    let before = state(&desk);
    success(told(&desk, EDIT_NOTE, &edit));
    assert_eq!(state(&desk), before);
    assert_missing(&told(&desk, EDIT_NOTE, &json!({ "syncGuid": sample::guid(), "note": "nowhere" })));
    assert_eq!(state(&desk), before);
}

#[test]
fn removed_markings_stay_removed_until_somebody_says_otherwise() {
    let desk = Daemon::named("desk");
    let (known, unknown) = (guid(), guid());
    success(told(&desk, POST, &json!([marking(&known)])));
    let body = json!([{ "syncGuid": known }, marking(&unknown)]);

    let answer = success(told(&desk, REMOVE, &body));

    assert_same_item(&answer[0], &marking(&known).with("SyncIsRemoved", true));
    assert_same_item(&answer[1], &marking(&unknown).with("SyncIsRemoved", true));
    assert!(desk.markings(3).is_empty());
    let before = state(&desk);
    success(told(&desk, REMOVE, &body));
    assert_eq!(state(&desk), before);

    success(told(&desk, POST, &json!([marking(&known).without("SyncIsRemoved").with("color", "red")])));
    assert!(desk.markings(3).is_empty());
    success(told(&desk, POST, &json!([{ "syncGuid": known, "SyncIsRemoved": false }])));
    assert_eq!(desk.markings(3)[0]["color"], "red");
}

#[test]
fn one_marking_is_read_by_its_guid_in_any_notation() {
    let desk = Daemon::named("desk");
    let guid = guid();
    success(told(&desk, POST, &json!([marking(&guid)])));
    for notation in [guid.to_uppercase(), format!("%7B{guid}%7D"), guid.replace('-', "")] {
        assert_same_item(&success(by_guid(&desk, &notation)), &marking(&guid));
    }
    assert_missing(&by_guid(&desk, &sample::guid()));
    for bad in ["", "?syncGuid=", "?syncGuid=nope", "?other=1"] {
        let answer = get(&desk, &format!("/api/markings/getMarkingById{bad}"), &[]).expect(400).json();
        assert!(answer["ModelState"]["syncGuid"].is_array(), "{answer}");
    }
}

#[test]
fn what_is_posted_arrives_at_the_other() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let guid = guid();
    success(told(&desk, POST, &json!([marking(&guid)])));
    eventually("the marking", PATIENCE, || phone.marking(&guid));
    success(told(&phone, EDIT_NOTE, &json!({ "syncGuid": guid, "note": "from the phone" })));
    eventually("the note", PATIENCE, || (desk.marking(&guid)?["note"] == "from the phone").then_some(()));
    success(told(&desk, REMOVE, &json!([{ "syncGuid": guid }])));
    let removed = || phone.marking(&guid).filter(|marking| marking["SyncIsRemoved"] == true);
    eventually("the removal", PATIENCE, removed);
    desk.wait_in_step(&phone, SPACE);
}

#[test]
fn what_was_answered_outlives_a_kill() {
    let mut desk = Daemon::named("desk");
    let guid = guid();
    success(told(&desk, POST, &json!([marking(&guid)])));
    let device = json!({ "Account": { "AccountId": 3 }, "ApplicationType": 2 });
    let number = success(told(&desk, REGISTER, &device))["AccountApplicationId"].clone();
    desk.kill9();
    desk.restart();
    assert_same_item(&success(by_guid(&desk, &guid)), &marking(&guid));
    assert_ne!(
        success(told(&desk, REGISTER, &device))["AccountApplicationId"],
        number,
        "it is given to nobody else"
    );
}

#[test]
fn a_bad_item_is_named_and_every_other_one_is_stored() {
    let desk = Daemon::named("desk");
    let good = guid();
    let body =
        json!([5, marking(&guid()).with("CharIndexStart", "x"), marking(&good), { "syncGuid": "nope" }]);
    for target in [POST, REMOVE] {
        let answer = told(&desk, target, &body);
        assert_eq!((&answer["IsSuccess"], &answer["StatusCode"]), (&json!(false), &json!(400)), "{target}");
        assert_eq!(answer["Errors"]["ErrorsNumber"], 3);
        let text = answer["Errors"]["MessagesString"].as_str().unwrap();
        for word in ["[0]", "[1].CharIndexStart", "[3].syncGuid"] {
            assert!(text.contains(word), "{word} is not named in {text}");
        }
        assert_eq!(answer["Result"].as_array().unwrap().len(), 1);
        assert!(desk.marking(&good).is_some());
    }
    let before = state(&desk);
    for bad in [json!({ "syncGuid": good, "note": {} }), json!({ "note": "whose" }), json!({})] {
        let answer = told(&desk, EDIT_NOTE, &bad);
        assert_eq!((&answer["StatusCode"], &answer["Result"]), (&json!(400), &Value::Null), "{answer}");
        assert!(answer["Errors"]["MessagesString"].as_str().unwrap().contains("position"));
    }
    assert_eq!(state(&desk), before);
}

#[test]
fn bodies_that_are_no_model_change_nothing() {
    let desk = Daemon::named("desk");
    success(told(&desk, POST, &json!([marking(&guid())])));
    let before = state(&desk);
    let deep = "[".repeat(10_000);
    let closed = format!("{deep}{}", "]".repeat(10_000));
    let deep_note = format!("[{{\"AccountId\":3,\"note\":{closed}}}]");
    let bodies: Vec<&[u8]> = vec![
        b"",
        b"hello",
        b"5",
        b"\"text\"",
        b"null",
        b"[",
        b"{",
        b"[{\"note\":\"\xff\"}]",
        deep.as_bytes(),
        closed.as_bytes(),
        deep_note.as_bytes(),
    ];
    for target in [POST, REMOVE, EDIT_NOTE, REGISTER] {
        let swapped: &[u8] =
            if [POST, REMOVE].contains(&target) { b"{\"AccountId\":3}" } else { b"[{\"AccountId\":3}]" };
        for body in bodies.iter().copied().chain([swapped]) {
            let answer = send(&desk, target, &[JSON], body);
            let shown = format!("{target}: {}", answer.text());
            assert_eq!(answer.status, 400, "{shown}");
            assert_eq!(answer.json()["Message"], "The request is invalid.", "{shown}");
            assert!(answer.json()["ModelState"].is_object(), "{shown}");
        }
        for kind in ["application/octet-stream", "nonsense"] {
            send(&desk, target, &[("Content-Type", kind)], b"[]").expect(415);
        }
        send(&desk, target, &[], b"[]").expect(415);
        send(&desk, &format!("{target}?accountId=x"), &[JSON], b"[]").expect(400);
        get(&desk, target, &[]).expect(405);
    }
    assert_eq!(state(&desk), before);
    assert!(success(told(&desk, POST, &json!([]))).as_array().unwrap().is_empty());
    assert_eq!(state(&desk), before);
}

#[test]
fn forms_are_read_as_well() {
    let desk = Daemon::named("desk");
    let guid = guid();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let list = format!("[0].syncGuid={guid}&[0].AccountId=3&[0].note=a+form");
    success(send(&desk, POST, &[form], list.as_bytes()).expect(200).json());
    let one = format!("syncGuid={guid}&note=another");
    success(send(&desk, EDIT_NOTE, &[form], one.as_bytes()).expect(200).json());
    assert_eq!(desk.marking(&guid).unwrap()["note"], "another");
    let model = format!(
        "AccountApplicationId=1&Account.AccountId=3&Markings[0].syncGuid={guid}&Markings[0].color=red"
    );
    let path = quire_tests::process::SYNCHRONIZE;
    success(send(&desk, path, &[form], model.as_bytes()).expect(200).json());
    assert_eq!(desk.marking(&guid).unwrap()["color"], "red");
}

#[test]
fn each_device_is_given_a_number_of_its_own() {
    let desk = Daemon::named("desk");
    let body = json!({ "Account": { "AccountId": 3, "LastAccess": "2026-01-01T00:00:00" }, "ApplicationType": 2, "Markings": [marking(&guid())] });
    let number = |agent: &str, body: &Value| {
        let answer = send(&desk, REGISTER, &[JSON, ("User-Agent", agent)], body.to_string().as_bytes());
        success(answer.expect(200).json())
    };

    let first = number("desktop", &body);

    let given = first["AccountApplicationId"].as_i64().expect("a number");
    assert!((1..=i64::from(i32::MAX)).contains(&given), "{first}");
    assert_eq!(first["ApplicationType"], 2);
    assert_eq!(desk.get("/v1/spaces").json()["spaces"], json!([]), "nothing else is stored");
    // Two tablets of one build say the same: cursors and edits of one must not count as the other's.
    assert_ne!(number("desktop", &body)["AccountApplicationId"], given);
    assert_eq!(number("desktop", &body.with("AccountApplicationId", 77))["AccountApplicationId"], 77);

    // Its dates stand for nothing: who begins with them is told everything.
    App::new(3, 9).sync(&desk, &[marking(&guid())]);
    let cursor = first["CurrentSyncTimestamp"].as_str().map(str::to_owned);
    let mut app = App { cursor, ..App::new(3, given) };
    assert_eq!(app.pull(&desk)["Markings"].as_array().unwrap().len(), 1);
}

#[test]
fn the_initial_content_is_the_account_its_settings_and_its_books() {
    let desk = Daemon::named("desk");
    let request = |account: i64, title: &str| {
        App::new(account, 1)
            .request(&[marking(&guid()).with("AccountId", account)])
            .with("Account", json!({ "AccountId": account, "Email": title, "Password": "secret" }))
            .with("PopupSettings", json!({ "AccountId": account, "Top": account }))
            .with("Books", json!([{ "booksBookID": account, "title": title }]))
    };
    let content = |query: &str, headers: &[(&str, &str)]| {
        let target = format!("/api/synchronization/downloadInitialContent?applicationType=2{query}");
        success(get(&desk, &target, headers).expect(200).json())
    };
    success(desk.synchronize(&request(3, "three")));
    let before = state(&desk);

    let only = content("", &[]);

    assert_eq!((&only["Account"]["Email"], &only["PopupSettings"]["Top"]), (&json!("three"), &json!(3)));
    assert_eq!((&only["Books"][0]["title"], &only["ApplicationType"]), (&json!("three"), &json!(2)));
    assert_eq!((&only["Markings"], &only["Account"]["Password"]), (&json!([]), &Value::Null));
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&only), names(&sample::response()["Result"]), "every documented member, in order");
    assert_eq!(only["CurrentSyncTimestamp"], "0001-01-01T00:00:00");
    assert_eq!(state(&desk), before, "nothing is written");

    success(desk.synchronize(&request(4, "four")));
    let all = content("", &[]);
    assert_eq!((&all["Account"], all["Books"].as_array().unwrap().len()), (&Value::Null, 2));
    assert_eq!(content("&accountId=4", &[])["Account"]["Email"], "four");
    // "4:any" and "3:any"
    assert_eq!(content("", &[("Authorization", "Basic NDphbnk=")])["Account"]["Email"], "four");
    assert_eq!(content("&accountId=4", &[("Authorization", "Basic Mzphbnk=")])["Account"]["Email"], "four");
    assert_eq!(content("&accountId=5", &[])["Books"], json!([]));
    get(&desk, "/api/synchronization/downloadInitialContent?accountId=x", &[]).expect(400);
}

#[test]
fn a_thousand_markings_are_taken_in_one_request() {
    let desk = Daemon::named("desk");
    let body: Vec<Value> = (0..1_000).map(|_| marking(&guid())).collect();
    let answer = success(told(&desk, POST, &Value::from(body.clone())));
    assert_eq!(answer.as_array().unwrap().len(), body.len());
    assert_same_item(&answer[999], &body[999]);
    assert_eq!(desk.markings(3).len(), body.len());
}

fn assert_missing(answer: &Value) {
    let told = (&answer["IsSuccess"], &answer["StatusCode"], &answer["Result"]);
    assert_eq!(told, (&json!(false), &json!(404), &Value::Null), "{answer}");
    assert_eq!(answer["Errors"]["ErrorsNumber"], 1);
}
