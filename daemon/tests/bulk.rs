//! The Bulk service over a real engine: life of definitions and syncs, what is kept how long, who may read what, and what a
//! restart finds. Time is told by the test.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quire_daemon::bulk::callback::Allowed;
use quire_daemon::bulk::{
    Bulk, BulkError, Caller, Data, DataOf, Exchange, Named, Options, PeerLink, Upload, Way,
};
use quire_daemon::engine::{Engine, MarkingFilter, NodePut};
use quire_daemon::passwords::Logins;
use quire_protocol::id::Space;
use quire_protocol::shapes::bulk::object::Object;
use serde_json::{Map, Value, json};

const HOUR: i64 = 3_600_000;
/// Peers; all of them are reached, or only the near one.
struct Peers {
    reached: bool,
}

impl Exchange for Peers {
    fn knows(&self, device: &str) -> bool {
        ["near", "far"].contains(&device)
    }

    fn link(&self, device: &str) -> Option<PeerLink> {
        Some(PeerLink { connected: self.reached || device == "near", lacks: 0, has: 0 })
    }

    fn sync_now(&self, _: &str) {}
}

struct Desk {
    bulk: Bulk,
    engine: Engine,
    clock: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Desk {
        Desk::with(1 << 30).await
    }

    /// A desk where syncs only wait.
    async fn idle() -> Desk {
        Desk::open(1 << 30, 0).await
    }

    async fn with(storage: u64) -> Desk {
        Desk::open(storage, 2).await
    }

    async fn open(storage: u64, active: usize) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), "desk").unwrap();
        let clock = Arc::new(AtomicI64::new(1_443_204_512_348));
        let bulk = start(&engine, folder.path(), &clock, (storage, active), false).await;
        Desk { bulk, engine, clock, folder }
    }

    /// Ends the service as a stop of the daemon does, and starts it again where all peers are reached.
    async fn again(self) -> Desk {
        self.bulk.stop();
        let bulk = start(&self.engine, self.folder.path(), &self.clock, (1 << 30, 2), true).await;
        Desk { bulk, ..self }
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    async fn define(&self, object: Object, way: Way, sent: Value) -> Named {
        let made = self.bulk.create_definition(&me(), object, way, members(sent)).await.unwrap();
        Named::try_from(made["uri"].as_str().unwrap().to_owned()).unwrap()
    }

    async fn markings_import(&self) -> Named {
        self.define(Object::Markings, Way::Import, import()).await
    }

    async fn markings_export(&self) -> Named {
        self.define(Object::Markings, Way::Export, json!({ "name": "out", "fields": columns() })).await
    }

    async fn stage(&self, named: Named, rows: Value) {
        let upload = Upload::Json(Bytes::from(rows.to_string()));
        assert_eq!(self.bulk.stage(&me(), named, upload).await.unwrap(), None);
    }

    async fn sync(&self, uri: impl ToString) -> u64 {
        number(&self.bulk.create_sync(&me(), instance(uri)).await.unwrap())
    }

    /// Runs a sync to its end; gives its status.
    async fn run(&self, uri: impl ToString) -> (u64, String) {
        let id = self.sync(uri).await;
        (id, self.ended(id).await)
    }

    async fn ended(&self, id: u64) -> String {
        let status = || self.bulk.sync(id).unwrap()["status"].as_str().unwrap().to_owned();
        until(|| !["pending", "active"].contains(&status().as_str())).await;
        status()
    }

    /// Imports markings with these notes.
    async fn import(&self, notes: &[&str]) {
        let named = self.markings_import().await;
        let row = |(i, note): (usize, &&str)| json!({ "guid": guid(i), "account": "3", "note": note });
        self.stage(named, notes.iter().enumerate().map(row).collect()).await;
        assert_eq!(self.run(named).await.1, "success");
    }

    fn rows(&self, of: &DataOf, offset: u64) -> Vec<Vec<String>> {
        let Data { rows, .. } = self.bulk.data(&me(), of, offset).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn codes(&self, id: u64) -> Vec<(String, u64)> {
        let item = |item: Map<String, Value>| {
            (item["statusCode"].as_str().unwrap().to_owned(), item["count"].as_u64().unwrap())
        };
        self.bulk.logs(id).unwrap().into_iter().map(item).collect()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("bulk")).map_or(0, Iterator::count)
    }
}

