//! Edits of several apps and several daemons: nobody's field is lost, and old copies undo nothing.

use super::{SPACE, pair};
use quire_tests::app::{App, marking_in};
use quire_tests::process::{Daemon, apart};
use quire_tests::proxy::Proxy;
use quire_tests::sample::{With, assert_same_item, guid, marking};
use quire_tests::wait::{PATIENCE, eventually, eventually_equal};
use serde_json::json;

#[test]
fn fields_edited_on_both_while_apart_both_survive() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, &[marking(&guid).with("color", "red")])),
        |phone| drop(at_phone.sync(phone, &[marking(&guid).with("note", "from the phone")])),
    );

    for daemon in [&desk, &phone] {
        eventually("both edits", PATIENCE, || {
            let marking = daemon.marking(&guid)?;
            (marking["color"] == "red" && marking["note"] == "from the phone").then_some(())
        });
        assert_eq!(daemon.conflicts(), Vec::<serde_json::Value>::new());
    }
}

#[test]
fn fields_edited_on_both_while_the_way_between_is_cut_both_survive() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    let way = Proxy::to(desk.peer_address());
    desk.pair_through(&phone, way.address());
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    way.cut();
    at_desk.sync(&desk, &[marking(&guid).with("color", "red")]);
    at_phone.sync(&phone, &[marking(&guid).with("section", "seven")]);
    way.resume();

    desk.wait_in_step(&phone, SPACE);
    for daemon in [&desk, &phone] {
        assert_same_item(
            &daemon.marking(&guid).expect("the marking"),
            &marking(&guid).with("color", "red").with("section", "seven"),
        );
    }
}

#[test]
fn notes_typed_on_both_while_apart_are_both_read_in_the_merged_one() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    let noted = |text: &str| [marking(&guid).with("note", text)];
    at_desk.sync(&desk, &noted("the middle"));
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, &noted("before the middle"))),
        |phone| drop(at_phone.sync(phone, &noted("the middle and after"))),
    );

    for daemon in [&desk, &phone] {
        eventually("the merged note", PATIENCE, || {
            (daemon.marking(&guid)?["note"] == "before the middle and after").then_some(())
        });
    }
}

#[test]
fn one_field_edited_on_both_has_one_winner_and_a_readable_loser() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, &[marking(&guid).with("color", "red")])),
        |phone| drop(at_phone.sync(phone, &[marking(&guid).with("color", "blue")])),
    );

    let conflict_at =
        |daemon: &Daemon| eventually("the conflict", PATIENCE, || daemon.conflict(&guid, "color"));
    let color_at = |daemon: &Daemon| daemon.marking(&guid).expect("the marking")["color"].clone();
    let conflicts = [conflict_at(&desk), conflict_at(&phone)];
    let winner = eventually_equal("one winner", PATIENCE, || color_at(&desk), || color_at(&phone));
    let (loser, author) =
        if winner == "red" { ("blue", phone.device_id()) } else { ("red", desk.device_id()) };
    for conflict in conflicts {
        assert_eq!(conflict["space"], SPACE);
        assert_eq!(conflict["value"], winner);
        assert_eq!(conflict["others"].as_array().unwrap().len(), 1, "{conflict}");
        assert_eq!(conflict["others"][0]["value"], loser);
        assert_eq!(conflict["others"][0]["device"], author, "{conflict}");
    }
}

#[test]
fn a_conflict_ends_everywhere_when_somebody_writes_the_field_again() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);
    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, &[marking(&guid).with("type", 5)])),
        |phone| drop(at_phone.sync(phone, &[marking(&guid).with("type", 6)])),
    );
    desk.wait_in_step(&phone, SPACE);

    at_desk.pull(&desk);
    at_desk.sync(&desk, &[marking(&guid).with("type", 7)]);

    for daemon in [&desk, &phone] {
        eventually("no conflict any more", PATIENCE, || daemon.conflicts().is_empty().then_some(()));
        assert_eq!(daemon.marking(&guid).unwrap()["type"], 7);
    }
}

