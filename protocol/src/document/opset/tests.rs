//! The set of operations against Automerge, over random histories of three devices.

use proptest::prelude::*;

use super::*;
use crate::document::{Base, BlobRef, Document, Edit, Life, Projection, load_full};
use crate::gate::{admit, screen};
use crate::record::RecordKind;

const ID: DocId = DocId([7; 16]);
const TEXTS: [&str; 5] =
    ["", "the quick fox", "the quick brown fox", "a fox, quick and brown é", "fox the quick brown dog"];

/// What somebody does next. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Edit { who: u8, base: Option<u64>, edit: Edit },
    Deliver { to: u8, change: u8 },
}

fn edits() -> impl Strategy<Value = Edit> {
    let value = prop_oneof![
        Just(Register::Null),
        (0i64..3).prop_map(Register::Int),
        "[a-c]{1}".prop_map(Register::Text),
    ];
    let name = prop_oneof![Just("color".to_owned()), Just("style".to_owned()), Just("zone".to_owned())];
    let values = prop::collection::btree_map(name, value, 0..3);
    let note = prop_oneof![
        3 => Just(None),
        4 => (0..TEXTS.len()).prop_map(|n| Some(Register::Text(TEXTS[n].into()))),
        1 => Just(Some(Register::Null)),
        1 => (0u8..2).prop_map(|n| Some(Register::Blob(BlobRef::of(&n.to_string())))),
    ];
    let life = prop_oneof![6 => Just(Life::Keep), 2 => Just(Life::Remove), 1 => Just(Life::Revive)];
    (values, note, life).prop_map(|(values, note, life)| Edit {
        values: values.into_iter().collect(),
        note,
        life,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let base = prop_oneof![1 => Just(None), 1 => any::<u64>().prop_map(Some)];
    let edit = (0u8..3, base, edits()).prop_map(|(who, base, edit)| Step::Edit { who, base, edit });
    let deliver = (0u8..3, any::<u8>()).prop_map(|(to, change)| Step::Deliver { to, change });
    prop::collection::vec(prop_oneof![2 => edit, 3 => deliver], 1..30)
}

/// One device's document in both forms, and all changes of the story.
struct Device {
    log: Incarnation,
    small: Document,
    full: Document,
    here: Vec<ChangeId>,
}

type Story = Vec<(Incarnation, RecordKind, Change)>;

impl Device {
    fn new(n: u8) -> Device {
        let full = Document::Full(Box::new(load_full(ID, []).unwrap()));
        let small = Document::Small(Box::new(OpSet::new(ID)));
        Device { log: Incarnation([n * 50 + 1; 16]), small, full, here: Vec::new() }
    }

    fn base(&self, choice: Option<u64>) -> Option<Vec<ChangeId>> {
        let chosen = |choice: u64| {
            let wanted = self.here.iter().enumerate().filter(|(n, _)| choice >> (n % 64) & 1 == 1);
            wanted.map(|(_, id)| *id).collect()
        };
        choice.map(chosen)
    }

    fn edit(&mut self, base: Option<u64>, edit: &Edit, story: &mut Story) {
        let covered = self.base(base);
        let at = covered.as_deref().map_or(Base::Present, Base::At);
        let full = self.full.write(ID, self.log, at, edit).unwrap().changes;
        let written = self.small.write(ID, self.log, at, edit).unwrap();
        let after = written.after.unwrap();
        assert!(matches!(after, Document::Small(_)), "the set wrote it");
        assert_eq!(full.len(), written.changes.len(), "both find something to write");
        for (kind, change) in written.changes {
            self.take(self.log, kind, &change);
            story.push((self.log, kind, change));
        }
        assert_eq!(after.project(), self.small.project(), "writing and folding come to the same");
    }

    /// Folds a change in both forms.
    fn take(&mut self, log: Incarnation, kind: RecordKind, change: &Change) {
        if self.here.contains(&change.id()) {
            return;
        }
        let screened = screen(ID, log, kind, change.raw()).unwrap();
        let small = admit(&self.small, ID, &screened);
        let full = admit(&self.full, ID, &screened);
        match (small, full) {
            (Ok(small), Ok(full)) => {
                assert!(matches!(small, Document::Small(_)), "the set folded it");
                (self.small, self.full) = (small, full);
                self.here.push(change.id());
            }
            (small, full) => assert_eq!(small.err(), full.err(), "both refuse"),
        }
    }

    fn compare(&self, choice: u64) {
        assert_eq!(self.small.project(), self.full.project());
        let covered = self.base(Some(choice)).unwrap();
        assert_eq!(self.small.project_at(ID, &covered), self.full.project_at(ID, &covered));
        for name in ["color", "style", key::LIFE, key::NOTE_FORM] {
            assert_eq!(self.small.had_values(name), self.full.had_values(name), "{name}");
        }
        for text in TEXTS {
            assert_eq!(self.small.note_had(text), self.full.note_had(text), "{text}");
            assert_eq!(self.small.nearest_note(text), self.full.nearest_note(text), "{text}");
        }
        assert_eq!(self.small.versions().len(), self.full.versions().len());
    }
}

fn tell(steps: &[Step]) -> Vec<Projection> {
    let mut devices = [Device::new(0), Device::new(1), Device::new(2)];
    let mut story = Story::new();
    for step in steps {
        let device = match step {
            Step::Edit { who, base, edit } => {
                devices[usize::from(*who)].edit(*base, edit, &mut story);
                who
            }
            Step::Deliver { to, change } if !story.is_empty() => {
                let (log, kind, change) = story[usize::from(*change) % story.len()].clone();
                devices[usize::from(*to)].take(log, kind, &change);
                to
            }
            Step::Deliver { .. } => continue,
        };
        devices[usize::from(*device)].compare(0x5a5a_a5a5);
    }
    for device in &mut devices {
        story.iter().for_each(|(log, kind, change)| device.take(*log, *kind, change));
        device.compare(0x1234_5678_9abc_def0);
        let raws: Vec<Vec<u8>> = story.iter().map(|(_, _, change)| change.raw().to_vec()).collect();
        assert_eq!(load_full(ID, raws).unwrap().get_changes(&[]).len(), device.here.len() + 1);
    }
    devices.iter().map(|device| device.small.project()).collect()
}

/// Comparing with Automerge after every step is slow in a build for tests.
const CASES: u32 = 64;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_small_item_is_what_automerge_makes_of_it(steps in steps()) {
        let ends = tell(&steps);
        prop_assert_eq!(&ends[0], &ends[1]);
        prop_assert_eq!(&ends[1], &ends[2]);
    }
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|asked| asked.parse().ok()).unwrap_or(CASES)
}

#[test]
fn beyond_its_bounds_an_item_is_automerges() {
    let log = Incarnation([9; 16]);
    let mut doc = Document::Small(Box::new(OpSet::new(ID)));
    for n in 0..MAX_CHANGES + 8 {
        let edit =
            Edit { values: vec![("color".into(), Register::Int(n as i64))], note: None, life: Life::Keep };
        let written = doc.write(ID, log, Base::Present, &edit).unwrap();
        doc = written.after.unwrap();
        assert_eq!(doc.project().get("color"), Some(&Register::Int(n as i64)));
        assert_eq!(matches!(doc, Document::Small(_)), n + 1 < MAX_CHANGES, "{n}");
    }
    let long = Register::Text("a long note. ".repeat(MAX_OPERATIONS / 10));
    let doc = Document::Small(Box::new(OpSet::new(ID)));
    let edit = Edit { values: Vec::new(), note: Some(long.clone()), life: Life::Keep };
    let mut after = doc.clone();
    for (kind, change) in doc.write(ID, log, Base::Present, &edit).unwrap().changes {
        after = admit(&after, ID, &screen(ID, log, kind, change.raw()).unwrap()).unwrap();
    }
    assert_eq!(after.project().get("note"), Some(&long));
}
