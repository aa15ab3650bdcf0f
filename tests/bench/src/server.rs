//! The smallest server there is: axum in this process, and the file it may keep what it gets in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;

use crate::failure::{Context, Outcome};

/// A server that ends when it is dropped.
pub struct Server {
    runtime: Option<tokio::runtime::Runtime>,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Server {
    /// Serves `routes` on a free port.
    pub fn start(routes: Router) -> Outcome<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").while_doing("listen")?;
        let address = listener.local_addr().while_doing("read an address")?.to_string();
        listener.set_nonblocking(true).while_doing("listen")?;
        let runtime = tokio::runtime::Runtime::new().while_doing("start a runtime")?;
        runtime.spawn(serve(listener, routes));
        Ok(Self { runtime: Some(runtime), address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: std::net::TcpListener, routes: Router) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, routes).await
}

/// A file that bytes are appended to, removed with its last handle.
#[derive(Clone)]
pub struct Kept(Arc<Removed>);

struct Removed {
    file: File,
    path: PathBuf,
}

impl Kept {
    /// Creates it, or empties what is there.
    pub fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path).while_doing("create a file")?;
        Ok(Self(Arc::new(Removed { file, path: path.to_owned() })))
    }

    /// Appends and fdatasyncs, on the caller's own thread: to hand it to another one would only take longer.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0.file).write_all(bytes)?;
        self.0.file.sync_data()
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
