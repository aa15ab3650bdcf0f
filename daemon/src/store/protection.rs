//! Whether a store is encrypted, and by what: its data key, wrapped in the row [`keys::WRAPPED_KEY`] by a key that lies
//! elsewhere.
//!
//! The row is `form | place | name of the wrapping key | nonce | the data key, encrypted`; form, place and name are
//! bound to it. So a file that holds the rows alone opens nothing, and which key a store wants, and where that lies, is
//! said by the store itself.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Result, StoreError};
use crate::random;
use crate::sealed::{self, KEY, MAC, NONCE, Secret};

/// The only form there is.
const FORM: u8 = 1;
const NAME: usize = 16;
const HEAD: usize = 2 + NAME;
const WRAPPED: usize = HEAD + NONCE + KEY + MAC;

/// Name of a wrapping key: random, so that stores of one user do not meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyName(pub [u8; NAME]);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// Where a wrapping key lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Place {
    /// In the platform's key store: opened by the user's own login.
    KeyStore = 1,
    /// In a file of the data folder: it protects a copy of the database file that leaves without it, nothing more.
    File = 2,
}

impl Place {
    /// As configuration and answers say it.
    pub fn word(self) -> &'static str {
        match self {
            Place::KeyStore => "keystore",
            Place::File => "file",
        }
    }
}

/// Why a wrapping key cannot be had or kept.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Nobody answers there.
    #[error("there is no key store here: {0}")]
    None(String),
    /// It answers, and does not have the key.
    #[error("{0}")]
    Missing(String),
    /// It answers with something else.
    #[error("{0}")]
    Failed(String),
}

/// Who keeps wrapping keys. Calls block, and may wait for a person who unlocks the key store.
pub trait Keeper: Send + Sync {
    /// The key of this name.
    ///
    /// # Errors
    /// When it cannot be had; never another key instead.
    fn fetch(&self, place: Place, name: KeyName) -> Result<Secret, KeyError>;

    /// Keeps a new key durably, and says where.
    ///
    /// # Errors
    /// When that is not possible.
    fn keep(&self, name: KeyName, key: &Secret) -> Result<Place, KeyError>;

    /// Whether a key may stay in this place, by what is wanted now.
    fn may_stay(&self, place: Place) -> bool;

    /// Forgets a key that no store needs any more.
    ///
    /// # Errors
    /// When it is still there.
    fn forget(&self, place: Place, name: KeyName) -> Result<(), KeyError>;
}

/// What is wanted of a store.
#[derive(Clone, Default)]
pub struct Protection {
    /// Whether it is to be encrypted; none: as it is, and a new one is not.
    pub encrypt: Option<bool>,
    /// Who has the keys; none: an encrypted store cannot be opened.
    pub keeper: Option<Arc<dyn Keeper>>,
}

impl Protection {
    pub(super) fn keeper(&self) -> Result<&dyn Keeper> {
        let none = || StoreError::Key("it is encrypted, and this program has no access to keys".into());
        self.keeper.as_deref().ok_or_else(none)
    }
}

/// A data key as its row has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrapped(Vec<u8>);

impl Wrapped {
    /// A new data key, wrapped by a new key that is kept before this returns.
    pub(super) fn make(protection: &Protection) -> Result<(Wrapped, Secret)> {
        let data_key: Secret = Zeroizing::new(random::bytes());
        Ok((Wrapped::around(&data_key, protection)?, data_key))
    }

    /// A data key, wrapped by a new key that is kept before this returns.
    pub(super) fn around(data_key: &Secret, protection: &Protection) -> Result<Wrapped> {
        let wrapping: Secret = Zeroizing::new(random::bytes());
        let name = KeyName(random::bytes());
        let place = protection.keeper()?.keep(name, &wrapping).map_err(|error| {
            StoreError::Key(format!("`encrypt` is on, and its key cannot be kept: {error}"))
        })?;
        let mut row = vec![FORM, place as u8];
        row.extend_from_slice(&name.0);
        let sealed = sealed::close(&sealed::cipher(&wrapping), &row, &data_key[..]);
        row.extend_from_slice(&sealed.unwrap_or_default());
        Ok(Wrapped(row))
    }

    /// A row as it was found.
    pub(super) fn read(row: &[u8]) -> Result<Wrapped> {
        let known = row.len() == WRAPPED && row[0] == FORM;
        let unreadable =
            || StoreError::Unreadable("wrapped key: it was written by a newer Quire; update".into());
        if !known { Err(unreadable()) } else { Ok(Wrapped(row.to_vec())) }
    }

    pub(super) fn row(&self) -> &[u8] {
        &self.0
    }

    /// Where its wrapping key lies.
    pub(super) fn place(&self) -> Result<Place> {
        match self.0.get(1) {
            Some(1) => Ok(Place::KeyStore),
            Some(2) => Ok(Place::File),
            _ => Err(StoreError::Unreadable("wrapped key: its place is not known to this version".into())),
        }
    }

    pub(super) fn name(&self) -> KeyName {
        let name = self.0.get(2..HEAD).and_then(|name| name.try_into().ok());
        KeyName(name.unwrap_or_default())
    }

    /// The data key.
    pub(super) fn open(&self, protection: &Protection) -> Result<Secret> {
        let (place, name) = (self.place()?, self.name());
        let wrapping = protection.keeper()?.fetch(place, name).map_err(|error| {
            StoreError::Key(format!(
                "it is encrypted, and its key {name} cannot be had from {}: {error}",
                match place {
                    Place::KeyStore => "the key store",
                    Place::File => "the file `key` beside it",
                }
            ))
        })?;
        let (head, sealed) = self.0.split_at_checked(HEAD).unwrap_or_default();
        let opened = sealed::open(&sealed::cipher(&wrapping), head, sealed).map(Zeroizing::new);
        let data_key = opened.and_then(|key| <[u8; KEY]>::try_from(&key[..]).ok()).map(Zeroizing::new);
        data_key.ok_or_else(|| StoreError::Key(format!("it is encrypted, and key {name} does not open it")))
    }

    /// Forgets the wrapping key: whatever it opened is gone.
    pub(super) fn forget(&self, protection: &Protection) -> Result<()> {
        let done = protection.keeper()?.forget(self.place()?, self.name());
        done.map_err(|error| StoreError::Key(error.to_string()))
    }
}