async fn start(
    engine: &Engine,
    folder: &Path,
    clock: &Arc<AtomicI64>,
    (storage, active): (u64, usize),
    reached: bool,
) -> Bulk {
    let (engine, folder, clock) = (engine.clone(), folder.to_owned(), Arc::clone(clock));
    let logins = Logins::default();
    let options = Options { users: Vec::new(), logins, callbacks: Allowed::default(), storage, active };
    let now = Arc::new(move || clock.load(Ordering::Relaxed));
    let starting =
        move || Bulk::start(engine, &folder, Arc::new(Peers { reached }), Vec::new(), options, now);
    tokio::task::spawn_blocking(starting).await.unwrap().unwrap()
}

fn me() -> Caller {
    caller("API.User", false)
}

fn caller(user: &str, known: bool) -> Caller {
    Caller { site: "Site".into(), user: user.into(), known }
}

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn instance(uri: impl ToString) -> Map<String, Value> {
    members(json!({ "syncedInstanceUri": uri.to_string() }))
}

fn number(sync: &Map<String, Value>) -> u64 {
    sync["uri"].as_str().unwrap().strip_prefix("/syncs/").unwrap().parse().unwrap()
}

fn columns() -> Value {
    json!({
        "guid": "{{Marking.Field(syncGuid)}}", "account": "{{Marking.Field(AccountId)}}",
        "note": "{{Marking.Field(note)}}", "color": "{{Marking.Field(color)}}",
    })
}

fn import() -> Value {
    json!({ "name": "in", "fields": columns(), "identifierFieldName": "guid" })
}

fn guid(i: usize) -> String {
    format!("00000000-0000-4000-8000-{i:012x}")
}

