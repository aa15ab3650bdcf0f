//! Items that are nothing but their creation: their rows say where its records are, and are completed from them.

use quire_protocol::change::id_of;
use quire_protocol::document::project_bare;
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
    let (first, row_id) = record(bare.log, bare.seq)?;
    let second = if bare.seed { Some(record(bare.log, bare.seq + 1)?.0) } else { None };
    let projection = match &second {
        Some(creation) => project_bare(&creation.payload, Some(&first.payload)),
        None => project_bare(&first.payload, None),
    };
    let projection =
        projection.ok_or_else(|| StoreError::Damaged(format!("the creation of document {}", first.doc)))?;
    let raws = [Some(&first), second.as_ref()].into_iter().flatten().zip(bare.seq..);
    let changes = raws.map(|(record, seq)| reference(id_of(&record.payload), bare.log, seq)).collect();
    Ok(DocRow { row_id, changes, snapshot: None, projection })
}

/// How a row names a change.
pub(super) fn reference(change: ChangeId, log: u32, seq: u64) -> ChangeRef {
    let mut short = [0; 8];
    short.copy_from_slice(&change.0[..8]);
    ChangeRef { log, seq, short }
}

impl Batch<'_, '_> {
    /// Writes the row of a new item: where its records are, when they say the same as the row would.
    pub(super) fn begin(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        row: &mut DocRow,
        places: &[(ChangeId, u32, u64)],
        raws: &[&[u8]],
    ) -> Result<()> {
        row.changes = places.iter().map(|(change, log, seq)| reference(*change, *log, *seq)).collect();
        self.note_written((space, doc), row.changes.len());
        let read = match raws {
            [creation] => project_bare(creation, None),
            [seed, creation] => project_bare(creation, Some(seed)),
            _ => None,
        };
        match row.changes[..] {
            [ChangeRef { log, seq, .. }, ..] if read.as_ref() == Some(&row.projection) => {
                let bare = Bare { log, seq, seed: raws.len() > 1 };
                self.rows.put(&Key::of(Kind::Document).space(space).doc(doc), &bare.encode())
            }
            _ => self.put_row(space, doc, row, false),
        }
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
