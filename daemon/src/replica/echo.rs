//! What was said behind a fork, said again.
//!
//! Records behind a fork count nowhere, and neither does what builds on them. Whoever holds such records writes
//! their [echoes](Echoes) into its own log: what was concurrent stays concurrent, all who echo a change write the same
//! bytes, and it counts once. So nothing is lost of a branch that anybody still holds, whether or not its author is
//! there.

use std::collections::{HashMap, HashSet};

use quire_protocol::change::{Action, Change, Echoes, Op};
use quire_protocol::document::{Document, Register, genesis};
use quire_protocol::gate::{Reason, Screened, admit, screen_own};
use quire_protocol::id::{ChangeId, DocId};
use quire_protocol::record::RecordKind;

use super::Batch;
use super::bare::reference;
use super::candidate::{Candidate, State, lost};
use super::view::read_blob;
use crate::store::keys::SpaceNo;
use crate::store::rows::{ChangeRef, DocRow};
use crate::store::{Result, StoreError};

/// The echo of one record.
pub(super) struct Echo {
    /// Which of the candidates.
    of: usize,
    /// A seed, or an echo of what did not change.
    is_itself: bool,
    kind: RecordKind,
    change: Change,
}

/// The echoes of the records of a document that do not count, in an order in which what they depend on comes first.
/// What depends on records that are not here is left to who has them, and what builds on nothing but changes that come
/// back as themselves comes back as itself.
pub(super) fn echoes(doc: DocId, candidates: &[Candidate], states: &[State], may: &[bool]) -> Vec<Echo> {
    let mut here: HashSet<ChangeId> = HashSet::from([genesis(doc).id()]);
    here.extend(of_state(candidates, states, |state| state == State::Folded));
    let mut waiting = wanted(candidates, states, may);
    let (mut echoes, mut names, mut renamed) = (Vec::new(), Echoes::default(), HashSet::new());
    loop {
        let before = waiting.len();
        waiting.retain(|n| {
            let (screened, state) = (&candidates[*n].screened, states[*n]);
            let ready = screened.deps().all(|dep| here.contains(&dep));
            let itself = state == State::Dependent && !screened.deps().any(|dep| renamed.contains(&dep));
            if ready && here.insert(screened.id()) && !itself {
                let (kind, change) = names.of(doc, screened.kind(), screened.change());
                if change.id() != screened.id() {
                    renamed.insert(screened.id());
                }
                let is_itself = change.id() == screened.id();
                echoes.push(Echo { of: *n, is_itself, kind, change });
            }
            !ready
        });
        if waiting.is_empty() || waiting.len() == before {
            return echoes;
        }
    }
}

/// Those that do not count for a fork, and what they depend on that does not: who built on it took it for good.
fn wanted(candidates: &[Candidate], states: &[State], may: &[bool]) -> Vec<usize> {
    let by_name: HashMap<ChangeId, usize> =
        candidates.iter().enumerate().map(|(n, one)| (one.screened.id(), n)).collect();
    let (mut todo, mut wanted) = (lost(states, may), HashSet::new());
    while let Some(n) = todo.pop() {
        if matches!(states[n], State::Forked | State::Dependent) && wanted.insert(n) {
            todo.extend(candidates[n].screened.deps().filter_map(|dep| by_name.get(&dep)));
        }
    }
    let mut wanted: Vec<usize> = wanted.into_iter().collect();
    wanted.sort_unstable();
    wanted
}

fn of_state<'c>(
    candidates: &'c [Candidate],
    states: &'c [State],
    is: impl Fn(State) -> bool + 'c,
) -> impl Iterator<Item = ChangeId> + 'c {
    let one = candidates.iter().zip(states).filter(move |(_, state)| is(**state));
    one.map(|(one, _)| one.screened.id())
}

