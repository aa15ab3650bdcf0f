//! One daemon of the demo: a process of this program, its data folder and its log. Everything goes away
//! with its owner.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::signal::unix::{SignalKind, signal};

use super::super::Failure;
use super::super::client::Client;
use crate::folder::{self, Ready};

/// The contract gives 5 s from the signal to the end; some more on a busy machine.
const STOP_WITHIN: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The end of a log says why; its beginning fills the screen.
const LOG_LINES: usize = 15;
const ANY_LOOPBACK_PORT: &str = "127.0.0.1:0";
const ANY_PORT: &str = "0.0.0.0:0";

/// How a daemon may reach others.
pub(super) enum Network {
    /// By mDNS, on every interface.
    Discovery,
    /// Not at all: nobody knows its new port.
    Alone,
    /// At one address.
    Connect(String),
}

/// The folder of the whole demo, removed when dropped.
pub(super) struct Folders {
    path: PathBuf,
}

impl Folders {
    /// A private folder that nobody else could have made before.
    pub(super) fn new() -> Result<Self, Failure> {
        let name = format!("quire-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            super::output::complain(&format!("{} stays behind: {error}", self.path.display()));
        }
    }
}

/// A daemon of the demo.
pub(super) struct Host {
    name: &'static str,
    program: PathBuf,
    base: PathBuf,
    child: Option<Child>,
    started: Instant,
    ready: Option<Ready>,
    interrupted: Arc<AtomicBool>,
}

impl Host {
    /// A daemon that is not running yet.
    pub(super) fn new(
        name: &'static str,
        program: PathBuf,
        folders: &Folders,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let base = folders.path.join(name);
        DirBuilder::new().mode(0o700).create(&base)?;
        // Its own, empty configuration: that of the user is for the user's daemon.
        File::create(base.join("config.toml"))?;
        Ok(Self { name, program, base, child: None, started: Instant::now(), ready: None, interrupted })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Its data folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.base.join("data")
    }

    /// Starts the process; [`Self::look_ready`] tells when it has come up.
    pub(super) fn start(&mut self, network: &Network) -> Result<(), Failure> {
        let log = OpenOptions::new().create(true).append(true).open(self.base.join("log"))?;
        let mut command = Command::new(&self.program);
        self.arguments(&mut command, network);
        // A group of its own: Ctrl-C is for the demo, which stops its daemons in order.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = command.spawn();
        let child = started
            .map_err(|error| Failure::Said(format!("cannot start {}: {error}", self.program.display())))?;
        self.child = Some(child);
        self.started = Instant::now();
        self.ready = None;
        Ok(())
    }

    fn arguments(&self, command: &mut Command, network: &Network) {
        for (name, _) in std::env::vars_os() {
            // The user's settings are for the user's daemon; how much is logged is for all.
            if name.to_string_lossy().starts_with("QUIRE_") && name != "QUIRE_LOG" {
                command.env_remove(name);
            }
        }
        command.env_remove("NOTIFY_SOCKET").arg("serve");
        command.arg("--data-dir").arg(self.folder()).arg("--config").arg(self.base.join("config.toml"));
        command.args(["--name", self.name, "--api", ANY_LOOPBACK_PORT]);
        match network {
            Network::Discovery => command.args(["--peer", ANY_PORT]),
            Network::Alone => command.args(["--peer", ANY_LOOPBACK_PORT, "--no-discovery"]),
            Network::Connect(address) => {
                command.args(["--peer", ANY_LOOPBACK_PORT, "--no-discovery", "--connect", address])
            }
        };
    }

    /// How long ago its process was started.
    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it has come up since it was started; an error when it has ended instead.
    pub(super) fn look_ready(&mut self) -> Result<Option<()>, Failure> {
        if self.ready.is_none() {
            self.expect_running()?;
            // It removes what its predecessor left before anything else, and stopping removes it too.
            self.ready =
                folder::read_ready(&self.folder()).map_err(|error| Failure::Said(error.to_string()))?;
        }
        Ok(self.ready.as_ref().map(|_| ()))
    }

    /// What its ready file says.
    pub(super) fn ready(&self) -> Result<&Ready, Failure> {
        self.ready.as_ref().ok_or_else(|| Failure::Said(format!("{} is not running", self.name)))
    }

    /// A client for it, with its token.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let client = Client::of_ready(&self.folder(), self.ready()?)?;
        Ok(client.until(Arc::clone(&self.interrupted)))
    }

    /// Where the other one can reach it on this machine.
    pub(super) fn peer_address(&self) -> Result<String, Failure> {
        let peer = &self.ready()?.peer;
        let port = peer.rsplit_once(':').map(|(_, port)| port);
        let port = port.ok_or_else(|| Failure::Said(format!("{peer:?} is not a peer address")))?;
        Ok(format!("127.0.0.1:{port}"))
    }

    /// An error when the process has ended by itself.
    pub(super) fn expect_running(&mut self) -> Result<(), Failure> {
        match self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
            Some(status) => Err(Failure::Said(format!("{} has ended by itself ({status})", self.name))),
            None => Ok(()),
        }
    }

    /// Ends it as a service manager does, and sees that it ends well.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.ready = None;
        let status = end(&mut child)?;
        if !status.is_some_and(|status| status.success()) {
            let how = status.map_or_else(|| "had to be killed".to_owned(), |status| status.to_string());
            return Err(Failure::Said(format!("{} did not stop well: {how}", self.name)));
        }
        Ok(())
    }

    /// The end of its log, under its name.
    pub(super) fn log(&self) -> String {
        tail(&self.base.join("log"))
            .map_or_else(String::new, |lines| format!("\nthe last lines of {}:\n{lines}", self.name))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The folder goes away next; nothing can be done about a failure.
            let _ = end(&mut child);
        }
    }
}

/// Asks a process to end, and kills it if it does not; none when it had to be killed.
fn end(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended already, which the wait below tells.
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    let give_up = Instant::now() + STOP_WITHIN;
    while Instant::now() < give_up {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn tail(path: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
    (!last.is_empty()).then(|| last.join("\n"))
}

/// Turns true at Ctrl-C or SIGTERM, so that the demo ends in order whatever it waits for.
pub(super) fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        flag.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}
