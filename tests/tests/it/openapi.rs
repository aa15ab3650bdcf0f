//! What the daemon says about itself: the OpenAPI document and the help pages.

use std::io::Write;
use std::process::{Command, Stdio};

use quire_tests::http::Response;
use quire_tests::process::{Daemon, SYNCHRONIZE, quire};
use quire_tests::sample::{self, guid, marking};
use serde_json::{Map, Value, json};

/// Reads a document on stdin; fails with the reason when it is no OpenAPI 3.1.
const VALIDATE: &str = "
import json, sys
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
validate(json.load(sys.stdin), cls=OpenAPIV31SpecValidator)
";

/// Reads components and bodies; fails when a body is not what the schema of that name says.
const CONFORM: &str = "
import json, sys
from jsonschema import Draft202012Validator
told = json.load(sys.stdin)
for name, body in told['bodies']:
    schema = {'$ref': '#/components/schemas/' + name, 'components': told['components']}
    Draft202012Validator(schema).validate(body)
";

/// What a validator written by others says; `None` where there is none.
fn judged(script: &str, told: &Value) -> Option<Result<(), String>> {
    let Some(python) = std::env::var_os("QUIRE_TEST_PYTHON") else {
        eprintln!(
            "SKIPPED: the OpenAPI document was NOT validated: QUIRE_TEST_PYTHON names no python3 with \
             openapi-spec-validator (scripts/test makes one)"
        );
        return None;
    };
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("QUIRE_TEST_PYTHON runs");
    child.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

/// Without the token, as a stranger to the API would.
fn get(desk: &Daemon, target: &str) -> Response {
    desk.anonymous("GET", target, &[], None)
}

#[test]
fn the_document_is_openapi_3_1_and_the_program_prints_the_same() {
    let desk = Daemon::named("desk");
    let answer = get(&desk, "/openapi.json").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let printed = quire(["openapi"]).output().unwrap();
    assert!(printed.status.success());
    assert_eq!(String::from_utf8_lossy(&printed.stdout), answer.text());

    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let Some(verdict) = judged(VALIDATE, &document) else { return };
    assert_eq!(verdict, Ok(()));
    let mut broken = document;
    broken["paths"][SYNCHRONIZE]["post"]["responses"] = Value::Null;
    assert!(judged(VALIDATE, &broken).is_some_and(|verdict| verdict.is_err()), "the validator finds faults");
}

#[test]
fn what_is_answered_is_documented() {
    let desk = Daemon::named("desk");
    let document = get(&desk, "/openapi.json").json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("get").filter(|_| !path.contains('{')) else { continue };
        let responses = operation["responses"].as_object().unwrap();
        if path == "/v1/events" {
            assert!(responses.contains_key(&desk.events(None).status().to_string()));
        } else {
            assert_documented(path, responses, &desk.get(path));
        }
        assert_documented(path, responses, &desk.anonymous("GET", path, &[("Origin", "null")], None));
        assert_documented(path, responses, &desk.anonymous("GET", path, &[("Host", "evil.example")], None));
        asked += 1;
    }
    assert!(asked > 5, "{asked}");
}

#[test]
fn what_is_in_an_answer_is_what_its_schema_says() {
    let desk = Daemon::named("desk");
    let document = get(&desk, "/openapi.json").json();
    let request = sample::request();
    let marking = marking(&guid());
    let model = json!({ "Account": { "AccountId": 3 }, "Markings": [&marking] });
    let of = |path: &str| desk.get(path).json();
    let bodies = json!([
        ["SynchronizationModel", request],
        ["ApiResultOfSynchronizationModel", desk.synchronize(&request)],
        ["ApiResultOfSynchronizationModel", desk.synchronize(&model)],
        ["Marking", of(&format!("/v1/markings/{}", marking["syncGuid"].as_str().unwrap()))],
        ["Markings", of("/v1/markings?limit=1&removed=any")],
        ["Status", of("/v1/status")],
        ["Spaces", of("/v1/spaces")],
        ["Clock", of("/v1/spaces/account:3/clock")],
        ["Conflicts", of("/v1/conflicts")],
        ["Peers", of("/v1/peers")],
        ["Invitation", desk.invite(&json!({}))],
        ["Problem", of("/v1/nothing")],
        ["HttpError", of("/api/nothing")],
    ]);
    let told = json!({ "components": document["components"], "bodies": bodies });
    let Some(verdict) = judged(CONFORM, &told) else { return };
    assert_eq!(verdict, Ok(()));
    let wrong = json!({ "components": document["components"], "bodies": [["Status", { "name": 5 }]] });
    assert!(judged(CONFORM, &wrong).is_some_and(|verdict| verdict.is_err()), "the validator finds faults");
}

