//! What is measured: something that keeps markings, is spoken to over a socket, and exchanges them with another of its
//! kind. One driver measures all subjects, so that a difference is theirs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::baseline::Baseline;
use crate::failure::{Context, Outcome};
use crate::http::Client;
use crate::process::Process;
use crate::proxy::{Link, Proxy};
use crate::quire::Quire;
use crate::workload::Marking;

/// The account of every generated marking.
pub const ACCOUNT: u32 = 3;

/// How much of each device's log a subject has.
pub type Clock = BTreeMap<String, u64>;

/// One member of one marking, and a value it had: `(syncGuid, member, value)`.
pub type Assigned = (String, String, String);

/// An application installation and how far it has read.
#[derive(Debug, Clone)]
pub struct App {
    /// `AccountApplicationId`.
    pub id: u32,
    /// `CurrentSyncTimestamp` of the last answer.
    pub cursor: Option<String>,
}

impl App {
    /// One that has read nothing.
    pub fn new(id: u32) -> Self {
        Self { id, cursor: None }
    }
}

/// Where another subject is found and what opens it.
pub struct Invitation {
    /// `HOST:PORT`.
    pub address: String,
    /// The pairing code; empty where there is no pairing.
    pub code: String,
}

/// A running program under measurement.
pub trait Subject: Send + Sync {
    /// The process.
    fn process(&mut self) -> &mut Process;
    /// Where it keeps its data.
    fn folder(&self) -> &Path;
    /// Starts the program again on the same folder; returns when it is ready.
    fn start_again(&mut self) -> Outcome<()>;
    /// A new connection with whatever it takes to be let in.
    fn client(&self) -> Outcome<Client>;
    /// Posts markings as `app` does, and carries its cursor on.
    fn post(&self, client: &mut Client, app: &mut App, markings: &[&str]) -> Outcome<Duration>;
    /// Sets one member of a marking that is there.
    fn edit(&self, client: &mut Client, marking: &Marking, member: &str, value: &str) -> Outcome<Duration>;
    /// One marking.
    fn read(&self, client: &mut Client, guid: &str) -> Outcome<Option<Value>>;
    /// Every marking, by `syncGuid`.
    fn read_all(&self, client: &mut Client) -> Outcome<HashMap<String, Value>>;
    /// How much it has.
    fn clock(&self, client: &mut Client) -> Outcome<Clock>;
    /// The values that lost against a concurrent one and are still readable.
    fn losers(&self, client: &mut Client) -> Outcome<HashSet<Assigned>>;
    /// Lets another one find this one.
    fn invite(&self, client: &mut Client) -> Outcome<Invitation>;
    /// Connects to the one that invited, from now on.
    fn accept(&self, client: &mut Client, invitation: &Invitation) -> Outcome<()>;
    /// Whether each side has to dial the other to get at its changes.
    fn pulls(&self) -> bool;
    /// Says that the network is back.
    fn wake(&self, client: &mut Client) -> Outcome<()>;
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The daemon.
    Quire,
    /// SQLite and REST, the last writer wins.
    Baseline,
}

/// Makes fresh subjects.
pub struct Lab {
    /// The daemon's binary.
    pub quire: PathBuf,
    /// The folder for all data folders.
    pub work: PathBuf,
}

impl Lab {
    /// A running subject on an empty folder of that name.
    pub fn fresh(&self, kind: Kind, name: &str) -> Outcome<Box<dyn Subject>> {
        let folder = self.work.join(format!("{kind:?}-{name}").to_lowercase());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).while_doing("remove an old data folder")?;
        }
        std::fs::create_dir_all(&folder).while_doing("make a data folder")?;
        Ok(match kind {
            Kind::Quire => Box::new(Quire::start(&self.quire, &folder, name)?),
            Kind::Baseline => Box::new(Baseline::start(&folder, name)?),
        })
    }
}

/// Connects two subjects through counting proxies.
pub fn link(inviting: &dyn Subject, accepting: &dyn Subject) -> Outcome<Link> {
    let mut proxies = vec![dial(inviting, accepting)?];
    if inviting.pulls() {
        proxies.push(dial(accepting, inviting)?);
    }
    Ok(Link { proxies })
}

fn dial(inviting: &dyn Subject, accepting: &dyn Subject) -> Outcome<Proxy> {
    let invitation = inviting.invite(&mut inviting.client()?)?;
    let proxy = Proxy::to(&invitation.address)?;
    let through = Invitation { address: proxy.address(), code: invitation.code };
    accepting.accept(&mut accepting.client()?, &through)?;
    Ok(proxy)
}

/// Whether `clock` has all that `other` has.
pub fn covers(clock: &Clock, other: &Clock) -> bool {
    other.iter().all(|(log, seen)| clock.get(log).is_some_and(|own| own >= seen))
}

/// The time a call takes, with what it returned.
pub fn timed<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<(Duration, T)> {
    let start = Instant::now();
    let value = call()?;
    Ok((start.elapsed(), value))
}

#[cfg(test)]
mod tests {
    use super::{Clock, covers};

    #[test]
    fn a_clock_covers_only_what_it_has_of_every_log() {
        let clock = |entries: &[(&str, u64)]| -> Clock {
            entries.iter().map(|(log, n)| ((*log).to_owned(), *n)).collect()
        };
        assert!(covers(&clock(&[("a", 2), ("b", 1)]), &clock(&[("a", 2)])));
        assert!(!covers(&clock(&[("a", 1), ("b", 9)]), &clock(&[("a", 2)])));
        assert!(!covers(&clock(&[("b", 9)]), &clock(&[("a", 1)])));
    }
}
