//! Which requests may be looked at at all: the first two layers of the localhost defence (contract 1), as one pure
//! function of a request's head.
//!
//! A web page cannot forge `Host`, `Origin` or `Sec-Fetch-Site`, so these three headers keep every page out, also after
//! DNS rebinding, and without asking anything of the apps that may call. Tokens and users are not decided here.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use thiserror::Error;

use super::problem::Family;
use super::sessions::Sessions;
use super::token::TokenFile;
use crate::apps::Apps;
use crate::passwords::Logins;

/// The names that always mean this machine. Exact spellings only: other notations of the same address
/// (`127.1`, `localhost.`) are what an attacker's page would send and what no honest client does.
const OWN_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What the door decides by. Made from the configuration, replaced as a whole when that changes.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The port that the API listens on.
    pub port: u16,
    /// Further accepted Host names (`api.hosts`): `name` for our own port, or `name:port` as it stands.
    pub hosts: Vec<String>,
    /// The user whose daemon this is.
    pub uid: u32,
    /// Other users that may call (`api.allow_uids`).
    pub allow_uids: Vec<u32>,
    /// The token that `/v1` and `/metrics` ask for.
    pub token: TokenFile,
    /// Browsers that have what the token gives.
    pub sessions: Sessions,
    /// The documented shapes ask for an app password (`api.auth = "required"`).
    pub app_passwords: bool,
    /// The apps that have one (`api.apps`).
    pub apps: Apps,
    /// The Bulk shapes ask for users of their own (`bulk.users`).
    pub bulk_users: bool,
    /// What checks passwords.
    pub logins: Logins,
}

impl Rules {
    /// With nothing else that configuration could say.
    #[must_use]
    pub fn of(port: u16, uid: u32, token: TokenFile) -> Self {
        Self {
            port,
            hosts: Vec::new(),
            uid,
            allow_uids: Vec::new(),
            sessions: Sessions::new(token.clone()),
            token,
            app_passwords: false,
            apps: Apps::default(),
            bulk_users: false,
            logins: Logins::default(),
        }
    }
}

/// How a request comes in that may be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// From no other web page than our own.
    Own,
    /// From a page of an origin that was granted to an app, for a documented shape.
    Granted(HeaderValue),
    /// The browser asks whether such a page may send a request.
    Preflight(HeaderValue),
}

/// The rules in force, shared by every connection and replaceable while they run.
#[derive(Debug, Clone)]
pub struct SharedRules(Arc<RwLock<Arc<Rules>>>);

impl SharedRules {
    /// Starts with these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(rules))))
    }

    /// The rules in force now.
    #[must_use]
    pub fn load(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new rules in force, from the next request on, also on connections already open.
    pub fn store(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}

/// Why a request is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// HTTP/1.1 without a Host.
    #[error("The request names no Host.")]
    HostMissing,
    /// More than one Host.
    #[error("The request names more than one Host.")]
    HostRepeated,
    /// A tunnel was asked for; this is no proxy.
    #[error("This is not a proxy.")]
    Tunnel,
    /// Host or request target name somebody else.
    #[error(
        "The request is for another host. Call 127.0.0.1, localhost or [::1], or add the name to api.hosts."
    )]
    HostForeign,
    /// A web page of another origin is calling.
    #[error("Web pages of other origins may not call.")]
    OriginForeign,
    /// The browser says that another site is behind the request.
    #[error("Requests made by other sites are refused.")]
    SiteForeign,
    /// A CORS preflight of nobody to whom anything was granted.
    #[error("Cross-origin requests are refused.")]
    Preflight,
}

impl Refusal {
    /// The HTTP status that says it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::HostMissing | Self::HostRepeated | Self::Tunnel => StatusCode::BAD_REQUEST,
            Self::HostForeign => StatusCode::MISDIRECTED_REQUEST,
            Self::OriginForeign | Self::SiteForeign | Self::Preflight => StatusCode::FORBIDDEN,
        }
    }
}

