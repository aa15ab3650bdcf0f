//! H8 to H14 and H35: what a caller shows, bounds, framing, other protocols. Slow heads and bodies (H11) are measured with
//! short limits in `daemon/src/http/server/tests.rs`.

use super::{CLOSED, CLOSING, Victim};
use quire_tests::bulk::basic;
use quire_tests::process::{Daemon, SYNCHRONIZE};
use quire_tests::wait::eventually;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

type Input = (String, Vec<u8>, &'static [u16]);

#[test]
fn h8_h9_only_the_token_opens_v1_and_any_basic_passes_the_shapes() {
    let victim = Victim::new();
    let other = Daemon::named("other");
    let token = victim.desk.token().to_owned();
    let wrong: Vec<String> = [
        String::new(),
        format!("Bearer {}", other.token()),
        "Bearer ".into(),
        "Bearer".into(),
        token.clone(),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}0"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Token {token}"),
        format!("Basic {token}"),
        basic("x", &token),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {}", "0".repeat(64)),
        format!("Bearer {}", "a".repeat(60_000)),
    ]
    .into();
    let mut h8 = 0;
    for header in &wrong {
        for (method, path) in [
            ("GET", "/v1/status"),
            ("POST", "/v1/sync"),
            ("POST", "/v1/pairing/invitations"),
            ("DELETE", "/v1/peers/x"),
            ("GET", "/"),
            ("GET", "/metrics"),
            ("POST", "/v1/links"),
            ("GET", "/v1/events"),
        ] {
            let told = [("Authorization", header.as_str())];
            let headers = if header.is_empty() { &[][..] } else { &told[..] };
            let answer = victim.desk.anonymous(method, path, headers, None);
            assert_eq!(answer.status, 401, "{method} {path} {header:.80}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            h8 += 1;
        }
    }
    for place in [
        format!("/v1/status?token={token}"),
        format!("/v1/status?access_token={token}"),
        format!("/v1/status?Authorization=Bearer%20{token}"),
    ] {
        assert_eq!(victim.desk.anonymous("GET", &place, &[], None).status, 401, "{place}");
        h8 += 1;
    }
    victim.done("H8", h8);

    let odd = [
        "Basic YVxi",
        "Basic YTpi",
        "Basic",
        "Basic !!!",
        "basic YVxiOmM=",
        "BASIC YVxiOmM=",
        "Bearer x",
        "Negotiate abc",
        "Basic gICA",
    ];
    let mut h9 = 0;
    for header in odd.map(str::to_owned).into_iter().chain([basic(&"x".repeat(40_000), "y"), basic("3", "z")])
    {
        let answer = victim.desk.anonymous("GET", "/api/nodes", &[("Authorization", &header)], None);
        assert_eq!(answer.status, 200, "{header:.80}");
        h9 += 1;
    }
    victim.done("H9", h9);
}

#[test]
fn h10_half_open_connections_hold_up_nobody_for_long() {
    const CONNECTIONS: usize = 1_100;
    let victim = Victim::new();
    let nofile = rustix::process::Resource::Nofile;
    let own = rustix::process::getrlimit(nofile);
    let wanted = rustix::process::Rlimit { current: own.maximum.or(Some(4_096)), maximum: own.maximum };
    if rustix::process::setrlimit(nofile, wanted).is_err() || own.maximum.is_some_and(|most| most < 2_000) {
        eprintln!("SKIPPED h10: this process may not have {CONNECTIONS} connections");
        return;
    }
    let pid = rustix::process::Pid::from_raw(victim.desk.pid().cast_signed()).unwrap();
    let few = rustix::process::Rlimit { current: Some(1_024), maximum: Some(1_024) };
    rustix::process::prlimit(Some(pid), nofile, few).expect("a limit for our own child");

    let opened = Instant::now();
    let held: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|number| {
            let mut stream = TcpStream::connect(victim.desk.api()).expect("a connection");
            if number % 2 == 0 {
                let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local");
            }
            stream
        })
        .collect();
    let all = Instant::now();
    eventually("an honest answer", Duration::from_secs(12), || {
        let answer = victim.desk.client().request("GET", "/healthz", &[], None).ok()?;
        (answer.status == 200).then_some(())
    });
    let waited = all.elapsed();
    assert!(waited < Duration::from_secs(9), "an honest request waited {waited:?}");
    let asked = Instant::now();
    // The last of those that hold places are let go within the same five seconds.
    eventually("another honest answer", Duration::from_secs(6), || {
        let answer = victim.desk.client().request("GET", "/healthz", &[], None).ok()?;
        (answer.status == 200).then_some(())
    });
    eprintln!(
        "{CONNECTIONS} half-open connections in {:?}; the first honest answer after {waited:?}, the next in {:?}",
        all - opened,
        asked.elapsed()
    );
    drop(held);
    victim.done("H10", CONNECTIONS);
}

