//! Whatever arrives gets a clear answer in the shape's own form, and nothing that was stored changes.

use quire_tests::app::App;
use quire_tests::http::{Response, raw, status_of};
use quire_tests::process::{Daemon, SYNCHRONIZE};
use quire_tests::sample::{self, guid, marking};
use serde_json::Value;
use std::time::Duration;

/// A body far over every limit.
const HUGE: usize = 200 << 20;

/// Nesting far over every limit.
const DEEP: usize = 10_000;

/// How long the other side may take to end a connection on which nonsense came.
const CLOSING: Duration = Duration::from_secs(20);

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A daemon with something to lose, and a way to see that it was not lost.
struct Victim {
    daemon: Daemon,
    guid: String,
    before: (Option<Value>, Vec<Value>, Vec<Value>),
}

impl Victim {
    fn new() -> Self {
        let daemon = Daemon::named("victim");
        let guid = guid();
        App::new(3, 1).sync(&daemon, &[marking(&guid), marking(&sample::guid())]);
        let before = state(&daemon);
        Self { daemon, guid, before }
    }

    /// Routes that take a JSON body.
    fn writing(&self) -> Vec<(&'static str, String)> {
        vec![
            ("POST", SYNCHRONIZE.to_owned()),
            ("PATCH", format!("/v1/markings/{}", self.guid)),
            ("POST", "/v1/conflicts/none/resolve".to_owned()),
            ("POST", "/v1/pairing/invitations".to_owned()),
            ("POST", "/v1/pairing/accept".to_owned()),
        ]
    }

    /// Every route built so far.
    fn all(&self) -> Vec<(&'static str, String)> {
        let reading = [
            "/v1/status",
            "/v1/spaces",
            "/v1/spaces/account:3/clock",
            "/v1/markings?account=3",
            "/v1/conflicts",
            "/v1/peers",
            "/v1/events",
            "/healthz",
            "/readyz",
        ];
        let one = format!("/v1/markings/{}", self.guid);
        let mut all = self.writing();
        all.extend(reading.map(|target| ("GET", target.to_owned())));
        all.extend([("GET", one.clone()), ("DELETE", one), ("DELETE", "/v1/peers/none".to_owned())]);
        all
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let body = (method != "GET").then_some(body);
        self.daemon.request(method, target, headers, body)
    }

    /// Checks the status and form of a refusal, and that the store is as it was.
    fn assert_refused(&self, what: &str, target: &str, answer: &Response, allowed: &[u16]) {
        let shown = format!("{what} to {target}: {} {}", answer.status, answer.text());
        assert!(allowed.contains(&answer.status), "{shown}");
        if target.starts_with("/v1") {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{shown}");
            assert_eq!(answer.json()["status"], answer.status, "{shown}");
        } else if target.starts_with("/api") {
            assert!(answer.json()["Message"].is_string(), "{shown}");
        }
        self.assert_unchanged(what);
    }

    fn assert_unchanged(&self, what: &str) {
        assert_eq!(state(&self.daemon), self.before, "{what} changed the store");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.daemon.is_running(), "the daemon ended");
        }
    }
}

fn state(daemon: &Daemon) -> (Option<Value>, Vec<Value>, Vec<Value>) {
    (daemon.clock("account:3"), daemon.markings(3), daemon.peers())
}

/// Answers to a body that is no JSON or of the wrong form. An unknown conflict may be noticed first.
fn refusals(target: &str) -> &'static [u16] {
    if target.starts_with("/v1/conflicts") { &[400, 404, 422] } else { &[400, 422] }
}

#[test]
fn bodies_that_are_no_json_are_refused() {
    let victim = Victim::new();
    let bodies: [(&str, &[u8]); 6] = [
        ("truncated JSON", b"{\"Markings\":[{\"syncGuid\":\"538b23c8-1b20"),
        ("a truncated object", b"{"),
        (
            "invalid UTF-8",
            b"{\"color\":\"\xff\xfe\",\"code\":\"\xff\",\"value\":\"\xff\",\"spaces\":\"\xff\"}",
        ),
        ("an overlong encoding", b"{\"color\":\"\xc0\xaf\",\"code\":\"\xc0\xaf\",\"value\":\"\xc0\xaf\"}"),
        ("words", b"hello"),
        ("a number beyond all", b"{\"color\":1e400,\"AccountApplicationId\":1e400}"),
    ];
    for (method, target) in victim.writing() {
        for (what, body) in bodies {
            let answer = victim.send(method, &target, &[JSON], body);
            victim.assert_refused(what, &target, &answer, refusals(&target));
        }
    }
}

