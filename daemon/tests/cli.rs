//! The built program: exit codes, files and signals, without anything that the engine does.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// For machines that are very busy.
const DEADLINE: Duration = Duration::from_secs(30);

fn quire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quire"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("QUIRE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    quire().args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A daemon that is killed with its owner.
struct Daemon(Child);

impl Daemon {
    fn start(folder: &Path) -> Self {
        let child = quire()
            .args(["serve", "--api", "127.0.0.1:0", "--peer", "127.0.0.1:0", "--no-discovery", "--name", "t"])
            .arg("--data-dir")
            .arg(folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut daemon = Self(child);
        let pid = daemon.0.id();
        wait(|| {
            assert!(daemon.0.try_wait().unwrap().is_none(), "the daemon has ended");
            ready(folder).is_some_and(|ready| ready["pid"] == pid)
        });
        daemon
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "not in time");
        std::thread::yield_now();
    }
}

fn ready(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join("ready.json")).ok()?).ok()
}

#[test]
fn wrong_usage_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "name = 'a'\ncolour = 'red'\n").unwrap();
    let data = path(folder.path());
    let cases: [(&[&str], &str); 7] = [
        (&[], "Usage"),
        (&["fly"], "fly"),
        (&["serve", "--api", "nowhere"], "not an address"),
        (&["serve", "--data-dir", data, "--api", "0.0.0.0:0"], "api.auth"),
        (&["serve", "--data-dir", data, "--config", path(&bad)], "bad.toml:2:1: there is no key"),
        (&["serve", "--data-dir", data, "--config", "/no/such"], "/no/such"),
        (&["pair", "--at", "a:1"], "CODE"),
    ];
    for (arguments, words) in cases {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty());
    }
    let output = quire().arg("serve").env("QUIRE_PEER", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("QUIRE_PEER"), "{}", said(&output));
}

#[test]
fn help_and_version_are_0() {
    for arguments in
        [&["--help"][..], &["--version"], &["serve", "--help"], &["pair", "-h"], &["help", "demo"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn readers_without_a_daemon_are_3() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let expect_3 = |why: &str| {
        for command in ["status", "peers", "conflicts", "pair"] {
            let output = run(&[command, "--data-dir", data]);
            assert_eq!(output.status.code(), Some(3), "{command}: {}", said(&output));
            assert!(said(&output).contains(why), "{}", said(&output));
        }
    };
    expect_3("there is no ready.json");
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let token = folder.path().join("api-token");
    std::fs::write(&token, "t").unwrap();
    let mut members = serde_json::json!({"pid": ended.id(), "version": "", "deviceId": "", "name": "",
        "api": "http://127.0.0.1:1", "peer": "", "tokenFile": token});
    std::fs::write(folder.path().join("ready.json"), members.to_string()).unwrap();
    expect_3("has ended");
    members["pid"] = std::process::id().into();
    std::fs::write(folder.path().join("ready.json"), members.to_string()).unwrap();
    expect_3("nothing listens on 127.0.0.1:1");
}

#[test]
fn a_daemon_says_when_it_is_ready_and_cleans_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start(&data);
        let ready = ready(&data).unwrap();
        let api = ready["api"].as_str().unwrap().strip_prefix("http://").unwrap();
        std::net::TcpStream::connect(api).unwrap();
        std::net::TcpStream::connect(ready["peer"].as_str().unwrap()).unwrap();
        assert_eq!(ready["tokenFile"], path(&data.join("api-token")));
        let began = Instant::now();
        daemon.signal(signal);
        assert_eq!(daemon.wait().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(!data.join("ready.json").exists());
    }
}

#[test]
fn a_second_daemon_is_refused_and_a_killed_one_is_not_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Daemon::start(&data);
    let second = run(&["serve", "--data-dir", path(&data), "--api", "127.0.0.1:0", "--peer", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains(&first.0.id().to_string()), "{}", said(&second));
    assert_eq!(ready(&data).unwrap()["pid"], first.0.id());
    first.signal(Signal::KILL);
    first.wait();
    assert!(data.join("ready.json").exists());
    let mut third = Daemon::start(&data);
    third.signal(Signal::TERM);
    assert_eq!(third.wait().code(), Some(0));
}

#[test]
fn a_taken_port_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--data-dir", path(&folder.path().join("d")), "--api", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(&address), "{}", said(&output));
}

