//! What the daemon was told: flag over environment over file over default, each value with where it came
//! from. Parsing lives in `config/{value,file,environment}.rs`, following changes in `config/watch.rs`.

mod environment;
mod file;
#[doc(hidden)]
pub mod fuzzing;
pub mod value;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::apps::App;
use crate::bulk::callback::Allowed;
use crate::bulk::users::User;
use crate::escape::Escaped;
use crate::vault::Choice;
pub use watch::{Reload, Watch, WatchError, watch};

/// Where apps call, when nothing else is said.
pub const DEFAULT_API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7470);
/// Where peers call, when nothing else is said: every address of both families.
pub const DEFAULT_PEER: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 7471);
/// The space for staged and exported Bulk data, when nothing else is said: sixteen syncs of the largest size.
pub const DEFAULT_BULK_STORAGE: u64 = 4 << 30;
/// What may change without a restart.
const LIVE_KEYS: [&str; 9] = [
    "name",
    "connect",
    "log",
    "api.hosts",
    "api.allow_uids",
    "api.apps",
    "bulk.callbacks",
    "bulk.storage",
    "bulk.users",
];
/// The folder under the platform's own data and configuration folders.
const PROGRAM: &str = "quire";
const CONFIG_FILE: &str = "config.toml";

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for collectors.
    Json,
}

/// What a caller of the documented shapes must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiAuth {
    /// Being a process of the daemon's own user is enough.
    SameUser,
    /// An app password.
    Required,
}

/// How long the anchors of field apps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchors {
    /// The whole clock.
    Full,
    /// Sixteen digits that name a clock kept in the space, for clients that store eight bytes.
    Short,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line; the flag's name.
    Flag(&'static str),
    /// The environment; the variable's name.
    Environment(&'static str),
    /// The configuration file; line and column count from 1, the column in characters.
    File {
        /// The file.
        path: PathBuf,
        /// Its line.
        line: usize,
        /// The character in that line.
        column: usize,
    },
    /// Nobody said anything.
    Default,
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", Escaped(path.to_string_lossy()))
            }
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why there is no usable configuration. All of these end `quire serve` with exit code 2; at a reload the
/// old configuration stays.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One value, or the place in the file, cannot be used.
    #[error("{source}: {reason}", source = .at)]
    Bad {
        /// Where it stands.
        at: Source,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The file cannot be read as a whole.
    #[error("{}: {reason}", Escaped(.path.to_string_lossy()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Apps of other machines could call without showing anything.
    #[error(
        "{at}: {api} can be reached from other machines, which needs `api.auth = \"required\"`; without it only a loopback address such as {DEFAULT_API} can be used"
    )]
    OpenToAll {
        /// The address asked for.
        api: SocketAddr,
        /// Who asked for it.
        at: Source,
    },
    /// There is no home folder to put the data into.
    #[error("there is no home folder, so no default place for data; say --data-dir DIR")]
    NoHome,
}

/// One value and where it came from.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Who gave it.
    pub source: Source,
}

/// What one of flag, environment and file says; absent members are left to the next.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the members are those of Config")]
pub struct Layer {
    pub data_dir: Option<Given<PathBuf>>,
    pub api: Option<Given<SocketAddr>>,
    pub peer: Option<Given<SocketAddr>>,
    pub name: Option<Given<String>>,
    pub discovery: Option<Given<bool>>,
    pub connect: Option<Given<Vec<String>>>,
    pub log: Option<Given<tracing::Level>>,
    pub log_format: Option<Given<LogFormat>>,
    pub api_auth: Option<Given<ApiAuth>>,
    pub api_hosts: Option<Given<Vec<String>>>,
    pub api_allow_uids: Option<Given<Vec<u32>>>,
    pub api_apps: Option<Given<Vec<App>>>,
    pub api_tls: Option<Given<Option<SocketAddr>>>,
    pub cyan_anchors: Option<Given<Anchors>>,
    pub bulk_callbacks: Option<Given<Allowed>>,
    pub bulk_storage: Option<Given<u64>>,
    pub bulk_users: Option<Given<Vec<User>>>,
    pub encrypt: Option<Given<bool>>,
    pub encrypt_key: Option<Given<Choice>>,
    pub remarks: Vec<String>,
}

