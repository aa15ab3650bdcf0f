//! A real `quire serve` process on a temporary data folder and free ports.

mod binary;
mod calls;

pub use binary::{binary, quire};
pub use calls::{SYNCHRONIZE, apart};

use crate::http::Client;
use crate::wait::{PATIENCE, eventually};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// A daemon that was told to stop has this long, by contract.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Lines of a daemon's log shown when a test fails.
const LOG_LINES: usize = 60;

/// How to start a daemon. The default is one that nobody finds unless told of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name shown to others.
    pub name: String,
    /// Address of the API; port 0 picks a free one.
    pub api: String,
    /// Address for peers; port 0 picks a free one.
    pub peer: String,
    /// Whether mDNS is used.
    pub discovery: bool,
    /// Peer addresses to try besides those the daemon knows.
    pub connect: Vec<String>,
    /// Further arguments of `quire serve`.
    pub arguments: Vec<String>,
    /// Further environment of the process.
    pub environment: Vec<(String, String)>,
    /// Network namespace to live in, by its name.
    pub namespace: Option<String>,
    /// A command that runs it, with its arguments: `setpriv` and the like, which become the program.
    pub under: Vec<String>,
}

impl Options {
    /// The default options for a daemon of that name.
    pub fn named(name: &str) -> Self {
        let local = || "127.0.0.1:0".to_owned();
        Self {
            name: name.to_owned(),
            api: local(),
            peer: local(),
            discovery: false,
            connect: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            namespace: None,
            under: Vec::new(),
        }
    }

    /// The same with a peer address to try.
    pub fn connecting_to(mut self, address: impl ToString) -> Self {
        self.connect.push(address.to_string());
        self
    }

    /// The same with more environment.
    pub fn with_environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// The same under a command.
    pub fn under(mut self, command: &[&str]) -> Self {
        self.under = command.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// The command that serves `folder`.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = match (&self.namespace, self.under.split_first()) {
            (None, None) => Command::new(binary()),
            (None, Some((first, more))) => {
                let mut under = Command::new(first);
                under.args(more).arg(binary());
                under
            }
            (Some(namespace), _) => {
                let mut enter = Command::new("nsenter");
                enter.arg(format!("--net=/run/netns/{namespace}")).arg(binary());
                enter
            }
        };
        command.args(["serve", "--api", &self.api, "--peer", &self.peer, "--name", &self.name]);
        command.arg("--data-dir").arg(folder);
        command.args((!self.discovery).then_some("--no-discovery"));
        command.args(self.connect.iter().flat_map(|address| ["--connect", address.as_str()]));
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }
}

/// A running daemon. Dropping it kills the process and removes its folder.
#[derive(Debug)]
pub struct Daemon {
    options: Options,
    folder: tempfile::TempDir,
    child: Child,
    ready: Value,
    token: String,
    client: Mutex<Client>,
}

impl Daemon {
    /// Starts a daemon of that name with the default options, and waits until it is ready.
    pub fn named(name: &str) -> Self {
        Self::start(Options::named(name))
    }

    /// Starts a daemon on a new folder and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or is not ready in time, showing its log.
    pub fn start(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("quire-test-").tempdir().expect("a temporary folder");
        Self::start_in(options, folder)
    }

    /// Starts a daemon whose data folder is `data` within a folder that is there.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn start_in(options: Options, folder: tempfile::TempDir) -> Self {
        let data = folder.path().join("data");
        let mut child = spawn(&options, folder.path());
        let ready = wait_ready(&mut child, folder.path());
        let token_file = PathBuf::from(member(&ready, "tokenFile"));
        let token = std::fs::read_to_string(&token_file).unwrap_or_else(|error| {
            panic!("token file {} of {}: {error}", token_file.display(), data.display())
        });
        let client = Client::new(address(member(&ready, "api"))).in_namespace(options.namespace.as_deref());
        Self { options, folder, child, ready, token: token.trim().to_owned(), client: Mutex::new(client) }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What `ready.json` said at the last start.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Address of the API.
    pub fn api(&self) -> SocketAddr {
        address(member(&self.ready, "api"))
    }

