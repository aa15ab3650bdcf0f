//! What rests on the disk: encrypted or not, damaged, restored.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "at_rest/damage.rs"]
mod damage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quire_daemon::engine::{Engine, EngineError, MarkingFilter};
use quire_daemon::store::StoreError;
use quire_daemon::store::protection::{KeyError, KeyName, Place, Protection};
use quire_daemon::vault::{Choice, KeyStore, NoKeyStore, Vault};
use quire_protocol::shapes::{json, model};
use serde_json::{Value, json};

/// Something that stands nowhere else, and that nothing can make shorter.
const CANARY: &str = "kQ7#vZ2!xM9@pL4$wB8%nR1^cT6&yH3*";

fn protection(folder: &Path, encrypt: Option<bool>) -> Protection {
    let vault = Vault::of(folder, Choice::File, Box::new(NoKeyStore));
    Protection { encrypt, keeper: Some(Arc::new(vault)) }
}

fn open(folder: &Path, encrypt: Option<bool>) -> Result<Engine, EngineError> {
    Engine::open_protected(folder, "a", protection(folder, encrypt))
}

async fn add(engine: &Engine, guid: u8, note: &str) {
    assert!(say(engine, guid, "c", note).await.unwrap());
}

/// Adds one with a value of this text: no note, of which each character would be an operation.
async fn add_value(engine: &Engine, guid: u8, content: &str) -> Result<bool, EngineError> {
    say(engine, guid, content, "note").await
}

async fn say(engine: &Engine, guid: u8, content: &str, note: &str) -> Result<bool, EngineError> {
    let guid = uuid::Uuid::from_bytes([guid; 16]).to_string();
    let marking = json!({"syncGuid": guid, "AccountId": 3, "content": content, "note": note});
    let body = json!({"Account": {"AccountId": 3}, "AccountApplicationId": 1, "Markings": [marking]});
    let read = model::read(json::parse(body.to_string().as_bytes()).unwrap()).unwrap();
    Ok(engine.synchronize(read, 1_800_000_000_000).await?.answer.is_success())
}

fn everything() -> MarkingFilter {
    MarkingFilter { limit: 10_000, ..MarkingFilter::default() }
}

fn all(engine: &Engine) -> Result<Vec<Value>, EngineError> {
    let markings = engine.markings(&everything())?;
    Ok(markings.into_iter().map(|marking| marking.members.into()).collect())
}

async fn close(engine: Engine) {
    engine.stop().await;
    drop(engine);
}

/// Files of the folder that hold the text.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    files.filter(holds).collect()
}

#[tokio::test]
async fn switching_encryption_on_and_off_keeps_everything_and_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), None).unwrap();
    assert_eq!(engine.key_place(), None, "nobody asked for it");
    for guid in 1..=30 {
        add(&engine, guid, &format!("{guid} {CANARY}")).await;
    }
    let (log, wanted) = (engine.mirror().log, all(&engine).unwrap());
    close(engine).await;
    assert!(!files_with(folder.path(), CANARY).is_empty(), "else the search would prove nothing");

    for (encrypt, place) in [
        (Some(true), Some(Place::File)),
        (None, Some(Place::File)),
        (Some(true), Some(Place::File)),
        (Some(false), None),
        (None, None),
        (Some(true), Some(Place::File)),
    ] {
        let engine = open(folder.path(), encrypt).unwrap();
        assert_eq!(engine.key_place(), place, "{encrypt:?}");
        assert_eq!(engine.mirror().log, log, "still the same installation");
        assert_eq!(all(&engine).unwrap(), wanted, "{encrypt:?}");
        close(engine).await;
        assert_eq!(files_with(folder.path(), CANARY).is_empty(), place.is_some(), "{encrypt:?}");
        assert_eq!(folder.path().join("key").exists(), place.is_some(), "{encrypt:?}");
        assert!(!folder.path().join("quire.redb.new").exists());
    }
}

