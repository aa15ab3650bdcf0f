//! A field app's store of 100,000 nodes: loaded by messages, posted to, and read through windows. Beside each figure, in
//! the same run, what plain axum takes to say the same bytes.

mod changes;
mod plain;
mod post;
mod window;

use std::path::PathBuf;
use std::time::Duration;

use self::plain::{KEPT, PARSED, Plain, kept, parsed};
use super::Bench;
use crate::failure::Outcome;
use crate::figure::{Beside, Figure, Figures, Taken};
use crate::forest::{message, node};
use crate::http::Client;
use crate::statistics::Spread;
use crate::subject::{Kind, Subject, timed};

/// Nodes in the store. Fewer, by [`COUNT_SETTING`], are for trying out: the table's titles then say too much.
const COUNT: usize = 100_000;
const COUNT_SETTING: &str = "QUIRE_BENCH_NODES";
/// A window needs a first page and further ones.
const LEAST: usize = 2 * window::PAGE;
/// Nodes in one message of the load.
const BATCH: usize = 500;

const LOAD: [Figure; 2] = [Figure::NodeLoadRate, Figure::NodeLoadMemory];

/// What a measure yields, and what it took beside.
type Sides = (Taken, Beside);

/// A loaded store and the app that speaks to it.
struct Store {
    subject: Box<dyn Subject>,
    client: Client,
    work: PathBuf,
    count: usize,
    /// Messages that were sent.
    sequence: usize,
}

/// Of the daemon; what fails does not stop the rest.
pub fn measure(bench: &Bench, figures: &mut Figures) {
    let mut store = match Store::start(bench) {
        Ok(store) => store,
        Err(failure) => return figures.keep(&LOAD, Err(failure)),
    };
    let loaded = store.load();
    let is_loaded = loaded.is_ok();
    keep(figures, &LOAD, loaded);
    if is_loaded {
        // Windows first: they are of all nodes, and of no other.
        keep(figures, &window::FIGURES, window::measure(&mut store));
        keep(figures, &[Figure::SmallWindowP50], changes::measure(&mut store));
        keep(figures, &post::NEW, post::new(&mut store));
        keep(figures, &post::EDITED, post::edited(&mut store));
    }
}

fn keep(figures: &mut Figures, expected: &[Figure], outcome: Outcome<Sides>) {
    let taken = outcome.map(|(taken, beside)| {
        figures.keep_beside(beside);
        taken
    });
    figures.keep(expected, taken);
}

fn count() -> usize {
    let asked = std::env::var(COUNT_SETTING).ok().and_then(|text| text.parse::<usize>().ok());
    let count = asked.unwrap_or(COUNT).max(LEAST);
    if count != COUNT {
        eprintln!("nodes: {count} instead of {COUNT}");
    }
    count
}

impl Store {
    fn start(bench: &Bench) -> Outcome<Self> {
        let subject = bench.lab.fresh(Kind::Quire, "nodes")?;
        let client = subject.client()?;
        Ok(Self { subject, client, work: bench.lab.work.clone(), count: count(), sequence: 0 })
    }

    /// A reference that says these answers.
    fn plain(&self, answers: &[(&str, Vec<u8>)]) -> Outcome<Plain> {
        Plain::start(&self.work.join("plain-nodes"), answers)
    }

    /// Puts nodes by one message; the time and what was answered.
    fn put(&mut self, nodes: &[String]) -> Outcome<(Duration, Vec<u8>)> {
        self.sequence += 1;
        let body = message(nodes, self.sequence);
        let call = || self.client.demand("POST", "/api/messages", body.as_bytes());
        timed(call).map(|(time, answer)| (time, answer.body))
    }

    fn load(&mut self) -> Outcome<Sides> {
        let (mut seconds, mut said) = (0.0, Vec::new());
        for batch in batches(self.count) {
            let (time, answer) = self.put(&batch)?;
            seconds += time.as_secs_f64();
            said = answer;
        }
        let memory = self.subject.process().resident_mb()?;
        let rate = |seconds: f64| self.count as f64 / seconds;
        let plain = self.plain(&[("message", said)])?;
        let beside = [
            (KEPT, rate(repeated(&plain, &kept("message"), self.count)?)),
            (PARSED, rate(repeated(&plain, &parsed("message"), self.count)?)),
        ];
        let taken = vec![
            (Figure::NodeLoadRate, Spread::once(rate(seconds))),
            (Figure::NodeLoadMemory, Spread::once(memory)),
        ];
        Ok((taken, beside.map(|reference| (Figure::NodeLoadRate, reference)).to_vec()))
    }
}

fn batches(count: usize) -> impl Iterator<Item = Vec<String>> {
    let begins = (0..count).step_by(BATCH);
    begins.map(move |begin| (begin..count.min(begin + BATCH)).map(|index| node(index, 0)).collect())
}

/// The seconds that the reference takes for the messages of a load.
fn repeated(plain: &Plain, path: &str, count: usize) -> Outcome<f64> {
    let mut client = plain.client()?;
    batches(count).zip(1..).try_fold(0.0, |seconds, (batch, sequence)| {
        let body = message(&batch, sequence);
        let (time, _) = timed(|| client.demand("POST", path, body.as_bytes()))?;
        Ok(seconds + time.as_secs_f64())
    })
}
