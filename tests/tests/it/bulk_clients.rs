//! Clients that others wrote, unmodified: pyeloqua and eloqua-python-sdk from PyPI, eloqua from npm. What drives them is in
//! `tests/clients`.

use quire_tests::app::{App, everything, success};
use quire_tests::bulk::{BASE, LONG};
use quire_tests::process::Daemon;
use quire_tests::sample::{With, assert_same_item, generated, guid, marking};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// As issue 4 says.
const MARKINGS: usize = 10_000;

/// More than one page of the stream of npm's client.
const STREAMED: usize = 12_000;

/// Reading activities that the SDK reads.
const ACTIVITIES: usize = 25;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// The Python that has a module; `None` where there is none: says so loudly.
fn python_with(module: &str) -> Option<OsString> {
    let python = std::env::var_os("QUIRE_TEST_PYTHON");
    let has_it = |python: &OsString| {
        let mut look = Command::new(python);
        look.args(["-c", &format!("import {module}")]).stdin(Stdio::null()).stderr(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    };
    let found = python.filter(has_it);
    if found.is_none() {
        eprintln!(
            "SKIPPED: the Bulk shapes were NOT tested with {module}: QUIRE_TEST_PYTHON names no python3 that has it \
             (scripts/test makes one)"
        );
    }
    found
}

/// The folder of npm's packages; `None` where it or node is missing: says so loudly.
fn node_modules() -> Option<OsString> {
    let folder = std::env::var_os("QUIRE_TEST_NODE_MODULES")?;
    let mut look = Command::new("node");
    look.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = look.status().is_ok_and(|status| status.success());
    (is_there && Path::new(&folder).join("eloqua").is_dir()).then_some(folder)
}

/// Runs a client to its end, which must be a good one.
fn run(mut command: Command) {
    // A proxy of this machine is for hosts elsewhere.
    command.env("NO_PROXY", "*").env("no_proxy", "*").stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{said}\n{complained}", output.status);
    assert_eq!(said.lines().next_back(), Some("ok"), "it did not run to its end\n{said}\n{complained}");
}

#[test]
fn pyeloqua_brings_ten_thousand_markings_and_gets_them_back() {
    let Some(python) = python_with("pyeloqua") else { return };
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let markings = generated(MARKINGS);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("markings.ndjson");
    let lines: Vec<String> = markings.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();

    let mut command = Command::new(python);
    command.arg(script("with_pyeloqua.py")).arg(format!("http://{}{BASE}", desk.api())).arg(file);
    run(command);

    // Edits like any others: the documented synchronization of another device finds them.
    desk.wait_in_step_within(&phone, "account:3", LONG);
    let found = everything(&phone, 3);
    let found: HashMap<&str, &Value> = found["Markings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|marking| (marking["syncGuid"].as_str().unwrap(), marking))
        .collect();
    assert_eq!(found.len(), MARKINGS);
    for marking in &markings {
        let found = found[marking["syncGuid"].as_str().unwrap()];
        assert_same_item(&without_empty_texts(found), &without_empty_texts(marking));
    }
}

/// Rows have no other word for null than the empty text, so importing that makes null.
fn without_empty_texts(item: &Value) -> Value {
    let mut item = item.clone();
    item.as_object_mut()
        .unwrap()
        .values_mut()
        .filter(|value| **value == "")
        .for_each(|value| *value = Value::Null);
    item
}

#[test]
fn the_python_sdk_exports_imports_and_is_told_what_is_wrong() {
    let Some(python) = python_with("eloquasdk") else { return };
    let desk = Daemon::named("desk");
    let read: Vec<Value> = (0..ACTIVITIES).map(|_| marking(&guid())).collect();
    let request = App::new(3, 1).request(&[]).with("EPubHistoryActivities", read);
    success(desk.synchronize(&request));
    let truck = json!({ "tenantId": guid(), "type": "truck", "id": "a", "title": "a", "props": { "driver": "Anna" } });
    desk.post("/api/nodes", &truck).expect(201);

    let mut command = Command::new(python);
    command
        .arg(script("with_eloquasdk.py"))
        .arg(format!("http://{}{BASE}", desk.api()))
        .arg(ACTIVITIES.to_string());
    run(command);

    assert_eq!(desk.markings(3)[0]["note"], "by the SDK");
}

#[test]
fn the_client_of_npm_streams_more_than_one_page() {
    let Some(modules) = node_modules() else {
        return eprintln!(
            "SKIPPED: the Bulk shapes were NOT tested with npm's eloqua: there is no node, or \
             QUIRE_TEST_NODE_MODULES names no folder that has it (scripts/test makes one)"
        );
    };
    let desk = Daemon::named("desk");
    let color = |index: usize| if index < 3 { "red" } else { "blue" };
    let markings: Vec<Value> = (0..STREAMED)
        .map(|index| json!({ "syncGuid": guid(), "AccountId": 3, "note": "ä", "color": color(index) }))
        .collect();
    App::new(3, 1).sync(&desk, &markings);

    let mut command = Command::new("node");
    command.env("NODE_PATH", modules).arg(script("with_eloqua.js"));
    command.arg(format!("http://{}", desk.api())).arg(STREAMED.to_string());
    run(command);
}
