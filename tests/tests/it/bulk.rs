//! The Bulk shapes over the real program: the documented example, and what definitions, exports and imports mean.

use quire_tests::app::{App, success};
use quire_tests::bulk::{Bulk, items, uri};
use quire_tests::process::Daemon;
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::PATIENCE;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// The documented call, verbatim.
const CURL: &str = r#"curl --user "APITest\API.User" --header "Content-Type: application/json" --request POST --data '{"syncedInstanceUri":"/activities/exports/7","callbackURL":"http://www.example.com"}' https://secure.p03.eloqua.com/api/bulk/2.0/syncs"#;

/// The documented host.
const HOST: &str = "https://secure.p03.eloqua.com";

/// The documented answer, verbatim.
const ANSWER: &str = r#"{
    "syncedInstanceUri":"/activities/exports/7",
    "callbackUrl":"http://www.example.com",
    "status":"pending",
    "createdAt":"2015-09-25T18:08:32.3485942Z",
    "createdBy":"API.User",
    "uri":"/syncs/66100"
}"#;

/// Fields of a marking that tests look at.
const NOTES: [(&str, &str); 3] =
    [("guid", "Field(syncGuid)"), ("note", "Field(note)"), ("color", "Field(color)")];

/// Runs a command line as a shell does, without a terminal, so that what asks for a password reads an empty one.
fn shell(line: &str) -> Option<(String, String)> {
    for program in ["curl", "setsid"] {
        let mut look = Command::new(program);
        look.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !look.status().is_ok_and(|status| status.success()) {
            eprintln!(
                "SKIPPED: the documented call was NOT made: there is no {program} (Debian: curl, util-linux)"
            );
            return None;
        }
    }
    let mut child = Command::new("setsid")
        .args(["--wait", "sh", "-c", line])
        .env("NO_PROXY", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
    Some((text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_documented_call_is_answered_as_the_page_prints_it() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let made: Vec<String> = (0..7).map(|_| bulk.export("activities", &[("id", "Id")], None)).collect();
    assert_eq!(made[6], "/activities/exports/7");

    let Some((said, asked)) = shell(&CURL.replace(HOST, &format!("http://{}", desk.api()))) else { return };

    assert!(asked.contains("password"), "curl asked for no password: {asked}");
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let mut wanted: Value = serde_json::from_str(ANSWER).unwrap();
    for filled in ["createdAt", "uri"] {
        wanted[filled] = answer[filled].clone();
    }
    // As texts: the order of the members counts.
    assert_eq!(answer.to_string(), wanted.to_string());
    assert_date(&answer["createdAt"]);
    let sync = uri(&answer);
    assert!(sync.strip_prefix("/syncs/").unwrap().parse::<u64>().is_ok(), "{sync}");

    let ended = bulk.ended(&sync);
    assert_eq!(ended["status"], "success");
    assert_date(&ended["syncStartedAt"]);
    assert_date(&ended["syncEndedAt"]);
    bulk.told(&sync, &["http://www.example.com", "was not called", "bulk.callbacks"], PATIENCE);
}

#[test]
fn the_first_answer_to_a_sync_has_no_member_that_is_not_known_yet() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.export("activities", &[("id", "Id")], None);
    let body =
        json!({ "SYNCEDINSTANCEURI": definition, "callbackUrl": null, "status": 0, "createdAt": null });
    let made = bulk.post("/syncs", &body).expect(201).json();
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["syncedInstanceUri", "status", "createdAt", "createdBy", "uri"]);
    // Nothing is there to be exported.
    assert_eq!(bulk.ended(&uri(&made))["status"], "warning");
    assert_eq!(bulk.count(&uri(&made), 124), Some(0));
    let data = bulk.read(&format!("{}/data", uri(&made)));
    assert_eq!((&data["hasMore"], &data["totalResults"], items(&data).len()), (&json!(false), &json!(0), 0));
}

#[test]
fn definitions_are_made_read_changed_and_deleted() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk().named(r"Site\anna", "pw");
    let body = json!({
        "name": "mine", "fields": { "n": "{{Marking.Field(note)}}" }, "filter": "'{{Marking.Field(color)}}' = 'red'",
        "dataRetentionDuration": "PT12H", "uri": "/ignored", "createdBy": null, "kbUsed": 9,
    });

    let made = bulk.post("/markings/exports", &body).expect(201).json();

    for member in ["name", "fields", "filter", "dataRetentionDuration"] {
        assert_eq!(made[member], body[member], "{member}");
    }
    assert_eq!(
        (&made["uri"], &made["createdBy"], &made["kbUsed"]),
        (&json!("/markings/exports/1"), &json!("anna"), &json!(0))
    );
    assert_date(&made["createdAt"]);
    assert_no_nulls(&made);
    assert_eq!(bulk.read("/markings/exports/1"), made);

    let other = desk.bulk().named(r"Site\otto", "pw");
    let changed = other.put("/markings/exports/1", &body.clone().with("name", "ours")).expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["createdBy"], &changed["updatedBy"]),
        (&json!("ours"), &json!("anna"), &json!("otto"))
    );
    assert_eq!(bulk.read("/markings/exports/1"), changed);

    bulk.delete("/markings/exports/1").expect(204);
    bulk.get("/markings/exports/1").expect(404);
    // A number is given once.
    assert_eq!(uri(&bulk.post("/markings/exports", &body).expect(201).json()), "/markings/exports/2");
    // Each object and way counts for itself.
    assert_eq!(bulk.export("activities", &[("id", "Id")], None), "/activities/exports/1");
    assert_eq!(bulk.import("markings", &["syncGuid"], "syncGuid", &json!({})), "/markings/imports/1");
}

