//! The memory of a subject that holds 100,000 markings and has nothing to do.

use std::thread;
use std::time::Duration;

use super::Bench;
use crate::failure::Outcome;
use crate::figure::{Figure, Taken};
use crate::statistics::Spread;
use crate::subject::{App, Kind};
use crate::workload::{MANY, Workload};

/// Markings in one request.
const BATCH: usize = 10_000;
/// How long it is left alone before it is looked at.
const REST: Duration = Duration::from_secs(10);
/// The application that loads.
const LOADER: u32 = 1;

/// After loading, and again after a restart.
pub fn measure(bench: &Bench, kind: Kind) -> Outcome<Taken> {
    let mut subject = bench.lab.fresh(kind, "idle")?;
    let (mut client, mut app) = (subject.client()?, App::new(LOADER));
    for batch in many(bench.workload) {
        subject.post(&mut client, &mut app, &batch)?;
    }
    drop(client);
    thread::sleep(REST);
    let loaded = subject.process().resident_mb()?;
    subject.process().stop()?;
    subject.start_again()?;
    subject.read(&mut subject.client()?, &bench.workload.markings[0].guid)?;
    thread::sleep(REST);
    let restarted = subject.process().resident_mb()?;
    Ok(vec![
        (Figure::IdleMemory, Spread::once(loaded)),
        (Figure::IdleMemoryAfterRestart, Spread::once(restarted)),
    ])
}

fn many(workload: &Workload) -> Vec<Vec<&str>> {
    let all = &workload.markings[..MANY];
    all.chunks(BATCH).map(|batch| batch.iter().map(|marking| marking.json.as_str()).collect()).collect()
}