    /// Address for peers.
    pub fn peer_address(&self) -> SocketAddr {
        address(member(&self.ready, "peer"))
    }

    /// The bearer token of the native API.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The id by which peers know it.
    pub fn device_id(&self) -> &str {
        member(&self.ready, "deviceId")
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client of its own for another thread.
    pub fn client(&self) -> Client {
        Client::new(self.api()).in_namespace(self.options.namespace.as_deref())
    }

    /// What it has logged since its first start.
    pub fn log(&self) -> String {
        log_of(self.folder.path())
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it with SIGKILL and leaves folder and ports for [`Daemon::restart`].
    pub fn kill9(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the end of a killed process");
    }

    /// Asks it to stop with SIGTERM, and checks that it does as promised.
    ///
    /// # Panics
    /// As [`Daemon::wait_stopped`].
    pub fn stop(&mut self) {
        self.send_term();
        self.wait_stopped();
    }

    /// Sends SIGTERM and waits for nothing.
    pub fn send_term(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends SIGKILL and waits for nothing; [`Daemon::kill9`] then waits for the end.
    pub fn send_kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a signal to our own child");
    }

    /// Waits for the end after a SIGTERM.
    ///
    /// # Panics
    /// When it does not exit with 0 within five seconds, or leaves `ready.json` behind.
    pub fn wait_stopped(&mut self) {
        let what = format!("{} to end after SIGTERM", self.options.name);
        let status =
            eventually(&what, STOP_DEADLINE, || self.child.try_wait().expect("the state of a child"));
        assert_eq!(
            status.code(),
            Some(0),
            "{} ended with {status} after SIGTERM\n{}",
            self.options.name,
            self.tail()
        );
        assert!(!self.data().join("ready.json").exists(), "ready.json outlived the daemon");
    }

    /// Starts it again on the same folder and, so that its peers find it again, on the same ports.
    pub fn restart(&mut self) {
        self.restart_with(|_| {});
    }

    /// Starts it again after `change` was made to its options.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Options)) {
        assert!(!self.is_running(), "stop or kill a daemon before its restart");
        self.options.api = self.api().to_string();
        self.options.peer = self.peer_address().to_string();
        change(&mut self.options);
        self.child = spawn(&self.options, self.folder.path());
        self.ready = wait_ready(&mut self.child, self.folder.path());
        *self.client.lock().expect("the client") = self.client();
    }

    /// Further environment is left out from the next start on.
    pub fn forget_environment(&mut self) {
        self.options.environment.clear();
    }

    fn tail(&self) -> String {
        tail(&self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the end of the log of {}:\n{}", self.options.name, self.tail());
        }
    }
}

fn spawn(options: &Options, folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let mut command = options.command(&folder.join("data"));
    command.stdout(log.try_clone().expect("a log file")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Waits for `ready.json` of this very process: a killed one could not remove its own.
fn wait_ready(child: &mut Child, folder: &Path) -> Value {
    let path = folder.join("data").join("ready.json");
    let pid = child.id();
    eventually(&format!("{} to be written; see the log above", path.display()), PATIENCE, || {
        if let Ok(Some(status)) = child.try_wait() {
            panic!("quire serve ended with {status} before it was ready\n{}", tail(&log_of(folder)));
        }
        let ready: Value = serde_json::from_slice(&std::fs::read(&path).ok()?)
            .unwrap_or_else(|error| panic!("ready.json was seen half-written: {error}"));
        (ready["pid"] == pid).then_some(ready)
    })
}

fn log_of(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap_or_default()).into_owned()
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

fn member<'a>(ready: &'a Value, name: &str) -> &'a str {
    ready[name].as_str().unwrap_or_else(|| panic!("ready.json has no {name}: {ready}"))
}

/// An address, with or without a scheme before it.
fn address(text: &str) -> SocketAddr {
    let bare = text.rsplit('/').next().unwrap_or(text);
    bare.parse().unwrap_or_else(|_| panic!("no address: {text}"))
}

#[cfg(test)]
mod tests;