/// Decides whether a request may be looked at, and as whose.
///
/// # Errors
/// The first reason against it: Host before target before browser headers.
pub fn check(parts: &Parts, rules: &Rules) -> Result<Passage, Refusal> {
    check_host(parts, rules)?;
    check_target(parts, rules)?;
    if let Some(origin) = granted_origin(parts, rules) {
        let asks = parts.method == Method::OPTIONS && asks_for_access(&parts.headers);
        return Ok(if asks { Passage::Preflight(origin) } else { Passage::Granted(origin) });
    }
    check_browser(parts, rules)?;
    Ok(Passage::Own)
}

/// The one origin of a request for a documented shape, if it was granted to an app.
fn granted_origin(parts: &Parts, rules: &Rules) -> Option<HeaderValue> {
    let mut origins = parts.headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
    let is_granted = origin.to_str().is_ok_and(|origin| rules.apps.grant_origin(origin));
    (is_granted && Family::of(parts.uri.path()) != Family::Native).then(|| origin.clone())
}

fn check_host(parts: &Parts, rules: &Rules) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        let optional = parts.version < Version::HTTP_11;
        return Err(if optional { Refusal::HostForeign } else { Refusal::HostMissing });
    };
    if hosts.next().is_some() {
        return Err(Refusal::HostRepeated);
    }
    match host.to_str() {
        Ok(host) if names_us(host, rules) => Ok(()),
        _ => Err(Refusal::HostForeign),
    }
}

/// An absolute target overrides `Host` (RFC 9112 3.2.2), so it must pass the same test.
fn check_target(parts: &Parts, rules: &Rules) -> Result<(), Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::Tunnel);
    }
    match parts.uri.authority() {
        Some(authority) if !names_us(authority.as_str(), rules) => Err(Refusal::HostForeign),
        _ => Ok(()),
    }
}

fn check_browser(parts: &Parts, rules: &Rules) -> Result<(), Refusal> {
    let headers = &parts.headers;
    if !headers.get_all(ORIGIN).iter().all(|o| o.to_str().is_ok_and(|o| is_own_origin(o, rules))) {
        return Err(Refusal::OriginForeign);
    }
    let sites = headers.get_all("sec-fetch-site");
    if !sites.iter().all(|s| matches!(s.as_bytes(), b"same-origin" | b"none")) {
        return Err(Refusal::SiteForeign);
    }
    if parts.method == Method::OPTIONS && asks_for_access(headers) {
        return Err(Refusal::Preflight);
    }
    Ok(())
}

fn asks_for_access(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("access-control-request-"))
}

/// Does `host` (a Host header or the authority of a target) name this daemon? Compared as text, letter case aside.
fn names_us(host: &str, rules: &Rules) -> bool {
    let (name, port) = split_port(host);
    let named = |own: &str| name.eq_ignore_ascii_case(own);
    let port_ours = port.is_none_or(|port| is_port(port, rules.port));
    port_ours && (OWN_NAMES.into_iter().any(named) || rules.hosts.iter().any(|own| named(own)))
        || rules.hosts.iter().any(|own| split_port(own).1.is_some() && host.eq_ignore_ascii_case(own))
}

/// An origin is ours if it is one of our names, on our port, over HTTP. A browser leaves out port 80.
fn is_own_origin(origin: &str, rules: &Rules) -> bool {
    const HTTP_PORT: u16 = 80;
    let Some(host) = origin.strip_prefix("http://") else { return false };
    let port_told = split_port(host).1.is_some();
    (port_told || rules.port == HTTP_PORT) && names_us(host, rules)
}

/// Splits `name:port`; the colons inside the brackets of an IPv6 address do not count.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => (&host[..colon], Some(&host[colon + 1..])),
        _ => (host, None),
    }
}

