//! An honest story of one item: two devices write it, apart and together.

use std::sync::OnceLock;

use quire_protocol::change::{Change, Echoes};
use quire_protocol::document::{Base, Document, Edit, Life, Register, creation, load, seed};
use quire_protocol::gate::{admit, screen};
use quire_protocol::id::{ChangeId, DocId, Incarnation};
use quire_protocol::record::RecordKind;

pub const ID: DocId = DocId([0xd0; 16]);

/// Whose log the changes of the input are in.
pub const MALLORY: Incarnation = Incarnation([0x6d; 16]);

const ANNE: Incarnation = Incarnation([1; 16]);
const BERT: Incarnation = Incarnation([2; 16]);

/// Whose log forked: of what it wrote there are echoes.
const LOST: Incarnation = Incarnation([3; 16]);

/// A change of the story.
pub struct Known {
    pub log: Incarnation,
    pub kind: RecordKind,
    pub change: Change,
}

/// The changes, dependencies first.
pub fn story() -> &'static [Known] {
    static TOLD: OnceLock<Vec<Known>> = OnceLock::new();
    TOLD.get_or_init(tell)
}

fn tell() -> Vec<Known> {
    let typed = seed(ID, "a note");
    let values =
        [("life", Register::Int(2)), ("color", Register::Text("red".into())), ("type", Register::Int(1))];
    let made = creation(ID, ANNE, Some(&typed), values);
    let first = [made.id()];
    let mut told = vec![
        Known { log: ANNE, kind: RecordKind::SEED, change: typed },
        Known { log: ANNE, kind: RecordKind::CHANGE, change: made },
    ];
    let edits = [
        (ANNE, Base::Present, edit(Some("blue"), None)),
        (BERT, Base::At(&first), edit(Some("green"), Some("another note"))),
        (ANNE, Base::At(&first), edit(None, Some("a longer note"))),
        (BERT, Base::Present, edit(Some("white"), Some("the last note"))),
        (ANNE, Base::At(&first), Edit { life: Life::Remove, ..edit(None, None) }),
    ];
    for (log, base, edit) in edits {
        write(&mut told, log, base, &edit);
    }
    echo(&mut told);
    told
}

/// Two changes that nobody has any more but by their echoes.
fn echo(told: &mut Vec<Known>) {
    let (begun, mut echoes) = (told.len(), Echoes::default());
    for said in [edit(Some("grey"), Some("a lost note")), edit(Some("pink"), Some("a lost, longer note"))] {
        write(told, LOST, Base::Present, &said);
    }
    let echo = |lost: Known| {
        let (kind, change) = echoes.of(ID, lost.kind, &lost.change);
        Known { log: BERT, kind, change }
    };
    let echoed: Vec<Known> = told.split_off(begun).into_iter().map(echo).collect();
    told.extend(echoed);
}

fn edit(color: Option<&str>, note: Option<&str>) -> Edit {
    let text = |text: &str| Register::Text(text.into());
    let values = color.map(|color| ("color".to_owned(), text(color))).into_iter().collect();
    Edit { values, note: note.map(text), life: Life::Keep }
}

fn write(told: &mut Vec<Known>, log: Incarnation, base: Base<'_>, edit: &Edit) {
    let mut document = document(told);
    let Ok(written) = document.write(ID, log, base, edit) else { panic!("an honest edit") };
    for (kind, change) in written.changes {
        let passed = screen(ID, log, kind, change.raw()).and_then(|passed| admit(&document, ID, &passed));
        document = match passed {
            Ok(after) => after,
            Err(reason) => panic!("an honest edit: {reason}"),
        };
        told.push(Known { log, kind, change });
    }
}

fn document(told: &[Known]) -> Document {
    match load(ID, told.iter().map(|known| known.change.raw().to_vec()).collect()) {
        Ok(document) => document,
        Err(error) => panic!("an honest story: {error}"),
    }
}

/// Names of all changes of the story.
pub fn names() -> impl Iterator<Item = ChangeId> {
    story().iter().map(|known| known.change.id())
}