#[test]
fn h12_h13_bodies_over_the_bounds_are_refused_before_they_are_read() {
    let victim = Victim::new();
    let mut inputs: Vec<Input> = Vec::new();
    let sized = |line: &str, bytes: u64| {
        victim
            .head(line, &format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n"))
            .into_bytes()
    };
    for (path, bound, refused) in [
        ("/v1/sync", 1_u64 << 20, &[413][..]),
        ("/v1/pairing/accept", 1 << 20, &[413]),
        (SYNCHRONIZE, 64 << 20, &[413]),
        ("/api/nodes", 64 << 20, &[413]),
        ("/api/bulk/2.0/markings/imports/1/data", 32 << 20, &[404]),
        ("/api/bulk/2.0/syncs", 32 << 20, &[404]),
    ] {
        for bytes in [bound + 1, bound * 1000, u64::MAX / 2] {
            inputs.push((format!("{path} {bytes}"), sized(&format!("POST {path} HTTP/1.1"), bytes), refused));
        }
    }
    victim.pass("H12", &inputs);

    let mut inputs: Vec<Input> = Vec::new();
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip", "GZIP", "unknown"] {
        for path in [SYNCHRONIZE, "/v1/sync", "/api/bulk/2.0/syncs", "/api/nodes"] {
            let more = format!(
                "Content-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: 4\r\n"
            );
            let mut bytes = victim.head(&format!("POST {path} HTTP/1.1"), &more).into_bytes();
            bytes.extend(b"\x1f\x8b\x08\x00");
            inputs.push((format!("{coding} to {path}"), bytes, &[415]));
        }
    }
    victim.pass("H13", &inputs);
}

