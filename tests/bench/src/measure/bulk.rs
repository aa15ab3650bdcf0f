//! 10,000 markings in one request, by an application that has nothing.

use super::{Bench, REPEATS};
use crate::failure::Outcome;
use crate::figure::{Figure, Taken};
use crate::process::disk_mb;
use crate::statistics::Spread;
use crate::subject::{App, Kind, Subject};

/// The application that loads.
const LOADER: u32 = 1;

/// Loads fresh stores and keeps them for the other measures.
pub fn measure(bench: &Bench, kind: Kind) -> Outcome<(Taken, Vec<Box<dyn Subject>>)> {
    let markings: Vec<&str> = bench.workload.loaded().iter().map(|marking| marking.json.as_str()).collect();
    let (mut times, mut disks, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        eprintln!("{kind:?}: bulk {repeat}");
        let subject = bench.lab.fresh(kind, &format!("loaded-{repeat}"))?;
        let mut client = subject.client()?;
        // The first request of a connection pays for what only happens once.
        subject.read(&mut client, &bench.workload.markings[0].guid)?;
        times.push(subject.post(&mut client, &mut App::new(LOADER), &markings)?.as_secs_f64());
        disks.push(disk_mb(subject.folder())?);
        loaded.push(subject);
    }
    Ok((vec![(Figure::Bulk, Spread::of(times)), (Figure::Disk, Spread::of(disks))], loaded))
}
