//! What a marking or a node said, and bringing it back.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "http/desk.rs"]
#[allow(dead_code)]
mod desk;

use axum::http::StatusCode;
use desk::{Desk, marking};
use serde_json::{Value, json};

const GUID: &str = "538b23c8-1b20-4a8b-9d2a-0123456789ab";
const TENANT: &str = "9e1a0a5e-6f2d-4c53-8a44-1b6f0f6ce001";
const NODE: &str = "7c1a0a5e-6f2d-4c53-8a44-1b6f0f6ce002";

async fn patch(desk: &Desk, path: &str, body: Value) {
    assert_eq!(desk.send("PATCH", path, &[], &body).await.status, StatusCode::OK, "{body}");
}

async fn versions(desk: &Desk, path: &str) -> Vec<Value> {
    let answer = desk.get(&format!("{path}/history")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json["history"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_history_tells_what_each_version_changed_and_any_can_be_brought_back() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let path = format!("/v1/markings/{GUID}");
    let begun = desk.get(&path).await.json;
    patch(&desk, &path, json!({ "color": "red", "note": "first" })).await;
    patch(&desk, &path, json!({ "color": "blue", "CharIndexStart": 7 })).await;
    desk.raw("DELETE", &path, &[], b"").await;
    let all = versions(&desk, &path).await;
    assert_eq!(all.len(), 4);
    assert_eq!((&all[0]["changed"]["SyncIsRemoved"], &all[0]["removed"]), (&json!(true), &json!(true)));
    let blue = json!({ "color": "blue", "CharIndexStart": 7 });
    assert_eq!((&all[1]["changed"], &all[1]["removed"]), (&blue, &json!(false)));
    assert_eq!(all[1]["buildsOn"], json!([all[2]["version"]]));
    assert_eq!(all[2]["changed"], json!({ "color": "red", "note": "first" }));
    assert_eq!((&all[3]["buildsOn"], &all[3]["changed"]["syncGuid"]), (&json!([]), &json!(GUID)));
    for version in &all {
        assert!(version["device"].as_str().is_some_and(|device| device.len() == 32), "{version}");
        assert!(version["claimedAt"].as_str().is_some(), "{version}");
    }
    // In pages.
    let mut paged = Vec::new();
    let mut target = format!("{path}/history?limit=3");
    loop {
        let page = desk.get(&target).await.json;
        paged.extend(page["history"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        target = format!("{path}/history?limit=3&after={next}");
    }
    assert_eq!(paged, all);
    // Back to what it was, and to what it was before that.
    let back = |version: &Value| json!({ "version": version["version"] });
    let restored = desk.send("POST", &format!("{path}/restore"), &[], &back(&all[1])).await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
    assert_eq!((&restored.json["color"], &restored.json["note"]), (&json!("blue"), &json!("first")));
    assert_eq!(restored.json["SyncIsRemoved"], false);
    let restored = desk.send("POST", &format!("{path}/restore"), &[], &back(&all[3])).await;
    assert_eq!(restored.json, begun);
    assert_eq!(desk.get(&path).await.json, begun);
    assert_eq!(desk.get(&path).await.header("etag"), restored.header("etag"));
    assert_eq!(versions(&desk, &path).await.len(), 6, "nothing goes from a history");
    let again = desk.send("POST", &format!("{path}/restore"), &[], &back(&all[3])).await;
    assert_eq!((again.status, versions(&desk, &path).await.len()), (StatusCode::OK, 6), "it says so already");
}

#[tokio::test]
async fn a_node_comes_back_with_its_properties_and_its_parent() {
    let desk = Desk::new();
    let head = [("tenantid", TENANT)];
    let node = |body: Value| {
        let mut body = body;
        body["tenantId"] = json!(TENANT);
        body
    };
    for job in ["1", "2"] {
        let sent = node(json!({ "type": "job", "id": job, "props": {} }));
        assert_eq!(desk.send("POST", "/api/nodes", &head, &sent).await.status, StatusCode::CREATED);
    }
    let sent = node(json!({ "nodeId": NODE, "type": "task", "id": "9", "title": "t", "parentType": "job",
        "parentId": "1", "props": { "a": 1, "deep": { "b": 2 } } }));
    assert_eq!(desk.send("POST", "/api/nodes", &head, &sent).await.status, StatusCode::CREATED);
    let path = format!("/v1/nodes/{NODE}");
    let begun = desk.get(&path).await.json;
    let change = json!({ "title": "other", "parentType": "job", "parentId": "2",
        "props": { "a": 5, "c": [1, 2], "deep": { "b": null, "d": 4 } } });
    patch(&desk, &path, change).await;
    assert_ne!(desk.get(&path).await.json, begun);
    let all = versions(&desk, &path).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["changed"]["parentId"], "2");
    let named = json!({ "version": all[1]["version"] });
    let restored = desk.send("POST", &format!("{path}/restore?tenant={TENANT}"), &[], &named).await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
    let without_dates = |mut node: Value| {
        node.as_object_mut().unwrap().remove("updatedDateUtc");
        node
    };
    assert_eq!(without_dates(restored.json), without_dates(begun));
}

#[tokio::test]
async fn what_cannot_be_brought_back_is_told() {
    let desk = Desk::new();
    desk.sync(&[marking(GUID)]).await;
    let path = format!("/v1/markings/{GUID}");
    let tag = desk.get(&path).await.header("etag").to_owned();
    let version = versions(&desk, &path).await[0]["version"].clone();
    patch(&desk, &path, json!({ "color": "red" })).await;
    let (unknown, restore) = ("0".repeat(64), format!("{path}/restore"));
    let bodies = [
        (json!({ "version": unknown }), StatusCode::NOT_FOUND),
        (json!({ "version": "nonsense" }), StatusCode::BAD_REQUEST),
        (json!({ "version": 4 }), StatusCode::BAD_REQUEST),
        (json!({}), StatusCode::BAD_REQUEST),
        (json!([]), StatusCode::BAD_REQUEST),
        (json!({ "version": version, "surprise": 1 }), StatusCode::BAD_REQUEST),
    ];
    for (body, status) in bodies {
        let answer = desk.send("POST", &restore, &[], &body).await;
        assert_eq!(answer.status, status, "{body}");
        answer.assert_problem();
    }
    let stale = desk.send("POST", &restore, &[("if-match", &tag)], &json!({ "version": version })).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let queries = [
        (format!("{path}/history?after={unknown}"), StatusCode::NOT_FOUND),
        (format!("{path}/history?after=x"), StatusCode::BAD_REQUEST),
        (format!("{path}/history?limit=0"), StatusCode::BAD_REQUEST),
        (format!("{path}/history?surprise=0"), StatusCode::BAD_REQUEST),
        (format!("/v1/markings/{NODE}/history"), StatusCode::NOT_FOUND),
        (format!("/v1/nodes/{NODE}/history"), StatusCode::NOT_FOUND),
    ];
    for (query, status) in queries {
        let answer = desk.get(&query).await;
        assert_eq!(answer.status, status, "{query}");
        answer.assert_problem();
    }
    assert_eq!(desk.get(&path).await.json["color"], "red");
}
