//! The field apps' shapes over the real program: the documented samples verbatim, windows on two daemons, what a crash
//! leaves, and bad input.

use quire_protocol::shapes::contract::{PUT_DATA_DELETE, SYNC_TOKEN};
use quire_protocol::shapes::xml;
use quire_tests::http::Response;
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::guid;
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Map, Value, json};

const TOKEN_JSON: &str = include_str!("../../fixtures/shapes/sync-token.json");
const TOKEN_XML: &str = include_str!("../../fixtures/shapes/sync-token.xml");
const DELETE_JSON: &str = include_str!("../../fixtures/shapes/put-data-delete.json");
const DELETE_XML: &str = include_str!("../../fixtures/shapes/put-data-delete.xml");

const JSON: (&str, &str) = ("Content-Type", "application/json");
const XML: (&str, &str) = ("Content-Type", "application/xml");

/// What the server fills in.
const FILLED: [&str; 3] = ["currentDatabaseAnchorHex", "createdDateUtc", "updatedDateUtc"];

/// The tenant of the documented body.
const SAMPLE_TENANT: &str = "087a4be1-37eb-4c62-8484-39e603c2f6bd";

fn post(daemon: &Daemon, path: &str, kind: (&str, &str), body: &str) -> Response {
    daemon.request("POST", path, &[kind], Some(body.as_bytes()))
}

fn without(value: &Value, names: &[&str]) -> Map<String, Value> {
    let mut members = value.as_object().unwrap().clone();
    for name in names {
        members.remove(*name);
    }
    members
}

fn node(tenant: &str, id: &str, more: &Value) -> Value {
    let mut node = json!({"tenantId": tenant, "type": "truck", "id": id, "title": id});
    for (name, value) in more.as_object().unwrap() {
        node[name] = value.clone();
    }
    node
}

fn put(daemon: &Daemon, node: &Value) -> Value {
    daemon.post("/api/nodes", node).expect(201).json()
}

fn token(daemon: &Daemon, tenant: &str, anchor: Option<&str>) -> Value {
    daemon
        .post("/api/syncTokens", &json!({"tenantId": tenant, "requestedAnchorHex": anchor}))
        .expect(201)
        .json()
}

fn page(daemon: &Daemon, token: &Value, size: usize, number: usize) -> Response {
    let id = token["syncTokenId"].as_str().unwrap();
    daemon.get(&format!("/api/sync?syncTokenId={id}&pageSize={size}&pageNumber={number}"))
}

fn titles(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_documented_token_comes_back_in_both_forms() {
    let daemon = Daemon::named("desk");
    let made = post(&daemon, "/api/syncTokens", JSON, TOKEN_JSON).expect(201);
    assert!(made.header("Location").unwrap().contains("4d4ed693-a216-4352-bb3b-870390d7a3a1"));
    let sample: Value = serde_json::from_str(TOKEN_JSON).unwrap();
    assert_eq!(without(&made.json(), &FILLED), without(&sample, &FILLED));
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made.json()), names(&sample));
    // Sent as XML it is the same token, so it is answered again, and in XML.
    let again = post(&daemon, "/api/synctokens/", XML, TOKEN_XML).expect(201);
    assert_eq!(again.header("Content-Type"), Some("application/xml; charset=utf-8"));
    let read = Value::Object(xml::read(&SYNC_TOKEN, &again.text()).unwrap());
    assert_eq!(read, made.json());
}

#[test]
fn the_documented_body_is_given_put_and_removed() {
    let daemon = Daemon::named("desk");
    let example = daemon.get("/api/messageBodies/putDataDelete").expect(200).json();
    assert_eq!(example, serde_json::from_str::<Value>(DELETE_JSON).unwrap());
    let as_xml = [("Accept", "application/xml")];
    let example = daemon.request("GET", "/api/messageBodies/putDataDelete", &as_xml, None).expect(200);
    let squeezed = DELETE_XML.lines().map(str::trim_start).collect::<String>();
    assert_eq!(example.text(), squeezed);
    assert!(xml::read(&PUT_DATA_DELETE, &example.text()).is_ok());

    let message = |ty: &str, body: &str| json!({"messageTypeLookupKey": ty, "body": body});
    for (body, number) in [(DELETE_JSON, 1), (DELETE_XML, 2)] {
        let body = if number == 2 {
            body.replace("PutDataDeleteMessageBody", "PutDataMessageBody")
        } else {
            body.into()
        };
        daemon.post("/api/messages", &message("PutData", &body)).expect(201);
        let found = daemon.get(&format!("/api/nodes?tenantId={SAMPLE_TENANT}")).expect(200).json();
        assert_eq!(found.as_array().unwrap().len(), 1, "three times the same node");
        let sample: Value = serde_json::from_str(DELETE_JSON).unwrap();
        assert_eq!(without(&found[0], &["cyanId"]), without(&sample["nodes"][0], &["cyanId"]));
        daemon.post("/api/messages", &message("PutDataDelete", DELETE_JSON)).expect(201);
        let found = daemon.get(&format!("/api/nodes?tenantId={SAMPLE_TENANT}")).expect(200).json();
        assert_eq!(found, json!([]));
    }
}

