//! What was acknowledged is on disk, whatever happens to the process.

use quire_tests::app::{App, marking_in, success};
use quire_tests::http::Client;
use quire_tests::process::{Daemon, Options, SYNCHRONIZE, quire};
use quire_tests::sample::{With, guid, marking};
use quire_tests::seed::{next, seed};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Kills of the long test.
const KILLS: usize = 50;

/// The long test is to stay below this.
const KILLS_DEADLINE: Duration = Duration::from_secs(90);

/// What writers were told is safe.
#[derive(Default)]
struct Ledger {
    added: BTreeSet<String>,
    edits: u64,
}

#[test]
fn fifty_kills_during_a_stream_of_writes_lose_no_acknowledged_one() {
    let seed = seed();
    eprintln!("QUIRE_SEED={seed}");
    let start = Instant::now();
    let mut random = seed;
    let mut desk = Daemon::named("desk");
    let edited = guid();
    App::new(3, 1).sync(&desk, &[marking(&edited).with("color", "0")]);
    let ledger = Mutex::new(Ledger::default());
    for round in 0..KILLS {
        let target = total(&ledger) + 1 + next(&mut random) % 12;
        std::thread::scope(|scope| {
            scope.spawn(writer(&desk, |client| add(client, &ledger)));
            scope.spawn(writer(&desk, |client| add(client, &ledger)));
            scope.spawn(writer(&desk, |client| edit(client, &edited, &ledger)));
            eventually("some acknowledged writes", PATIENCE, || (total(&ledger) >= target).then_some(()));
            desk.send_kill();
        });
        desk.kill9();
        desk.restart();
        check(&desk, &edited, &ledger.lock().unwrap(), round);
    }
    let ledger = ledger.into_inner().unwrap();
    eprintln!("{KILLS} kills, {} added, {} edits, none lost", ledger.added.len(), ledger.edits);
    assert!(start.elapsed() < KILLS_DEADLINE, "it took {:?}", start.elapsed());
}

#[test]
fn sigterm_during_a_stream_of_writes_loses_no_acknowledged_one() {
    let mut desk = Daemon::named("desk");
    let edited = guid();
    App::new(3, 1).sync(&desk, &[marking(&edited).with("color", "0")]);
    let ledger = Mutex::new(Ledger::default());
    std::thread::scope(|scope| {
        scope.spawn(writer(&desk, |client| add(client, &ledger)));
        scope.spawn(writer(&desk, |client| edit(client, &edited, &ledger)));
        eventually("some acknowledged writes", PATIENCE, || (total(&ledger) >= 20).then_some(()));
        desk.send_term();
    });
    desk.wait_stopped();
    desk.restart();
    check(&desk, &edited, &ledger.lock().unwrap(), 0);
}

#[test]
fn sigterm_ends_with_0_within_five_seconds_and_removes_the_ready_file() {
    let mut desk = Daemon::named("desk");
    // Open connections and an open stream must not hold it up.
    let _events = desk.events(None);
    let mut idle = desk.client();
    idle.request("GET", "/healthz", &[], None).expect("an answer");
    desk.stop();
    desk.restart();
    desk.get("/v1/status").expect(200);
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused() {
    let desk = Daemon::named("desk");
    let output = Options::named("intruder").command(&desk.data()).output().expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&desk.pid().to_string()), "it names who holds the folder: {words}");
    desk.get("/v1/status").expect(200);
    assert!(desk.data().join("ready.json").exists(), "the refused one left the other's ready file");
}

#[test]
fn a_lock_left_behind_by_a_kill_is_no_hindrance() {
    let mut desk = Daemon::named("desk");
    let device = desk.device_id().to_owned();
    desk.kill9();
    desk.restart();
    assert_eq!(desk.device_id(), device, "still the same device");
}

#[test]
fn readers_say_3_when_no_daemon_is_running() {
    let mut desk = Daemon::named("desk");
    let folder = desk.data();
    let status = |folder: &std::path::Path| {
        quire(["status", "--json", "--data-dir"]).arg(folder).output().expect("the program runs")
    };
    let running = status(&folder);
    assert_eq!(running.status.code(), Some(0), "{}", String::from_utf8_lossy(&running.stderr));
    serde_json::from_slice::<Value>(&running.stdout).expect("JSON for scripts");
    desk.stop();
    assert_eq!(status(&folder).status.code(), Some(3));
    desk.restart();
    desk.kill9();
    assert_eq!(status(&folder).status.code(), Some(3));
}

/// Repeats `write` until the daemon is gone.
fn writer(desk: &Daemon, write: impl Fn(&mut Client) -> Option<()> + Send) -> impl FnOnce() + Send {
    let mut client = desk.client();
    move || while write(&mut client).is_some() {}
}

/// Adds a marking and, once that is acknowledged, notes it.
fn add(client: &mut Client, ledger: &Mutex<Ledger>) -> Option<()> {
    let guid = guid();
    post(client, &App::new(3, 2).request(&[marking(&guid).with("note", guid.as_str())]))?;
    ledger.lock().unwrap().added.insert(guid);
    Some(())
}

/// Edits one marking over and over, as an app that never takes an answer's cursor.
fn edit(client: &mut Client, guid: &str, ledger: &Mutex<Ledger>) -> Option<()> {
    let number = ledger.lock().unwrap().edits + 1;
    post(client, &App::new(3, 1).request(&[marking(guid).with("color", number.to_string())]))?;
    ledger.lock().unwrap().edits = number;
    Some(())
}

/// `None` when the daemon went away before it had answered.
fn post(client: &mut Client, request: &Value) -> Option<()> {
    let headers = [("Content-Type", "application/json")];
    let answer = client.request("POST", SYNCHRONIZE, &headers, Some(request.to_string().as_bytes())).ok()?;
    if answer.status == 503 {
        return None;
    }
    success(answer.expect(200).json());
    Some(())
}

fn check(desk: &Daemon, edited: &str, ledger: &Ledger, round: usize) {
    let everything = quire_tests::app::everything(desk, 3);
    for guid in &ledger.added {
        let found = marking_in(&everything, guid);
        assert_eq!(found.map(|marking| &marking["note"]), Some(&Value::from(guid.as_str())), "round {round}");
    }
    let color = marking_in(&everything, edited).expect("the edited one")["color"].clone();
    // One edit may have been taken without its answer having arrived.
    let possible = [ledger.edits, ledger.edits + 1].map(|number| Value::from(number.to_string()));
    assert!(possible.contains(&color), "round {round}: {color} is none of {possible:?}");
}

fn total(ledger: &Mutex<Ledger>) -> u64 {
    let ledger = ledger.lock().unwrap();
    ledger.added.len() as u64 + ledger.edits
}
