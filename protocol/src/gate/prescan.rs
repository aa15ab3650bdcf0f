//! Step 1 of the gate: a walk over a change's raw bytes without Automerge and without taking memory.
//!
//! Nothing is expanded: every length is checked against what is left, every run length is summed and
//! bounded. Layout: Automerge's binary format, chunk type 1 (uncompressed change).

use crate::clock::take_varint;
use crate::limits::{MAX_CHANGE, MAX_COLUMNS, MAX_COUNTER, MAX_DEPS, MAX_OPS, MAX_OTHER_ACTORS};

/// What the walk has read by the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// The change's sequence number within its actor.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Hashes of the changes it depends on.
    pub deps: Vec<[u8; 32]>,
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const UNCOMPRESSED_CHANGE: u8 = 1;

/// Longest actor: an incarnation, or one with the byte of a derived actor.
const MAX_ACTOR: u64 = 17;

/// Column specifications fit in one byte of known columns; the deflate bit is bit 3.
const MAX_SPEC: u64 = 255;
const DEFLATED: u64 = 8;

/// Cells of one column: Automerge has at most four a operation (predecessors and values).
const MAX_CELLS: u64 = 4 * MAX_OPS;

/// The bounds hold; `None` when they do not.
pub fn prescan(raw: &[u8]) -> Option<Scan> {
    if raw.len() < 12 || raw.len() > MAX_CHANGE || raw[..4] != MAGIC || raw[8] != UNCOMPRESSED_CHANGE {
        return None;
    }
    let mut rest = Cursor(&raw[9..]);
    (rest.varint()? == rest.0.len() as u64).then_some(())?;
    let count = rest.bounded(MAX_DEPS)?;
    let mut deps = Vec::new();
    for _ in 0..count {
        deps.push(rest.take(32)?.try_into().ok()?);
    }
    rest.actor()?;
    let seq = rest.bounded(MAX_COUNTER)?;
    let start_op = rest.bounded(MAX_COUNTER - MAX_OPS)?;
    let (time, message) = (rest.signed()?, rest.varint()?);
    if seq == 0 || start_op == 0 || time != 0 || message != 0 {
        return None;
    }
    for _ in 0..rest.bounded(MAX_OTHER_ACTORS)? {
        rest.actor()?;
    }
    columns(&mut rest)?;
    rest.0.is_empty().then_some(Scan { seq, start_op, deps })
}

fn columns(rest: &mut Cursor<'_>) -> Option<()> {
    let mut specs = Vec::new();
    for _ in 0..rest.bounded(MAX_COLUMNS)? {
        let (spec, length) = (rest.bounded(MAX_SPEC)?, rest.varint()?);
        (spec & DEFLATED == 0).then_some(())?;
        specs.push((spec, length));
    }
    for (spec, length) in specs {
        cells(spec & 7, Cursor(rest.take(length)?))?;
    }
    Some(())
}

/// Counts the cells of one column by its kind: 7 raw values, 4 booleans, the others run-length encoded
/// (k > 0: a run, k < 0: literals, 0: nulls).
fn cells(kind: u64, mut column: Cursor<'_>) -> Option<()> {
    let mut total = 0u64;
    while kind != 7 && !column.0.is_empty() {
        if kind == 4 {
            total = total.checked_add(column.varint()?)?;
        } else {
            let run = column.signed()?;
            let (count, values) = match run {
                0 => (column.varint()?, 0),
                1.. => (run.unsigned_abs(), 1),
                _ => (run.unsigned_abs(), run.unsigned_abs()),
            };
            total = total.checked_add(count)?;
            (total <= MAX_CELLS).then_some(())?;
            for _ in 0..values {
                column.value(kind)?;
            }
        }
        (total <= MAX_CELLS).then_some(())?;
    }
    Some(())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, rest) = take_varint(self.0)?;
        self.0 = rest;
        Some(value)
    }

    fn bounded(&mut self, most: u64) -> Option<u64> {
        self.varint().filter(|n| *n <= most)
    }

    fn signed(&mut self) -> Option<i64> {
        let mut value = 0i64;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64 - (shift + 7).min(64);
                return Some(if byte & 0x40 != 0 { value << unused >> unused } else { value });
            }
        }
        None
    }

    fn actor(&mut self) -> Option<()> {
        let length = self.bounded(MAX_ACTOR)?;
        (length >= 16).then_some(())?;
        self.take(length).map(drop)
    }

    fn value(&mut self, kind: u64) -> Option<()> {
        match kind {
            5 => {
                let length = self.varint()?;
                self.take(length).map(drop)
            }
            3 => self.signed().map(drop),
            _ => self.varint().map(drop),
        }
    }
}
