//! First start, and whether this store is still the installation it was.
//!
//! A copied data folder or a restored backup must write a new log: two writers of one log lose each
//! other's edits in silence. The database keeps what its own file looked like (device and inode) and a
//! token that is rewritten at each start and kept in a file beside it. A copy has another inode; an older
//! database under the same inode has another token. (A whole disk rolled back has neither: peers then know
//! more of the log than its writer, which ends it as well, see `ingest`.)

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::path::Path;

use quire_protocol::id::Incarnation;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Opening, check_format, meta_key, read_meta};
use crate::random;
use crate::sealed::Secret;
use crate::store::protection::{Place, Protection};
use crate::store::rewrite::NewStore;
use crate::store::rows::{FORMAT, bytes, decode, meta};
use crate::store::{Result, Store, StoreError};

/// File beside the database that holds the token of the last start.
const TOKEN_FILE: &str = "boot-token";

/// The owner's alone, like everything in the data folder.
const MODE: u32 = 0o600;

/// Who this installation is.
pub(super) struct Identity {
    pub device_seed: [u8; 32],
    pub channel_key: [u8; 32],
    /// For files of services beside the store.
    pub file_key: Secret,
    pub incarnation: Incarnation,
}

/// What the installation looked like when it last started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark {
    device: u64,
    inode: u64,
    token: [u8; 16],
}

/// Reads the identity, or makes it; mints a new incarnation when the store is a copy.
pub(super) fn start(store: &Store, opening: &Opening<'_>) -> Result<Identity> {
    let reader = store.read()?;
    let known = check_format(&reader)?;
    let kept: Option<Mark> = match read_meta(&reader, meta::INSTALLATION)? {
        Some(value) => Some(decode(b"installation", &value)?),
        None => None,
    };
    let seed = thirty_two(read_meta(&reader, meta::DEVICE_SEED)?).unwrap_or_else(random::bytes);
    let channel_key = thirty_two(read_meta(&reader, meta::CHANNEL_KEY)?).unwrap_or_else(random::bytes);
    let file_key = thirty_two(read_meta(&reader, meta::FILE_KEY)?).unwrap_or_else(random::bytes);
    let incarnation = read_meta(&reader, meta::INCARNATION)?.and_then(|value| value.try_into().ok());
    drop(reader);

    let same = opening.path.is_none_or(|path| kept.is_some_and(|kept| is_same(path, &kept)));
    if known && !same {
        tracing::warn!(
            "this data folder is a copy or an older state: it goes on under a new log, nothing is lost"
        );
    }
    let goes_on = incarnation.filter(|_| same);
    let incarnation = goes_on.unwrap_or_else(random::bytes);
    let mark = opening.path.map(next_mark).transpose()?;
    store.write(|rows| -> Result<()> {
        rows.put(&meta_key(meta::FORMAT), &FORMAT.to_be_bytes())?;
        rows.put(&meta_key(meta::DEVICE_SEED), &seed)?;
        rows.put(&meta_key(meta::CHANNEL_KEY), &channel_key)?;
        rows.put(&meta_key(meta::FILE_KEY), &file_key)?;
        rows.put(&meta_key(meta::INCARNATION), &incarnation)?;
        mark.as_ref().map_or(Ok(()), |mark| rows.put(&meta_key(meta::INSTALLATION), &bytes(mark)))
    })?;
    if let (Some(path), Some(mark)) = (opening.path, &mark) {
        write_token(path, mark)?;
    }
    let (file_key, incarnation) = (Zeroizing::new(file_key), Incarnation(incarnation));
    Ok(Identity { device_seed: seed, channel_key, file_key, incarnation })
}

