//! One app's edit of one item, at the state that app had seen.

use quire_protocol::change::Change;
use quire_protocol::document::{
    Base, BlobRef, Document, Edit, Life, Projection, Register, Written, creation, key, seed,
};
use quire_protocol::domain::Kind as ItemKind;
use quire_protocol::gate::{Screened, admit, admit_creation, screen_own};
use quire_protocol::id::{ChangeId, DocId, Incarnation};
use quire_protocol::item::{Said, beginning, differences, is_nothing, outsource};
use quire_protocol::limits::{BLOB_PART, MAX_CHANGE, MAX_INLINE, MIN_INLINE};
use quire_protocol::record::RecordKind;

use super::Batch;
use super::batch::{names, unwritable};
use super::view::{blob_part_key, read_blob};
use crate::engine::EngineError;
use crate::store::keys::SpaceNo;
use crate::store::rows::{ChangeRef, DocRow, bytes};

/// What an app had seen of a space when it made its edits.
pub(super) enum Seen<'a> {
    /// All that is here: requests without a cursor of their own act at the present.
    Everything,
    /// What this judges covered, after a cursor that this daemon gave.
    Since(&'a dyn Fn(&ChangeRef) -> bool),
    /// Nothing but what this judges covered: the application's own earlier edits.
    Nothing(&'a dyn Fn(&ChangeRef) -> bool),
}

/// What an edit came to.
pub(super) struct Done {
    /// The item as it is now.
    pub row: DocRow,
    /// Own records written, by sequence number.
    pub written: Vec<u64>,
    /// The item as the app has it: what it said over what it had seen.
    pub base: Projection,
}

/// An item to be edited.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub space: SpaceNo,
    pub kind: ItemKind,
    pub identity: &'a str,
}

impl Target<'_> {
    pub(super) fn doc(&self) -> DocId {
        DocId::of(self.kind, self.identity)
    }
}

impl Batch<'_, '_> {
    /// Does what `said` says about an item: creates it, or writes what differs from its base.
    pub(super) fn put(
        &mut self,
        target: Target<'_>,
        said: &Said,
        seen: &Seen<'_>,
    ) -> Result<Done, EngineError> {
        match self.row(target.space, target.doc())? {
            Some(row) => self.put_onto(target, row, said, seen),
            None => self.create(target, beginning(target.kind, target.identity, said)),
        }
    }

    /// Writes what differs from its base onto an item that is here.
    pub(super) fn put_onto(
        &mut self,
        target: Target<'_>,
        row: DocRow,
        said: &Said,
        seen: &Seen<'_>,
    ) -> Result<Done, EngineError> {
        let doc = target.doc();
        if row.projection.values.values().any(|value| matches!(value, Register::Blob(_))) {
            // Parts of a large value may still be in the open segment, where reading does not look.
            self.seal()?;
        }
        let originals = self.originals((target.space, doc), &row)?;
        let is_covered = |change: &ChangeRef| {
            seen.covers(change)
                || originals.get(&change.short).is_some_and(|of| of.iter().any(|c| seen.covers(c)))
        };
        let covered: Vec<bool> = row.changes.iter().map(is_covered).collect();
        if covered.iter().all(|covered| *covered) {
            let edit = self.diff(target.space, said, &row.projection);
            let base = row.projection.clone();
            return self.write(target, row, Base::Present, edit, base);
        }
        let loaded = self.document(target.space, doc, &row)?;
        self.replica.documents.put((target.space, doc), loaded.clone());
        let base = covered_changes(&loaded, &row, &covered);
        let projection = loaded.project_at(doc, &base).ok_or_else(|| unwritable("its base is unknown"))?;
        let edit = self.diff(target.space, said, &projection);
        match seen {
            Seen::Nothing(_) => self.write_unseen(target, row, &base, edit, projection, &loaded),
            _ => {
                let edit = without_known(edit, &loaded, &row.projection, &projection);
                self.write(target, row, Base::At(&base), edit, projection)
            }
        }
    }

    /// Writes an edit that has seen all there is.
    pub(super) fn write_present(
        &mut self,
        target: Target<'_>,
        row: DocRow,
        edit: Edit,
    ) -> Result<Done, EngineError> {
        let base = row.projection.clone();
        self.write(target, row, Base::Present, edit, base)
    }

    fn diff(&self, space: SpaceNo, said: &Said, base: &Projection) -> Edit {
        differences(said, base, &|blob| read_blob(&*self.rows, space, blob))
    }

