//! Disks that are full, files that must not grow, and the end under load (S2, S11, S12).

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options, SYNCHRONIZE, binary};
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk in memory; it goes with this.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
            .arg(at)
            .output();
        done.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// Some 70 KB of random text: nothing makes it smaller than half.
fn large() -> String {
    (0..2000).map(|_| uuid::Uuid::new_v4().to_string()).collect()
}

/// Sends markings until one is refused; gives those that were taken, and the refusal's status.
fn fill(desk: &Daemon) -> (Vec<String>, u16, String) {
    let mut taken = Vec::new();
    for _ in 0..10_000 {
        let guid = guid();
        let request =
            App::new(3, 1).request(&[marking(&guid).with("selectionOuterHtml", large())]).to_string();
        let headers = [("Content-Type", "application/json")];
        let answer = desk.anonymous("POST", SYNCHRONIZE, &headers, Some(request.as_bytes()));
        if answer.status != 200 {
            return (taken, answer.status, answer.text());
        }
        taken.push(guid);
    }
    panic!("the disk is never full");
}

fn check(desk: &Daemon, taken: &[String]) {
    // A store that failed is opened again first, which takes a moment.
    let reads = || desk.get(&format!("/v1/markings/{}", taken[0])).status != 503;
    eventually("reads to go on", PATIENCE, || reads().then_some(()));
    for guid in taken {
        assert!(desk.marking(guid).is_some(), "{guid} was acknowledged");
    }
}

#[test]
fn a_full_disk_refuses_writes_goes_on_reading_and_recovers_by_itself() {
    for encrypt in ["false", "true"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(_disk) = Disk::mount(&folder.path().join("data"), "3m") else {
            eprintln!("SKIPPED: a full disk was NOT tested, this user may not mount one");
            return;
        };
        let room = folder.path().join("data").join("ballast");
        std::fs::write(&room, vec![1; 512 * 1024]).unwrap();
        let variables = [("QUIRE_ENCRYPT", encrypt), ("QUIRE_ENCRYPT_KEY", "file")];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let options = Options::named("desk").with_environment(variables.iter().map(own).collect());
        let mut desk = Daemon::start_in(options, folder);
        let (taken, status, body) = fill(&desk);
        assert!([507, 503].contains(&status), "{status}: {body}");
        assert!(body.contains("Message"), "in the shape's form: {body}");
        assert!(!body.contains("/"), "apps are not told where things are: {body}");
        eprintln!("encrypt = {encrypt}: {} taken, then {status}", taken.len());
        check(&desk, &taken);
        // Room again: without anybody's help.
        std::fs::remove_file(&room).unwrap();
        eventually("the store to be usable", PATIENCE, || (desk.get("/readyz").status == 200).then_some(()));
        let later = guid();
        App::new(3, 2).sync(&desk, &[marking(&later)]);
        check(&desk, &taken);
        desk.kill9();
        desk.restart();
        check(&desk, &taken);
        check(&desk, &[later]);
        drop(desk);
    }
    eprintln!("inputs passed: full disks 2 of 2");
}

/// S11: RLIMIT_FSIZE sends SIGXFSZ, which ends who does not expect it.
#[test]
fn a_file_that_must_not_grow_is_an_error_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    // In the shell's own unit: 1,024 bytes.
    let script = format!("ulimit -f 2300; exec {} \"$@\"", binary().display());
    let data = folder.path().join("data");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "quire", "serve", "--api", "127.0.0.1:0", "--peer", "127.0.0.1:0"]);
    command.args(["--no-discovery", "--data-dir"]).arg(&data);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let ready = eventually("the daemon to be ready", PATIENCE, || {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::fs::read(data.join("ready.json")).ok()
    });
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    let api = ready["api"].as_str().unwrap().trim_start_matches("http://").parse().unwrap();
    let mut client = quire_tests::http::Client::new(api);
    let headers = [("Content-Type", "application/json")];
    let mut taken = 0;
    let status = loop {
        let request =
            App::new(3, 1).request(&[marking(&guid()).with("selectionOuterHtml", large())]).to_string();
        let answer =
            client.request("POST", SYNCHRONIZE, &headers, Some(request.as_bytes())).expect("an answer");
        if answer.status != 200 {
            break answer.status;
        }
        taken += 1;
        assert!(taken < 10_000, "the limit never came");
    };
    eprintln!("{taken} taken, then {status}");
    assert!([507, 503].contains(&status), "{status}");
    assert_eq!(client.request("GET", "/healthz", &[], None).unwrap().status, 200);
    assert!(child.try_wait().unwrap().is_none(), "it lives");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// S12: a second SIGTERM ends it at once; what was acknowledged is there either way.