#[tokio::test]
async fn a_new_store_is_encrypted_from_its_first_byte_and_its_journal_too() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), Some(true)).unwrap();
    for guid in 1..=9 {
        add(&engine, guid, &format!("{guid} {CANARY}")).await;
    }
    assert!(folder.path().join("quire.journal").exists(), "in the middle of it");
    assert_eq!(files_with(folder.path(), CANARY), Vec::<PathBuf>::new());
    // What a crash would leave of it, opened elsewhere with the same key.
    let copy = tempfile::tempdir().unwrap();
    for name in ["quire.redb", "quire.journal", "boot-token", "key"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let again = open(copy.path(), None).unwrap();
    assert_eq!(all(&again).unwrap(), all(&engine).unwrap());
    assert_ne!(again.mirror().log, engine.mirror().log, "a copy");
    close(again).await;
    assert_eq!(files_with(copy.path(), CANARY), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_store_whose_key_cannot_be_had_is_refused_with_words_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), Some(true)).unwrap();
    add(&engine, 1, "a").await;
    let wanted = all(&engine).unwrap();
    close(engine).await;
    let (store, key) = (folder.path().join("quire.redb"), folder.path().join("key"));
    let right = std::fs::read_to_string(&key).unwrap();
    let mut wrong = right.clone().into_bytes();
    wrong[40] = if wrong[40] == b'0' { b'1' } else { b'0' };
    let wrong = String::from_utf8(wrong).unwrap();
    let of_another = right.replace(&right[..32], &"0".repeat(32));
    let cases: [Option<&str>; 5] = [None, Some(""), Some("nonsense"), Some(&wrong), Some(&of_another)];
    for case in cases {
        match case {
            Some(text) => std::fs::write(&key, text).unwrap(),
            None => std::fs::remove_file(&key).unwrap(),
        }
        for encrypt in [None, Some(true), Some(false)] {
            let error = open(folder.path(), encrypt).err().unwrap();
            assert!(matches!(error, EngineError::Store(StoreError::Key(_))), "{case:?}: {error}");
            assert!(error.to_string().contains("encrypted"), "{error}");
            assert!(store.exists());
        }
        std::fs::write(&key, &right).unwrap();
        let engine = open(folder.path(), None).unwrap();
        assert_eq!(all(&engine).unwrap(), wanted, "{case:?}: nothing was lost");
        close(engine).await;
    }
    assert!(Engine::open(folder.path(), "a").is_err(), "who has no keys opens nothing");
    eprintln!("inputs passed: keys that do not fit {0} of {0}", cases.len() * 3);
}

/// A key store that can be locked and wiped.
#[derive(Clone, Default)]
struct Fake(Arc<std::sync::Mutex<FakeState>>);

#[derive(Default)]
struct FakeState {
    keys: Vec<(KeyName, [u8; 32])>,
    is_locked: bool,
}

impl KeyStore for Fake {
    fn get(&self, name: KeyName) -> Result<zeroize::Zeroizing<[u8; 32]>, KeyError> {
        let state = self.0.lock().unwrap();
        if state.is_locked {
            return Err(KeyError::Failed("it is locked".into()));
        }
        let found = state.keys.iter().find(|(known, _)| *known == name);
        found.map(|(_, key)| zeroize::Zeroizing::new(*key)).ok_or(KeyError::Missing("it has none".into()))
    }

    fn set(&self, name: KeyName, key: &zeroize::Zeroizing<[u8; 32]>) -> Result<(), KeyError> {
        let mut state = self.0.lock().unwrap();
        if state.is_locked {
            return Err(KeyError::Failed("it is locked".into()));
        }
        state.keys.push((name, **key));
        Ok(())
    }

    fn delete(&self, name: KeyName) -> Result<(), KeyError> {
        self.0.lock().unwrap().keys.retain(|(known, _)| *known != name);
        Ok(())
    }
}

