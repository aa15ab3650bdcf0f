//! Quire's own API as far as it exists: markings, conflicts, events, status, errors.

use quire_tests::app::App;
use quire_tests::http::Response;
use quire_tests::process::{Daemon, apart};
use quire_tests::sample::{With, assert_same_item, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

#[test]
fn a_marking_is_read_with_the_documented_members_and_an_etag() {
    let desk = Daemon::named("desk");
    let guid = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid)]);
    let answer = desk.get(&path(&guid)).expect(200);
    assert_same_item(&answer.json(), &marking(&guid));
    assert!(answer.json()["id"].is_i64(), "a row number");
    assert_eq!(etag(&desk, &guid), etag(&desk, &guid), "unchanged as long as the marking is");
    assert_problem(&desk.get(&path(&quire_tests::sample::guid())).expect(404));
}

#[test]
fn a_patch_writes_what_it_names_and_nothing_else() {
    let desk = Daemon::named("desk");
    let guid = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid).with("section", "seven")]);
    let before = etag(&desk, &guid);

    let answer =
        desk.patch(&path(&guid), &json!({ "color": "red", "section": null }), &[("If-Match", &before)]);

    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
    let expected = marking(&guid).with("color", "red").with("section", Value::Null);
    assert_same_item(&desk.marking(&guid).unwrap(), &expected);
    assert_ne!(etag(&desk, &guid), before);
}

#[test]
fn a_stale_if_match_writes_nothing() {
    let desk = Daemon::named("desk");
    let guid = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid)]);
    let stale = etag(&desk, &guid);
    desk.patch(&path(&guid), &json!({ "color": "red" }), &[("If-Match", "*")]);
    let before = (desk.clock("account:3"), desk.marking(&guid));
    assert_eq!(before.1.as_ref().unwrap()["color"], "red");

    let headers = [("If-Match", stale.as_str())];
    assert_problem(&desk.patch(&path(&guid), &json!({ "color": "blue" }), &headers).expect(412));
    assert_problem(&desk.delete(&path(&guid), &headers).expect(412));

    assert_eq!((desk.clock("account:3"), desk.marking(&guid)), before);
}

#[test]
fn a_deleted_marking_is_listed_only_on_demand() {
    let desk = Daemon::named("desk");
    let (kept, gone) = (guid(), guid());
    App::new(3, 1).sync(&desk, &[marking(&kept), marking(&gone)]);
    let answer = desk.delete(&path(&gone), &[("If-Match", &etag(&desk, &gone))]);
    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());

    let listed = desk.markings(3);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["syncGuid"], kept);
    let all = desk.get("/v1/markings?account=3&removed=true").expect(200).text();
    assert!(all.contains(&gone), "{all}");
}

#[test]
fn a_list_is_told_in_pages_without_a_gap_or_a_repetition() {
    let desk = Daemon::named("desk");
    let mut guids: Vec<String> = (0..25).map(|_| guid()).collect();
    App::new(3, 1).sync(&desk, &guids.iter().map(|guid| marking(guid)).collect::<Vec<_>>());
    let mut listed = Vec::new();
    let mut after = String::new();
    loop {
        let page = desk.get(&format!("/v1/markings?account=3&limit=4{after}")).expect(200).json();
        let markings = page["markings"].as_array().expect("a list");
        assert!(markings.len() <= 4);
        listed.extend(markings.iter().map(|marking| marking["syncGuid"].as_str().unwrap().to_owned()));
        assert!(listed.len() <= guids.len(), "more than there are");
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    listed.sort();
    guids.sort();
    assert_eq!(listed, guids);
}

#[test]
fn a_list_is_of_one_account_and_one_book() {
    let desk = Daemon::named("desk");
    let (one, other) = (guid(), guid());
    App::new(3, 1).sync(&desk, &[marking(&one).with("bookID", 7), marking(&other).with("bookID", 8)]);
    App::new(4, 1).sync(&desk, &[marking(&guid()).with("AccountId", 4).with("bookID", 7)]);
    let page = desk.get("/v1/markings?account=3&book=7").expect(200).json();
    assert_eq!(page["markings"].as_array().unwrap().len(), 1);
    assert_eq!(page["markings"][0]["syncGuid"], one);
}

#[test]
fn a_bad_limit_is_refused_or_clamped_and_never_fatal() {
    let desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    for limit in ["0", "-1", "x", "2147483648", "99999999999999999999"] {
        let answer = desk.get(&format!("/v1/markings?account=3&limit={limit}"));
        assert!(matches!(answer.status, 200 | 400), "limit={limit}: {}", answer.status);
    }
    assert_problem(&desk.get("/v1/markings?account=x").expect(400));
}

#[test]
fn a_resolved_conflict_is_resolved_on_both() {
    let (mut desk, mut phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let guid = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, "account:3");
    let color = |daemon: &Daemon, color: &str| {
        daemon.patch(&path(&guid), &json!({ "color": color }), &[]);
    };
    apart(&mut desk, &mut phone, |desk| color(desk, "red"), |phone| color(phone, "blue"));

    let conflict = eventually("the conflict", PATIENCE, || desk.conflict(&guid, "color"));
    let id = conflict["id"].as_str().expect("an id");
    let loser = conflict["others"][0]["value"].clone();
    let answer = desk.post(&format!("/v1/conflicts/{id}/resolve"), &json!({ "value": loser }));
    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());

    for daemon in [&desk, &phone] {
        eventually("the resolution", PATIENCE, || daemon.conflicts().is_empty().then_some(()));
        assert_eq!(daemon.marking(&guid).unwrap()["color"], loser);
    }
    assert_problem(&desk.post("/v1/conflicts/none/resolve", &json!({ "value": 1 })).expect(404));
}

