//! Where and when the figures were taken.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What a reader needs to compare figures of two machines.
pub struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
    file_system: String,
    load_before: String,
    started: String,
}

impl Machine {
    /// Looks at the machine before the first measure. `work` is the folder the stores will be in.
    pub fn look(work: &Path) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: processor(),
            kernel: read("/proc/sys/kernel/osrelease"),
            file_system: file_system(work),
            load_before: load(),
            started: now(),
        }
    }

    /// One paragraph, with the load as it is now.
    pub fn describe(&self) -> String {
        format!(
            "{} cores ({}), Linux {}, stores on {}; load average before {}, after {}; from {} to {}.",
            self.cores,
            self.processor,
            self.kernel,
            self.file_system,
            self.load_before,
            load(),
            self.started,
            now()
        )
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn load() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(|| "unknown".to_owned(), |rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// A store in memory makes every fsync free, so the reader must be able to see it.
fn file_system(work: &Path) -> String {
    let output = Command::new("stat").args(["-f", "-c", "%T"]).arg(work).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
