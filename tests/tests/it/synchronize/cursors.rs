//! A cursor looks like a time and is a name for a clock: no machine's clock has a say in it.

use super::SPACE;
use quire_tests::app::{App, cursor, marking_in};
use quire_tests::clock::FakeClock;
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::{With, guid, marking};
use serde_json::{Value, json};

#[test]
fn a_cursor_is_utc_in_steps_of_ten_milliseconds() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    for _ in 0..20 {
        app.sync(&desk, &[marking(&guid())]);
        let text = app.cursor.clone().unwrap();
        let bare = text.strip_suffix('Z').unwrap_or_else(|| panic!("not UTC: {text}"));
        let fraction = bare.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
        assert!(fraction.len() <= 2, "finer than what SQL datetime keeps: {text}");
    }
}

#[test]
fn a_cursor_stays_the_same_while_nothing_is_new() {
    let desk = Daemon::named("desk");
    let (mut app, mut other) = (App::new(3, 1), App::new(3, 2));
    app.sync(&desk, &[marking(&guid())]);
    let first = app.cursor.clone();

    let result = app.pull(&desk);
    assert_eq!(app.cursor, first);
    for list in
        ["Markings", "Books", "BookHtmlPages", "BookStyleSheets", "AccountCodes", "EPubHistoryActivities"]
    {
        assert_eq!(result[list], json!([]), "{list}");
    }
    for single in ["Account", "Book", "PopupSettings"] {
        assert_eq!(result[single], Value::Null, "{single}");
    }

    other.sync(&desk, &[marking(&guid())]);
    app.pull(&desk);
    assert_ne!(app.cursor, first);
}

#[test]
fn a_clock_set_back_never_repeats_or_lowers_a_cursor() {
    let Some(clock) = FakeClock::new() else { return };
    let mut desk = Daemon::start(Options::named("desk").with_environment(clock.environment()));
    let (mut app, mut latecomer) = (App::new(3, 1), App::new(3, 2));
    let mut last = None;
    latecomer.pull(&desk);
    for (step, distance) in ["+0", "-60", "-1d", "+1d", "-730d", "-3600d", "+0"].into_iter().enumerate() {
        clock.set(distance);
        if step == 4 {
            desk.stop();
            desk.restart();
        }
        app.sync(&desk, &[marking(&guid())]);
        let next = order(app.cursor.as_ref().unwrap());
        assert!(last < Some(next.clone()), "at {distance}: {next:?} after {last:?}");
        last = Some(next);
        let told = latecomer.pull(&desk);
        assert_eq!(
            told["Markings"].as_array().unwrap().len(),
            1,
            "at {distance} exactly the new one is told"
        );
    }
}

#[test]
fn a_cursor_means_the_same_in_every_notation_that_keeps_it() {
    let desk = Daemon::named("desk");
    let (mut app, mut other) = (App::new(3, 1), App::new(3, 2));
    let (old, new) = (guid(), guid());
    app.sync(&desk, &[marking(&old)]);
    other.sync(&desk, &[marking(&new)]);

    for notation in notations(app.cursor.as_ref().unwrap()) {
        let same = App { cursor: Some(notation.clone()), ..app.clone() };
        let result = same.without_taking_the_cursor(&desk, &same.request(&[]));
        assert_eq!(result["LastSyncTimestamp"], notation, "the request's cursor is repeated");
        assert!(marking_in(&result, &old).is_none(), "{notation} was not understood: an old item came again");
        assert!(marking_in(&result, &new).is_some(), "{notation} skipped an item");
    }
}

#[test]
fn a_cursor_that_was_never_given_means_everything() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guids = [guid(), guid(), guid()];
    app.sync(&desk, &guids.each_ref().map(|guid| marking(guid)));

    for never in [
        Value::Null,
        json!("2025-03-13T20:04:43.9577025-04:00"),
        json!("0001-01-01T00:00:00"),
        json!("0001-01-01T00:00:00+14:00"),
        json!("9999-12-31T23:59:59.9999999Z"),
        json!("9999-12-31T23:59:59.9999999-14:00"),
        json!("2099-01-01T00:00:00Z"),
    ] {
        let stranger = App::new(3, 9);
        let request = stranger.request(&[]).with("LastSyncTimestamp", never.clone());
        let result = stranger.without_taking_the_cursor(&desk, &request);
        for guid in &guids {
            assert!(marking_in(&result, guid).is_some(), "{never} skipped an item");
        }
    }
}

