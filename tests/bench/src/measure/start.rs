//! From the program's start to the first marking read, on a loaded store.

use std::time::Instant;

use super::Bench;
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Taken};
use crate::process::disk_mb;
use crate::statistics::Spread;
use crate::subject::Subject;

const STARTS: usize = 5;

/// Stops and starts the subject several times.
pub fn measure(bench: &Bench, subject: &mut dyn Subject) -> Outcome<Taken> {
    let (mut times, mut memories) = (Vec::new(), Vec::new());
    for repeat in 0..STARTS {
        let guid = &bench.workload.loaded()[repeat * 1_000].guid;
        subject.process().stop()?;
        let start = Instant::now();
        subject.start_again()?;
        let found = subject.read(&mut subject.client()?, guid)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        memories.push(subject.process().resident_mb()?);
        found.ok_or_else(|| unusable("the first read", "the marking is gone"))?;
    }
    let disk = Spread::once(disk_mb(subject.folder())?);
    Ok(vec![
        (Figure::Start, Spread::of(times)),
        (Figure::StartMemory, Spread::of(memories)),
        (Figure::DiskAfterRestart, disk),
    ])
}
