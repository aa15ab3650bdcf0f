//! Documents folded anew when the roster decides otherwise about records that are here.
//!
//! Records behind a cut stay in their logs and are set aside; a later ruling may bring them back. What a record that is
//! folded builds on is folded too, wherever the cut is: who built on it had taken it for good. So the same records and
//! the same roster give the same documents, whatever came first.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use quire_protocol::document::{self, Edit, Life, genesis};
use quire_protocol::gate::{Reason, admit};
use quire_protocol::id::{ChangeId, DocId, Incarnation};
use quire_protocol::roster::{Admitted, Standing};

use super::Batch;
use super::bare::reference;
use super::blocks::{Inflated, blocks_after};
use super::candidate::{Candidate, State, lost};
use super::echo::echoes;
use super::edit::Target;
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind, SpaceNo};
use crate::store::rows::{Aside, ChangeRef, DocRow};
use crate::store::{Result, StoreError};

/// What folding a document anew came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Refolded {
    AsItWas,
    /// It says something else, and no record tells of it.
    Silently,
    /// Something of it is behind a fork: echoes tell of it, written here or by who holds what is not here.
    Echoed,
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
                if self.refold(space, doc)? == Refolded::Silently {
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
            // What may be said again of a log that forked goes by what its author may.
            let (once, since) =
                (limit(before.entitled(author, name, *log)), limit(now.entitled(author, name, *log)));
            let same = old == new && once == since;
            let from = old.min(new).min(once).min(since) + 1;
            let to = old.max(new).max(once).max(since).min(head.seq);
            if !same && from <= to {
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

    /// Folds a document anew from what is here of it and may be folded; false when that is what it was.
    pub(super) fn refold_document(&mut self, space: SpaceNo, doc: DocId) -> Result<bool> {
        Ok(self.refold(space, doc)? != Refolded::AsItWas)
    }

    fn refold(&mut self, space: SpaceNo, doc: DocId) -> Result<Refolded> {
        let (mut refolded, mut again) = self.refold_once(space, doc)?;
        // What builds on a change that came back as itself comes back as itself too.
        while again {
            let (then, more) = self.refold_once(space, doc)?;
            (refolded, again) = (refolded.max(then), more);
        }
        Ok(refolded)
    }

    /// Gives whether changes came back as themselves besides: seeds and echoes, from this log now.
    fn refold_once(&mut self, space: SpaceNo, doc: DocId) -> Result<(Refolded, bool)> {
        let old = self.row(space, doc)?;
        let candidates = self.candidates(space, doc, old.as_ref())?;
        let states = self.states(space, doc, &candidates)?;
        let before = old.unwrap_or_default();
        let mut refolded = Refolded::AsItWas;
        if candidates.iter().zip(&states).any(|(one, state)| one.becomes(*state)) {
            self.replica.documents.pop(&(space, doc));
            let (row, loaded) = self.fold_wanted((space, doc), &before, &candidates, &states)?;
            self.replace_row((space, doc), &before, row, loaded)?;
            refolded = Refolded::Silently;
        }
        let may = self.might_write(space, &candidates)?;
        if lost(&states, &may).is_empty() {
            return Ok((refolded, false));
        }
        let echoes = echoes(doc, &candidates, &states, &may);
        let (written, themselves) = self.write_echoes((space, doc), echoes, before.row_id)?;
        let is_told = written > 0 || refolded != Refolded::AsItWas;
        Ok((if is_told { Refolded::Echoed } else { refolded }, themselves > 0))
    }

    fn fold_wanted(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        before: &DocRow,
        candidates: &[Candidate],
        states: &[State],
    ) -> Result<(DocRow, document::Document)> {
        let (kept, mut waiting) = self.sort_out((space, doc), candidates, states)?;
        let raws = kept.iter().map(|one| one.screened.raw().to_vec()).collect();
        let mut loaded = document::load(doc, raws).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut changes: Vec<ChangeRef> = kept.iter().map(|one| place(one)).collect();
        let mut row_id = before.row_id;
        while !waiting.is_empty() {
            let here = |dep: ChangeId| dep == genesis(doc).id() || loaded.holds(dep);
            let ready = waiting.iter().position(|one| one.screened.deps().all(here));
            let Some(at) = ready else { break };
            let one = waiting.remove(at);
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
        for one in waiting {
            self.take_back_aside(space, doc, one)?;
            self.judged((space, doc), one, Reason::DependsOnSetAside)?;
        }
        let projection = loaded.project();
        Ok((DocRow { row_id, changes, snapshot: None, projection }, loaded))
    }

    /// Notes what is set aside; gives what stays folded, and what is to be.
    fn sort_out<'c>(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        candidates: &'c [Candidate],
        states: &[State],
    ) -> Result<(Vec<&'c Candidate>, Vec<&'c Candidate>)> {
        let (mut kept, mut waiting, mut here) = (Vec::new(), Vec::new(), HashSet::from([genesis(doc).id()]));
        for (one, state) in candidates.iter().zip(states) {
            match state.why() {
                // What it builds on may come from another log now.
                None if *state == State::Folded && one.state == State::Folded => {
                    if one.screened.deps().all(|dep| here.contains(&dep)) {
                        here.insert(one.screened.id());
                        kept.push(one);
                    } else {
                        waiting.push(one);
                    }
                }
                None if *state == State::Folded => waiting.push(one),
                None if one.state != *state => {
                    self.take_back_aside(space, doc, one)?;
                    self.note_twin((space, doc), (one.log, one.seq), one.screened.id())?;
                }
                Some(why) if one.state != *state => {
                    self.put_aside((space, doc), (one.log, one.seq), one.screened.id(), why)?;
                }
                _ => {}
            }
        }
        Ok((kept, waiting))
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
