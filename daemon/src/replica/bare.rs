//! Items that are nothing but their creation: their rows say where its records are, and are completed from them.

use quire_protocol::change::id_of;
use quire_protocol::document::{self, Projection, project_bare};
use quire_protocol::id::{ChangeId, DocId};
use quire_protocol::record::Record;

use super::Batch;
use super::blocks::missing;
use crate::store::keys::{Key, Kind, SpaceNo};
use crate::store::rows::{Bare, ChangeRef, DocRow, Stored};
use crate::store::{Result, StoreError};

/// A whole row from what is stored. `record` gives a record of the row's log and its arrival.
pub(super) fn complete(stored: Stored, record: impl Fn(u32, u64) -> Result<(Record, u64)>) -> Result<DocRow> {
    let bare = match stored {
        Stored::Whole(row) => return Ok(row),
        Stored::Bare(bare) => bare,
    };
    let (records, row_id) = records(bare, record)?;
    let changes = references(&records, bare);
    Ok(DocRow { row_id, changes, snapshot: None, projection: said_by(&records)? })
}

/// What an item says that is nothing but its creation, without the names of its changes, and the arrival of the
/// creation.
pub(super) fn read_bare(
    bare: Bare,
    record: impl Fn(u32, u64) -> Result<(Record, u64)>,
) -> Result<(DocRow, u64)> {
    let last = std::cell::Cell::new(0);
    let noted = |log, seq| record(log, seq).inspect(|(_, arrival)| last.set(*arrival));
    let (records, row_id) = records(bare, noted)?;
    let row = DocRow { row_id, projection: said_by(&records)?, ..DocRow::default() };
    Ok((row, last.get()))
}

fn said_by(records: &[Record]) -> Result<Projection> {
    let projection = match records {
        [seed, creation] => project_bare(&creation.payload, Some(&seed.payload)),
        [creation] => project_bare(&creation.payload, None),
        _ => None,
    };
    projection.ok_or_else(|| damaged(records))
}

/// The records of a bare item, and the arrival of the first.
fn records(bare: Bare, record: impl Fn(u32, u64) -> Result<(Record, u64)>) -> Result<(Vec<Record>, u64)> {
    let (first, row_id) = record(bare.log, bare.seq)?;
    let mut records = vec![first];
    if bare.seed {
        records.push(record(bare.log, bare.seq + 1)?.0);
    }
    Ok((records, row_id))
}

fn references(records: &[Record], bare: Bare) -> Vec<ChangeRef> {
    let named = records.iter().zip(bare.seq..);
    named.map(|(record, seq)| reference(id_of(&record.payload), bare.log, seq)).collect()
}

fn damaged(records: &[Record]) -> StoreError {
    let doc = records.first().map_or_else(String::new, |first| first.doc.to_string());
    StoreError::Damaged(format!("the creation of document {doc}"))
}

/// How a row names a change.
pub(super) fn reference(change: ChangeId, log: u32, seq: u64) -> ChangeRef {
    let mut short = [0; 8];
    short.copy_from_slice(&change.0[..8]);
    ChangeRef { log, seq, short }
}

impl Batch<'_, '_> {
    /// The row of a bare item. Who asks for it here writes to it next: its document is kept loaded.
    pub(super) fn load_bare(&mut self, space: SpaceNo, doc: DocId, bare: Bare) -> Result<DocRow> {
        let (records, row_id) = records(bare, |log, seq| self.record(space, log, seq))?;
        let changes = references(&records, bare);
        let raws = records.iter().map(|record| record.payload.clone()).collect();
        let loaded = document::load(doc, raws).map_err(|_| damaged(&records))?;
        let projection = loaded.project();
        self.replica.documents.put((space, doc), loaded);
        Ok(DocRow { row_id, changes, snapshot: None, projection })
    }

    /// Writes the row of a new item: where the records are that say all of it. Read from them it is what
    /// `admit_creation` gave for them.
    pub(super) fn begin(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: &mut DocRow,
        places: &[(ChangeId, u32, u64)],
    ) -> Result<()> {
        row.changes = places.iter().map(|(change, log, seq)| reference(*change, *log, *seq)).collect();
        self.note_written((space, doc), row.changes.len());
        let Some(ChangeRef { log, seq, .. }) = row.changes.first().copied() else { return Ok(()) };
        let bare = Bare { log, seq, seed: row.changes.len() > 1 };
        self.rows.put(&Key::of(Kind::Document).space(space).doc(doc), &bare.encode())?;
        self.index((space, doc), &Projection::default(), row)
    }

    /// A record and its arrival, also when it is not sealed yet.
    pub(super) fn record(&self, space: SpaceNo, number: u32, seq: u64) -> Result<(Record, u64)> {
        let log = self.replica.mirror.names.log(number);
        if let Some((first, arrival, records)) = self.open_records(space, log)
            && let Some(at) = seq.checked_sub(first)
        {
            let record = records.get(at as usize).cloned().ok_or_else(|| missing(log, seq))?;
            return Ok((record, arrival + at));
        }
        self.blocks.holding(&*self.rows, space, log, seq)?.placed(seq)
    }
}
