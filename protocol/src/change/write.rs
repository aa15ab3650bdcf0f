//! To Automerge's binary form.

use super::column::{put_signed, write_differences, write_flags, write_runs};
use super::read::{action, spec, value};
use super::{Action, Actor, Draft, HASHED_FROM, MAGIC, Object, Op, OpId, Place, UNCOMPRESSED_CHANGE, id_of};
use crate::clock::put_varint;
use crate::document::Register;

/// Writes a change; gives its bytes and the other actors that it names, in order.
pub(super) fn encode(draft: &Draft) -> (Vec<u8>, Vec<Actor>) {
    let others = others(draft);
    let mut body = Vec::with_capacity(64 + 48 * draft.ops.len());
    put_varint(&mut body, draft.deps.len() as u64);
    draft.deps.iter().for_each(|dep| body.extend_from_slice(&dep.0));
    put_actor(&mut body, draft.actor);
    put_varint(&mut body, draft.seq);
    put_varint(&mut body, draft.start_op);
    // No time and no message: both would be a claim that nobody checks.
    put_signed(&mut body, 0);
    put_varint(&mut body, 0);
    put_varint(&mut body, others.len() as u64);
    others.iter().for_each(|actor| put_actor(&mut body, *actor));
    put_columns(&mut body, &columns(draft, &others));
    (chunk(&body), others)
}

fn chunk(body: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(body.len() + 16);
    raw.extend_from_slice(&MAGIC);
    raw.extend_from_slice(&[0; 4]);
    raw.push(UNCOMPRESSED_CHANGE);
    put_varint(&mut raw, body.len() as u64);
    raw.extend_from_slice(body);
    let checksum = id_of(&raw);
    raw[4..HASHED_FROM].copy_from_slice(&checksum.0[..4]);
    raw
}

fn put_actor(out: &mut Vec<u8>, actor: Actor) {
    put_varint(out, actor.as_slice().len() as u64);
    out.extend_from_slice(actor.as_slice());
}

fn put_columns(out: &mut Vec<u8>, columns: &[(u64, Vec<u8>)]) {
    let present = || columns.iter().filter(|(_, bytes)| !bytes.is_empty());
    put_varint(out, present().count() as u64);
    for (spec, bytes) in present() {
        put_varint(out, *spec);
        put_varint(out, bytes.len() as u64);
    }
    present().for_each(|(_, bytes)| out.extend_from_slice(bytes));
}

/// Every actor that an operation names besides the author, in order.
fn others(draft: &Draft) -> Vec<Actor> {
    let mut others = Vec::new();
    let mut add = |id: &OpId| {
        if id.actor != draft.actor
            && let Err(at) = others.binary_search(&id.actor)
        {
            others.insert(at, id.actor);
        }
    };
    for op in &draft.ops {
        if let Object::Made(id) = &op.object {
            add(id);
        }
        if let Place::Element(id) = &op.place {
            add(id);
        }
        op.replaces.iter().for_each(&mut add);
    }
    others
}

fn columns(draft: &Draft, others: &[Actor]) -> [(u64, Vec<u8>); 12] {
    let ops = &draft.ops;
    let number = |id: &OpId| match others.binary_search(&id.actor) {
        Ok(at) => at as u64 + 1,
        Err(_) => 0,
    };
    let object = |op: &Op| match &op.object {
        Object::Root => None,
        Object::Made(id) => Some(*id),
    };
    let objects: Vec<Option<OpId>> = ops.iter().map(object).collect();
    let object_actor: Vec<_> = objects.iter().map(|id| id.as_ref().map(number)).collect();
    let object_counter: Vec<_> = objects.iter().map(|id| id.map(|id| id.counter)).collect();
    let key_actor: Vec<_> = ops.iter().map(|op| element(op).as_ref().map(number)).collect();
    let key_counter: Vec<_> = ops.iter().map(key_counter).collect();
    let key_name: Vec<_> = ops.iter().map(name).collect();
    let actions: Vec<_> = ops.iter().map(|op| Some(action_number(&op.action))).collect();
    let (kinds, values) = values(ops);
    let replaced: Vec<_> = ops.iter().map(|op| Some(op.replaces.len() as u64)).collect();
    let names: Vec<&OpId> = ops.iter().flat_map(|op| &op.replaces).collect();
    let replaced_actor: Vec<_> = names.iter().map(|id| Some(number(id))).collect();
    let replaced_counter: Vec<_> = names.iter().map(|id| Some(id.counter)).collect();
    [
        (spec::OBJECT_ACTOR, write_runs(&object_actor)),
        (spec::OBJECT_COUNTER, write_runs(&object_counter)),
        (spec::KEY_ACTOR, write_runs(&key_actor)),
        (spec::KEY_COUNTER, write_differences(&key_counter)),
        (spec::KEY_NAME, write_runs(&key_name)),
        (spec::INSERT, write_flags(ops.iter().map(|op| op.insert))),
        (spec::ACTION, write_runs(&actions)),
        (spec::VALUE_KIND, write_runs(&kinds)),
        (spec::VALUE, values),
        (spec::REPLACED, write_runs(&replaced)),
        (spec::REPLACED_ACTOR, write_runs(&replaced_actor)),
        (spec::REPLACED_COUNTER, write_differences(&replaced_counter)),
    ]
}

fn element(op: &Op) -> Option<OpId> {
    match &op.place {
        Place::Element(id) => Some(*id),
        _ => None,
    }
}

fn key_counter(op: &Op) -> Option<u64> {
    match &op.place {
        Place::Name(_) => None,
        Place::Head => Some(0),
        Place::Element(id) => Some(id.counter),
    }
}

fn name(op: &Op) -> Option<&str> {
    match &op.place {
        Place::Name(name) => Some(name),
        _ => None,
    }
}

fn action_number(action: &Action) -> u64 {
    match action {
        Action::Put(_) => action::PUT,
        Action::Delete => action::DELETE,
        Action::MakeMap => action::MAKE_MAP,
        Action::MakeText => action::MAKE_TEXT,
    }
}

fn values(ops: &[Op]) -> (Vec<Option<u64>>, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut kind = |op: &Op| {
        let before = bytes.len();
        let kind = match &op.action {
            Action::Put(register) => put_value(register, &mut bytes),
            _ => value::NULL,
        };
        Some(((bytes.len() - before) as u64) << 4 | kind)
    };
    let kinds = ops.iter().map(&mut kind).collect();
    (kinds, bytes)
}

fn put_value(register: &Register, out: &mut Vec<u8>) -> u64 {
    match register {
        Register::Null => value::NULL,
        Register::Bool(false) => value::FALSE,
        Register::Bool(true) => value::TRUE,
        Register::Int(number) => {
            put_signed(out, *number);
            value::INT
        }
        Register::Text(text) => {
            out.extend_from_slice(text.as_bytes());
            value::TEXT
        }
        Register::Blob(blob) => {
            out.extend_from_slice(&blob.to_bytes());
            value::BYTES
        }
    }
}
