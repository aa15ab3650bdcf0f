#![allow(clippy::unwrap_used)]

use super::*;
use quire_protocol::identity::{DeviceCard, DeviceKey};

fn record(n: u8, addresses: &[&str]) -> PeerRecord {
    PeerRecord {
        card: DeviceCard::issue(&DeviceKey::from_seed(&[n; 32]), [n; 32], "peer"),
        everything: true,
        spaces: Vec::new(),
        added_by: Vec::new(),
        addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
    }
}

fn id(n: u8) -> DeviceId {
    record(n, &[]).card.id()
}

fn places(plan: &mut Plan, now: Millis) -> Vec<Vec<String>> {
    plan.due(now, 99).into_iter().map(|round| round.places).collect()
}

#[test]
fn a_peer_without_a_place_costs_nothing_until_it_is_seen() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &[])], 0);
    assert_eq!((plan.next(), plan.due(0, 99)), (None, Vec::new()));
    assert_eq!(plan.with_key(|key| *key == [1; 32]), Some(id(1)));
    plan.sighted(id(1), vec!["192.0.2.1:7471".into()], 10);
    assert_eq!(plan.next(), Some(0));
    assert_eq!(places(&mut plan, 10), [["192.0.2.1:7471"]]);
    assert_eq!(plan.next(), None, "it is being dialed");
}

#[test]
fn the_given_address_goes_first_and_a_stranger_s_last() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &["old:1", "given:1"])], 0);
    plan.set_configured(vec!["central:1".into()], 0);
    plan.sighted(id(1), vec!["seen:1".into()], 0);
    plan.give(id(1), "given:1".into(), 0);
    assert_eq!(places(&mut plan, 0), [["given:1", "seen:1", "old:1", "central:1"]]);
}

#[test]
fn a_configured_address_is_tried_for_all_until_its_owner_is_known() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &[]), record(2, &[])], 0);
    plan.set_configured(vec!["central:1".into()], 0);
    assert_eq!(plan.due(0, 99).len(), 2);
    plan.connected(id(1), Some(&"central:1".into()), 0);
    plan.failed(id(2), &["central:1".into()], 0, 0);
    assert_eq!(plan.next(), None, "it is the other one's");
    plan.ended(id(1), 9_000, 0);
    assert_eq!(plan.due(99_000, 99).len(), 1);
    plan.failed(id(1), &["central:1".into()], 99_000, 0);
    assert_eq!(plan.due(200_000, 99).len(), 2, "somebody else answers there now");
}

#[test]
fn waits_grow_until_something_changes() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &["a:1"])], 0);
    let mut now = 0;
    for _ in 0..9 {
        assert_eq!(plan.due(now, 99).len(), 1);
        plan.failed(id(1), &[], now, 0);
        now = plan.next().unwrap();
    }
    assert!(plan.due(now - 1, 99).is_empty());
    plan.hurry(Some(id(1)), now - 20_000);
    assert_eq!(plan.next_of(id(1)), Some(now - 20_000));
    plan.due(now, 99);
    plan.failed(id(1), &[], now, 0);
    assert_eq!(plan.next(), Some(now + 375), "and they start anew");
}

#[test]
fn the_same_sighting_again_does_not_hurry() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &[])], 0);
    plan.sighted(id(1), vec!["a:1".into()], 0);
    plan.due(0, 99);
    plan.failed(id(1), &[], 0, 0);
    plan.sighted(id(1), vec!["a:1".into()], 10);
    assert_eq!(plan.next(), Some(375));
    plan.sighted(id(1), vec!["b:1".into()], 20);
    assert_eq!(plan.next(), Some(20));
}

#[test]
fn a_peer_that_throws_us_out_at_once_is_left_alone_longer_and_longer() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &["a:1"])], 0);
    let mut now = 0;
    for wait in [375, 750, 1500] {
        plan.due(now, 99);
        plan.connected(id(1), None, now);
        plan.ended(id(1), now, 0);
        assert_eq!(plan.next(), Some(now + wait));
        now += wait;
    }
    plan.due(now, 99);
    plan.connected(id(1), None, now);
    plan.ended(id(1), now + SUCCESS, 0);
    assert_eq!(plan.next(), Some(now + SUCCESS + 375), "a session that lasted was a success");
}

#[test]
fn who_is_removed_is_named_and_forgotten() {
    let mut plan = Plan::default();
    plan.set_roster(vec![record(1, &["a:1"]), record(2, &["b:1"])], 0);
    assert_eq!(plan.set_roster(vec![record(2, &["b:1"])], 0), [id(1)]);
    assert_eq!(plan.due(0, 99).len(), 1);
    plan.failed(id(1), &[], 0, 0);
    plan.ended(id(1), 0, 0);
    assert_eq!(plan.next(), None);
}

#[test]
fn only_so_many_are_dialed_at_once() {
    let mut plan = Plan::default();
    plan.set_roster((1..=9).map(|n| record(n, &["a:1"])).collect(), 0);
    assert_eq!(plan.due(0, 4).len(), 4);
    assert_eq!(plan.due(0, 9).len(), 5);
}
