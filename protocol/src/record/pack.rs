//! Packs: records of one log, written small.
//!
//! A record's bytes are what its chain covers; a pack is how a run of them is kept and sent. What both sides
//! can work out is left out (a change's checksum, the hash of a genesis, the name of the log, a document's id
//! where its GUID is there), what is random goes aside uncompressed, and the rest is compressed with a
//! dictionary. The form of every record is tried when it is written: one that would not come back bit for bit
//! is kept verbatim. Layout in `protocol/README.md`.
//!
//! Packs join: the first record of a pack refers to none before it, so what two packs inflate to can be put
//! one after the other without reading a record.

mod change;
mod squeeze;

use crate::change::id_of;
use crate::clock::{put_varint, take_varint};
use crate::domain::Kind;
use crate::id::{DocId, Incarnation};
use crate::limits::{MAX_CHANGE, MAX_SEGMENT, MAX_SEGMENT_RECORDS, SEGMENT_TARGET};
use crate::record::{RULES, Record, RecordKind};
use change::{Names, Parts, Surroundings};

/// A pack that was inflated; its records are put together when they are asked for.
pub struct Pack {
    log: Incarnation,
    names: Vec<u8>,
    text: Vec<u8>,
    entries: Vec<Entry>,
}

/// One record of a pack: what was read of it, and where the rest is.
struct Entry {
    doc: DocId,
    kind: RecordKind,
    rules: u8,
    more: bool,
    claimed_ms: u64,
    guid: Option<Guid>,
    payload: Payload,
}

enum Payload {
    Verbatim(std::ops::Range<usize>),
    Change(Parts),
}

/// The bytes of the GUID that names a document.
type Guid = [u8; 16];

const PLAIN: u8 = 0;
const SQUEEZED: u8 = 1;

/// The first byte of a record: kind (2 bits, 0: written out), document (2), a change taken apart (1), claimed
/// time (2), the GUID is cut out of the change (1).
mod tag {
    pub const KIND: u8 = 0b11;
    pub const DOC: u8 = 0b1100;
    pub const SAME_DOC: u8 = 0;
    pub const DOC_ID: u8 = 0b0100;
    pub const MARKING: u8 = 0b1000;
    pub const HISTORY: u8 = 0b1100;
    pub const CHANGE: u8 = 0b1_0000;
    pub const CLAIMED: u8 = 0b110_0000;
    pub const SAME_TIME: u8 = 0;
    pub const LATER: u8 = 0b010_0000;
    pub const TIME: u8 = 0b100_0000;
    pub const GUID: u8 = 0b1000_0000;
}

/// Packs all of `records`.
pub fn pack(log: Incarnation, records: &[Record]) -> Vec<u8> {
    let mut packer = Packer::new(log);
    packer.extend(records, records.len());
    packer.finish(records.len())
}

/// Packs `records` into packs of about `room` bytes each, which none with more than one record passes; gives how
/// many are in each.
pub fn fill(log: Incarnation, mut records: &[Record], room: usize) -> Vec<(usize, Vec<u8>)> {
    let (mut packs, mut ratio) = (Vec::new(), USUAL_RATIO);
    while !records.is_empty() {
        let (count, pack) = fill_one(log, records, room, &mut ratio);
        packs.push((count, pack));
        records = &records[count..];
    }
    packs
}

/// Packs as many of `records` as take `room` bytes, about, and at least the first. `ratio` is by how much their
/// text becomes smaller, as far as it is known.
fn fill_one(log: Incarnation, records: &[Record], room: usize, ratio: &mut f64) -> (usize, Vec<u8>) {
    let mut packer = Packer::new(log);
    let (mut best, mut over): (Option<(usize, Vec<u8>)>, _) = (None, records.len() + 1);
    let mut guess = packer.extend_to(records, room, *ratio);
    for _ in 0..TRIES {
        packer.extend(records, guess);
        let bytes = packer.finish(guess);
        let size = bytes.len();
        *ratio = packer.ratio(guess, size);
        if size <= room {
            best = Some((guess, bytes));
        } else {
            over = guess;
        }
        let low = best.as_ref().map_or(0, |(count, _)| *count);
        if (size <= room && size >= room * FULL_TENTHS / 10) || low + 1 >= over {
            break;
        }
        guess = (guess * room * 97 / 100 / size.max(1)).clamp(low + 1, over - 1);
    }
    best.unwrap_or_else(|| (1, packer.finish(1)))
}

