//! Documents folded anew when the roster decides otherwise about records that are here.
//!
//! Records behind a cut stay in their logs and are set aside; a later ruling may bring them back. What a record that is
//! folded builds on is folded too, wherever the cut is: who built on it had taken it for good. So the same records and
//! the same roster give the same documents, whatever came first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use quire_protocol::document::{self, Edit, Life, genesis};
use quire_protocol::gate::{Reason, Screened, admit};
use quire_protocol::id::{ChangeId, DocId, Incarnation, Space};
use quire_protocol::roster::{Admitted, Standing};

use super::Batch;
use super::bare::reference;
use super::blocks::{Inflated, blocks_after};
use super::echo::echoes;
use super::edit::Target;
use super::ingest::judge;
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{Aside, AsideRow, ChangeRef, DocRow, bytes, decode};
use crate::store::{Result, Rows, StoreError};

/// A record of a document that is folded or may be.
pub(super) struct Candidate {
    pub log: Incarnation,
    pub number: u32,
    pub seq: u64,
    pub arrival: u64,
    pub screened: Screened,
    pub state: State,
}

/// What a record is, or is to become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Folded.
    Folded,
    /// Folded from the record of another log.
    Twin,
    /// Set aside: its author may not write.
    Cut,
    /// Set aside: its log forked before it.
    Forked,
    /// Set aside: it builds on what is behind a fork.
    Dependent,
}

/// What folding a document anew came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refolded {
    AsItWas,
    /// It says something else, and no record tells of it.
    Silently,
    /// Something of it is behind a fork: echoes tell of it, written here or by who holds what is not here.
    Echoed,
}

impl State {
    /// Of a record that is not folded; `None` for one that no ruling brings back.
    fn of(aside: Option<Aside>) -> Option<State> {
        match aside {
            None => Some(State::Twin),
            Some(Aside::BehindCut) => Some(State::Cut),
            Some(Aside::Forked) => Some(State::Forked),
            Some(Aside::DependsOnForked) => Some(State::Dependent),
            Some(Aside::Gate(_) | Aside::UnknownRules) => None,
        }
    }

    /// Why it is set aside, when it is.
    fn why(self) -> Option<Aside> {
        match self {
            State::Folded | State::Twin => None,
            State::Cut => Some(Aside::BehindCut),
            State::Forked => Some(Aside::Forked),
            State::Dependent => Some(Aside::DependsOnForked),
        }
    }
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

    /// Folds a document anew from what is here of it and may be folded; false when that is what it was.
    pub(super) fn refold_document(&mut self, space: SpaceNo, doc: DocId) -> Result<bool> {
        Ok(self.refold(space, doc)? != Refolded::AsItWas)
    }

    fn refold(&mut self, space: SpaceNo, doc: DocId) -> Result<Refolded> {
        let old = self.row(space, doc)?;
        let candidates = self.candidates(space, doc, old.as_ref())?;
        let states = self.states(space, doc, &candidates)?;
        let before = old.unwrap_or_default();
        let mut refolded = Refolded::AsItWas;
        if candidates.iter().zip(&states).any(|(one, state)| one.state != *state) {
            self.replica.documents.pop(&(space, doc));
            let (row, loaded) = self.fold_wanted((space, doc), &before, &candidates, &states)?;
            self.replace_row((space, doc), &before, row, loaded)?;
            refolded = Refolded::Silently;
        }
        if states.iter().any(|state| matches!(state, State::Forked | State::Dependent)) {
            let echoes = echoes(doc, &candidates, &states, &self.might_write(space, &candidates)?);
            let written = self.write_echoes((space, doc), echoes, before.row_id)?;
            if written > 0 || refolded != Refolded::AsItWas {
                refolded = Refolded::Echoed;
            }
        }
        Ok(refolded)
    }

