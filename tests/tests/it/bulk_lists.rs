//! How lists and data of the Bulk shapes are read: pages, searches, orders, forms, spellings.

use quire_tests::app::App;
use quire_tests::bulk::{BASE, Bulk, PAGE, items};
use quire_tests::process::Daemon;
use quire_tests::sample::{With, guid, marking};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Members that tell of a page.
const ENVELOPE: [&str; 5] = ["totalResults", "limit", "offset", "count", "hasMore"];

/// More than one page of data.
const MANY: usize = PAGE + 10_000;

/// Markings posted in one request.
const POSTED: usize = 10_000;

fn named(bulk: &Bulk<'_>, name: &str) {
    let body = json!({ "name": name, "fields": { "id": "{{Activity.Id}}" } });
    bulk.post("/activities/exports", &body).expect(201);
}

fn names(page: &Value) -> Vec<String> {
    items(page).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

fn told(page: &Value) -> [Value; 5] {
    ENVELOPE.map(|member| page[member].clone())
}

fn tell(total: u64, limit: u64, offset: u64, count: u64, more: bool) -> [Value; 5] {
    [json!(total), json!(limit), json!(offset), json!(count), json!(more)]
}

#[test]
fn lists_come_in_pages() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let page = |query: &str| bulk.read(&format!("/activities/exports{query}"));
    assert_eq!(told(&page("")), tell(0, 1000, 0, 0, false));
    for name in ["a", "b", "c", "d", "e"] {
        named(&bulk, name);
    }
    assert_eq!(names(&page("")), ["a", "b", "c", "d", "e"], "in the order of their creation");
    assert_eq!(told(&page("")), tell(5, 1000, 0, 5, false));
    assert_eq!(
        (names(&page("?limit=2")), told(&page("?limit=2"))),
        (vec!["a".into(), "b".into()], tell(5, 2, 0, 2, true))
    );
    assert_eq!(told(&page("?limit=2&offset=4")), tell(5, 2, 4, 1, false));
    assert_eq!(told(&page("?offset=9&links=x")), tell(5, 1000, 9, 0, false));
    let uncounted = page("?totalResults=false&limit=2");
    assert!(uncounted.get("totalResults").is_none() && uncounted["hasMore"] == true, "{uncounted}");
    assert_eq!(page("?totalResults=false&offset=3")["hasMore"], false);
    assert_eq!(page("?totalResults=true")["totalResults"], 5);
}

#[test]
fn lists_are_searched_and_ordered() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    for name in ["My Test one", "Other", "my test two", "Foo"] {
        named(&bulk, name);
    }
    let found = |query: &str| {
        let found: BTreeSet<String> =
            names(&bulk.read(&format!("/activities/exports?{query}"))).into_iter().collect();
        found.into_iter().collect::<Vec<_>>().join("|")
    };
    assert_eq!(found("q=%22name=*Test*one%22"), "My Test one");
    assert_eq!(found("q=name%3D%27Foo%27"), "Foo");
    assert_eq!(found("q=name='Foo'"), "Foo");
    assert_eq!(found("q=name!=Foo"), "My Test one|Other|my test two");
    assert_eq!(found("q=createdAt%3C2020-01-01"), "");
    assert_eq!(found("q=createdAt%3E%3D2020-01-01"), "Foo|My Test one|Other|my test two");
    assert_eq!(found("q=name=Nobody"), "");
    let ordered = |query: &str| names(&bulk.read(&format!("/activities/exports?orderBy={query}")));
    let mut ascending = ordered("name%20ASC");
    assert_eq!(ascending[0], "Foo");
    ascending.reverse();
    assert_eq!(ordered("name+DESC"), ascending);
    let dates = items(&bulk.read("/activities/exports?orderBy=createdAt%20DESC"));
    let dates: Vec<&str> = dates.iter().map(|item| item["createdAt"].as_str().unwrap()).collect();
    assert!(dates.len() == 4 && dates.is_sorted_by(|one, next| one >= next), "{dates:?}");
    bulk.get("/activities/exports?q=nonsense").expect(400);
    bulk.get("/activities/exports?orderBy=nonsense%20SIDEWAYS").expect(400);
}

