//! Browsers that may see the dashboard: one-time links that `quire open` asks for, and the cookies that they set. All of it
//! is in memory alone and ends with the daemon, or with the API token that asked for the link.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;

use super::token::TokenFile;
use crate::random;

/// How long a link may be followed.
pub const LINK_TIME: Duration = Duration::from_secs(60);
/// Links that wait to be followed; a person opens one. The oldest goes.
const MAX_LINKS: usize = 16;
/// Sessions of all browsers and profiles together. The oldest goes.
const MAX_SESSIONS: usize = 32;
/// Of a link's code and of a session's value: 256 bits, out of reach of guessing.
const SECRET_BYTES: usize = 32;
/// The cookie's name.
const NAME: &str = "quire-session";

/// Links and sessions; shared.
#[derive(Debug, Clone)]
pub struct Sessions {
    kept: Arc<Mutex<Kept>>,
    token: TokenFile,
}

#[derive(Default)]
struct Kept {
    links: VecDeque<Link>,
    sessions: VecDeque<Session>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({} links, {} sessions)", self.links.len(), self.sessions.len())
    }
}

struct Link {
    code: String,
    until: Instant,
}

struct Session {
    value: String,
    /// Where the link was followed: a cookie is also sent to other ports of the same name.
    host: Vec<u8>,
    /// Of the API token at that time.
    generation: u64,
}

impl Sessions {
    /// None yet. Each ends with the token that is in force when it begins.
    #[must_use]
    pub fn new(token: TokenFile) -> Self {
        Self { kept: Arc::default(), token }
    }

    /// The code of a new link.
    #[must_use]
    pub fn link(&self) -> String {
        self.link_until(Instant::now() + LINK_TIME)
    }

    fn link_until(&self, until: Instant) -> String {
        let code = secret();
        let mut kept = self.kept();
        kept.links.truncate(MAX_LINKS - 1);
        kept.links.push_front(Link { code: code.clone(), until });
        code
    }

    /// Uses a link up: gives the `Set-Cookie` of a new session that holds for `host` until the token is another one.
    #[must_use]
    pub fn follow(&self, code: &str, host: &[u8]) -> Option<String> {
        let mut kept = self.kept();
        let at = kept.links.iter().position(|link| is(&link.code, code.as_bytes()))?;
        let link = kept.links.remove(at)?;
        if Instant::now() >= link.until {
            return None;
        }
        let value = secret();
        kept.sessions.truncate(MAX_SESSIONS - 1);
        let generation = self.token.generation();
        kept.sessions.push_front(Session { value: value.clone(), host: host.to_owned(), generation });
        Some(format!("{NAME}={value}; HttpOnly; SameSite=Strict; Path=/"))
    }

    /// Whether a request carries the cookie of a session and may use it. What changes something must come from a page of
    /// ours, which the browser says by `Origin` or `Sec-Fetch-Site`; that neither names another was checked before.
    #[must_use]
    pub fn permit(&self, parts: &Parts) -> bool {
        let Some(value) = cookie(parts) else { return false };
        let generation = self.token.generation();
        let host = parts.headers.get(HOST).map(|host| host.as_bytes()).unwrap_or_default();
        let holds = |session: &Session| {
            is(&session.value, value) && session.host == host && session.generation == generation
        };
        self.kept().sessions.iter().any(holds) && (parts.method == Method::GET || is_from_own_page(parts))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_from_own_page(parts: &Parts) -> bool {
    let same = parts.headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    same || parts.headers.contains_key(ORIGIN)
}

/// The one cookie of ours.
fn cookie(parts: &Parts) -> Option<&[u8]> {
    let fields = parts.headers.get_all(COOKIE).iter();
    let mut ours = fields
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii().strip_prefix(NAME.as_bytes())?.strip_prefix(b"="));
    let (Some(value), None) = (ours.next(), ours.next()) else { return None };
    Some(value)
}

fn is(secret: &str, offered: &[u8]) -> bool {
    secret.as_bytes().ct_eq(offered).into()
}

fn secret() -> String {
    HEXLOWER.encode(&random::bytes::<SECRET_BYTES>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::token::ApiToken;
    use axum::http::Request;

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/v1/status");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn some() -> Sessions {
        Sessions::new(TokenFile::fixed(ApiToken::random().unwrap()))
    }

    #[test]
    fn a_session_ends_with_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let sessions = Sessions::new(TokenFile::open(&path).unwrap());
        let cookie = opened(&sessions);
        let parts = head("GET", &[("host", "127.0.0.1:7470"), ("cookie", &cookie)]);
        assert!(sessions.permit(&parts));
        ApiToken::create(&path).unwrap();
        assert!(!sessions.permit(&parts));
    }

    fn opened(sessions: &Sessions) -> String {
        let set = sessions.follow(&sessions.link(), b"127.0.0.1:7470").unwrap();
        assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_link_works_once_and_not_for_long() {
        let sessions = some();
        let code = sessions.link();
        assert_eq!(code.len(), 64);
        assert_eq!(sessions.follow(&code[..63], b"h"), None);
        assert!(sessions.follow(&code, b"h").is_some());
        assert_eq!(sessions.follow(&code, b"h"), None);
        let late = sessions.link_until(Instant::now());
        assert_eq!(sessions.follow(&late, b"h"), None);
    }

    #[test]
    fn a_session_holds_for_its_host_its_token_and_its_own_pages() {
        let sessions = some();
        let cookie = opened(&sessions);
        let host = ("host", "127.0.0.1:7470");
        let may = |method: &str, headers: &[(&str, &str)]| sessions.permit(&head(method, headers));
        assert!(may("GET", &[host, ("cookie", &cookie)]));
        assert!(may("GET", &[host, ("cookie", &format!("a=b; {cookie}; c=d"))]));
        assert!(may("POST", &[host, ("cookie", &cookie), ("sec-fetch-site", "same-origin")]));
        assert!(may("DELETE", &[host, ("cookie", &cookie), ("origin", "http://127.0.0.1:7470")]));
        assert!(!may("POST", &[host, ("cookie", &cookie)]));
        assert!(!may("POST", &[host, ("cookie", &cookie), ("sec-fetch-site", "none")]));
        assert!(!may("GET", &[("host", "localhost:7470"), ("cookie", &cookie)]));
        assert!(!may("GET", &[host, ("cookie", &cookie), ("cookie", &cookie)]));
        assert!(!may("GET", &[host, ("cookie", &cookie[..cookie.len() - 1])]));
        assert!(!may("GET", &[host, ("cookie", "quire-session=")]) && !may("GET", &[host]));
    }

    #[test]
    fn sessions_and_links_are_bounded() {
        let sessions = some();
        let first = opened(&sessions);
        for _ in 0..MAX_SESSIONS {
            opened(&sessions);
        }
        assert_eq!(sessions.kept().sessions.len(), MAX_SESSIONS);
        let parts = head("GET", &[("host", "127.0.0.1:7470"), ("cookie", &first)]);
        assert!(!sessions.permit(&parts));
        let all: Vec<String> = (0..=MAX_LINKS).map(|_| sessions.link()).collect();
        assert_eq!(sessions.follow(&all[0], b"h"), None);
        assert!(sessions.follow(&all[1], b"h").is_some());
    }
}