#[test]
fn events_tell_of_edits_here_and_there() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let mut events = phone.events(None);
    for daemon in [&phone, &desk] {
        let guid = guid();
        App::new(3, 1).sync(daemon, &[marking(&guid)]);
        loop {
            let event = events.next_event().expect("an event");
            assert!(!event.id.is_empty(), "an event without an id: {event:?}");
            if event.data.contains(&guid) {
                break;
            }
        }
    }
}

#[test]
fn an_event_stream_resumes_without_a_gap() {
    let mut desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let mut events = desk.events(None);
    let first = guid();
    app.sync(&desk, &[marking(&first)]);
    let seen = loop {
        let event = events.next_event().expect("an event");
        if event.data.contains(&first) {
            break event;
        }
    };
    drop(events);
    let mut missed: Vec<String> = (0..10).map(|_| guid()).collect();
    for guid in &missed {
        app.sync(&desk, &[marking(guid)]);
    }
    // Also over a restart: either every missed event comes, or the stream says where to restart.
    desk.stop();
    desk.restart();
    let mut events = desk.events(Some(&seen.id));
    while !missed.is_empty() {
        let event = events.next_event().expect("an event");
        if event.kind == "restart" {
            return;
        }
        missed.retain(|guid| !event.data.contains(guid));
    }
}

#[test]
fn an_event_id_that_was_never_given_is_answered_with_a_restart_hint_or_everything() {
    let desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    for never in ["nonsense", "18446744073709551615", "-1"] {
        let mut events = desk.events(Some(never));
        events.next_event().expect("the stream says something at once");
    }
}

#[test]
fn nothing_of_the_native_api_is_told_without_the_token() {
    let (desk, other) = (Daemon::named("desk"), Daemon::named("other"));
    let wrong = [
        None,
        Some("Bearer wrong".to_owned()),
        Some(format!("Bearer {}", other.token())),
        Some(format!("Basic {}", desk.token())),
    ];
    for target in ["/v1/status", "/v1/markings?account=3", "/v1/peers", "/v1/events", "/v1/conflicts"] {
        for authorization in &wrong {
            let headers: Vec<_> =
                authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
            let answer = desk.anonymous("GET", target, &headers, None).expect(401);
            assert_problem(&answer);
            assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
        }
        let in_query =
            format!("{target}{}access_token={}", if target.contains('?') { '&' } else { '?' }, desk.token());
        desk.anonymous("GET", &in_query, &[], None).expect(401);
    }
}

#[test]
fn health_and_readiness_need_no_token() {
    let desk = Daemon::named("desk");
    for target in ["/healthz", "/readyz"] {
        desk.anonymous("GET", target, &[], None).expect(200);
    }
}

#[test]
fn status_and_spaces_tell_of_this_daemon() {
    let desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let status = desk.get("/v1/status").expect(200).json().to_string();
    assert!(status.contains(desk.device_id()), "{status}");
    assert!(desk.get("/v1/spaces").expect(200).text().contains("account:3"));
    let clock = desk.get("/v1/spaces/account:3/clock").expect(200).json();
    assert_eq!(clock["space"], "account:3");
    assert!(clock["vector"].as_object().is_some_and(|vector| !vector.is_empty()));
    let anchor = clock["anchorHex"].as_str().expect("an anchor");
    assert!(!anchor.is_empty() && anchor.bytes().all(|byte| byte.is_ascii_hexdigit()), "{anchor}");
    assert_problem(&desk.get("/v1/spaces/account:99/clock").expect(404));
    assert_problem(&desk.get("/v1/nothing-of-that-name").expect(404));
}

fn path(guid: &str) -> String {
    format!("/v1/markings/{guid}")
}

fn etag(daemon: &Daemon, guid: &str) -> String {
    daemon.get(&path(guid)).expect(200).header("etag").expect("an ETag").to_owned()
}

fn assert_problem(answer: &Response) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status);
    assert!(problem["title"].is_string(), "{problem}");
}
