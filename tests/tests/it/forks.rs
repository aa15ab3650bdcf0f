//! One data folder twice, and both go on: what people see afterwards at the two and at a third device, over real sockets,
//! and whoever is killed while it heals. Which log holds what is not looked at.

use std::collections::BTreeSet;

use quire_tests::app::App;
use quire_tests::moments::Moments;
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::{With, guid, marking};
use quire_tests::seed::{next, seed};
use quire_tests::twin::twin_of;
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

/// A note that is kept as a blob.
const LONG: usize = 100_000;

/// How often each of the two meets the third, at most, until all is everywhere.
const MEETINGS: usize = 8;

/// Forks that heal with crashes.
const FORKS: usize = 3;

/// Crashes of each of the two while one of them heals.
const CRASHES: usize = 2;

/// Moments after a start, among which that of a crash is chosen: a fork as small as this one heals in about so many.
const WITHIN: u64 = 8;

/// The two, which take themselves for one device, and a third that knows that device. One of the two runs at a time.
struct Family {
    twins: [Daemon; 2],
    third: Daemon,
    /// A marking and a node that all had before.
    common: String,
    tenant: String,
    /// A marking with a long note, one of each of the two.
    long: [String; 2],
}

fn word(twin: usize) -> &'static str {
    ["alpha", "beta"][twin]
}

fn long_note(twin: usize) -> String {
    format!("{} ", word(twin)).repeat(LONG / 6)
}

fn node(tenant: &str, id: &str, more: Value) -> Value {
    let mut node = json!({ "tenantId": tenant, "type": "truck", "id": id });
    for (name, value) in more.as_object().unwrap() {
        node[name] = value.clone();
    }
    node
}

impl Family {
    fn new() -> Family {
        let (mut desk, mut third) = (Daemon::named("desk"), Daemon::named("third"));
        let (common, tenant) = (guid(), guid());
        // Who accepts remembers where the other is, and so does its copy.
        third.pair_with(&desk);
        App::new(3, 1).sync(&desk, &[marking(&common).with("note", "start. ").with("color", "yellow")]);
        desk.post("/api/nodes", &node(&tenant, "root", json!({ "props": { "shared": "start" } })))
            .expect(201);
        desk.wait_in_step(&third, "account:3");
        desk.wait_in_step(&third, &format!("tenant:{tenant}"));
        desk.stop();
        third.stop();
        let twin = twin_of(&desk, Options::named("desk"));
        let mut family = Family { twins: [desk, twin], third, common, tenant, long: [guid(), guid()] };
        family.twins[1].stop();
        family
    }

    /// Each of the two writes alone, and both write the same places.
    fn diverge(&mut self) {
        for twin in 0..2 {
            self.twins[twin].restart();
            let (daemon, word) = (&self.twins[twin], word(twin));
            let path = format!("/v1/markings/{}", self.common);
            daemon.patch(&path, &json!({ "color": word, "note": format!("start. {word}") }), &[]).expect(200);
            let made = marking(&self.long[twin]).with("note", long_note(twin)).with("color", word);
            App::new(3, 1).sync(daemon, &[made]);
            let props = json!({ "props": { "shared": word, word: 1 } });
            daemon.post("/api/nodes", &node(&self.tenant, "root", props)).expect(201);
            let below = json!({ "parentType": "truck", "parentId": "root", "title": word });
            daemon.post("/api/nodes", &node(&self.tenant, word, below)).expect(201);
            // Something that only one of them wrote, to what both have.
            let members = json!({ ["section", "subSection1"][twin]: word });
            let answer = daemon.patch(&path, &members, &[]);
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.twins[twin].stop();
        }
    }

    /// They meet the third by turns until all three show the same.
    fn gather(&mut self) {
        let mut shown: Vec<Option<Vec<String>>> = vec![None, None];
        for meeting in 0..MEETINGS {
            let twin = meeting % 2;
            self.twins[twin].restart();
            self.meet(twin);
            let here = self.seen(&self.twins[twin]);
            shown[twin] = Some(here.clone());
            self.twins[twin].stop();
            if shown.iter().all(|one| one.as_ref() == Some(&here)) && self.seen(&self.third) == here {
                return;
            }
        }
        panic!("after {MEETINGS} meetings the two and the third show different things: {shown:#?}");
    }

    /// Until this one and the third have equal clocks and show the same.
    fn meet(&self, twin: usize) {
        let daemon = &self.twins[twin];
        let spaces = ["account:3".to_owned(), format!("tenant:{}", self.tenant)];
        let what = format!("{} in step with the third", word(twin));
        eventually(&what, PATIENCE, || {
            let clocks = |daemon: &Daemon| spaces.each_ref().map(|space| daemon.clock(space));
            (clocks(daemon) == clocks(&self.third) && self.seen(daemon) == self.seen(&self.third))
                .then_some(())
        });
    }

    fn nodes(&self, daemon: &Daemon) -> Vec<Value> {
        let found = daemon.get(&format!("/v1/nodes?tenant={}", self.tenant)).expect(200).json();
        found["nodes"].as_array().unwrap().clone()
    }

