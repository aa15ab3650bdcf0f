//! An empty peer is connected to a loaded one, until it has everything.

use std::time::{Duration, Instant};

use super::{Bench, Pair, REPEATS};
use crate::failure::Outcome;
use crate::figure::{Figure, Taken};
use crate::process::until;
use crate::statistics::Spread;
use crate::subject::{Kind, Subject, covers, link};
use crate::workload::LOADED;

const LIMIT: Duration = Duration::from_secs(120);
/// How often the empty peer is asked for its clock; more often would take time from it.
const PAUSE: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_millis(300);
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// With a fresh empty peer each time; the last one stays connected for the other measures.
pub fn measure(bench: &Bench, kind: Kind, loaded: Box<dyn Subject>) -> Outcome<(Taken, Pair)> {
    let (mut times, mut wires, mut last) = (Vec::new(), Vec::new(), None);
    for repeat in 0..REPEATS {
        drop(last.take());
        let empty = bench.lab.fresh(kind, &format!("empty-{repeat}"))?;
        let start = Instant::now();
        let link = link(&*loaded, &*empty)?;
        times.push(await_everything(&*loaded, &*empty, start)?);
        link.settle(QUIET, SETTLE_LIMIT);
        wires.push(link.bytes() as f64 / 1e6);
        last = Some((empty, link));
    }
    let taken = vec![(Figure::FirstSyncTime, Spread::of(times)), (Figure::FirstSyncWire, Spread::of(wires))];
    let (second, link) = last.ok_or_else(|| crate::failure::unusable("first sync", "no repeat"))?;
    Ok((taken, Pair { first: loaded, second, link }))
}

/// The clock says when; reading everything proves it, and counts if it was not yet true.
fn await_everything(loaded: &dyn Subject, empty: &dyn Subject, start: Instant) -> Outcome<f64> {
    let wanted = loaded.clock(&mut loaded.client()?)?;
    let mut client = empty.client()?;
    until("the first sync", LIMIT, PAUSE, || Ok(covers(&empty.clock(&mut client)?, &wanted)))?;
    let said = start.elapsed();
    if empty.read_all(&mut client)?.len() == LOADED {
        return Ok(said.as_secs_f64());
    }
    until("all markings to be readable", LIMIT, PAUSE, || Ok(empty.read_all(&mut client)?.len() == LOADED))?;
    Ok(start.elapsed().as_secs_f64())
}
