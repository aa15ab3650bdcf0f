//! Both sides edit while the link is cut: 600 markings in different fields, 100 in the same field, 300 markings each
//! that the other leaves alone. Then the link is mended, until both are equal. Who merges whole objects loses 600.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Bench, Pair, REPEATS};
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Taken};
use crate::process::until;
use crate::statistics::Spread;
use crate::subject::{Assigned, Clock, Subject, covers};
use crate::workload::Marking;

/// What this measure yields.
pub const FIGURES: [Figure; 4] =
    [Figure::ApartTime, Figure::ApartWire, Figure::ApartLost, Figure::ApartDropped];

const DIFFERENT_FIELDS: usize = 600;
const SAME_FIELD: usize = 100;
const ALONE: usize = 300;
/// Markings of one repeat.
const MARKINGS: usize = DIFFERENT_FIELDS + SAME_FIELD + 2 * ALONE;
const LIMIT: Duration = Duration::from_secs(60);
/// How often both clocks are asked for; more often would take time from the two.
const PAUSE: Duration = Duration::from_millis(5);
const QUIET: Duration = Duration::from_millis(300);
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

struct Edit<'a> {
    marking: &'a Marking,
    member: &'static str,
    value: String,
}

struct Plan<'a> {
    first: Vec<Edit<'a>>,
    second: Vec<Edit<'a>>,
    /// The markings that both edit in one field.
    same: HashSet<&'a str>,
}

struct Repeat {
    seconds: f64,
    kilobytes: f64,
    lost: usize,
    dropped: usize,
}

/// On other markings each time.
pub fn measure(bench: &Bench, pair: &Pair) -> Outcome<Taken> {
    let windows = bench.workload.loaded().chunks_exact(MARKINGS).take(REPEATS).enumerate();
    let repeats =
        windows.map(|(round, window)| meet(pair, &plan(window, round))).collect::<Outcome<Vec<_>>>()?;
    let spread = |of: fn(&Repeat) -> f64| Spread::of(repeats.iter().map(of));
    Ok(vec![
        (Figure::ApartTime, spread(|repeat| repeat.seconds)),
        (Figure::ApartWire, spread(|repeat| repeat.kilobytes)),
        (Figure::ApartLost, spread(|repeat| repeat.lost as f64)),
        (Figure::ApartDropped, spread(|repeat| repeat.dropped as f64)),
    ])
}

fn plan(window: &[Marking], round: usize) -> Plan<'_> {
    let (both, alone) = window.split_at(DIFFERENT_FIELDS + SAME_FIELD);
    let (different, same) = both.split_at(DIFFERENT_FIELDS);
    let (only_first, only_second) = alone.split_at(ALONE);
    let color = |side: &str, marking| Edit { marking, member: "color", value: format!("#{side}0{round}") };
    let note = |marking| Edit { marking, member: "note", value: format!("Read again while away, {round}.") };
    let first = both.iter().chain(only_first).map(|marking| color("a", marking)).collect();
    let noted = different.iter().chain(only_second).map(note);
    let second = noted.chain(same.iter().map(|marking| color("b", marking))).collect();
    Plan { first, second, same: same.iter().map(|marking| marking.guid.as_str()).collect() }
}

fn meet(pair: &Pair, plan: &Plan) -> Outcome<Repeat> {
    pair.link.settle(QUIET, SETTLE_LIMIT);
    pair.link.cut();
    let first = apply(&*pair.first, &plan.first)?;
    let second = apply(&*pair.second, &plan.second)?;
    if covers(&pair.second.clock(&mut pair.second.client()?)?, &first) {
        return Err(unusable("apart", "the two found a way around the cut link"));
    }
    let before = pair.link.bytes();
    let seconds = reunite(pair, &united(first, second))?;
    pair.link.settle(QUIET, SETTLE_LIMIT);
    let kilobytes = (pair.link.bytes() - before) as f64 / 1e3;
    let (lost, dropped) = compare(pair, plan)?;
    Ok(Repeat { seconds, kilobytes, lost, dropped })
}