/// The effective configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept; absolute.
    pub data_dir: PathBuf,
    /// Where apps call; loopback unless they must show a password.
    pub api: SocketAddr,
    /// Where peers call.
    pub peer: SocketAddr,
    /// What other devices show for this one.
    pub name: String,
    /// Whether peers are looked for by mDNS.
    pub discovery: bool,
    /// Addresses (`HOST:PORT`) at which a peer may be, beside the discovered and remembered ones.
    pub connect: Vec<String>,
    /// The least important log lines that are written.
    pub log: tracing::Level,
    /// How they are written.
    pub log_format: LogFormat,
    /// What apps must show.
    pub api_auth: ApiAuth,
    /// `Host` names accepted beside the loopback ones.
    pub api_hosts: Vec<String>,
    /// Users, beside the daemon's own, whose processes may call.
    pub api_allow_uids: Vec<u32>,
    /// Apps with a password of their own.
    pub api_apps: Vec<App>,
    /// Where apps call over HTTPS, if they may.
    pub api_tls: Option<SocketAddr>,
    /// How long the anchors of field apps are.
    pub cyan_anchors: Anchors,
    /// Where callbacks of Bulk syncs may go.
    pub bulk_callbacks: Allowed,
    /// Bytes that staged and exported Bulk data may take on disk together.
    pub bulk_storage: u64,
    /// Who may call the Bulk shapes; none: everybody who may call at all.
    pub bulk_users: Vec<User>,
    /// Whether what is kept is encrypted; none: as it is, and a new store is not.
    pub encrypt: Option<bool>,
    /// Where a new key for that is kept.
    pub encrypt_key: Choice,
    remarks: Vec<String>,
    sources: BTreeMap<&'static str, Source>,
    loader: Loader,
}

impl Config {
    /// Where the value of a key, as the file writes it (`data_dir`, `api.auth`), came from.
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }

    /// The configuration file, whether or not it exists; none without a home folder and `--config`.
    pub fn file(&self) -> Option<&Path> {
        self.loader.file.as_deref()
    }

    /// What is worth a warning though it can be used. The log starts after the configuration is read, so
    /// that it is said by whoever started the log.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Reads everything again, with the flags and the environment of the start.
    pub fn reloaded(&self) -> Result<Self, ConfigError> {
        self.loader.load()
    }

    /// Takes from `new` what may change while running, and names the keys of what differs beyond that.
    pub fn adopt(&mut self, new: &Self) -> Vec<&'static str> {
        let restart = [
            ("data_dir", self.data_dir != new.data_dir),
            ("api", self.api != new.api),
            ("peer", self.peer != new.peer),
            ("discovery", self.discovery != new.discovery),
            ("log_format", self.log_format != new.log_format),
            ("api.auth", self.api_auth != new.api_auth),
            ("api.tls", self.api_tls != new.api_tls),
            ("cyan.anchors", self.cyan_anchors != new.cyan_anchors),
            ("encrypt", self.encrypt != new.encrypt),
            ("encrypt_key", self.encrypt_key != new.encrypt_key),
        ];
        self.name.clone_from(&new.name);
        self.connect.clone_from(&new.connect);
        self.log = new.log;
        self.api_hosts.clone_from(&new.api_hosts);
        self.api_allow_uids.clone_from(&new.api_allow_uids);
        self.api_apps.clone_from(&new.api_apps);
        self.bulk_callbacks.clone_from(&new.bulk_callbacks);
        self.bulk_storage = new.bulk_storage;
        self.bulk_users.clone_from(&new.bulk_users);
        for key in LIVE_KEYS {
            self.sources.insert(key, new.source(key).clone());
        }
        restart.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// Whether every value is the same; where they came from does not count.
    pub fn same_values(&self, other: &Self) -> bool {
        self.data_dir == other.data_dir
            && (self.api, self.peer, self.discovery) == (other.api, other.peer, other.discovery)
            && (&self.name, &self.connect) == (&other.name, &other.connect)
            && (self.log, self.log_format, self.api_auth) == (other.log, other.log_format, other.api_auth)
            && (self.cyan_anchors, self.api_tls) == (other.cyan_anchors, other.api_tls)
            && (&self.api_hosts, &self.api_allow_uids) == (&other.api_hosts, &other.api_allow_uids)
            && (&self.bulk_callbacks, self.bulk_storage) == (&other.bulk_callbacks, other.bulk_storage)
            && (&self.bulk_users, &self.api_apps) == (&other.bulk_users, &other.api_apps)
            && (self.encrypt, self.encrypt_key) == (other.encrypt, other.encrypt_key)
    }
}

