//! One measured program: started, watched from outside, ended.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Context, Failure, Outcome, unusable};

/// A program that has not ended this long after SIGTERM is killed and reported.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What `/proc/PID/clear_refs` takes for it (proc_pid_clear_refs(5)).
const FORGET_PEAK: &str = "5";

/// A child process that does not outlive the benchmark.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`, with everything it says appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let what = format!("start {:?}", command.get_program());
        let log = File::options().create(true).append(true).open(log).while_doing(&what)?;
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().while_doing(&what)?;
        Ok(Self { child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its resident memory (VmRSS), in MB of 1,000,000 bytes.
    pub fn resident_mb(&self) -> Outcome<f64> {
        self.status_mb("VmRSS:")
    }

    /// Forgets what its resident memory was at its greatest.
    pub fn forget_peak(&self) -> Outcome<()> {
        let path = format!("/proc/{}/clear_refs", self.id());
        fs::write(&path, FORGET_PEAK).while_doing(&format!("write {path}"))
    }

    /// Its greatest resident memory (VmHWM) since [`Process::forget_peak`], in MB of 1,000,000 bytes.
    pub fn peak_mb(&self) -> Outcome<f64> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, name: &str) -> Outcome<f64> {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(&path).while_doing(&format!("read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|digits| digits.parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| unusable(&path, format!("no {name}")))
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> Outcome<()> {
        if let Some(id) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM).map_err(io::Error::from).while_doing("send SIGTERM")?;
        }
        until("the program's end", END_LIMIT, Duration::from_millis(1), || Ok(self.has_ended()))
    }

    /// Ends it without a warning (SIGKILL).
    pub fn kill(&mut self) -> Outcome<()> {
        self.child.kill().while_doing("kill")?;
        self.child.wait().while_doing("wait for a killed program").map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Waits until `holds`, asking every `pause`, and fails after `limit`.
pub fn until(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut holds: impl FnMut() -> Outcome<bool>,
) -> Outcome<()> {
    let start = Instant::now();
    while !holds()? {
        if start.elapsed() > limit {
            return Err(Failure::Late { what: what.to_owned(), seconds: limit.as_secs() });
        }
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }
    Ok(())
}

/// The blocks a folder occupies, in MB of 1,000,000 bytes.
pub fn disk_mb(folder: &Path) -> Outcome<f64> {
    blocks(folder).map(|blocks| blocks as f64 * 512.0 / 1e6).while_doing("measure the data folder")
}

fn blocks(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { blocks(&entry.path())? } else { metadata.blocks() };
    }
    Ok(sum)
}
