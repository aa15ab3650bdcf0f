//! 64 applications write at once, each with its own connection and cursor, one write a request. They share an account,
//! so the answer to a new marking also carries what the others wrote since: that is the documented exchange.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::{Bench, REPEATS};
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Taken};
use crate::http::Client;
use crate::statistics::Spread;
use crate::subject::{App, Kind, Subject};
use crate::workload::Marking;

const CLIENTS: usize = 64;
/// Requests of one client in one repeat.
const REQUESTS: usize = 50;
/// The applications' ids begin here.
const FIRST_APP: u32 = 100;

struct Seat<'a> {
    subject: &'a dyn Subject,
    client: Client,
    app: App,
}

/// Into an empty store; the first round is the warm-up.
pub fn measure(bench: &Bench, kind: Kind) -> Outcome<Taken> {
    let subject = bench.lab.fresh(kind, "crowd")?;
    let mut seats = (FIRST_APP..).take(CLIENTS).map(|id| seat(&*subject, id)).collect::<Outcome<Vec<_>>>()?;
    let rounds: Vec<&[Marking]> =
        bench.workload.markings.chunks_exact(CLIENTS * REQUESTS).take(REPEATS + 1).collect();
    let mut writes = Vec::new();
    for round in &rounds {
        writes.push(rate(&mut seats, round, &|seat, marking| {
            seat.subject.post(&mut seat.client, &mut seat.app, &[&marking.json]).map(|_| ())
        })?);
    }
    let mut edits = Vec::new();
    for round in &rounds {
        edits.push(rate(&mut seats, round, &|seat, marking| {
            seat.subject.edit(&mut seat.client, marking, "color", "#303030").map(|_| ())
        })?);
    }
    let warm = |rates: Vec<f64>| Spread::of(rates.into_iter().skip(1));
    Ok(vec![(Figure::CrowdWriteRate, warm(writes)), (Figure::CrowdEditRate, warm(edits))])
}

fn seat(subject: &dyn Subject, id: u32) -> Outcome<Seat<'_>> {
    Ok(Seat { subject, client: subject.client()?, app: App::new(id) })
}

/// Requests a second, over all seats.
fn rate(
    seats: &mut [Seat],
    round: &[Marking],
    call: &(dyn Fn(&mut Seat, &Marking) -> Outcome<()> + Sync),
) -> Outcome<f64> {
    let barrier = Barrier::new(seats.len() + 1);
    thread::scope(|scope| {
        let parts = seats.iter_mut().zip(round.chunks_exact(REQUESTS));
        let barrier = &barrier;
        let workers: Vec<_> = parts
            .map(|(seat, part)| {
                scope.spawn(move || {
                    barrier.wait();
                    part.iter().try_for_each(|marking| call(seat, marking))
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        for worker in workers {
            worker.join().map_err(|_| unusable("crowd", "a client broke"))??;
        }
        Ok(round.len() as f64 / start.elapsed().as_secs_f64())
    })
}
