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
    /// It listens there for HTTPS.
    pub https: bool,
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
            https: false,
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

/// An origin is ours if it is one of our names, on our port, over our scheme. A browser leaves out the scheme's own port.
fn is_own_origin(origin: &str, rules: &Rules) -> bool {
    let (scheme, own_port) = if rules.https { ("https://", 443) } else { ("http://", 80) };
    let Some(host) = origin.strip_prefix(scheme) else { return false };
    let port_told = split_port(host).1.is_some();
    (port_told || rules.port == own_port) && names_us(host, rules)
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
mod tests;
