#![allow(clippy::unwrap_used)]

use super::keys::{Key, Kind};
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
