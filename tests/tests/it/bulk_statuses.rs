//! Each documented status of the Bulk shapes, by a cause that can really happen.

use quire_tests::app::App;
use quire_tests::bulk::{BASE, Bulk, basic, items, uri};
use quire_tests::clock::FakeClock;
use quire_tests::config::Config;
use quire_tests::http::{Response, raw};
use quire_tests::process::{Daemon, Options, quire};
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

/// Syncs that may wait before others are told to come back.
const WAITING: usize = 200;

/// A post of staged rows may not be larger.
const STAGING: usize = 32 << 20;

/// Uploads of one import sync.
const UPLOADS: u64 = 500;

/// How long a connection may take to end.
const CLOSING: Duration = Duration::from_secs(20);

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn failures(answer: &Response) -> Vec<Value> {
    assert_eq!(answer.status, 400, "{}", answer.text());
    answer.json()["failures"].as_array().unwrap_or_else(|| panic!("no failures: {}", answer.text())).clone()
}

/// A refusal in the page's words.
fn assert_says(answer: &Response, status: u16, sentence: &str) {
    assert_eq!((answer.status, answer.json()), (status, json!(sentence)));
}

/// Rows of an import that goes on for longer than a test of this file takes.
const LONG_IMPORT: usize = 60_000;

/// A daemon whose workers both have a long import to do, so that what starts now stays pending.
fn busy(options: Options) -> Daemon {
    let desk = Daemon::start(options);
    for _ in 0..2 {
        let bulk = desk.bulk();
        let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
        let rows: Vec<Value> =
            (0..LONG_IMPORT).map(|_| json!({ "syncGuid": guid(), "AccountId": 3 })).collect();
        bulk.stage(&definition, &rows);
        let sync = bulk.start(&definition);
        eventually("an active sync", PATIENCE, || (bulk.read(&sync)["status"] == "active").then_some(()));
    }
    desk
}

#[test]
fn status_400_names_what_cannot_be_used() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let define = |body: Value| bulk.post("/activities/exports", &body);
    let fields = json!({ "id": "{{Activity.Id}}" });

    let filter = "'{{Activity.Type}}' = 'Reading' AND ('{{Activity.Id}}' ?? 'x')";
    let failure = failures(&define(json!({ "name": "n", "fields": fields, "filter": filter }))).remove(0);
    assert_eq!((&failure["field"], &failure["value"]), (&json!("filter"), &json!(filter)));
    assert_eq!(failure["position"].as_u64(), filter.find("??").map(|at| at as u64), "{failure}");
    assert!(!failure["constraint"].as_str().unwrap().is_empty());

    for (body, field) in [
        (json!({ "fields": fields }), "name"),
        (json!({ "name": "x".repeat(101), "fields": fields }), "name"),
        (json!({ "name": "n" }), "fields"),
        (json!({ "name": "n", "fields": fields, "dataRetentionDuration": "P15D" }), "dataRetentionDuration"),
        (json!({ "name": "n", "fields": fields, "autoDeleteDuration": "soon" }), "autoDeleteDuration"),
        (json!({ "name": "n", "fields": fields, "maxRecords": -1 }), "maxRecords"),
    ] {
        assert_eq!(failures(&define(body.clone()))[0]["field"], field, "{body}");
    }
    let unknown = failures(&define(json!({ "name": "n", "fields": { "x": "{{Contact.Nonsense}}" } })));
    assert!(unknown[0].to_string().contains("Contact.Nonsense"), "{unknown:?}");
    assert_eq!(items(&bulk.read("/activities/exports")).len(), 0, "nothing was made of it");

    for instance in ["/activities/exports/99", "/nowhere/exports/1", "/peers/00", "nonsense"] {
        let refused = failures(&bulk.post("/syncs", &json!({ "syncedInstanceUri": instance })));
        assert_eq!(
            (&refused[0]["field"], &refused[0]["value"]),
            (&json!("syncedInstanceUri"), &json!(instance))
        );
    }
    assert_eq!(failures(&bulk.post("/syncs", &json!({})))[0]["field"], "syncedInstanceUri");
}

#[test]
fn status_400_has_the_documented_reason() {
    let desk = Daemon::named("desk");
    let request = format!(
        "POST {BASE}/syncs HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
         Connection: close\r\n\r\n{{}}",
        desk.api()
    );
    let answer = String::from_utf8(raw(desk.api(), request.as_bytes(), CLOSING).unwrap()).unwrap();
    assert_eq!(answer.lines().next(), Some("HTTP/1.1 400 There was a validation error."));
}

