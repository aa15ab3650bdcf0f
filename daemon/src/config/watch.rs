//! Follows the configuration file while the daemon runs. Editors replace files, so its folder is watched.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::Sender;

use super::{Config, ConfigError};

/// Editors write in several steps; this long without a further one means that they are done.
const QUIET: Duration = Duration::from_millis(200);
/// A folder where something happens all the time does not put off a reload for longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Owner only: the file may hold hashes of passwords.
const FOLDER_MODE: u32 = 0o700;

/// What a change of the file came to.
#[derive(Debug)]
pub enum Reload {
    /// The file is good. `config` is what now holds: new where that is possible without a restart, else
    /// old; `restart` names the keys that need one.
    Changed {
        /// What now holds.
        config: Box<Config>,
        /// Keys whose new value waits for a restart.
        restart: Vec<&'static str>,
    },
    /// The file cannot be used; what held before still does.
    Refused(ConfigError),
}

/// Why the file cannot be followed; the daemon runs on without.
#[derive(Debug, thiserror::Error)]
#[error("the configuration file is not watched, changes need a restart: {0}")]
pub struct WatchError(#[from] notify::Error);

/// Ends the watching when dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: Option<RecommendedWatcher>,
}

/// Reads the file again whenever it changes, says in the log what came of it, and sends it to `tx`.
/// The file's folder is made where it does not exist: the first `quire app add` writes the file into it.
///
/// # Errors
/// When the platform has no watches left.
pub fn watch(config: &Config, tx: Sender<Reload>) -> Result<Watch, WatchError> {
    let Some(folder) = config.file().and_then(Path::parent).filter(|folder| is_there(folder)) else {
        return Ok(Watch { _watcher: None });
    };
    let name = config.file().and_then(Path::file_name).map(ToOwned::to_owned);
    let (changed, changes) = channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = match &event {
            // Reading the file is an access: following those would never end.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.need_rescan() || event.paths.iter().any(|p| p.file_name() == name.as_deref()),
            Err(_) => true,
        };
        if ours {
            // The other end goes away only together with the watcher.
            let _ = changed.send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    let current = config.clone();
    std::thread::spawn(move || follow(current, &changes, &tx));
    Ok(Watch { _watcher: Some(watcher) })
}

/// A folder that cannot be made has no file that could change.
fn is_there(folder: &Path) -> bool {
    folder.is_dir() || DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).is_ok()
}

fn follow(mut current: Config, changes: &Receiver<()>, tx: &Sender<Reload>) {
    while changes.recv().is_ok() {
        if !settle(changes) {
            return;
        }
        let Some(reload) = reload(&mut current) else { continue };
        if tx.blocking_send(reload).is_err() {
            return;
        }
    }
}

/// Waits until nothing more happens; false when the watcher is gone.
fn settle(changes: &Receiver<()>) -> bool {
    let give_up = Instant::now() + PATIENCE;
    while Instant::now() < give_up {
        match changes.recv_timeout(QUIET) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

fn reload(current: &mut Config) -> Option<Reload> {
    let new = match current.reloaded() {
        Ok(new) => new,
        Err(error) => {
            tracing::error!(%error, "the changed configuration is refused, the old one stays");
            return Some(Reload::Refused(error));
        }
    };
    for remark in new.remarks() {
        tracing::warn!("{remark}");
    }
    if current.same_values(&new) {
        return None;
    }
    let restart = current.adopt(&new);
    for key in &restart {
        tracing::warn!(key, source = %new.source(key), "this change of the configuration needs a restart");
    }
    tracing::info!("the configuration has changed");
    Some(Reload::Changed { config: Box::new(current.clone()), restart })
}
