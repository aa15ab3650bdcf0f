//! What a kill in the middle of a sync leaves: after the restart it ends by itself, and no row is missing, half there or
//! there twice.

use quire_tests::app::App;
use quire_tests::bulk::{LONG, items};
use quire_tests::process::Daemon;
use quire_tests::sample::guid;
use quire_tests::seed::{next, seed};
use quire_tests::wait::eventually;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rows of an import: many transactions of it.
const IMPORTED: usize = 8_000;

/// Moments at which each kind of sync is killed.
const KILLS: u64 = 3;

/// Markings that an export goes through.
const EXPORTED: usize = 20_000;

/// Markings posted in one request.
const POSTED: usize = 10_000;

const SPACE: &str = "account:3";

#[test]
fn an_import_that_was_killed_goes_on_with_the_first_row_that_is_not_there() {
    let mut random = seed();
    eprintln!("QUIRE_SEED={random}");
    for _ in 0..KILLS {
        // The first rows may be there already, the last ones not yet.
        let moment = 1 + next(&mut random) % (IMPORTED as u64 * 3 / 4);
        eprintln!("killed after {moment} of {IMPORTED} rows");
        killed_import(moment);
    }
}

fn killed_import(moment: u64) {
    let mut desk = Daemon::named("desk");
    let guids: Vec<String> = (0..IMPORTED).map(|_| guid()).collect();
    let rows: Vec<Value> = guids
        .iter()
        .enumerate()
        .map(|(index, guid)| {
            // One in a thousand cannot be used.
            let start = if index % 1_000 == 999 { json!("no number") } else { json!(index) };
            json!({ "syncGuid": guid, "AccountId": 3, "note": guid, "CharIndexStart": start })
        })
        .collect();
    let definition = {
        let members = ["syncGuid", "AccountId", "note", "CharIndexStart"];
        let bulk = desk.bulk();
        let definition = bulk.import("markings", &members, "syncGuid", &json!({}));
        rows.chunks(IMPORTED / 4).for_each(|rows| bulk.stage(&definition, rows));
        definition
    };
    let sync = desk.bulk().start(&definition);
    eventually("some imported rows", LONG, || (records(&desk) >= moment).then_some(()));
    desk.kill9();
    desk.restart();

    // An edit between the crash and the end, of a row that was imported before the crash.
    let before = records(&desk);
    let patched = desk.patch(&format!("/v1/markings/{}", guids[0]), &json!({ "note": "edited" }), &[]);
    assert_eq!(patched.status, 200, "the first row is there: {}", patched.text());
    let state = desk.bulk().read(&sync);
    eprintln!("{before} rows after the restart, then {} and an edit", state["status"]);

    let ended = desk.bulk().ended(&sync);
    let rejected = IMPORTED as u64 / 1_000;
    assert_eq!(ended["status"], "warning", "{:#?}", desk.bulk().logs(&sync));
    let counts = [130, 1, 60].map(|code| desk.bulk().count(&sync, code));
    assert_eq!(
        counts,
        [Some(IMPORTED as u64), Some(IMPORTED as u64), Some(rejected)],
        "{:#?}",
        desk.bulk().logs(&sync)
    );
    assert_rejects(&desk, &sync, rejected);
    assert_imported(&desk, &guids);
    // Nothing is left that another run would do.
    desk.bulk().run(&definition, "warning");
    assert_eq!(desk.bulk().read(&definition)["kbUsed"], 0);
}

fn assert_rejects(desk: &Daemon, sync: &str, count: u64) {
    let rejects = items(&desk.bulk().read(&format!("{sync}/rejects")));
    let indexes: BTreeSet<u64> =
        rejects.iter().map(|reject| reject["recordIndex"].as_u64().unwrap()).collect();
    let wanted: BTreeSet<u64> = (1..=count).map(|number| number * 1_000 - 1).collect();
    assert_eq!((rejects.len(), indexes), (wanted.len(), wanted));
}