#[test]
fn status_400_is_for_parameters_and_for_data_of_imports_too() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    let sync = bulk.take(&definition, &[json!({ "syncGuid": guid(), "AccountId": "3" })], "success");
    failures(&bulk.get(&format!("{sync}/data")));

    let export = bulk.export("markings", &[("id", "Id")], None);
    let exported = bulk.run(&export, "success");
    let parameter = |path: String, name: &str, value: &str| {
        let answer = bulk.get(&path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        let told = answer.json()[0].clone();
        let named =
            ["type", "parameter", "value"].map(|member| told[member].as_str().unwrap_or_default().to_owned());
        assert_eq!(named, ["EndpointParameterError", name, value], "{path}");
        told["requirement"]["type"].as_str().unwrap().to_owned()
    };
    for (limit, data) in
        [("0", true), ("50001", true), ("-1", true), ("x", true), ("1001", false), ("0", false)]
    {
        let path = if data { format!("{exported}/data") } else { "/markings/exports".to_owned() };
        assert_eq!(parameter(format!("{path}?limit={limit}"), "limit", limit), "IntegerRequirement");
    }
    assert_eq!(parameter(format!("{exported}/data?offset=-5"), "offset", "-5"), "IntegerRequirement");
    assert_eq!(parameter("/syncs?totalResults=maybe".into(), "totalResults", "maybe"), "BooleanRequirement");
    assert_eq!(parameter("/syncs/sandwich".into(), "id", "sandwich"), "IdRequirement");
    for (limit, path) in
        [("1", format!("{exported}/data")), ("50000", format!("{exported}/data")), ("1000", "/syncs".into())]
    {
        bulk.get(&format!("{path}?limit={limit}")).expect(200);
    }
}

#[test]
fn rows_that_are_no_rows_are_refused_whole() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    let path = format!("{definition}/data");
    let send = |kind: &str, body: &[u8]| bulk.request("POST", &path, &[("Content-Type", kind)], Some(body));
    for body in ["", "[1]", "[{}", "7", "[[{}]]", "nonsense"] {
        failures(&send("application/json", body.as_bytes()));
    }
    failures(&send("text/csv", b"a,b\n1\n"));
    assert_eq!(send("application/xml", b"<a/>").status, 415);
    assert_eq!(bulk.request("POST", &path, &[], Some(b"[]")).status, 415);
    assert_eq!(bulk.request("POST", "/syncs", &[("Content-Type", "text/csv")], Some(b"{}")).status, 415);
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"] {
        assert_eq!(send(kind, b"[]").status, 204, "{kind}");
    }
    let sync = bulk.run(&definition, "warning");
    assert_eq!(bulk.count(&sync, 124), Some(0), "nothing of it was kept");
}

#[test]
fn a_sync_takes_so_many_uploads_and_no_more() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    for _ in 0..UPLOADS {
        bulk.stage(&definition, &[json!({ "syncGuid": guid(), "AccountId": 3 })]);
    }
    failures(&bulk.post(&format!("{definition}/data"), &json!([{ "syncGuid": guid(), "AccountId": 3 }])));
    let sync = bulk.run(&definition, "success");
    assert_eq!(bulk.count(&sync, 1), Some(UPLOADS));
    assert_eq!(desk.markings(3).len() as u64, UPLOADS);
    // The next sync has uploads of its own.
    bulk.stage(&definition, &[json!({ "syncGuid": guid(), "AccountId": 3 })]);
}

