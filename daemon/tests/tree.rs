//! Random stories of three engines that create, move, edit and remove nodes apart and meet in between: they end with the
//! same nodes in one tree without cycles, and whatever was written is shown or listed as a conflict.
#![allow(clippy::unwrap_used, missing_docs)]

mod pair;

use std::collections::{BTreeMap, BTreeSet};

use pair::{exchange, trust};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use quire_daemon::engine::{Engine, EngineError, NodeFilter, NodeName, NodePut};
use quire_protocol::id::Space;
use quire_protocol::node::NodeKey;
use serde_json::{Map, Value, json};

const ENGINES: usize = 3;
const NODES: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    Move { on: usize, node: u8, to: Option<u8> },
    Title { on: usize, node: u8 },
    Prop { on: usize, node: u8, key: u8 },
    Remove { on: usize, node: u8 },
    Exchange { from: usize, to: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (on, node) = (0..ENGINES, 0..NODES);
    let step = prop_oneof![
        4 => (on.clone(), node.clone(), prop::option::weighted(0.9, node.clone()))
            .prop_map(|(on, node, to)| Step::Move { on, node, to }),
        1 => (on.clone(), node.clone()).prop_map(|(on, node)| Step::Title { on, node }),
        1 => (on.clone(), node.clone(), 0..3u8).prop_map(|(on, node, key)| Step::Prop { on, node, key }),
        1 => (on.clone(), node).prop_map(|(on, node)| Step::Remove { on, node }),
        2 => (on.clone(), on).prop_map(|(from, to)| Step::Exchange { from, to }),
    ];
    prop::collection::vec(step, 1..40)
}

fn tenant() -> Space {
    Space::parse("tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd").unwrap()
}

fn key(node: u8) -> NodeKey {
    NodeKey { ty: "n".into(), id: node.to_string() }
}

struct World {
    engines: Vec<Engine>,
    /// Values that nobody has written over, by node and member.
    standing: BTreeMap<(u8, String), BTreeSet<String>>,
    /// Values that each engine has seen.
    seen: Vec<BTreeSet<String>>,
    fresh: u32,
}

impl World {
    async fn new() -> World {
        let engines: Vec<Engine> = (0..ENGINES).map(|n| Engine::in_memory(&n.to_string()).unwrap()).collect();
        for (at, a) in engines.iter().enumerate() {
            for b in &engines[at + 1..] {
                trust(a, b).await;
            }
        }
        World { engines, standing: BTreeMap::new(), seen: vec![BTreeSet::new(); ENGINES], fresh: 0 }
    }

    async fn put(&self, on: usize, node: u8, more: Value) -> Result<(), EngineError> {
        let mut members: Map<String, Value> = more.as_object().unwrap().clone();
        members.insert("type".into(), "n".into());
        members.insert("id".into(), node.to_string().into());
        let now = "2026-01-01T00:00:00Z".to_owned();
        let put =
            NodePut { space: tenant(), members, textual: false, revives: true, now, fresh: String::new() };
        self.engines[on].put_node(put).await.map(drop)
    }

    async fn step(&mut self, step: &Step) {
        self.fresh += 1;
        let value = format!("v{}", self.fresh);
        match step {
            Step::Move { on, node, to } => {
                let (ty, id) = (to.map(|_| "n"), to.map(|to| to.to_string()));
                let done = self.put(*on, *node, json!({"parentType": ty, "parentId": id})).await;
                assert!(matches!(done, Ok(()) | Err(EngineError::Member(_))), "{done:?}");
            }
            Step::Title { on, node } => {
                self.put(*on, *node, json!({"title": value})).await.unwrap();
                self.note(*on, *node, "title".into(), value);
            }
            Step::Prop { on, node, key } => {
                let name = format!("k{key}");
                self.put(*on, *node, json!({"props": {"o": {&*name: value}}})).await.unwrap();
                self.note(*on, *node, format!("props.o.{name}"), value);
            }
            Step::Remove { on, node } => {
                self.engines[*on].remove_node(tenant(), NodeName::Key(key(*node)), None).await.unwrap();
            }
            Step::Exchange { from, to } if from != to => {
                exchange(&self.engines[*from], &self.engines[*to]).await;
                let seen = self.seen[*from].clone();
                self.seen[*to].extend(seen);
            }
            Step::Exchange { .. } => {}
        }
    }

