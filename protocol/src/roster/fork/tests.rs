use std::collections::BTreeSet;

use super::*;
use crate::id::DocId;
use crate::identity::{DeviceCard, DeviceKey};
use crate::limits::MAX_RULING;
use crate::record::{RULES, RecordKind, Segment, chain_start, chain_step};
use crate::roster::{Admitted, Roster, Ruling, Saying};

const LOG: Incarnation = Incarnation([7; 16]);

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn space() -> Space {
    Space::account(3)
}

fn record(n: u8) -> Record {
    let (doc, kind) = (DocId([1; 16]), RecordKind::CHANGE);
    Record { doc, kind, rules: RULES, more: false, claimed_ms: u64::MAX, payload: vec![n; 9] }
}

fn chain(common: u8) -> Chain {
    (0..common).fold(chain_start(&space(), LOG), |chain, n| chain_step(&chain, &record(n)))
}

/// The proof that a log of device 1 forked behind these records into branches of these.
fn fork(common: u8, one: &[u8], other: &[u8]) -> Fork {
    fork_by(&key(1), common, one, other)
}

fn fork_by(key: &DeviceKey, common: u8, one: &[u8], other: &[u8]) -> Fork {
    let before = chain(common);
    let branch = |of: &[u8]| {
        let records: Vec<Record> = of.iter().map(|n| record(*n)).collect();
        let (segment, _) = Segment::seal(&space(), LOG, (u64::from(common), &before), records, key);
        Branch::of(&segment.records, &segment.seal)
    };
    let (one, other) = (branch(one), branch(other));
    let author = Certificate::issue(LOG, key);
    Fork { space: space(), author, first: u64::from(common) + 1, before, one, other }
}

fn ruling(fork: Fork, by: u8) -> Ruling {
    Ruling::make(&Saying::Fork(Box::new(fork)), &key(by))
}

#[test]
fn two_branches_of_one_log_prove_that_it_forked() {
    for (common, one, other) in [(0, &[9][..], &[8][..]), (5, &[9, 10, 11], &[8]), (5, &[9], &[8, 9])] {
        let proof = fork(common, one, other);
        assert!(proof.holds());
        assert_eq!(proof.good_end(), u64::from(common));
        // Whoever says it.
        let said = ruling(proof.clone(), 5);
        assert!(said.holds());
        assert_eq!((said.says(), said.space()), (Some(Saying::Fork(Box::new(proof))), Some(space())));
    }
}

#[test]
fn what_proves_nothing_does_not_hold() {
    let good = fork(5, &[9, 10], &[8]);
    let mut bad = vec![fork(5, &[9, 10], &[9]), fork(5, &[9], &[9])];
    bad.push(Fork { space: Space::account(4), ..good.clone() });
    bad.push(Fork { first: 7, ..good.clone() });
    bad.push(Fork { first: 0, ..good.clone() });
    bad.push(Fork { first: u64::MAX, ..good.clone() });
    bad.push(Fork { before: chain(4), ..good.clone() });
    bad.push(Fork { author: Certificate::issue(Incarnation([8; 16]), &key(1)), ..good.clone() });
    bad.push(Fork { author: Certificate::issue(LOG, &key(2)), ..good.clone() });
    bad.push(Fork { other: fork_by(&key(2), 5, &[9], &[8]).other, ..good.clone() });
    bad.push(Fork { other: fork(4, &[9], &[8]).other, ..good.clone() });
    bad.push(Fork { one: Branch { links: Vec::new(), ..good.one.clone() }, ..good.clone() });
    for bad in bad {
        assert!(!bad.holds(), "{bad:?}");
        assert!(!ruling(bad, 1).holds());
    }
}

#[test]
fn no_flipped_bit_passes() {
    let good = ruling(fork(2, &[9, 10], &[8]), 1);
    for at in 0..good.body.len() * 8 {
        let mut bad = good.body.clone();
        bad[at / 8] ^= 1 << (at % 8);
        let fork: Option<Fork> = postcard::from_bytes(&bad).ok();
        assert!(fork.is_none_or(|fork| !fork.holds()), "bit {at}");
    }
}

#[test]
fn the_longest_proof_is_a_ruling() {
    let all: Vec<u8> = (0..MAX_SEGMENT_RECORDS as u8).map(|n| n + 9).collect();
    let other: Vec<u8> = all.iter().rev().copied().collect();
    let longest = ruling(fork(5, &all, &other), 1);
    assert!(longest.holds());
    assert!(longest.body.len() < 20_000 && longest.body.len() < MAX_RULING, "{}", longest.body.len());
    let over = [&all[..], &[1]].concat();
    assert!(!fork(5, &over, &other).holds());
}

#[test]
fn the_nearest_fork_counts_for_everybody_whatever_came_first() {
    let author = key(1);
    let me = DeviceCard::issue(&author, [1; 32], "author");
    let (far, near) = (ruling(fork(5, &[9], &[8]), 2), ruling(fork(3, &[7], &[8]), 4));
    for rulings in [vec![far.clone(), near.clone()], vec![near.clone(), far.clone()]] {
        let roster = Roster { entries: Vec::new(), rulings };
        let standing = roster.standing(&me, &BTreeSet::new());
        assert_eq!(standing.admitted(me.id(), &space(), LOG), Admitted::UpTo(3));
        assert_eq!(standing.good_end(me.id(), &space(), LOG), Some(3));
        assert_eq!(standing.admitted(me.id(), &Space::account(4), LOG), Admitted::All);
        assert_eq!(standing.admitted(me.id(), &space(), Incarnation([8; 16])), Admitted::All);
    }
    // Who certifies another's log proves nothing about it.
    let forged = ruling(fork_by(&key(2), 0, &[9], &[8]), 2);
    assert!(forged.holds());
    let standing = Roster { entries: Vec::new(), rulings: vec![forged] }.standing(&me, &BTreeSet::new());
    assert_eq!(standing.admitted(me.id(), &space(), LOG), Admitted::All);
}

#[test]
fn a_log_that_forks_again_and_again_is_good_for_nothing() {
    let author = key(1);
    let me = DeviceCard::issue(&author, [1; 32], "author");
    let proofs: Vec<Ruling> = (3..9).rev().map(|common| ruling(fork(common, &[90], &[80]), 2)).collect();
    for (known, end) in [(1, 8), (2, 7), (3, 6), (4, 0), (5, 0), (6, 0)] {
        let roster = Roster { entries: Vec::new(), rulings: proofs[..known].to_vec() };
        let standing = roster.standing(&me, &BTreeSet::new());
        assert_eq!(standing.good_end(me.id(), &space(), LOG), Some(end), "{known} proofs");
    }
}