#[test]
fn a_token_made_on_one_daemon_is_redeemed_on_another() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let tenant = guid();
    let space = format!("tenant:{tenant}");
    for id in ["a", "b", "c"] {
        put(&desk, &node(&tenant, id, &json!({})));
    }
    let whole = token(&desk, &tenant, None);
    put(&desk, &node(&tenant, "a", &json!({"title": "later"})));
    desk.wait_in_step(&phone, &space);
    for daemon in [&desk, &phone] {
        let (first, second) =
            (page(daemon, &whole, 2, 1).expect(200).json(), page(daemon, &whole, 2, 2).expect(200).json());
        let mut all = [titles(&first), titles(&second)].concat();
        all.sort();
        assert_eq!(all, ["a", "b", "c"]);
        assert_eq!(
            (&first["totalCount"], &first["recordCount"], &second["recordCount"]),
            (&json!(3), &json!(2), &json!(1))
        );
    }
    assert_eq!(page(&desk, &whole, 9, 1).json(), page(&phone, &whole, 9, 1).json());
    let anchor = whole["currentDatabaseAnchorHex"].as_str().unwrap();
    let news = token(&phone, &tenant, Some(anchor));
    assert_eq!(titles(&page(&phone, &news, 9, 1).json()), ["later"]);
    let last =
        phone.get(&format!("/api/syncTokens?userId={0}&applicationId={0}", uuid_nil())).expect(200).json();
    assert_eq!(last["syncTokenId"], news["syncTokenId"]);
}

fn uuid_nil() -> &'static str {
    "00000000-0000-0000-0000-000000000000"
}

#[test]
fn short_anchors_stand_for_clocks_everywhere() {
    let short = |name: &str| {
        Daemon::start(
            Options::named(name).with_environment(vec![("QUIRE_CYAN_ANCHORS".into(), "short".into())]),
        )
    };
    let (desk, phone) = (short("desk"), short("phone"));
    desk.pair_with(&phone);
    let tenant = guid();
    put(&desk, &node(&tenant, "a", &json!({})));
    let first = token(&desk, &tenant, None);
    let anchor = first["currentDatabaseAnchorHex"].as_str().unwrap();
    assert_eq!(anchor.len(), 16);
    put(&desk, &node(&tenant, "b", &json!({})));
    desk.wait_in_step(&phone, &format!("tenant:{tenant}"));
    let news = token(&phone, &tenant, Some(anchor));
    assert_eq!(titles(&page(&phone, &news, 9, 1).json()), ["b"]);
}

#[test]
fn two_people_edit_one_node_and_nothing_is_lost() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    let tenant = guid();
    put(&desk, &node(&tenant, "a", &json!({"props": {"oil": 1, "tyres": {"left": 1}}})));
    put(&phone, &node(&tenant, "a", &json!({"props": {"oil": 2, "tyres": {"right": 2}}})));
    desk.pair_with(&phone);
    let (here, there) = eventually("one node of both", PATIENCE, || {
        let of = |daemon: &Daemon| {
            let found = daemon.get(&format!("/v1/nodes?tenant={tenant}")).expect(200).json();
            let node = found["nodes"][0].clone();
            (node["props"]["tyres"] == json!({"left": 1, "right": 2})).then_some(node)
        };
        of(&desk).zip(of(&phone))
    });
    assert_eq!(without(&here, &["cyanId"]), without(&there, &["cyanId"]));
    let conflict = desk.conflict(here["nodeId"].as_str().unwrap(), "props.oil").unwrap();
    assert_eq!(conflict["value"], here["props"]["oil"]);
    let resolve = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
    desk.post(&resolve, &json!({"value": 3})).expect(200);
    eventually("the settled value", PATIENCE, || {
        let node = phone.get(&format!("/v1/nodes/{}", here["nodeId"].as_str().unwrap())).expect(200).json();
        (node["props"]["oil"] == 3 && phone.conflicts().is_empty()).then_some(())
    });
}

