//! One field is changed at one side, until it can be read at the other.

use std::time::{Duration, Instant};

use super::{Bench, Pair, REPEATS};
use crate::failure::Outcome;
use crate::figure::{Figure, Taken};
use crate::http::Client;
use crate::process::until;
use crate::statistics::{Spread, percentile, sorted};
use crate::workload::Marking;

/// Edits in one repeat.
const EDITS: usize = 200;
const WARM_UP: usize = 20;
/// The markings edited here are none that the measure of edits while apart uses.
const FIRST: usize = 5_000;
const LIMIT: Duration = Duration::from_secs(10);
/// An edit's late acknowledgement belongs to it.
const QUIET: Duration = Duration::from_millis(20);
const SETTLE_LIMIT: Duration = Duration::from_millis(500);

struct Eyes<'a> {
    pair: &'a Pair,
    writer: Client,
    reader: Client,
}

/// The time from sending the edit to reading it, and the bytes both ways, the proxy between included.
pub fn measure(bench: &Bench, pair: &Pair) -> Outcome<Taken> {
    let mut eyes = Eyes { pair, writer: pair.first.client()?, reader: pair.second.client()? };
    let mut markings = bench.workload.loaded()[FIRST..].iter();
    for marking in markings.by_ref().take(WARM_UP) {
        eyes.edit(marking)?;
    }
    let (mut times, mut wires) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let before = pair.link.bytes();
        let repeat =
            markings.by_ref().take(EDITS).map(|marking| eyes.edit(marking)).collect::<Outcome<Vec<_>>>()?;
        times.push(percentile(&sorted(repeat), 50));
        wires.push((pair.link.bytes() - before) as f64 / EDITS as f64);
    }
    Ok(vec![(Figure::LiveTime, Spread::of(times)), (Figure::LiveWire, Spread::of(wires))])
}

impl Eyes<'_> {
    /// In milliseconds.
    fn edit(&mut self, marking: &Marking) -> Outcome<f64> {
        let start = Instant::now();
        self.pair.first.edit(&mut self.writer, marking, "color", "#202020")?;
        until("the edit at the other", LIMIT, Duration::ZERO, || {
            let found = self.pair.second.read(&mut self.reader, &marking.guid)?;
            Ok(found.is_some_and(|found| found["color"] == "#202020"))
        })?;
        let time = start.elapsed().as_secs_f64() * 1e3;
        self.pair.link.settle(QUIET, SETTLE_LIMIT);
        Ok(time)
    }
}
