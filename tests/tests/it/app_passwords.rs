//! Apps with passwords of their own: what `api.auth = "required"` asks for, what an app may touch, and when a change of
//! the configuration counts.

use quire_tests::app::App;
use quire_tests::bulk::basic;
use quire_tests::config::Config;
use quire_tests::http::Response;
use quire_tests::process::{Daemon, SYNCHRONIZE, quire};
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

const REQUIRED: &str = "[api]\nauth = 'required'\n";
const TENANT: &str = "087a4be1-37eb-4c62-8484-39e603c2f6bd";
const OTHER: &str = "187a4be1-37eb-4c62-8484-39e603c2f6bd";

/// Asks as somebody with that `Authorization` header, none where it is empty.
fn ask(desk: &Daemon, method: &str, target: &str, authorization: &str, body: Option<&Value>) -> Response {
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend((!authorization.is_empty()).then_some(("Authorization", authorization)));
    let body = body.map(|body| body.to_string().into_bytes());
    desk.anonymous(method, target, &headers, body.as_deref())
}

fn synchronize(desk: &Daemon, authorization: &str, account: i64, markings: &[Value]) -> Response {
    ask(desk, "POST", SYNCHRONIZE, authorization, Some(&App::new(account, 1).request(markings)))
}

/// A path of each documented group, with a body where it takes one.
fn documented() -> Vec<(&'static str, String, Option<Value>)> {
    let node = json!({ "tenantId": TENANT, "type": "truck", "id": "1" });
    vec![
        ("POST", SYNCHRONIZE.into(), Some(App::new(3, 1).request(&[]))),
        ("POST", "/API/Synchronization/registerDevice".into(), Some(json!({}))),
        ("GET", "/api/synchronization/downloadInitialContent".into(), None),
        ("GET", format!("/api/markings/getMarkingById?syncGuid={TENANT}"), None),
        ("POST", "/api/nodes".into(), Some(node)),
        ("GET", "//api//nodes".into(), None),
        ("POST", "/api/syncTokens".into(), Some(json!({ "tenantId": TENANT }))),
        ("GET", "/api/messages".into(), None),
        ("POST", "/api/devices".into(), Some(json!({ "tenantId": TENANT, "name": "truck" }))),
        ("GET", "/api/messageBodies/putDataDelete".into(), None),
        ("GET", "/api/bulk/2.0/syncs".into(), None),
        ("GET", "/API/BULK/2.0//contacts/fields".into(), None),
        ("GET", "/id".into(), None),
        ("GET", "/api/none".into(), None),
    ]
}

#[test]
fn each_documented_shape_asks_for_an_app_password_in_its_own_form() {
    let config = Config::new(REQUIRED);
    let right = config.app("reader", &[]);
    let desk = Daemon::start(config.options("desk"));
    let password = config.app_password("desk", &[]);
    let wrong = [
        String::new(),
        basic("reader", "wrong"),
        basic("nobody", &password),
        "Basic !!".to_owned(),
        "Basic".to_owned(),
        format!("Basic {}", "A".repeat(60_000)),
        right.replace("Basic", "Digest"),
        "Basic YVxi".to_owned(),
        "Bearer x".to_owned(),
    ];
    for (method, target, body) in documented() {
        for bad in &wrong {
            let answer = ask(&desk, method, &target, bad, body.as_ref());
            let shown = format!("{method} {target} with {bad:.40}: {} {}", answer.status, answer.text());
            assert_eq!(answer.status, 401, "{shown}");
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"quire\""), "{shown}");
            match target.to_ascii_lowercase().contains("bulk") || target == "/id" {
                true => assert_eq!(answer.json(), "Not authenticated.", "{shown}"),
                false => assert!(answer.json()["Message"].is_string(), "{shown}"),
            }
        }
        for good in [&right, &right.replace("Basic", "basic"), &format!("Bearer {}", desk.token())] {
            let answer = ask(&desk, method, &target, good, body.as_ref());
            let known = !target.ends_with("none");
            assert_eq!(answer.status / 100, if known { 2 } else { 4 }, "{target}: {}", answer.text());
            assert_ne!(answer.status, 401, "{target}");
        }
    }
    for company in [r"COMPANY\reader", r"\reader"] {
        let password = String::from_utf8(decoded(&right)).unwrap().split_once(':').unwrap().1.to_owned();
        assert_eq!(
            ask(&desk, "GET", "/api/nodes", &basic(company, &password), None).status,
            200,
            "{company}"
        );
    }
    assert_eq!(ask(&desk, "GET", "/healthz", "", None).status, 200);
    assert_eq!(ask(&desk, "GET", "/v1/status", &right, None).status, 401, "an app is no administrator");
}