    /// An edit by an app that brought no cursor: what the item ever said is an old copy, not an edit.
    fn write_unseen(
        &mut self,
        target: Target<'_>,
        row: DocRow,
        base: &[ChangeId],
        mut edit: Edit,
        seen: Projection,
        loaded: &Document,
    ) -> Result<Done, EngineError> {
        let new = |(name, value): &(String, Register)| {
            seen.get(name).is_some() || !loaded.had_values(name).iter().any(|had| had.same(value))
        };
        edit.values.retain(new);
        if edit.life == Life::Remove && had_removal(loaded) {
            edit.life = Life::Keep;
        }
        let note = edit.note.take().filter(|note| seen.get(key::NOTE).is_some() || !note_was(loaded, note));
        let mut done = self.write(target, row, Base::At(base), edit, seen)?;
        if let Some(note) = note {
            let edit = Edit { values: Vec::new(), note: Some(note.clone()), life: Life::Keep };
            let nearest = match &note {
                Register::Text(text) if done.base.get(key::NOTE).is_none() => loaded.nearest_note(text),
                _ => None,
            };
            let base: Vec<ChangeId> = nearest.into_iter().chain(base.iter().copied()).collect();
            let first = done.written;
            done = self.write(target, done.row, Base::At(&base), edit, done.base)?;
            done.written.splice(0..0, first);
        }
        Ok(done)
    }

    /// Writes an edit onto an item that is here.
    pub(super) fn write(
        &mut self,
        target: Target<'_>,
        mut row: DocRow,
        base: Base<'_>,
        edit: Edit,
        seen: Projection,
    ) -> Result<Done, EngineError> {
        if is_nothing(&edit) {
            return Ok(Done { row, written: Vec::new(), base: seen });
        }
        let (space, doc) = (target.space, target.doc());
        let loaded = self.document(space, doc, &row)?;
        let log = self.replica.mirror.log;
        let (contents, written) =
            fitting(&edit, |edit| loaded.write(doc, log, base, edit).map_err(unwritable))?;
        if written.changes.is_empty() {
            return Ok(Done { row, written: Vec::new(), base: seen });
        }
        let (after, screened) = pass(doc, log, loaded, written)?;
        let ids = names(&screened);
        let mut written = self.log_blobs(space, doc, contents)?;
        let number = self.log_number(log)?;
        let mut places = Vec::new();
        let mut arrival = 0;
        for (one, id) in screened.iter().zip(ids) {
            let (seq, at) = self.log_own(space, doc, one.kind(), one.raw().to_vec())?;
            places.push((id, number, seq));
            written.push(seq);
            arrival = at;
        }
        let projection = after.project();
        self.fold((space, doc), &mut row, Some(after), projection, &places)?;
        self.changed(arrival, space, &row, log)?;
        Ok(Done { row, written, base: seen })
    }

    /// A new item, written without a document.
    pub(super) fn create(&mut self, target: Target<'_>, edit: Edit) -> Result<Done, EngineError> {
        let (space, doc, log) = (target.space, target.doc(), self.replica.mirror.log);
        let (contents, screened) = first_changes(doc, log, edit)?;
        let (last, seed) = screened.split_last().ok_or_else(|| unwritable("it is empty"))?;
        let projection = admit_creation(doc, seed.first(), last)
            .ok_or_else(|| unwritable("it is of no creation's form"))?;
        let mut written = self.log_blobs(space, doc, contents)?;
        let number = self.log_number(log)?;
        let mut row = DocRow { projection, ..DocRow::default() };
        let (mut places, mut arrival) = (Vec::new(), 0);
        for one in &screened {
            let (seq, at) = self.log_own(space, doc, one.kind(), one.raw().to_vec())?;
            if row.row_id == 0 {
                row.row_id = at;
            }
            places.push((one.id(), number, seq));
            written.push(seq);
            arrival = at;
        }
        self.begin((space, doc), &mut row, &places)?;
        self.changed(arrival, space, &row, log)?;
        Ok(Done { row, written, base: Projection::default() })
    }

    /// Logs large values in parts, unless this log holds them already.
    pub(super) fn log_blobs(
        &mut self,
        space: SpaceNo,
        doc: DocId,
        contents: Vec<String>,
    ) -> Result<Vec<u64>, EngineError> {
        let mut written = Vec::new();
        let number = self.log_number(self.replica.mirror.log)?;
        for content in contents {
            let blob = BlobRef::of(&content);
            if super::view::has_blob(&*self.rows, space, &blob, number)? {
                continue;
            }
            for (part, chunk) in content.as_bytes().chunks(BLOB_PART).enumerate() {
                let payload = super::ingest::blob_payload(&blob, part as u64, chunk);
                let (seq, _) = self.log_own(space, doc, RecordKind::BLOB, payload)?;
                let key = blob_part_key(space, &blob, number, part as u64);
                crate::store::Writer::put(self.rows, &key, &bytes(&seq))?;
                written.push(seq);
            }
        }
        Ok(written)
    }
}

impl Seen<'_> {
    fn covers(&self, change: &ChangeRef) -> bool {
        match self {
            Seen::Everything => true,
            Seen::Since(covers) | Seen::Nothing(covers) => covers(change),
        }
    }
}

