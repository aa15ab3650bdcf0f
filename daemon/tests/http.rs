//! Every route over a real engine in memory and a made-up network.
#![allow(clippy::unwrap_used)]

#[path = "http/desk.rs"]
mod desk;

use axum::http::StatusCode;
use desk::{Desk, GUID, OTHER, marking};
use serde_json::{Value, json};

const SYNCHRONIZE: &str = "/api/synchronization/synchronize";

fn path(guid: &str) -> String {
    format!("/v1/markings/{guid}")
}

#[tokio::test]
async fn a_synchronization_is_answered_however_its_path_is_spelled() {
    let desk = Desk::new();
    for target in [SYNCHRONIZE, "/API/Synchronization/Synchronize/", "//api//synchronization/synchronize"] {
        let body = json!({ "Account": { "AccountId": 3 }, "Markings": [marking(GUID)] });
        let answer = desk.send("POST", target, &[], &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{target}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert_eq!((&answer.json["IsSuccess"], &answer.json["Errors"]), (&json!(true), &Value::Null));
    }
    assert_eq!(desk.get("/v1/spaces").await.json["spaces"][0]["items"], 2, "a marking and the account");
}

#[tokio::test]
async fn a_synchronization_that_cannot_be_used_is_refused_in_its_own_form() {
    let desk = Desk::new();
    let bodies: [&[u8]; 6] = [b"", b"hello", b"[]", b"5", b"{\"Markings\":5}", b"{\"a\":1e400}"];
    for body in bodies {
        let answer = desk.raw("POST", SYNCHRONIZE, &[("content-type", "application/json")], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json["Message"], "The request is invalid.");
        assert!(answer.json["ModelState"].is_object());
    }
    for headers in [&[][..], &[("content-type", "image/png")]] {
        let answer = desk.raw("POST", SYNCHRONIZE, headers, b"{}").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert_eq!(desk.get("/v1/spaces").await.json, json!({ "spaces": [] }));
}

#[tokio::test]
async fn a_large_synchronization_is_read_elsewhere_and_answered_the_same() {
    let desk = Desk::new();
    let mut long = marking(GUID);
    long["note"] = "n".repeat(100_000).into();
    desk.sync(&[long.clone()]).await;
    assert_eq!(desk.get(&path(GUID)).await.json["note"], long["note"]);
}

#[tokio::test]
async fn a_marking_is_read_by_any_form_of_its_guid() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let braces = format!("%7B{}%7D", GUID.to_uppercase());
    for guid in [GUID, &GUID.to_uppercase(), &GUID.replace('-', ""), &braces] {
        let answer = desk.get(&path(guid)).await;
        assert_eq!((answer.status, &answer.json["syncGuid"]), (StatusCode::OK, &json!(GUID)), "{guid}");
    }
    for missing in [OTHER, "nonsense", "%FF", "x%2Fy"] {
        let answer = desk.get(&path(missing)).await;
        assert!(answer.status.is_client_error(), "{missing}");
        answer.assert_problem();
    }
    assert_eq!(desk.get(&format!("{}?account=4", path(GUID))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reader_that_is_up_to_date_is_told_so() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let tag = desk.get(&path(GUID)).await.header("etag").to_owned();
    let known = desk.raw("GET", &path(GUID), &[("if-none-match", &tag)], b"").await;
    assert_eq!(
        (known.status, known.header("etag"), known.text.as_str()),
        (StatusCode::NOT_MODIFIED, &*tag, "")
    );
}

#[tokio::test]
async fn a_patch_writes_what_it_names_when_the_state_is_the_known_one() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let tag = desk.get(&path(GUID)).await.header("etag").to_owned();
    let red = json!({ "COLOR": "red", "section": null });
    let listed = format!("\"other\", {tag}");
    let done = desk.send("PATCH", &path(GUID), &[("if-match", &listed)], &red).await;
    assert_eq!(
        (done.status, &done.json["color"], &done.json["section"]),
        (StatusCode::OK, &json!("red"), &Value::Null)
    );
    assert_ne!(done.header("etag"), tag);
    assert_eq!(desk.get(&path(GUID)).await.json, done.json);

    for method in ["PATCH", "DELETE"] {
        let stale = desk.send(method, &path(GUID), &[("if-match", &tag)], &json!({ "color": "blue" })).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        stale.assert_problem();
    }
    assert_eq!(desk.get(&path(GUID)).await.json, done.json);
}

#[tokio::test]
async fn a_patch_that_cannot_be_used_changes_nothing() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let before = desk.get(&path(GUID)).await.json;
    let bad = [
        json!([]),
        json!({ "surprise": 1 }),
        json!({ "CharIndexStart": "here" }),
        json!({ "color": "red", "syncGuid": OTHER }),
        json!({ "id": 99 }),
        json!({ "AccountId": 4 }),
    ];
    for body in bad {
        let answer = desk.send("PATCH", &path(GUID), &[], &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        answer.assert_problem();
    }
    assert_eq!(desk.send("PATCH", &path(OTHER), &[], &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.send("PATCH", &path(GUID), &[], &before).await.json, before, "itself is no change");
    assert_eq!(desk.get(&path(GUID)).await.json, before);
}

#[tokio::test]
async fn a_removed_marking_stays_and_is_listed_on_demand() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID), marking(OTHER)]).await;
    for _ in 0..2 {
        let answer = desk.raw("DELETE", &path(GUID), &[], b"").await;
        assert_eq!((answer.status, &answer.json["SyncIsRemoved"]), (StatusCode::OK, &json!(true)));
    }
    for (query, guids) in
        [("", vec![OTHER]), ("&removed=true", vec![GUID]), ("&removed=any", vec![GUID, OTHER])]
    {
        assert_eq!(desk.listed(&format!("/v1/markings?account=3{query}")).await, guids, "{query}");
    }
    let back = desk.send("PATCH", &path(GUID), &[], &json!({ "SyncIsRemoved": false })).await;
    assert_eq!(back.json["SyncIsRemoved"], false);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let desk = Desk::new();
    let mut guids: Vec<String> = (0..25).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    desk.sync(&guids.iter().map(|guid| marking(guid)).collect::<Vec<_>>()).await;
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/v1/markings?limit=5&after={after}")).await.json;
        listed.extend(
            page["markings"].as_array().unwrap().iter().map(|m| m["syncGuid"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    listed.sort();
    guids.sort();
    assert_eq!(listed, guids);
    for bad in ["limit=0", "limit=x", "account=x", "nothing=1"] {
        let answer = desk.get(&format!("/v1/markings?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        answer.assert_problem();
    }
}

#[tokio::test]
async fn a_conflict_is_listed_until_it_is_resolved() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    // Without a cursor another value is written beside the first, not over it.
    let mut other = marking(GUID);
    other["color"] = "blue".into();
    desk.sync(&[other]).await;

    let listed = desk.get("/v1/conflicts?space=account:3").await.json;
    let conflict = &listed["conflicts"][0];
    assert_eq!(
        (&conflict["item"], &conflict["member"], &conflict["kind"]),
        (&json!(GUID), &json!("color"), &json!("marking"))
    );
    let loser = conflict["others"][0]["value"].clone();
    assert_ne!(conflict["value"], loser);
    let resolve = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());

    assert_eq!(desk.send("POST", &resolve, &[], &json!({})).await.status, StatusCode::BAD_REQUEST);
    let done = desk.send("POST", &resolve, &[], &json!({ "value": loser })).await;
    assert_eq!((done.status, &done.json["color"]), (StatusCode::OK, &loser));
    assert_eq!(desk.get("/v1/conflicts").await.json, json!({ "conflicts": [] }));
    let gone = desk.send("POST", &resolve, &[], &json!({ "value": loser })).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    gone.assert_problem();
}

#[tokio::test]
async fn a_daemon_tells_of_itself_and_its_spaces() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let status = desk.get("/v1/status").await.json;
    assert_eq!(status["deviceId"], desk.engine.card().id().to_string());
    assert_eq!(
        (&status["name"], &status["spaces"], &status["discovery"]),
        (&json!("desk"), &json!(1), &json!("off"))
    );
    assert_eq!(status["peers"], json!({ "known": 1, "connected": 0 }));

    let clock = desk.get("/v1/spaces/account:3/clock").await.json;
    assert_eq!(clock.as_object().unwrap().keys().collect::<Vec<_>>(), ["space", "vector", "anchorHex"]);
    assert!(clock["vector"].as_object().unwrap().values().all(|seq| seq.as_u64() > Some(0)));
    assert_eq!(desk.get("/v1/spaces").await.json["spaces"][0]["vector"], clock["vector"]);
    for none in ["/v1/spaces/account:9/clock", "/v1/spaces/nonsense/clock"] {
        let answer = desk.get(none).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.assert_problem();
    }
}

#[tokio::test]
async fn a_daemon_is_ready_until_it_stops() {
    let desk = Desk::new();
    assert_eq!(desk.get("/healthz").await.text, "ok");
    assert_eq!(desk.get("/readyz").await.status, StatusCode::OK);
    desk.ready.send_replace(false);
    assert_eq!(desk.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(desk.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn invitations_are_made_and_accepted() {
    let desk = Desk::new();
    let made = desk.raw("POST", "/v1/pairing/invitations", &[], b"").await;
    assert_eq!((made.status, &made.json["expiresInSeconds"]), (StatusCode::CREATED, &json!(300)));
    let body = json!({ "spaces": [{ "space": "account:3", "rights": ["read", "write"] }] });
    let made = desk.send("POST", "/v1/pairing/invitations", &[], &body).await;
    assert_eq!(made.json["uri"], "quire://pair?shares=[(account:3, Rights(3))]");

    let codes = [("good", 201), ("wrong", 403), ("far", 502), ("taken", 409), ("bad", 400)];
    for (code, status) in codes {
        let answer =
            desk.send("POST", "/v1/pairing/accept", &[], &json!({ "code": code, "address": "desk:1" })).await;
        assert_eq!(answer.status.as_u16(), status, "{code}");
        if status == 201 {
            assert_eq!(answer.json["name"], "phone");
        } else {
            answer.assert_problem();
        }
    }
}

#[tokio::test]
async fn peers_are_told_tried_and_removed() {
    let desk = Desk::new();
    let phone = desk::phone();
    let peers = desk.get("/v1/peers").await.json;
    let members: Vec<_> = peers["peers"][0].as_object().unwrap().keys().cloned().collect();
    let fixed =
        ["deviceId", "name", "connected", "address", "lastError", "nextAttempt", "behindBy", "setAside"];
    assert_eq!(members[..fixed.len()], fixed);
    assert_eq!(members[fixed.len()..], ["setAsideReasons", "grants", "addedBy"]);

    let tried = desk.raw("POST", "/v1/sync", &[], b"").await;
    assert_eq!(tried.status, StatusCode::ACCEPTED);
    let one = json!({ "peer": phone.device.to_string() });
    assert_eq!(desk.send("POST", "/v1/sync", &[], &one).await.status, StatusCode::ACCEPTED);
    assert_eq!(*desk.network.tried.lock().unwrap(), [None, Some(phone.device)]);
    for unknown in [json!({ "peer": "none" }), json!({ "peer": desk.engine.card().id().to_string() })] {
        assert_eq!(desk.send("POST", "/v1/sync", &[], &unknown).await.status, StatusCode::NOT_FOUND);
    }
    // The engine of this test was never paired.
    for unknown in ["none".to_owned(), phone.device.to_string()] {
        let answer = desk.raw("DELETE", &format!("/v1/peers/{unknown}"), &[], b"").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.assert_problem();
    }
}

#[tokio::test]
async fn events_come_as_they_happen_and_resume_where_a_reader_stopped() {
    let desk = Desk::new();
    let mut live = desk.events(None).await;
    desk.sync(&[marking(GUID)]).await;
    let first = live.event_of(GUID).await;
    assert_eq!(
        (first.kind.as_str(), &first.data["space"], &first.data["removed"]),
        ("change", &json!("account:3"), &json!(false))
    );
    drop(live);

    desk.sync(&[marking(OTHER)]).await;
    desk.raw("DELETE", &path(GUID), &[], b"").await;
    let mut resumed = desk.events(Some(&first.id)).await;
    let (second, third) = (resumed.event_of(OTHER).await, resumed.event_of(GUID).await);
    let id = |event: &desk::Event| event.id.parse::<u64>().unwrap();
    assert!(id(&first) < id(&second) && id(&second) < id(&third));
    assert_eq!(third.data["removed"], true);

    desk.send("PATCH", &path(OTHER), &[], &json!({ "color": "red" })).await;
    assert!(id(&resumed.event_of(OTHER).await) > id(&third), "told once, and after what was replayed");
}

#[tokio::test]
async fn a_place_that_never_was_is_answered_with_where_to_go_on() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    for never in ["nonsense", "18446744073709551615", "-1"] {
        let mut events = desk.events(Some(never)).await;
        let event = events.next().await;
        assert_eq!(
            (event.kind.as_str(), event.data["from"].as_str().unwrap()),
            ("restart", &*event.id),
            "{never}"
        );
        desk.send("PATCH", &path(GUID), &[], &json!({ "color": never })).await;
        assert_eq!(events.next().await.kind, "change");
    }
}

#[tokio::test]
async fn news_of_peers_are_events_too() {
    let desk = Desk::new();
    let mut events = desk.events(None).await;
    desk.network.changes.send_modify(|count| *count += 1);
    let event = events.next().await;
    assert_eq!((event.kind.as_str(), &event.data["peers"][0]["name"]), ("peers", &json!("phone")));
}

#[tokio::test]
async fn a_reader_that_fell_far_behind_misses_nothing() {
    // More commits than the engine's announcements hold, over as many markings as keep each history short.
    const MANY: usize = 1_200;
    let desk = Desk::new();
    let guids: Vec<String> = (0..100).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    desk.sync(&guids.iter().map(|guid| marking(guid)).collect::<Vec<_>>()).await;
    let mut events = desk.events(None).await;
    for n in 0..MANY {
        let patch = json!({ "section": n.to_string() });
        desk.send("PATCH", &path(&guids[n % guids.len()]), &[], &patch).await;
    }
    let mut last = 0;
    for n in 0..MANY {
        let event = events.next().await;
        let id: u64 = event.id.parse().unwrap();
        assert!(event.kind == "change" && id > last, "{id} after {last}");
        assert_eq!(event.data["item"], guids[n % guids.len()]);
        last = id;
    }
}

#[tokio::test]
async fn what_is_not_served_is_left_to_the_door() {
    let desk = Desk::new();
    let wrong = [
        ("DELETE", SYNCHRONIZE, "POST"),
        ("DELETE", "/v1/status", "GET,HEAD"),
        ("POST", "/v1/markings", "GET,HEAD"),
    ];
    for (method, target, allowed) in wrong {
        let answer = desk.raw(method, target, &[], b"").await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, allowed),
            "{target}"
        );
        assert_eq!((answer.header("content-type"), answer.text.as_str()), ("", ""));
    }
    for nowhere in ["/nothing", "/api/nothing", "/v1/nothing", "/v1/status/", "/V1/status"] {
        let answer = desk.get(nowhere).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::NOT_FOUND, ""), "{nowhere}");
    }
}