    /// A write goes over what its author had seen, and over nothing else.
    fn note(&mut self, on: usize, node: u8, member: String, value: String) {
        let standing = self.standing.entry((node, member)).or_default();
        standing.retain(|old| !self.seen[on].contains(old));
        standing.insert(value.clone());
        self.seen[on].insert(value);
    }

    async fn meet(&self) {
        for _ in 0..2 {
            for from in &self.engines {
                for to in self.engines.iter().filter(|to| to.card().id() != from.card().id()) {
                    exchange(from, to).await;
                }
            }
        }
    }
}

/// Every node by its id, without what each daemon numbers for itself.
fn nodes(engine: &Engine) -> BTreeMap<String, Map<String, Value>> {
    let filter = NodeFilter { removed: None, ..NodeFilter::of(tenant()) };
    let shown = |mut node: quire_daemon::engine::ItemView| {
        node.members.remove("cyanId");
        node.members.insert("removed".into(), node.removed.into());
        (node.members["id"].as_str().unwrap().to_owned(), node.members)
    };
    engine.nodes(&filter).unwrap().into_iter().map(shown).collect()
}

fn conflicts(engine: &Engine) -> Vec<(String, String, Value, Vec<Value>)> {
    let told = engine.conflicts(None).unwrap().into_iter();
    let mut told: Vec<_> = told
        .map(|c| (c.item, c.member, c.value, c.others.into_iter().map(|(value, _)| value).collect()))
        .collect();
    told.sort_by_key(|(item, member, ..)| (item.clone(), member.clone()));
    told
}

fn check(world: &World) {
    let first = nodes(&world.engines[0]);
    for engine in &world.engines[1..] {
        assert_eq!(nodes(engine), first);
        assert_eq!(conflicts(engine), conflicts(&world.engines[0]));
    }
    for id in first.keys() {
        let mut seen = BTreeSet::new();
        let mut at = Some(id.clone());
        while let Some(here) = at {
            assert!(seen.insert(here.clone()), "a cycle through {here}");
            at = first.get(&here).and_then(|node| node["parentId"].as_str().map(str::to_owned));
        }
    }
    children_are_found(world, &first);
}

/// What is below a node is found there, and nowhere else.
fn children_are_found(world: &World, all: &BTreeMap<String, Map<String, Value>>) {
    for parent in 0..NODES {
        let id = parent.to_string();
        let filter = NodeFilter {
            parent_type: Some("n".into()),
            parent_id: Some(id.clone()),
            removed: None,
            ..NodeFilter::of(tenant())
        };
        let below = |node: &&Map<String, Value>| node["parentId"].as_str() == Some(&id);
        let wanted: BTreeSet<_> =
            all.values().filter(below).map(|node| node["id"].clone().to_string()).collect();
        for engine in &world.engines {
            let found = engine.nodes(&filter).unwrap();
            let found: BTreeSet<_> = found.iter().map(|node| node.members["id"].to_string()).collect();
            assert_eq!(found, wanted);
        }
    }
}

/// Every value that nobody has written over is shown or listed, and no other.
fn nothing_is_lost(world: &World) {
    let (all, conflicts) = (nodes(&world.engines[0]), conflicts(&world.engines[0]));
    for ((node, member), standing) in &world.standing {
        let shown = Value::Object(all[&node.to_string()].clone());
        let now = shown.pointer(&format!("/{}", member.replace('.', "/"))).cloned().unwrap_or(Value::Null);
        let of = |(item, name, ..): &&(String, String, Value, Vec<Value>)| {
            shown["nodeId"] == **item && name == member
        };
        let others = conflicts.iter().filter(of).flat_map(|(.., others)| others);
        let kept: BTreeSet<String> =
            others.chain([&now]).filter_map(|v| v.as_str().map(str::to_owned)).collect();
        assert_eq!(&kept, standing, "{member} of node {node}");
    }
}

#[test]
fn random_stories_end_in_one_tree() {
    let cases = std::env::var("QUIRE_TREE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(96);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.step(step).await;
            }
            world.meet().await;
            check(&world);
            nothing_is_lost(&world);
            for engine in &world.engines {
                engine.stop().await;
            }
        });
        Ok(())
    });
    if let Err(failure) = done {
        panic!("{failure}\n{runner}");
    }
}