/// Names of the covered changes of a loaded document. The row keeps the beginnings of their hashes.
fn covered_changes(loaded: &Document, row: &DocRow, covered: &[bool]) -> Vec<ChangeId> {
    let wanted = |id: &ChangeId| {
        row.changes.iter().zip(covered).any(|(change, covered)| *covered && change.short == id.0[..8])
    };
    loaded.versions().into_iter().map(|v| v.change).filter(wanted).collect()
}

/// Drops what the item has said already where its author had seen nothing: equal values are no conflict, and
/// when somebody has written over them since, the author's went with them. Otherwise the same request would
/// write on its second arrival what was no news on its first.
fn without_known(mut edit: Edit, loaded: &Document, now: &Projection, base: &Projection) -> Edit {
    let unseen = |name: &str| base.get(name).is_none();
    let known = |name: &str, value: &Register| loaded.had_values(name).iter().any(|had| had.same(value));
    edit.values.retain(|(name, value)| !(unseen(name) && known(name, value)));
    let same_note = |note: &Register| {
        unseen(key::NOTE) && (now.get(key::NOTE).is_some_and(|old| old.same(note)) || note_was(loaded, note))
    };
    edit.note = edit.note.filter(|note| !same_note(note));
    edit
}

fn had_removal(loaded: &Document) -> bool {
    loaded.had_values(key::LIFE).iter().any(|life| matches!(life, Register::Int(n) if n % 2 != 0))
}

fn note_was(loaded: &Document, note: &Register) -> bool {
    match note {
        Register::Text(text) => loaded.note_had(text),
        other => loaded.had_values(key::NOTE_FORM).iter().any(|had| had.same(other)),
    }
}

/// Takes an edit's changes through the gate; gives the document after them.
fn pass(
    doc: DocId,
    log: Incarnation,
    before: Document,
    written: Written,
) -> Result<(Document, Vec<Screened>), EngineError> {
    let screened = written.changes.into_iter().map(|(kind, change)| screen_own(doc, log, kind, change));
    let screened = screened.collect::<Result<Vec<_>, _>>().map_err(unwritable)?;
    let after = match written.after {
        Some(after) => after,
        None => screened.iter().try_fold(before, |now, one| admit(&now, doc, one)).map_err(unwritable)?,
    };
    Ok((after, screened))
}

/// The changes that begin an item, past the gate: its note's seed, and one that puts every key once. With
/// the contents of the values that had to go outside for them to fit.
fn first_changes(
    doc: DocId,
    log: Incarnation,
    mut edit: Edit,
) -> Result<(Vec<String>, Vec<Screened>), EngineError> {
    let mut contents = outsource(&mut edit, MAX_INLINE);
    let mut made = begin(doc, log, &edit);
    if made.iter().any(|(_, change)| change.raw().len() > MAX_CHANGE) {
        contents.extend(outsource(&mut edit, MIN_INLINE));
        made = begin(doc, log, &edit);
    }
    let passed =
        made.into_iter().map(|(kind, change)| screen_own(doc, log, kind, change).map_err(unwritable));
    Ok((contents, passed.collect::<Result<_, _>>()?))
}

fn begin(doc: DocId, log: Incarnation, edit: &Edit) -> Vec<(RecordKind, Change)> {
    let text = match &edit.note {
        Some(Register::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let seed = text.map(|text| seed(doc, text));
    let life = Register::Int(if edit.life == Life::Remove { 1 } else { 2 });
    let form = edit.note.as_ref().map(|note| match note {
        Register::Text(_) => (key::NOTE_FORM, Register::Text("text".into())),
        other => (key::NOTE_FORM, other.clone()),
    });
    let values = [(key::LIFE, life)]
        .into_iter()
        .chain(edit.values.iter().map(|(name, value)| (name.as_str(), value.clone())))
        .chain(form);
    let change = creation(doc, log, seed.as_ref(), values);
    seed.map(|seed| (RecordKind::SEED, seed)).into_iter().chain([(RecordKind::CHANGE, change)]).collect()
}

/// Makes the changes of an edit with its large values outside; with more of them outside when a change
/// would not fit its bound.
fn fitting(
    edit: &Edit,
    make: impl Fn(&Edit) -> Result<Written, EngineError>,
) -> Result<(Vec<String>, Written), EngineError> {
    let mut last = None;
    for limit in [MAX_INLINE, MIN_INLINE] {
        let mut edit = edit.clone();
        let contents = outsource(&mut edit, limit);
        let changes = make(&edit)?;
        let fits = changes.changes.iter().all(|(_, change)| change.raw().len() <= MAX_CHANGE);
        last = Some((contents, changes));
        if fits {
            break;
        }
    }
    last.ok_or_else(|| unwritable("no limit"))
}