/// Is `text` the plain decimal form of `port`? (No sign, no leading zero, not empty.)
fn is_port(text: &str, port: u16) -> bool {
    !text.starts_with(['0', '+']) && text.parse() == Ok(port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::apps::App;
    use crate::http::token::ApiToken;
    use crate::passwords::tests::cheap;
    use axum::http::Request;

    fn rules() -> Rules {
        Rules {
            hosts: vec!["Box.local".into(), "sync.example:443".into()],
            ..Rules::of(7470, 1000, TokenFile::fixed(ApiToken::random().unwrap()))
        }
    }

    fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn verdict(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        check(&head(method, target, headers), &rules()).map_or_else(|r| r.status().as_u16(), |_| 200)
    }

    #[test]
    fn exactly_one_host_that_is_ours() {
        let ours = [
            "127.0.0.1",
            "127.0.0.1:7470",
            "localhost",
            "LOCALHOST:7470",
            "[::1]",
            "[::1]:7470",
            "box.LOCAL",
            "box.local:7470",
            "sync.example:443",
        ];
        for host in ours {
            assert_eq!(verdict("GET", "/v1/status", &[("host", host)]), 200, "{host}");
        }
        let foreign = [
            "evil.com",
            "rebind.test:7470",
            "0.0.0.0:7470",
            "0.0.0.0",
            "127.1",
            "127.1:7470",
            "2130706433",
            "localhost.",
            "localhost.:7470",
            "x.localhost",
            "localhost:7471",
            "localhost:",
            "localhost:07470",
            "localhost:+7470",
            "localhost:80",
            "127.0.0.1:7470:7470",
            "::1",
            "[::1",
            "[::1]x",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "",
            " ",
            "localhost, evil.com",
            "evil@localhost",
            "localhost/",
            "127.0.0.1.evil.com",
            "sync.example",
            "sync.example:7470",
            "box.local:443",
            "127.0.0.2",
            "0x7f.1",
            "localhost%00",
            "ⓛocalhost",
        ];
        for host in foreign {
            assert_eq!(verdict("GET", "/v1/status", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(verdict("GET", "/", &[]), 400);
        assert_eq!(verdict("GET", "/", &[("host", "localhost"), ("host", "localhost")]), 400);
        assert_eq!(verdict("GET", "/", &[("host", "localhost"), ("host", "evil.com")]), 400);
    }

    #[test]
    fn http_1_0_without_a_host_does_not_name_us() {
        let mut parts = head("GET", "/", &[]);
        parts.version = Version::HTTP_10;
        assert_eq!(check(&parts, &rules()), Err(Refusal::HostForeign));
    }

    #[test]
    fn an_absolute_target_is_checked_too() {
        let host = [("host", "localhost:7470")];
        assert_eq!(verdict("GET", "http://evil.com/v1/status", &host), 421);
        assert_eq!(verdict("GET", "http://a@localhost:7470/v1/status", &host), 421);
        assert_eq!(verdict("GET", "http://127.0.0.1:7470/v1/status", &host), 200);
        assert_eq!(verdict("GET", "http://localhost/v1/status", &[("host", "evil.com")]), 421);
        assert_eq!(verdict("CONNECT", "localhost:7470", &host), 400);
    }

    #[test]
    fn foreign_origins_are_refused_on_every_method() {
        let own =
            ["http://127.0.0.1:7470", "http://localhost:7470", "http://[::1]:7470", "http://box.local:7470"];
        let foreign = [
            "http://evil.com",
            "null",
            "",
            "http://localhost:9999",
            "http://localhost",
            "https://localhost:7470",
            "file://",
            "http://localhost:7470/",
            "http://localhost:7470, http://evil.com",
            "HTTP://localhost:7470",
            "http://localhost:7470.evil.com",
            "http://evil.localhost:7470",
            "app://localhost:7470",
        ];
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
            for origin in own {
                assert_eq!(
                    verdict(method, "/", &[("host", "localhost"), ("origin", origin)]),
                    200,
                    "{origin}"
                );
            }
            for origin in foreign {
                let headers = [("host", "localhost:7470"), ("origin", origin)];
                assert_eq!(verdict(method, "/api/nodes", &headers), 403, "{method} {origin}");
            }
        }
        let two = [("host", "localhost"), ("origin", "http://localhost:7470"), ("origin", "http://evil.com")];
        assert_eq!(verdict("GET", "/", &two), 403);
    }

    #[test]
    fn other_sites_are_refused() {
        for (site, status) in [
            ("same-origin", 200),
            ("none", 200),
            ("cross-site", 403),
            ("same-site", 403),
            ("", 403),
            ("None", 403),
        ] {
            assert_eq!(
                verdict("GET", "/", &[("host", "localhost"), ("sec-fetch-site", site)]),
                status,
                "{site}"
            );
        }
        let two = [("host", "localhost"), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert_eq!(verdict("GET", "/", &two), 403);
    }

    #[test]
    fn preflights_are_refused_even_without_an_origin() {
        let private = [("host", "localhost"), ("access-control-request-private-network", "true")];
        assert_eq!(verdict("OPTIONS", "/api/nodes", &private), 403);
        assert_eq!(verdict("OPTIONS", "/api/nodes", &[("host", "localhost")]), 200);
    }

    #[test]
    fn new_rules_are_in_force_at_once() {
        let shared = SharedRules::new(rules());
        let reader = shared.clone();
        shared.store(Rules { port: 1, ..rules() });
        assert_eq!(reader.load().port, 1);
    }

    #[test]
    fn a_granted_origin_comes_in_to_the_documented_shapes_alone() {
        let origins = vec!["app://-".to_owned(), "https://example.test".to_owned()];
        let app = App { name: "a".into(), password: cheap("first secret"), spaces: vec![], origins };
        let rules = Rules { apps: Apps::new(&[app]), ..rules() };
        let told = |method: &str, path: &str, headers: &[(&str, &str)]| {
            let mut all = vec![("host", "localhost")];
            all.extend_from_slice(headers);
            check(&head(method, path, &all), &rules)
        };
        let from = |origin| [("origin", origin), ("sec-fetch-site", "cross-site")];
        for path in ["/api/nodes", "/id", "/API/Bulk/2.0/syncs", "/api/none"] {
            let granted = Passage::Granted("app://-".parse().unwrap());
            assert_eq!(told("GET", path, &from("app://-")), Ok(granted.clone()), "{path}");
            assert_eq!(told("OPTIONS", path, &from("app://-")), Ok(granted), "{path}");
            let mut asks = from("app://-").to_vec();
            asks.push(("access-control-request-method", "POST"));
            assert_eq!(told("OPTIONS", path, &asks), Ok(Passage::Preflight("app://-".parse().unwrap())));
        }
        for path in ["/", "/v1/status", "/metrics", "/help", "/healthz"] {
            assert_eq!(told("GET", path, &from("app://-")), Err(Refusal::OriginForeign), "{path}");
        }
        for origin in
            ["null", "app://-/", "APP://-", "app://", "https://example.test:8443", "http://example.test"]
        {
            assert_eq!(told("GET", "/api/nodes", &from(origin)), Err(Refusal::OriginForeign), "{origin}");
        }
        let two = [("origin", "app://-"), ("origin", "https://example.test")];
        assert_eq!(told("GET", "/api/nodes", &two), Err(Refusal::OriginForeign));
        let site = [("sec-fetch-site", "cross-site")];
        assert_eq!(told("GET", "/api/nodes", &site), Err(Refusal::SiteForeign));
        let host = [("host", "evil.test"), ("origin", "app://-")];
        assert_eq!(check(&head("GET", "/api/nodes", &host), &rules), Err(Refusal::HostForeign));
    }
}