#[tokio::test]
async fn each_endpoint_has_a_help_page_in_any_spelling() {
    let desk = Desk::new();
    let index = desk.get("/Help/").await;
    assert_eq!((index.status, index.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(index.header("content-security-policy"), "default-src 'none'; style-src 'unsafe-inline'");
    for target in [
        "/help/api/POST-api-synchronization-synchronize",
        "/Help/Api/post-API-synchronization-synchronize",
        "/HELP/API/1/POST-api-synchronization-synchronize/",
    ] {
        let page = desk.get(target).await;
        assert_eq!(page.status, StatusCode::OK, "{target}");
        assert!(page.text.contains("LastSyncTimestamp"), "{target}");
    }
    for target in ["/help/1", "/Help/1/"] {
        let version = desk.get(target).await;
        assert_eq!(version.status, StatusCode::OK, "{target}");
        assert!(version.text.contains("href=\"/help/api/1/POST-api-syncTokens\""), "{target}");
    }
    let token = desk.get("/help/api/1/POST-api-syncTokens").await;
    assert!(token.text.contains("&lt;Options&gt;sample string 12&lt;/Options&gt;"));
    assert!(token.text.contains("requestedAnchorHex=sample+string+9&amp;"));
    for nowhere in ["/help/api/GET-nothing", "/help/api/%3Cscript%3E", "/help/api/1/2/3"] {
        let answer = desk.get(nowhere).await;
        assert!(answer.status == StatusCode::NOT_FOUND && !answer.text.contains("<script"), "{nowhere}");
    }
}
