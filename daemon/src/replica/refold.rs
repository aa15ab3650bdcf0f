//! Documents folded anew when the roster decides otherwise about records that are here.
//!
//! Records behind a cut stay in their logs and are set aside; a later ruling may bring them back. What a record that is
//! folded builds on is folded too, wherever the cut is: who built on it had taken it for good. So the same records and
//! the same roster give the same documents, whatever came first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use quire_protocol::document::{self, Edit, Life, genesis};
use quire_protocol::gate::{Reason, Screened, admit};
use quire_protocol::id::{ChangeId, DocId, Incarnation};
use quire_protocol::roster::{Admitted, Standing};

use super::Batch;
use super::bare::reference;
use super::blocks::{Inflated, blocks_after};
use super::edit::Target;
use super::ingest::judge;
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{Aside, AsideRow, ChangeRef, DocRow, bytes, decode};
use crate::store::{Result, Rows, StoreError};

/// A record of a document that is folded or may be.
struct Candidate {
    log: Incarnation,
    number: u32,
    seq: u64,
    arrival: u64,
    screened: Screened,
    folded: bool,
}

/// What a document was folded to anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refolded {
    /// To what it was.
    Same,
    /// To something else, or to nothing.
    Other,
}

impl Batch<'_, '_> {
    /// Folds anew what the roster decides otherwise about than it did `before`.
    pub(super) fn refold_all(&mut self, before: &Standing) -> Result<()> {
        let now = std::sync::Arc::clone(&self.replica.mirror.standing);
        if *before == *now {
            return Ok(());
        }
        self.seal()?;
        for (space, log, (from, to)) in self.judged_otherwise(before, &now) {
            for doc in self.documents_of(space, log, from, to)? {
                if self.refold(space, doc)? == Refolded::Other {
                    self.tell_again(space, doc)?;
                }
            }
        }
        Ok(())
    }

    /// Logs of which more or fewer records are good now: those between the two.
    fn judged_otherwise(&self, before: &Standing, now: &Standing) -> Vec<(SpaceNo, Incarnation, (u64, u64))> {
        let mirror = &self.replica.mirror;
        let mut logs = Vec::new();
        for ((space, log), head) in &self.replica.heads {
            let author = mirror.certificates.get(log).map(|certificate| certificate.device.device());
            let (Some(author), Some(name)) = (author, mirror.names.space(*space)) else { continue };
            let (old, new) =
                (limit(before.admitted(author, name, *log)), limit(now.admitted(author, name, *log)));
            let (from, to) = (old.min(new) + 1, old.max(new).min(head.seq));
            if old != new && from <= to {
                logs.push((*space, *log, (from, to)));
            }
        }
        logs.sort_unstable();
        logs
    }