#[test]
fn two_sigterms_under_load_lose_no_acknowledged_write() {
    let mut desk = Daemon::named("desk");
    let mut taken = Vec::new();
    for _ in 0..5 {
        let written = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for application in 1..=2 {
                let (mut client, written) = (desk.client(), &written);
                scope.spawn(move || {
                    let headers = [("Content-Type", "application/json")];
                    loop {
                        let guid = guid();
                        let request = App::new(3, application).request(&[marking(&guid)]).to_string();
                        match client.request("POST", SYNCHRONIZE, &headers, Some(request.as_bytes())) {
                            Ok(answer) if answer.status == 200 => written.lock().unwrap().push(guid),
                            _ => return,
                        }
                    }
                });
            }
            eventually("some writes", PATIENCE, || (written.lock().unwrap().len() > 10).then_some(()));
            desk.send_term();
            desk.send_term();
        });
        eventually("its end", quire_tests::process::STOP_DEADLINE, || (!desk.is_running()).then_some(()));
        taken.append(&mut written.into_inner().unwrap());
        desk.restart();
        check(&desk, &taken);
    }
    eprintln!("5 times two signals, {} acknowledged, none lost", taken.len());
}

/// S5: what a refused store says to do brings everything back that other devices have.
#[test]
fn a_damaged_store_is_refused_and_what_it_says_to_do_heals() {
    let (mut desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    let (early, late) = (guid(), guid());
    let space = "account:3";
    App::new(3, 1).sync(&desk, &[marking(&early)]);
    let base = tempfile::tempdir().unwrap();
    let (passphrase, backup) = (base.path().join("passphrase"), base.path().join("backup"));
    std::fs::write(&passphrase, "a passphrase of a test").unwrap();
    let data = desk.data();
    let run = |what: &str, more: &[&str]| {
        let mut quire = quire_tests::process::quire([what, "--passphrase-file"]);
        let done = quire.arg(&passphrase).arg("--data-dir").arg(&data).args(more).arg(&backup).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run("backup", &[]);
    App::new(3, 2).sync(&desk, &[marking(&late)]);
    desk.wait_in_step(&phone, space);
    desk.stop();
    let store = desk.data().join("quire.redb");
    let mut bytes = std::fs::read(&store).unwrap();
    // All but the page that says what kind of file it is.
    bytes[4096..].iter_mut().for_each(|byte| *byte ^= 0x10);
    let spoil = || std::fs::write(&store, &bytes).unwrap();
    spoil();
    let refused = Options::named("desk").command(&desk.data()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("quire restore --replace") && said.contains("pair again"), "{said}");

    run("restore", &["--replace"]);
    desk.restart();
    desk.wait_in_step(&phone, space);
    check(&desk, &[early.clone(), late.clone()]);

    desk.stop();
    spoil();
    std::fs::rename(&store, base.path().join("moved")).unwrap();
    desk.restart();
    assert!(desk.marking(&early).is_none(), "a new store, of a new device");
    desk.pair_with(&phone);
    desk.wait_in_step(&phone, space);
    check(&desk, &[early, late]);
}