impl Batch<'_, '_> {
    /// Writes echoes that are not here yet; gives how many, and how many of them are the changes themselves. `row_id` is
    /// the number that apps know the item by.
    pub(super) fn write_echoes(
        &mut self,
        (space, doc): (SpaceNo, DocId),
        echoes: Vec<Echo>,
        row_id: u64,
    ) -> Result<(usize, usize)> {
        if echoes.is_empty() || !self.replica.mirror.may_write(&self.name_of(space)?) {
            return Ok((0, 0));
        }
        let mut row = self.row(space, doc)?.unwrap_or_default();
        let mut loaded = self.document(space, doc, &row)?;
        let (mut places, mut last, mut themselves) = (Vec::new(), 0, 0);
        for echo in &echoes {
            let Some((screened, after)) = self.judge_echo(doc, &loaded, echo) else { continue };
            loaded = after;
            themselves += usize::from(echo.is_itself);
            self.log_blobs_of(space, doc, &echo.change)?;
            let (seq, arrival) = self.log_own(space, doc, echo.kind, screened.raw().to_vec())?;
            let log = self.replica.mirror.log;
            places.push((screened.id(), self.log_number(log)?, seq));
            if row.row_id == 0 {
                row.row_id = if row_id == 0 { arrival } else { row_id };
            }
            last = arrival;
        }
        if places.is_empty() {
            self.replica.documents.put((space, doc), loaded);
            return Ok((0, 0));
        }
        let projection = loaded.project();
        self.fold((space, doc), &mut row, Some(loaded), projection, &places)?;
        let log = self.replica.mirror.log;
        self.changed(last, space, &row, log)?;
        Ok((places.len(), themselves))
    }

    /// For each echo of a document that is folded, where its original is: who had seen that has seen the echo. By the
    /// beginnings of the echoes' names, as rows have them.
    pub(super) fn originals(
        &self,
        (space, doc): (SpaceNo, DocId),
        row: &DocRow,
    ) -> Result<HashMap<[u8; 8], Vec<ChangeRef>>> {
        let mut originals: HashMap<[u8; 8], Vec<ChangeRef>> = HashMap::new();
        if !self.replica.mirror.has_forks(&self.name_of(space)?) || !self.has_asides(space, doc)? {
            return Ok(originals);
        }
        let candidates = self.candidates(space, doc, Some(row))?;
        let states: Vec<State> = candidates.iter().map(|one| one.state).collect();
        for echo in echoes(doc, &candidates, &states, &vec![true; states.len()]) {
            let of = &candidates[echo.of];
            let original = reference(of.screened.id(), of.number, of.seq);
            originals.entry(reference(echo.change.id(), 0, 0).short).or_default().push(original);
        }
        Ok(originals)
    }

    /// Takes an echo through the gate; `None` when it is here already, or is not for anybody.
    fn judge_echo(&self, doc: DocId, loaded: &Document, echo: &Echo) -> Option<(Screened, Document)> {
        let log = self.replica.mirror.log;
        if loaded.holds(echo.change.id()) || !echo.change.deps().iter().all(|dep| loaded.holds(*dep)) {
            return None;
        }
        let judged = screen_own(doc, log, echo.kind, echo.change.clone())
            .and_then(|screened| admit(loaded, doc, &screened).map(|after| (screened, after)));
        let told =
            |reason: &Reason| tracing::warn!(%doc, %reason, "what was said behind a fork stays set aside");
        judged.inspect_err(told).ok()
    }

    /// Logs the large values that a change names: those who lack the branch have them from nowhere else.
    fn log_blobs_of(&mut self, space: SpaceNo, doc: DocId, change: &Change) -> Result<()> {
        let blob = |op: &Op| match &op.action {
            Action::Put(Register::Blob(blob)) => Some(*blob),
            _ => None,
        };
        let blobs: Vec<_> = change.ops().iter().filter_map(blob).collect();
        if blobs.is_empty() {
            return Ok(());
        }
        // Parts that were logged just now may still be in the open segment, where reading does not look.
        self.seal()?;
        let contents = blobs.iter().filter_map(|blob| read_blob(&*self.rows, space, blob)).collect();
        let logged = self.log_blobs(space, doc, contents);
        logged.map(drop).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}
