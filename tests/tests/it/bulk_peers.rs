//! Bulk syncs and other devices: a sync with a peer, and imports that merge with what was done elsewhere.

use quire_tests::app::{App, everything, marking_in};
use quire_tests::bulk::LONG;
use quire_tests::process::{Daemon, apart};
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

const SPACE: &str = "account:3";

/// Set to run what waits for more than a minute.
const LONG_ONES: &str = "QUIRE_LONG";

#[test]
fn a_sync_may_be_one_with_a_paired_device() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    let at_desk: Vec<Value> = (0..30).map(|_| marking(&guid())).collect();
    App::new(3, 1).sync(&desk, &at_desk);
    let at_phone = guid();
    App::new(3, 1).sync(&phone, &[marking(&at_phone)]);
    desk.pair_with(&phone);
    let bulk = desk.bulk();
    let instance = format!("/peers/{}", phone.device_id());

    let sync = bulk.run(&instance, "success");

    // Success says that both have everything.
    assert!(desk.marking(&at_phone).is_some());
    assert_eq!(phone.markings(3).len(), 31);
    assert_eq!(desk.clock(SPACE), phone.clock(SPACE));
    let ended = bulk.read(&sync);
    assert_eq!((&ended["syncedInstanceUri"], ended["syncEndedAt"].is_string()), (&json!(instance), true));
    let told = bulk.told(&sync, &["sent", phone.device_id()], PATIENCE);
    assert_eq!(told["severity"], "information");
    bulk.told(&sync, &["received", phone.device_id()], PATIENCE);
    // It has no rows, and is no export.
    bulk.get(&format!("{sync}/data")).expect(400);
    // Again, with nothing to exchange.
    bulk.run(&instance, "success");
}

#[test]
fn a_sync_with_a_device_counts_what_it_brought() {
    let (desk, mut phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    phone.stop();
    let markings: Vec<Value> = (0..20).map(|_| marking(&guid())).collect();
    App::new(3, 1).sync(&desk, &markings);
    let bulk = desk.bulk();
    let sync = bulk.start(&format!("/peers/{}", phone.device_id()));
    // It waits for who is away, and ends when he comes.
    eventually("an active sync", PATIENCE, || (bulk.read(&sync)["status"] == "active").then_some(()));
    phone.restart();
    assert_eq!(bulk.ended(&sync)["status"], "success", "{:#?}", bulk.logs(&sync));
    let told = bulk.told(&sync, &["sent"], PATIENCE);
    assert!(told["count"].as_u64() >= Some(20), "{told}");
    assert_eq!(phone.markings(3).len(), 20);
}

#[test]
fn a_device_that_is_not_paired_is_refused() {
    let (desk, stranger) = (Daemon::named("desk"), Daemon::named("stranger"));
    for device in [stranger.device_id(), desk.device_id(), "", "zz"] {
        let body = json!({ "syncedInstanceUri": format!("/peers/{device}") });
        let refused = desk.bulk().post("/syncs", &body).expect(400).json();
        assert_eq!(refused["failures"][0]["field"], "syncedInstanceUri", "{refused}");
    }
}

#[test]
fn a_device_that_stays_away_is_an_error() {
    if std::env::var_os(LONG_ONES).is_none() {
        return eprintln!(
            "SKIPPED: waiting for a device that stays away takes a minute; set {LONG_ONES} to run it"
        );
    }
    let (desk, mut phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    phone.stop();
    let bulk = desk.bulk();
    let sync = bulk.run(&format!("/peers/{}", phone.device_id()), "error");
    assert_eq!(bulk.told(&sync, &["cannot be reached"], PATIENCE)["severity"], "error");
}

#[test]
fn what_an_import_writes_merges_with_what_was_done_elsewhere() {
    let (mut desk, mut phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let (both, removed) = (guid(), guid());
    App::new(3, 1).sync(&desk, &[marking(&both).with("color", "red"), marking(&removed)]);
    desk.wait_in_step(&phone, SPACE);
    let from_import = guid();

    apart(
        &mut desk,
        &mut phone,
        |desk| {
            let bulk = desk.bulk();
            let definition =
                bulk.import("markings", &["syncGuid", "AccountId", "color"], "syncGuid", &json!({}));
            let row = |guid: &str, color: &str| json!({ "syncGuid": guid, "AccountId": "3", "color": color });
            let rows = [row(&both, "blue"), row(&removed, "green"), row(&from_import, "white")];
            bulk.take(&definition, &rows, "success");
        },
        |phone| {
            let mut app = App::new(3, 2);
            app.pull(phone);
            let edits = [
                marking(&both).with("color", "red").with("note", "from the phone"),
                marking(&removed).with("SyncIsRemoved", true),
            ];
            app.sync(phone, &edits);
        },
    );

    desk.wait_in_step(&phone, SPACE);
    for daemon in [&desk, &phone] {
        let merged = daemon.marking(&both).unwrap();
        assert_eq!((&merged["color"], &merged["note"]), (&json!("blue"), &json!("from the phone")));
        assert_eq!(daemon.marking(&from_import).unwrap()["color"], "white");
        // An edit beside a removal keeps the item, as any edit does.
        let kept = daemon.marking(&removed).unwrap();
        assert_eq!((&kept["SyncIsRemoved"], &kept["color"]), (&json!(false), &json!("green")));
        assert!(daemon.conflict(&both, "color").is_none());
    }
}

#[test]
fn imported_rows_reach_the_apps_of_other_devices() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let bulk = desk.bulk();
    let guids: Vec<String> = (0..1_200).map(|_| guid()).collect();
    let rows: Vec<Value> =
        guids.iter().map(|guid| json!({ "syncGuid": guid, "AccountId": "3", "note": guid })).collect();
    let definition = bulk.import("markings", &["syncGuid", "AccountId", "note"], "syncGuid", &json!({}));
    bulk.take(&definition, &rows, "success");
    desk.wait_in_step_within(&phone, SPACE, LONG);
    let found = everything(&phone, 3);
    assert_eq!(found["Markings"].as_array().unwrap().len(), guids.len());
    for guid in &guids {
        assert_eq!(marking_in(&found, guid).unwrap()["note"], guid.as_str());
    }
}