#[test]
fn lists_of_all_objects_are_together() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    named(&bulk, "one");
    bulk.export("contacts", &[("id", "Id")], None);
    bulk.import("markings", &["syncGuid"], "syncGuid", &json!({}));
    let uris =
        |path: &str| items(&bulk.read(path)).iter().map(|item| item["uri"].clone()).collect::<Vec<_>>();
    assert_eq!(uris("/exports"), ["/activities/exports/1", "/contacts/exports/1"]);
    assert_eq!(uris("/imports"), ["/markings/imports/1"]);
    assert_eq!(uris("/markings/exports"), [] as [Value; 0]);
    for path in ["/contacts/lists", "/contacts/segments", "/contacts/filters", "/customObjects"] {
        assert_eq!(items(&bulk.read(path)).len(), 0, "{path}");
    }
    bulk.run("/contacts/exports/1", "warning");
    assert_eq!(uris("/syncs"), ["/syncs/1"]);
}

#[test]
fn paths_have_any_case_and_any_slashes() {
    let desk = Daemon::named("desk");
    named(&desk.bulk(), "one");
    for path in [
        "/API/BULK/2.0/activities/exports",
        "/api/Bulk/2.0//activities//exports",
        "/api/bulk/2.0/Activities/Exports/",
        "/Api/bulk/2.0/activities/exports?limit=5",
    ] {
        let page = desk.anonymous("GET", path, &[], None).expect(200).json();
        assert_eq!(names(&page), ["one"], "{path}");
    }
}

#[test]
fn a_post_may_mean_another_method() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    named(&bulk, "one");
    let path = "/activities/exports/1";
    let mean = |method: &str, body: &Value| {
        let headers = [("X-HTTP-Method-Override", method), ("Content-Type", "application/json")];
        bulk.request("POST", path, &headers, Some(body.to_string().as_bytes()))
    };
    let body = json!({ "name": "two", "fields": { "id": "{{Activity.Id}}" } });
    mean("PUT", &body).expect(200);
    assert_eq!(bulk.read(path)["name"], "two");
    assert_eq!(mean("GET", &json!({})).expect(200).json()["name"], "two");
    mean("DELETE", &json!({})).expect(204);
    bulk.get(path).expect(404);
    let told = bulk.request("GET", path, &[("X-HTTP-Status-Code-Override", "200")], None).expect(200);
    assert_eq!(told.header("x-http-original-status-code"), Some("404"));
}

#[test]
fn rows_are_told_and_taken_as_csv() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let known = guid();
    let note = "two\nlines, \"quoted\" and ä";
    App::new(3, 1).sync(&desk, &[marking(&known).with("note", note)]);
    // Not in the order of letters: columns have the order of the definition.
    let fields = [("note", "Field(note)"), ("guid", "Field(syncGuid)"), ("a", "Field(color)")];
    let sync = bulk.run(&bulk.export("markings", &fields, None), "success");
    let csv = |query: &str| {
        let headers = [("Accept", "text/csv")];
        let answer = bulk.request("GET", &format!("{sync}/data{query}"), &headers, None).expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
        answer.text().replace("\r\n", "\n")
    };
    let color = desk.marking(&known).unwrap()["color"].as_str().unwrap().to_owned();
    let wanted = format!("note,guid,a\n\"two\nlines, \"\"quoted\"\" and ä\",{known},{color}\n");
    assert_eq!(csv(""), wanted);
    assert_eq!(csv("?offset=1"), "note,guid,a\n", "the header row stands also above nothing");

    let new = guid();
    let rows =
        format!("\u{feff}syncGuid,AccountId,note\r\n{known},3,\"it says \"\"a,b\"\"\r\n\"\r\n{new},3,ö\r\n");
    let definition = bulk.import("markings", &["syncGuid", "AccountId", "note"], "syncGuid", &json!({}));
    let kind = [("Content-Type", "text/csv; charset=utf-8")];
    bulk.request("POST", &format!("{definition}/data"), &kind, Some(rows.as_bytes())).expect(204);
    let sync = bulk.run(&definition, "success");
    assert_eq!(bulk.count(&sync, 1), Some(2));
    assert_eq!(desk.marking(&known).unwrap()["note"], "it says \"a,b\"\r\n");
    assert_eq!(desk.marking(&new).unwrap()["note"], "ö");
}

