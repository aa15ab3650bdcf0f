//! From Automerge's binary form.

use super::column::{Reader, read_differences, read_flags, read_runs};
use super::{Action, Actor, Draft, HASHED_FROM, MAGIC, Object, Op, OpId, Place, UNCOMPRESSED_CHANGE};
use crate::document::Register;
use crate::id::ChangeId;
use crate::limits::{MAX_COLUMNS, MAX_COUNTER, MAX_DEPS, MAX_OPS, MAX_OTHER_ACTORS};

/// Columns by their specification: identity and kind.
pub(super) mod spec {
    pub const OBJECT_ACTOR: u64 = 0x01;
    pub const OBJECT_COUNTER: u64 = 0x02;
    pub const KEY_ACTOR: u64 = 0x11;
    pub const KEY_COUNTER: u64 = 0x13;
    pub const KEY_NAME: u64 = 0x15;
    pub const INSERT: u64 = 0x34;
    pub const ACTION: u64 = 0x42;
    pub const VALUE_KIND: u64 = 0x56;
    pub const VALUE: u64 = 0x57;
    pub const REPLACED: u64 = 0x70;
    pub const REPLACED_ACTOR: u64 = 0x71;
    pub const REPLACED_COUNTER: u64 = 0x73;
}

/// Actions by their number.
pub(super) mod action {
    pub const MAKE_MAP: u64 = 0;
    pub const PUT: u64 = 1;
    pub const DELETE: u64 = 3;
    pub const MAKE_TEXT: u64 = 4;
}

/// Kinds of values: the low four bits; the rest is the length.
pub(super) mod value {
    pub const NULL: u64 = 0;
    pub const FALSE: u64 = 1;
    pub const TRUE: u64 = 2;
    pub const INT: u64 = 4;
    pub const TEXT: u64 = 6;
    pub const BYTES: u64 = 7;
}

/// Reads a change of this name; gives it and the other actors that it names.
pub(super) fn decode(raw: &[u8], id: ChangeId) -> Option<(Draft, Vec<Actor>)> {
    let fits = raw.starts_with(&MAGIC)
        && raw.get(HASHED_FROM) == Some(&UNCOMPRESSED_CHANGE)
        && raw[4..HASHED_FROM] == id.0[..4];
    fits.then_some(())?;
    let mut rest = Reader(&raw[HASHED_FROM + 1..]);
    (rest.unsigned()? == rest.0.len() as u64).then_some(())?;
    let deps = (0..bounded(&mut rest, MAX_DEPS)?).map(|_| Some(ChangeId(rest.take(32)?.try_into().ok()?)));
    let deps = deps.collect::<Option<Vec<_>>>()?;
    let actor = take_actor(&mut rest)?;
    let (seq, start_op) = (rest.unsigned()?, rest.unsigned()?);
    let (time, message) = (rest.signed()?, rest.unsigned()?);
    (time == 0 && message == 0).then_some(())?;
    let count = bounded(&mut rest, MAX_OTHER_ACTORS)?;
    let others = (0..count).map(|_| take_actor(&mut rest)).collect::<Option<Vec<_>>>()?;
    let columns = Columns::take(&mut rest)?;
    rest.0.is_empty().then_some(())?;
    let ops = columns.ops(&[&[actor], &others[..]].concat())?;
    Some((Draft { actor, seq, start_op, deps, ops }, others))
}

fn bounded(rest: &mut Reader<'_>, most: u64) -> Option<u64> {
    rest.unsigned().filter(|n| *n <= most)
}

fn take_actor(rest: &mut Reader<'_>) -> Option<Actor> {
    let length = rest.unsigned()?;
    Actor::of(rest.take(length)?)
}

