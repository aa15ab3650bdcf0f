use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::id::Incarnation;

struct Device {
    key: DeviceKey,
    card: DeviceCard,
}

fn device(n: u8) -> Device {
    let key = DeviceKey::from_seed(&[n; 32]);
    let card = DeviceCard::issue(&key, [n; 32], &format!("device {n}"));
    Device { key, card }
}

impl Device {
    fn id(&self) -> DeviceId {
        self.card.id()
    }

    fn adds(&self, other: &Device) -> RosterEntry {
        RosterEntry::add(other.card.clone(), Scope::Everything, &self.key)
    }

    fn grants(&self, other: &Device, rights: Rights) -> RosterEntry {
        RosterEntry::add(other.card.clone(), Scope::One(three(), rights), &self.key)
    }

    fn removes(&self, other: &Device, known: &[RosterEntry]) -> Ruling {
        let (device, of) = (other.id(), |entry: &&RosterEntry| entry.subject.id() == other.id());
        let entries = known.iter().filter(of).map(RosterEntry::id).collect();
        Ruling::make(&Saying::Remove { device, entries }, &self.key)
    }

    fn cuts(&self, last: u64) -> Ruling {
        Ruling::make(&Saying::Cut { space: three(), logs: vec![(LOG, last)] }, &self.key)
    }

    fn sees(&self, entries: &[RosterEntry], rulings: &[Ruling]) -> Standing {
        self.sees_with(entries, rulings, &BTreeSet::new())
    }

    fn sees_with(&self, entries: &[RosterEntry], rulings: &[Ruling], keys: &BTreeSet<PublicKey>) -> Standing {
        Roster { entries: entries.to_vec(), rulings: rulings.to_vec() }.standing(&self.card, keys)
    }
}

const LOG: Incarnation = Incarnation([7; 16]);

fn three() -> Space {
    Space::account(3)
}

fn trusts(standing: &Standing, device: &Device) -> bool {
    standing.trust.contains_key(&device.id())
}

/// Three devices of one person, each added by each other.
fn family() -> (Device, Device, Device, Vec<RosterEntry>) {
    let (a, b, c) = (device(1), device(2), device(3));
    let entries = vec![a.adds(&b), b.adds(&a), a.adds(&c), c.adds(&a), b.adds(&c), c.adds(&b)];
    (a, b, c, entries)
}

#[test]
fn trust_follows_the_adds_of_ones_own_devices() {
    let (a, b, c) = (device(1), device(2), device(3));
    let entries = [a.adds(&b), b.adds(&c)];
    assert!(a.sees(&entries, &[]).trust[&c.id()].everything);
    assert_eq!(c.sees(&entries, &[]).trust.len(), 1, "nobody was added by c");
}

#[test]
fn a_guest_cannot_give_more_than_it_has() {
    let (a, b, c) = (device(1), device(2), device(3));
    let guest = Rights::READ.or(Rights::INVITE);
    let known = a.sees(&[a.grants(&b, guest), b.adds(&c)], &[]).trust;
    let trust = &known[&c.id()];
    assert!(!trust.everything);
    assert_eq!(trust.rights(&three()), guest);
    assert_eq!(trust.rights(&Space::account(4)), Rights(0));
}

#[test]
fn a_guest_that_may_not_invite_adds_nobody() {
    let (a, b, c) = (device(1), device(2), device(3));
    let rw = Rights::READ.or(Rights::WRITE);
    assert!(!trusts(&a.sees(&[a.grants(&b, rw), b.grants(&c, rw)], &[]), &c));
}

#[test]
fn changed_statements_do_not_hold() {
    let (a, b) = (device(1), device(2));
    let mut entry = a.grants(&b, Rights::READ);
    assert!(entry.holds());
    entry.scope = Scope::Everything;
    assert!(!entry.holds());
    let mut again = a.grants(&b, Rights::READ);
    again.after = [1; 8];
    assert!(!again.holds());
    let mut ruling = a.removes(&b, &[a.adds(&b)]);
    assert!(ruling.holds());
    ruling.by = b.key.public();
    assert!(!ruling.holds());
    let mut ruling = a.cuts(5);
    ruling.body.push(0);
    assert!(!ruling.holds());
}

