//! The running daemon: folder, engine, sockets, peers, ready, and all of it back in order.

mod holder;
mod https;
mod leaving;
mod network;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::mpsc::channel;
use tokio::sync::watch::{self, Receiver};
use tokio::task::JoinHandle;

pub use self::holder::Holder;
use self::https::{Https, Secure};
use self::network::{Beacon, Exchanges, LiveNetwork};
use crate::apps::Apps;
use crate::backup::restore;
use crate::bulk::{self, Bulk, BulkError};
use crate::config::{self, Anchors, ApiAuth, Config, Reload};
use crate::discovery::{self, Advert};
use crate::engine::{Engine, EngineError};
use crate::file_error::FileError;
use crate::folder::{self, Folder, FolderError, Ready, ReadyFile};
use crate::http::guard::{Rules, SharedRules};
use crate::http::router::{About, Services, router};
use crate::http::server::{Limits, serve};
use crate::http::tls::TlsError;
use crate::http::token::{TokenError, TokenFile};
use crate::logging;
use crate::peers::{self, Peers};
use crate::store::protection::{Place, Protection};
use crate::vault::Vault;
use crate::vault::keystore::Platform;

/// Why the daemon did not start, or did not stay.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is kept in it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What a restoring left in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is kept of exports and imports.
    #[error(transparent)]
    Bulk(#[from] BulkError),
    /// The API token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The certificate for HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A socket.
    #[error("cannot listen on {address}: {source}{}; choose another with {flag}", held(.holder))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The option that says so.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// Who is there already, where that is known.
        holder: Option<Holder>,
    },
    /// Something the system refused.
    #[error("the system refused what the daemon needs: {0}")]
    Io(#[from] std::io::Error),
    /// A task of ours panicked.
    #[error("the daemon's {0} ended by itself; this is a bug in Quire, please start it again")]
    Ended(&'static str),
}

fn held(holder: &Option<Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" ({holder})"))
}

/// Runs until `shutdown` turns true, and stops in order, within 5 s.
///
/// # Errors
/// When it cannot start.
pub async fn run(config: Config, mut shutdown: Receiver<bool>) -> Result<(), StartError> {
    let folder = Folder::open(&config.data_dir)?;
    let mut running = Running::start(&folder, &config).await?;
    let ended = running.follow(&config, &mut shutdown).await;
    let leaves = running.leaves();
    running.stop().await;
    if leaves {
        let destroyed = tokio::task::spawn_blocking(move || leaving::destroy(&folder, &config)).await;
        destroyed.map_err(|_| StartError::Ended("destruction"))??;
    }
    ended
}

/// Everything that runs.
struct Running {
    engine: Engine,
    bulk: Bulk,
    peers: Peers,
    beacon: Beacon,
    rules: SharedRules,
    ready: watch::Sender<bool>,
    /// Gone before anything else stops.
    ready_file: Option<ReadyFile>,
    stop_http: watch::Sender<bool>,
    leaving: Receiver<bool>,
    http: JoinHandle<std::io::Result<()>>,
    https: Option<Https>,
}