#[test]
fn a_cursor_belongs_to_the_application_it_was_given_to() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    app.sync(&desk, &[marking(&guid)]);

    let mut thief = App { cursor: app.cursor.clone(), ..App::new(3, 2) };
    let result = thief.pull(&desk);
    assert!(marking_in(&result, &guid).is_some(), "another application's cursor skipped an item");
}

#[test]
fn a_cursor_survives_a_restart_and_a_kill() {
    let mut desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    app.sync(&desk, &[marking(&guid())]);
    desk.stop();
    desk.restart();
    assert_eq!(app.pull(&desk)["Markings"], json!([]));
    app.sync(&desk, &[marking(&guid())]);
    desk.kill9();
    desk.restart();
    assert_eq!(app.pull(&desk)["Markings"], json!([]));
}

#[test]
fn the_same_request_again_writes_nothing() {
    let desk = Daemon::named("desk");
    let app = App::new(3, 1);
    let request = app.request(&[marking(&guid()).with("note", "once"), marking(&guid())]);
    let first = app.without_taking_the_cursor(&desk, &request);
    let before = desk.clock(SPACE);
    let again = app.without_taking_the_cursor(&desk, &request);
    assert_eq!(desk.clock(SPACE), before);
    assert_eq!(again["Markings"], json!([]), "the client already has them");
    assert_eq!(cursor(&again), cursor(&first));
}

#[test]
fn the_same_request_again_writes_nothing_after_somebody_else_edited_the_same_note() {
    let desk = Daemon::named("desk");
    let (mut app, mut other) = (App::new(3, 1), App::new(3, 2));
    let guid = guid();
    let noted = |text: &str| marking(&guid).with("note", text);
    app.sync(&desk, &[noted("the middle")]);
    other.pull(&desk);
    let request = app.request(&[noted("before the middle")]);
    app.without_taking_the_cursor(&desk, &request);
    other.sync(&desk, &[noted("the middle and after")]);
    let before = desk.clock(SPACE);

    let result = app.without_taking_the_cursor(&desk, &request);

    assert_eq!(desk.clock(SPACE), before);
    assert_eq!(desk.marking(&guid).unwrap()["note"], "before the middle and after");
    assert_eq!(marking_in(&result, &guid).expect("the merged one")["note"], "before the middle and after");
}

#[test]
fn a_second_edit_before_the_first_answer_arrived_follows_the_first() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    app.sync(&desk, &[marking(&guid)]);
    for color in ["red", "green", "blue"] {
        let request = app.request(&[marking(&guid).with("color", color)]);
        app.without_taking_the_cursor(&desk, &request);
    }
    assert_eq!(desk.marking(&guid).unwrap()["color"], "blue");
    assert!(desk.conflicts().is_empty());
}

#[test]
fn without_a_cursor_too_a_second_edit_of_one_application_follows_its_first() {
    let desk = Daemon::named("desk");
    let app = App::new(3, 1);
    let guid = guid();
    for color in ["red", "green"] {
        app.without_taking_the_cursor(&desk, &app.request(&[marking(&guid).with("color", color)]));
    }
    assert_eq!(desk.marking(&guid).unwrap()["color"], "green");
    assert!(desk.conflicts().is_empty());
}

/// A cursor in a form that orders as its time does.
fn order(cursor: &str) -> (String, String) {
    let bare = cursor.trim_end_matches('Z');
    let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    (seconds.to_owned(), format!("{fraction:0<7}"))
}

/// The same instant as other clients write it.
fn notations(cursor: &str) -> Vec<String> {
    let (seconds, fraction) = order(cursor);
    let (date, time) = seconds.split_once('T').unwrap();
    let hour: u32 = time[..2].parse().unwrap();
    // An offset that stays on the same day.
    let (shifted, offset) = if hour >= 12 { (hour - 5, "-05:00") } else { (hour + 5, "+05:00") };
    let hundredths = &fraction[..2];
    vec![
        cursor.to_owned(),
        format!("{seconds}.{fraction}Z"),
        format!("{seconds}.{hundredths}0Z"),
        format!("{seconds}.{hundredths}+00:00"),
        format!("{seconds}.{hundredths}"),
        format!("{date}T{shifted:02}{}.{fraction}{offset}", &time[2..]),
    ]
}
