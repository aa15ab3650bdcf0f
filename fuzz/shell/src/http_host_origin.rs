//! The door: a request that may be looked at names this daemon in one of the allowed spellings and comes from no
//! other origin.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Version};
use quire_daemon::http::guard::{Rules, check as judge};
use quire_daemon::http::token::{ApiToken, TokenFile};

/// The port that the API listens on.
const PORT: u16 = 7470;

/// Every spelling of a host that is this daemon, in lower case.
const OURS: [&str; 9] = [
    "127.0.0.1",
    "127.0.0.1:7470",
    "localhost",
    "localhost:7470",
    "[::1]",
    "[::1]:7470",
    "box.local",
    "box.local:7470",
    "sync.example:443",
];

/// The origins of its own pages.
const ORIGINS: [&str; 5] = [
    "http://127.0.0.1:7470",
    "http://localhost:7470",
    "http://[::1]:7470",
    "http://box.local:7470",
    "http://sync.example:443",
];

/// Reads the input as a head: a line with method and target, and lines of headers.
pub fn check(data: &[u8]) {
    let Some(head) = head(data) else { return };
    let Ok(rules) = rules() else { return };
    if judge(&head, &rules).is_ok() {
        allowed(&head);
    }
}

fn rules() -> Result<Rules, impl std::fmt::Debug> {
    ApiToken::random().map(|token| Rules {
        hosts: vec!["box.local".into(), "sync.example:443".into()],
        ..Rules::of(PORT, 1000, TokenFile::fixed(token))
    })
}

fn head(data: &[u8]) -> Option<Parts> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let mut words = first.splitn(2, |byte| *byte == b' ');
    let (method, target) = (Method::from_bytes(words.next()?).ok()?, words.next()?);
    let (mut head, ()) = Request::builder().method(method).uri(target).body(()).ok()?.into_parts();
    if data.len() % 2 == 1 {
        head.version = Version::HTTP_10;
    }
    for line in lines {
        let end = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..end]).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(line[end + 1..].trim_ascii()).ok()?);
    }
    Some(head)
}

fn allowed(head: &Parts) {
    let values =
        |name: &str| -> Vec<&[u8]> { head.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect() };
    let is_one_of =
        |value: &[u8], all: &[&str]| all.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(value));
    let hosts = values("host");
    assert!(hosts.len() == 1 && is_one_of(hosts[0], &OURS), "{head:?}");
    if let Some(authority) = head.uri.authority() {
        assert!(is_one_of(authority.as_str().as_bytes(), &OURS), "{head:?}");
    }
    assert_ne!(head.method, Method::CONNECT);
    assert!(values("origin").iter().all(|origin| is_one_of(origin, &ORIGINS)), "{head:?}");
    let sites = values("sec-fetch-site");
    assert!(sites.iter().all(|site| [&b"none"[..], b"same-origin"].contains(site)), "{head:?}");
}
