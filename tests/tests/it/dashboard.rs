//! The API token while it changes, and the way of a browser to the dashboard.

use quire_tests::http::Response;
use quire_tests::process::{Daemon, quire};
use serde_json::json;
use std::process::Output;

fn run(desk: &Daemon, arguments: &[&str]) -> Output {
    let mut command = quire(arguments.iter().copied());
    command.arg("--data-dir").arg(desk.data()).output().unwrap()
}

fn shown(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

/// Follows a link that `quire open` printed, and gives the answer.
fn follow(desk: &Daemon, link: &str, headers: &[(&str, &str)]) -> Response {
    let path = link.strip_prefix(&format!("http://{}", desk.api())).unwrap();
    desk.anonymous("GET", path, headers, None)
}

fn cookie(answer: &Response) -> String {
    let set = answer.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn a_rotated_token_counts_at_once_with_a_daemon_and_without() {
    let mut desk = Daemon::named("desk");
    let old = format!("Bearer {}", desk.token());
    let status = |desk: &Daemon, header: &str| {
        desk.anonymous("GET", "/v1/status", &[("Authorization", header)], None).status
    };
    let new = |desk: &Daemon| {
        format!("Bearer {}", std::fs::read_to_string(desk.data().join("api-token")).unwrap().trim())
    };
    assert_eq!(status(&desk, &old), 200);
    let said = shown(&run(&desk, &["token", "rotate"]));
    let second = new(&desk);
    assert!(second != old && !said.contains(&second[7..]), "{said}");
    assert_eq!((status(&desk, &old), status(&desk, &second)), (401, 200));
    assert_eq!(shown(&run(&desk, &["status", "--json"])).chars().next(), Some('{'));

    desk.stop();
    shown(&run(&desk, &["token", "rotate"]));
    let third = new(&desk);
    desk.restart();
    assert_eq!((status(&desk, &second), status(&desk, &third)), (401, 200));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(desk.data().join("api-token")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let nowhere = quire(["token", "rotate", "--data-dir", "/nonexistent/quire"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}

#[test]
fn a_link_lets_one_browser_in_once() {
    let desk = Daemon::named("desk");
    let link = shown(&run(&desk, &["open", "--print"]));
    let answer = follow(&desk, &link, &[("Sec-Fetch-Site", "none")]).expect(303);
    assert_eq!(answer.header("location"), Some("/"));
    let cookie = cookie(&answer);
    assert_eq!(follow(&desk, &link, &[]).status, 404, "once");
    assert_eq!(follow(&desk, &format!("{}0", &link[..link.len() - 1]), &[]).status, 404);

    let ask = |method: &str, path: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("Cookie", cookie.as_str())];
        headers.extend_from_slice(more);
        desk.anonymous(method, path, &headers, (method != "GET").then_some(b"".as_slice()))
    };
    let page = ask("GET", "/", &[("Sec-Fetch-Site", "none")]).expect(200);
    assert!(page.text().contains("<title>Quire</title>"));
    let policy = page.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    for part in ["/dashboard.js", "/dashboard.css"] {
        ask("GET", part, &[("Sec-Fetch-Site", "same-origin")]).expect(200);
    }
    for read in ["/v1/status", "/v1/peers", "/v1/conflicts"] {
        ask("GET", read, &[("Sec-Fetch-Site", "same-origin")]).expect(200);
    }
    let own = format!("http://{}", desk.api());
    let same = ("Sec-Fetch-Site", "same-origin");
    assert_eq!(ask("POST", "/v1/sync", &[same, ("Origin", &own)]).status, 202);
    // Neither header says where it came from: what changes something is not done.
    assert_eq!(ask("POST", "/v1/sync", &[]).status, 401);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
    ] {
        for (method, path) in [("GET", "/"), ("GET", "/v1/status"), ("POST", "/v1/sync")] {
            assert_eq!(ask(method, path, &[(name, value)]).status, 403, "{method} {path} {name} {value}");
        }
    }
    let localhost = format!("localhost:{}", desk.api().port());
    let elsewhere = ask("GET", "/v1/status", &[("Host", &localhost)]);
    assert_eq!(elsewhere.status, 401, "another name of this machine may be another server's");
    assert_eq!(desk.anonymous("GET", "/", &[], None).status, 401);

    shown(&run(&desk, &["token", "rotate"]));
    assert_eq!(ask("GET", "/v1/status", &[]).status, 401, "the token that let it in is gone");
}

#[test]
fn a_session_ends_with_the_daemon() {
    let mut desk = Daemon::named("desk");
    let cookie = cookie(&follow(&desk, &shown(&run(&desk, &["open", "--print"])), &[]).expect(303));
    let left = shown(&run(&desk, &["open", "--json"]));
    let left: serde_json::Value = serde_json::from_str(&left).unwrap();
    assert_eq!(left["expiresInSeconds"], json!(60));
    let status = |desk: &Daemon| desk.anonymous("GET", "/v1/status", &[("Cookie", &cookie)], None).status;
    assert_eq!(status(&desk), 200);
    desk.stop();
    desk.restart();
    assert_eq!(status(&desk), 401);
    assert_eq!(follow(&desk, left["url"].as_str().unwrap(), &[]).status, 404);
    assert_eq!(run(&desk, &["open", "--print"]).status.code(), Some(0));
    desk.stop();
    assert_eq!(run(&desk, &["open", "--print"]).status.code(), Some(3));
}

#[test]
fn without_a_browser_the_link_is_printed() {
    let desk = Daemon::named("desk");
    let mut command = quire(["open", "--data-dir"]);
    let output = command.arg(desk.data()).env("PATH", "/nonexistent").output().unwrap();
    let link = shown(&output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("works once"));
    follow(&desk, &link, &[]).expect(303);
}