#[test]
fn bodies_of_the_wrong_type_are_refused() {
    let victim = Victim::new();
    let everywhere = ["[]", "\"text\"", "5", "true", "[{}]"];
    for (method, target) in victim.writing() {
        for body in everywhere {
            let answer = victim.send(method, &target, &[JSON], body.as_bytes());
            victim.assert_refused(body, &target, &answer, refusals(&target));
        }
    }
    let member_wise = [
        (SYNCHRONIZE.to_owned(), "POST", r#"{"Markings":5}"#),
        (SYNCHRONIZE.to_owned(), "POST", r#"{"Markings":{"0":{}}}"#),
        (SYNCHRONIZE.to_owned(), "POST", r#"{"AccountApplicationId":[]}"#),
        (SYNCHRONIZE.to_owned(), "POST", r#"{"Account":{"AccountId":3},"LastSyncTimestamp":"yesterday"}"#),
        (SYNCHRONIZE.to_owned(), "POST", r#"{"Account":{"AccountId":3},"LastSyncTimestamp":5}"#),
        (format!("/v1/markings/{}", victim.guid), "PATCH", r#"{"CharIndexStart":"here"}"#),
        (format!("/v1/markings/{}", victim.guid), "PATCH", r#"{"color":{"deep":1}}"#),
        ("/v1/pairing/accept".to_owned(), "POST", r#"{"code":5}"#),
        ("/v1/pairing/accept".to_owned(), "POST", r#"{"code":"x","address":[]}"#),
        ("/v1/pairing/invitations".to_owned(), "POST", r#"{"spaces":"all"}"#),
    ];
    for (target, method, body) in member_wise {
        let answer = victim.send(method, &target, &[JSON], body.as_bytes());
        victim.assert_refused(body, &target, &answer, refusals(&target));
    }
}

#[test]
fn a_body_of_200_megabytes_is_refused() {
    let victim = Victim::new();
    let body = vec![b' '; HUGE];
    for (method, target) in victim.writing() {
        let answer = victim.send(method, &target, &[JSON], &body);
        victim.assert_refused("200 MB", &target, &answer, &[413]);
    }
}

#[test]
fn ten_thousand_levels_are_refused() {
    let victim = Victim::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = format!("{}1{}", open.repeat(DEEP), close.repeat(DEEP));
        let unclosed = open.repeat(DEEP);
        for (method, target) in victim.writing() {
            for body in [
                &nested,
                &unclosed,
                &format!("{{\"Markings\":{nested},\"value\":{nested},\"code\":{nested}}}"),
            ] {
                let answer = victim.send(method, &target, &[JSON], body.as_bytes());
                victim.assert_refused("10,000 levels", &target, &answer, refusals(&target));
            }
        }
    }
}

#[test]
fn unknown_members_change_nothing() {
    let victim = Victim::new();
    let known = marking(&victim.guid);
    let mut request = App::new(3, 1).request(&[known]);
    request["surprise"] = serde_json::json!({ "deep": [1, { "x": null }] });
    request["Markings"][0]["surprise"] = "text".into();
    victim.daemon.synchronize(&request);
    victim.assert_unchanged("an unknown member of a synchronization");

    let target = format!("/v1/markings/{}", victim.guid);
    let answer = victim.send("PATCH", &target, &[JSON], br#"{"surprise":1}"#);
    assert!(matches!(answer.status, 200 | 204 | 400 | 422), "{}: {}", answer.status, answer.text());
    victim.assert_unchanged("an unknown member of a patch");

    let answer = victim.send("POST", "/v1/pairing/accept", &[JSON], br#"{"surprise":1}"#);
    victim.assert_refused("a body without a code", "/v1/pairing/accept", &answer, &[400, 422]);
}

#[test]
fn a_foreign_host_is_refused_on_every_route() {
    let victim = Victim::new();
    let port = victim.daemon.api().port();
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("0.0.0.0:{port}"),
        "127.1".to_owned(),
        "2130706433".to_owned(),
        "localhost.".to_owned(),
        "a.localhost".to_owned(),
        format!("127.0.0.1:{}", if port == 1 { 2 } else { 1 }),
    ];
    for (method, target) in victim.all() {
        for host in &hosts {
            let answer = victim.send(method, &target, &[("Host", host), JSON], b"{}");
            assert_eq!(answer.status, 421, "{method} {target} with Host {host}");
        }
    }
    victim.assert_unchanged("a foreign Host");
}

#[test]
fn our_own_host_names_are_accepted() {
    let victim = Victim::new();
    let port = victim.daemon.api().port();
    for name in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        for host in [name.to_owned(), format!("{name}:{port}")] {
            victim.send("GET", "/v1/status", &[("Host", &host)], b"").expect(200);
        }
    }
}

#[test]
fn a_foreign_origin_is_refused_on_every_route() {
    let victim = Victim::new();
    let browsers = [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:9"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ];
    for (method, target) in victim.all() {
        for header in browsers {
            let answer = victim.send(method, &target, &[header, JSON], b"{}");
            assert_eq!(answer.status, 403, "{method} {target} with {header:?}");
            assert_no_permission(&answer);
        }
        let preflight = [
            ("Origin", "http://evil.example"),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        let answer = victim.daemon.anonymous("OPTIONS", &target, &preflight, None);
        assert_eq!(answer.status, 403, "preflight for {method} {target}");
        assert_no_permission(&answer);
    }
    victim.assert_unchanged("a foreign Origin");
}

/// No answer may allow a page of another origin to read it.
fn assert_no_permission(answer: &Response) {
    for (name, _) in &answer.headers {
        assert!(!name.to_ascii_lowercase().starts_with("access-control-"), "{name} was sent");
    }
}

#[test]
fn other_content_types_and_codings_are_refused() {
    let victim = Victim::new();
    for kind in ["application/octet-stream", "multipart/form-data", "nonsense"] {
        let answer = victim.send("POST", SYNCHRONIZE, &[("Content-Type", kind)], b"{}");
        victim.assert_refused(kind, SYNCHRONIZE, &answer, &[415]);
    }
    let gzip = [JSON, ("Content-Encoding", "gzip")];
    let answer = victim.send("POST", SYNCHRONIZE, &gzip, b"\x1f\x8b\x08\x00");
    victim.assert_refused("a compressed body", SYNCHRONIZE, &answer, &[415]);
}

#[test]
fn what_is_no_http_is_refused_or_closed() {
    let victim = Victim::new();
    let host = format!("Host: {}\r\n", victim.daemon.api());
    let long = format!("GET /healthz HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(2 << 20));
    let many = format!("GET /healthz HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(1_000));
    let two_lengths =
        format!("POST {SYNCHRONIZE} HTTP/1.1\r\n{host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}} ");
    let both = format!(
        "POST {SYNCHRONIZE} HTTP/1.1\r\n{host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{{}}"
    );
    let cases: [(&str, &[u8]); 11] = [
        ("nothing", b""),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        ("random bytes", b"\x00\xff\x13\x37 nonsense \r\n\r\n"),
        ("no Host", b"GET /v1/status HTTP/1.1\r\n\r\n"),
        ("two Hosts", b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
        ("a folded header", b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"),
        ("a header of 2 MB", long.as_bytes()),
        ("1,000 headers", many.as_bytes()),
        ("two lengths", two_lengths.as_bytes()),
        ("a length and chunks", both.as_bytes()),
    ];
    for (what, bytes) in cases {
        let answer =
            raw(victim.daemon.api(), bytes, CLOSING).unwrap_or_else(|error| panic!("{what}: {error}"));
        // A header that is folded or has a length too many may also be read in the one safe way, without a token.
        let safe = [None, Some(400), Some(401), Some(403), Some(408), Some(421), Some(431)];
        assert!(safe.contains(&status_of(&answer)), "{what}: {}", String::from_utf8_lossy(&answer));
        victim.assert_unchanged(what);
    }
}

#[test]
fn a_foreign_absolute_target_is_refused() {
    let victim = Victim::new();
    let answer = victim.send("GET", "http://evil.example/v1/status", &[], b"");
    assert_eq!(answer.status, 421);
}

#[test]
fn unknown_paths_and_methods_are_answered_in_the_form_of_the_shape() {
    let victim = Victim::new();
    let answer = victim.send("GET", "/api/nothing/of-that-name", &[], b"");
    assert_eq!(answer.status, 404);
    assert!(
        answer.json()["Message"].as_str().is_some_and(|text| text.starts_with("No HTTP resource was found"))
    );
    let answer = victim.send("DELETE", SYNCHRONIZE, &[], b"");
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").is_some_and(|methods| methods.contains("POST")));
    let answer = victim.send("DELETE", "/v1/status", &[], b"");
    victim.assert_refused("a method that is not there", "/v1/status", &answer, &[405]);
}
