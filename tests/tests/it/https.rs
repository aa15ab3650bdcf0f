//! HTTPS beside HTTP: the certificate that is made here, the names it is for, and the same door behind it.

use quire_tests::config::Config;
use quire_tests::process::{Daemon, quire};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// Where HTTPS is, and the certificate, as `quire status` says.
fn told(desk: &Daemon) -> (u16, String) {
    let output = quire(["status", "--json", "--data-dir"]).arg(desk.data()).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let port = status["tls"]["api"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    (port, status["tls"]["certificate"].as_str().unwrap().to_owned())
}

/// A client of others; none where there is no curl.
fn curl(certificate: &str, port: u16, name: &str, path: &str, more: &[&str]) -> Option<Output> {
    let url = format!("https://{name}:{port}{path}");
    let resolve = format!("{name}:{port}:127.0.0.1");
    let mut command = Command::new("curl");
    command
        .args(["-s", "-i", "--max-time", "20", "--cacert", certificate, "--resolve", &resolve, &url])
        .args(more);
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED: HTTPS was NOT tried: no curl: {error}");
            None
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn https_is_served_with_a_certificate_for_the_configured_names() {
    let config = Config::new("[api]\ntls = '127.0.0.1:0'\nhosts = ['books.test']\n");
    let mut desk = Daemon::start(config.options("desk"));
    let (port, certificate) = told(&desk);
    for name in ["localhost", "127.0.0.1", "books.test"] {
        let Some(output) = curl(&certificate, port, name, "/api/none", &[]) else { return };
        let answer = text(&output);
        assert!(
            answer.starts_with("HTTP/1.1 404"),
            "{name}: {answer} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(answer.contains(&format!("https://{name}:{port}/api/none")), "{answer}");
    }
    let get = |name: &str, more: &[&str]| text(&curl(&certificate, port, name, "/api/nodes", more).unwrap());
    assert!(
        !curl(&certificate, port, "evil.test", "/", &[]).unwrap().status.success(),
        "no name of the certificate"
    );
    assert!(
        !curl("/etc/hostname", port, "localhost", "/", &[]).unwrap().status.success(),
        "nobody else vouches for it"
    );
    assert!(get("localhost", &["-k", "-H", "Host: evil.test"]).starts_with("HTTP/1.1 421"));
    let own = format!("Origin: https://localhost:{port}");
    assert!(get("localhost", &["-H", &own]).starts_with("HTTP/1.1 200"));
    for foreign in [
        format!("Origin: http://localhost:{port}"),
        "Origin: https://evil.test".into(),
        "Origin: null".into(),
    ] {
        assert!(get("localhost", &["-H", &foreign]).starts_with("HTTP/1.1 403"), "{foreign}");
    }
    let made = ["-H", "Content-Type: application/json", "-d", "{\"type\":\"truck\",\"id\":\"1\"}"];
    let answer = get("books.test", &made);
    assert!(
        answer.to_ascii_lowercase().contains(&format!("location: https://books.test:{port}/")),
        "{answer}"
    );
    assert!(
        text(&curl(&certificate, port, "localhost", "/v1/status", &[]).unwrap()).starts_with("HTTP/1.1 401")
    );

    let key = std::path::Path::new(&certificate).with_file_name("key.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&certificate).unwrap();
    desk.stop();
    desk.restart();
    assert_eq!(std::fs::read(&certificate).unwrap(), before, "it is made once");
    let (port, _) = told(&desk);
    std::fs::write(config.path(), "[api]\ntls = '127.0.0.1:0'\nhosts = ['books.test', 'more.test']\n")
        .unwrap();
    eventually("a certificate for the new name", PATIENCE, || {
        let answer = curl(&certificate, port, "more.test", "/healthz", &[]).unwrap();
        text(&answer).starts_with("HTTP/1.1 200").then_some(())
    });
    assert_ne!(std::fs::read(&certificate).unwrap(), before);
}

#[test]
fn an_open_address_for_https_needs_app_passwords_too() {
    let config = Config::new("[api]\ntls = '0.0.0.0:0'\n");
    let folder = tempfile::tempdir().unwrap();
    let output = config.options("open").command(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("required"), "{said}");
}