    fn documents_of(&self, space: SpaceNo, log: Incarnation, from: u64, to: u64) -> Result<BTreeSet<DocId>> {
        let mut docs = BTreeSet::new();
        blocks_after(&*self.rows, space, log, from - 1, &mut |block| {
            let block = Inflated::of(log, &block)?;
            docs.extend(block.docs().filter(|(_, seq)| (from..=to).contains(seq)).map(|(doc, _)| doc));
            Ok(if block.holds(to) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(docs)
    }

    /// Whether a change of a document was set aside, and why.
    pub(super) fn aside(&self, space: SpaceNo, doc: DocId, change: ChangeId) -> Result<Option<Aside>> {
        let all = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0);
        let mut why = None;
        self.rows.scan(&all, &all.end(), &mut |key, _| {
            let row = self.aside_row(space, Incarnation(sixteen(key, 53)), last_number(key))?;
            why = row.map(|row| row.why);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(why)
    }

    fn aside_row(&self, space: SpaceNo, log: Incarnation, seq: u64) -> Result<Option<AsideRow>> {
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

    fn take_back_aside(&mut self, space: SpaceNo, doc: DocId, one: &Candidate) -> Result<()> {
        self.rows.remove(&Key::of(Kind::SetAside).space(space).log(one.log).number(one.seq))?;
        let change = one.screened.id();
        let of = Key::of(Kind::AsideOf).space(space).doc(doc).bytes(&change.0).log(one.log).number(one.seq);
        self.rows.remove(&of)
    }

    /// Folds a document anew from what is here of it and may be folded.
    pub(super) fn refold_document(&mut self, space: SpaceNo, doc: DocId) -> Result<()> {
        self.refold(space, doc).map(drop)
    }

    fn refold(&mut self, space: SpaceNo, doc: DocId) -> Result<Refolded> {
        let old = self.row(space, doc)?;
        let candidates = self.candidates(space, doc, old.as_ref())?;
        let wanted = self.wanted(space, &candidates);
        if candidates.iter().enumerate().all(|(n, one)| one.folded == wanted.contains(&n)) {
            return Ok(Refolded::Same);
        }
        self.replica.documents.pop(&(space, doc));
        let before = old.unwrap_or_default();
        let (row, loaded) = self.fold_wanted((space, doc), &before, &candidates, &wanted)?;
        self.replace_row((space, doc), &before, row, loaded)?;
        Ok(Refolded::Other)
    }

    /// Records of a document that are folded, and those that only the roster keeps from being so; what others build on
    /// comes first.
    fn candidates(&self, space: SpaceNo, doc: DocId, row: Option<&DocRow>) -> Result<Vec<Candidate>> {
        let mut all = Vec::new();
        for change in row.iter().flat_map(|row| &row.changes) {
            let log = self.replica.mirror.names.log(change.log);
            all.extend(self.candidate(space, (log, change.log), change.seq, true)?);
        }
        let prefix = Key::of(Kind::AsideOf).space(space).doc(doc);
        let mut asides = Vec::new();
        self.rows.scan(&prefix, &prefix.end(), &mut |key, _| {
            asides.push((Incarnation(sixteen(key, 53)), last_number(key)));
            Ok(ControlFlow::Continue(()))
        })?;
        let mut waiting = Vec::new();
        for (log, seq) in asides {
            let number = self.replica.mirror.names.log_number(log);
            let why = self.aside_row(space, log, seq)?.map(|row| row.why);
            if let (Some(number), Some(Aside::BehindCut)) = (number, why) {
                waiting.extend(self.candidate(space, (log, number), seq, false)?);
            }
        }
        waiting.sort_by_key(|one: &Candidate| one.arrival);
        all.extend(waiting);
        Ok(all)
    }

    fn candidate(
        &self,
        space: SpaceNo,
        (log, number): (Incarnation, u32),
        seq: u64,
        folded: bool,
    ) -> Result<Option<Candidate>> {
        let (record, arrival) = self.record(space, number, seq)?;
        let screened = judge(log, &record).ok();
        Ok(screened.map(|screened| Candidate { log, number, seq, arrival, screened, folded }))
    }

    /// Those that the roster admits, and what they build on.
    fn wanted(&self, space: SpaceNo, candidates: &[Candidate]) -> HashSet<usize> {
        let mirror = &self.replica.mirror;
        let by_name: HashMap<ChangeId, usize> =
            candidates.iter().enumerate().map(|(n, one)| (one.screened.id(), n)).collect();
        let admitted = |one: &Candidate| {
            mirror.names.space(space).is_some_and(|name| mirror.admitted(name, one.log).covers(one.seq))
        };
        let all = candidates.iter().enumerate();
        let mut todo: Vec<usize> = all.filter(|(_, one)| admitted(one)).map(|(n, _)| n).collect();
        let mut wanted = HashSet::new();
        while let Some(n) = todo.pop() {
            if wanted.insert(n) {
                todo.extend(candidates[n].screened.deps().filter_map(|dep| by_name.get(&dep)));
            }
        }
        wanted
    }

    fn fold_wanted(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        before: &DocRow,
        candidates: &[Candidate],
        wanted: &HashSet<usize>,
    ) -> Result<(DocRow, document::Document)> {
        let (kept, rest): (Vec<_>, Vec<_>) =
            candidates.iter().enumerate().partition(|(n, one)| one.folded && wanted.contains(n));
        let raws = kept.iter().map(|(_, one)| one.screened.raw().to_vec()).collect();
        let mut loaded = document::load(doc, raws).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut changes: Vec<ChangeRef> = kept.iter().map(|(_, one)| place(one)).collect();
        let mut row_id = before.row_id;
        let (mut waiting, gone): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(n, _)| wanted.contains(n));
        for (_, one) in gone.into_iter().filter(|(_, one)| one.folded) {
            self.put_aside((space, doc), (one.log, one.seq), one.screened.id(), Aside::BehindCut)?;
        }
        while !waiting.is_empty() {
            let here = |dep: ChangeId| dep == genesis(doc).id() || loaded.holds(dep);
            let ready = waiting.iter().position(|(_, one)| one.screened.deps().all(here));
            let Some(at) = ready else { break };
            let (_, one) = waiting.remove(at);
            self.take_back_aside(space, doc, one)?;
            if loaded.holds(one.screened.id()) {
                continue;
            }
            match admit(&loaded, doc, &one.screened) {
                Ok(after) => {
                    loaded = after;
                    row_id = if row_id == 0 { one.arrival } else { row_id };
                    changes.push(place(one));
                }
                Err(reason) => self.judged((space, doc), one, reason)?,
            }
        }
        for (_, one) in waiting {
            self.take_back_aside(space, doc, one)?;
            self.judged((space, doc), one, Reason::DependsOnSetAside)?;
        }
        let projection = loaded.project();
        Ok((DocRow { row_id, changes, snapshot: None, projection }, loaded))
    }

    fn judged(&mut self, document: (SpaceNo, DocId), one: &Candidate, reason: Reason) -> Result<()> {
        self.put_aside(document, (one.log, one.seq), one.screened.id(), Aside::Gate(reason))
    }

    fn replace_row(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        before: &DocRow,
        row: DocRow,
        loaded: document::Document,
    ) -> Result<()> {
        let had = !before.projection.conflicts.is_empty();
        self.note_written((space, doc), row.changes.len());
        if row.changes.is_empty() {
            self.rows.remove(&Key::of(Kind::Document).space(space).doc(doc))?;
            self.rows.remove(&Key::of(Kind::Conflict).space(space).doc(doc))?;
            return self.unindex((space, doc), before);
        }
        self.replica.documents.put((space, doc), loaded);
        self.put_row(space, doc, &row, had)?;
        self.index((space, doc), &before.projection, &row)
    }

    /// Writes an item's life again as it is: apps hear of what came and went by records, and there is none of this.
    fn tell_again(&mut self, space: SpaceNo, doc: DocId) -> Result<()> {
        let Some(row) = self.row(space, doc)? else { return Ok(()) };
        let Some(kind) = row.kind().filter(|kind| kind.is_shown()) else { return Ok(()) };
        let life = if row.projection.removed { Life::Remove } else { Life::Revive };
        let identity = row.identity().to_owned();
        let edit = Edit { values: Vec::new(), note: None, life };
        let target = Target { space, kind, identity: &identity };
        match self.write_present(target, row, edit) {
            Err(EngineError::Store(error)) => Err(error),
            // An item that cannot be written on is as it is; only apps that ask for news do not hear of it.
            Err(error) => {
                tracing::warn!(%doc, %error, "what was decided otherwise is not told to apps");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

fn limit(admitted: Admitted) -> u64 {
    match admitted {
        Admitted::All => u64::MAX - 1,
        Admitted::UpTo(last) => last.min(u64::MAX - 1),
        Admitted::Never => 0,
    }
}

fn place(one: &Candidate) -> ChangeRef {
    reference(one.screened.id(), one.number, one.seq)
}