#[test]
fn what_was_answered_survives_kill_9() {
    let mut daemon = Daemon::named("desk");
    let tenant = guid();
    for round in 0..10 {
        let id = round.to_string();
        let made = put(&daemon, &node(&tenant, &id, &json!({"props": {"n": round}})));
        let token = token(&daemon, &tenant, None);
        daemon.kill9();
        daemon.restart();
        let found = daemon.get(&format!("/api/nodes?nodeType=truck&nodeId={id}")).expect(200).json();
        assert_eq!(found, json!([made]));
        assert_eq!(page(&daemon, &token, 99, 1).expect(200).json()["totalCount"], round + 1);
    }
}

#[test]
fn our_own_api_reads_and_writes_nodes() {
    let daemon = Daemon::named("desk");
    let tenant = guid();
    let made = put(&daemon, &node(&tenant, "a", &json!({"props": {"x": 1}})));
    let path = format!("/v1/nodes/{}", made["nodeId"].as_str().unwrap());
    let read = daemon.get(&path).expect(200);
    let tag = read.header("ETag").unwrap().to_owned();
    assert_eq!((&read.json()["removed"], &read.json()["props"]), (&json!(false), &json!({"x": 1})));
    let patched =
        daemon.patch(&path, &json!({"props": {"y": [2]}, "title": "t"}), &[("If-Match", &tag)]).expect(200);
    assert_eq!(patched.json()["props"], json!({"x": 1, "y": [2]}));
    daemon.patch(&path, &json!({"title": "u"}), &[("If-Match", &tag)]).expect(412);
    for bad in [json!({"type": "other"}), json!({"nope": 1}), json!({"cyanId": 77}), json!({"title": {}})] {
        daemon.patch(&path, &bad, &[]).expect(400);
    }
    daemon.delete(&path, &[]).expect(200);
    assert_eq!(daemon.get(&path).expect(200).json()["removed"], true);
    let listed = |query: &str| daemon.get(&format!("/v1/nodes?tenant={tenant}{query}")).expect(200).json();
    assert_eq!(
        (listed("")["nodes"].clone(), listed("&removed=any")["nodes"][0]["id"].clone()),
        (json!([]), json!("a"))
    );
    daemon.get(&format!("/v1/nodes/{}", guid())).expect(404);
    daemon.get("/v1/nodes/nonsense").expect(404);
}

#[test]
fn bad_input_is_refused_in_the_shapes_own_form_and_changes_nothing() {
    let daemon = Daemon::named("desk");
    let tenant = guid();
    put(&daemon, &node(&tenant, "a", &json!({})));
    let space = format!("tenant:{tenant}");
    let clock = daemon.clock(&space);
    let deep = format!("{{\"props\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let deep_xml = "<a>".repeat(10_000);
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><NodeRepresentation>&b;</NodeRepresentation>";
    for path in ["/api/nodes", "/api/syncTokens", "/api/messages", "/api/devices"] {
        for (kind, body) in [
            (JSON, "{\"tenantId\":"),
            (JSON, "{\"tenantId\":\"nope\"}"),
            (JSON, "[]"),
            (JSON, "5"),
            (JSON, "null"),
            (JSON, ""),
            (JSON, &deep),
            (XML, &deep_xml),
            (XML, bomb),
            (XML, "<Wrong/>"),
            (XML, "no xml"),
            (("Content-Type", "application/x-www-form-urlencoded"), "tenantId=nope"),
        ] {
            let refused = post(&daemon, path, kind, body);
            let shown: String = body.chars().take(40).collect();
            assert_eq!(refused.status, 400, "{path} {shown}: {}", refused.text());
            let told = refused.text();
            assert!(told.contains("The request is invalid."), "{path} {shown}: {told}");
            assert_eq!(told.starts_with('<'), kind == XML && !body.is_empty(), "{path} {shown}: {told}");
        }
        let invalid = daemon.request("POST", path, &[JSON], Some(b"{\"title\":\"\xff\"}")).expect(400);
        assert!(invalid.json()["ModelState"].is_object());
        post(&daemon, path, ("Content-Type", "image/png"), "x").expect(415);
        daemon.request("DELETE", path, &[], None).expect(405);
    }
    for query in [
        "/api/sync",
        "/api/sync?syncTokenId=nope",
        "/api/syncTokens",
        "/api/nodes?nodeCreatedAfterUtc=nope",
        "/api/messages?messageLimit=0",
    ] {
        daemon.get(query).expect(400);
    }
    daemon.get(&format!("/api/sync?syncTokenId={}", guid())).expect(404);
    let cycle = node(&tenant, "a", &json!({"parentType": "truck", "parentId": "a"}));
    daemon.post("/api/nodes", &cycle).expect(400);
    assert_eq!(daemon.clock(&space), clock);
}
