//! Where the keys of encrypted stores lie: in the platform's key store, or in a file of the data folder.
//!
//! The file protects a copy of the database that leaves without it, and nothing more: whoever reads the folder reads
//! both. It is for machines that have no key store, such as servers.

#[cfg(feature = "server")]
pub mod keystore;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::sealed::Secret;
use crate::store::protection::{Keeper, KeyError, KeyName, Place};

/// Name of the file within the data folder.
pub const KEY_FILE: &str = "key";
const MODE: u32 = 0o600;

/// Keys of one file: one for each time that encryption was switched on or a backup was put in. 81 bytes each.
const MAX_KEYS: usize = 256;
const MAX_FILE: u64 = 256 * 128;

/// Which keeper is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// The key store where one answers when a key is made, else the file.
    #[default]
    Auto,
    /// The key store and nothing else.
    KeyStore,
    /// The file.
    File,
}

/// A key store of a platform.
pub trait KeyStore: Send + Sync {
    /// The key of this name.
    ///
    /// # Errors
    /// [`KeyError::None`] where there is no key store.
    fn get(&self, name: KeyName) -> Result<Secret, KeyError>;

    /// Keeps a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn set(&self, name: KeyName, key: &Secret) -> Result<(), KeyError>;

    /// Removes a key.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn delete(&self, name: KeyName) -> Result<(), KeyError>;
}

/// The keys of one data folder.
pub struct Vault {
    file: PathBuf,
    choice: Choice,
    platform: Box<dyn KeyStore>,
    /// Keys that were had once: a store that must be opened again does not ask its user again.
    known: Mutex<Vec<Entry>>,
}

impl Vault {
    /// Of this folder.
    pub fn of(folder: &Path, choice: Choice, platform: Box<dyn KeyStore>) -> Vault {
        Vault { file: folder.join(KEY_FILE), choice, platform, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Vault {
    fn fetch(&self, place: Place, name: KeyName) -> Result<Secret, KeyError> {
        if let Some((_, key)) = self.known().iter().find(|(known, _)| *known == name) {
            return Ok(key.clone());
        }
        let key = match place {
            Place::KeyStore => self.platform.get(name),
            Place::File => key_in(&self.file, name),
        }?;
        self.known().push((name, key.clone()));
        Ok(key)
    }

    fn keep(&self, name: KeyName, key: &Secret) -> Result<Place, KeyError> {
        let in_file = || add_to(&self.file, name, key).map(|()| Place::File);
        let in_store = || self.platform.set(name, key).map(|()| Place::KeyStore);
        match self.choice {
            Choice::File => in_file(),
            Choice::KeyStore => in_store(),
            Choice::Auto => match in_store() {
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "no key store takes the key of the encrypted store: it is kept in the file `key` of the data \
                         folder, which protects a copy of the database that leaves without that file, and nothing else"
                    );
                    in_file()
                }
                kept => kept,
            },
        }
    }

    fn may_stay(&self, place: Place) -> bool {
        match self.choice {
            Choice::Auto => true,
            Choice::KeyStore => place == Place::KeyStore,
            Choice::File => place == Place::File,
        }
    }

    fn forget(&self, place: Place, name: KeyName) -> Result<(), KeyError> {
        self.known().retain(|(known, _)| *known != name);
        match place {
            Place::KeyStore => self.platform.delete(name),
            Place::File => remove_from(&self.file, name),
        }
    }
}

/// No key store at all.
pub struct NoKeyStore;

impl KeyStore for NoKeyStore {
    fn get(&self, _: KeyName) -> Result<Secret, KeyError> {
        Err(KeyError::None("this build has none".into()))
    }

    fn set(&self, _: KeyName, _: &Secret) -> Result<(), KeyError> {
        Err(KeyError::None("this build has none".into()))
    }

