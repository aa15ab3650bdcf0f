//! H7 and X3: processes of another user.

use super::Victim;
use quire_tests::process::{Options, SYNCHRONIZE};
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::json;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// Somebody who is neither us nor root.
const NOBODY: &str = "65534";

/// The system's: one that lies in somebody's home is not for everybody.
const PYTHON: &str = "/usr/bin/python3";

/// Connects to a port, sends what is on stdin, and then reads, closes at once, or closes its sending side first.
const CLIENT: &str = "
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.sendall(sys.stdin.buffer.read())
if sys.argv[2] == 'close': s.close(); sys.exit()
if sys.argv[2] == 'shutdown': s.shutdown(socket.SHUT_WR)
while True:
    part = s.recv(65536)
    if not part: break
    sys.stdout.buffer.write(part)
";

/// Listens on a port until its stdin ends.
const LISTENER: &str = "
import socket, sys
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
print(s.getsockname()[1], flush=True)
sys.stdin.read()
";

/// A Python program as another user; none where this user may not, or there is no Python.
fn as_nobody(script: &str, arguments: &[&str]) -> Option<Child> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be another user");
        return None;
    }
    if !std::path::Path::new(PYTHON).exists() {
        eprintln!("SKIPPED: there is no {PYTHON}");
        return None;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", PYTHON, "-c", script])
        .args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn();
    if let Err(error) = &child {
        eprintln!("SKIPPED: no setpriv: {error}");
    }
    child.ok()
}

#[test]
fn h7_another_users_process_gets_403_however_it_leaves() {
    let victim = Victim::new();
    let port = victim.desk.api().port().to_string();
    let body = json!({ "Account": { "AccountId": 3 }, "Markings": [marking(&guid())] }).to_string();
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let write = victim.head(&format!("POST {SYNCHRONIZE} HTTP/1.1"), &length) + &body;
    let read = victim.head("GET /v1/status HTTP/1.1", "");
    let mut count = 0;
    for request in [&write, &read] {
        for way in ["stay", "shutdown", "close"] {
            let Some(mut child) = as_nobody(CLIENT, &[&port, way]) else { return };
            child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let answer = String::from_utf8_lossy(&output.stdout);
            assert!(way == "close" || answer.starts_with("HTTP/1.1 403"), "{way}: {answer}");
            count += 1;
        }
    }
    // Closing at once may come before or after the accept; many times, so that both happen.
    for _ in 0..20 {
        let Some(mut child) = as_nobody(CLIENT, &[&port, "close"]) else { return };
        child.stdin.take().unwrap().write_all(write.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        count += 1;
    }
    victim.done("H7", count);
}

#[test]
fn x3_who_holds_the_port_is_named() {
    let Some(mut child) = as_nobody(LISTENER, &[]) else { return };
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut port)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::named("late");
    options.api = format!("127.0.0.1:{}", port.trim());
    let output = options.command(&folder.path().join("data")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("process {} of user {NOBODY}", child.id())), "{said}");
    assert!(!folder.path().join("data").join("ready.json").exists());
    drop(child.stdin.take());
    eventually("the listener to end", PATIENCE, || child.try_wait().unwrap());
    eprintln!("inputs passed: X3 1 of 1");
}
