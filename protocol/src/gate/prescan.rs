//! Step 1 of the gate: a walk over a change's raw bytes without Automerge and without taking memory.
//!
//! Nothing is expanded: every length is checked against what is left, every run length is summed and
//! bounded. Layout: Automerge's binary format, chunk type 1 (uncompressed change).

use crate::change::{MAGIC, Reader, UNCOMPRESSED_CHANGE};
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
    let mut rest = Reader(&raw[9..]);
    (rest.unsigned()? == rest.0.len() as u64).then_some(())?;
    let count = bounded(&mut rest, MAX_DEPS)?;
    let mut deps = Vec::new();
    for _ in 0..count {
        deps.push(rest.take(32)?.try_into().ok()?);
    }
    skip_actor(&mut rest)?;
    let seq = bounded(&mut rest, MAX_COUNTER)?;
    let start_op = bounded(&mut rest, MAX_COUNTER - MAX_OPS)?;
    let (time, message) = (rest.signed()?, rest.unsigned()?);
    if seq == 0 || start_op == 0 || time != 0 || message != 0 {
        return None;
    }
    for _ in 0..bounded(&mut rest, MAX_OTHER_ACTORS)? {
        skip_actor(&mut rest)?;
    }
    columns(&mut rest)?;
    rest.0.is_empty().then_some(Scan { seq, start_op, deps })
}

fn columns(rest: &mut Reader<'_>) -> Option<()> {
    let mut specs = Vec::new();
    for _ in 0..bounded(rest, MAX_COLUMNS)? {
        let (spec, length) = (bounded(rest, MAX_SPEC)?, rest.unsigned()?);
        (spec & DEFLATED == 0).then_some(())?;
        specs.push((spec, length));
    }
    for (spec, length) in specs {
        cells(spec & 7, Reader(rest.take(length)?))?;
    }
    Some(())
}

/// Counts the cells of one column by its kind: 7 raw values, 4 booleans, the others run-length encoded
/// (k > 0: a run, k < 0: literals, 0: nulls).
fn cells(kind: u64, mut column: Reader<'_>) -> Option<()> {
    let mut total = 0u64;
    while kind != 7 && !column.0.is_empty() {
        if kind == 4 {
            total = total.checked_add(column.unsigned()?)?;
        } else {
            let run = column.signed()?;
            let (count, values) = match run {
                0 => (column.unsigned()?, 0),
                1.. => (run.unsigned_abs(), 1),
                _ => (run.unsigned_abs(), run.unsigned_abs()),
            };
            total = total.checked_add(count)?;
            (total <= MAX_CELLS).then_some(())?;
            for _ in 0..values {
                skip_value(&mut column, kind)?;
            }
        }
        (total <= MAX_CELLS).then_some(())?;
    }
    Some(())
}

fn bounded(rest: &mut Reader<'_>, most: u64) -> Option<u64> {
    rest.unsigned().filter(|n| *n <= most)
}

fn skip_actor(rest: &mut Reader<'_>) -> Option<()> {
    let length = bounded(rest, MAX_ACTOR)?;
    (length >= 16).then_some(())?;
    rest.take(length).map(drop)
}

fn skip_value(column: &mut Reader<'_>, kind: u64) -> Option<()> {
    match kind {
        5 => {
            let length = column.unsigned()?;
            column.take(length).map(drop)
        }
        3 => column.signed().map(drop),
        _ => column.unsigned().map(drop),
    }
}