#[test]
fn a_kind_of_tomorrow_is_kept_and_follows_nothing() {
    let (a, b, _, entries) = family();
    let mut ruling = a.removes(&b, &entries);
    ruling.kind = 200;
    ruling.signature =
        SignatureBytes::of(&a.key, &[b"quire ruling 1".as_slice(), &[200], &ruling.body].concat());
    assert!(ruling.holds() && ruling.says().is_none());
    assert!(trusts(&a.sees(&entries, &[ruling]), &b));
}

#[test]
fn a_removed_device_is_out_everywhere_and_whom_it_invites_too() {
    let (a, b, c, mut entries) = family();
    let removal = a.removes(&b, &entries);
    let accomplice = device(9);
    entries.push(b.adds(&accomplice));
    for viewer in [&a, &c] {
        let seen = viewer.sees(&entries, std::slice::from_ref(&removal));
        assert!(!trusts(&seen, &b) && !trusts(&seen, &accomplice));
        assert!(trusts(&seen, if viewer.id() == a.id() { &c } else { &a }));
    }
    assert_eq!(b.sees(&entries, &[removal]).removed_by, BTreeSet::from([a.id()]));
}

#[test]
fn pairing_again_is_a_new_entry() {
    let (a, b, c, mut entries) = family();
    let mut roster = Roster { entries: entries.clone(), rulings: vec![a.removes(&b, &entries)] };
    let after = roster.removals_of(b.id());
    assert_ne!(after, [0; 8]);
    assert_eq!(roster.removals_of(c.id()), [0; 8]);
    roster.entries.push(RosterEntry::add_after(b.card.clone(), Scope::Everything, after, &a.key));
    entries = roster.entries;
    assert!(trusts(&c.sees(&entries, &roster.rulings), &b));
}

#[test]
fn two_that_remove_each_other_are_both_out() {
    let (a, b, c, entries) = family();
    let rulings = [a.removes(&b, &entries), b.removes(&a, &entries)];
    let seen = c.sees(&entries, &rulings);
    assert!(!trusts(&seen, &a) && !trusts(&seen, &b) && seen.trust.len() == 1);
    assert!(!trusts(&a.sees(&entries, &rulings), &b));
    assert!(trusts(&a.sees(&entries, &rulings), &c));
}

#[test]
fn who_may_not_remove_removes_nobody() {
    let (a, b, guest) = (device(1), device(2), device(3));
    let entries = [a.adds(&b), a.grants(&guest, Rights(7))];
    let rulings = [guest.removes(&b, &entries), device(8).removes(&b, &entries)];
    assert!(trusts(&a.sees(&entries, &rulings), &b));
    let admin = [a.grants(&guest, Rights::ALL), a.grants(&b, Rights::READ)];
    assert!(!trusts(&a.sees(&admin, &[guest.removes(&b, &admin)]), &b), "an admin of the space");
    let own = [a.grants(&b, Rights(7)), b.grants(&guest, Rights::READ)];
    assert!(!trusts(&a.sees(&own, &[b.removes(&guest, &own)]), &guest), "what one gave one takes back");
}

#[test]
fn one_may_leave_and_a_removal_names_one_device_alone() {
    let (a, b, c, entries) = family();
    assert!(!trusts(&a.sees(&entries, &[b.removes(&b, &entries)]), &b));
    let named = entries.iter().map(RosterEntry::id).collect();
    let all = Ruling::make(&Saying::Remove { device: b.id(), entries: named }, &a.key);
    let seen = a.sees(&entries, &[all]);
    assert!(!trusts(&seen, &b) && trusts(&seen, &c));
}

#[test]
fn the_recovery_key_is_above_a_thief() {
    let (a, thief, c, entries) = family();
    let paper = DeviceKey::from_seed(&[99; 32]);
    let keys = BTreeSet::from([paper.public()]);
    let mut rulings = vec![thief.removes(&a, &entries)];
    assert!(!trusts(&c.sees_with(&entries, &rulings, &keys), &a));
    rulings.push(Ruling::make(&Saying::Expel { devices: vec![thief.id()] }, &paper));
    let seen = c.sees_with(&entries, &rulings, &keys);
    assert!(trusts(&seen, &a) && !trusts(&seen, &thief));
    let own = DeviceKey::from_seed(&[98; 32]);
    let forged = [Ruling::make(&Saying::Expel { devices: vec![a.id()] }, &own)];
    assert!(trusts(&c.sees_with(&entries, &forged, &keys), &a), "another key says nothing");
}

