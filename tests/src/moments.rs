//! A daemon that ends with SIGKILL right before or right after the N-th thing that it makes durable.
//!
//! More exact than a kill from outside: the library of `moments.c` sits in front of the C library of the daemon and
//! counts. What it cannot show is what a disk that loses its power loses: the system's cache survives.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// The library in C.
const SOURCE: &str = include_str!("moments/moments.c");

/// The moments of one daemon.
#[derive(Debug)]
pub struct Moments {
    folder: TempDir,
    end: u64,
    library: PathBuf,
}

impl Moments {
    /// Those of a daemon that ends in the one of that number, counted from 1; 0: that lives.
    ///
    /// # Errors
    /// When the library cannot be made or loaded here: why not.
    ///
    /// # Panics
    /// When there is no folder for temporary files.
    pub fn ending_at(end: u64) -> Result<Moments, String> {
        static LIBRARY: OnceLock<Result<(TempDir, PathBuf), String>> = OnceLock::new();
        let (_, library) = LIBRARY.get_or_init(compiled).as_ref().map_err(Clone::clone)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        Ok(Moments { folder, end, library: library.clone() })
    }

    /// What the daemon needs in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD".into(), text(&self.library)),
            ("QUIRE_MOMENTS_BEGIN".into(), text(&self.begun())),
            ("QUIRE_MOMENTS_TALLY".into(), text(&self.tally())),
            ("QUIRE_MOMENTS_END".into(), self.end.to_string()),
        ]
    }

    /// Counts from now on.
    ///
    /// # Panics
    /// When the folder is gone.
    pub fn begin(&self) {
        std::fs::write(self.begun(), "").expect("a file that says so");
    }

    /// Moments so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        std::fs::metadata(self.tally()).map_or(0, |tally| tally.len())
    }

    fn begun(&self) -> PathBuf {
        self.folder.path().join("begun")
    }

    fn tally(&self) -> PathBuf {
        self.folder.path().join("tally")
    }
}

fn compiled() -> Result<(TempDir, PathBuf), String> {
    if !cfg!(target_os = "linux") {
        return Err("nothing is loaded in front of the C library on this system".into());
    }
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let (source, library) = (folder.path().join("moments.c"), folder.path().join("moments.so"));
    std::fs::write(&source, SOURCE).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl");
    let output = compiler.output().map_err(|error| format!("no C compiler (Debian: gcc): {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok((folder, library)) } else { Err(format!("cc: {}", said.trim())) }
}
