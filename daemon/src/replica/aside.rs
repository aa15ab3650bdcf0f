//! Records that are set aside: where they are, and why.

use std::ops::ControlFlow;

use quire_protocol::id::{ChangeId, DocId, Incarnation};

use super::Batch;
use super::candidate::Candidate;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{Aside, AsideRow, bytes, decode};
use crate::store::{Result, Rows};

impl Batch<'_, '_> {
    /// Whether a change of a document was set aside, and why.
    pub(super) fn aside(&self, space: SpaceNo, doc: DocId, change: ChangeId) -> Result<Option<Aside>> {
        let all = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0);
        let mut why = None;
        self.rows.scan(&all, &all.end(), &mut |key, _| {
            let row = self.aside_row(space, Incarnation(sixteen(key, 53)), last_number(key))?;
            // A twin of what is folded from another log is not set aside.
            why = row.map(|row| row.why);
            Ok(if why.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(why)
    }

    pub(super) fn aside_row(&self, space: SpaceNo, log: Incarnation, seq: u64) -> Result<Option<AsideRow>> {
        let key = Key::of(Kind::SetAside).space(space).log(log).number(seq);
        self.rows.get(&key)?.map(|value| decode(&key, &value)).transpose()
    }

    /// Notes that a record is set aside.
    pub(super) fn put_aside(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        (log, seq): (Incarnation, u64),
        change: ChangeId,
        why: Aside,
    ) -> Result<()> {
        let row = AsideRow { doc, change: change.0, why };
        self.rows.put(&Key::of(Kind::SetAside).space(space).log(log).number(seq), &bytes(&row))?;
        let of = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0).log(log).number(seq);
        self.rows.put(&of, &[])
    }

    pub(super) fn take_back_aside(&mut self, space: SpaceNo, doc: DocId, one: &Candidate) -> Result<()> {
        self.rows.remove(&Key::of(Kind::SetAside).space(space).log(one.log).number(one.seq))?;
        let change = one.screened.id();
        let of = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0).log(one.log).number(one.seq);
        self.rows.remove(&of)
    }

    /// Whether any record of a document is set aside, or is another's too.
    pub(super) fn has_asides(&self, space: SpaceNo, doc: DocId) -> Result<bool> {
        let (all, mut any) = (Key::of(Kind::AsideOf).space(space).doc(doc), false);
        self.rows.scan(&all, &all.end(), &mut |_, _| {
            any = true;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(any)
    }

    /// Notes where a change is that is folded from elsewhere.
    pub(super) fn note_twin(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        (log, seq): (Incarnation, u64),
        change: ChangeId,
    ) -> Result<()> {
        let of = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0).log(log).number(seq);
        self.rows.put(&of, &[])
    }
}
