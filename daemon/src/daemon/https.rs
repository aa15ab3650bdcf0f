//! HTTPS beside HTTP: a socket of its own with the same routes behind the same door.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;

use super::{StartError, callable, listen};
use crate::config::Config;
use crate::folder::Folder;
use crate::http::guard::{Rules, SharedRules};
use crate::http::router::Secured;
use crate::http::server::{Limits, serve};
use crate::http::tls::{SharedTls, Tls};

/// A socket with its certificate, before anything is served.
pub(super) struct Secure {
    listener: TcpListener,
    /// Where it is.
    pub(super) at: SocketAddr,
    data: PathBuf,
    certificate: PathBuf,
    tls: SharedTls,
    rules: SharedRules,
}

impl Secure {
    /// Opens the socket that `api.tls` asks for, if it does. Its rules are those of HTTP but for scheme and port.
    pub(super) async fn open(
        folder: &Folder,
        config: &Config,
        rules: &Rules,
    ) -> Result<Option<Self>, StartError> {
        let Some(address) = config.api_tls else { return Ok(None) };
        let tls = Tls::open(folder.path(), &config.api_hosts)?;
        let listener = listen(address, "api.tls").await?;
        let at = listener.local_addr()?;
        tracing::info!(
            address = %at, certificate = %tls.certificate.display(),
            "HTTPS is served; apps that ask whom to trust need this certificate"
        );
        let rules = SharedRules::new(Rules { port: at.port(), https: true, ..rules.clone() });
        let data = folder.path().to_owned();
        Ok(Some(Self {
            listener,
            at,
            data,
            certificate: tls.certificate.clone(),
            tls: SharedTls::new(&tls),
            rules,
        }))
    }

    /// What the daemon says of it.
    pub(super) fn told(&self) -> Secured {
        Secured { api: format!("https://{}", callable(self.at)), certificate: self.certificate.clone() }
    }

    /// Serves until it is told to stop.
    pub(super) fn start(self, app: Router, mut stopped: Receiver<bool>) -> Https {
        let until = async move {
            // An error means that nobody is left to say it: stopped all the same.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let limits = Limits::default().beside();
        let serving = serve(self.listener, Some(self.tls.clone()), app, self.rules.clone(), limits, until);
        Https { data: self.data, tls: self.tls, rules: self.rules, running: tokio::spawn(serving) }
    }
}

/// HTTPS being served.
pub(super) struct Https {
    data: PathBuf,
    tls: SharedTls,
    rules: SharedRules,
    running: JoinHandle<std::io::Result<()>>,
}

impl Https {
    /// Follows the configuration: names that are new need a new certificate.
    pub(super) fn adopt(&self, config: &Config) {
        let old = self.rules.load();
        self.rules.store(Rules::clone(&old).told(config));
        match Tls::open(&self.data, &config.api_hosts) {
            Ok(tls) => self.tls.store(&tls),
            Err(error) => tracing::error!(%error, "HTTPS keeps its old certificate"),
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) {
        if !self.running.is_finished() {
            // Whatever its end was, it has ended.
            let _ = (&mut self.running).await;
        }
    }
}