/// Adds a user to a configuration file, as a person would: the password is typed.
fn add_user(config: &Config, name: &str, site: &str, password: &str) {
    let mut command = quire(["user", "add", name, "--site", site, "--config"]);
    command.arg(config.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn status_401_is_for_whoever_is_no_user() {
    let config = Config::new("");
    add_user(&config, "anna", "Site", "pässword:1");
    let written = std::fs::read_to_string(config.path()).unwrap();
    assert!(written.contains("argon2") && !written.contains("pässword"), "{written}");
    let desk = Daemon::start(config.options("desk"));
    let bulk = desk.bulk();

    for refused in [
        bulk.get("/syncs"),
        bulk.named(r"Site\anna", "wrong").get("/syncs"),
        bulk.named(r"Elsewhere\anna", "pässword:1").get("/syncs"),
        bulk.named("anna", "").post("/activities/exports", &json!({})),
        bulk.request("GET", "/syncs", &[("Authorization", "Bearer x")], None),
        bulk.request("GET", "/syncs", &[("Authorization", "Basic !!")], None),
    ] {
        assert_says(&refused, 401, "Not authenticated.");
        assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"Quire\""));
    }
    let right = bulk.named(r"Site\anna", "pässword:1");
    right.get("/syncs").expect(200);
    let lower = basic(r"site\anna", "pässword:1").replacen("Basic", "basic", 1);
    assert_eq!(bulk.request("GET", "/syncs", &[("authorization", &lower)], None).status, 200);
    let made =
        right.post("/activities/exports", &json!({ "name": "n", "fields": { "id": "{{Activity.Id}}" } }));
    assert_eq!(made.expect(201).json()["createdBy"], "anna");

    let id = |authorization: &str| desk.anonymous("GET", "/id", &[("Authorization", authorization)], None);
    assert_says(&id(&basic(r"Site\anna", "wrong")), 200, "Not authenticated.");
    assert_says(&desk.anonymous("GET", "/id", &[], None), 200, "Not authenticated.");
    let found = id(&basic(r"Site\anna", "pässword:1")).expect(200).json();
    assert_eq!((&found["site"]["name"], &found["user"]["username"]), (&json!("Site"), &json!("anna")));
}

#[test]
fn without_users_anybody_is_told_where_the_shapes_are() {
    let desk = Daemon::named("desk");
    let base = format!("http://{}", desk.api());
    for headers in [vec![], vec![("Authorization", basic(r"COMP\user", "pw"))]] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let found = desk.anonymous("GET", "/id", &headers, None).expect(200).json();
        assert_eq!(found["urls"]["base"].as_str().map(|url| url.trim_end_matches('/')), Some(base.as_str()));
        let rest = found["urls"]["apis"]["rest"]["bulk"].as_str().unwrap();
        assert!(rest.ends_with("/{version}/"), "the version is for the client to fill in: {rest}");
        let filled = rest.replace("{version}", "2.0").replace(&base, "");
        desk.anonymous("GET", &format!("{filled}syncs"), &[], None).expect(200);
        assert!(found["site"]["id"].is_number() && found["user"]["id"].is_number(), "{found}");
    }
}

#[test]
fn status_403_keeps_data_to_the_user_who_ran_the_export() {
    let config = Config::new("");
    for (name, password) in [("anna", "password one"), ("otto", "password two")] {
        add_user(&config, name, "Site", password);
    }
    let desk = Daemon::start(config.options("desk"));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let (anna, otto) =
        (desk.bulk().named(r"Site\anna", "password one"), desk.bulk().named(r"Site\otto", "password two"));
    let definition = anna.export("markings", &[("id", "Id")], None);
    let sync = anna.run(&definition, "success");
    for of in [&sync, &definition] {
        assert_says(&otto.get(&format!("{of}/data")), 403, "Forbidden.");
        assert_says(&otto.delete(&format!("{of}/data")), 403, "Forbidden.");
        assert_eq!(anna.rows(of).len(), 1);
    }
    otto.get(&sync).expect(200);
    // What he ran is his, of whose definition it may be.
    assert_eq!(otto.rows(&otto.run(&definition, "success")).len(), 1);
}