#[test]
fn every_field_has_a_statement_that_definitions_take() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    for object in ["activities", "markings", "contacts"] {
        let fields = bulk.read(&format!("/{object}/fields?limit=1000"));
        assert_eq!(fields["hasMore"], false);
        let fields = items(&fields);
        let named = |field: &Value| (field["name"].as_str().unwrap().to_owned(), field["statement"].clone());
        let all: serde_json::Map<String, Value> = fields.iter().map(named).collect();
        assert!(!all.is_empty());
        bulk.post(&format!("/{object}/exports"), &json!({ "name": "all", "fields": all })).expect(201);
        for secret in ["Password", "PasswordHash", "SecurityStamp"] {
            assert!(!all.contains_key(secret), "{object} shows {secret}");
        }
        let first = &fields[0];
        assert_eq!(bulk.read(first["uri"].as_str().unwrap())["name"], first["name"]);
    }
}

#[test]
fn an_export_has_the_values_as_texts_and_says_what_it_did() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let known = guid();
    let other = marking(&guid()).with("note", Value::Null).with("color", "blue");
    App::new(3, 1)
        .sync(&desk, &[marking(&known).with("note", "ä \"quoted\", <b>\n").with("color", "red"), other]);
    let fields = [
        ("note", "Field(note)"),
        ("at", "Field(CharIndexStart)"),
        ("gone", "Field(SyncIsRemoved)"),
        ("when", "Field(Timestamp)"),
        ("row", "Id"),
    ];
    let definition = bulk.export("markings", &fields, Some(" '{{Marking.Field(color)}}' = 'red' "));

    let sync = bulk.run(&definition, "success");

    let rows = bulk.rows(&sync);
    let row = desk.marking(&known).unwrap();
    let wanted = json!({
        "note": "ä \"quoted\", <b>\n", "at": "1", "gone": "false", "when": row["Timestamp"], "row": row["id"].to_string(),
    });
    assert_eq!(rows, [wanted]);
    assert_eq!(bulk.rows(&definition), rows, "the definition has the data of its latest sync");
    // What tap-eloqua looks for, word for word.
    let told = bulk.told(&sync, &["Successfully exported members to csv file."], PATIENCE);
    assert_eq!(
        (&told["count"], &told["statusCode"], &told["severity"]),
        (&json!(1), &json!("ELQ-00102"), &json!("information"))
    );
    assert_eq!(told["syncUri"], sync);
    assert_date(&told["createdAt"]);
    assert!(bulk.read(&definition)["kbUsed"].as_u64().unwrap() > 0);
    bulk.told(&sync, &["Sync processed for sync", "success"], PATIENCE);
    assert_eq!(items(&bulk.read(&format!("{sync}/rejects"))).len(), 0);
}

#[test]
fn activities_are_what_was_read_and_what_happened_to_markings() {
    let desk = Daemon::named("desk");
    let (one, read) = (guid(), guid());
    let mut app = App::new(3, 1);
    app.sync(&desk, &[marking(&one).with("note", "first")]);
    app.sync(&desk, &[marking(&one).with("note", "second")]);
    app.sync(&desk, &[marking(&one).with("note", "second").with("SyncIsRemoved", true)]);
    app.sync(&desk, &[marking(&one).with("note", "second")]);
    let request = app.request(&[]).with("EPubHistoryActivities", json!([marking(&read).with("bookID", 4)]));
    app.sync_with(&desk, &request);
    let fields = [
        ("type", "Type"),
        ("guid", "Field(syncGuid)"),
        ("note", "Field(note)"),
        ("id", "Id"),
        ("book", "Asset.Id"),
        ("kind", "Asset.Type"),
        ("who", "Contact.Id"),
        ("visitor", "Visitor.Id"),
    ];

    let rows = desk.bulk().exported("activities", &fields, None);

    let seen: BTreeSet<[&str; 3]> =
        rows.iter().map(|row| ["type", "guid", "note"].map(|name| row[name].as_str().unwrap())).collect();
    let wanted = [
        ["MarkingCreated", &one, "first"],
        ["MarkingChanged", &one, "second"],
        ["MarkingRemoved", &one, "second"],
        ["MarkingRestored", &one, "second"],
        ["Reading", &read, ""],
    ];
    assert_eq!(seen, BTreeSet::from(wanted), "{rows:#?}");
    assert_eq!(rows.len(), wanted.len());
    let ids: BTreeSet<u64> = rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids.len(), rows.len(), "each has a number of its own");
    for row in &rows {
        let told = ["kind", "who", "visitor", "book"].map(|name| row[name].as_str().unwrap());
        assert_eq!(told, ["Book", "3", "", "4"], "{row}");
    }
    let only = "'{{Activity.Type}}' = 'MarkingCreated' OR ('{{Activity.Type}}' = 'Reading' AND NOT '{{Activity.Field(note)}}' = 'x')";
    assert_eq!(desk.bulk().exported("activities", &fields, Some(only)).len(), 2);
}

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

