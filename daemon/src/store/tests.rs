#![allow(clippy::unwrap_used)]

use super::keys::{Key, Kind};
use super::opening::builder;
use super::protection::Protection;
use super::*;

fn put(store: &Store, rows: &[(&[u8], &[u8])]) {
    let done: Result<()> = store.write(|w| rows.iter().try_for_each(|(k, v)| w.put(k, v)));
    done.unwrap();
}

#[test]
fn rows_come_back_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quire.redb");
    put(&Store::open(&path).unwrap(), &[(b"m1", b"one"), (b"m2", b"")]);
    let store = Store::open(&path).unwrap();
    let reader = store.read().unwrap();
    assert_eq!(reader.get(b"m1").unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(reader.last(b"m", b"m9").unwrap().unwrap().0, b"m2");
}

#[test]
fn a_value_moved_to_another_key_is_damage() {
    let store = Store::with_backend(redb::backends::InMemoryBackend::new()).unwrap();
    put(&store, &[(b"m1", b"one")]);
    let txn = store.db().unwrap().begin_write().unwrap();
    {
        let mut table = txn.open_table(ROWS).unwrap();
        let raw = table.get(&b"m1"[..]).unwrap().unwrap().value().to_vec();
        table.insert(&b"m2"[..], raw.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    assert!(matches!(store.read().unwrap().get(b"m2"), Err(StoreError::Damaged(_))));
}

#[test]
fn an_error_in_the_work_writes_nothing() {
    let store = Store::with_backend(redb::backends::InMemoryBackend::new()).unwrap();
    let failed: Result<()> = store.write(|w| {
        w.put(b"m1", b"one")?;
        Err(StoreError::Database("on purpose".into()))
    });
    assert!(failed.is_err());
    assert_eq!(store.read().unwrap().get(b"m1").unwrap(), None);
}

#[test]
fn keys_sort_as_their_numbers_do() {
    let key = |n: i64| Key::of(Kind::Cursor).signed(n);
    let mut keys: Vec<_> = [5, -1, 0, i64::MIN, i64::MAX].map(key).to_vec();
    keys.sort_by(|a, b| a[..].cmp(&b[..]));
    let back: Vec<i64> = keys.iter().map(|k| keys::last_signed(k)).collect();
    assert_eq!(back, [i64::MIN, -1, 0, 5, i64::MAX]);
    assert!(
        Key::of(Kind::Head).space(u32::MAX).end()[..] > Key::of(Kind::Head).space(u32::MAX).number(7)[..]
    );
}

/// Rows of a file, by asking for each.
fn found(reader: &Reader, count: u32) -> usize {
    (0..count)
        .filter(|n| matches!(reader.get(&numbered(*n)), Ok(Some(value)) if value == value_of(*n)))
        .count()
}

fn numbered(n: u32) -> Vec<u8> {
    Key::of(Kind::Shelf).bytes(&n.to_be_bytes()).to_vec()
}

fn value_of(n: u32) -> Vec<u8> {
    vec![n as u8; 60]
}

/// A bit anywhere in a file that is not checked when it is opened: each row is found, or looking through says that one
/// is not.
#[test]
fn looking_through_finds_every_row_that_damage_hides() {
    const ROWS: u32 = 300;
    const FLIPS: u64 = 1_000;
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = dir.path().join("quire.redb");
    let rows: Vec<_> = (0..ROWS).map(|n| (numbered(n), value_of(n))).collect();
    let borrowed: Vec<(&[u8], &[u8])> = rows.iter().map(|(k, v)| (&k[..], &v[..])).collect();
    put(&Store::open(&path).unwrap(), &borrowed);
    let whole = std::fs::read(&path).unwrap();
    let used: Vec<usize> =
        (0..whole.len()).step_by(4096).filter(|at| whole[*at..at + 4096].iter().any(|b| *b != 0)).collect();
    let (mut hiding, mut unnoticed) = (0, Vec::new());
    // redb panics on damage; hundreds of those lines help nobody.
    std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_none_or(|location| !location.file().contains("redb")) {
            eprintln!("{panic}");
        }
    }));
    for n in 0..FLIPS {
        // Spread over all pages in use, and never the same twice.
        let bit = n as usize * 7919 % (4096 * 8);
        let at = used[n as usize % used.len()] + bit / 8;
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        let opened = Store::opened(&path, &Protection::default(), false, || builder(false).open(&path));
        let Ok(store) = opened else { continue };
        let Ok(reader) = store.read() else { continue };
        let is_whole = reader.look_through(&|| true).is_ok();
        if found(&reader, ROWS) < ROWS as usize {
            hiding += 1;
            if is_whole {
                unnoticed.push((at, bit % 8));
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(hiding > FLIPS / 4, "the damage must do some: {hiding}");
    assert_eq!(unnoticed, [], "byte and bit");
}

/// The first bytes say which of two commits counts: none of their bits brings back an older one in silence.
#[test]
fn no_bit_of_the_header_brings_back_an_older_commit() {
    const HEADER: usize = 320;
    const COMMITS: u32 = 8;
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = dir.path().join("quire.redb");
    let store = Store::open(&path).unwrap();
    for n in 0..COMMITS {
        let done: Result<()> = store.write(|rows| {
            rows.bypass_journal();
            rows.put(&numbered(n), &value_of(n))
        });
        done.unwrap();
    }
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let (mut right, mut older) = (0, Vec::new());
    for bit in 0..HEADER * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(store) = Store::open(&path) else { continue };
        match found(&store.read().unwrap(), COMMITS) {
            found if found < COMMITS as usize => older.push((bit / 8, bit % 8)),
            _ => right += 1,
        }
    }
    eprintln!("{right} of {} bits of the header do no harm, the others are refused", HEADER * 8);
    assert_eq!(older, [], "byte and bit");
}