/// Everything needed to read the configuration, at the start and again.
#[derive(Clone, Debug)]
pub struct Loader {
    flags: Layer,
    environment: Layer,
    file: Option<PathBuf>,
    /// A file that somebody named must exist; the default one need not.
    file_named: bool,
}

impl Loader {
    /// Takes the flags, the file that `--config` named, and a way to read the environment.
    ///
    /// # Errors
    /// When a variable holds something that cannot be used.
    pub fn new(
        flags: Layer,
        config: Option<PathBuf>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let environment = environment::layer(variable)?;
        let named = config.or_else(|| environment::path(variable, "QUIRE_CONFIG"));
        let file_named = named.is_some();
        Ok(Self { flags, environment, file: named.or_else(default_file), file_named })
    }

    /// Merges flag over environment over file over default.
    ///
    /// # Errors
    /// When the file cannot be used, or the values together cannot.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let file = self.file_layer()?;
        let mut merge = Merge::default();
        macro_rules! pick {
            ($key:literal, $member:ident, $default:expr) => {
                merge.pick($key, [&self.flags.$member, &self.environment.$member, &file.$member], || $default)
            };
        }
        macro_rules! optional {
            ($key:literal, $member:ident) => {
                merge.pick_optional($key, [&self.flags.$member, &self.environment.$member, &file.$member])
            };
        }
        let config = Config {
            data_dir: pick!("data_dir", data_dir, default_data_dir().unwrap_or_default()),
            api: pick!("api", api, DEFAULT_API),
            peer: pick!("peer", peer, DEFAULT_PEER),
            name: pick!("name", name, host_name()),
            discovery: pick!("discovery", discovery, true),
            connect: pick!("connect", connect, Vec::new()),
            log: pick!("log", log, tracing::Level::INFO),
            log_format: pick!("log_format", log_format, LogFormat::Text),
            api_auth: pick!("api.auth", api_auth, ApiAuth::SameUser),
            api_hosts: pick!("api.hosts", api_hosts, Vec::new()),
            api_allow_uids: pick!("api.allow_uids", api_allow_uids, Vec::new()),
            api_apps: pick!("api.apps", api_apps, Vec::new()),
            api_tls: pick!("api.tls", api_tls, None),
            cyan_anchors: pick!("cyan.anchors", cyan_anchors, Anchors::Full),
            bulk_callbacks: pick!("bulk.callbacks", bulk_callbacks, Allowed::default()),
            bulk_storage: pick!("bulk.storage", bulk_storage, DEFAULT_BULK_STORAGE),
            bulk_users: pick!("bulk.users", bulk_users, Vec::new()),
            encrypt: optional!("encrypt", encrypt),
            encrypt_key: pick!("encrypt_key", encrypt_key, Choice::Auto),
            remarks: file.remarks.clone(),
            sources: merge.sources,
            loader: self.clone(),
        };
        checked(config)
    }

    /// Only where the data is, for the commands that read a running daemon: a mistake elsewhere in the
    /// file need not stop them when flag or environment already name the folder.
    ///
    /// # Errors
    /// When neither names it and the file cannot be used.
    pub fn data_dir(&self) -> Result<PathBuf, ConfigError> {
        match self.flags.data_dir.as_ref().or(self.environment.data_dir.as_ref()) {
            Some(given) => Ok(given.value.clone()),
            None => match self.file_layer()?.data_dir {
                Some(given) => Ok(given.value),
                None => default_data_dir().ok_or(ConfigError::NoHome),
            },
        }
    }

    /// The file that a daemon with the same flags and environment reads, whether or not it exists; none without a
    /// home folder and `--config`.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The users that the file names; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn file_users(&self) -> Result<Vec<User>, ConfigError> {
        Ok(self.any_file_layer()?.bulk_users.map(|given| given.value).unwrap_or_default())
    }

    /// The apps that the file names; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn file_apps(&self) -> Result<Vec<App>, ConfigError> {
        Ok(self.any_file_layer()?.api_apps.map(|given| given.value).unwrap_or_default())
    }

    fn any_file_layer(&self) -> Result<Layer, ConfigError> {
        match &self.file {
            Some(path) => file::layer(path, false),
            None => Ok(Layer::default()),
        }
    }

    fn file_layer(&self) -> Result<Layer, ConfigError> {
        match &self.file {
            Some(path) => file::layer(path, self.file_named),
            None => Ok(Layer::default()),
        }
    }
}

