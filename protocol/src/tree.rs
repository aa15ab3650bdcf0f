//! The tree that nodes make: which of a node's moves are in force.
//!
//! Devices move nodes apart from each other, and together their moves may close a cycle. Then, **in each cycle, the
//! edge of least rank gives way to its node's next candidate**, all cycles of a round at once, until there is none. A
//! node's candidates are what its document says, so the outcome is a function of the documents alone: equal on every
//! device, whatever the order of arrival.
//!
//! ```text
//!   candidates of a node, best first            rank of an edge
//!   3  the move that won                        (level, hash of node and move, node)
//!   2  moves made beside it, which lost
//!   1  the parents before those moves
//!   0  no parent
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::document::{Projection, Register};
use crate::id::DocId;
use crate::node::{NodeKey, PARENT, read_move};

/// One parent that a node may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The parent; none is the root.
    pub parent: Option<NodeKey>,
    level: u8,
    hash: [u8; 32],
}

/// The candidates of a node, best first; the last one has no parent.
pub fn candidates(node: DocId, projection: &Projection) -> Vec<Candidate> {
    let winner = projection.get(PARENT).into_iter();
    let lost = projection.conflicts.iter().filter(|conflict| conflict.key == PARENT);
    let lost = lost.flat_map(|conflict| conflict.others.iter().map(|other| &other.value));
    let moves: Vec<&Register> = winner.chain(lost).collect();
    let read = |level, register: &Register, before: bool| {
        let (to, from) = read_move(register)?;
        let parent = if before { from } else { to };
        Some(Candidate { parent, level, hash: hash(node, register) })
    };
    let now = moves.iter().enumerate().filter_map(|(at, one)| read(if at == 0 { 3 } else { 2 }, one, false));
    let before = moves.iter().filter_map(|one| read(1, one, true));
    let root = Candidate { parent: None, level: 0, hash: [0; 32] };
    now.chain(before).chain([root]).collect()
}

fn hash(node: DocId, register: &Register) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("quire tree move 1");
    hasher.update(&node.0);
    if let Register::Text(text) = register {
        hasher.update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Gives the candidates of a node; `None` for one that is not here, which has no parent.
pub type CandidatesOf<'a, E> = &'a mut dyn FnMut(DocId) -> Result<Option<Vec<Candidate>>, E>;

/// What came of settling: which nodes have another parent than their best candidate, and who closed cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Place of the candidate in force, for nodes where that is not the first.
    pub demoted: BTreeMap<DocId, usize>,
    /// Nodes of the cycles that were broken.
    pub cycles: BTreeSet<DocId>,
}

/// Settles which candidates are in force. `suspects` are the nodes that changed and those demoted before; every cycle
/// passes through one of them when all others are at their best candidate.
pub fn settle<E>(
    suspects: impl IntoIterator<Item = DocId>,
    candidates_of: CandidatesOf<'_, E>,
) -> Result<Settled, E> {
    let mut known = Known { candidates: HashMap::new(), demoted: BTreeMap::new(), of: candidates_of };
    let mut suspects: BTreeSet<DocId> = suspects.into_iter().collect();
    let mut cycles = BTreeSet::new();
    while !suspects.is_empty() {
        let mut losers = BTreeSet::new();
        let mut walked = HashSet::new();
        for suspect in &suspects {
            if let Some(cycle) = known.cycle_from(*suspect, &mut walked)? {
                losers.extend(known.least(&cycle));
                cycles.extend(cycle);
            }
        }
        for loser in &losers {
            *known.demoted.entry(*loser).or_insert(0) += 1;
        }
        suspects = losers;
    }
    Ok(Settled { demoted: known.demoted, cycles })
}

struct Known<'a, E> {
    candidates: HashMap<DocId, Option<Vec<Candidate>>>,
    demoted: BTreeMap<DocId, usize>,
    of: CandidatesOf<'a, E>,
}

impl<E> Known<'_, E> {
    fn in_force(&mut self, node: DocId) -> Result<Option<&Candidate>, E> {
        if !self.candidates.contains_key(&node) {
            let candidates = (self.of)(node)?;
            self.candidates.insert(node, candidates);
        }
        let at = self.demoted.get(&node).copied().unwrap_or(0);
        Ok(self.candidates.get(&node).and_then(Option::as_ref).and_then(|all| all.get(at)))
    }

    /// The cycle that a walk upwards ends in. What an earlier walk of this round passed is not walked again.
    fn cycle_from(&mut self, start: DocId, walked: &mut HashSet<DocId>) -> Result<Option<Vec<DocId>>, E> {
        let mut path: Vec<DocId> = Vec::new();
        let mut on_path: HashMap<DocId, usize> = HashMap::new();
        let mut at = start;
        loop {
            if let Some(from) = on_path.get(&at) {
                return Ok(Some(path.split_off(*from)));
            }
            if !walked.insert(at) {
                return Ok(None);
            }
            on_path.insert(at, path.len());
            path.push(at);
            match self.in_force(at)?.and_then(|candidate| candidate.parent.as_ref()) {
                Some(parent) => at = parent.doc(),
                None => return Ok(None),
            }
        }
    }

    /// The node of a cycle whose edge gives way.
    fn least(&self, cycle: &[DocId]) -> Option<DocId> {
        let rank = |node: &&DocId| {
            let at = self.demoted.get(node).copied().unwrap_or(0);
            let edge = self.candidates.get(node).and_then(Option::as_ref).and_then(|all| all.get(at));
            edge.map(|edge| (edge.level, edge.hash, **node))
        };
        cycle.iter().min_by_key(rank).copied()
    }
}

#[cfg(test)]
mod tests;
