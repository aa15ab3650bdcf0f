//! The records of a document that are folded or may be, and what is to become of each.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use quire_protocol::document::genesis;
use quire_protocol::gate::{Reason, Screened};
use quire_protocol::id::{ChangeId, DocId, Incarnation, Space};

use super::Batch;
use super::fold::judge;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, sixteen};
use crate::store::rows::{Aside, DocRow};
use crate::store::{Result, Rows};

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
    /// Set aside by the gate for what was or was not folded before it: judged again with the rest.
    Judged,
}

impl Candidate {
    /// Whether anything is otherwise when it is to be this. A verdict alone is no reason to judge again.
    pub(super) fn becomes(&self, state: State) -> bool {
        self.state != state && (self.state, state) != (State::Judged, State::Folded)
    }
}

impl State {
    /// Of a record that is not folded; `None` for one that no ruling brings back.
    pub(super) fn of(aside: Option<Aside>) -> Option<State> {
        match aside {
            None => Some(State::Twin),
            Some(Aside::BehindCut) => Some(State::Cut),
            Some(Aside::Forked) => Some(State::Forked),
            Some(Aside::DependsOnForked) => Some(State::Dependent),
            Some(Aside::Gate(Reason::NotCausal | Reason::DependsOnSetAside)) => Some(State::Judged),
            Some(Aside::Gate(_) | Aside::UnknownRules) => None,
        }
    }

    /// Why it is set aside, when it is.
    pub(super) fn why(self) -> Option<Aside> {
        match self {
            State::Folded | State::Twin | State::Judged => None,
            State::Cut => Some(Aside::BehindCut),
            State::Forked => Some(Aside::Forked),
            State::Dependent => Some(Aside::DependsOnForked),
        }
    }
}

impl Batch<'_, '_> {
    /// Whether each record would be folded, had no log forked.
    pub(super) fn might_write(&self, space: SpaceNo, candidates: &[Candidate]) -> Result<Vec<bool>> {
        let (mirror, name) = (&self.replica.mirror, self.name_of(space)?);
        let might = |one: &Candidate| mirror.entitled(&name, one.log).covers(one.seq);
        Ok(candidates.iter().map(might).collect())
    }

    /// Records of a document that are folded, and those that only the roster keeps from being so; what others build on
    /// comes first. Where logs forked, those also that the gate refused for what was here then.
    pub(super) fn candidates(
        &self,
        space: SpaceNo,
        doc: DocId,
        row: Option<&DocRow>,
    ) -> Result<Vec<Candidate>> {
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
        let forks = self.replica.mirror.has_forks(&self.name_of(space)?);
        let mut waiting = Vec::new();
        for (log, seq) in asides {
            let number = self.replica.mirror.names.log_number(log);
            let state = State::of(self.aside_row(space, log, seq)?.map(|row| row.why));
            if let (Some(number), Some(state)) =
                (number, state.filter(|state| forks || *state != State::Judged))
            {
                waiting.extend(self.candidate(space, (log, number), seq, state)?);
            }
        }
        waiting.sort_by_key(|one: &Candidate| one.arrival);
        all.extend(waiting);
        Ok(all)
    }

    pub(super) fn candidate(
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
    pub(super) fn states(&self, space: SpaceNo, doc: DocId, candidates: &[Candidate]) -> Result<Vec<State>> {
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
        // What is said again builds on it too.
        for n in lost(&states, &self.might_write(space, candidates)?) {
            todo.extend(candidates[n].screened.deps().filter_map(|dep| by_name.get(&dep)));
        }
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
    pub(super) fn forked(&self, space: &Space, one: &Candidate) -> State {
        let end = self.replica.mirror.good_end(space, one.log);
        if end.is_some_and(|end| one.seq > end) { State::Forked } else { State::Cut }
    }
}

/// Those that do not count for a fork alone.
pub(super) fn lost(states: &[State], may: &[bool]) -> Vec<usize> {
    let lost = |n: &usize| may[*n] && matches!(states[*n], State::Forked | State::Dependent);
    (0..states.len()).filter(lost).collect()
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