/// The columns of a change as they are in its bytes.
struct Columns<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Columns<'a> {
    fn take(rest: &mut Reader<'a>) -> Option<Columns<'a>> {
        let count = bounded(rest, MAX_COLUMNS)?;
        let head = |_| Some((rest.unsigned()?, rest.unsigned()?));
        let heads = (0..count).map(head).collect::<Option<Vec<_>>>()?;
        let body = |(spec, length)| Some((spec, rest.take(length)?));
        Some(Columns(heads.into_iter().map(body).collect::<Option<Vec<_>>>()?))
    }

    fn get(&self, spec: u64) -> &'a [u8] {
        self.0.iter().find(|(s, _)| *s == spec).map_or(&[], |(_, bytes)| bytes)
    }

    fn ops(&self, actors: &[Actor]) -> Option<Vec<Op>> {
        let most = MAX_OPS as usize;
        let actions = read_runs::<u64>(self.get(spec::ACTION), most)?;
        let count = actions.len();
        let object_actor = read_runs::<u64>(self.get(spec::OBJECT_ACTOR), count)?;
        let object_counter = read_runs::<u64>(self.get(spec::OBJECT_COUNTER), count)?;
        let key_actor = read_runs::<u64>(self.get(spec::KEY_ACTOR), count)?;
        let key_counter = read_differences(self.get(spec::KEY_COUNTER), count)?;
        let key_name = read_runs::<&str>(self.get(spec::KEY_NAME), count)?;
        let insert = read_flags(self.get(spec::INSERT), count)?;
        let kinds = read_runs::<u64>(self.get(spec::VALUE_KIND), count)?;
        let mut values = Reader(self.get(spec::VALUE));
        let replaced = read_runs::<u64>(self.get(spec::REPLACED), count)?;
        let replaced_actor = read_runs::<u64>(self.get(spec::REPLACED_ACTOR), most)?;
        let replaced_counter = read_differences(self.get(spec::REPLACED_COUNTER), most)?;
        let named = |actor: u64, counter: u64| {
            let known = (1..MAX_COUNTER).contains(&counter);
            known.then_some(OpId { counter, actor: *actors.get(usize::try_from(actor).ok()?)? })
        };
        let mut names = replaced_actor.into_iter().zip(replaced_counter);
        let mut ops = Vec::with_capacity(count);
        for (i, action) in actions.into_iter().enumerate() {
            let object = match (cell(&object_actor, i), cell(&object_counter, i)) {
                (None, None) => Object::Root,
                (Some(actor), Some(counter)) => Object::Made(named(actor, counter)?),
                _ => return None,
            };
            let place = match (cell(&key_name, i), cell(&key_actor, i), cell(&key_counter, i)) {
                (Some(name), None, None) => Place::Name(name.to_owned()),
                (None, None, Some(0)) => Place::Head,
                (None, Some(actor), Some(counter)) => Place::Element(named(actor, counter)?),
                _ => return None,
            };
            let value = take_value(cell(&kinds, i)?, &mut values)?;
            let action = match (action?, value) {
                (action::PUT, value) => Action::Put(value),
                (action::DELETE, Register::Null) => Action::Delete,
                (action::MAKE_MAP, Register::Null) => Action::MakeMap,
                (action::MAKE_TEXT, Register::Null) => Action::MakeText,
                _ => return None,
            };
            let name = |_| match names.next()? {
                (Some(actor), Some(counter)) => named(actor, counter),
                _ => None,
            };
            let replaces = (0..cell(&replaced, i)?).map(name).collect::<Option<Vec<_>>>()?;
            let insert = insert.get(i).copied().unwrap_or(false);
            ops.push(Op { object, place, insert, action, replaces });
        }
        (values.0.is_empty() && names.next().is_none()).then_some(ops)
    }
}

fn cell<T: Copy>(column: &[Option<T>], at: usize) -> Option<T> {
    column.get(at).copied().flatten()
}

fn take_value(kind: u64, values: &mut Reader<'_>) -> Option<Register> {
    let bytes = values.take(kind >> 4)?;
    Some(match (kind & 0x0f, bytes) {
        (value::NULL, []) => Register::Null,
        (value::FALSE, []) => Register::Bool(false),
        (value::TRUE, []) => Register::Bool(true),
        (value::INT, _) => {
            let mut reader = Reader(bytes);
            let number = reader.signed()?;
            reader.0.is_empty().then_some(Register::Int(number))?
        }
        (value::TEXT, _) => Register::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        (value::BYTES, _) => Register::from_bytes(bytes)?,
        _ => return None,
    })
}
