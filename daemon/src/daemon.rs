//! The running daemon: folder, sockets, ready, stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::mpsc::channel;
use tokio::sync::watch::Receiver;

use crate::config::{self, Config, Reload};
use crate::folder::{self, Folder, FolderError, Ready};
use crate::logging;

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A socket.
    #[error("cannot listen on {address}: {source}; choose another with {flag}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The option that says so.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file.
    #[error("cannot write in the data folder: {0}")]
    Io(#[from] std::io::Error),
}

/// Runs until `shutdown` turns true.
///
/// # Errors
/// When it cannot start.
pub async fn run(config: Config, mut shutdown: Receiver<bool>) -> Result<(), StartError> {
    let folder = Folder::open(&config.data_dir)?;
    let api = listen(config.api, "--api").await?;
    let peer = listen(config.peer, "--peer").await?;
    write_token(&folder.token_file())?;
    let ready = Ready {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device_id: uuid::Uuid::new_v4().simple().to_string(),
        name: config.name.clone(),
        api: format!("http://{}", api.local_addr()?),
        peer: peer.local_addr()?.to_string(),
        token_file: folder.token_file(),
    };
    let _ready = folder::write_ready(&folder, &ready)?;
    let (tx, mut reloads) = channel(1);
    let watch = config::watch(&config, tx);
    if let Err(error) = &watch {
        tracing::warn!(%error);
    }
    loop {
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
            Some(Reload::Changed { config, .. }) = reloads.recv() => logging::set_level(config.log),
        }
    }
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, flag, source })
}

fn write_token(path: &Path) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(uuid::Uuid::new_v4().simple().to_string().as_bytes())
}
