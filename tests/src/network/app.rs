//! An app as a daemon meets it: it keeps what it was told and a cursor, posts whole items or parts of them,
//! repeats itself, loses answers, forgets its cursor or finds an old one.

use super::ledger::{Seen, What};
use super::random::Random;
use quire_protocol::clock::Clock;
use quire_protocol::shapes::model::Answer;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The account that everything belongs to.
pub const ACCOUNT: i64 = 3;

/// Items in the world: so few that everybody edits the same.
const ITEMS: u8 = 6;

/// First characters of words: every word is two characters of its own, so that no comparison of two texts
/// can take a part of one word for a part of another.
const WORDS: u32 = 0x4e00;

/// One installation.
#[derive(Debug, Clone)]
pub struct App {
    /// Its `AccountApplicationId`.
    pub id: i64,
    /// The cursor of the last answer, and the clock it stands for.
    pub cursor: Option<(String, Clock)>,
    /// The one before.
    pub older: Option<(String, Clock)>,
    /// Items as it has them.
    pub local: BTreeMap<String, Map<String, Value>>,
    /// Its own writes.
    pub own: BTreeSet<usize>,
    /// The last request it sent, verbatim.
    pub last: Option<Value>,
}

/// Which cursor a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// The latest.
    Latest,
    /// The one before.
    Older,
    /// None.
    Nothing,
}

/// What an app does to one item: the members it sends, and what they mean.
pub type Deed = (String, Map<String, Value>, Vec<(What, bool)>);

/// Gives numbers that nobody else gets.
#[derive(Debug, Default)]
pub struct Unique(u32);

impl Unique {
    /// The next number.
    pub fn number(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    fn word(&mut self) -> String {
        word(100 + self.number())
    }
}

fn word(n: u32) -> String {
    [2 * n, 2 * n + 1].iter().filter_map(|at| char::from_u32(WORDS + at)).collect()
}

/// The identity of an item.
pub fn guid(n: u8) -> String {
    uuid::Uuid::from_bytes([n; 16]).to_string()
}

/// One of the items.
pub fn any_guid(random: &mut Random) -> String {
    guid(1 + random.below(usize::from(ITEMS)) as u8)
}

/// All of them.
pub fn guids() -> impl Iterator<Item = String> {
    (1..=ITEMS).map(guid)
}

/// True for values that an item may have without the ledger knowing: those it begins with.
pub fn is_initial(member: &str, value: &Value) -> bool {
    value.is_null() || (member == "color" && value == "red")
}

impl App {
    /// A new installation.
    pub fn new(id: i64) -> App {
        App { id, cursor: None, older: None, local: BTreeMap::new(), own: BTreeSet::new(), last: None }
    }

    /// What it has seen when it sends this cursor.
    pub fn seen(&self, carries: Carries) -> Seen {
        let kept = match carries {
            Carries::Latest => self.cursor.as_ref(),
            Carries::Older => self.older.as_ref(),
            Carries::Nothing => None,
        };
        let clock = kept.map(|(_, clock)| clock.clone()).unwrap_or_default();
        Seen { clock, own: self.own.clone() }
    }

    /// The request with these items.
    pub fn request(&self, carries: Carries, items: Vec<Map<String, Value>>) -> Value {
        let kept = match carries {
            Carries::Latest => self.cursor.as_ref(),
            Carries::Older => self.older.as_ref(),
            Carries::Nothing => None,
        };
        json!({
            "Account": {"AccountId": ACCOUNT},
            "AccountApplicationId": self.id,
            "LastSyncTimestamp": kept.map(|(cursor, _)| cursor),
            "Markings": items,
        })
    }

    /// Some edits of an item, made at what it has.
    pub fn deed(&self, random: &mut Random, unique: &mut Unique, carries: Carries) -> Deed {
        let guid = any_guid(random);
        let known = self.local.get(&guid);
        let alive = known.is_none_or(|item| item["SyncIsRemoved"] != true) && carries == Carries::Latest;
        let (mut said, whats) = match known {
            Some(item) => (Map::new(), edits(item, random, unique, carries)),
            None => (first(&guid), vec![(What::Made, Map::new())]),
        };
        // Whole objects are posted by apps whose cursor and copy belong together.
        if let Some(item) = known
            && carries == Carries::Latest
            && random.percent(60)
        {
            said = item.clone();
        }
        said.insert("syncGuid".into(), json!(guid));
        said.insert("AccountId".into(), json!(ACCOUNT));
        // One edit writes one value of life: beside a removal the rest of it keeps nothing alive.
        let alive = alive && !whats.iter().any(|(what, _)| *what == What::Removed);
        let mut done = Vec::new();
        for (what, members) in whats {
            said.extend(members);
            let revives = what == What::Revived && carries == Carries::Latest;
            done.push((what, alive || revives));
        }
        (guid, said, done)
    }

