//! A web origin that may be granted to an app, as browsers spell it.

/// The longest origin that is taken: a scheme, the longest name DNS has, and a port.
const MAX_ORIGIN_BYTES: usize = 300;

/// Takes `SCHEME://HOST` with or without a port, such as `app://-`, `tauri://localhost` or `https://example.test`, as it
/// stands in an `Origin` header: lower case, no path, no `*`. `null` is what every page without an origin of its own
/// sends, and `file://` every file; neither names anybody.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("null") {
        return Err(
            "the origin \"null\" is every page without an origin of its own; it is never granted".to_owned()
        );
    }
    let bad = || {
        format!(
            "{text:?} is no origin as browsers send it, such as app://-, tauri://localhost or https://example.test:8443 (lower case, without path)"
        )
    };
    let (scheme, host) = text.split_once("://").ok_or_else(bad)?;
    let good = text.len() <= MAX_ORIGIN_BYTES
        && is_scheme(scheme)
        && is_host(host)
        && !is_default_port(scheme, host);
    if good { Ok(text.to_owned()) } else { Err(bad()) }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (host.get(..colon), host.get(colon + 1..)),
        _ => (Some(host), None),
    };
    let number = |port: &str| !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok();
    let name = name.unwrap_or_default();
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
        }
    };
    named && port.is_none_or(number)
}

/// Browsers leave it out, so that nothing would ever match.
fn is_default_port(scheme: &str, host: &str) -> bool {
    matches!((scheme, host.rsplit_once(':')), ("http", Some((_, "80"))) | ("https", Some((_, "443"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_origins_are_taken_and_nothing_else() {
        let good = [
            "app://-",
            "tauri://localhost",
            "https://example.test",
            "http://localhost:9999",
            "http://[::1]:9999",
            "capacitor://localhost",
            "chrome-extension://abcdefghijklmnop",
            "com.example.app://host",
        ];
        for good in good {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        let bad = [
            "",
            "null",
            "NULL",
            "*",
            "https://*",
            "https://*.example.test",
            "file://",
            "https://",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "HTTPS://a",
            "https://A",
            "//a",
            "a",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:+1",
            "https://a:443",
            "http://a:80",
            "https://a b",
            "https://a\n",
            "https://a\u{e9}",
            "1a://b",
            "https://[::1",
            "https://a,https://b",
        ];
        for bad in bad {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("https://{}", "a".repeat(400))).is_err());
    }
}
