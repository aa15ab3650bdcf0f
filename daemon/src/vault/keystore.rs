//! The platform's key store: the Secret Service on Linux (GNOME Keyring, KWallet), the Keychain on macOS.
//!
//! It may ask its user to unlock it, which takes as long as it takes; so each call has a thread of its own and a
//! deadline.

use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::KeyStore;
use crate::sealed::Secret;
use crate::store::protection::{KeyError, KeyName};

/// For a person who has to type a password. The daemon does not start before.
const PATIENCE: Duration = Duration::from_secs(60);

/// By what people find the keys in their key store's own program.
const SERVICE: &str = "quire";

/// The key store of this platform.
pub struct Platform {
    patience: Duration,
}

impl Default for Platform {
    fn default() -> Self {
        Self { patience: PATIENCE }
    }
}

impl Platform {
    /// Runs a call; it is left alone when it does not end in time.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let (done, answer) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("quire-keystore".into()).spawn(move || {
            // Whoever waited may have gone.
            let _ = done.send(work());
        });
        thread.map_err(|error| KeyError::Failed(format!("no thread could be started: {error}")))?;
        let seconds = self.patience.as_secs();
        answer.recv_timeout(self.patience).unwrap_or_else(|_| {
            Err(KeyError::Failed(format!(
                "the key store did not answer within {seconds} seconds; unlock it, then start again"
            )))
        })
    }
}

impl KeyStore for Platform {
    fn get(&self, name: KeyName) -> Result<Secret, KeyError> {
        let missing =
            || KeyError::Missing("the key store does not have it; put back a backup of the key store".into());
        let found = self.call(move || system::get(name).map(|found| found.map(Zeroizing::new)))?;
        let key = found.ok_or_else(missing)?;
        let key: Option<[u8; 32]> = key[..].try_into().ok();
        key.map(Zeroizing::new).ok_or_else(|| KeyError::Failed("the key store has something else".into()))
    }

    fn set(&self, name: KeyName, key: &Secret) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move || system::set(name, &key[..]))
    }

    fn delete(&self, name: KeyName) -> Result<(), KeyError> {
        self.call(move || system::delete(name))
    }
}

#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd", target_os = "macos"))]
mod system {
    use std::collections::HashMap;

    use keyring_core::api::CredentialStoreApi as _;
    use keyring_core::{Entry, Error};

    use super::{KeyError, KeyName, SERVICE};

    #[cfg(target_os = "macos")]
    use apple_native_keyring_store::keychain::Store;
    #[cfg(not(target_os = "macos"))]
    use zbus_secret_service_keyring_store::Store;

    fn entry(name: KeyName) -> Result<Entry, KeyError> {
        let store = Store::new().map_err(|error| KeyError::None(error.to_string()))?;
        let label = format!("Quire data key {name}");
        let modifiers = HashMap::from([("label", label.as_str())]);
        // The Keychain knows no labels.
        let modifiers = (!cfg!(target_os = "macos")).then_some(&modifiers);
        store.build(SERVICE, &name.to_string(), modifiers).map_err(told)
    }

    pub(super) fn get(name: KeyName) -> Result<Option<Vec<u8>>, KeyError> {
        match entry(name)?.get_secret() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    pub(super) fn set(name: KeyName, key: &[u8]) -> Result<(), KeyError> {
        entry(name)?.set_secret(key).map_err(told)
    }

    pub(super) fn delete(name: KeyName) -> Result<(), KeyError> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    fn told(error: Error) -> KeyError {
        match error {
            Error::NoStorageAccess(why) => {
                KeyError::Failed(format!("the key store is locked ({why}); unlock it, then start again"))
            }
            error => KeyError::Failed(error.to_string()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd", target_os = "macos")))]
mod system {
    use super::{KeyError, KeyName};

    fn none<T>() -> Result<T, KeyError> {
        Err(KeyError::None("Quire knows none for this platform".into()))
    }

    pub(super) fn get(_: KeyName) -> Result<Option<Vec<u8>>, KeyError> {
        none()
    }

    pub(super) fn set(_: KeyName, _: &[u8]) -> Result<(), KeyError> {
        none()
    }

    pub(super) fn delete(_: KeyName) -> Result<(), KeyError> {
        none()
    }
}