#[test]
fn status_404_is_for_what_never_was_and_for_too_much_at_once() {
    const SENTENCE: &str = "The requested resource was not found.";
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    for path in [
        "/syncs/77",
        "/syncs/77/data",
        "/syncs/77/logs",
        "/syncs/77/rejects",
        "/activities/exports/1",
        "/activities/exports/1/data",
        "/markings/fields/9999",
        "/customObjects/7/fields",
        "/customObjects/7/exports",
    ] {
        let answer = bulk.get(path);
        assert!(
            answer.status == 404 && answer.text().contains(SENTENCE),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(bulk.get("/opportunities/exports").status, 404);
    let fields = json!({ "name": "n", "fields": { "id": "{{Activity.Id}}" } });
    assert_eq!(bulk.put("/activities/exports/9", &fields).status, 404);
    assert_eq!(bulk.delete("/activities/exports/9").status, 404);
    assert_eq!(bulk.post("/markings/imports/9/data", &json!([])).status, 404);

    let definition = bulk.import("markings", &["syncGuid", "AccountId", "note"], "syncGuid", &json!({}));
    let body =
        format!("[{{\"syncGuid\":\"{}\",\"AccountId\":3,\"note\":\"{}\"}}]", guid(), "x".repeat(STAGING));
    let answer = bulk.request("POST", &format!("{definition}/data"), &[JSON], Some(body.as_bytes()));
    assert!(answer.status == 404 && answer.text().contains(SENTENCE), "{}: {}", answer.status, answer.text());
    let sync = bulk.run(&definition, "warning");
    assert_eq!(bulk.count(&sync, 124), Some(0), "nothing of it was kept");
}

#[test]
fn status_409_keeps_syncs_of_one_definition_apart() {
    let desk = busy(Options::named("desk"));
    let mut phone = Daemon::named("phone");
    desk.pair_with(&phone);
    phone.stop();
    let bulk = desk.bulk();
    bulk.start(&format!("/peers/{}", phone.device_id()));
    let definition = bulk.export("markings", &[("id", "Id")], None);
    let first = bulk.start(&definition);
    for instance in [definition.clone(), format!("/peers/{}", phone.device_id())] {
        let refused = bulk.post("/syncs", &json!({ "syncedInstanceUri": instance })).expect(409).json();
        let told = &refused[0];
        assert_eq!(
            (&told["type"], &told["property"]),
            (&json!("ObjectValidationError"), &json!("syncedInstanceUri"))
        );
        assert_eq!(
            (&told["value"], &told["requirement"]["type"]),
            (&json!(instance), &json!("UniquenessRequirement"))
        );
        assert_eq!(told["container"]["objectType"], "Sync");
    }
    let running = first.trim_start_matches("/syncs/");
    let again = bulk.post("/syncs", &json!({ "syncedInstanceUri": definition })).json();
    assert_eq!(again[0]["container"]["objectId"], running);
    // What has not ended has no data yet, which is a conflict of time and not an empty answer.
    bulk.get(&format!("{first}/data")).expect(409);
    // Another definition is another matter.
    bulk.start(&bulk.export("markings", &[("id", "Id")], None));
}

#[test]
fn status_409_also_ends_with_the_sync() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    let rows: Vec<Value> = (0..5_000).map(|_| json!({ "syncGuid": guid(), "AccountId": 3 })).collect();
    bulk.stage(&definition, &rows);
    let sync = bulk.start(&definition);
    bulk.post("/syncs", &json!({ "syncedInstanceUri": definition })).expect(409);
    assert_eq!(bulk.ended(&sync)["status"], "success");
    assert_eq!(bulk.count(&sync, 1), Some(5_000));
    bulk.run(&definition, "warning");
}

#[test]
fn status_410_is_for_what_was_there() {
    const SENTENCE: &str = "The requested resource is no longer available.";
    let Some(clock) = FakeClock::new() else { return };
    let desk = Daemon::start(Options::named("desk").with_environment(clock.environment()));
    let bulk = desk.bulk();
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let fields = json!({ "id": "{{Marking.Id}}" });
    let define = |more: &[(&str, &str)]| {
        let mut body = json!({ "name": "n", "fields": fields });
        for (name, value) in more {
            body[*name] = json!(value);
        }
        uri(&bulk.post("/markings/exports", &body).expect(201).json())
    };
    let short = define(&[("dataRetentionDuration", "PT1H")]);
    let usual = define(&[]);
    let outlived = define(&[("autoDeleteDuration", "PT1H")]);
    let [of_short, of_usual] = [&short, &usual].map(|definition| bulk.run(definition, "success"));

    clock.set("+59m");
    assert_eq!(bulk.rows(&of_short).len(), 1);
    clock.set("+61m");
    for of in [&of_short, &short] {
        assert_says(&bulk.get(&format!("{of}/data")), 410, SENTENCE);
    }
    assert_eq!(bulk.rows(&of_usual).len(), 1);
    assert_says(&bulk.get(&outlived), 410, SENTENCE);
    bulk.get(&short).expect(200);
    bulk.get(&format!("{of_short}/logs")).expect(200);
    clock.set("+13h");
    assert_says(&bulk.get(&format!("{of_usual}/data")), 410, SENTENCE);
    // A new run has new data.
    assert_eq!(bulk.rows(&bulk.run(&short, "success")).len(), 1);
    bulk.get(&format!("{short}/data")).expect(200);
}

#[test]
fn status_410_is_for_data_that_was_deleted() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let definition = bulk.export("markings", &[("id", "Id")], None);
    for by_definition in [false, true] {
        let sync = bulk.run(&definition, "success");
        let of = if by_definition { &definition } else { &sync };
        bulk.delete(&format!("{of}/data")).expect(204);
        bulk.get(&format!("{sync}/data")).expect(410);
        bulk.get(&format!("{definition}/data")).expect(410);
        assert_eq!(bulk.read(&definition)["kbUsed"], 0);
    }
}

