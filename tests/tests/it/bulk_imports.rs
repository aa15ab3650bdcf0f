//! What imports make of rows: edits like any others, by rules, and rejects told one by one.

use quire_tests::app::{App, success};
use quire_tests::bulk::items;
use quire_tests::process::Daemon;
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::PATIENCE;
use serde_json::{Value, json};

#[test]
fn imported_rows_are_edits_and_what_cannot_be_used_is_told_row_by_row() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let (known, new) = (guid(), guid());
    App::new(3, 1).sync(&desk, &[marking(&known).with("note", "as it was").with("color", "red")]);
    let definition = bulk.import(
        "markings",
        &["syncGuid", "AccountId", "color", "CharIndexStart"],
        "syncGuid",
        &json!({}),
    );
    let rows = [
        json!({ "syncGuid": known, "color": "green" }),
        json!({ "syncGuid": guid(), "AccountId": "3", "CharIndexStart": "no number" }),
        json!({ "syncGuid": new, "AccountId": "3", "color": "blue", "CharIndexStart": "17", "unknown": "x" }),
        json!({ "color": "nobody's" }),
    ];

    let sync = bulk.take(&definition, &rows, "warning");

    let edited = desk.marking(&known).unwrap();
    assert_eq!((&edited["color"], &edited["note"]), (&json!("green"), &json!("as it was")));
    let made = desk.marking(&new).unwrap();
    assert_eq!((&made["color"], &made["CharIndexStart"]), (&json!("blue"), &json!(17)));
    let counts = [130, 1, 60].map(|code| bulk.count(&sync, code));
    assert_eq!(counts, [Some(4), Some(4), Some(2)], "staged, processed, rejected: {:#?}", bulk.logs(&sync));
    bulk.told(&sync, &["unknown", "will be ignored"], PATIENCE);
    let rejects = items(&bulk.read(&format!("{sync}/rejects")));
    assert_eq!(rejects.len(), 2, "{rejects:#?}");
    assert_eq!((&rejects[0]["recordIndex"], &rejects[1]["recordIndex"]), (&json!(1), &json!(3)));
    assert_eq!(rejects[0]["fieldValues"]["CharIndexStart"], "no number");
    assert_eq!(rejects[0]["invalidFields"], json!(["CharIndexStart"]));
    for reject in &rejects {
        assert!(reject["statusCode"].as_str().unwrap().starts_with("ELQ-"), "{reject}");
        assert!(!reject["message"].as_str().unwrap().is_empty(), "{reject}");
    }
    // Again: nothing is there twice, and nothing is written.
    let clock = desk.clock("account:3");
    bulk.take(&definition, &rows[..1], "success");
    assert_eq!(desk.clock("account:3"), clock);
    assert_eq!(desk.markings(3).len(), 2);
}

#[test]
fn of_a_row_that_is_there_twice_the_last_counts() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let new = guid();
    let definition = bulk.import("markings", &["syncGuid", "AccountId", "note"], "syncGuid", &json!({}));
    let row = |guid: &str, note: &str| json!({ "syncGuid": guid, "AccountId": 3, "note": note });
    let rows = [row(&new, "one"), row(&new.to_uppercase(), "two"), row(&format!("{{{new}}}"), "three")];
    bulk.take(&definition, &rows, "success");
    assert_eq!(desk.markings(3).len(), 1);
    assert_eq!(desk.marking(&new).unwrap()["note"], "three");
    assert!(desk.conflicts().is_empty());
}

#[test]
fn update_rules_say_which_values_are_taken() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let members = ["syncGuid", "AccountId", "color", "chapter", "section"];
    let take = |rule: Value| {
        let known = guid();
        let old = marking(&known).with("color", "old").with("chapter", "").with("section", "old");
        App::new(3, 1).sync(&desk, &[old]);
        let row =
            json!({ "syncGuid": known, "AccountId": "3", "color": "new", "chapter": "new", "section": "" });
        bulk.take(&bulk.import("markings", &members, "syncGuid", &rule), &[row], "success");
        let now = desk.marking(&known).unwrap();
        ["color", "chapter", "section"].map(|name| now[name].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(take(json!({})), ["new", "new", ""], "always, when nothing is said");
    assert_eq!(take(json!({ "updateRule": "always" })), ["new", "new", ""]);
    assert_eq!(take(json!({ "updateRule": "ifNewIsNotNull" })), ["new", "new", "old"]);
    assert_eq!(take(json!({ "updateRule": "ifExistingIsNull" })), ["old", "new", "old"]);
    let each = json!({
        "updateRule": "useFieldRule",
        "updateRuleByField": { "color": "ifExistingIsNull", "chapter": "always", "section": "ifNewIsNotNull" },
    });
    assert_eq!(take(each), ["old", "new", "old"]);
}

#[test]
fn rows_that_match_several_are_rejected_unless_all_are_meant() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    for account in [3, 4] {
        let request = App::new(account, 1).request(&[]);
        success(desk.synchronize(
            &request.with("Account", json!({ "AccountId": account, "Email": "a@example.org" })),
        ));
    }
    let row = json!({ "Email": "a@example.org", "FirstName": "Anna" });
    let names = || {
        let rows = bulk.exported("contacts", &[("name", "Field(C_FirstName)"), ("id", "Id")], None);
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let one = bulk.import("contacts", &["Email", "FirstName"], "Email", &json!({}));
    let sync = bulk.take(&one, std::slice::from_ref(&row), "warning");
    assert_eq!(items(&bulk.read(&format!("{sync}/rejects")))[0]["statusCode"], "ELQ-00026");
    assert_eq!(names(), ["", ""]);
    let all = json!({ "isUpdatingMultipleMatchedRecords": true });
    bulk.take(&bulk.import("contacts", &["Email", "FirstName"], "Email", &all), &[row], "success");
    assert_eq!(names(), ["Anna", "Anna"]);
}
