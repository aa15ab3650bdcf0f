//! A raw change taken apart: what its surroundings tell is replaced by a byte that says where to find it.
//!
//! ```text
//!   magic ‖ checksum ‖ 1 ‖ length ‖ dependencies ‖ actor ‖ counters ‖ other actors ‖ columns
//!   ───────── left out ─────────   ───── names ──────────            ── names ───   ─ the item's GUID cut out
//! ```

use crate::change::{MAGIC, UNCOMPRESSED_CHANGE, id_of};
use crate::clock::{put_varint, take_varint};
use crate::document::{genesis_hash, seed_actor_bytes};
use crate::id::{DocId, Incarnation};
use crate::limits::{MAX_CHANGE, MAX_COLUMNS, MAX_DEPS, MAX_OTHER_ACTORS};

/// The column of values' bytes: of a seed, its text.
const VALUES: u64 = 0x57;

/// What a record's place tells of its change.
pub(super) struct Surroundings {
    pub log: Incarnation,
    pub doc: DocId,
    /// The GUID that names the document.
    pub guid: Option<[u8; 16]>,
    /// Hash of the change before.
    pub previous: Option<[u8; 32]>,
}

/// Where a name is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    /// 32 bytes of the names, from there on.
    Hash(usize),
    /// The hash of the document's genesis.
    Genesis,
    /// The hash of the change before.
    Previous,
    /// The log.
    Log,
    /// The log and one more byte.
    Derived(u8),
    /// The document.
    Doc,
    /// The actor of the seed with this change's text.
    Seed,
    /// Bytes of the text, from there on.
    Actor(usize, usize),
}

mod code {
    pub const HASH: u8 = 0;
    pub const GENESIS: u8 = 1;
    pub const PREVIOUS: u8 = 2;
    pub const LOG: u8 = 3;
    pub const DERIVED: u8 = 4;
    pub const DOC: u8 = 5;
    pub const SEED: u8 = 6;
    pub const ACTOR: u8 = 7;
}

/// The names of a pack, taken one after the other.
pub(super) struct Names<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Names<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.at..self.at + N)?.try_into().ok()?;
        self.at += N;
        Some(taken)
    }
}

/// A change in a pack: where its parts are.
pub(super) struct Parts {
    deps: Vec<Name>,
    actor: Name,
    counters: (usize, usize),
    others: Vec<Name>,
    /// Where in the columns the GUID was.
    cut: Option<usize>,
    columns: (usize, usize),
}

/// A raw change's own parts.
struct Raw<'a> {
    deps: Vec<[u8; 32]>,
    actor: &'a [u8],
    counters: &'a [u8],
    others: Vec<&'a [u8]>,
    columns: &'a [u8],
}

/// Writes a change, when it comes back as it was; gives whether the GUID was cut out. Otherwise writes nothing.
pub(super) fn put(
    raw: &[u8],
    around: &Surroundings,
    names: &mut Vec<u8>,
    text: &mut Vec<u8>,
) -> Option<bool> {
    let before = (names.len(), text.len());
    let cut = Raw::read(raw).map(|parts| parts.put(around, names, text));
    let back = cut.and_then(|cut| {
        let mut reading = Names { bytes: names, at: before.0 };
        let (parts, end) = Parts::take(text, before.1, &mut reading, cut)?;
        (end == text.len() && reading.at == names.len()).then_some(())?;
        restore(&parts, around, names, text)
    });
    if back.as_deref() != Some(raw) {
        names.truncate(before.0);
        text.truncate(before.1);
        return None;
    }
    cut
}