#[test]
fn status_412_keeps_a_definition_while_its_sync_runs() {
    let desk = busy(Options::named("desk"));
    let bulk = desk.bulk();
    let definition = bulk.export("markings", &[("id", "Id")], None);
    bulk.start(&definition);
    let sentence = "The resource you are attempting to delete has dependencies, and cannot be deleted.";
    assert_says(&bulk.delete(&definition), 412, sentence);
    bulk.get(&definition).expect(200);
}

#[test]
fn status_413_is_for_storage_alone() {
    let config = Config::new("[bulk]\nstorage = 100000\n");
    let desk = Daemon::start(config.options("desk"));
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId", "note"], "syncGuid", &json!({}));
    let row = |length: usize| json!([{ "syncGuid": guid(), "AccountId": 3, "note": "x".repeat(length) }]);
    let data = format!("{definition}/data");
    assert_says(&bulk.post(&data, &row(150_000)), 413, "Storage space exceeded.");
    bulk.post(&data, &row(60_000)).expect(204);
    assert_says(&bulk.post(&data, &row(60_000)), 413, "Storage space exceeded.");
    // An export that finds no room says so and leaves nothing.
    App::new(3, 1).sync(&desk, &[marking(&guid()).with("note", "x".repeat(90_000))]);
    let export = bulk.export("markings", &[("note", "Field(note)")], None);
    let sync = bulk.run(&export, "error");
    assert_eq!(bulk.count(&sync, 136), Some(0), "{:#?}", bulk.logs(&sync));
    assert_ne!(bulk.get(&format!("{sync}/data")).status, 200);
    // Room is given back.
    bulk.delete(&data).expect(204);
    assert_eq!(bulk.rows(&bulk.run(&export, "success")).len(), 1);
    assert_says(&bulk.post(&data, &row(60_000)), 413, "Storage space exceeded.");
    bulk.delete(&format!("{export}/data")).expect(204);
    bulk.post(&data, &row(60_000)).expect(204);
}

#[test]
fn status_500_is_for_a_disk_that_fails() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    let folder = desk.data().join("bulk");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "no folder").unwrap();
    let (data, row) = (format!("{definition}/data"), json!([{ "syncGuid": guid(), "AccountId": 3 }]));
    let sentence = "The service has encountered an internal server error.";
    assert_says(&bulk.post(&data, &row), 500, sentence);
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    bulk.run(&bulk.export("markings", &[("id", "Id")], None), "error");
    std::fs::remove_file(&folder).unwrap();
    bulk.post(&data, &row).expect(204);
    bulk.run(&definition, "success");
}

#[test]
fn status_503_is_for_one_more_than_can_wait() {
    let desk = busy(Options::named("desk"));
    let bulk = desk.bulk();
    let definitions: Vec<String> =
        (0..=WAITING).map(|_| bulk.export("markings", &[("id", "Id")], None)).collect();
    let refused: Vec<Response> = definitions
        .iter()
        .map(|definition| bulk.post("/syncs", &json!({ "syncedInstanceUri": definition })))
        .skip_while(|answer| answer.status == 201)
        .collect();
    assert!(!refused.is_empty(), "{WAITING} syncs wait, and yet one more is taken");
    assert_says(&refused[0], 503, "There was a timeout processing the request.");
    assert!(pending(&bulk) >= WAITING - 2, "{} wait", pending(&bulk));
}

fn pending(bulk: &Bulk<'_>) -> usize {
    let syncs = items(&bulk.read("/syncs?limit=1000"));
    syncs.iter().filter(|sync| sync["status"] == "pending").count()
}