#[test]
fn h11_h14_broken_framing_ends_the_connection_and_smuggles_nothing() {
    let victim = Victim::new();
    let body = r#"{"Account":{"AccountId":3},"Markings":[{"AccountId":3,"syncGuid":"087a4be1-37eb-4c62-8484-39e603c2f6bd","note":"x"}]}"#;
    let post = |more: &str| {
        victim.head(
            &format!("POST {SYNCHRONIZE} HTTP/1.1"),
            &format!("Content-Type: application/json\r\n{more}"),
        )
    };
    let length = body.len();
    let inner = format!(
        "POST {SYNCHRONIZE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut inputs: Vec<Input> = Vec::new();
    let mut add =
        |name: &str, bytes: Vec<u8>, allowed: &'static [u16]| inputs.push((name.to_owned(), bytes, allowed));
    add(
        "CL and TE",
        (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + &inner).into_bytes(),
        &[400, CLOSED],
    );
    add(
        "two CL",
        (post(&format!("Content-Length: {length}\r\nContent-Length: 0\r\n")) + body).into_bytes(),
        &[400, CLOSED],
    );
    add("CL list", (post(&format!("Content-Length: {length}, 0\r\n")) + body).into_bytes(), &[400, CLOSED]);
    add("negative CL", (post("Content-Length: -1\r\n") + body).into_bytes(), &[400, CLOSED]);
    add("signed CL", (post(&format!("Content-Length: +{length}\r\n")) + body).into_bytes(), &[400, CLOSED]);
    add(
        "CL over u64",
        (post("Content-Length: 99999999999999999999\r\n") + body).into_bytes(),
        &[400, 413, CLOSED],
    );
    add(
        "TE twice",
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") + "0\r\n\r\n").into_bytes(),
        &[400, CLOSED],
    );
    add(
        "TE other",
        (post("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n").into_bytes(),
        &[400, 501, CLOSED],
    );
    add(
        "chunk size 2^64",
        (post("Transfer-Encoding: chunked\r\n") + "10000000000000000\r\nx\r\n0\r\n\r\n").into_bytes(),
        &[400, CLOSED],
    );
    add(
        "chunk without end",
        (post("Transfer-Encoding: chunked\r\n") + &format!("{length:x}\r\n{body}\r\n")).into_bytes(),
        &[400, CLOSED],
    );
    add(
        "CL larger than sent",
        (post(&format!("Content-Length: {}\r\n", length + 100)) + body).into_bytes(),
        &[400, CLOSED],
    );
    add("obs-fold", post("X-A: b\r\n c: d\r\nContent-Length: 0\r\n").into_bytes(), &[400, CLOSED]);
    add("NUL in a header", post("X-A: b\0c\r\nContent-Length: 0\r\n").into_bytes(), &[400, CLOSED]);
    add(
        "space before colon",
        (post(&format!("Content-Length : {length}\r\n")) + body).into_bytes(),
        &[400, CLOSED],
    );
    add("NUL in the path", b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400, CLOSED]);
    add("CR alone", b"GET /healthz HTTP/1.1\rHost: localhost\r\r".to_vec(), &[400, CLOSED]);
    add("2 MB of header", post(&format!("X-A: {}\r\n", "a".repeat(2 << 20))).into_bytes(), &[431, CLOSED]);
    add("1,000 fields", post(&"X-A: b\r\n".repeat(1_000)).into_bytes(), &[431, CLOSED]);
    add("HTTP/0.9", b"GET /healthz\r\n".to_vec(), &[400, CLOSED]);
    add("HTTP/9.9", b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n".to_vec(), &[400, 505, CLOSED]);
    add("no method", b" /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), &[400, CLOSED]);
    add(
        "random",
        (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
        &[400, 431, CLOSED],
    );
    victim.pass("H14", &inputs);
}

#[test]
fn h35_other_protocols_are_answered_no_and_closed() {
    let victim = Victim::new();
    let upgrade = |more: &str| victim.head("GET /v1/events HTTP/1.1", more);
    let hello = [&[0x16, 0x03, 0x01, 0x00, 0x2f, 0x01, 0x00, 0x00, 0x2b, 0x03, 0x03][..], &[7; 64]].concat();
    let inputs: Vec<Input> = vec![
        (
            "HTTP/2 preface".into(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            &[400, 505, CLOSED],
        ),
        ("TLS hello".into(), hello, &[400, CLOSED]),
        ("SSH".into(), b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), &[400, CLOSED]),
        ("SOCKS".into(), vec![5, 1, 0], &[400, CLOSED]),
        (
            "proxy protocol".into(),
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                .to_vec(),
            &[400, CLOSED],
        ),
        ("nothing".into(), Vec::new(), &[CLOSED]),
    ];
    victim.pass("H35", &inputs);
    for more in [
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    ] {
        let head = upgrade(&more.replace("Upgrade: ", "X-None: 1\r\nUpgrade: "))
            .replace("Connection: close", "Connection: Upgrade")
            .replace("/v1/events", "/healthz");
        let mut stream = TcpStream::connect(victim.desk.api()).unwrap();
        stream.set_read_timeout(Some(CLOSING)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(!answer.starts_with("HTTP/1.1 101") && answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    victim.done("H35 upgrades", 2);
}
