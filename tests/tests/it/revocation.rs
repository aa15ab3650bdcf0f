//! Devices that are removed, that leave, and that throw each other out: by the program, over real sockets.

use std::io::Write as _;
use std::process::{Output, Stdio};

use quire_tests::app::App;
use quire_tests::process::{Daemon, quire};
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

const SPACE: &str = "account:3";

/// Runs a command against a daemon's folder, with this on its standard input.
fn run(daemon: &Daemon, arguments: &[&str], input: &str) -> Output {
    let mut command = quire(arguments.iter().copied());
    command.arg("--data-dir").arg(daemon.data());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    child.wait_with_output().expect("its output")
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn knows(daemon: &Daemon, other: &Daemon) -> bool {
    daemon.peer(other).is_some()
}

/// Three daemons of one person that all know each other.
fn family() -> [Daemon; 3] {
    let all = ["desk", "phone", "tablet"].map(Daemon::named);
    let [desk, phone, tablet] = &all;
    desk.pair_with(phone);
    desk.pair_with(tablet);
    eventually("all know each other", PATIENCE, || {
        (knows(phone, tablet) && knows(tablet, phone)).then_some(())
    });
    all
}

#[test]
fn a_removed_device_is_out_for_all_and_told_why() {
    let [desk, phone, tablet] = family();
    let (before, after) = (guid(), guid());
    let mut app = App::new(3, 1);
    app.sync(&phone, &[marking(&before)]);
    desk.wait_in_step(&phone, SPACE);
    let said = done(&run(&desk, &["unpair", "phone"], ""));
    assert!(said.contains("Removed phone"), "{said}");
    eventually("the tablet drops it", PATIENCE, || (!knows(&tablet, &phone)).then_some(()));
    app.sync(&phone, &[marking(&after)]);
    App::new(3, 2).sync(&desk, &[marking(&guid())]);
    desk.wait_in_step(&tablet, SPACE);
    for daemon in [&desk, &tablet] {
        assert!(daemon.marking(&before).is_some(), "what it wrote before stays");
        assert!(daemon.marking(&after).is_none(), "what it writes after does not count");
    }
    eventually("it is told", PATIENCE, || {
        (phone.get("/v1/status").json()["removedBy"] == json!([desk.device_id()])).then_some(())
    });
    let doctor = run(&phone, &["doctor"], "");
    assert_eq!(doctor.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("removed it"), "{doctor:?}");
    let unknown = run(&desk, &["unpair", "phone"], "");
    assert_eq!(unknown.status.code(), Some(1));
    desk.delete(&format!("/v1/peers/{}", phone.device_id()), &[]).expect(404);
}

#[test]
fn what_a_removed_device_gave_to_one_who_had_not_heard_is_set_aside_and_may_be_adopted() {
    let [mut desk, mut phone, mut tablet] = family();
    let late = guid();
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    desk.wait_in_step(&tablet, SPACE);
    desk.wait_in_step(&phone, SPACE);
    // Both are away while the desk removes the phone, which would else pass on that it was; then the two meet without
    // the desk.
    tablet.stop();
    desk.wait_acknowledged_by(&phone);
    phone.stop();
    done(&run(&desk, &["unpair", phone.device_id()], ""));
    desk.stop();
    phone.restart();
    App::new(3, 2).sync(&phone, &[marking(&late).with("note", "late")]);
    let phone_at = phone.peer_address();
    tablet.restart_with(|options| *options = options.clone().connecting_to(phone_at));
    eventually("the tablet takes it, not having heard", PATIENCE, || tablet.marking(&late));
    let tablet_at = tablet.peer_address();
    desk.restart_with(|options| *options = options.clone().connecting_to(tablet_at));
    eventually("the tablet hears", PATIENCE, || (!knows(&tablet, &phone)).then_some(()));
    desk.wait_in_step(&tablet, SPACE);
    for daemon in [&desk, &tablet] {
        eventually("it does not count", PATIENCE, || daemon.marking(&late).is_none().then_some(()));
        let aside = daemon.get("/v1/set-aside").expect(200).json();
        assert!(!aside["setAside"].as_array().unwrap().is_empty(), "{aside}");
        assert_eq!(aside["setAside"][0]["deviceId"], phone.device_id());
        assert_eq!(aside["setAside"][0]["reason"], "its author had been removed");
    }
    let doctor = run(&desk, &["doctor", "--json"], "");
    let told: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert!(
        told["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["what"] == "records set aside" && f["ok"] == false)
    );
    done(&run(&desk, &["unpair", phone.device_id(), "--adopt"], ""));
    for daemon in [&desk, &tablet] {
        let taken = eventually("it counts after all", PATIENCE, || daemon.marking(&late));
        assert_eq!(taken["note"], "late");
    }
}

#[test]
fn the_words_on_paper_win_against_a_thief() {
    let [desk, phone, tablet] = family();
    let words = done(&run(&desk, &["recovery", "new"], ""));
    assert_eq!(words.split_whitespace().count(), 24, "{words}");
    let again = run(&desk, &["recovery", "new"], "");
    assert_eq!(again.status.code(), Some(1), "there is one already");
    let at_tablet = || {
        let another = run(&tablet, &["recovery", "new"], "");
        (another.status.code() == Some(1)).then_some(())
    };
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    desk.wait_in_step(&tablet, SPACE);
    desk.wait_in_step(&phone, SPACE);
    eventually("the tablet keeps to the same key", PATIENCE, at_tablet);
    // The phone is stolen, and throws the others out.
    done(&run(&phone, &["unpair", "desk"], ""));
    eventually("the desk is out", PATIENCE, || (!knows(&tablet, &desk)).then_some(()));
    let wrong = run(&tablet, &["recovery", "use", "--expel", phone.device_id()], &"abandon ".repeat(24));
    assert_eq!(wrong.status.code(), Some(1));
    // It knew the phone through the desk alone, and knows neither now.
    done(&run(&tablet, &["recovery", "use", "--expel", phone.device_id()], &words));
    eventually("the thief is out, the desk is back", PATIENCE, || {
        (!knows(&tablet, &phone) && knows(&tablet, &desk)).then_some(())
    });
    done(&run(&desk, &["recovery", "use", "--expel", phone.device_id()], &words));
    let marked = guid();
    desk.pair_with(&tablet);
    App::new(3, 3).sync(&desk, &[marking(&marked)]);
    eventually("they share again", PATIENCE, || tablet.marking(&marked));
    let log = desk.log() + &tablet.log();
    let first = words.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    assert!(!log.contains(&first), "the words are in no log");
}

#[test]
fn a_device_that_leaves_destroys_what_it_kept_and_is_out() {
    let [desk, mut phone, tablet] = family();
    let marked = guid();
    App::new(3, 1).sync(&phone, &[marking(&marked)]);
    desk.wait_in_step(&phone, SPACE);
    let by_mistake = run(&phone, &["unpair", phone.device_id()], "");
    assert_eq!(by_mistake.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&by_mistake.stderr).contains("--leave"), "{by_mistake:?}");
    phone.post("/v1/leave", &json!({ "deviceId": desk.device_id() })).expect(400);
    let id = phone.device_id().to_owned();
    eventually("it is known to be elsewhere", PATIENCE, || {
        (phone.peer(&desk)?["behindBy"] == 0).then_some(())
    });
    done(&run(&phone, &["unpair", &id, "--leave"], ""));
    phone.wait_stopped();
    for daemon in [&desk, &tablet] {
        eventually("it is out", PATIENCE, || (!knows(daemon, &phone)).then_some(()));
        assert!(daemon.marking(&marked).is_some(), "what it wrote stays");
        assert_eq!(daemon.get("/v1/set-aside").json()["setAside"], json!([]));
    }
    let left: Vec<_> =
        std::fs::read_dir(phone.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "lock"), "{left:?}");
}

#[test]
fn who_is_alone_with_something_does_not_leave_unasked() {
    let mut desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let id = desk.device_id().to_owned();
    let refused = run(&desk, &["unpair", &id, "--leave"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("lost"), "{refused:?}");
    done(&run(&desk, &["unpair", &id, "--leave", "--even-if-lost"], ""));
    desk.wait_stopped();
}

#[test]
fn both_sides_of_a_pairing_see_what_was_granted() {
    let (desk, guest) = (Daemon::named("desk"), Daemon::named("guest"));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let invitation = desk.invite(&json!({ "spaces": [{ "space": SPACE, "rights": "read" }] }));
    let accepted = guest.accept(&invitation, desk.peer_address()).expect(201).json();
    assert_eq!(accepted["granted"], json!([{ "space": SPACE, "rights": ["read"] }]));
    let seen = eventually("the desk sees it", PATIENCE, || desk.peer(&guest));
    assert_eq!(seen["grants"], json!([{ "space": SPACE, "rights": ["read"] }]));
    let everything = Daemon::named("mine");
    everything.pair_with(&desk);
    assert_eq!(everything.peer(&desk).unwrap()["grants"], "everything");
}
