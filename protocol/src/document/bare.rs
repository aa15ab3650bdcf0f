//! Reading an item that is nothing but its creation, straight from the columns of its change.
//!
//! Ten times cheaper than having Automerge read the change, so that the projection of such an item need not be
//! kept beside its records. Only asked of changes that passed the gate and of which it gave the projection.

use automerge::ScalarValue;

use super::projection::{Projection, settle_note};
use super::{Register, key};
use crate::clock::take_varint;
use crate::record::pack::columns_of;

/// Columns of the operations of a change, by their numbers in Automerge's format.
mod spec {
    pub const KEYS: u64 = 0x15;
    pub const INSERT: u64 = 0x34;
    pub const ACTIONS: u64 = 0x42;
    pub const VALUE_FORMS: u64 = 0x56;
    pub const VALUES: u64 = 0x57;
    pub const PREDECESSORS: u64 = 0x70;
    pub const ALL: [u64; 6] = [KEYS, INSERT, ACTIONS, VALUE_FORMS, VALUES, PREDECESSORS];
}

/// The projection of a document with this raw creation after this raw seed of a note. `None` when the creation
/// writes anything but keys of the root.
pub fn project_bare(creation: &[u8], seed: Option<&[u8]>) -> Option<Projection> {
    let columns = columns_of(creation)?;
    columns.iter().all(|(number, _)| spec::ALL.contains(number)).then_some(())?;
    let (names, forms) = (names(column(&columns, spec::KEYS))?, forms(column(&columns, spec::VALUE_FORMS))?);
    (names.len() == forms.len()).then_some(())?;
    let mut values = column(&columns, spec::VALUES);
    let mut out = Projection::default();
    for (name, form) in names.into_iter().zip(forms) {
        let (value, rest) = values.split_at_checked(usize::try_from(form >> 4).ok()?)?;
        values = rest;
        match (name, register(form & 15, value)?) {
            (key::LIFE, Register::Int(life)) => out.removed = life % 2 != 0,
            (name, value) => drop(out.values.insert(name.to_owned(), value)),
        }
    }
    let text = match seed {
        Some(seed) => std::str::from_utf8(column(&columns_of(seed)?, spec::VALUES)).ok()?.to_owned(),
        None => String::new(),
    };
    settle_note(&mut out, text);
    Some(out)
}

fn column<'a>(columns: &[(u64, &'a [u8])], number: u64) -> &'a [u8] {
    columns.iter().find(|(n, _)| *n == number).map_or(&[], |(_, bytes)| bytes)
}

/// A value by the number of its form.
fn register(form: u64, bytes: &[u8]) -> Option<Register> {
    Register::from_scalar(&match form {
        0 => ScalarValue::Null,
        1 => ScalarValue::Boolean(false),
        2 => ScalarValue::Boolean(true),
        4 => ScalarValue::Int(signed(bytes)?.0),
        6 => return Some(Register::Text(std::str::from_utf8(bytes).ok()?.to_owned())),
        7 => ScalarValue::Bytes(bytes.to_vec()),
        _ => return None,
    })
}

/// The keys that are put: each is another one, so that the column is one run of literals.
fn names(column: &[u8]) -> Option<Vec<&str>> {
    let (run, mut rest) = signed(column)?;
    // One key alone is a run of one.
    (run < 0 || run == 1).then_some(())?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (length, after) = take_varint(rest)?;
        let (name, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
        names.push(std::str::from_utf8(name).ok()?);
        rest = after;
    }
    (names.len() as u64 == run.unsigned_abs()).then_some(names)
}

/// Form and length of each value: k > 0 is a run of one, k < 0 so many of their own.
fn forms(mut rest: &[u8]) -> Option<Vec<u64>> {
    let mut forms = Vec::new();
    while !rest.is_empty() {
        let (run, after) = signed(rest)?;
        let (first, after) = take_varint(after)?;
        rest = after;
        let count = usize::try_from(run.unsigned_abs()).ok().filter(|n| (1..=MAX_KEYS).contains(n))?;
        if run > 0 {
            forms.extend(std::iter::repeat_n(first, count));
            continue;
        }
        forms.push(first);
        for _ in 1..count {
            let (form, after) = take_varint(rest)?;
            forms.push(form);
            rest = after;
        }
    }
    Some(forms)
}

/// Keys of one item: its members and a few of ours.
const MAX_KEYS: usize = 256;

fn signed(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0i64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        let shift = 7 * at;
        value |= i64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let unused = 64 - (shift + 7);
            let value = if byte & 0x40 != 0 { value << unused >> unused } else { value };
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{BlobRef, creation, load, project, seed};
    use crate::id::{DocId, Incarnation};

    const ID: DocId = DocId([0xd0; 16]);

    #[test]
    fn what_is_read_from_columns_is_what_the_document_says() {
        let blob = Register::Blob(BlobRef::of("large"));
        let texts = |n: usize| (0..n).map(move |i| (format!("k{i}"), Register::Text("é".repeat(i % 3))));
        let mut sets: Vec<Vec<(String, Register)>> = (1..80).map(|n| texts(n).collect()).collect();
        sets.push(vec![("one".into(), Register::Null)]);
        for n in [0, 1, -1, 63, 64, -64, -65, i64::MAX / 2, i64::MIN / 2] {
            sets.push(vec![
                ("n".into(), Register::Int(n)),
                ("m".into(), Register::Int(n)),
                ("b".into(), blob.clone()),
            ]);
            sets.push(vec![(key::LIFE.into(), Register::Int(n)), ("b".into(), Register::Bool(n > 0))]);
        }
        for form in [Register::Null, Register::Text("text".into()), blob.clone()] {
            sets.push(vec![("n".into(), Register::Bool(true)), (key::NOTE_FORM.into(), form)]);
        }
        for set in &sets {
            for text in [None, Some("a note, é👩‍👩‍👧")] {
                let seed = text.map(|text| seed(ID, text));
                let values = set.iter().map(|(name, value)| (name.as_str(), value.to_scalar()));
                let made = creation(ID, Incarnation([7; 16]), seed.as_ref(), values);
                let raws = seed.iter().chain([&made]).map(|made| made.raw().to_vec());
                let whole = project(&load(ID, raws).unwrap(), None);
                let bare = project_bare(made.raw(), seed.as_ref().map(crate::document::Made::raw));
                assert_eq!(bare.as_ref(), Some(&whole), "{set:?}");
            }
        }
    }
}