fn assert_imported(desk: &Daemon, guids: &[String]) {
    let markings = desk.markings(3);
    let by_guid: BTreeMap<&str, &Value> =
        markings.iter().map(|marking| (marking["syncGuid"].as_str().unwrap(), marking)).collect();
    assert_eq!(markings.len(), by_guid.len(), "a row is there twice");
    for (index, guid) in guids.iter().enumerate() {
        let found = by_guid.get(guid.as_str());
        if index % 1_000 == 999 {
            assert!(found.is_none(), "row {index} cannot be used");
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("row {index} is missing"));
        let note = if index == 0 { "edited" } else { guid };
        assert_eq!((&found["note"], &found["CharIndexStart"]), (&json!(note), &json!(index)), "row {index}");
    }
    assert!(desk.conflicts().is_empty());
}

#[test]
fn an_export_that_was_killed_has_each_row_once() {
    let mut random = seed();
    eprintln!("QUIRE_SEED={random}");
    let mut desk = Daemon::named("desk");
    let mut guids = BTreeSet::new();
    let mut app = App::new(3, 1);
    for _ in 0..EXPORTED / POSTED {
        let markings: Vec<Value> = (0..POSTED)
            .map(|_| json!({ "syncGuid": guid(), "AccountId": 3, "note": "x".repeat(200) }))
            .collect();
        guids.extend(markings.iter().map(|marking| marking["syncGuid"].as_str().unwrap().to_owned()));
        app.sync(&desk, &markings);
    }
    let definition = {
        let fields = [("guid", "Field(syncGuid)"), ("note", "Field(note)"), ("id", "Id")];
        desk.bulk().export("activities", &fields, None)
    };
    let whole = desk.bulk().run(&definition, "success");
    let size = bytes(&desk.data().join("bulk"));
    desk.bulk().delete(&format!("{whole}/data")).expect(204);
    for _ in 0..KILLS {
        let moment = 1 + next(&mut random) % (size * 3 / 4);
        let sync = desk.bulk().start(&definition);
        let seen = eventually("some exported rows", LONG, || {
            Some(bytes(&desk.data().join("bulk"))).filter(|written| *written >= moment)
        });
        desk.kill9();
        eprintln!("killed at {seen} of {size} bytes (from {moment} on)");
        desk.restart();

        let ended = desk.bulk().ended(&sync);
        assert_eq!(ended["status"], "success", "{:#?}", desk.bulk().logs(&sync));
        assert_eq!(desk.bulk().count(&sync, 102), Some(EXPORTED as u64));
        let rows = desk.bulk().rows(&sync);
        let unique = |name: &str| {
            rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!((rows.len(), unique("id").len(), unique("guid") == guids), (EXPORTED, EXPORTED, true));
        desk.bulk().delete(&format!("{sync}/data")).expect(204);
        assert_eq!(bytes(&desk.data().join("bulk")), 0, "nothing half-written is left");
    }
}

#[test]
fn a_stop_in_the_middle_is_gone_on_from_as_well() {
    let mut desk = Daemon::named("desk");
    let rows: Vec<Value> = (0..IMPORTED).map(|_| json!({ "syncGuid": guid(), "AccountId": 3 })).collect();
    let sync = {
        let bulk = desk.bulk();
        let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
        bulk.stage(&definition, &rows);
        bulk.start(&definition)
    };
    eventually("some imported rows", LONG, || (records(&desk) > 0).then_some(()));
    desk.stop();
    desk.restart();
    assert_eq!(desk.bulk().ended(&sync)["status"], "success");
    assert_eq!(desk.bulk().count(&sync, 1), Some(IMPORTED as u64));
    assert_eq!(desk.markings(3).len(), IMPORTED);
}

/// Records that are on the disk.
fn records(desk: &Daemon) -> u64 {
    let clock = desk.clock(SPACE).unwrap_or_default();
    clock.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// Bytes of the files of a folder, which may not be there.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|file| file.len()).sum()
}
