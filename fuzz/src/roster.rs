//! Credentials: who is trusted follows from the set of entries, not from their order, and nobody is trusted whom no
//! chain of entries from here reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{
    Certificate, DeviceCard, DeviceKey, Rights, RosterEntry, Scope, Trust, trusted,
};
use quire_protocol::message::{Credentials, Message};

/// Devices in the stories that are made up.
const DEVICES: usize = 6;

/// Entries of one story.
const MOST: usize = 24;

/// Reads the input as credentials, and as a story of who added whom.
pub fn check(data: &[u8]) {
    if let Ok(Some(Message::Credentials(said))) = Message::decode(&[&[2], data].concat()) {
        let holding: Vec<RosterEntry> = said.roster.into_iter().filter(RosterEntry::holds).collect();
        settled(&holding);
    }
    let entries: Vec<RosterEntry> = data.chunks_exact(3).take(MOST).map(entry).collect();
    settled(&entries);
    reads_back(&entries);
}

struct Device {
    key: DeviceKey,
    card: DeviceCard,
}

fn devices() -> &'static [Device] {
    static DEVICES_MADE: OnceLock<Vec<Device>> = OnceLock::new();
    let make = |n: usize| {
        let key = DeviceKey::from_seed(&[n as u8 + 1; 32]);
        let card = DeviceCard::issue(&key, [n as u8; 32], &format!("device {n}"));
        Device { key, card }
    };
    DEVICES_MADE.get_or_init(|| (0..DEVICES).map(make).collect())
}

/// Who adds whom to what, of three bytes. Kept, since a signature takes longer than the rest.
fn entry(bytes: &[u8]) -> RosterEntry {
    static SIGNED: Mutex<BTreeMap<[u8; 3], RosterEntry>> = Mutex::new(BTreeMap::new());
    let scope = if bytes[2] >> 6 == 0 { 0 } else { bytes[2] & 0xcf };
    let name = [bytes[0] % DEVICES as u8, bytes[1] % DEVICES as u8, scope];
    let mut signed = SIGNED.lock().unwrap_or_else(PoisonError::into_inner);
    signed.entry(name).or_insert_with(|| sign(name)).clone()
}

fn sign(bytes: [u8; 3]) -> RosterEntry {
    let device = |byte: u8| &devices()[usize::from(byte) % DEVICES];
    let (adder, subject) = (device(bytes[0]), device(bytes[1]));
    let scope = match bytes[2] >> 6 {
        0 => Scope::Everything,
        space => Scope::One(Space::account(i64::from(space)), Rights(bytes[2] & 15)),
    };
    let entry = RosterEntry::add(subject.card.clone(), scope, &adder.key);
    assert!(entry.holds());
    entry
}

fn settled(entries: &[RosterEntry]) {
    let me = &devices()[0].card;
    let known = rights(&trusted(me, entries.iter()));
    let backwards: Vec<&RosterEntry> = entries.iter().rev().collect();
    assert_eq!(rights(&trusted(me, backwards.iter().copied())), known, "the order of entries mattered");
    let twice = entries.iter().chain(entries);
    assert_eq!(rights(&trusted(me, twice)), known, "an entry counted twice");
    let reached = reached(me.id(), entries);
    assert!(known.keys().all(|device| reached.contains(device)), "somebody is trusted whom nobody added");
}

/// What follows for each device; its name and addresses are for people. Whoever has everything has each space.
fn rights(known: &BTreeMap<DeviceId, Trust>) -> BTreeMap<DeviceId, Option<Vec<(Space, Rights)>>> {
    let spaces =
        |trust: &Trust| trust.spaces.iter().map(|(space, rights)| (space.clone(), *rights)).collect();
    let of = |trust: &Trust| (!trust.everything).then(|| spaces(trust));
    known.iter().map(|(device, trust)| (*device, of(trust))).collect()
}

/// Whom a chain of entries leads to.
fn reached(me: DeviceId, entries: &[RosterEntry]) -> BTreeSet<DeviceId> {
    let mut reached = BTreeSet::from([me]);
    for _ in 0..entries.len() {
        for entry in entries {
            if reached.contains(&entry.adder.device()) {
                reached.insert(entry.subject.id());
            }
        }
    }
    reached
}

fn reads_back(entries: &[RosterEntry]) {
    let mut said = Credentials::default();
    said.roster.extend_from_slice(entries);
    said.certificates.push(Certificate::issue(Incarnation([1; 16]), &devices()[0].key));
    let message = Message::Credentials(said);
    assert_eq!(Message::decode(&message.encode()), Ok(Some(message)));
}
