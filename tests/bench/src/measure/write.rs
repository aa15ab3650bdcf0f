//! One client, one write a request, the next when the last is answered; and what is left of them after SIGKILL.

use std::time::{Duration, Instant};

use super::{Bench, REPEATS};
use crate::failure::Outcome;
use crate::figure::{Figure, Taken};
use crate::statistics::{Spread, percentile, sorted};
use crate::subject::{App, Subject};

/// What this measure yields.
pub const FIGURES: [Figure; 7] = [
    Figure::WriteRate,
    Figure::WriteP50,
    Figure::WriteP99,
    Figure::EditRate,
    Figure::EditP50,
    Figure::EditP99,
    Figure::KilledWritesLost,
];

/// Requests in one repeat.
pub const REQUESTS: usize = 2_000;
/// Requests before the first one counts; the very first brings the application up to date.
pub const WARM_UP: usize = 200;
/// The application that writes.
const WRITER: u32 = 7;
/// What every edited marking is set to.
const EDITED: &str = "#101010";

/// One repeat of many requests.
pub struct Repeat {
    /// Requests a second.
    pub rate: f64,
    /// In microseconds, as the next.
    pub p50: f64,
    /// All but one in a hundred are faster.
    pub p99: f64,
}

/// Into a loaded store.
pub fn measure(bench: &Bench, subject: &mut dyn Subject) -> Outcome<Taken> {
    let writes = new_markings(bench, subject)?;
    let edits = edits(bench, subject)?;
    let lost = lost_by_a_kill(bench, subject)?;
    let mut taken = figures(&FIGURES[0..3], &writes);
    taken.extend(figures(&FIGURES[3..6], &edits));
    taken.push((Figure::KilledWritesLost, Spread::once(lost as f64)));
    Ok(taken)
}

fn new_markings(bench: &Bench, subject: &dyn Subject) -> Outcome<Vec<Repeat>> {
    let (mut client, mut app) = (subject.client()?, App::new(WRITER));
    let mut spare = bench.workload.spare().iter();
    for marking in spare.by_ref().take(WARM_UP) {
        subject.post(&mut client, &mut app, &[&marking.json])?;
    }
    let mut repeat = || {
        timed_repeat(spare.by_ref().take(REQUESTS), |marking| {
            subject.post(&mut client, &mut app, &[&marking.json])
        })
    };
    (0..REPEATS).map(|_| repeat()).collect()
}

fn edits(bench: &Bench, subject: &dyn Subject) -> Outcome<Vec<Repeat>> {
    let mut client = subject.client()?;
    let mut loaded = bench.workload.loaded().iter();
    for marking in loaded.by_ref().take(WARM_UP) {
        subject.edit(&mut client, marking, "color", EDITED)?;
    }
    let mut repeat = || {
        timed_repeat(loaded.by_ref().take(REQUESTS), |marking| {
            subject.edit(&mut client, marking, "color", EDITED)
        })
    };
    (0..REPEATS).map(|_| repeat()).collect()
}

/// Calls once for each of the items, which should be there already: to make them would count.
pub fn timed_repeat<T>(
    items: impl Iterator<Item = T>,
    mut call: impl FnMut(T) -> Outcome<Duration>,
) -> Outcome<Repeat> {
    let start = Instant::now();
    let times = items.map(|item| Ok(call(item)?.as_secs_f64() * 1e6)).collect::<Outcome<Vec<_>>>()?;
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    let times = sorted(times);
    Ok(Repeat { rate, p50: percentile(&times, 50), p99: percentile(&times, 99) })
}

/// Rate, p50 and p99 of the repeats under their three names.
pub fn figures(names: &[Figure], repeats: &[Repeat]) -> Taken {
    let columns = [
        Spread::of(repeats.iter().map(|repeat| repeat.rate)),
        Spread::of(repeats.iter().map(|repeat| repeat.p50)),
        Spread::of(repeats.iter().map(|repeat| repeat.p99)),
    ];
    names.iter().copied().zip(columns).collect()
}

/// Everything above was answered, so everything has to be there.
fn lost_by_a_kill(bench: &Bench, subject: &mut dyn Subject) -> Outcome<usize> {
    subject.process().kill()?;
    subject.start_again()?;
    let all = subject.read_all(&mut subject.client()?)?;
    let count = WARM_UP + REPEATS * REQUESTS;
    let written =
        bench.workload.spare().iter().take(count).filter(|marking| !all.contains_key(&marking.guid));
    let edited = bench.workload.loaded().iter().take(count);
    let undone = edited.filter(|marking| all.get(&marking.guid).is_none_or(|found| found["color"] != EDITED));
    Ok(written.count() + undone.count())
}
