//! `quire demo --once`: the main job on one machine, as a newcomer runs it.

use quire_tests::clock::FakeClock;
use quire_tests::host::Lan;
use quire_tests::process::{binary, quire};
use quire_tests::wait::eventually;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The demo waits for several things, each with its own deadline; this is more than all of them.
const DEADLINE: Duration = Duration::from_secs(150);

#[test]
fn the_demo_holds() {
    run(quire(["demo", "--once"]));
}

#[test]
fn the_demo_holds_with_the_second_daemons_clock_two_years_back() {
    let Some(clock) = FakeClock::new() else { return };
    clock.set("-730d");
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("quire-two-years-back");
    write_wrapper(&wrapper, &clock.environment());
    let mut demo = quire(["demo", "--once"]);
    demo.env("QUIRE_DEMO_SECOND_EXE", &wrapper);
    run(demo);
    assert!(
        folder.path().join("quire-two-years-back.used").exists(),
        "the demo never started the second one so"
    );
}

#[test]
fn the_demo_holds_where_multicast_is_missing() {
    let lan = match Lan::new(1) {
        Ok(lan) => lan,
        Err(reason) => return eprintln!("SKIPPED: no network namespaces on this machine: {reason}"),
    };
    // A cable that is not plugged in: what is left is loopback, without a route for multicast.
    lan.down(0);
    let mut demo = Command::new("nsenter");
    demo.arg(format!("--net=/run/netns/{}", lan.namespace(0))).arg(binary()).args(["demo", "--once"]);
    run(demo);
}

/// Runs a demo to its end and shows what it said when it fails.
fn run(mut demo: Command) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    let output = std::fs::File::create(&path).unwrap();
    demo.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    // Its data folders go there, so that what it leaves behind is seen.
    demo.env("TMPDIR", folder.path());
    let mut child = demo.spawn().expect("the demo starts");
    let said = || std::fs::read_to_string(&path).unwrap_or_default();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("the end of the demo", DEADLINE, || child.try_wait().unwrap())
    }));
    let status = outcome.unwrap_or_else(|_| {
        // SIGTERM, so that it ends its own children.
        let pid = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        panic!("the demo did not end within {DEADLINE:?}; it said:\n{}", said())
    });
    assert_eq!(status.code(), Some(0), "the demo ended with {status}; it said:\n{}", said());
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["output"], "the demo left folders behind");
}

/// A program that starts the real one under other environment variables, and leaves a sign that it was used.
fn write_wrapper(path: &Path, environment: &[(String, String)]) {
    let mut script = String::from("#!/bin/sh\n: > \"$0.used\"\n");
    for (name, value) in environment {
        script += &format!("export {name}='{value}'\n");
    }
    script += &format!("exec '{}' \"$@\"\n", binary().display());
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