    /// Takes what it sent for what is there.
    pub fn sent(&mut self, guid: &str, said: &Map<String, Value>) {
        let item = self.local.entry(guid.to_owned()).or_insert_with(blank);
        item.extend(said.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// True when it cannot go on after a request that was not answered: it has a later cursor than it sent, so
    /// what it said is in its copy and not in the base that the later one stands for.
    pub fn is_torn(&self, carries: Carries) -> bool {
        carries != Carries::Latest && self.cursor.is_some()
    }

    /// Takes an answer, given when its daemon was at `clock`.
    pub fn answered(&mut self, answer: &Answer, clock: Clock) {
        for item in &answer.markings {
            if let Some(guid) = item["syncGuid"].as_str() {
                self.local.insert(guid.to_owned(), item.clone());
            }
        }
        if self.cursor.as_ref().is_none_or(|(cursor, _)| *cursor != answer.cursor) {
            self.older = self.cursor.replace((answer.cursor.clone(), clock));
        }
    }
}

fn blank() -> Map<String, Value> {
    json!({"SyncIsRemoved": false, "note": null, "color": null}).as_object().cloned().unwrap_or_default()
}

/// A new item. Everybody who makes it says the same, so that two who do end with one.
fn first(guid: &str) -> Map<String, Value> {
    let n = u32::from(guid.as_bytes()[1]);
    let item = json!({"content": "what was marked", "color": "red", "note": word(n), "SyncIsRemoved": false});
    item.as_object().cloned().unwrap_or_default()
}

type Members = Map<String, Value>;

/// One to three edits of an item.
pub fn edits(
    item: &Members,
    random: &mut Random,
    unique: &mut Unique,
    carries: Carries,
) -> Vec<(What, Members)> {
    let mut done: Vec<(What, Members)> = Vec::new();
    for _ in 0..random.within(1, 3) {
        let (what, members) = edit(item, random, unique, carries);
        // Each member once: the last one said is the only one that is.
        if !done.iter().any(|(_, other)| members.keys().any(|name| other.contains_key(name))) {
            done.push((what, members));
        }
    }
    done
}

fn edit(item: &Members, random: &mut Random, unique: &mut Unique, carries: Carries) -> (What, Members) {
    let n = unique.number();
    let one = |name: &'static str, value: Value| {
        (What::Value(name, value.clone()), Map::from_iter([(name.to_owned(), value)]))
    };
    match random.below(100) {
        0..25 => one("color", json!(format!("color {n}"))),
        25..37 => one("type", json!(n)),
        37..45 => one("chapter", json!(format!("chapter {n}"))),
        45..48 => {
            one("chapter", json!(format!("long chapter {n} {}", "x".repeat(random.within(900, 60_000)))))
        }
        48..60 => place(n, random),
        // Without a base a note is written at the version nearest to it: what it deletes is a guess.
        60..90 if carries == Carries::Latest => note(item, random, unique),
        60..90 => one("color", json!(format!("color {n}"))),
        _ => life(item),
    }
}

fn place(n: u32, random: &mut Random) -> (What, Members) {
    let mut members = Map::new();
    members.insert("CharIndexStart".into(), json!(n));
    members.insert("textLength".into(), json!(random.below(3)));
    if random.percent(20) {
        let html = format!("<p>{}</p>", "y".repeat(random.within(10, 20_000)));
        members.insert("selectionOuterHtml".into(), json!(html));
    }
    (What::Value("CharIndexStart", json!(n)), members)
}

fn life(item: &Members) -> (What, Members) {
    let removed = item["SyncIsRemoved"] == true;
    let what = if removed { What::Revived } else { What::Removed };
    (what, Map::from_iter([("SyncIsRemoved".to_owned(), json!(!removed))]))
}

/// Length from which a note is one of the long ones, which do not merge by character.
const LONG: usize = 1_000;

fn note(item: &Members, random: &mut Random, unique: &mut Unique) -> (What, Members) {
    let says = |value: Value| Map::from_iter([("note".to_owned(), value)]);
    let old: Vec<char> = item.get("note").and_then(Value::as_str).unwrap_or_default().chars().collect();
    if random.percent(6) || old.len() >= LONG {
        let text = format!("long note {} {}", unique.number(), "z".repeat(17_000));
        let null = random.percent(30) && !old.is_empty();
        return if null {
            (What::Note(None), says(Value::Null))
        } else {
            (What::Note(Some(text.clone())), says(json!(text)))
        };
    }
    let words = old.len() / 2;
    if words > 1 && random.percent(25) {
        let at = 2 * random.below(words);
        let cut: String = old[at..at + 2].iter().collect();
        let rest: String = old[..at].iter().chain(&old[at + 2..]).collect();
        return (What::Cut(vec![cut]), says(json!(rest)));
    }
    let (at, typed) = (2 * random.below(words + 1), unique.word());
    let text: String =
        old[..at].iter().copied().chain(typed.chars()).chain(old[at..].iter().copied()).collect();
    (What::Word(typed), says(json!(text)))
}
