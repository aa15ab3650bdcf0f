//! Reading an item that is nothing but its creation, straight from its records: its projection need not be kept
//! beside them. Only asked of changes that passed the gate and of which it gave the projection.

use super::projection::{Projection, project_creation};
use crate::change::Change;

/// The projection of a document with this raw creation after this raw seed of a note. `None` when the creation
/// writes anything but keys of the root.
pub fn project_bare(creation: &[u8], seed: Option<&[u8]>) -> Option<Projection> {
    let text = match seed {
        Some(seed) => Some(Change::read_again(seed.to_vec())?.inserted_text()),
        None => None,
    };
    project_creation(&Change::read_again(creation.to_vec())?, text.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{BlobRef, Register, creation, key, load, seed};
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
                let values = set.iter().map(|(name, value)| (name.as_str(), value.clone()));
                let made = creation(ID, Incarnation([7; 16]), seed.as_ref(), values);
                let raws = seed.iter().chain([&made]).map(|made| made.raw().to_vec()).collect();
                let whole = load(ID, raws).unwrap().project();
                let bare = project_bare(made.raw(), seed.as_ref().map(Change::raw));
                assert_eq!(bare.as_ref(), Some(&whole), "{set:?}");
            }
        }
    }
}