#[test]
fn what_the_bulk_shapes_answer_is_what_their_schemas_say() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let key = "syncGuid";
    let import =
        bulk.import("markings", &[key, "AccountId", "note"], key, &json!({ "updateRule": "always" }));
    let rows = [json!({ key: guid(), "AccountId": 3, "note": "n" }), json!({ key: "none" })];
    let imported = bulk.take(&import, &rows, "warning");
    let export = bulk.export("markings", &[("note", "Field(note)"), ("id", "Id")], None);
    let exported = bulk.run(&export, "success");
    let of = |path: &str| bulk.read(path);
    let bodies = json!([
        ["BulkImport", of(&import)],
        ["BulkImports", of("/markings/imports")],
        ["BulkExport", of(&export)],
        ["BulkExports", of("/exports")],
        ["BulkSync", of(&exported)],
        ["BulkSyncs", of("/syncs")],
        ["BulkLogs", of(&format!("{imported}/logs"))],
        ["BulkRejects", of(&format!("{imported}/rejects"))],
        ["BulkData", of(&format!("{exported}/data"))],
        ["BulkData", of(&format!("{export}/data?totalResults=false"))],
        ["BulkFields", of("/contacts/fields")],
        ["BulkFields", of("/activities/fields?limit=3")],
        ["BulkField", of("/markings/fields/1")],
        ["BulkCustomObjects", of("/customObjects")],
        ["BulkNothing", of("/syncActions")],
        ["BulkIdentity", desk.get("/id").json()],
        ["BulkInvalid", bulk.post("/syncs", &json!({ "syncedInstanceUri": "/x" })).expect(400).json()],
    ]);
    let components = get(&desk, "/openapi.json").json()["components"].clone();
    let Some(verdict) = judged(CONFORM, &json!({ "components": components, "bodies": bodies })) else {
        return;
    };
    assert_eq!(verdict, Ok(()));
}

/// Status and media type of an answer are among the documented ones.
fn assert_documented(path: &str, responses: &Map<String, Value>, answer: &Response) {
    let response = responses.get(&answer.status.to_string());
    let response = response.unwrap_or_else(|| panic!("{path}: {} is not documented", answer.status));
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    assert!(response["content"].get(kind).is_some(), "{path}: {} as {kind:?}", answer.status);
}

#[test]
fn every_help_page_that_is_linked_is_there() {
    let desk = Daemon::named("desk");
    let document = get(&desk, "/openapi.json").json();
    let operations: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    let index = get(&desk, "/help").expect(200).text();
    let links: Vec<&str> =
        index.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(links.iter().filter(|link| link.starts_with("/help/api/")).count(), operations);
    for link in links {
        let page = get(&desk, link).expect(200);
        assert!(!page.text().contains("<script"), "{link}");
    }
    get(&desk, "/Help/Api/POST-api-synchronization-synchronize").expect(200);
    get(&desk, "/help/api/1/post-api-synchronization-synchronize").expect(200);
    get(&desk, "/help/api/GET-nothing").expect(404);
}

#[test]
fn documented_paths_refuse_head_options_and_what_is_not_there() {
    let desk = Daemon::named("desk");
    for method in ["HEAD", "OPTIONS", "GET", "DELETE"] {
        let answer = desk.anonymous(method, SYNCHRONIZE, &[], None).expect(405);
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        if method != "HEAD" {
            let wanted = format!("The requested resource does not support http method '{method}'.");
            assert_eq!(answer.json()["Message"], wanted);
        }
    }
    let answer = get(&desk, "/API/Synchronization/Nothing?x=1").expect(404).json();
    let address = format!("http://{}/API/Synchronization/Nothing?x=1", desk.api());
    assert_eq!(
        answer["Message"],
        format!("No HTTP resource was found that matches the request URI '{address}'.")
    );
    assert_eq!(
        answer["MessageDetail"],
        "No action was found on the controller 'Synchronization' that matches the request."
    );
}
