#![allow(clippy::unwrap_used)]

mod disk;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;

use redb::Database;

use super::super::{Rows, Store, Writer, meta, meta_key};
use super::*;
use disk::{Fault, Machine};

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Every row of the tests' own.
fn state(store: &Store) -> State {
    let mut state = State::new();
    let each: super::super::Visit<'_> = &mut |key, value| {
        state.insert(key.to_vec(), value.to_vec());
        Ok(ControlFlow::Continue(()))
    };
    store.read().unwrap().scan(b"x", b"y", each).unwrap();
    state
}

fn write(store: &Store, work: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Result<()> {
    store.write(work)
}

/// A group that puts some rows, overwrites one and removes another.
fn group(store: &Store, n: u8) -> Result<()> {
    write(store, |rows| {
        rows.put(&[b'x', n], &[n; 20])?;
        rows.put(b"x-same", &[n])?;
        rows.remove(&[b'x', n.wrapping_sub(2)])
    })
}

/// A group that is too long for the journal.
fn large(store: &Store, n: u8) -> Result<()> {
    write(store, |rows| rows.put(&[b'x', b'l', n], &vec![n; MAX_ENTRY]))
}

/// A store whose next small group goes to its journal.
fn store(machine: &Machine) -> Store {
    let store = machine.open().unwrap();
    write(&store, |rows| {
        rows.put(&meta_key(meta::INSTALLATION), b"this one")?;
        rows.put(b"x-first", b"0")
    })
    .unwrap();
    store
}

/// The states after each of some groups, the first before them.
fn groups(store: &Store, numbers: std::ops::Range<u8>) -> Vec<State> {
    let mut states = vec![state(store)];
    for n in numbers {
        group(store, n).unwrap();
        states.push(state(store));
    }
    states
}

fn keeps_its_log(store: &Store) -> bool {
    store.read().unwrap().get(&meta_key(meta::INSTALLATION)).unwrap().is_some()
}

/// The beginning of a journal in which tests look at every byte.
const BEGINNING: usize = 4096;

/// Where the first entries of a journal end.
fn ends(journal: &[u8], count: usize) -> Vec<usize> {
    let mut ends = vec![0];
    for _ in 0..count {
        let last = ends[ends.len() - 1];
        ends.push(last + length(&journal[last..]).unwrap());
    }
    ends
}

#[test]
fn a_small_group_is_one_write_and_one_sync_and_the_database_syncs_nothing() {
    let machine = Machine::default();
    let store = store(&machine);
    group(&store, 1).unwrap();
    let before = machine.counts();
    let states = groups(&store, 2..12);
    let after = machine.counts();
    assert_eq!(after.database_syncs, before.database_syncs);
    assert_eq!(
        (after.journal_writes - before.journal_writes, after.journal_syncs - before.journal_syncs),
        (10, 10)
    );
    assert_eq!(state(&machine.after_power_cut().open().unwrap()), states[10]);
    assert_eq!(machine.counts().makes, 1);
}

#[test]
fn a_group_that_writes_nothing_appends_nothing() {
    let machine = Machine::default();
    let store = store(&machine);
    group(&store, 1).unwrap();
    let before = machine.counts();
    write(&store, |rows| rows.remove(b"x-nothing")).unwrap();
    assert!(write(&store, |_| Err(failed("on purpose"))).is_err());
    assert_eq!(machine.counts(), before);
    group(&store, 2).unwrap();
    assert_eq!(state(&machine.after_power_cut().open().unwrap()), state(&store));
}

#[test]
fn a_cut_at_any_byte_keeps_exactly_the_groups_before_it() {
    let machine = Machine::default();
    let store = store(&machine);
    // A longer round before: its entries lie behind those of the second.
    groups(&store, 1..9);
    let old = machine.journal()[..BEGINNING].to_vec();
    large(&store, 1).unwrap();
    let states = groups(&store, 9..13);
    let new = machine.journal();
    let ends = ends(&new, 4);
    for cut in 0..=ends[4] {
        let torn = [&new[..cut], &old[cut..]].concat();
        let again = machine.after_power_cut().with_journal(torn).open().unwrap();
        let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
        // Where old and new bytes are alike, a torn entry may be whole.
        let alike = ends.get(whole + 1).is_some_and(|end| new[cut..*end] == old[cut..*end]);
        assert_eq!(state(&again), states[whole + usize::from(alike)], "cut at {cut}");
        assert!(keeps_its_log(&again), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_ends_the_replay_and_is_noticed_when_more_follows() {
    let machine = Machine::default();
    let store = store(&machine);
    let states = groups(&store, 1..4);
    let journal = machine.journal()[..BEGINNING].to_vec();
    let ends = ends(&journal, 3);
    for at in 0..ends[3] {
        let mut damaged = journal.clone();
        damaged[at] ^= 1 << (at % 8);
        let again = machine.after_power_cut().with_journal(damaged).open().unwrap();
        let whole = ends.iter().rposition(|end| *end <= at).unwrap();
        assert_eq!(state(&again), states[whole], "flip at {at}");
        assert_eq!(keeps_its_log(&again), whole == 2, "flip at {at}");
    }
}

#[test]
fn a_lost_group_is_never_followed_by_those_after_it() {
    let machine = Machine::default();
    let store = store(&machine);
    let states = groups(&store, 1..6);
    let mut damaged = machine.journal();
    let second = ends(&damaged, 1)[1];
    damaged[second + HEAD] ^= 1;
    let after = machine.after_power_cut().with_journal(damaged);
    let again = after.open().unwrap();
    assert_eq!(state(&again), states[1]);
    groups(&again, 20..22);
    let last = groups(&again, 22..24).pop().unwrap();
    assert_eq!(state(&after.after_power_cut().open().unwrap()), last);
}

#[test]
fn an_entry_twice_or_left_out_ends_the_replay() {
    let machine = Machine::default();
    let store = store(&machine);
    let states = groups(&store, 1..4);
    let journal = machine.journal();
    let ends = ends(&journal, 3);
    let (one, two, three) = (&journal[..ends[1]], &journal[ends[1]..ends[2]], &journal[ends[2]..ends[3]]);
    let cases = [
        (vec![one, one, two, three], 1),
        (vec![one, three], 1),
        (vec![two, three], 0),
        (vec![three, two, one], 0),
        (vec![two, one, three], 0),
    ];
    for (entries, whole) in cases {
        let again = machine.after_power_cut().with_journal(entries.concat()).open().unwrap();
        assert_eq!(state(&again), states[whole]);
        assert!(!keeps_its_log(&again));
    }
}

#[test]
fn a_replay_that_was_cut_short_is_done_again() {
    let machine = Machine::default();
    let store = store(&machine);
    let last = groups(&store, 1..5).pop().unwrap();
    let journal = machine.journal();
    let after = machine.after_power_cut();
    drop(after.open().unwrap());
    // The removal never reached the disk: the entries are void now.
    let again = after.with_journal(journal).open().unwrap();
    assert_eq!(state(&again), last);
    assert!(keeps_its_log(&again));
}

#[test]
fn another_stores_journal_is_nothing_and_a_lost_databases_journal_is_kept() {
    let (machine, other) = (Machine::default(), Machine::default());
    let (store, other_store) = (store(&machine), store(&other));
    let states = groups(&store, 1..4);
    groups(&other_store, 4..8);
    let again = machine.after_power_cut().with_journal(other.journal()).open().unwrap();
    assert_eq!(state(&again), states[0]);
    let alone = Machine::default().with_journal(machine.journal());
    for _ in 0..2 {
        let error = alone.open().err().unwrap().to_string();
        assert!(error.contains("put that database back"), "{error}");
    }
    assert_eq!(alone.journal(), machine.journal());
}

#[test]
fn an_older_database_beside_a_newer_journal_is_not_mixed_with_it() {
    let machine = Machine::default();
    let store = store(&machine);
    groups(&store, 1..4);
    large(&store, 1).unwrap();
    let older = machine.after_power_cut();
    let then = state(&store);
    // No entry lies between the two: the number of every commit counts.
    large(&store, 2).unwrap();
    groups(&store, 4..7);
    let mixed = older.with_journal(machine.journal()).open().unwrap();
    assert_eq!(state(&mixed), then);
    assert!(!keeps_its_log(&mixed));
}

#[test]
fn a_newer_database_beside_an_older_journal_is_as_it_was() {
    let machine = Machine::default();
    let store = store(&machine);
    groups(&store, 1..4);
    let older = machine.journal();
    groups(&store, 4..7);
    large(&store, 1).unwrap();
    let again = machine.after_power_cut().with_journal(older).open().unwrap();
    assert_eq!(state(&again), state(&store));
    assert!(keeps_its_log(&again));
}

#[test]
fn after_a_failed_append_nothing_is_taken_until_the_store_is_opened_again() {
    for fault in [Fault::Write(0), Fault::Write(1), Fault::Write(30), Fault::Sync] {
        let machine = Machine::default();
        let store = store(&machine);
        let states = groups(&store, 1..4);
        machine.fail(fault);
        assert!(matches!(group(&store, 4), Err(StoreError::Database(_))));
        assert_eq!(state(&store), states[3], "what is not on disk is not shown");
        let refused = group(&store, 5).unwrap_err().to_string();
        assert!(refused.contains("opened again"), "{refused}");
        assert!(large(&store, 5).is_err());
        drop(store);
        let with_it = {
            let mut state = states[3].clone();
            state.insert(vec![b'x', 4], vec![4; 20]);
            state.insert(b"x-same".to_vec(), vec![4]);
            state.remove(&[b'x', 2][..]);
            state
        };
        let again = machine.open().unwrap();
        let expected = if fault == Fault::Sync { &with_it } else { &states[3] };
        assert_eq!(&state(&again), expected, "{fault:?}");
        let last = groups(&again, 6..9).pop().unwrap();
        assert_eq!(state(&machine.after_power_cut().open().unwrap()), last);
    }
}

#[test]
fn a_journal_that_cannot_be_made_is_not_needed() {
    let machine = Machine::default();
    let store = store(&machine);
    machine.fail(Fault::Make);
    let last = groups(&store, 1..4).pop().unwrap();
    let after = machine.after_power_cut();
    assert_eq!((after.journal(), machine.counts().makes), (Vec::new(), 1));
    assert_eq!(state(&after.open().unwrap()), last);
}

#[test]
fn a_full_journal_begins_anew() {
    let machine = Machine::default();
    let store = store(&machine);
    let value = vec![7; MAX_ENTRY / 2];
    for n in 0..70 {
        write(&store, |rows| rows.put(&[b'x', n], &value)).unwrap();
        assert_eq!(state(&machine.after_power_cut().open().unwrap()), state(&store), "group {n}");
    }
    assert_eq!(machine.counts().journal_writes, 68, "each round of 32 has one for the database");
    assert_eq!(machine.journal().len(), SIZE);
}

#[test]
fn a_closed_store_has_no_journal_and_a_crashed_one_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (path, journal) = (dir.path().join("quire.redb"), dir.path().join("quire.journal"));
    let store = Store::open(&path).unwrap();
    large(&store, 1).unwrap();
    assert!(!journal.exists(), "nobody pays before a small group is written");
    let last = groups(&store, 1..6).pop().unwrap();
    let about = journal.metadata().unwrap();
    assert_eq!((about.len(), about.permissions().mode() & 0o777), (SIZE as u64, file::MODE));
    let copy = tempfile::tempdir().unwrap();
    for path in [&path, &journal] {
        std::fs::copy(path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    drop(store);
    assert!(!journal.exists());
    assert_eq!(state(&Store::open(&path).unwrap()), last);
    assert_eq!(state(&Store::open(&copy.path().join("quire.redb")).unwrap()), last);
    assert!(!copy.path().join("quire.journal").exists());
}

#[test]
fn a_reader_that_outlives_the_store_does_not_keep_the_journal() {
    let machine = Machine::default();
    let store = store(&machine);
    let last = groups(&store, 1..4).pop().unwrap();
    let reader = store.read().unwrap();
    drop(store);
    assert!(machine.journal().is_empty());
    drop(reader);
    assert_eq!(state(&machine.after_power_cut().open().unwrap()), last);
}

/// A transaction of several groups, each secured, until `stop` ends it with an error. What is noted is derived again
/// at its end only.
fn sitting(store: &Store, numbers: std::ops::Range<u8>, each: &mut dyn FnMut(u8), fails: bool) -> Result<()> {
    write(store, |rows| {
        for n in numbers {
            rows.put(&[b'x', n], &[n; 20])?;
            rows.remove(&[b'x', n.wrapping_sub(2)])?;
            rows.note(&[b'x', b'n', n], || vec![n])?;
            assert!(rows.secure()?);
            each(n);
        }
        rows.put_derived(b"x-derived", b"of all notes")?;
        if fails { Err(failed("on purpose")) } else { Ok(()) }
    })
}

#[test]
fn each_secured_group_outlasts_a_crash_before_its_transaction_ends() {
    let machine = Machine::default();
    let store = store(&machine);
    group(&store, 1).unwrap();
    let syncs = machine.counts();
    let mut left = Vec::new();
    sitting(&store, 2..6, &mut |n| left.push((n, machine.after_power_cut())), false).unwrap();
    let counts = machine.counts();
    assert_eq!(
        (counts.journal_syncs - syncs.journal_syncs, counts.database_syncs),
        (4, syncs.database_syncs)
    );
    let ended = state(&store);
    assert_eq!(ended.get(&b"x-derived"[..]).map(Vec::as_slice), Some(&b"of all notes"[..]));
    assert!(!ended.contains_key(&[b'x', b'n', 5][..]), "a note is for a crash alone");
    for (n, cut) in left {
        let again = state(&cut.open().unwrap());
        for one in 2..=5 {
            assert_eq!(again.contains_key(&[b'x', b'n', one][..]), one <= n, "note {one} after group {n}");
        }
        assert!(again.contains_key(&[b'x', n][..]) && !again.contains_key(&[b'x', n + 1][..]));
        assert!(!again.contains_key(&b"x-derived"[..]));
    }
    // The end of the transaction is on no disk: its groups are, as before.
    let again = state(&machine.after_power_cut().open().unwrap());
    assert!(again.contains_key(&[b'x', b'n', 5][..]) && !again.contains_key(&b"x-derived"[..]));
    // A synced commit makes the notes void.
    large(&store, 1).unwrap();
    assert_eq!(state(&machine.after_power_cut().open().unwrap()), state(&store));
}

#[test]
fn a_transaction_that_fails_after_a_secured_group_needs_the_store_opened_again() {
    let machine = Machine::default();
    let store = store(&machine);
    group(&store, 1).unwrap();
    assert!(sitting(&store, 2..4, &mut |_| {}, true).is_err());
    assert!(group(&store, 9).is_err(), "the table is behind the journal");
    let again = state(&machine.after_power_cut().open().unwrap());
    assert!(again.contains_key(&[b'x', 3][..]) && !again.contains_key(&[b'x', 9][..]));
}

#[test]
fn what_the_journal_cannot_take_is_for_the_end_of_the_transaction() {
    let machine = Machine::default();
    let store = store(&machine);
    write(&store, |rows| {
        assert!(rows.secure()?, "nothing is to be brought anywhere");
        rows.put(b"x1", b"one")?;
        assert!(rows.secure()?);
        rows.put(b"x2", &vec![2; MAX_ENTRY])?;
        assert!(!rows.secure()?);
        rows.put(b"x3", b"three")?;
        assert!(!rows.secure()?, "nor what comes after");
        Ok(())
    })
    .unwrap();
    assert_eq!(state(&machine.after_power_cut().open().unwrap()), state(&store));
    assert_eq!(state(&store).len(), 4);
}
