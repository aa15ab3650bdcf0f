//! The tree that a form's names make, before it is known what is a list and what an object.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use super::path::{Path, Step};

/// What stands under one name.
#[derive(Debug, Default)]
pub(super) struct Node {
    texts: Vec<String>,
    is_list: bool,
    children: BTreeMap<Key, Child>,
}

/// Indexes come first, in the order of their numbers. Names are in lower case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Index(u64),
    Name(String),
}

#[derive(Debug)]
struct Child {
    /// The name as it was first spelled.
    name: String,
    /// How many children were there before it.
    at: usize,
    node: Node,
}

impl Node {
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.children.is_empty()
    }

    /// Adds a text at the end of that path.
    pub(super) fn insert(&mut self, path: &Path, text: String) {
        let mut node = self;
        for step in &path.steps {
            node = node.child(*step);
        }
        node.texts.push(text);
        node.is_list |= path.is_list;
    }

    fn child(&mut self, step: Step) -> &mut Node {
        let at = self.children.len();
        let key = match step {
            Step::Index(index) => Key::Index(index),
            Step::Name(name) => Key::Name(name.to_lowercase()),
        };
        let child = match self.children.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(Child { name: spelled(step), at, node: Node::default() }),
        };
        &mut child.node
    }

    /// Recursive; paths bound the depth.
    pub(super) fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return texts(self.texts, self.is_list);
        }
        let is_index = |key: &Key| matches!(key, Key::Index(_));
        let is_helper = |key: &Key| matches!(key, Key::Name(name) if name == "index");
        if self.children.keys().any(is_index)
            && self.children.keys().all(|key| is_index(key) || is_helper(key))
        {
            self.children.retain(|key, _| is_index(key));
            return dictionary(self.children.into_values().map(|child| child.node.into_value()).collect());
        }
        let mut members: Vec<Child> = self.children.into_values().collect();
        members.sort_by_key(|child| child.at);
        Value::Object(members.into_iter().map(|child| (child.name, child.node.into_value())).collect())
    }
}

fn spelled(step: Step) -> String {
    match step {
        Step::Index(index) => index.to_string(),
        Step::Name(name) => name.to_owned(),
    }
}

/// One text is itself, several are a list.
fn texts(mut texts: Vec<String>, is_list: bool) -> Value {
    match texts.pop() {
        Some(only) if texts.is_empty() && !is_list => Value::String(only),
        last => texts.into_iter().chain(last).collect(),
    }
}

/// The list as an object, if it is MVC's form of a dictionary.
fn dictionary(mut list: Vec<Value>) -> Value {
    if list.iter().all(|entry| key_of(entry).is_some()) {
        return Value::Object(list.iter_mut().filter_map(pair).collect());
    }
    Value::Array(list)
}

/// The `Key` of an entry that has nothing else but a `Value`.
fn key_of(entry: &Value) -> Option<&str> {
    let members = entry.as_object().filter(|members| members.len() == 2)?;
    find(members, "value")?;
    members.get(find(members, "key")?)?.as_str()
}

fn pair(entry: &mut Value) -> Option<(String, Value)> {
    let key = key_of(entry)?.to_owned();
    let members = entry.as_object_mut()?;
    let value = find(members, "value")?.to_owned();
    Some((key, members.swap_remove(&value)?))
}

fn find<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.keys().map(String::as_str).find(|found| found.eq_ignore_ascii_case(name))
}
