//! X2 and X4: addresses that others reach, and tokens that are none.

use quire_tests::config::Config;
use quire_tests::process::{Daemon, Options, quire};
use std::os::unix::fs::PermissionsExt;

#[test]
fn x2_an_open_address_needs_app_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let open = ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"];
    for api in open {
        let mut options = Options::named("open");
        options.api = api.to_owned();
        let output = options.command(folder.path()).env_remove("QUIRE_API_AUTH").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{api}: {said}");
        assert!(said.contains("api.auth") && said.contains("required"), "{said}");
    }
    eprintln!("inputs passed: X2 {0} of {0}", open.len());
}

#[test]
fn an_open_address_asks_callers_of_other_machines_for_their_password_or_the_token() {
    let Some(address) = own_address() else {
        eprintln!("SKIPPED: this machine has no address but loopback");
        return;
    };
    let config = Config::new("[api]\nauth = 'required'\nhosts = ['books.test']\n");
    let app = config.app("reader", &[]);
    let mut options = config.options("open");
    options.api = "0.0.0.0:0".to_owned();
    let desk = Daemon::start(options);
    assert!(desk.api().ip().is_loopback(), "programs on this machine call {}", desk.api());
    let mut client = quire_tests::http::Client::new((address, desk.api().port()).into());
    let bearer = format!("Bearer {}", desk.token());
    let port = desk.api().port();
    for (host, path, header, status) in [
        ("books.test".to_owned(), "/api/nodes", app.as_str(), 200),
        (format!("books.test:{port}"), "/api/nodes", &app, 200),
        ("books.test".to_owned(), "/api/nodes", "Basic x", 401),
        ("books.test".to_owned(), "/api/bulk/2.0/syncs", &app, 200),
        ("books.test".to_owned(), "/v1/status", &app, 401),
        ("books.test".to_owned(), "/v1/status", &bearer, 200),
        ("books.test".to_owned(), "/healthz", "", 200),
        (address.to_string(), "/api/nodes", &app, 421),
        ("evil.test".to_owned(), "/api/nodes", &app, 421),
    ] {
        let headers = [("Host", host.as_str()), ("Authorization", header)];
        let answer = client.request("GET", path, &headers, None).unwrap();
        assert_eq!(answer.status, status, "{host} {path} {header:.20}: {}", answer.text());
    }
    let mut status = quire(["status", "--data-dir"]);
    assert!(status.arg(desk.data()).output().unwrap().status.success());
}

/// An address of this machine that is not loopback: the one it would call others from. No packet is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[test]
fn x4_a_token_that_is_none_is_replaced_or_refused_with_words() {
    let mut desk = Daemon::named("desk");
    let path = desk.data().join("api-token");
    desk.stop();
    let old = std::fs::read_to_string(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.restart();
    let new = std::fs::read_to_string(&path).unwrap();
    assert!(new != old && desk.log().contains("could read the API token"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    desk.stop();
    let refuse = |what: &str| {
        let output = Options::named("desk").command(&desk.data()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("api-token"), "{what}: {said}");
    };
    std::fs::write(&path, "").unwrap();
    refuse("empty");
    std::fs::write(&path, "x".repeat(1 << 20)).unwrap();
    refuse("1 MiB");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    refuse("a link");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    refuse("a folder");
    std::fs::remove_dir(&path).unwrap();
    let mut count = 5;
    if rustix::process::geteuid().is_root() {
        std::fs::write(&path, &new).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        refuse("another owner");
        count += 1;
    } else {
        eprintln!("SKIPPED x4 with another owner: only root can give a file away");
    }
    eprintln!("inputs passed: X4 {count} of {count}");
}
