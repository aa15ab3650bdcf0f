//! What somebody would build with SQLite and REST, from outside: whole objects, times, and the last writer wins.

#[cfg(feature = "baseline")]
mod follower;
#[cfg(feature = "baseline")]
pub mod server;
#[cfg(feature = "baseline")]
mod table;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{Context, Failure, Outcome, unusable};
use crate::http::Client;
use crate::process::{Process, until};
use crate::subject::{App, Assigned, Clock, Invitation, Subject, timed};
use crate::workload::Marking;

const READY_LIMIT: Duration = Duration::from_secs(10);
const READY_PAUSE: Duration = Duration::from_micros(200);

/// A running baseline server.
pub struct Baseline {
    folder: PathBuf,
    name: String,
    process: Process,
    address: String,
}

impl Baseline {
    /// Starts this same binary as a baseline server on an existing folder.
    pub fn start(folder: &Path, name: &str) -> Outcome<Self> {
        if !cfg!(feature = "baseline") {
            return Err(Failure::Unusable("built without the feature `baseline`".to_owned()));
        }
        let (process, address) = serve(folder, name)?;
        Ok(Self { folder: folder.to_owned(), name: name.to_owned(), process, address })
    }
}

fn serve(folder: &Path, name: &str) -> Outcome<(Process, String)> {
    let ready = folder.join("address");
    let _ = fs::remove_file(&ready);
    let program = std::env::current_exe().while_doing("find this binary")?;
    let mut command = Command::new(program);
    command.args(["baseline-server", "--name", name, "--folder"]).arg(folder);
    let mut process = Process::start(&mut command, &folder.with_extension("log"))?;
    until("the baseline's address", READY_LIMIT, READY_PAUSE, || {
        if process.has_ended() { Err(unusable("the baseline", "ended")) } else { Ok(ready.exists()) }
    })?;
    let address = fs::read_to_string(&ready).while_doing("read the baseline's address")?;
    Ok((process, address))
}

impl Subject for Baseline {
    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn start_again(&mut self) -> Outcome<()> {
        (self.process, self.address) = serve(&self.folder, &self.name)?;
        Ok(())
    }

    fn client(&self) -> Outcome<Client> {
        Client::connect(&self.address, None)
    }

    fn post(&self, client: &mut Client, _app: &mut App, markings: &[&str]) -> Outcome<Duration> {
        let body = format!(r#"{{"Markings":[{}]}}"#, markings.join(","));
        timed(|| client.demand("POST", "/synchronize", body.as_bytes())).map(|(time, _)| time)
    }

    /// The design knows no smaller edit than the whole object, as its application last saw it.
    fn edit(&self, client: &mut Client, marking: &Marking, member: &str, value: &str) -> Outcome<Duration> {
        let mut whole: Value =
            serde_json::from_str(&marking.json).map_err(|error| unusable("a marking", error))?;
        whole[member] = value.into();
        let body = json!({ "Markings": [whole] }).to_string();
        timed(|| client.demand("POST", "/synchronize", body.as_bytes())).map(|(time, _)| time)
    }

    fn read(&self, client: &mut Client, guid: &str) -> Outcome<Option<Value>> {
        let answer = client.call("GET", &format!("/markings/{guid}"), b"")?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.success("read a marking")?.json("a marking").map(Some)
    }

    fn read_all(&self, client: &mut Client) -> Outcome<HashMap<String, Value>> {
        let all: Vec<Value> = client.demand("GET", "/markings", b"")?.json("all markings")?;
        let named = |marking: Value| Some((marking.get("syncGuid")?.as_str()?.to_owned(), marking));
        Ok(all.into_iter().filter_map(named).collect())
    }

    fn clock(&self, client: &mut Client) -> Outcome<Clock> {
        client.demand("GET", "/clock", b"")?.json("the baseline's clock")
    }

    fn losers(&self, _client: &mut Client) -> Outcome<HashSet<Assigned>> {
        Ok(HashSet::new())
    }

    fn invite(&self, _client: &mut Client) -> Outcome<Invitation> {
        Ok(Invitation { address: self.address.clone(), code: String::new() })
    }

    fn accept(&self, client: &mut Client, invitation: &Invitation) -> Outcome<()> {
        let body = json!({ "address": invitation.address }).to_string();
        client.demand("POST", "/follow", body.as_bytes()).map(|_| ())
    }

    fn pulls(&self) -> bool {
        true
    }

    /// It polls all the time.
    fn wake(&self, _client: &mut Client) -> Outcome<()> {
        Ok(())
    }
}