impl Running {
    async fn start(folder: &Folder, config: &Config) -> Result<Self, StartError> {
        let engine = open(folder.path(), config).await?;
        let api = listen(config.api, "--api").await?;
        let peer = listen_to_peers(config.peer).await?;
        let (api_at, peer_at) = (api.local_addr()?, peer.local_addr()?);
        let rules = SharedRules::new(rules(api_at, config, TokenFile::open(&folder.token_file())?));
        let secure = Secure::open(folder, config, &rules.load()).await?;
        let (peers, beacon) = meet(&engine, config, peer)?;

        let exchanges = Arc::new(Exchanges::new(engine.clone(), peers.clone()));
        let options = bulk_options(config, &rules.load());
        let secure_at = secure.as_ref().map(|secure| secure.at);
        let own = [api_at, peer_at].into_iter().chain(secure_at).collect();
        let bulk = open_bulk(&engine, folder.path(), exchanges, own, options).await?;

        let ready = watch::Sender::new(false);
        let about = About {
            api: format!("http://{}", callable(api_at)),
            peer: peer_at.to_string(),
            started_ms: now_ms(),
            tls: secure.as_ref().map(Secure::told),
            short_anchors: config.cyan_anchors == Anchors::Short,
            ready: ready.subscribe(),
            leaving: watch::Sender::new(false),
        };
        let leaving = about.leaving.subscribe();
        let told = Ready {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device_id: engine.card().id().to_string(),
            name: config.name.clone(),
            api: about.api.clone(),
            peer: about.peer.clone(),
            token_file: folder.token_file(),
        };
        let network = Arc::new(LiveNetwork::new(peers.clone(), beacon.clone()));
        let sessions = rules.load().sessions.clone();
        let app = router(Services {
            engine: engine.clone(),
            bulk: bulk.clone(),
            network,
            sessions,
            about: Arc::new(about),
        });

        let stop_http = watch::Sender::new(false);
        let mut stopped = stop_http.subscribe();
        let until = async move {
            // An error means that nobody is left to say it: stopped all the same.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let https = secure.map(|secure| secure.start(app.clone(), stop_http.subscribe()));
        let http = tokio::spawn(serve(api, None, app, rules.clone(), Limits::default(), until));
        ready.send_replace(true);
        let mut running = Self {
            engine,
            bulk,
            peers,
            beacon,
            rules,
            ready,
            ready_file: None,
            stop_http,
            leaving,
            http,
            https,
        };
        match folder::write_ready(folder, &told) {
            Ok(file) => running.ready_file = Some(file),
            Err(error) => {
                running.stop().await;
                return Err(error.into());
            }
        }
        tracing::info!(api = %told.api, peer = %told.peer, device = %told.device_id, "ready");
        Ok(running)
    }

    /// Follows the configuration until it is told to stop.
    async fn follow(&mut self, config: &Config, shutdown: &mut Receiver<bool>) -> Result<(), StartError> {
        let (tx, mut reloads) = channel(1);
        let watch = config::watch(config, tx);
        if let Err(error) = &watch {
            tracing::warn!(%error);
        }
        let mut leaving = self.leaving.clone();
        loop {
            tokio::select! {
                Ok(_) = leaving.wait_for(|leaves| *leaves) => {
                    leaving::farewell(&self.peers).await;
                    return Ok(());
                }
                // An error means that nobody is left to say it: stopped all the same.
                _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
                _ = &mut self.http => return Err(StartError::Ended("HTTP server")),
                Some(reload) = reloads.recv() => match reload {
                    Reload::Changed { config, .. } => self.adopt(&config),
                    // Said in the log by who read it; what held before still does.
                    Reload::Refused(_) => {}
                },
            }
        }
    }

    /// Whether this device leaves.
    fn leaves(&self) -> bool {
        *self.leaving.borrow()
    }

    fn adopt(&self, config: &Config) {
        logging::set_level(config.log);
        self.peers.set_connect(config.connect.clone());
        let old = self.rules.load();
        self.bulk.adopt(bulk_options(config, &old));
        self.rules.store(Rules::clone(&old).told(config));
        if let Some(https) = &self.https {
            https.adopt(config);
        }
    }

    /// Stops, outside in: nobody new comes, requests and sessions end, then what they wrote to.
    async fn stop(mut self) {
        self.ready.send_replace(false);
        drop(self.ready_file.take());
        self.stop_http.send_replace(true);
        self.bulk.stop();
        let http = async {
            if !self.http.is_finished() {
                // Whatever its end was, it has ended.
                let _ = (&mut self.http).await;
            }
        };
        // Side by side, as each may take its seconds: the shell 3, the farewell 2, the sessions 1.
        let https = async {
            if let Some(https) = &mut self.https {
                https.ended().await;
            }
        };
        tokio::join!(http, https, self.beacon.stop(), self.peers.stop());
        self.engine.stop().await;
        tracing::info!("stopped");
    }
}

/// Opening may repair a file, or write it anew, which takes its time; and the key store may ask a person.
async fn open(folder: &Path, config: &Config) -> Result<Engine, StartError> {
    let (folder, name, protection) = (folder.to_owned(), config.name.clone(), protection(folder, config));
    let opening = move || {
        restore::sweep(&folder)?;
        Engine::open_protected(&folder, &name, protection).map_err(StartError::from)
    };
    let engine = tokio::task::spawn_blocking(opening).await.map_err(|_| StartError::Ended("engine"))??;
    if engine.key_place() == Some(Place::File) {
        tracing::warn!(
            "the store is encrypted, and its key is the file `key` of the data folder: that protects a copy of \
             quire.redb that leaves without it, and nothing else"
        );
    }
    Ok(engine)
}

/// How the store of a folder is to rest, as configuration says.
pub(crate) fn protection(folder: &Path, config: &Config) -> Protection {
    let vault = Vault::of(folder, config.encrypt_key, Box::new(Platform::default()));
    Protection { encrypt: config.encrypt, keeper: Some(Arc::new(vault)) }
}

/// Reads what is kept of exports and imports, and goes on with what had not ended.
async fn open_bulk(
    engine: &Engine,
    folder: &Path,
    exchanges: Arc<Exchanges>,
    own: Vec<SocketAddr>,
    options: bulk::Options,
) -> Result<Bulk, StartError> {
    let (engine, folder) = (engine.clone(), folder.to_owned());
    let opening = move || Bulk::start(engine, &folder, exchanges, own, options, Arc::new(now_ms));
    Ok(tokio::task::spawn_blocking(opening).await.map_err(|_| StartError::Ended("bulk service"))??)
}

fn bulk_options(config: &Config, rules: &Rules) -> bulk::Options {
    bulk::Options {
        users: config.bulk_users.clone(),
        logins: rules.logins.clone(),
        callbacks: config.bulk_callbacks.clone(),
        storage: config.bulk_storage,
        active: bulk::limits::ACTIVE,
    }
}

/// Starts to accept, to dial and to be found.
fn meet(engine: &Engine, config: &Config, socket: TcpListener) -> Result<(Peers, Beacon), StartError> {
    let (beacon, sightings) = if config.discovery {
        let advert = Advert {
            port: socket.local_addr()?.port(),
            public: engine.channel_key().public(),
            pairing: false,
        };
        let (discovery, sightings) = discovery::start(advert);
        (Beacon::new(discovery), Some(sightings))
    } else {
        (Beacon::default(), None)
    };
    let announcing = beacon.clone();
    let options = peers::Options {
        connect: config.connect.clone(),
        sightings,
        announce: Some(Box::new(move |live| announcing.set_pairing(live))),
    };
    Ok((Peers::start(engine.clone(), socket, options)?, beacon))
}

fn rules(api: SocketAddr, config: &Config, token: TokenFile) -> Rules {
    let uid = rustix::process::geteuid().as_raw();
    Rules {
        app_passwords: config.api_auth == ApiAuth::Required,
        ..Rules::of(api.port(), uid, token).told(config)
    }
}

impl Rules {
    /// With what configuration may say anew while the daemon runs.
    fn told(self, config: &Config) -> Self {
        Self {
            hosts: config.api_hosts.clone(),
            allow_uids: config.api_allow_uids.clone(),
            apps: Apps::new(&config.api_apps),
            bulk_users: !config.bulk_users.is_empty(),
            ..self
        }
    }
}

/// Where a program on this machine calls a socket that is at every address.
fn callable(at: SocketAddr) -> SocketAddr {
    match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, at.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, at.port()).into(),
        _ => at,
    }
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| {
        let taken = source.kind() == std::io::ErrorKind::AddrInUse;
        let holder = taken.then(|| Holder::of(address.port())).flatten();
        StartError::Listen { address, flag, source, holder }
    })
}

/// As [`listen`]; where the machine has no IPv6, `[::]` means every IPv4 address.
async fn listen_to_peers(address: SocketAddr) -> Result<TcpListener, StartError> {
    match listen(address, "--peer").await {
        Err(StartError::Listen { source, .. }) if address.ip() == NO_ADDRESS && has_no_ipv6(&source) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into(), "--peer").await
        }
        listening => listening,
    }
}

const NO_ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

fn has_no_ipv6(error: &std::io::Error) -> bool {
    let none = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    none.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// The wall clock, for people.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
