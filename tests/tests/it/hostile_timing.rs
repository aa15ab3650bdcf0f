//! What must not be told by how long an answer takes: whether a space exists (P10), how much of a token fits (H8).

use std::hint::black_box;

use quire_daemon::http::token::ApiToken;
use quire_protocol::clock::Clock;
use quire_protocol::id::Space;
use quire_protocol::message::{LogName, Message, SegmentMessage};
use quire_tests::app::App;
use quire_tests::hostile::log::marking_record;
use quire_tests::hostile::witnesses::Witnesses;
use quire_tests::hostile::{Mallory, Wire};
use quire_tests::sample::{guid, marking};
use quire_tests::seed::seed;
use quire_tests::timing::{Difference, are_told_apart, compare};
use serde_json::json;

/// Records sent of each kind in each round.
const RECORDS: usize = 300;

/// Which of the spaces was granted.
const GRANTED: usize = 3;

/// Comparisons measured of each kind in each round.
const COMPARISONS: usize = 10_000;

/// Comparisons in one measurement, so that it is longer than what a clock costs.
const AT_ONCE: usize = 16;

fn report(what: &str, rounds: &[Difference]) {
    for round in rounds {
        let [one, other] = round.medians;
        eprintln!("{what}: t = {:.2}, medians {one:?} and {other:?}", round.t);
    }
}

/// Over one session of a real daemon, so what is seen are differences of some microseconds: a lookup on disk, a
/// signature, a fold. Not what takes nanoseconds.
#[test]
fn a_record_for_a_space_that_exists_is_refused_as_fast_as_for_one_that_does_not() {
    let mut all = Witnesses::new();
    let mut state = seed();
    eprintln!("QUIRE_SEED={state}");
    let body = json!({ "spaces": [{ "space": "account:3", "rights": "write" }] });
    let guest = Mallory::paired(&all.victim, 1, &body);
    for application in 1..=20 {
        App::new(4, application).sync(&all.victim, &[marking(&guid())]);
    }
    // The first exists, the next two do not, the last was granted.
    let spaces = [4, 5, 6, 3].map(Space::account);
    let mut wire = guest.dial();
    wire.greet();
    wire.say(&Message::Credentials(guest.credentials(&[guest.incarnation])));
    wire.say(&Message::Clocks(spaces.iter().map(|space| (space.clone(), Clock::default())).collect()));
    let segments = spaces
        .each_ref()
        .map(|space| guest.log(space).next(vec![marking_record(guest.incarnation, &guid())], &guest.key));
    let send = |wire: &mut Wire, space: usize, log: LogName| {
        let segment = segments[space].clone();
        assert!(wire.say(&Message::Segment(SegmentMessage { space: space as u32, log, segment })));
        assert_eq!(wire.verdict(), if space == GRANTED { (true, 1) } else { (false, 0) });
    };
    send(&mut wire, 0, LogName::New(guest.incarnation));
    for (what, kinds) in [("exists and does not", [0, 1]), ("neither exists", [1, 2])] {
        let rounds = compare(RECORDS, &mut state, |kind| send(&mut wire, kinds[kind], LogName::Known(0)));
        report(&format!("P10 {what}"), &rounds);
        assert!(!are_told_apart(&rounds), "{what}: {rounds:?}");
        all.passed();
    }
    // What this machine lets be seen.
    let rounds = compare(RECORDS, &mut state, |kind| send(&mut wire, [1, GRANTED][kind], LogName::Known(0)));
    report("P10 one that was granted", &rounds);
    all.check("records for spaces that were not granted");
    all.report("P10 times");
}

/// Stops at the first difference: what must be told apart for the test to be worth anything.
fn leaking(token: &[u8], offered: &[u8]) -> bool {
    token.len() == offered.len() && token.iter().zip(offered).all(|(one, other)| one == other)
}

#[test]
fn a_token_is_compared_as_long_whatever_of_it_fits() {
    let mut state = seed();
    eprintln!("QUIRE_SEED={state}");
    let token = ApiToken::random().unwrap();
    let right = token.reveal().as_bytes().to_vec();
    // In the same place of memory each time, so that only what is in it differs.
    let mut offered = right.clone();
    let mut passed = 0;
    for fits in [1, 16, 32, 48, 63] {
        let mut time = |matches: &dyn Fn(&[u8]) -> bool| {
            compare(COMPARISONS, &mut state, |kind| {
                let wrong = [0, fits][kind];
                offered.copy_from_slice(&right);
                offered[wrong] ^= 1;
                for _ in 0..AT_ONCE {
                    assert!(!black_box(matches(black_box(&offered))));
                }
            })
        };
        let rounds = time(&|offered| token.matches(offered));
        report(&format!("H8 {fits} fit"), &rounds);
        assert!(!are_told_apart(&rounds), "{fits} fit: {rounds:?}");
        passed += 1;
        if fits == 63 {
            let control = time(&|offered| leaking(&right, offered));
            report("H8 what leaks", &control);
            assert!(are_told_apart(&control), "this machine is too noisy to see anything: {control:?}");
        }
    }
    eprintln!("inputs passed: H8 times {passed} of {passed}");
}