fn decoded(basic: &str) -> Vec<u8> {
    let text = basic.strip_prefix("Basic ").unwrap();
    let mut bits = 0_u32;
    let (mut held, mut out) = (0_u32, Vec::new());
    for c in text.bytes().filter(|c| *c != b'=') {
        let value =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|x| *x == c);
        held = held << 6 | u32::try_from(value.unwrap()).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xFF) as u8);
        }
    }
    out
}

#[test]
fn nobody_is_asked_while_the_user_is_enough() {
    let config = Config::new("");
    config.app("reader", &["--space", "account:4"]);
    let desk = Daemon::start(config.options("desk"));
    for header in [
        "",
        "Basic !!",
        "basic YWJj",
        "Bearer x",
        &basic("a\\b", "c"),
        &format!("Basic {}", "A".repeat(60_000)),
    ] {
        let answer = synchronize(&desk, header, 3, &[marking(&guid())]);
        assert_eq!((answer.status, &answer.json()["IsSuccess"]), (200, &json!(true)), "{header:.40}");
    }
}

#[test]
fn an_app_reads_and_writes_its_own_spaces_and_no_other() {
    let config = Config::new(REQUIRED);
    let three = config.app("three", &["--space", "account:3", "--space", &format!("tenant:{TENANT}:rw")]);
    let reads = config.app("reads", &["--space", "account:3:r", "--space", &format!("tenant:{TENANT}:r")]);
    let all = config.app("all", &[]);
    let desk = Daemon::start(config.options("desk"));
    let (own, foreign) = (guid(), guid());
    synchronize(&desk, &all, 3, &[marking(&own)]).expect(200);
    let mut theirs = marking(&foreign);
    theirs["AccountId"] = json!(4);
    synchronize(&desk, &all, 4, &[theirs.clone()]).expect(200);
    for tenant in [TENANT, OTHER] {
        let node = json!({ "tenantId": tenant, "type": "truck", "id": "1" });
        ask(&desk, "POST", "/api/nodes", &all, Some(&node)).expect(201);
    }
    let clocks = || ["account:3", "account:4", &format!("tenant:{OTHER}")].map(|space| desk.clock(space));
    let before = clocks();
    let foreign_token =
        ask(&desk, "POST", "/api/syncTokens", &all, Some(&json!({ "tenantId": OTHER }))).expect(201).json();
    let token_id = foreign_token["syncTokenId"].as_str().unwrap().to_owned();

    let mut edited = theirs;
    edited["note"] = json!("taken over");
    let mut removed = edited.clone();
    removed["SyncIsRemoved"] = json!(true);
    let other_node = json!({ "tenantId": OTHER, "type": "truck", "id": "1", "title": "mine" });
    let delete = json!({ "tenantId": TENANT, "messageTypeLookupKey": "PutDataDelete", "senderSessionId": guid(),
        "body": json!({ "nodes": [other_node] }).to_string() });
    let initial = "/api/synchronization/downloadInitialContent?accountId=4".to_owned();
    let forbidden: Vec<(&str, String, Option<Value>)> = vec![
        ("POST", SYNCHRONIZE.into(), Some(App::new(4, 1).request(&[]))),
        ("POST", SYNCHRONIZE.into(), Some(App::new(3, 1).request(&[edited.clone()]))),
        ("POST", SYNCHRONIZE.into(), Some(json!({ "Markings": [edited] }))),
        ("POST", "/api/markings/postMarkingsApp".into(), Some(json!([edited]))),
        ("POST", "/api/markings/removeMarkings".into(), Some(json!([edited]))),
        ("POST", "/api/markings/editNote".into(), Some(edited.clone())),
        ("GET", format!("/api/markings/getMarkingById?syncGuid={foreign}&accountId=4"), None),
        ("GET", initial, None),
        ("POST", "/api/nodes".into(), Some(other_node.clone())),
        ("GET", format!("/api/nodes?tenantId={OTHER}"), None),
        ("POST", "/api/syncTokens".into(), Some(json!({ "tenantId": OTHER }))),
        ("GET", format!("/api/sync?syncTokenId={token_id}&tenantId={OTHER}"), None),
        ("GET", format!("/api/syncTokens?userId={OTHER}&applicationId={OTHER}&tenantId={OTHER}"), None),
        ("POST", "/api/messages".into(), Some(delete)),
        ("GET", format!("/api/messages?tenantId={OTHER}"), None),
        ("POST", "/api/devices".into(), Some(json!({ "tenantId": OTHER, "name": "truck" }))),
        ("GET", "/api/bulk/2.0/markings/fields".into(), None),
        ("POST", "/api/bulk/2.0/markings/exports".into(), Some(json!({}))),
        ("GET", "/api/bulk/2.0/syncs".into(), None),
    ];
    for (method, target, body) in &forbidden {
        for app in [&three, &reads] {
            let answer = ask(&desk, method, target, app, body.as_ref());
            assert_eq!(answer.status, 403, "{method} {target}: {}", answer.text());
            let told = answer.json();
            assert!(told.is_string() || told["Message"].as_str().unwrap().contains("app password"), "{told}");
        }
    }
    eprintln!("inputs passed: foreign spaces {0} of {0}", forbidden.len() * 2);

    // What names no space finds only what is theirs.
    let nodes = ask(&desk, "GET", "/api/nodes", &three, None).expect(200).json();
    assert_eq!(nodes.as_array().unwrap().len(), 1, "{nodes}");
    ask(&desk, "GET", &format!("/api/sync?syncTokenId={token_id}"), &three, None).expect(404);
    let by_guid = |guid: &str| {
        let answer =
            ask(&desk, "GET", &format!("/api/markings/getMarkingById?syncGuid={guid}"), &three, None);
        answer.expect(200).json()["StatusCode"].clone()
    };
    assert_eq!((by_guid(&own), by_guid(&foreign)), (json!(200), json!(404)));
    let mut nameless = marking(&foreign);
    nameless.as_object_mut().unwrap().remove("AccountId");
    nameless["note"] = json!("taken over");
    ask(&desk, "POST", "/api/markings/editNote", &three, Some(&nameless)).expect(200);
    ask(&desk, "POST", "/api/markings/removeMarkings", &three, Some(&json!([nameless]))).expect(200);
    assert_eq!(clocks()[1..2], before[1..2], "the other account is as it was");
    assert!(
        desk.get(&format!("/v1/markings/{foreign}?account=4")).expect(200).json()["note"] != "taken over"
    );

    // To read alone.
    synchronize(&desk, &reads, 3, &[]).expect(200);
    assert_eq!(synchronize(&desk, &reads, 3, &[marking(&guid())]).status, 403);
    let node = json!({ "tenantId": TENANT, "type": "truck", "id": "2" });
    assert_eq!(ask(&desk, "POST", "/api/nodes", &reads, Some(&node)).status, 403);
    ask(&desk, "GET", "/api/nodes", &reads, None).expect(200);
    ask(&desk, "POST", "/api/nodes", &three, Some(&node)).expect(201);
    synchronize(&desk, &three, 3, &[marking(&guid())]).expect(200);
}

