//! Changes made of the fuzzer's bytes.

use quire_protocol::change::{Action, Actor, Change, Draft, Object, OpId, Part, Place};
use quire_protocol::document::{Register, genesis};
use quire_protocol::id::ChangeId;
use sha2::{Digest, Sha256};

use super::story::{ID, MALLORY, names, story};

/// What every chunk begins with.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Bytes before the length: magic, checksum, type.
const HEAD: usize = 9;

/// An uncompressed change with these bytes for a body: length and checksum are right.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut chunk = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        chunk.push(length as u8 | 0x80);
        length >>= 7;
    }
    chunk.push(length as u8);
    chunk.extend_from_slice(body);
    let checksum = Sha256::digest(&chunk);
    [&MAGIC, &checksum[..4], &chunk[..]].concat()
}

/// An honest change as mallory's own, of which bytes are replaced, added or taken away.
pub fn damaged(program: &[u8]) -> Vec<u8> {
    let Some((which, edits)) = program.split_first() else { return Vec::new() };
    let raw = template(*which).raw().to_vec();
    let length = raw[HEAD..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let mut body = raw[HEAD + length..].to_vec();
    for edit in edits.chunks_exact(3) {
        let at = (usize::from(edit[0] & 0x3f) << 8 | usize::from(edit[1])) % body.len().max(1);
        match edit[0] >> 6 {
            0 | 1 if !body.is_empty() => body[at] = edit[2],
            2 => body.insert(at, edit[2]),
            3 if !body.is_empty() => drop(body.remove(at)),
            _ => {}
        }
    }
    sealed(&body)
}

/// A change of the story, written as if mallory had made it.
fn template(which: u8) -> Change {
    Change::make(draft(which))
}

fn draft(which: u8) -> Draft {
    let known = &story()[usize::from(which) % story().len()];
    let change = &known.change;
    let others = change.ops().to_vec();
    let (actor, seq) = (Actor::from(MALLORY.0), 1);
    Draft { actor, seq, start_op: change.start_op(), deps: change.deps().to_vec(), ops: others }
}

/// An honest change as mallory's own with other fields, in the form in which Automerge would write it.
pub fn altered(program: &[u8]) -> Vec<u8> {
    let Some((which, edits)) = program.split_first() else { return Vec::new() };
    let mut draft = draft(*which);
    for edit in edits.chunks_exact(3) {
        alter(&mut draft, edit[0], edit[1], edit[2]);
    }
    draft.deps.sort_unstable_by_key(|dep| dep.0);
    draft.deps.dedup();
    for op in &mut draft.ops {
        op.replaces.sort_unstable();
        op.replaces.dedup();
    }
    Change::make(draft).raw().to_vec()
}

fn alter(draft: &mut Draft, what: u8, which: u8, value: u8) {
    let count = draft.ops.len();
    let at = usize::from(which) % count.max(1);
    match (what % 12, draft.ops.get_mut(at)) {
        (0, _) => draft.deps.push(dependency(value)),
        (1, _) => drop(draft.deps.pop()),
        (2, _) => draft.start_op = draft.start_op.wrapping_add_signed(i64::from(value as i8)).max(1),
        (3, _) => draft.seq = u64::from(value),
        (4, Some(op)) => op.replaces.push(operation(which, value)),
        (5, Some(op)) => op.replaces.clear(),
        (6, Some(op)) => op.place = place(which, value),
        (7, Some(op)) => op.object = object(value),
        (8, Some(op)) => op.action = action(value),
        (9, Some(op)) => op.insert = !op.insert,
        (10, _) if count > 0 => drop(draft.ops.remove(at)),
        (11, Some(op)) => {
            let again = op.clone();
            draft.ops.push(again);
        }
        _ => {}
    }
}

fn dependency(value: u8) -> ChangeId {
    let all: Vec<ChangeId> = names().chain([genesis(ID).id(), ChangeId([value; 32])]).collect();
    all[usize::from(value) % all.len()]
}

/// An operation of the story, of the genesis, or near one.
fn operation(which: u8, value: u8) -> OpId {
    let known = &story()[usize::from(value >> 4) % story().len()].change;
    match value >> 4 {
        14 => OpId { counter: u64::from(value & 3) + 1, actor: Actor::from(ID.0) },
        15 => OpId { counter: u64::from(which), actor: Actor::from(MALLORY.0) },
        _ => OpId { counter: known.start_op() + u64::from(value & 15), actor: known.actor() },
    }
}

fn place(which: u8, value: u8) -> Place {
    match which >> 6 {
        0 => Place::Name(
            ["color", "type", "life", "note", "props", "", "x"][usize::from(value) % 7].to_owned(),
        ),
        1 => Place::Head,
        _ => Place::Element(operation(which, value)),
    }
}

fn object(value: u8) -> Object {
    match value % 5 {
        0 => Object::Root,
        1 => Part::Note.object(ID),
        2 => Part::Props.object(ID),
        3 => Part::Refs.object(ID),
        _ => Object::Made(operation(value, value)),
    }
}

fn action(value: u8) -> Action {
    match value % 8 {
        0 => Action::Delete,
        1 => Action::MakeMap,
        2 => Action::MakeText,
        3 => Action::Put(Register::Text("xy".into())),
        4 => Action::Put(Register::Text("z".into())),
        5 => Action::Put(Register::Int(i64::MIN)),
        6 => Action::Put(Register::Null),
        _ => Action::Put(Register::Bool(true)),
    }
}