    fn delete(&self, _: KeyName) -> Result<(), KeyError> {
        Ok(())
    }
}

/// A line of the file: the key's name and the key, in hex.
type Entry = (KeyName, Secret);

fn key_in(file: &Path, name: KeyName) -> Result<Secret, KeyError> {
    let missing = || KeyError::Missing(format!("{} does not have it: put that file back", file.display()));
    read(file)?.into_iter().find(|(known, _)| *known == name).map(|(_, key)| key).ok_or_else(missing)
}

fn add_to(file: &Path, name: KeyName, key: &Secret) -> Result<(), KeyError> {
    let mut entries = read(file)?;
    if entries.len() >= MAX_KEYS {
        return Err(KeyError::Failed(format!("{} holds too many keys", file.display())));
    }
    entries.push((name, key.clone()));
    write(file, &entries)
}

fn remove_from(file: &Path, name: KeyName) -> Result<(), KeyError> {
    let mut entries = read(file)?;
    entries.retain(|(known, _)| *known != name);
    if !entries.is_empty() {
        return write(file, &entries);
    }
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", file, &error)),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> Result<Vec<Entry>, KeyError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = match OpenOptions::new().read(true).custom_flags(flags).open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(|error| failed("read", file, &error))?,
    };
    let mut text = Zeroizing::new(String::new());
    opened.take(MAX_FILE).read_to_string(&mut text).map_err(|error| failed("read", file, &error))?;
    let entries: Option<Vec<Entry>> = text.lines().map(entry).collect();
    entries.ok_or_else(|| KeyError::Failed(format!("{} is damaged: put that file back", file.display())))
}

fn entry(line: &str) -> Option<Entry> {
    let (name, key) = line.split_once(' ')?;
    let name = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
    let key = Zeroizing::new(data_encoding::HEXLOWER.decode(key.as_bytes()).ok()?);
    Some((KeyName(name.try_into().ok()?), Zeroizing::new(<[u8; 32]>::try_from(&key[..]).ok()?)))
}

/// Whole or not at all: other stores' keys may be in it.
fn write(file: &Path, entries: &[Entry]) -> Result<(), KeyError> {
    let mut text = Zeroizing::new(String::new());
    for (name, key) in entries {
        let key = Zeroizing::new(data_encoding::HEXLOWER.encode(&key[..]));
        text.push_str(&format!("{name} {}\n", *key));
    }
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = || {
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut to = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
        to.write_all(text.as_bytes())?;
        to.sync_all()?;
        std::fs::rename(&new, file)?;
        File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| failed("write", file, &error))
}

fn failed(action: &str, file: &Path, error: &std::io::Error) -> KeyError {
    KeyError::Failed(format!("cannot {action} {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn vault(folder: &Path, choice: Choice) -> Vault {
        Vault::of(folder, choice, Box::new(NoKeyStore))
    }

    #[test]
    fn the_file_keeps_the_keys_of_several_stores() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path(), Choice::Auto);
        let keys: [Entry; 2] = [1, 2].map(|n| (KeyName([n; 16]), Zeroizing::new([n + 10; 32])));
        for (name, key) in &keys {
            assert_eq!(vault.keep(*name, key).unwrap(), Place::File);
        }
        let mode = folder.path().join(KEY_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for (name, key) in &keys {
            assert_eq!(*vault.fetch(Place::File, *name).unwrap(), **key);
        }
        vault.forget(Place::File, keys[0].0).unwrap();
        assert!(matches!(vault.fetch(Place::File, keys[0].0), Err(KeyError::Missing(_))));
        vault.fetch(Place::File, keys[1].0).unwrap();
        vault.forget(Place::File, keys[1].0).unwrap();
        assert!(!folder.path().join(KEY_FILE).exists());
    }

    #[test]
    fn a_key_store_that_was_asked_for_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = vault(folder.path(), Choice::KeyStore).keep(KeyName([1; 16]), &Zeroizing::new([2; 32]));
        assert!(matches!(error, Err(KeyError::None(_))));
        assert!(!folder.path().join(KEY_FILE).exists());
    }

    #[test]
    fn a_damaged_file_or_a_link_is_said_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, vault) = (folder.path().join(KEY_FILE), vault(folder.path(), Choice::File));
        let (name, key) = (KeyName([1; 16]), Zeroizing::new([2; 32]));
        for text in ["x", "zz 11", "\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(vault.fetch(Place::File, name).is_err(), "{text:?}");
            assert!(vault.keep(name, &key).is_err(), "{text:?}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(vault.keep(name, &key).is_err());
    }
}