#[test]
fn a_service_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let listener = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let child = quire()
        .args(["serve", "--api", "127.0.0.1:0", "--peer", "127.0.0.1:0", "--no-discovery", "--data-dir"])
        .arg(folder.path().join("data"))
        .env("NOTIFY_SOCKET", &socket)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut daemon = Daemon(child);
    let mut buffer = [0; 256];
    let mut next = || {
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(next(), "READY=1");
    daemon.signal(Signal::TERM);
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_bad_change_of_the_configuration_is_refused_and_the_daemon_runs_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "discovery = false\napi = '127.0.0.1:0'\npeer = '127.0.0.1:0'\n").unwrap();
    let data = folder.path().join("data");
    let child = quire()
        .args(["serve", "--config", path(&config), "--data-dir", path(&data)])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut daemon = Daemon(child);
    let log = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
    wait(|| ready(&data).is_some());
    // The watcher starts about when the daemon is ready: the change is repeated until it is seen.
    let writer = std::thread::spawn({
        let config = config.clone();
        move || {
            let began = Instant::now();
            while config.exists() && began.elapsed() < DEADLINE {
                std::fs::write(&config, "name = 7\n").unwrap();
                std::thread::park_timeout(Duration::from_secs(1));
            }
        }
    });
    let refused = log.map(Result::unwrap).find(|line| line.contains("refused"));
    assert!(refused.as_ref().is_some_and(|line| line.contains("c.toml:1:8")), "{refused:?}");
    std::fs::remove_file(&config).unwrap();
    writer.thread().unpark();
    writer.join().unwrap();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child =
        quire().args(["serve", "--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaints.as_str()), (Some(0), ""));
}

/// Answers every request of a reader with the same JSON.
fn fake_daemon(folder: &Path, answer: &'static str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ready = serde_json::json!({"pid": std::process::id(), "version": "", "deviceId": "", "name": "",
        "api": format!("http://{}", listener.local_addr().unwrap()), "peer": "",
        "tokenFile": folder.join("api-token")});
    std::fs::write(folder.join("api-token"), "secret\n").unwrap();
    std::fs::write(folder.join("ready.json"), ready.to_string()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines();
            let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let status =
                if head.contains(&"Authorization: Bearer secret".to_owned()) { "200 OK" } else { "401 No" };
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            std::io::Write::write_all(&mut &stream, text.as_bytes()).unwrap();
        }
    });
}

#[test]
fn readers_show_what_the_daemon_says_harmlessly_or_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"peers":[{"deviceId":"d1","name":"e\u001b[2Jvil","connected":true,"behindBy":0},
        {"deviceId":"d2","name":"nas","connected":false,"behindBy":12,"lastError":"refused"}]}"#;
    fake_daemon(folder.path(), answer);
    let output = run(&["peers", "--data-dir", path(folder.path())]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[1].starts_with(r"e\u{1b}[2Jvil  d1"), "{shown}");
    let column = lines[0].find("DEVICE").unwrap();
    assert_eq!((&lines[1][column..column + 2], &lines[2][column..column + 2]), ("d1", "d2"));
    let output = run(&["peers", "--json", "--data-dir", path(folder.path())]);
    let exact: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(exact, serde_json::from_str::<Value>(answer).unwrap());
}

#[test]
fn a_demo_without_an_engine_fails_with_a_reason_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let output = quire()
        .args(["demo", "--once"])
        .env("TMPDIR", temporary.path())
        .env("QUIRE_DEMO_SECOND_EXE", "/no/such/program")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("/no/such/program"), "{}", said(&output));
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
}