#[test]
fn an_app_comes_and_goes_without_a_restart_and_is_not_replicated() {
    let config = Config::new(REQUIRED);
    let desk = Daemon::start(config.options("desk"));
    assert!(desk.log().contains("quire app add"), "an empty list is worth a word");
    let status = |header: &str| ask(&desk, "GET", "/api/nodes", header, None).status;
    let first = config.app("reader", &["--origin", "app://-"]);
    eventually("the app to be known", PATIENCE, || (status(&first) == 200).then_some(()));
    let second = config.app("reader", &[]);
    eventually("the new password", PATIENCE, || (status(&second) == 200).then_some(()));
    assert_eq!(status(&first), 401);

    let list = |more: &[&str]| {
        let mut command = quire(["app", "list"]);
        let output = command.args(more).arg("--config").arg(config.path()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let told: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    assert_eq!(told, json!([{ "name": "reader", "spaces": null, "origins": [] }]));
    assert!(list(&[]).contains("reader") && !list(&[]).contains("argon2"));

    let other = Daemon::named("other");
    desk.pair_with(&other);
    assert_eq!(ask(&other, "GET", "/api/nodes", "", None).status, 200);
    config.remove_app("reader");
    eventually("the app to be gone", PATIENCE, || (status(&second) == 401).then_some(()));
    assert!(list(&[]).contains("No apps"));
}

#[test]
fn users_of_the_bulk_shapes_are_asked_there_alone() {
    let config = Config::new(REQUIRED);
    let app = config.app("reader", &[]);
    let mut command = quire(["user", "add", "anna", "--config"]);
    command.arg(config.path()).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"password one\n").unwrap();
    assert!(child.wait().unwrap().success());
    let desk = Daemon::start(config.options("desk"));
    let anna = basic("anna", "password one");
    for (path, header, status) in [
        ("/api/bulk/2.0/syncs", &anna, 200),
        ("/api/bulk/2.0/syncs", &app, 401),
        ("/api/nodes", &app, 200),
        ("/api/nodes", &anna, 401),
    ] {
        assert_eq!(ask(&desk, "GET", path, header, None).status, status, "{path}");
    }
}

#[test]
fn a_flood_of_wrong_passwords_takes_one_core_and_holds_up_nobody_who_is_known() {
    let config = Config::new(REQUIRED);
    let app = config.app("reader", &[]);
    let desk = Daemon::start(config.options("desk"));
    assert_eq!(ask(&desk, "GET", "/api/nodes", &app, None).status, 200);
    let address = desk.api();
    let guessing: Vec<_> = (0..40)
        .map(|worker| {
            std::thread::spawn(move || {
                let mut client = quire_tests::http::Client::new(address);
                let tries = (0..5).map(|guess| {
                    let header = basic("reader", &format!("guess {worker} {guess}"));
                    client.request("GET", "/api/nodes", &[("Authorization", &header)], None).unwrap().status
                });
                tries.collect::<Vec<u16>>()
            })
        })
        .collect();
    let mut answered = 0;
    while guessing.iter().any(|worker| !worker.is_finished()) {
        assert_eq!(ask(&desk, "GET", "/api/nodes", &app, None).status, 200);
        answered += 1;
    }
    assert!(answered > 0);
    let statuses: Vec<u16> = guessing.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
    let peak = peak_kib(&desk);
    assert!(peak < 256 * 1024, "{peak} KiB");
    eprintln!("{} guesses, {answered} honest answers meanwhile, peak {} MiB", statuses.len(), peak / 1024);
}

fn peak_kib(desk: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", desk.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_name_that_origins_or_spaces_cannot_have_is_wrong_usage() {
    let config = Config::new("");
    for arguments in [
        &["a:b"][..],
        &[""],
        &["a", "--space", "account:03"],
        &["a", "--space", "account:3:admin"],
        &["a", "--origin", "null"],
        &["a", "--origin", "*"],
        &["a", "--origin", "https://a/b"],
    ] {
        let mut command = quire(["app", "add"]);
        let output = command.args(arguments).arg("--config").arg(config.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(std::fs::read_to_string(config.path()).unwrap(), "");
}