#[test]
fn a_cut_says_how_much_of_a_log_is_good() {
    let (a, b, c, entries) = family();
    let admitted = |rulings: &[Ruling]| a.sees(&entries, rulings).admitted(b.id(), &three(), LOG);
    assert_eq!(admitted(&[a.cuts(10)]), Admitted::All, "as long as it may write");
    let removal = a.removes(&b, &entries);
    assert_eq!(admitted(std::slice::from_ref(&removal)), Admitted::UpTo(0));
    assert_eq!(admitted(&[removal.clone(), a.cuts(10), c.cuts(12)]), Admitted::UpTo(12));
    assert_eq!(admitted(&[removal.clone(), a.cuts(10), b.cuts(99)]), Admitted::UpTo(10), "not its own word");
    let leaves = b.removes(&b, &entries);
    assert_eq!(admitted(&[leaves, b.cuts(99)]), Admitted::UpTo(99), "who leaves says where it ends");
    let stranger = device(9);
    assert_eq!(a.sees(&entries, &[]).admitted(stranger.id(), &three(), LOG), Admitted::Never);
    let both = [removal, a.cuts(10), b.removes(&a, &entries)];
    assert_eq!(c.sees(&entries, &both).admitted(b.id(), &three(), LOG), Admitted::UpTo(10), "both are out");
}

proptest! {
    /// Whatever came first, the same follows: from any statements of five devices and a recovery key.
    #[test]
    fn the_order_does_not_matter(
        adds in prop::collection::vec((0u8..5, 0u8..5, 0u8..18), 0..14),
        removals in prop::collection::vec((0u8..6, 0u8..5, any::<u16>()), 0..6),
        cuts in prop::collection::vec((0u8..5, 0u64..9), 0..4),
        seed in any::<u64>(),
    ) {
        let paper = device(50);
        let people: Vec<Device> = (1..6).map(device).collect();
        let entries: Vec<RosterEntry> = adds.iter().map(|(by, to, rights)| {
            let (by, to) = (&people[usize::from(*by)], &people[usize::from(*to)]);
            if *rights > 15 { by.adds(to) } else { by.grants(to, Rights(*rights)) }
        }).collect();
        let mut rulings: Vec<Ruling> = removals.iter().map(|(by, of, known)| {
            let of = &people[usize::from(*of)];
            let Some(by) = people.get(usize::from(*by)) else {
                return Ruling::make(&Saying::Expel { devices: vec![of.id()] }, &paper.key);
            };
            let known: Vec<_> = entries.iter().enumerate().filter(|(n, _)| known >> (n % 16) & 1 == 1).collect();
            by.removes(of, &known.into_iter().map(|(_, entry)| entry.clone()).collect::<Vec<_>>())
        }).collect();
        rulings.extend(cuts.iter().map(|(by, last)| people[usize::from(*by)].cuts(*last)));
        let keys = BTreeSet::from([paper.key.public()]);
        let mut mixed = (entries.clone(), rulings.clone());
        shuffle(&mut mixed.0, seed);
        shuffle(&mut mixed.1, seed ^ 0x5555);
        for viewer in &people {
            let (one, other) = (viewer.sees_with(&entries, &rulings, &keys), viewer.sees_with(&mixed.0, &mixed.1, &keys));
            prop_assert_eq!(&one.trust.keys().collect::<Vec<_>>(), &other.trust.keys().collect::<Vec<_>>());
            for (device, trust) in &one.trust {
                prop_assert_eq!(trust.rights(&three()), other.trust[device].rights(&three()));
            }
            for author in &people {
                prop_assert_eq!(
                    one.admitted(author.id(), &three(), LOG),
                    other.admitted(author.id(), &three(), LOG)
                );
            }
        }
    }
}

fn shuffle<T>(all: &mut [T], mut seed: u64) {
    for at in (1..all.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all.swap(at, (seed >> 33) as usize % (at + 1));
    }
}