#[test]
fn the_place_of_a_marking_moves_as_one() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);
    let here = marking(&guid).with("CharIndexStart", 100).with("CharIndexEnd", 110);
    let there = marking(&guid).with("CharIndexStart", 105).with("chapterId", "another chapter");

    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, std::slice::from_ref(&here))),
        |phone| drop(at_phone.sync(phone, std::slice::from_ref(&there))),
    );

    desk.wait_in_step(&phone, SPACE);
    let place = |value: &serde_json::Value| {
        ["CharIndexStart", "CharIndexEnd", "textLength", "chapterId"].map(|member| value[member].clone())
    };
    let merged = eventually_equal("one place", PATIENCE, || desk.marking(&guid), || phone.marking(&guid));
    let merged = merged.expect("the marking");
    assert!([place(&here), place(&there)].contains(&place(&merged)), "a place of parts: {merged}");
}

#[test]
fn a_stale_whole_object_does_not_undo_another_apps_edit() {
    let desk = Daemon::named("desk");
    let (mut reader, mut editor) = (App::new(3, 1), App::new(3, 2));
    let guid = guid();
    reader.sync(&desk, &[marking(&guid)]);
    editor.pull(&desk);
    editor.sync(&desk, &[marking(&guid).with("note", "the editor's").with("color", "red")]);

    // The reader still has the old copy and the old cursor, and changes one field of it.
    let result = reader.sync(&desk, &[marking(&guid).with("section", "seven")]);

    let merged = marking(&guid).with("note", "the editor's").with("color", "red").with("section", "seven");
    assert_same_item(&desk.marking(&guid).expect("the marking"), &merged);
    assert_same_item(marking_in(&result, &guid).expect("the answer tells the reader"), &merged);
    assert!(desk.conflicts().is_empty());
}

#[test]
fn an_old_copy_without_a_cursor_changes_nothing() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    let first = marking(&guid).with("note", "first").with("color", "yellow");
    app.sync(&desk, std::slice::from_ref(&first));
    app.sync(&desk, &[first.clone().with("note", "second").with("color", "red")]);
    let before = (desk.clock(SPACE), desk.marking(&guid));

    // Another installation, restored from somewhere, sends what it has: an old copy and no cursor.
    let result = App::new(3, 2).sync(&desk, std::slice::from_ref(&first));

    assert_eq!((desk.clock(SPACE), desk.marking(&guid)), before);
    assert_eq!(marking_in(&result, &guid).expect("the newer copy")["note"], "second");
    assert!(desk.conflicts().is_empty());
}

#[test]
fn another_value_without_a_cursor_becomes_a_conflict_and_overwrites_nothing_in_silence() {
    let desk = Daemon::named("desk");
    let guid = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid).with("color", "yellow")]);

    App::new(3, 2).sync(&desk, &[marking(&guid).with("color", "green")]);

    let conflict = desk.conflict(&guid, "color").expect("a conflict");
    let mut values = vec![conflict["value"].clone(), conflict["others"][0]["value"].clone()];
    values.sort_by_key(ToString::to_string);
    assert_eq!(values, [json!("green"), json!("yellow")]);
}

#[test]
fn absent_is_no_edit_and_null_clears() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    app.sync(&desk, &[marking(&guid).with("section", "seven")]);

    app.sync(&desk, &[json!({ "syncGuid": guid, "AccountId": 3, "color": "red" })]);
    assert_same_item(
        &desk.marking(&guid).unwrap(),
        &marking(&guid).with("section", "seven").with("color", "red"),
    );

    app.sync(&desk, &[json!({ "syncGuid": guid, "AccountId": 3, "section": null })]);
    assert_eq!(desk.marking(&guid).unwrap()["section"], serde_json::Value::Null);
}
