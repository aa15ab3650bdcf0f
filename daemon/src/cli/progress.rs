//! How far something is, on stderr, when somebody looks.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};

/// Between two lines that are shown: often enough to move, seldom enough to cost nothing.
const EVERY: u64 = 1024 * 1024;
const WIDTH: u64 = 30;
const MIB: f64 = 1024.0 * 1024.0;

/// A bar, or without an end to reach a count.
pub(super) struct Progress {
    what: &'static str,
    of: Option<u64>,
    done: Cell<u64>,
    shown: Cell<u64>,
    is_seen: bool,
}

impl Progress {
    /// Begins; `of` bytes are all.
    pub(super) fn start(what: &'static str, of: Option<u64>) -> Progress {
        let is_seen = std::io::stderr().is_terminal();
        Progress { what, of, done: Cell::new(0), shown: Cell::new(0), is_seen }
    }

    /// So many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        if self.is_seen && self.done.get() >= self.shown.get() {
            self.shown.set(self.done.get() + EVERY);
            self.show("\r", "");
        }
    }

    /// All of it is done.
    pub(super) fn end(&self) {
        if self.is_seen {
            self.show("\r", "\n");
        }
    }

    fn show(&self, before: &str, after: &str) {
        // Who looks away misses nothing.
        let _ = write!(std::io::stderr(), "{before}{}{after}", self.text());
    }

    #[allow(clippy::cast_precision_loss, reason = "for people")]
    fn text(&self) -> String {
        let done = self.done.get();
        let mib = done as f64 / MIB;
        match self.of.filter(|of| *of > 0) {
            Some(of) => {
                let full = (done.min(of) * WIDTH / of) as usize;
                let bar = format!("{:<width$}", "#".repeat(full), width = WIDTH as usize);
                format!("{} [{bar}] {mib:.1} MiB", self.what)
            }
            None => format!("{} {mib:.1} MiB", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_a_count_counts() {
        let bar = Progress::start("restored", Some(2 * 1024 * 1024));
        bar.add(1024 * 1024);
        assert_eq!(bar.text(), format!("restored [{:<30}] 1.0 MiB", "#".repeat(15)));
        let count = Progress::start("backed up", None);
        count.add(512 * 1024);
        assert_eq!(count.text(), "backed up 0.5 MiB");
    }
}