/// The text of a configuration file; none when there is no such file.
///
/// # Errors
/// When it is no regular file, too large, no UTF-8, or the system refuses.
pub fn file_text(path: &Path) -> Result<Option<String>, ConfigError> {
    file::text(path)
}

/// Whether a daemon would take this text as the content of the file at `path`.
///
/// # Errors
/// The first mistake, with its place.
pub fn check_text(path: &Path, text: &str) -> Result<(), ConfigError> {
    file::parse(path, text).map(drop)
}

/// Collects where each value came from while picking it.
#[derive(Default)]
struct Merge {
    sources: BTreeMap<&'static str, Source>,
}

impl Merge {
    fn pick<T: Clone>(
        &mut self,
        key: &'static str,
        layers: [&Option<Given<T>>; 3],
        default: impl FnOnce() -> T,
    ) -> T {
        self.pick_optional(key, layers).unwrap_or_else(default)
    }

    fn pick_optional<T: Clone>(&mut self, key: &'static str, layers: [&Option<Given<T>>; 3]) -> Option<T> {
        let given = layers.into_iter().flatten().next()?;
        self.sources.insert(key, given.source.clone());
        Some(given.value.clone())
    }
}

/// The rules that concern several values at once.
fn checked(mut config: Config) -> Result<Config, ConfigError> {
    if config.data_dir.as_os_str().is_empty() {
        return Err(ConfigError::NoHome);
    }
    for (key, api) in [("api", Some(config.api)), ("api.tls", config.api_tls)] {
        let open = api.filter(|api| !api.ip().is_loopback() && config.api_auth == ApiAuth::SameUser);
        if let Some(api) = open {
            return Err(ConfigError::OpenToAll { api, at: config.source(key).clone() });
        }
    }
    if config.api_auth == ApiAuth::Required && config.api_apps.is_empty() {
        let why = "`api.auth` is \"required\" and there is no app: `quire app add NAME` makes one";
        config.remarks.push(why.to_owned());
    }
    Ok(config)
}

fn default_file() -> Option<PathBuf> {
    let folders = etcetera::base_strategy::choose_native_strategy().ok()?;
    Some(folders.config_dir().join(PROGRAM).join(CONFIG_FILE))
}

fn default_data_dir() -> Option<PathBuf> {
    let folders = etcetera::base_strategy::choose_native_strategy().ok()?;
    Some(folders.data_dir().join(PROGRAM))
}

/// The machine's own name without its domain, or a word where it has none that can be shown.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let first = name.split('.').next().unwrap_or_default();
    value::name(first).unwrap_or_else(|_| PROGRAM.to_owned())
}

#[cfg(test)]
mod tests;