#[test]
fn nodes_of_one_type_are_a_custom_object() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let tenant = guid();
    for (ty, id) in [("truck", "a"), ("truck", "b"), ("trailer", "c")] {
        let node = json!({ "tenantId": tenant, "type": ty, "id": id, "title": id, "props": { "load": { "tons": 3 } } });
        desk.post("/api/nodes", &node).expect(201);
    }
    let known = items(&bulk.read("/customObjects?q=name='truck'"));
    assert_eq!(known.len(), 1, "{known:?}");
    let object = known[0]["uri"].as_str().unwrap().trim_start_matches('/').to_owned();
    let fields = items(&bulk.read(&format!("/{object}/fields")));
    assert!(fields.iter().any(|field| field["name"] == "load"), "{fields:#?}");

    let named = [("id", "Field(id)"), ("load", "Field(load)")];
    let rows = bulk.exported(&object, &named, None);
    let loads: BTreeMap<&str, &str> =
        rows.iter().map(|row| (row["id"].as_str().unwrap(), row["load"].as_str().unwrap())).collect();
    assert_eq!(loads, BTreeMap::from([("a", r#"{"tons":3}"#), ("b", r#"{"tons":3}"#)]));

    let definition = bulk.import(&object, &["id", "title", "driver"], "id", &json!({}));
    let rows =
        [json!({ "id": "a", "driver": "Otto" }), json!({ "id": "d", "title": "new", "driver": "Anna" })];
    bulk.take(&definition, &rows, "success");
    let drivers = bulk.exported(&object, &[("id", "Field(id)"), ("driver", "Field(driver)")], None);
    let drivers: BTreeSet<[&str; 2]> =
        drivers.iter().map(|row| [row["id"].as_str().unwrap(), row["driver"].as_str().unwrap()]).collect();
    assert_eq!(drivers, BTreeSet::from([["a", "Otto"], ["b", ""], ["d", "Anna"]]));
    let field_app = desk.get(&format!("/api/nodes?tenantId={tenant}&nodeType=truck")).expect(200).text();
    assert!(field_app.contains("Anna"), "{field_app}");
}

#[test]
fn an_export_is_of_one_moment_while_writes_go_on() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let guids: Vec<String> = (0..40).map(|_| guid()).collect();
    let all = |note: u32| -> Vec<Value> {
        guids.iter().map(|guid| marking(guid).with("note", note.to_string())).collect()
    };
    App::new(3, 1).sync(&desk, &all(0));
    let (mut client, over) = (desk.client(), AtomicBool::new(false));
    let definition = bulk.export("markings", &NOTES, None);
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        // Ends the writer also when an assertion fails here.
        let _end = Ends(&over);
        scope.spawn(|| {
            let app = App::new(3, 1);
            for note in 1.. {
                let body = app.request(&all(note)).to_string();
                let headers = [("Content-Type", "application/json")];
                let path = quire_tests::process::SYNCHRONIZE;
                client.request("POST", path, &headers, Some(body.as_bytes())).unwrap().expect(200);
                if over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        for _ in 0..20 {
            seen.insert(one_moment(&bulk, &definition, guids.len()));
        }
    });
    assert!(seen.len() > 1, "nothing was written meanwhile: {seen:?}");
}

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// All rows of an export have one note: tells it.
fn one_moment(bulk: &Bulk<'_>, definition: &str, count: usize) -> String {
    let rows = bulk.rows(&bulk.run(definition, "success"));
    let notes: BTreeSet<&str> = rows.iter().map(|row| row["note"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), notes.len()), (count, 1), "rows of different moments: {notes:?}");
    (*notes.first().unwrap()).to_owned()
}

/// A date as Eloqua writes it: UTC, seven digits of a second.
fn assert_date(date: &Value) {
    let text = date.as_str().unwrap_or_else(|| panic!("no date: {date}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.0000000Z", "{text}");
}

fn assert_no_nulls(value: &Value) {
    let members = value.as_object().unwrap();
    assert!(members.values().all(|member| !member.is_null()), "absent members are left out: {value}");
}
