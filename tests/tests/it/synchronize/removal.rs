//! Removal removes what its author had seen; nothing removed comes back by itself.

use super::{SPACE, pair};
use quire_tests::app::{App, everything, marking_in};
use quire_tests::process::{Daemon, apart};
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};

/// Whether a fresh app sees the marking as removed; `None` while it does not see it at all.
fn removed(daemon: &Daemon, guid: &str) -> Option<bool> {
    marking_in(&everything(daemon, 3), guid)?["SyncIsRemoved"].as_bool()
}

#[test]
fn a_removal_reaches_the_other_daemon_and_its_apps() {
    let (desk, phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    eventually("the marking", PATIENCE, || phone.marking(&guid));
    at_phone.pull(&phone);

    at_desk.sync(&desk, &[marking(&guid).with("SyncIsRemoved", true)]);

    desk.wait_in_step(&phone, SPACE);
    let result = at_phone.pull(&phone);
    assert_eq!(marking_in(&result, &guid).expect("the removal is told")["SyncIsRemoved"], true);
    assert!(phone.markings(3).is_empty(), "a removed marking is not listed");
}

#[test]
fn a_removal_that_saw_the_edit_wins() {
    let (desk, phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    at_desk.sync(&desk, &[marking(&guid).with("note", "edited")]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    at_phone.sync(&phone, &[marking(&guid).with("note", "edited").with("SyncIsRemoved", true)]);

    desk.wait_in_step(&phone, SPACE);
    assert_eq!((removed(&desk, &guid), removed(&phone, &guid)), (Some(true), Some(true)));
    assert!(desk.conflicts().is_empty());
}

#[test]
fn an_edit_made_apart_from_a_removal_keeps_the_item_alive_and_is_a_conflict() {
    let (mut desk, mut phone) = pair();
    let (mut at_desk, mut at_phone) = (App::new(3, 1), App::new(3, 1));
    let guid = guid();
    at_desk.sync(&desk, &[marking(&guid)]);
    desk.wait_in_step(&phone, SPACE);
    at_phone.pull(&phone);

    apart(
        &mut desk,
        &mut phone,
        |desk| drop(at_desk.sync(desk, &[marking(&guid).with("SyncIsRemoved", true)])),
        |phone| drop(at_phone.sync(phone, &[marking(&guid).with("note", "still wanted")])),
    );

    desk.wait_in_step(&phone, SPACE);
    for daemon in [&desk, &phone] {
        assert_eq!(removed(daemon, &guid), Some(false));
        assert_eq!(daemon.marking(&guid).unwrap()["note"], "still wanted");
        assert!(
            daemon.conflicts().iter().any(|conflict| conflict["item"] == guid),
            "the removal is a conflict"
        );
    }
}

#[test]
fn an_edit_that_saw_the_removal_revives_only_by_saying_so() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    app.sync(&desk, &[marking(&guid)]);
    app.sync(&desk, &[marking(&guid).with("SyncIsRemoved", true)]);

    app.sync(&desk, &[marking(&guid).with("SyncIsRemoved", true).with("note", "edited")]);
    assert_eq!(removed(&desk, &guid), Some(true));

    app.sync(&desk, &[marking(&guid).with("SyncIsRemoved", false).with("note", "edited")]);
    assert_eq!(removed(&desk, &guid), Some(false));
    assert_eq!(desk.marking(&guid).unwrap()["note"], "edited");
}

#[test]
fn an_old_copy_does_not_revive_a_removed_item() {
    let desk = Daemon::named("desk");
    let mut app = App::new(3, 1);
    let guid = guid();
    app.sync(&desk, &[marking(&guid)]);
    app.sync(&desk, &[marking(&guid).with("SyncIsRemoved", true)]);
    let before = desk.clock(SPACE);

    App::new(3, 2).sync(&desk, &[marking(&guid)]);

    assert_eq!(removed(&desk, &guid), Some(true));
    assert_eq!(desk.clock(SPACE), before);
}

#[test]
fn a_removed_item_that_was_never_seen_is_kept_whole() {
    let (desk, phone) = pair();
    let guid = guid();
    let gone = marking(&guid).with("SyncIsRemoved", true).with("note", "gone");
    App::new(3, 1).sync(&desk, &[gone]);

    desk.wait_in_step(&phone, SPACE);
    let there = everything(&phone, 3);
    let there = marking_in(&there, &guid).expect("the removed one");
    assert_eq!((there["note"].as_str(), there["SyncIsRemoved"].as_bool()), (Some("gone"), Some(true)));
}