#[tokio::test]
async fn a_key_store_that_is_locked_or_wiped_is_an_error_and_never_a_file() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), Fake::default());
    let open = |encrypt| {
        let vault = Vault::of(folder.path(), Choice::Auto, Box::new(keys.clone()));
        let protection = Protection { encrypt, keeper: Some(Arc::new(vault)) };
        Engine::open_protected(folder.path(), "a", protection)
    };
    let engine = open(Some(true)).unwrap();
    assert_eq!(engine.key_place(), Some(Place::KeyStore));
    add(&engine, 1, "a").await;
    let wanted = all(&engine).unwrap();
    close(engine).await;
    keys.0.lock().unwrap().is_locked = true;
    for encrypt in [None, Some(true), Some(false)] {
        let error = open(encrypt).err().unwrap().to_string();
        assert!(error.contains("locked"), "{error}");
        assert!(!folder.path().join("key").exists());
    }
    keys.0.lock().unwrap().is_locked = false;
    let engine = open(None).unwrap();
    assert_eq!(all(&engine).unwrap(), wanted);
    close(engine).await;
    let wiped = std::mem::take(&mut keys.0.lock().unwrap().keys);
    let error = open(Some(true)).err().unwrap().to_string();
    assert!(error.contains("it has none"), "{error}");
    keys.0.lock().unwrap().keys = wiped;
    let engine = open(Some(false)).unwrap();
    assert_eq!((engine.key_place(), all(&engine).unwrap()), (None, wanted));
    assert!(keys.0.lock().unwrap().keys.is_empty(), "its key is forgotten");
}

#[tokio::test]
async fn a_key_goes_where_it_is_wanted_and_stays_where_it_can() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), Fake::default());
    let open = |choice| {
        let vault = Vault::of(folder.path(), choice, Box::new(keys.clone()));
        let protection = Protection { encrypt: Some(true), keeper: Some(Arc::new(vault)) };
        Engine::open_protected(folder.path(), "a", protection)
    };
    let engine = open(Choice::File).unwrap();
    add(&engine, 1, "a").await;
    let (log, wanted) = (engine.mirror().log, all(&engine).unwrap());
    close(engine).await;
    let (in_file, in_store) = (Some(Place::File), Some(Place::KeyStore));
    for (choice, is_locked, place) in [
        (Choice::KeyStore, true, in_file),
        (Choice::Auto, false, in_file),
        (Choice::KeyStore, false, in_store),
        (Choice::KeyStore, false, in_store),
        (Choice::Auto, false, in_store),
        (Choice::File, false, in_file),
        (Choice::File, true, in_file),
    ] {
        keys.0.lock().unwrap().is_locked = is_locked;
        let engine = open(choice).unwrap();
        assert_eq!((engine.key_place(), engine.mirror().log), (place, log), "{choice:?}");
        assert_eq!(all(&engine).unwrap(), wanted, "{choice:?}");
        close(engine).await;
        assert_eq!(folder.path().join("key").exists(), place == in_file, "{choice:?}: one key, in one place");
        assert_eq!(keys.0.lock().unwrap().keys.len(), usize::from(place == in_store), "{choice:?}");
    }
}

#[tokio::test]
async fn a_rewriting_that_a_crash_cut_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), None).unwrap();
    add(&engine, 1, CANARY).await;
    let (log, wanted) = (engine.mirror().log, all(&engine).unwrap());
    close(engine).await;
    // What a crash leaves: a new file that is not whole.
    let new = folder.path().join("quire.redb.new");
    for left in [&b""[..], b"half a store", &std::fs::read(folder.path().join("quire.redb")).unwrap()[..5000]]
    {
        for encrypt in [None, Some(true), Some(false)] {
            std::fs::write(&new, left).unwrap();
            let engine = open(folder.path(), encrypt).unwrap();
            assert_eq!((engine.mirror().log, all(&engine).unwrap()), (log, wanted.clone()));
            close(engine).await;
            assert!(!new.exists());
        }
    }
}