/// Opens a store whose values rest as is wanted: one that does not is written anew first, and stays the installation
/// that it was. An interrupted rewriting begins again with the next opening.
///
/// # Errors
/// When it cannot be opened or written; then it is as it was.
pub fn open_store(path: &Path, protection: &Protection) -> Result<Store> {
    NewStore::sweep(path)?;
    let mut store = Store::open_protected(path, protection)?;
    if store.rests_as_wanted(protection) {
        move_key(&mut store, protection);
        return Ok(store);
    }
    let encrypted = protection.encrypt == Some(true);
    tracing::info!(encrypted, "the store is written anew, since `encrypt` has changed");
    let mut new = NewStore::beside(path, protection)?;
    match copy(&store, path, &mut new) {
        Ok(()) => drop(replace(store, new, path, protection)?),
        Err(error) => {
            new.give_up(protection);
            return Err(error);
        }
    }
    tracing::info!(encrypted, "the store is written anew");
    Store::open_protected(path, protection)
}

/// Where that fails, the store is used as it is: its key is where it was.
fn move_key(store: &mut Store, protection: &Protection) {
    match store.move_key(protection) {
        Ok(None) => {}
        Ok(Some(from)) => {
            let to = store.key_place().map(Place::word);
            tracing::info!(
                from = from.word(),
                to,
                "the key of the store is moved, since `encrypt_key` says so"
            );
        }
        Err(error) => tracing::warn!(
            %error,
            "the key of the store is not where `encrypt_key` says, and cannot be moved: it stays where it is until \
             a later start can move it"
        ),
    }
}

fn copy(store: &Store, path: &Path, new: &mut NewStore) -> Result<()> {
    let mark = meta_key(meta::INSTALLATION);
    let new_path = new.new_path();
    store.rows(&mut |key, value| {
        let moved = if key == &*mark { moved(value, path, &new_path)? } else { None };
        new.put(key, moved.as_deref().unwrap_or(value))?;
        Ok(std::ops::ControlFlow::Continue(()))
    })
}

/// The mark as the new file must have it; none when it is not that of the old one, which is a copy then and stays one.
fn moved(mark: &[u8], from: &Path, to: &Path) -> Result<Option<Vec<u8>>> {
    let mark: Mark = decode(b"installation", mark)?;
    if !is_same(from, &mark) {
        return Ok(None);
    }
    let metadata = std::fs::metadata(to).map_err(|error| failed(to, &error))?;
    Ok(Some(bytes(&Mark { device: metadata.dev(), inode: metadata.ino(), token: mark.token })))
}

/// The old one's journal goes before its rows do: it would hold the last of them in the old form.
fn replace(old: Store, new: NewStore, path: &Path, protection: &Protection) -> Result<()> {
    let keys = old.keys();
    drop(old);
    let journal = path.with_extension("journal");
    if journal.exists() {
        new.give_up(protection);
        let reason = "its journal cannot be removed, so it cannot be written anew; look at the log".into();
        return Err(StoreError::Open { path: journal.display().to_string(), reason });
    }
    new.keep()?;
    if let Err(error) = keys.forget(protection) {
        tracing::warn!(%error, "a key that opens nothing any more could not be removed");
    }
    Ok(())
}

fn thirty_two(value: Option<Vec<u8>>) -> Option<[u8; 32]> {
    value.and_then(|value| value.try_into().ok())
}

fn is_same(path: &Path, kept: &Mark) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    let token = std::fs::read(token_path(path)).unwrap_or_default();
    (metadata.dev(), metadata.ino()) == (kept.device, kept.inode) && token == kept.token
}

fn next_mark(path: &Path) -> Result<Mark> {
    let metadata = std::fs::metadata(path).map_err(|error| failed(path, &error))?;
    Ok(Mark { device: metadata.dev(), inode: metadata.ino(), token: random::bytes() })
}

/// Written after the database: a crash between leaves a mismatch, which costs a new log and nothing else.
fn write_token(path: &Path, mark: &Mark) -> Result<()> {
    let to = token_path(path);
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(MODE);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&to)?.write_all(&mark.token)
    };
    write().map_err(|error| failed(&to, &error))
}

fn token_path(path: &Path) -> std::path::PathBuf {
    path.with_file_name(TOKEN_FILE)
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Open { path: path.display().to_string(), reason: error.to_string() }
}
