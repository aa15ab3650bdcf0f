//! First start, and whether this store is still the installation it was.
//!
//! A copied data folder or a restored backup must write a new log: two writers of one log lose each
//! other's edits in silence. The database keeps what its own file looked like (device and inode) and a
//! token that is rewritten at each start and kept in a file beside it. A copy has another inode; an older
//! database under the same inode has another token. (A whole disk rolled back has neither: peers then know
//! more of the log than its writer, which ends it as well, see `ingest`.)

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quire_protocol::id::Incarnation;
use serde::{Deserialize, Serialize};

use super::{Opening, check_format, meta_key, read_meta};
use crate::random;
use crate::store::rows::{FORMAT, bytes, decode, meta};
use crate::store::{Result, Store, StoreError};

/// File beside the database that holds the token of the last start.
const TOKEN_FILE: &str = "boot-token";

/// Who this installation is.
pub(super) struct Identity {
    pub device_seed: [u8; 32],
    pub channel_key: [u8; 32],
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
        rows.put(&meta_key(meta::INCARNATION), &incarnation)?;
        if goes_on.is_none() {
            // What a copy holds of earlier logs the original has written, and may write again.
            rows.put(&meta_key(meta::LIVES), &bytes(&BTreeSet::from([Incarnation(incarnation)])))?;
        }
        mark.as_ref().map_or(Ok(()), |mark| rows.put(&meta_key(meta::INSTALLATION), &bytes(mark)))
    })?;
    if let (Some(path), Some(mark)) = (opening.path, &mark) {
        write_token(path, mark)?;
    }
    Ok(Identity { device_seed: seed, channel_key, incarnation: Incarnation(incarnation) })
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
    std::fs::write(&to, mark.token).map_err(|error| failed(&to, &error))
}

fn token_path(path: &Path) -> std::path::PathBuf {
    path.with_file_name(TOKEN_FILE)
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Open { path: path.display().to_string(), reason: error.to_string() }
}
