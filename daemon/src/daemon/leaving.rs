//! The end of a device that leaves: the others are told, then keys and contents are destroyed.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{StartError, protection};
use crate::config::Config;
use crate::engine::DATABASE;
use crate::folder::Folder;
use crate::peers::Peers;
use crate::store::Store;

/// How long peers may take to hear of it: those that do not will hear from those that did.
const FAREWELL: Duration = Duration::from_secs(3);

/// Waits until every peer has heard and gone.
pub(super) async fn farewell(peers: &Peers) {
    let (deadline, mut changes) = (Instant::now() + FAREWELL, peers.subscribe());
    while peers.status().iter().any(|peer| peer.connected) {
        if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            tracing::warn!("not every peer could be told that this device leaves");
            return;
        }
    }
}

/// Destroys what a stopped daemon keeps: the key of what is encrypted first, which leaves the rest unreadable.
pub(super) fn destroy(folder: &Folder, config: &Config) -> Result<(), StartError> {
    let protection = protection(folder.path(), config);
    let store = Store::open_protected(&folder.path().join(DATABASE), &protection);
    match store.and_then(|store| store.keys().forget(&protection)) {
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(%error, "the key of the store could not be removed from where it is kept")
        }
    }
    folder.destroy()?;
    tracing::info!(folder = %folder.path().display(), "all that this device kept is destroyed");
    Ok(())
}
