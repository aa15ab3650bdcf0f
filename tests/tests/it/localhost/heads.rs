//! H1 to H5, H25, H26: Host, target, Origin, Sec-Fetch-Site, preflights, and paths in strange spellings.

use super::{CLOSED, Victim};
use quire_daemon::http::endpoints;
use quire_tests::process::SYNCHRONIZE;
use quire_tests::sample::{guid, marking};
use serde_json::json;

type Input = (String, Vec<u8>, &'static [u16]);

/// A request that would store a marking if it came through.
fn writing(victim: &Victim, target: &str, more: &str) -> Vec<u8> {
    let body = json!({ "Account": { "AccountId": 3 }, "Markings": [marking(&guid())] }).to_string();
    let length = format!("{more}Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    (victim.head(&format!("POST {target} HTTP/1.1"), &length) + &body).into_bytes()
}

#[test]
fn h1_h2_other_hosts_and_targets_reach_nothing() {
    let victim = Victim::new();
    let port = victim.desk.api().port();
    let mut inputs: Vec<Input> = Vec::new();
    let foreign = [
        "evil.com".to_owned(),
        "rebind.test".to_owned(),
        format!("rebind.test:{port}"),
        format!("0.0.0.0:{port}"),
        "127.1".to_owned(),
        format!("127.1:{port}"),
        "2130706433".to_owned(),
        "0x7f000001".to_owned(),
        "localhost.".to_owned(),
        format!("localhost.:{port}"),
        "evil.localhost".to_owned(),
        "127.0.0.2".to_owned(),
        "[::]".to_owned(),
        "[::ffff:127.0.0.1]".to_owned(),
        "::1".to_owned(),
        "127.0.0.1:1".to_owned(),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}/x"),
        "127.0.0.1,evil.com".to_owned(),
        format!("127.0.0.1:0{port}"),
        "127.0.0.1:".to_owned(),
        "localhost:99999".to_owned(),
        String::new(),
    ];
    for host in &foreign {
        inputs.push((host.clone(), writing(&victim, SYNCHRONIZE, &format!("Host: {host}\r\n")), &[421]));
        let read = victim.head("GET /v1/status HTTP/1.1", &format!("Host: {host}\r\n"));
        inputs.push((format!("{host} for /v1"), read.into_bytes(), &[421]));
    }
    for two in ["Host: localhost\r\nHost: evil.com\r\n", "Host: localhost\r\nhost: localhost\r\n"] {
        inputs.push((two.to_owned(), writing(&victim, SYNCHRONIZE, two), &[400]));
    }
    inputs.push(("no Host".into(), b"GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &[400]));
    inputs.push(("no Host in 1.0".into(), b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), &[421]));
    victim.pass("H1", &inputs);

    let mut inputs: Vec<Input> = Vec::new();
    for target in
        ["http://evil.com", "http://0.0.0.0", "http://rebind.test", "https://evil.com", "http://localhost."]
    {
        let target = format!("{target}{SYNCHRONIZE}");
        inputs.push((target.clone(), writing(&victim, &target, ""), &[421]));
    }
    for tunnel in ["evil.com:443", "localhost:1"] {
        let head = victim.head(&format!("CONNECT {tunnel} HTTP/1.1"), "");
        inputs.push((tunnel.to_owned(), head.into_bytes(), &[400, 421]));
    }
    victim.pass("H2", &inputs);
}

/// Every endpoint with its method, variable parts filled in.
fn routes() -> Vec<(&'static str, String)> {
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    endpoints::all().map(|endpoint| (endpoint.verb.name(), filled(endpoint.path))).collect()
}

#[test]
fn h3_h4_pages_of_other_origins_reach_no_route() {
    let victim = Victim::new();
    let origins = [
        "http://evil.com",
        "null",
        "http://localhost:9999",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "file://",
        "",
        "http://localhost.evil.com",
        "app://-",
    ];
    let sites = ["cross-site", "same-site", "Same-Origin", "none, none", "x", ""];
    let (mut h3, mut h4): (Vec<Input>, Vec<Input>) = Default::default();
    for (method, path) in routes() {
        for origin in origins {
            let head = victim.head(&format!("{method} {path} HTTP/1.1"), &format!("Origin: {origin}\r\n"));
            h3.push((format!("{method} {path} from {origin}"), head.into_bytes(), &[403]));
        }
        for site in sites {
            let head =
                victim.head(&format!("{method} {path} HTTP/1.1"), &format!("Sec-Fetch-Site: {site}\r\n"));
            h4.push((format!("{method} {path} as {site}"), head.into_bytes(), &[403]));
        }
    }
    victim.pass("H3", &h3);
    victim.pass("H4", &h4);
}

#[test]
fn h5_no_preflight_is_granted() {
    let victim = Victim::new();
    let mut inputs: Vec<Input> = Vec::new();
    for path in [SYNCHRONIZE, "/v1/status", "/api/bulk/2.0/syncs", "/id", "/", "/none"] {
        for origin in ["http://evil.com", "null", "http://localhost:9999"] {
            for more in [
                "",
                "Access-Control-Request-Private-Network: true\r\n",
                "Access-Control-Request-Local-Network: true\r\n",
            ] {
                let asks = format!(
                    "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n{more}"
                );
                let head = victim.head(&format!("OPTIONS {path} HTTP/1.1"), &asks);
                inputs.push((format!("{path} {origin} {more}"), head.into_bytes(), &[403]));
            }
        }
        let own = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n";
        let head = victim.head(&format!("OPTIONS {path} HTTP/1.1"), own);
        inputs.push((format!("{path} without an origin"), head.into_bytes(), &[403]));
    }
    victim.pass("H5", &inputs);
}

#[test]
fn h25_h26_strange_paths_are_found_nowhere_and_told_inertly() {
    let victim = Victim::new();
    let long = "a".repeat(70_000);
    let mut inputs: Vec<Input> = Vec::new();
    for path in [
        "/..%2f..%2fetc/passwd",
        "/../../etc/passwd",
        "/v1/%2e%2e/status",
        "/api/..%2f/v1/status",
        "/v1/status%00",
        "/%c0%ae%c0%ae/",
        "/v1%2fstatus",
        "/v1\\status",
        "/dashboard.js/../page.html",
        "/V1/STATUS",
        "/open/",
        "/open/..%2f",
        "/v1/markings/%00",
        "/v1/markings/%ff",
        "/api/none%0d%0aX: y",
        "//evil.com/",
        "/.",
        "/help/../v1/status",
    ] {
        inputs.push((
            path.to_owned(),
            victim.head(&format!("GET {path} HTTP/1.1"), "").into_bytes(),
            &[404, 400, 401],
        ));
    }
    inputs.push((
        "64 KiB".into(),
        victim.head(&format!("GET /{long} HTTP/1.1"), "").into_bytes(),
        &[414, 431, CLOSED],
    ));
    victim.pass("H25", &inputs);

    let mut told = 0;
    for path in [
        "/api/<script>alert(1)</script>",
        "/api/%3Cscript%3Ealert(1)%3C/script%3E",
        "/api/x%0d%0aSet-Cookie:%20a=b",
        "/api/x?%0d%0aSet-Cookie:%20a=b",
        "/api/\"><img>",
        "/api/]]><x>",
    ] {
        for accept in ["application/json", "application/xml", "text/html"] {
            let head = victim.head(&format!("GET {path} HTTP/1.1"), &format!("Accept: {accept}\r\n"));
            let (status, answer) = victim.says(head.as_bytes());
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            assert!(matches!(status, 400 | 404), "{path}: {answer}");
            let head = head.to_ascii_lowercase();
            assert!(!head.contains("set-cookie"), "{path}: {head}");
            assert!(status == 400 || head.contains("x-content-type-options: nosniff"), "{path}: {head}");
            assert!(
                !head.contains("text/html") && (accept != "application/xml" || !body.contains("<script>")),
                "{answer}"
            );
            told += 1;
        }
    }
    victim.done("H26", told);
}