/// Attempts to meet a size: the first goes by the ratio of the pack before, the second is mostly close.
const TRIES: usize = 4;

/// Tenths of its room from which a pack is full enough: each further try compresses it again.
const FULL_TENTHS: usize = 9;

/// One pack with the records of all, which follow each other, when it takes at most `room` bytes and is no more
/// than a segment. Reads no record.
pub fn join(packs: &[&[u8]], room: usize) -> Option<Vec<u8>> {
    let sum = |of: fn(&[u8]) -> Option<usize>| packs.iter().map(|pack| of(pack)).sum::<Option<usize>>();
    let (size, count) = (sum(inflated)?, sum(count)?);
    (count <= MAX_SEGMENT_RECORDS && size <= SEGMENT_TARGET).then_some(())?;
    let (mut names, mut text) = (Vec::new(), Vec::new());
    for pack in packs {
        let (_, more_names, more_text) = parts(pack)?;
        names.extend_from_slice(more_names);
        text.extend_from_slice(&more_text);
    }
    let joined = write(count, &names, &text);
    (joined.len() <= room).then_some(joined)
}

/// Records in a pack, without inflating it.
pub fn count(bytes: &[u8]) -> Option<usize> {
    head(bytes).map(|(_, count, _, _)| count)
}

/// Bytes that a pack inflates to, without inflating it.
pub fn inflated(bytes: &[u8]) -> Option<usize> {
    let (form, _, names, text) = head(bytes)?;
    let size = if form == PLAIN { text.len() } else { squeeze::inflated(text)? };
    Some(names.len() + size)
}

fn head(bytes: &[u8]) -> Option<(u8, usize, &[u8], &[u8])> {
    let (form, rest) = bytes.split_first()?;
    let (count, rest) = take_varint(rest)?;
    let (length, rest) = take_varint(rest)?;
    let count = usize::try_from(count).ok().filter(|n| (1..=MAX_SEGMENT_RECORDS).contains(n))?;
    let (names, text) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (*form <= SQUEEZED).then_some((*form, count, names, text))
}

fn parts(bytes: &[u8]) -> Option<(usize, &[u8], Vec<u8>)> {
    let (form, count, names, text) = head(bytes)?;
    let text = if form == PLAIN { text.to_vec() } else { squeeze::inflate(text)? };
    (names.len() + text.len() <= MAX_SEGMENT).then_some((count, names, text))
}

fn write(count: usize, names: &[u8], text: &[u8]) -> Vec<u8> {
    let squeezed = squeeze::squeeze(text).filter(|squeezed| squeezed.len() < text.len());
    let mut out = vec![if squeezed.is_some() { SQUEEZED } else { PLAIN }];
    put_varint(&mut out, count as u64);
    put_varint(&mut out, names.len() as u64);
    out.extend_from_slice(names);
    out.extend_from_slice(squeezed.as_deref().unwrap_or(text));
    out
}

/// What is compressed of `records`: what a dictionary is trained on.
pub fn text(log: Incarnation, records: &[Record]) -> Vec<u8> {
    let mut packer = Packer::new(log);
    packer.extend(records, records.len());
    packer.text
}

/// A pack in the making.
struct Packer {
    log: Incarnation,
    names: Vec<u8>,
    text: Vec<u8>,
    /// Lengths of names and text after each record.
    ends: Vec<(usize, usize)>,
    guid: Option<Guid>,
    /// Hash of the last record's change.
    previous: Option<[u8; 32]>,
}

impl Packer {
    fn new(log: Incarnation) -> Packer {
        Packer { log, names: Vec::new(), text: Vec::new(), ends: Vec::new(), guid: None, previous: None }
    }

    /// Takes the first `count` of `records`, of which it may have some.
    fn extend(&mut self, records: &[Record], count: usize) {
        for at in self.ends.len()..count.min(records.len()) {
            self.push(records, at);
        }
    }

    /// Takes as many as will fill `room` at this ratio, and at least one; gives how many.
    fn extend_to(&mut self, records: &[Record], room: usize, ratio: f64) -> usize {
        while self.ends.len() < records.len() {
            self.push(records, self.ends.len());
            let size = self.names.len() as f64 + self.text.len() as f64 / ratio;
            if size > room as f64 * AIM {
                return self.ends.len().saturating_sub(1).max(1);
            }
        }
        self.ends.len()
    }

