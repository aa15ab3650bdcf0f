//! What must hold after every hostile input: the victim lives within its memory, answers, and it and an honest third
//! device end equal, with everything that anybody was told is kept.

use std::time::{Duration, Instant};

use quire_protocol::id::Space;
use serde_json::{Value, json};

use super::Mallory;
use crate::app::App;
use crate::process::Daemon;
use crate::sample::{With, guid, marking};
use crate::wait::{PATIENCE, eventually};

/// Memory that a daemon may take, whatever it is sent.
pub const MOST_MEMORY: u64 = 256 * 1024 * 1024;

/// An app is answered within this, whatever a peer does, by an unoptimised daemon on a machine that does much else. Far
/// below the minute after which requests are given up; how long it was is said with the result.
pub const RESPONSIVE: Duration = Duration::from_secs(10);

/// A victim, an honest third, and what they were told to keep.
pub struct Witnesses {
    /// Is attacked.
    pub victim: Daemon,
    /// Is paired with the victim and honest.
    pub third: Daemon,
    apps: [App; 2],
    /// Markings that were acknowledged, with the type they have.
    ledger: Vec<(String, i64)>,
    passed: usize,
    inputs: usize,
    /// The longest that an app waited for an answer.
    longest: Duration,
}

impl Witnesses {
    /// Two daemons that are in touch, with a marking each.
    #[must_use]
    pub fn new() -> Witnesses {
        let (victim, third) = (Daemon::named("victim"), Daemon::named("third"));
        victim.pair_with(&third);
        let apps = [App::new(3, 1), App::new(3, 2)];
        let mut all = Witnesses {
            victim,
            third,
            apps,
            ledger: Vec::new(),
            passed: 0,
            inputs: 0,
            longest: Duration::ZERO,
        };
        all.write();
        all
    }

    /// The space that all of them share.
    #[must_use]
    pub fn space() -> Space {
        Space::account(3)
    }

    /// A hostile device of the same owner.
    #[must_use]
    pub fn mallory(&self, number: u8) -> Mallory {
        Mallory::own_device(&self.victim, number)
    }

    /// Writes at both; what is answered is in the ledger.
    pub fn write(&mut self) {
        for (daemon, app) in [&self.victim, &self.third].into_iter().zip(&mut self.apps) {
            let (guid, number) = (guid(), self.ledger.len() as i64 + 100);
            let start = Instant::now();
            app.sync(daemon, &[marking(&guid).with("type", number)]);
            self.longest = self.longest.max(start.elapsed());
            assert!(self.longest < RESPONSIVE, "an app waited {:?}", self.longest);
            self.ledger.push((guid, number));
        }
    }

    /// Counts one input and checks everything after it.
    ///
    /// # Panics
    /// When something acknowledged is lost, the two differ, or the victim is down, slow or too large.
    pub fn check(&mut self, input: &str) {
        self.inputs += 1;
        self.write();
        self.is_well(input);
        self.victim.wait_in_step(&self.third, "account:3");
        for daemon in [&self.victim, &self.third] {
            for (guid, number) in &self.ledger {
                eventually(&format!("{guid} after {input}"), PATIENCE, || {
                    (daemon.marking(guid)?["type"] == *number).then_some(())
                });
            }
        }
        assert_eq!(sorted(self.victim.markings(3)), sorted(self.third.markings(3)), "after {input}");
        self.passed += 1;
    }

    /// Checks that the victim runs within its memory, and counts nothing.
    ///
    /// # Panics
    /// When it does not.
    pub fn is_well(&mut self, input: &str) {
        assert!(self.victim.is_running(), "the victim ended after {input}");
        let memory = memory(&self.victim);
        assert!(memory < MOST_MEMORY, "{memory} bytes after {input}");
        assert!(!self.victim.log().contains("panicked"), "a panic after {input}");
    }

    /// Counts an input whose effect was checked by the test itself.
    pub fn passed(&mut self) {
        self.inputs += 1;
        self.passed += 1;
    }

    /// Says how many inputs of a group passed.
    pub fn report(&self, group: &str) {
        eprintln!("inputs passed: {group} {} of {}", self.passed, self.inputs);
        eprintln!("{group}: an app waited {:?} at most", self.longest);
    }
}

impl Default for Witnesses {
    fn default() -> Self {
        Self::new()
    }
}

/// Markings by their guid, without what each daemon numbers for itself.
fn sorted(mut markings: Vec<Value>) -> Vec<Value> {
    for marking in &mut markings {
        marking["id"] = json!(null);
        if let Some(members) = marking.as_object_mut() {
            members.retain(|name, _| !name.starts_with("etag"));
        }
    }
    markings.sort_by_key(|marking| marking["syncGuid"].to_string());
    markings
}

/// Resident bytes of a daemon now.
#[must_use]
pub fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