/// One request an edit, as they happen; returns the clock after them.
fn apply(subject: &dyn Subject, edits: &[Edit]) -> Outcome<Clock> {
    let mut client = subject.client()?;
    for edit in edits {
        subject.edit(&mut client, edit.marking, edit.member, &edit.value)?;
    }
    subject.clock(&mut client)
}

fn united(mut first: Clock, second: Clock) -> Clock {
    for (log, seen) in second {
        let entry = first.entry(log).or_default();
        *entry = seen.max(*entry);
    }
    first
}

fn reunite(pair: &Pair, all: &Clock) -> Outcome<f64> {
    let (mut first, mut second) = (pair.first.client()?, pair.second.client()?);
    let start = Instant::now();
    pair.link.mend();
    pair.second.wake(&mut second)?;
    until("both to have all edits", LIMIT, PAUSE, || {
        Ok(covers(&pair.first.clock(&mut first)?, all) && covers(&pair.second.clock(&mut second)?, all))
    })?;
    Ok(start.elapsed().as_secs_f64())
}

/// How many edits neither show nor can be found, and how many of those on the same field cannot be found.
fn compare(pair: &Pair, plan: &Plan) -> Outcome<(usize, usize)> {
    let (mut first, mut second) = (pair.first.client()?, pair.second.client()?);
    let all = pair.first.read_all(&mut first)?;
    let differing = count_differing(&all, &pair.second.read_all(&mut second)?);
    if differing > 0 {
        return Err(unusable("apart", format!("{differing} markings differ although the clocks are equal")));
    }
    let (at_first, at_second) = (pair.first.losers(&mut first)?, pair.second.losers(&mut second)?);
    let edits = || plan.first.iter().chain(&plan.second);
    let is_gone = |edit: &&Edit| {
        let loser: Assigned = (edit.marking.guid.clone(), edit.member.to_owned(), edit.value.clone());
        let is_shown =
            all.get(&edit.marking.guid).is_some_and(|found| found[edit.member] == edit.value.as_str());
        let is_listed = at_first.contains(&loser) && at_second.contains(&loser);
        !(is_shown || is_listed)
    };
    let gone = edits().filter(is_gone);
    let (dropped, lost): (Vec<_>, Vec<_>) =
        gone.partition(|edit| plan.same.contains(edit.marking.guid.as_str()));
    Ok((lost.len(), dropped.len()))
}

/// `id` is a row number of each side's own.
fn count_differing(first: &HashMap<String, Value>, second: &HashMap<String, Value>) -> usize {
    let without_id = |marking: &Value| {
        let mut marking = marking.clone();
        if let Some(members) = marking.as_object_mut() {
            members.remove("id");
        }
        marking
    };
    let same = |(guid, marking): &(&String, &Value)| {
        second.get(*guid).is_some_and(|other| without_id(marking) == without_id(other))
    };
    first.len().max(second.len()) - first.iter().filter(same).count()
}

#[cfg(test)]
mod tests {
    use super::{MARKINGS, plan};
    use crate::workload::Marking;

    #[test]
    fn each_side_makes_a_thousand_edits_of_the_described_mixture() {
        let marking = |index: usize| Marking { guid: index.to_string(), json: String::new() };
        let window: Vec<_> = (0..MARKINGS).map(marking).collect();
        let plan = plan(&window, 0);
        assert_eq!((plan.first.len(), plan.second.len(), plan.same.len()), (1_000, 1_000, 100));
        let in_same = |edit: &&super::Edit| plan.same.contains(edit.marking.guid.as_str());
        assert!(plan.first.iter().chain(&plan.second).filter(in_same).all(|edit| edit.member == "color"));
        let shared = plan
            .second
            .iter()
            .filter(|edit| plan.first.iter().any(|other| other.marking.guid == edit.marking.guid));
        assert_eq!(shared.count(), 700);
    }
}