    /// Whether each record would be folded, had no log forked.
    fn might_write(&self, space: SpaceNo, candidates: &[Candidate]) -> Result<Vec<bool>> {
        let (mirror, name) = (&self.replica.mirror, self.name_of(space)?);
        let might = |one: &Candidate| mirror.entitled(&name, one.log).covers(one.seq);
        Ok(candidates.iter().map(might).collect())
    }

    /// Records of a document that are folded, and those that only the roster keeps from being so; what others build on
    /// comes first.
    fn candidates(&self, space: SpaceNo, doc: DocId, row: Option<&DocRow>) -> Result<Vec<Candidate>> {
        let mut all = Vec::new();
        for change in row.iter().flat_map(|row| &row.changes) {
            let log = self.replica.mirror.names.log(change.log);
            all.extend(self.candidate(space, (log, change.log), change.seq, State::Folded)?);
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
            let state = State::of(self.aside_row(space, log, seq)?.map(|row| row.why));
            if let (Some(number), Some(state)) = (number, state) {
                waiting.extend(self.candidate(space, (log, number), seq, state)?);
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
        state: State,
    ) -> Result<Option<Candidate>> {
        let (record, arrival) = self.record(space, number, seq)?;
        let screened = judge(log, &record).ok();
        Ok(screened.map(|screened| Candidate { log, number, seq, arrival, screened, state }))
    }

    /// What is to become of each: those that the roster admits are folded, and what they build on, but for what is
    /// behind a fork, and what builds on that.
    fn states(&self, space: SpaceNo, doc: DocId, candidates: &[Candidate]) -> Result<Vec<State>> {
        let (mirror, name) = (&self.replica.mirror, self.name_of(space)?);
        let mut states: Vec<State> = candidates.iter().map(|one| self.forked(&name, one)).collect();
        if mirror.has_forks(&name) {
            dependents(doc, candidates, &mut states);
        }
        // Of several records with one change one is enough, and rather the one that is folded.
        let mut by_name: HashMap<ChangeId, usize> = HashMap::new();
        for (n, one) in candidates.iter().enumerate().filter(|(n, _)| states[*n] == State::Cut) {
            by_name.entry(one.screened.id()).or_insert(n);
        }
        let admitted = |n: &usize| mirror.admitted(&name, candidates[*n].log).covers(candidates[*n].seq);
        let mut todo: Vec<usize> =
            (0..candidates.len()).filter(|n| states[*n] == State::Cut).filter(admitted).collect();
        while let Some(n) = todo.pop() {
            let n = by_name.get(&candidates[n].screened.id()).copied().unwrap_or(n);
            if states[n] != State::Folded {
                states[n] = State::Folded;
                todo.extend(candidates[n].screened.deps().filter_map(|dep| by_name.get(&dep)));
            }
        }
        for n in 0..candidates.len() {
            let twin = by_name.get(&candidates[n].screened.id()).is_some_and(|chosen| *chosen != n);
            if twin && states[n] == State::Cut {
                states[n] = State::Twin;
            }
        }
        Ok(states)
    }

    /// Whether a record is behind where its log forked; as if behind a cut when not.
    fn forked(&self, space: &Space, one: &Candidate) -> State {
        let end = self.replica.mirror.good_end(space, one.log);
        if end.is_some_and(|end| one.seq > end) { State::Forked } else { State::Cut }
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

/// Marks those that build on what is not there, and those that build on them.
fn dependents(doc: DocId, candidates: &[Candidate], states: &mut [State]) {
    let mut here: HashSet<ChangeId> = HashSet::from([genesis(doc).id()]);
    let good = |(n, _): &(usize, &Candidate)| states[*n] == State::Cut;
    let mut left: Vec<usize> = candidates.iter().enumerate().filter(good).map(|(n, _)| n).collect();
    loop {
        let before = left.len();
        left.retain(|n| {
            let ready = candidates[*n].screened.deps().all(|dep| here.contains(&dep));
            if ready {
                here.insert(candidates[*n].screened.id());
            }
            !ready
        });
        if left.len() == before {
            break;
        }
    }
    for n in left {
        states[n] = State::Dependent;
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
