//! Discovery across two hosts: real daemons in two network namespaces on one bridge.
//!
//! Wherever a remembered address could help, the port is changed first, so that only mDNS can.

use quire_tests::app::App;
use quire_tests::host::Lan;
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::json;

/// A LAN of two, or a loud word why there is none.
fn lan() -> Option<Lan> {
    match Lan::new(2) {
        Ok(lan) => Some(lan),
        Err(reason) => {
            eprintln!(
                "SKIPPED: discovery across two hosts was NOT tested, no network namespaces here: {reason}"
            );
            None
        }
    }
}

fn start(lan: &Lan, host: usize, name: &str) -> Daemon {
    let namespace = Some(lan.namespace(host));
    Daemon::start(Options { discovery: true, peer: "[::]:7471".into(), namespace, ..Options::named(name) })
}

/// Starts it again where nobody looks for it.
fn move_to(daemon: &mut Daemon, port: u16) {
    daemon.stop();
    daemon.restart_with(|options| options.peer = format!("[::]:{port}"));
}

/// A marking posted on each arrives at the other.
fn assert_in_touch(one: &Daemon, other: &Daemon) {
    for (from, to) in [(one, other), (other, one)] {
        let guid = guid();
        App::new(3, 1).sync(from, &[marking(&guid)]);
        eventually("a marking on the other host", PATIENCE, || to.marking(&guid));
    }
}

#[test]
fn the_second_host_finds_the_first() {
    let Some(lan) = lan() else { return };
    let (first, second) = (start(&lan, 0, "first"), start(&lan, 1, "second"));
    second.accept_by_code(&first.invite(&json!({}))).expect(201);
    first.wait_connected(&second);
    assert_in_touch(&first, &second);
}

#[test]
fn the_first_host_finds_the_second() {
    let Some(lan) = lan() else { return };
    let (first, second) = (start(&lan, 0, "first"), start(&lan, 1, "second"));
    first.accept_by_code(&second.invite(&json!({}))).expect(201);
    second.wait_connected(&first);
    assert_in_touch(&second, &first);
}

#[test]
fn they_find_each_other_again_after_the_interface_went_down_and_came_up() {
    let Some(lan) = lan() else { return };
    let (mut first, mut second) = (start(&lan, 0, "first"), start(&lan, 1, "second"));
    second.accept_by_code(&first.invite(&json!({}))).expect(201);
    first.wait_connected(&second);

    for host in [0, 1] {
        lan.down(host);
        lan.up(host);
        // The one that stayed must find the one that moved, and the other way round.
        move_to(&mut first, 7480 + host as u16);
        first.wait_connected(&second);
        move_to(&mut second, 7490 + host as u16);
        first.wait_connected(&second);
        assert_in_touch(&first, &second);
    }
}
