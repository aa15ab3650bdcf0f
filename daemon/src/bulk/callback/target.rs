//! Where one request of a callback goes: the parts of an `http://` address, and the address that a redirect names.

use axum::http::Uri;
use std::net::{IpAddr, Ipv6Addr};

/// Longer addresses are nobody's receiver.
const MAX_URL_BYTES: usize = 4096;

/// A checked `http://` address. Nothing is known yet about where its host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Host and port as they were written, for the `Host` header.
    pub(super) authority: String,
    /// The host alone, in lower case, without brackets.
    pub(super) host: String,
    /// The port; 80 when none was written.
    pub(super) port: u16,
    /// Path and query, beginning with `/`.
    pub(super) path: String,
}

impl Target {
    /// Reads an address; a fragment is dropped, as it never travels.
    ///
    /// # Errors
    /// Why it is not called, in words that do not repeat its path, which may hold secrets.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.len() > MAX_URL_BYTES {
            return Err(format!("the address is longer than {MAX_URL_BYTES} bytes"));
        }
        let uri: Uri = url.parse().map_err(|_| "the address cannot be read".to_owned())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("https:// is not called; this version calls http:// only".to_owned()),
            _ => return Err("the address does not begin with http://".to_owned()),
        }
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err("the address has a user name, which is not sent".to_owned());
        }
        let (host, port) = host_and_port(authority).ok_or("the address has no usable host and port")?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), host, port, path })
    }

    /// The address that a `Location` means, seen from this one (RFC 3986 5.2, without the removal of dots, which is
    /// the receiver's).
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(super) fn redirected(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let here = format!("http://{}", self.authority);
        let path = self.path.split('?').next().unwrap_or("/");
        Self::parse(&match location {
            "" => format!("{here}{}", self.path),
            _ if has_scheme(location) => location.to_owned(),
            _ if location.starts_with("//") => format!("http:{location}"),
            _ if location.starts_with('/') => format!("{here}{location}"),
            _ if location.starts_with('?') => format!("{here}{path}{location}"),
            _ => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{here}{folder}/{location}")
            }
        })
    }

    /// The address that the host is, if it is no name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Host and port, for people.
    pub(super) fn shown(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            (
                inner.parse::<Ipv6Addr>().ok()?.to_string(),
                port.strip_prefix(':').or(port.is_empty().then_some("80"))?,
            )
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
            (host.to_ascii_lowercase(), port)
        }
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

fn has_scheme(location: &str) -> bool {
    let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    location.split_once(':').is_some_and(|(before, _)| {
        before.starts_with(|c: char| c.is_ascii_alphabetic()) && before.chars().all(scheme)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, u16, String, String) {
        let target = Target::parse(url).unwrap();
        (target.host, target.port, target.path, target.authority)
    }

    fn parts(host: &str, port: u16, path: &str, authority: &str) -> (String, u16, String, String) {
        (host.to_owned(), port, path.to_owned(), authority.to_owned())
    }

    #[test]
    fn an_address_has_host_port_and_path() {
        assert_eq!(parsed("http://Host.Example"), parts("host.example", 80, "/", "Host.Example"));
        assert_eq!(parsed("http://h:8080/a/b?c=d#e"), parts("h", 8080, "/a/b?c=d", "h:8080"));
        assert_eq!(parsed("HTTP://[::1]:9/x"), parts("::1", 9, "/x", "[::1]:9"));
        assert_eq!(parsed("http://[0:0::1]"), parts("::1", 80, "/", "[0:0::1]"));
        assert_eq!(parsed("http://127.0.0.1?a"), parts("127.0.0.1", 80, "/?a", "127.0.0.1"));
    }

    #[test]
    fn other_addresses_are_refused_with_words() {
        let long = format!("http://h/{}", "x".repeat(1_000_000));
        let cases = [
            ("https://h/", "http:// only"),
            ("ftp://h/", "does not begin with http://"),
            ("file:///etc/passwd", "address"),
            ("gopher://h/", "does not begin with http://"),
            ("/syncs", "does not begin with http://"),
            ("h", "does not begin with http://"),
            ("", "cannot be read"),
            ("http://", "cannot be read"),
            ("http://user:pw@h/", "user name"),
            ("http://user@h/", "user name"),
            ("http://h:0/", "host and port"),
            ("http://h:/", "host and port"),
            ("http://h:99999/", "host and port"),
            ("http://[::1%25eth0]/", "address"),
            ("http://[127.0.0.1]/", "address"),
            ("http://h/ä\n", "cannot be read"),
            ("http://h/a b", "cannot be read"),
            (long.as_str(), "longer than"),
        ];
        for (url, words) in cases {
            let reason = Target::parse(url).unwrap_err();
            assert!(reason.contains(words) && reason.len() < 200, "{url:.100}: {reason}");
        }
    }

    #[test]
    fn a_redirect_is_seen_from_where_it_came() {
        let here = Target::parse("http://h:8/a/b?c").unwrap();
        let cases = [
            ("http://other/x", "other:80/x"),
            ("//other:7/x", "other:7/x"),
            ("/x?y", "h:8/x?y"),
            ("x", "h:8/a/x"),
            ("?y", "h:8/a/b?y"),
            ("", "h:8/a/b?c"),
            ("#f", "h:8/a/b?c"),
            ("./x:y", "h:8/a/./x:y"),
        ];
        for (location, expected) in cases {
            let there = here.redirected(location).unwrap();
            assert_eq!(format!("{}{}", there.shown(), there.path), expected, "{location}");
        }
        for bad in ["https://other/", "javascript:1", "http://a@other/", "http:x", "//"] {
            here.redirected(bad).unwrap_err();
        }
    }
}