    /// All that people see, without what each daemon numbers for itself.
    fn seen(&self, daemon: &Daemon) -> Vec<String> {
        let mut all = daemon.markings(3);
        all.extend(self.nodes(daemon));
        for item in &mut all {
            let members = item.as_object_mut().unwrap();
            members.retain(|name, _| !name.starts_with("etag") && name != "id" && name != "cyanId");
        }
        let mut all: Vec<String> = all.iter().map(Value::to_string).collect();
        all.extend(daemon.conflicts().iter().map(|conflict| {
            let others: BTreeSet<String> = others(conflict).iter().map(Value::to_string).collect();
            format!("{} {} {} {others:?}", conflict["item"], conflict["member"], conflict["value"])
        }));
        all.sort();
        all
    }

    /// Both branches are there, whole and once.
    fn has_everything(&self, daemon: &Daemon) {
        let words = BTreeSet::from(["alpha".to_owned(), "beta".to_owned()]);
        let common = daemon.marking(&self.common).unwrap();
        let note = common["note"].as_str().unwrap();
        for word in &words {
            assert_eq!(note.matches(word.as_str()).count(), 1, "{note}");
        }
        assert_eq!(note.matches("start. ").count(), 1, "{note}");
        assert_eq!(values(daemon, &self.common, "color", &common["color"]), words);
        assert_eq!((&common["section"], &common["subSection1"]), (&json!("alpha"), &json!("beta")));
        for twin in 0..2 {
            let long = daemon.marking(&self.long[twin]).unwrap();
            assert!(long["note"] == long_note(twin), "a long note of {}", word(twin));
            assert_eq!(long["color"], word(twin));
        }
        assert_eq!(daemon.markings(3).len(), 3);
        let nodes = self.nodes(daemon);
        let root = nodes.iter().find(|node| node["id"] == "root").unwrap();
        assert_eq!((&root["props"]["alpha"], &root["props"]["beta"]), (&json!(1), &json!(1)));
        let id = root["nodeId"].as_str().unwrap();
        assert_eq!(values(daemon, id, "props.shared", &root["props"]["shared"]), words);
        for word in &words {
            let below: Vec<&Value> = nodes.iter().filter(|node| node["title"] == **word).collect();
            assert_eq!(below.len(), 1, "{nodes:#?}");
            assert_eq!(below[0]["parentId"], "root");
        }
        assert_eq!(nodes.len(), 3);
    }

    fn all_have_everything(&mut self) {
        self.has_everything(&self.third);
        for twin in 0..2 {
            self.twins[twin].restart();
            self.has_everything(&self.twins[twin]);
            self.twins[twin].stop();
        }
    }
}

fn others(conflict: &Value) -> Vec<Value> {
    conflict["others"].as_array().unwrap().iter().map(|other| other["value"].clone()).collect()
}

/// The current value of a member and those that lost beside it, each of them once.
fn values(daemon: &Daemon, item: &str, member: &str, current: &Value) -> BTreeSet<String> {
    let mut all = vec![current.clone()];
    all.extend(daemon.conflict(item, member).iter().flat_map(others));
    let texts: BTreeSet<String> = all.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), all.len(), "{member}: {all:?}");
    texts
}

#[test]
fn what_a_device_and_its_twin_wrote_is_at_all_three() {
    let mut family = Family::new();
    family.diverge();
    family.third.restart();
    family.gather();
    family.all_have_everything();
    // From here on all is as ever.
    let later = guid();
    family.twins[0].restart();
    App::new(3, 1).sync(&family.twins[0], &[marking(&later)]);
    eventually("an edit after the fork", PATIENCE, || family.third.marking(&later));
}

#[test]
fn a_crash_while_a_fork_heals_loses_nothing() {
    if let Err(reason) = Moments::ending_at(0) {
        return eprintln!("SKIPPED: crashes while a fork heals: {reason}");
    }
    let mut state = seed();
    eprintln!("QUIRE_SEED={state}");
    let mut killed = 0;
    for _ in 0..FORKS {
        let mut family = Family::new();
        family.diverge();
        family.third.restart();
        for crash in 0..2 * CRASHES {
            let moment = next(&mut state) % WITHIN + 1;
            killed += usize::from(family.crash(crash % 2, moment));
        }
        family.gather();
        family.all_have_everything();
    }
    eprintln!("{killed} of {} were killed before they were in step", FORKS * 2 * CRASHES);
    eprintln!("inputs passed: crashes while a fork heals {killed} of {killed}");
}

impl Family {
    /// Lets one of the two meet the third and be killed in that moment; false when it was in step before.
    fn crash(&mut self, twin: usize, moment: u64) -> bool {
        let moments = Moments::ending_at(moment).unwrap();
        self.twins[twin].restart_with(|options| options.environment = moments.environment());
        moments.begin();
        let killed = eventually("a crash, or nothing left to heal", PATIENCE, || {
            if !self.twins[twin].is_running() {
                return Some(true);
            }
            let clock = |daemon: &Daemon| {
                let bearer = format!("Bearer {}", daemon.token());
                let headers = [("Authorization", bearer.as_str())];
                let answer =
                    daemon.client().request("GET", "/v1/spaces/account:3/clock", &headers, None).ok()?;
                Some(answer.json()["vector"].clone())
            };
            let (here, there) = (clock(&self.twins[twin])?, clock(&self.third)?);
            (here == there).then_some(false)
        });
        self.twins[twin].kill9();
        self.twins[twin].forget_environment();
        killed
    }
}