    /// By how much the text of the first `count` records became smaller in a pack of `size` bytes.
    fn ratio(&self, count: usize, size: usize) -> f64 {
        let (names, text) = self.ends.get(count.saturating_sub(1)).copied().unwrap_or((0, 0));
        (text as f64 / size.saturating_sub(names).max(1) as f64).clamp(1.0, 100.0)
    }

    fn push(&mut self, records: &[Record], at: usize) {
        let record = &records[at];
        let before = at.checked_sub(1).map(|before| &records[before]);
        let mut tag = self.put_kind(record);
        let at_tag = self.text.len();
        self.text.push(0);
        if tag & tag::KIND == 0 {
            self.text.extend_from_slice(&[record.kind.0, record.rules, u8::from(record.more)]);
        }
        tag |= self.put_doc(record, before, records.get(at + 1));
        tag |= self.put_claimed(record, before);
        tag |= self.put_payload(record);
        self.text[at_tag] = tag;
        self.ends.push((self.names.len(), self.text.len()));
    }

    fn put_kind(&self, record: &Record) -> u8 {
        let usual = (1..=3).contains(&record.kind.0) && record.rules == RULES && !record.more;
        if usual { record.kind.0 } else { 0 }
    }

    fn put_doc(&mut self, record: &Record, before: Option<&Record>, next: Option<&Record>) -> u8 {
        if before.is_some_and(|before| before.doc == record.doc) {
            return tag::SAME_DOC;
        }
        // A note's seed names no GUID, the creation after it does.
        let next = next.filter(|next| next.doc == record.doc);
        let found = [Some(record), next].into_iter().flatten().find_map(named);
        self.guid = found.map(|(_, guid)| guid);
        self.names.extend_from_slice(found.as_ref().map_or(&record.doc.0, |(_, guid)| guid));
        match found {
            Some((Kind::Marking, _)) => tag::MARKING,
            Some(_) => tag::HISTORY,
            None => tag::DOC_ID,
        }
    }

    fn put_claimed(&mut self, record: &Record, before: Option<&Record>) -> u8 {
        let Some(before) = before else {
            put_varint(&mut self.text, record.claimed_ms);
            return tag::TIME;
        };
        match record.claimed_ms.checked_sub(before.claimed_ms) {
            Some(0) => tag::SAME_TIME,
            Some(later) => {
                put_varint(&mut self.text, later);
                tag::LATER
            }
            None => {
                put_varint(&mut self.text, record.claimed_ms);
                tag::TIME
            }
        }
    }

    fn put_payload(&mut self, record: &Record) -> u8 {
        let around =
            Surroundings { log: self.log, doc: record.doc, guid: self.guid, previous: self.previous };
        self.previous = Some(id_of(&record.payload).0);
        if record.kind != RecordKind::BLOB
            && let Some(cut) = change::put(&record.payload, &around, &mut self.names, &mut self.text)
        {
            return tag::CHANGE | if cut { tag::GUID } else { 0 };
        }
        put_varint(&mut self.text, record.payload.len() as u64);
        self.text.extend_from_slice(&record.payload);
        0
    }

    /// The pack of the first `count` records.
    fn finish(&self, count: usize) -> Vec<u8> {
        let (names, text) = count.checked_sub(1).and_then(|at| self.ends.get(at)).copied().unwrap_or((0, 0));
        write(count, &self.names[..names], &self.text[..text])
    }
}

/// How much smaller text becomes: a first guess that need not be right.
const USUAL_RATIO: f64 = 4.0;

/// How full the first try is to be: one that is too full has to be tried again.
const AIM: f64 = 0.97;

/// The GUID in a record's payload that names its document.
fn named(record: &Record) -> Option<(Kind, Guid)> {
    change::guids(&record.payload).find_map(|text| {
        let kind = [Kind::Marking, Kind::History].into_iter().find(|k| DocId::of(*k, text) == record.doc)?;
        Some((kind, *uuid::Uuid::try_parse(text).ok()?.as_bytes()))
    })
}

impl Pack {
    /// Inflates a pack and reads where everything is; bounded before memory is taken.
    pub fn open(log: Incarnation, bytes: &[u8]) -> Option<Pack> {
        let (count, names, text) = parts(bytes)?;
        let mut reader = Reader { text: &text, at: 0, names: Names { bytes: names, at: 0 } };
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for _ in 0..count {
            let entry = reader.entry(entries.last())?;
            entries.push(entry);
        }
        let whole = reader.at == text.len() && reader.names.at == names.len();
        let names = names.to_vec();
        whole.then_some(Pack { log, names, text, entries })
    }

