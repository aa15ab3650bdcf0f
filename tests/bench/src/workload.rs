//! The markings of `markings.py`, and what the measures take from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::{Context, Failure, Outcome, unusable};

/// The markings that a store is loaded with, by the published comparison.
pub const LOADED: usize = 10_000;
/// Markings after the loaded ones, for the measures that add new ones.
pub const SPARE: usize = 10_000;
/// The markings of the idle measure.
pub const MANY: usize = 100_000;

/// One marking as an app would post it.
pub struct Marking {
    /// Its `syncGuid`.
    pub guid: String,
    /// The whole object, as JSON.
    pub json: String,
}

/// All generated markings; the same seed gives the same ones, and more of them the same beginning.
pub struct Workload {
    /// In the generator's order.
    pub markings: Vec<Marking>,
}

impl Workload {
    /// Generates `count` markings into `work`, or reads them from there if they were generated before.
    pub fn prepare(script: &Path, work: &Path, count: usize) -> Outcome<Self> {
        let file = work.join(format!("markings-{count}.ndjson"));
        if !file.exists() {
            generate(script, &file, count)?;
        }
        let text = fs::read_to_string(&file).while_doing("read the generated markings")?;
        let markings = text.lines().map(marking).collect::<Outcome<Vec<_>>>()?;
        if markings.len() == count {
            Ok(Self { markings })
        } else {
            Err(unusable("markings.py", "a wrong count"))
        }
    }

    /// What a store is loaded with.
    pub fn loaded(&self) -> &[Marking] {
        &self.markings[..LOADED]
    }

    /// Markings that no loaded store has.
    pub fn spare(&self) -> &[Marking] {
        &self.markings[LOADED..LOADED + SPARE]
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "syncGuid")]
    guid: String,
}

fn marking(line: &str) -> Outcome<Marking> {
    let named: Named = serde_json::from_str(line).map_err(|error| unusable("a generated marking", error))?;
    Ok(Marking { guid: named.guid, json: line.to_owned() })
}

/// Into a name of its own first, so that an interrupted run leaves no half file behind.
fn generate(script: &Path, file: &Path, count: usize) -> Outcome<()> {
    let unfinished: PathBuf = file.with_extension("part");
    let mut python = Command::new("python3");
    let status =
        python.arg(script).arg(count.to_string()).arg(&unfinished).status().while_doing("run python3")?;
    if !status.success() {
        return Err(Failure::Unusable(format!("markings.py ended with {status}")));
    }
    fs::rename(&unfinished, file).while_doing("keep the generated markings")
}
