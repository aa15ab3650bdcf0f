//! Credentials: who is trusted, and whose records count, follows from the set of statements, not from their order, and
//! nobody is trusted whom no chain of entries from here reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use quire_protocol::id::{DeviceId, Incarnation, Space};
use quire_protocol::identity::{Certificate, DeviceCard, DeviceKey, Rights};
use quire_protocol::message::{Credentials, Message};
use quire_protocol::roster::{Admitted, Roster, RosterEntry, Ruling, Saying, Scope, Trust};

/// Devices in the stories that are made up.
const DEVICES: usize = 6;

/// Entries of one story.
const MOST: usize = 24;

/// Reads the input as credentials, and as a story of who added and removed whom.
pub fn check(data: &[u8]) {
    if let Ok(Some(Message::Credentials(said))) = Message::decode(&[&[2], data].concat()) {
        let entries = said.roster.into_iter().filter(RosterEntry::holds).collect();
        settled(&Roster { entries, rulings: said.rulings.into_iter().filter(Ruling::holds).collect() });
    }
    let told = || data.chunks_exact(3).take(MOST);
    let (rules, adds): (Vec<&[u8]>, Vec<&[u8]>) = told().partition(|bytes| bytes[0] & RULES != 0);
    let entries: Vec<RosterEntry> = adds.into_iter().map(entry).collect();
    let rulings = rules.into_iter().map(|bytes| ruling(bytes, &entries)).collect();
    let roster = Roster { entries, rulings };
    settled(&roster);
    reads_back(&roster);
}

/// A statement whose first byte has this bit takes back or cuts off.
const RULES: u8 = 0x80;

/// The log that is cut in the stories, of the device that is asked for.
const LOG: Incarnation = Incarnation([7; 16]);

/// What a device rules, of three bytes: a cut, or a removal of another one, which names its entries.
fn ruling(bytes: &[u8], entries: &[RosterEntry]) -> Ruling {
    let by = &devices()[usize::from(bytes[0] & 15) % DEVICES].key;
    let device = devices()[usize::from(bytes[1]) % DEVICES].card.id();
    if bytes[2] & 1 == 1 {
        let logs = vec![(LOG, u64::from(bytes[2] >> 1))];
        return Ruling::make(&Saying::Cut { space: Space::account(1), logs }, by);
    }
    let named = entries.iter().filter(|entry| entry.subject.id() == device).map(RosterEntry::id).collect();
    Ruling::make(&Saying::Remove { device, entries: named }, by)
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

fn settled(roster: &Roster) {
    let follows = |roster: &Roster| {
        let standing = roster.standing(&devices()[0].card, &BTreeSet::new());
        let admitted: Vec<Admitted> = devices()
            .iter()
            .map(|device| standing.admitted(device.card.id(), &Space::account(1), LOG))
            .collect();
        (rights(&standing.trust), admitted, standing.removed_by)
    };
    let known = follows(roster);
    let mut backwards = roster.clone();
    backwards.entries.reverse();
    backwards.rulings.reverse();
    assert_eq!(follows(&backwards), known, "the order of statements mattered");
    let mut twice = roster.clone();
    twice.entries.extend_from_slice(&roster.entries);
    twice.rulings.extend_from_slice(&roster.rulings);
    assert_eq!(follows(&twice), known, "a statement counted twice");
    let reached = reached(devices()[0].card.id(), &roster.entries);
    assert!(known.0.keys().all(|device| reached.contains(device)), "somebody is trusted whom nobody added");
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

fn reads_back(roster: &Roster) {
    let mut said = Credentials::default();
    said.roster.extend_from_slice(&roster.entries);
    said.rulings.extend_from_slice(&roster.rulings);
    said.certificates.push(Certificate::issue(Incarnation([1; 16]), &devices()[0].key));
    let message = Message::Credentials(said);
    assert_eq!(Message::decode(&message.encode()), Ok(Some(message)));
}