    /// How many records it has; never none.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The document of a record.
    pub fn doc(&self, at: usize) -> Option<DocId> {
        self.entries.get(at).map(|entry| entry.doc)
    }

    /// The kind of a record.
    pub fn kind(&self, at: usize) -> Option<RecordKind> {
        self.entries.get(at).map(|entry| entry.kind)
    }

    /// One record.
    pub fn record(&self, at: usize) -> Option<Record> {
        // A change may be written after the hash of the one before it.
        let first = (0..=at).rev().find(|at| !self.entries.get(*at).is_some_and(Entry::needs_previous))?;
        let mut payload = self.payload(first, None)?;
        for at in first + 1..=at {
            payload = self.payload(at, Some(id_of(&payload).0))?;
        }
        Some(self.entries.get(at)?.record(payload))
    }

    /// Every record.
    pub fn records(&self) -> Option<Vec<Record>> {
        let mut records: Vec<Record> = Vec::with_capacity(self.entries.len());
        for (at, entry) in self.entries.iter().enumerate() {
            let previous = entry.needs_previous().then(|| records.last().map(|r| id_of(&r.payload).0));
            records.push(entry.record(self.payload(at, previous.flatten())?));
        }
        Some(records)
    }

    fn payload(&self, at: usize, previous: Option<[u8; 32]>) -> Option<Vec<u8>> {
        let entry = self.entries.get(at)?;
        match &entry.payload {
            Payload::Verbatim(range) => Some(self.text.get(range.clone())?.to_vec()),
            Payload::Change(parts) => {
                let around = Surroundings { log: self.log, doc: entry.doc, guid: entry.guid, previous };
                change::restore(parts, &around, &self.names, &self.text)
            }
        }
    }
}

impl Entry {
    fn needs_previous(&self) -> bool {
        matches!(&self.payload, Payload::Change(parts) if parts.needs_previous())
    }

    fn record(&self, payload: Vec<u8>) -> Record {
        let Entry { doc, kind, rules, more, claimed_ms, .. } = *self;
        Record { doc, kind, rules, more, claimed_ms, payload }
    }
}

/// Reads the text of a pack.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    names: Names<'a>,
}

impl Reader<'_> {
    fn entry(&mut self, before: Option<&Entry>) -> Option<Entry> {
        let tag = self.bytes(1)?[0];
        let (kind, rules, more) = match tag & tag::KIND {
            0 => (self.bytes(1)?[0], self.bytes(1)?[0], self.flag()?),
            kind => (kind, RULES, false),
        };
        let (doc, guid) = self.doc(tag, before)?;
        let claimed_ms = match tag & tag::CLAIMED {
            tag::SAME_TIME => before?.claimed_ms,
            tag::LATER => before?.claimed_ms.checked_add(self.varint()?)?,
            tag::TIME => self.varint()?,
            _ => return None,
        };
        let payload = if tag & tag::CHANGE == 0 {
            let length = usize::try_from(self.varint()?).ok().filter(|n| *n <= MAX_CHANGE)?;
            let from = self.at;
            self.bytes(length)?;
            (tag & tag::GUID == 0).then_some(Payload::Verbatim(from..self.at))?
        } else {
            let cut = tag & tag::GUID != 0;
            let (parts, at) = Parts::take(self.text, self.at, &mut self.names, cut)?;
            self.at = at;
            Payload::Change(parts)
        };
        Some(Entry { doc, kind: RecordKind(kind), rules, more, claimed_ms, guid, payload })
    }

    fn doc(&mut self, tag: u8, before: Option<&Entry>) -> Option<(DocId, Option<Guid>)> {
        if tag & tag::DOC == tag::SAME_DOC {
            return before.map(|before| (before.doc, before.guid));
        }
        let name = self.names.take::<16>()?;
        let text = || change::guid_text(&name);
        Some(match tag & tag::DOC {
            tag::MARKING => (DocId::of(Kind::Marking, &text()), Some(name)),
            tag::HISTORY => (DocId::of(Kind::History, &text()), Some(name)),
            _ => (DocId(name), None),
        })
    }

    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let taken = self.text.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes(1)?[0];
        (byte <= 1).then_some(byte == 1)
    }

    fn varint(&mut self) -> Option<u64> {
        let rest = &self.text[self.at..];
        let (value, after) = take_varint(rest)?;
        self.at += rest.len() - after.len();
        Some(value)
    }
}

#[cfg(test)]
mod tests;
