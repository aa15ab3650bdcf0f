use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::document::{Conflict, Other};
use crate::id::Incarnation;
use crate::node::moved;

fn key(n: u8) -> NodeKey {
    NodeKey { ty: "n".into(), id: n.to_string() }
}

/// A node whose moves were these, the first of which won: each is where to and where from.
fn node(moves: &[(Option<u8>, Option<u8>)]) -> Projection {
    let mut registers = moves.iter().map(|(to, from)| moved(to.map(key).as_ref(), from.map(key).as_ref()));
    let mut projection = Projection::default();
    if let Some(winner) = registers.next() {
        projection.values.insert(PARENT.into(), winner);
        let other = |value| Other { value, by: Incarnation([0; 16]) };
        projection.conflicts.push(Conflict { key: PARENT.into(), others: registers.map(other).collect() });
    }
    projection
}

type Forest = BTreeMap<DocId, Projection>;

/// Where to and where from, each.
type Moves = Vec<(Option<u8>, Option<u8>)>;

fn forest(nodes: &[(u8, Moves)]) -> Forest {
    nodes.iter().map(|(n, moves)| (key(*n).doc(), node(moves))).collect()
}

fn settled(forest: &Forest, suspects: impl IntoIterator<Item = DocId>) -> Settled {
    let mut of = |doc| Ok::<_, Infallible>(forest.get(&doc).map(|projection| candidates(doc, projection)));
    settle(suspects, &mut of).unwrap()
}

fn parents(forest: &Forest, settled: &Settled) -> BTreeMap<DocId, Option<DocId>> {
    let in_force = |(doc, projection): (&DocId, &Projection)| {
        let at = settled.demoted.get(doc).copied().unwrap_or(0);
        (*doc, candidates(*doc, projection)[at].parent.as_ref().map(NodeKey::doc))
    };
    forest.iter().map(in_force).collect()
}

fn has_cycle(parents: &BTreeMap<DocId, Option<DocId>>) -> bool {
    parents.keys().any(|start| {
        let mut at = Some(*start);
        for _ in 0..parents.len() + 2 {
            let Some(here) = at else { return false };
            at = parents.get(&here).copied().flatten();
        }
        true
    })
}

#[test]
fn two_moves_that_close_a_cycle_leave_one() {
    let forest = forest(&[(0, vec![]), (1, vec![(Some(2), Some(0))]), (2, vec![(Some(1), Some(0))])]);
    let settled = settled(&forest, forest.keys().copied());
    let parents = parents(&forest, &settled);
    assert!(!has_cycle(&parents));
    assert_eq!(settled.demoted.len(), 1);
    assert_eq!(settled.cycles.len(), 2);
    let loser = settled.demoted.keys().next().unwrap();
    assert_eq!(parents[loser], Some(key(0).doc()), "the loser goes back to where it was");
}

#[test]
fn a_node_below_itself_has_no_parent() {
    let forest = forest(&[(1, vec![(Some(1), None)])]);
    let settled = settled(&forest, forest.keys().copied());
    assert_eq!(parents(&forest, &settled)[&key(1).doc()], None);
}

#[test]
fn a_long_line_is_walked_once() {
    let nodes: Vec<_> = (0..=250u8).map(|n| (n, vec![(n.checked_sub(1), None)])).collect();
    let forest = forest(&nodes);
    let mut asked = 0;
    let mut of = |doc| {
        asked += 1;
        Ok::<_, Infallible>(forest.get(&doc).map(|projection| candidates(doc, projection)))
    };
    assert!(settle(forest.keys().copied(), &mut of).unwrap().demoted.is_empty());
    assert_eq!(asked, 251);
}

fn moves() -> impl Strategy<Value = Moves> {
    let place = prop::option::of(0u8..9);
    prop::collection::vec((place.clone(), place), 0..4)
}

proptest! {
    #[test]
    fn there_is_no_cycle_and_who_asks_first_does_not_matter(
        nodes in prop::collection::btree_map(0u8..8, moves(), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        let forest = forest(&nodes.into_iter().collect::<Vec<_>>());
        let all = settled(&forest, forest.keys().copied());
        prop_assert!(!has_cycle(&parents(&forest, &all)));
        prop_assert!(!has_cycle(&parents(&forest, &all)));
        let mut turned: Vec<DocId> = forest.keys().copied().collect();
        let by = order.index(turned.len());
        turned.rotate_left(by);
        prop_assert_eq!(&settled(&forest, turned), &all);
    }

    #[test]
    fn step_by_step_is_as_from_scratch(
        steps in prop::collection::vec((0u8..8, moves()), 1..12),
    ) {
        let mut forest = Forest::new();
        let mut demoted = BTreeMap::new();
        for (n, moves) in steps {
            forest.insert(key(n).doc(), node(&moves));
            let suspects = demoted.keys().copied().chain([key(n).doc()]).collect::<Vec<_>>();
            demoted = settled(&forest, suspects).demoted;
            prop_assert_eq!(&demoted, &settled(&forest, forest.keys().copied()).demoted);
        }
    }
}
