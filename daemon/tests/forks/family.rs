//! A device and its clone, and others that know it.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quire_daemon::engine::{ConflictView, DATABASE, Engine};
use quire_daemon::store::Store;
use quire_daemon::store::keys::{Key, Kind};
use quire_daemon::store::rows::{bytes, meta};
use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::shapes::{json, model};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::pair::talk::talk;
use crate::pair::trust;

pub fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

pub async fn write(engine: &Engine, n: u8, note: &str) {
    let item = json!({"syncGuid": guid(n), "AccountId": 3, "content": "c", "note": note, "color": "yellow"});
    let body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1, "Markings": [item]});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    assert!(engine.synchronize(read, 1_800_000_000_000).await.unwrap().answer.is_success());
}

pub async fn set(engine: &Engine, n: u8, name: &str, value: &str) {
    let members: Map<String, Value> = [(name.to_owned(), json!(value))].into_iter().collect();
    assert!(engine.patch(&guid(n), members, None).await.unwrap().is_some());
}

pub async fn colour(engine: &Engine, n: u8, colour: &str) {
    set(engine, n, "color", colour).await;
}

pub fn member(engine: &Engine, n: u8, name: &str) -> Option<String> {
    let item = engine.marking(&guid(n), None).unwrap()?;
    item.members[name].as_str().map(str::to_owned)
}

pub fn clock(engine: &Engine) -> Clock {
    engine.clock(&Space::account(3)).unwrap()
}

/// A member's value and those that lost beside it.
pub fn values(engine: &Engine, n: u8, name: &str) -> BTreeSet<String> {
    let key = guid(n);
    let others =
        engine.conflicts(None).unwrap().into_iter().filter(|one| one.item == key && one.member == name);
    let others = others.flat_map(|one: ConflictView| one.others.into_iter().map(|other| text(&other.0)));
    others.chain(member(engine, n, name)).collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All that people see of an engine's items.
pub fn all(engine: &Engine) -> Vec<String> {
    let mut all: Vec<String> = (0..=60)
        .filter_map(|n| engine.marking(&guid(n), None).unwrap())
        .map(|item| {
            let mut members = item.members;
            members.remove("id");
            format!("{} {:?}", Value::Object(members), item.removed)
        })
        .collect();
    let conflict = |one: ConflictView| {
        let mut others: Vec<String> = one.others.iter().map(|other| text(&other.0)).collect();
        others.sort();
        format!("{} {} {:?} {others:?}", one.item, one.member, one.value)
    };
    all.extend(engine.conflicts(None).unwrap().into_iter().map(conflict));
    all.sort();
    all
}

pub fn same(engines: &[&Engine]) {
    for engine in &engines[1..] {
        assert_eq!(clock(engine), clock(engines[0]));
        assert_eq!(all(engine), all(engines[0]));
    }
}

/// A copy of a stopped engine's folder that its files do not show to be one, as a copied disk is.
pub fn cloned(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let path = copy.path().join(DATABASE);
    let (store, metadata) = (Store::open(&path).unwrap(), std::fs::metadata(&path).unwrap());
    let token: [u8; 16] = std::fs::read(copy.path().join("boot-token")).unwrap().try_into().unwrap();
    let mark = bytes(&(metadata.dev(), metadata.ino(), token));
    let put = |rows: &mut quire_daemon::store::Writer<'_>| {
        rows.put(&Key::of(Kind::Meta).bytes(meta::INSTALLATION), &mark)
    };
    store.write(put).unwrap();
    copy
}

/// A device and its clone, which nothing tells apart, with two items in common, and two others that know it.
pub struct Family {
    pub a: Engine,
    pub clone: Engine,
    pub p: Engine,
    pub q: Engine,
    /// The last record that both wrote.
    pub end: u64,
    pub folders: [TempDir; 2],
}

pub async fn family() -> Family {
    let folder = tempfile::tempdir().unwrap();
    let [p, q] = ["p", "q"].map(|name| Engine::in_memory(name).unwrap());
    let a = Engine::open(folder.path(), "a").unwrap();
    for (one, other) in [(&a, &p), (&a, &q), (&p, &q)] {
        trust(one, other).await;
    }
    write(&a, 1, "one").await;
    write(&a, 2, "two").await;
    for (one, other) in [(&a, &p), (&a, &q), (&p, &q)] {
        talk(one, other).await;
    }
    let log = a.mirror().log;
    let end = clock(&a).get(log);
    a.stop().await;
    drop(a);
    let copy = cloned(folder.path());
    let (a, clone) = (Engine::open(folder.path(), "a").unwrap(), Engine::open(copy.path(), "a").unwrap());
    assert_eq!((a.mirror().log, clone.mirror().log), (log, log), "nothing tells them apart");
    Family { a, clone, p, q, end, folders: [folder, copy] }
}

impl Family {
    /// Everybody meets everybody that it can, until nothing is new.
    pub async fn gather(&self) {
        for _ in 0..4 {
            for device in [&self.a, &self.clone] {
                talk(device, &self.p).await;
                talk(device, &self.q).await;
            }
            talk(&self.p, &self.q).await;
        }
    }

    pub fn same(&self) {
        same(&[&self.a, &self.clone, &self.p, &self.q]);
    }
}
