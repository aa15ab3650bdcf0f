//! A wall clock that a test sets for one process, by libfaketime. Monotonic time is left alone.

use std::path::{Path, PathBuf};

/// A clock under the test's hand.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    folder: tempfile::TempDir,
}

impl FakeClock {
    /// A clock that shows the true time until it is set. `None` where libfaketime is not installed: says so loudly.
    pub fn new() -> Option<Self> {
        let Some(library) = library() else {
            eprintln!(
                "SKIPPED: this test needs libfaketime (Debian: apt-get install faketime), which is not here"
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("quire-clock-").tempdir().expect("a temporary folder");
        let clock = Self { library, folder };
        clock.set("+0");
        Some(clock)
    }

    /// Sets it: a distance from the true time in libfaketime's words (`-2y`, `+1d`, `-3600`).
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn set(&self, distance: &str) {
        // Replaced in one step: the process reads it at every look at its clock.
        let next = self.folder.path().join("next");
        std::fs::write(&next, format!("{distance}\n")).expect("the clock's file");
        std::fs::rename(next, self.file()).expect("the clock's file");
    }

    /// The environment under which a process reads this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("FAKETIME_DONT_RESET", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }
}

/// The multi-thread library: named in `QUIRE_LIBFAKETIME`, else where distributions put it.
fn library() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("QUIRE_LIBFAKETIME") {
        return Some(given.into());
    }
    let triplets = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    triplets
        .chain(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from))
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_sees_the_clock_that_was_set() {
        let Some(clock) = FakeClock::new() else { return };
        let year = || {
            let output =
                Command::new("date").arg("+%Y").envs(clock.environment()).output().expect("date runs");
            String::from_utf8_lossy(&output.stdout).trim().parse::<i32>().expect("a year")
        };
        let now = year();
        clock.set("-730d");
        assert!([now - 2, now - 3].contains(&year()), "two years back from {now}");
    }
}