impl<'a> Raw<'a> {
    fn read(raw: &'a [u8]) -> Option<Raw<'a>> {
        (raw.len() > 9 && raw[..4] == MAGIC && raw[8] == UNCOMPRESSED_CHANGE).then_some(())?;
        let (_, mut rest) = take_varint(&raw[9..])?;
        let mut deps = Vec::new();
        for _ in 0..bounded(&mut rest, MAX_DEPS)? {
            deps.push(take(&mut rest, 32)?.try_into().ok()?);
        }
        let length = bounded(&mut rest, MAX_CHANGE as u64)?;
        let actor = take(&mut rest, length)?;
        let counters = skip_counters(&mut rest)?;
        let mut others = Vec::new();
        for _ in 0..bounded(&mut rest, MAX_OTHER_ACTORS)? {
            let length = bounded(&mut rest, MAX_CHANGE as u64)?;
            others.push(take(&mut rest, length)?);
        }
        Some(Raw { deps, actor, counters, others, columns: rest })
    }

    fn put(&self, around: &Surroundings, names: &mut Vec<u8>, text: &mut Vec<u8>) -> bool {
        put_varint(text, self.deps.len() as u64);
        for dep in &self.deps {
            put_hash(dep, around, names, text);
        }
        let seed = || values(self.columns).map(|text| seed_actor_bytes(around.doc, text));
        put_actor(self.actor, around, &seed, text);
        text.extend_from_slice(self.counters);
        put_varint(text, self.others.len() as u64);
        for other in &self.others {
            put_actor(other, around, &|| None, text);
        }
        let guid = around.guid.map(|guid| guid_text(&guid));
        let found = guid.as_ref().and_then(|guid| find(self.columns, guid.as_bytes()));
        match found {
            Some(at) => {
                put_varint(text, at as u64);
                put_varint(text, (self.columns.len() - GUID_TEXT) as u64);
                text.extend_from_slice(&self.columns[..at]);
                text.extend_from_slice(&self.columns[at + GUID_TEXT..]);
            }
            None => {
                put_varint(text, self.columns.len() as u64);
                text.extend_from_slice(self.columns);
            }
        }
        found.is_some()
    }
}

fn put_hash(dep: &[u8; 32], around: &Surroundings, names: &mut Vec<u8>, text: &mut Vec<u8>) {
    if around.previous.as_ref() == Some(dep) {
        text.push(code::PREVIOUS);
    } else if *dep == genesis_hash(around.doc) {
        text.push(code::GENESIS);
    } else {
        text.push(code::HASH);
        names.extend_from_slice(dep);
    }
}

fn put_actor(actor: &[u8], around: &Surroundings, seed: &dyn Fn() -> Option<[u8; 16]>, text: &mut Vec<u8>) {
    match actor.strip_prefix(&around.log.0) {
        Some([]) => return text.push(code::LOG),
        Some([n]) => return text.extend_from_slice(&[code::DERIVED, *n]),
        _ => {}
    }
    if actor == around.doc.0 {
        text.push(code::DOC);
    } else if seed().is_some_and(|seed| seed == actor) {
        text.push(code::SEED);
    } else {
        text.push(code::ACTOR);
        put_varint(text, actor.len() as u64);
        text.extend_from_slice(actor);
    }
}

impl Parts {
    /// Reads a change from `at` on; gives where it ends.
    pub(super) fn take(text: &[u8], at: usize, names: &mut Names<'_>, cut: bool) -> Option<(Parts, usize)> {
        let mut rest = text.get(at..)?;
        let place = |rest: &[u8]| text.len() - rest.len();
        let mut deps = Vec::new();
        for _ in 0..bounded(&mut rest, MAX_DEPS)? {
            deps.push(Name::take(&mut rest, text.len(), names)?);
        }
        let actor = Name::take(&mut rest, text.len(), names)?;
        let from = place(rest);
        skip_counters(&mut rest)?;
        let counters = (from, place(rest));
        let mut others = Vec::new();
        for _ in 0..bounded(&mut rest, MAX_OTHER_ACTORS)? {
            others.push(Name::take(&mut rest, text.len(), names)?);
        }
        let cut = if cut { Some(bounded(&mut rest, MAX_CHANGE as u64)? as usize) } else { None };
        let length = bounded(&mut rest, MAX_CHANGE as u64)?;
        let from = place(rest);
        take(&mut rest, length)?;
        let columns = (from, place(rest));
        Some((Parts { deps, actor, counters, others, cut, columns }, columns.1))
    }

    pub(super) fn needs_previous(&self) -> bool {
        self.deps.contains(&Name::Previous)
    }
}

impl Name {
    fn take(rest: &mut &[u8], whole: usize, names: &mut Names<'_>) -> Option<Name> {
        Some(match take(rest, 1)?[0] {
            code::HASH => {
                let at = names.at;
                names.take::<32>()?;
                Name::Hash(at)
            }
            code::GENESIS => Name::Genesis,
            code::PREVIOUS => Name::Previous,
            code::LOG => Name::Log,
            code::DERIVED => Name::Derived(take(rest, 1)?[0]),
            code::DOC => Name::Doc,
            code::SEED => Name::Seed,
            code::ACTOR => {
                let length = bounded(rest, MAX_CHANGE as u64)?;
                let from = whole - rest.len();
                take(rest, length)?;
                Name::Actor(from, whole - rest.len())
            }
            _ => return None,
        })
    }

    fn hash(self, around: &Surroundings, names: &[u8]) -> Option<[u8; 32]> {
        match self {
            Name::Hash(at) => names.get(at..at + 32)?.try_into().ok(),
            Name::Genesis => Some(genesis_hash(around.doc)),
            Name::Previous => around.previous,
            _ => None,
        }
    }