#[test]
fn an_upload_may_start_its_sync() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let more = json!({ "isSyncTriggeredOnImport": true });
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &more);
    let new = guid();
    let row = json!([{ "syncGuid": new, "AccountId": 3 }]);
    let sync = bulk.post(&format!("{definition}/data"), &row).expect(201).json();
    assert_eq!(sync["syncedInstanceUri"], definition);
    assert_eq!(bulk.ended(sync["uri"].as_str().unwrap())["status"], "success");
    assert!(desk.marking(&new).is_some());
}

#[test]
fn staged_rows_can_be_thrown_away() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let definition = bulk.import("markings", &["syncGuid", "AccountId"], "syncGuid", &json!({}));
    bulk.stage(&definition, &[json!({ "syncGuid": guid(), "AccountId": 3 })]);
    assert!(bulk.read(&definition)["kbUsed"].as_u64() > Some(0));
    bulk.delete(&format!("{definition}/data")).expect(204);
    assert_eq!(bulk.read(&definition)["kbUsed"], 0);
    bulk.run(&definition, "warning");
    assert_eq!(desk.markings(3).len(), 0);
}

#[test]
fn data_comes_in_pages_and_each_row_once() {
    let desk = Daemon::named("desk");
    let bulk = desk.bulk();
    let mut app = App::new(3, 1);
    let mut guids = BTreeSet::new();
    for _ in 0..MANY / POSTED {
        let markings: Vec<Value> =
            (0..POSTED).map(|_| json!({ "syncGuid": guid(), "AccountId": 3, "bookID": 1 })).collect();
        guids.extend(markings.iter().map(|marking| marking["syncGuid"].as_str().unwrap().to_owned()));
        app.sync(&desk, &markings);
    }
    let definition = bulk.export("markings", &[("guid", "Field(syncGuid)")], None);
    let sync = bulk.run(&definition, "success");
    let page = |query: &str| bulk.read(&format!("{sync}/data{query}"));
    let total = MANY as u64;
    assert_eq!(told(&page("")), tell(total, 1000, 0, 1000, true));
    assert_eq!(told(&page("?limit=1&offset=59999")), tell(total, 1, total - 1, 1, false));
    assert_eq!(told(&page("?offset=60000")), tell(total, 1000, total, 0, false));
    assert_eq!(told(&page("?limit=50000")), tell(total, PAGE as u64, 0, PAGE as u64, true));
    let uncounted = page("?totalResults=false&offset=59500");
    assert!(uncounted.get("totalResults").is_none() && uncounted["hasMore"] == false);
    // A page begins with the row after the last one of the page before, wherever that is.
    assert_eq!(items(&page("?limit=3&offset=1022"))[2], items(&page("?limit=1&offset=1024"))[0]);
    let rows = bulk.rows(&sync);
    let seen: BTreeSet<String> = rows.iter().map(|row| row["guid"].as_str().unwrap().to_owned()).collect();
    assert_eq!((rows.len(), seen == guids), (MANY, true));
    let mut numbers: Vec<u64> = bulk
        .exported("markings", &[("id", "Id")], None)
        .iter()
        .map(|row| row["id"].as_str().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    let filter = format!("'{{{{Marking.Id}}}}' <= '{}'", numbers[6]);
    let all = bulk.exported("markings", &[("guid", "Field(syncGuid)")], Some(&filter));
    assert_eq!(all.len(), 7);
    let first = at_most(&bulk, 5);
    assert_eq!(first.len(), 5, "maxRecords");
    desk.anonymous("GET", &format!("{BASE}{sync}/data?limit=50001"), &[], None).expect(400);
}

fn at_most(bulk: &Bulk<'_>, most: u64) -> Vec<Value> {
    let body = json!({ "name": "some", "fields": { "id": "{{Marking.Id}}" }, "maxRecords": most });
    let made = bulk.post("/markings/exports", &body).expect(201).json();
    bulk.rows(&bulk.run(made["uri"].as_str().unwrap(), "success"))
}