async fn until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "it takes too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_exported_and_is_there() {
    let desk = Desk::new().await;
    desk.import(&["a", "b \"quoted\"\nline", ""]).await;
    let kept = desk.engine.markings(&MarkingFilter { limit: 10, ..MarkingFilter::default() }).unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0].members["AccountId"], 3);
    let named = desk.markings_export().await;
    let (id, status) = desk.run(named).await;
    assert_eq!(status, "success");
    assert_eq!(desk.codes(id), [("ELQ-00102".to_owned(), 3), ("ELQ-00101".to_owned(), 0)]);
    let rows = desk.rows(&DataOf::Definition(named), 0);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1], [&guid(1), "3", "b \"quoted\"\nline", ""]);
    assert_eq!(desk.rows(&DataOf::Sync(id), 2), [[&guid(2), "3", "", ""]]);
    assert_eq!(desk.rows(&DataOf::Sync(id), 3).len(), 0);
    assert!(desk.bulk.definition(named).unwrap()["kbUsed"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_one_moment_and_its_filter_and_bound_hold() {
    let desk = Desk::new().await;
    desk.import(&["a", "b", "c", "b"]).await;
    let sent = json!({ "name": "b", "fields": columns(), "filter": "'{{Marking.Field(note)}}' = 'b'" });
    let named = desk.define(Object::Markings, Way::Export, sent.clone()).await;
    let (id, _) = desk.run(named).await;
    assert_eq!(desk.rows(&DataOf::Sync(id), 0).len(), 2);
    let mut one = sent;
    one["maxRecords"] = json!(1);
    desk.bulk.change_definition(&me(), named, members(one)).await.unwrap();
    let (second, _) = desk.run(named).await;
    assert_eq!(desk.rows(&DataOf::Definition(named), 0).len(), 1, "the latest");
    assert_eq!(desk.rows(&DataOf::Sync(id), 0).len(), 2, "the first is kept too");
    assert_ne!(id, second);
    let none = json!({ "name": "none", "fields": columns(), "filter": "'{{Marking.Field(note)}}' = 'z'" });
    let none = desk.define(Object::Markings, Way::Export, none).await;
    let (id, status) = desk.run(none).await;
    assert_eq!(status, "warning");
    assert_eq!(desk.codes(id)[1].0, "ELQ-00124");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_are_told_one_by_one_and_the_others_are_there() {
    let desk = Desk::new().await;
    let named = desk.markings_import().await;
    let rows = json!([
        { "guid": guid(0), "account": 3, "note": "good", "other": 1 },
        { "guid": "no guid", "account": 3, "note": "bad" },
        { "guid": guid(1), "account": "three", "note": "bad" },
        { "account": "3", "note": "nameless" },
        { "guid": guid(2), "account": "3", "note": "good" },
    ]);
    desk.stage(named, rows).await;
    let (id, status) = desk.run(named).await;
    assert_eq!(status, "warning");
    let (rejects, total) = desk.bulk.rejects(&me(), id, 0, 10).unwrap();
    assert_eq!(total, 3);
    let told: Vec<_> = rejects.iter().map(|reject| reject["recordIndex"].as_u64().unwrap()).collect();
    assert_eq!(told, [1, 2, 3]);
    assert_eq!(rejects[0]["fieldValues"]["note"], "bad");
    assert_eq!(rejects[1]["invalidFields"], json!(["account"]));
    assert!(rejects[0]["statusCode"].as_str().unwrap().starts_with("ELQ-"));
    assert_eq!(desk.bulk.rejects(&me(), id, 2, 10).unwrap().0.len(), 1, "a page");
    let codes = desk.codes(id);
    for wanted in [("ELQ-00130", 5), ("ELQ-00007", 2), ("ELQ-00001", 5), ("ELQ-00060", 3), ("ELQ-00111", 0)] {
        assert!(codes.contains(&(wanted.0.to_owned(), wanted.1)), "{wanted:?} in {codes:?}");
    }
    let all = desk.engine.markings(&MarkingFilter { limit: 10, ..MarkingFilter::default() }).unwrap();
    assert_eq!(all.len(), 2);
    let (id, status) = desk.run(named).await;
    assert_eq!(
        (status.as_str(), desk.codes(id)[1].0.as_str()),
        ("warning", "ELQ-00124"),
        "nothing is staged"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sync_of_a_definition_runs_and_it_is_not_deleted_meanwhile() {
    let desk = Desk::idle().await;
    let named = desk.markings_export().await;
    let id = desk.sync(named).await;
    assert!(matches!(
        desk.bulk.create_sync(&me(), instance(named)).await,
        Err(BulkError::Active { sync, .. }) if sync == id
    ));
    assert!(matches!(desk.bulk.delete_definition(named).await, Err(BulkError::InUse)));
    let unfinished = desk.bulk.data(&me(), &DataOf::Sync(id), 0);
    assert!(matches!(unfinished.map(|data| data.total), Err(BulkError::Active { .. })));
    assert_eq!(desk.bulk.sync(id).unwrap()["status"], "pending");
    // So many wait; who comes then is told to come back.
    let mut refused = None;
    for _ in 0..300 {
        let export = desk.markings_export().await;
        if let Err(error) = desk.bulk.create_sync(&me(), instance(export)).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(BulkError::Busy)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_not_run_runs_after_a_restart() {
    let desk = Desk::idle().await;
    let import = desk.markings_import().await;
    desk.stage(import, json!([{ "guid": guid(7), "account": "3", "note": "late" }])).await;
    let export = desk.markings_export().await;
    let (back, far) = (desk.sync(import).await, desk.sync("/peers/far").await);
    let out = desk.sync(export).await;
    assert_eq!(desk.bulk.sync(out).unwrap()["status"], "pending");
    let desk = desk.again().await;
    for id in [far, back] {
        assert_eq!(desk.ended(id).await, "success", "{id}");
    }
    desk.ended(out).await;
    assert!(desk.engine.marking(&guid(7), Some(3)).unwrap().is_some());
    assert!(desk.rows(&DataOf::Sync(out), 0).len() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_kept_for_its_time_and_then_it_is_gone() {
    let desk = Desk::new().await;
    desk.import(&["a"]).await;
    let mut sent = json!({ "name": "out", "fields": columns(), "dataRetentionDuration": "PT1H" });
    sent["autoDeleteDuration"] = json!("PT3H");
    let named = desk.define(Object::Markings, Way::Export, sent).await;
    let (id, _) = desk.run(named).await;
    desk.pass(HOUR - 1);
    assert_eq!(desk.rows(&DataOf::Sync(id), 0).len(), 1);
    desk.pass(1);
    for of in [DataOf::Sync(id), DataOf::Definition(named)] {
        assert!(
            matches!(desk.bulk.data(&me(), &of, 0).map(|data| data.total), Err(BulkError::Gone)),
            "{of:?}"
        );
    }
    assert!(desk.bulk.sync(id).is_ok(), "the sync itself stays");
    desk.pass(2 * HOUR);
    assert!(matches!(desk.bulk.definition(named), Err(BulkError::Gone)));
    let desk = desk.again().await;
    until(|| desk.files() == 0).await;
    assert!(matches!(desk.bulk.definition(named), Err(BulkError::Gone)));
    assert_eq!(desk.bulk.definitions(Some(Object::Markings), Way::Export).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_things_are_deleted() {
    let desk = Desk::new().await;
    desk.import(&["a"]).await;
    let named = desk.markings_export().await;
    let (id, _) = desk.run(named).await;
    desk.bulk.delete_data(&me(), &DataOf::Sync(id)).await.unwrap();
    assert!(matches!(
        desk.bulk.data(&me(), &DataOf::Sync(id), 0).map(|data| data.total),
        Err(BulkError::Gone)
    ));
    desk.bulk.delete_definition(named).await.unwrap();
    assert!(matches!(desk.bulk.definition(named), Err(BulkError::NotFound)));
    assert!(matches!(desk.bulk.delete_definition(named).await, Err(BulkError::NotFound)));
    assert!(matches!(desk.bulk.create_sync(&me(), instance(named)).await, Err(BulkError::Invalid(_))));
    let next = desk.markings_export().await;
    assert_eq!(next.id, named.id + 1, "no number is given twice");
    let import = desk.markings_import().await;
    desk.stage(import, json!([{ "guid": guid(1) }])).await;
    desk.bulk.clear(import).await.unwrap();
    let (_, status) = desk.run(import).await;
    assert_eq!(status, "warning", "nothing is staged");
    assert_eq!(desk.files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_ran_an_export_reads_it() {
    let desk = Desk::new().await;
    desk.import(&["a"]).await;
    let named = desk.markings_export().await;
    let (ann, bob) = (caller("ann", true), caller("bob", true));
    let id = number(&desk.bulk.create_sync(&ann, instance(named)).await.unwrap());
    desk.ended(id).await;
    let read = |who: &Caller, of: DataOf| desk.bulk.data(who, &of, 0).map(|data| data.total);
    for of in [DataOf::Sync(id), DataOf::Definition(named)] {
        assert_eq!(read(&ann, of.clone()).unwrap(), 1);
        assert!(matches!(read(&bob, of), Err(BulkError::Forbidden)));
    }
    assert!(matches!(desk.bulk.delete_data(&bob, &DataOf::Sync(id)).await, Err(BulkError::Forbidden)));
    assert!(matches!(desk.bulk.rejects(&bob, id, 0, 1), Err(BulkError::Forbidden)));
    assert!(desk.bulk.rejects(&ann, id, 0, 1).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_is_bounded_and_given_back() {
    let desk = Desk::with(20_000).await;
    let named = desk.markings_import().await;
    let row = |i: usize| json!({ "guid": guid(i), "account": "3", "note": "x".repeat(200) });
    let many: Value = (0..40).map(row).collect();
    desk.stage(named, many.clone()).await;
    let upload = Upload::Json(Bytes::from(many.to_string()));
    assert!(matches!(desk.bulk.stage(&me(), named, upload.clone()).await, Err(BulkError::Full)));
    assert_eq!(desk.run(named).await.1, "success");
    desk.stage(named, many).await;
    desk.bulk.clear(named).await.unwrap();
    let export = desk.markings_export().await;
    assert_eq!(desk.run(export).await.1, "success");
    let second = desk.markings_export().await;
    let (id, status) = desk.run(second).await;
    assert_eq!((status.as_str(), desk.codes(id)[0].0.as_str()), ("error", "ELQ-00136"));
    desk.bulk.delete_definition(export).await.unwrap();
    assert_eq!(desk.run(second).await.1, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_is_said_and_loses_nothing() {
    let desk = Desk::new().await;
    let named = desk.markings_import().await;
    let folder = desk.folder.path().join("bulk");
    std::fs::write(&folder, "in the way").unwrap();
    let upload = Upload::Json(Bytes::from_static(b"[{}]"));
    assert!(matches!(desk.bulk.stage(&me(), named, upload.clone()).await, Err(BulkError::Failed(_))));
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(desk.bulk.stage(&me(), named, upload).await.unwrap(), None);
    std::fs::remove_dir_all(&folder).unwrap();
    let (id, status) = desk.run(named).await;
    assert_eq!(status, "error");
    assert!(desk.codes(id).iter().any(|(code, _)| code == "ELQ-00107"));
    assert_eq!(desk.bulk.definition(named).unwrap()["kbUsed"], 1, "the staged rows wait for another sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_with_a_peer_is_one() {
    let desk = Desk::new().await;
    let (id, status) = desk.run("/peers/near").await;
    assert_eq!(status, "success");
    assert!(desk.bulk.logs(id).unwrap()[0]["message"].as_str().unwrap().contains("near"));
    for unknown in ["/peers/nobody", "/activities/exports/7", "/accounts/exports/1", "x"] {
        let refused = desk.bulk.create_sync(&me(), instance(unknown)).await;
        let Err(BulkError::Invalid(failures)) = refused else { panic!("{unknown}") };
        assert_eq!(failures[0].field, "syncedInstanceUri");
    }
    assert!(matches!(desk.bulk.sync(id + 1), Err(BulkError::NotFound)));
    assert!(matches!(desk.bulk.sync(0), Err(BulkError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_start_its_sync_and_uploads_are_bounded() {
    let desk = Desk::new().await;
    let mut sent = import();
    sent["isSyncTriggeredOnImport"] = json!(true);
    let named = desk.define(Object::Markings, Way::Import, sent).await;
    let upload = Upload::Csv(Bytes::from(format!("GUID,account,note\n{},3,from csv\n", guid(1))));
    let sync = desk.bulk.stage(&me(), named, upload).await.unwrap().unwrap();
    assert_eq!(sync["status"], "pending");
    assert_eq!(desk.ended(number(&sync)).await, "success");
    let found = desk.engine.marking(&guid(1), Some(3)).unwrap().unwrap();
    assert_eq!(found.members["note"], "from csv");
    let many = desk.markings_import().await;
    for _ in 0..500 {
        desk.stage(many, json!([])).await;
    }
    let upload = Upload::Json(Bytes::from_static(b"[]"));
    assert!(matches!(desk.bulk.stage(&me(), many, upload).await, Err(BulkError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_much_is_staged_for_one_sync_and_no_more() {
    let desk = Desk::with(1 << 40).await;
    let named = desk.markings_import().await;
    // Each row repeats the names of the columns: a small upload takes much room.
    let upload =
        |rows: usize| Upload::Csv(Bytes::from(format!("{}\n{}", "n".repeat(60_000), "1\n".repeat(rows))));
    assert_eq!(desk.bulk.stage(&me(), named, upload(3_000)).await.unwrap(), None);
    let full = desk.bulk.stage(&me(), named, upload(3_000)).await;
    assert!(matches!(full, Err(BulkError::Full)), "250 MB");
    assert!(matches!(desk.bulk.stage(&me(), named, upload(6_000)).await, Err(BulkError::Full)), "at once");
    assert_eq!(desk.files(), 1, "what was refused is gone");
    desk.stage(named, json!([{ "guid": guid(1) }])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_and_nodes_are_imported_too() {
    let desk = Desk::new().await;
    let fields = json!({ "guid": "{{Activity.Field(syncGuid)}}", "account": "{{Activity.Field(AccountId)}}",
        "book": "{{Activity.Field(bookID)}}" });
    let sent = json!({ "name": "in", "fields": fields, "identifierFieldName": "guid" });
    let activities = desk.define(Object::Activities, Way::Import, sent).await;
    desk.stage(activities, json!([{ "account": "3", "book": "7" }, { "guid": guid(2), "account": 3 }])).await;
    let (id, status) = desk.run(activities).await;
    assert_eq!(status, "success");
    assert!(desk.codes(id).contains(&("ELQ-00069".to_owned(), 2)));
    let fields = json!({ "type": "{{Activity.Type}}", "book": "{{Activity.Asset.Id}}" });
    let export =
        desk.define(Object::Activities, Way::Export, json!({ "name": "out", "fields": fields })).await;
    desk.run(export).await;
    assert_eq!(desk.rows(&DataOf::Definition(export), 0), [["Reading", "7"], ["Reading", "0"]]);

    let node =
        json!({ "nodeId": guid(9), "type": "truck", "id": "t1", "props": { "wheels": 4, "owner": "ann" } });
    let space = Space::tenant(&uuid::Uuid::from_u128(5));
    let now = "2026-01-01T00:00:00Z".to_owned();
    let put = NodePut { space, members: members(node), textual: false, revives: true, now, fresh: guid(8) };
    desk.engine.put_node(put).await.unwrap();
    let object = desk.bulk.custom_objects().await.unwrap().remove(0);
    assert_eq!((&object["name"], &object["uri"]), (&json!("truck"), &json!("/customObjects/1")));
    let fields = desk.bulk.fields(Object::CustomObject(1)).await.unwrap();
    let statement =
        |name: &str| fields.iter().find(|field| field["name"] == name).unwrap()["statement"].clone();
    let columns =
        json!({ "id": statement("id"), "wheels": statement("wheels"), "owner": statement("owner") });
    let sent = json!({ "name": "in", "fields": columns, "identifierFieldName": "id", "updateRule": "ifNewIsNotNull" });
    let import = desk.define(Object::CustomObject(1), Way::Import, sent).await;
    desk.stage(import, json!([{ "id": "t1", "wheels": "6", "owner": "" }, { "id": "t2", "wheels": "3" }]))
        .await;
    let (id, status) = desk.run(import).await;
    assert_eq!(status, "success", "{:?}", desk.codes(id));
    let sent = json!({ "name": "out", "fields": columns, "filter": format!("'{}' > '1'", statement("wheels").as_str().unwrap()) });
    let export = desk.define(Object::CustomObject(1), Way::Export, sent).await;
    desk.run(export).await;
    let mut rows = desk.rows(&DataOf::Definition(export), 0);
    rows.sort();
    assert_eq!(rows, [["t1", "6", "ann"], ["t2", "3", ""]]);
    let nothing = desk.bulk.create_definition(&me(), Object::CustomObject(2), Way::Export, Map::new()).await;
    assert!(matches!(nothing, Err(BulkError::NotFound)));
}