    fn put_actor(self, around: &Surroundings, text: &[u8], columns: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut with_length = |actor: &[u8]| {
            put_varint(out, actor.len() as u64);
            out.extend_from_slice(actor);
        };
        match self {
            Name::Log => with_length(&around.log.0),
            Name::Derived(n) => with_length(&[&around.log.0[..], &[n]].concat()),
            Name::Doc => with_length(&around.doc.0),
            Name::Seed => with_length(&seed_actor_bytes(around.doc, values(columns)?)),
            Name::Actor(from, to) => with_length(text.get(from..to)?),
            Name::Hash(_) | Name::Genesis | Name::Previous => return None,
        }
        Some(())
    }
}

/// The raw change again, its checksum worked out.
pub(super) fn restore(parts: &Parts, around: &Surroundings, names: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let columns = parts.columns(around, text)?;
    let mut body = Vec::with_capacity(columns.len() + 128);
    put_varint(&mut body, parts.deps.len() as u64);
    for dep in &parts.deps {
        body.extend_from_slice(&dep.hash(around, names)?);
    }
    parts.actor.put_actor(around, text, &columns, &mut body)?;
    body.extend_from_slice(text.get(parts.counters.0..parts.counters.1)?);
    put_varint(&mut body, parts.others.len() as u64);
    for other in &parts.others {
        other.put_actor(around, text, &columns, &mut body)?;
    }
    body.extend_from_slice(&columns);
    let mut raw = Vec::with_capacity(body.len() + 16);
    raw.extend_from_slice(&MAGIC);
    raw.extend_from_slice(&[0, 0, 0, 0, UNCOMPRESSED_CHANGE]);
    put_varint(&mut raw, body.len() as u64);
    raw.extend_from_slice(&body);
    let checksum = id_of(&raw).0;
    raw[4..8].copy_from_slice(&checksum[..4]);
    (raw.len() <= MAX_CHANGE).then_some(raw)
}

impl Parts {
    fn columns(&self, around: &Surroundings, text: &[u8]) -> Option<Vec<u8>> {
        let kept = text.get(self.columns.0..self.columns.1)?;
        let Some(at) = self.cut else { return Some(kept.to_vec()) };
        let (head, tail) = kept.split_at_checked(at)?;
        Some([head, guid_text(&around.guid?).as_bytes(), tail].concat())
    }
}

/// The bytes of all values, from the columns of a change.
fn values(columns: &[u8]) -> Option<&[u8]> {
    read_columns(columns)?.into_iter().find(|(number, _)| *number == VALUES).map(|(_, bytes)| bytes)
}

fn read_columns(mut rest: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut lengths = Vec::new();
    for _ in 0..bounded(&mut rest, MAX_COLUMNS)? {
        let number = bounded(&mut rest, u64::MAX)?;
        lengths.push((number, bounded(&mut rest, MAX_CHANGE as u64)?));
    }
    lengths.into_iter().map(|(number, length)| Some((number, take(&mut rest, length)?))).collect()
}

/// Sequence number, first operation, time and an empty message.
fn skip_counters<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *rest;
    for _ in 0..3 {
        bounded(rest, u64::MAX)?;
    }
    (bounded(rest, 0)? == 0).then_some(&whole[..whole.len() - rest.len()])
}

fn bounded(rest: &mut &[u8], most: u64) -> Option<u64> {
    let (value, after) = take_varint(rest)?;
    *rest = after;
    (value <= most).then_some(value)
}

fn take<'a>(rest: &mut &'a [u8], length: impl TryInto<usize>) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length.try_into().ok()?)?;
    *rest = after;
    Some(taken)
}

/// Characters of a GUID with hyphens.
const GUID_TEXT: usize = 36;

/// A GUID in lower case with hyphens.
pub(super) fn guid_text(guid: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*guid).to_string()
}

/// Texts that look like GUIDs as [`guid_text`] writes them.
pub(super) fn guids(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = move |(at, byte): (usize, &u8)| match byte {
        b'-' => hyphen(at),
        b'0'..=b'9' | b'a'..=b'f' => !hyphen(at),
        _ => false,
    };
    let all = bytes.windows(GUID_TEXT);
    let found =
        all.filter(move |text| text[8] == b'-' && text[13] == b'-' && text.iter().enumerate().all(fits));
    found.filter_map(|text| std::str::from_utf8(text).ok())
}

fn find(bytes: &[u8], guid: &[u8]) -> Option<usize> {
    let hyphen = |text: &[u8]| text[8] == b'-' && text[13] == b'-';
    bytes.windows(GUID_TEXT).position(|text| hyphen(text) && text == guid)
}
