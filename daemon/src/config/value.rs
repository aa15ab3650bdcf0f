//! One value from its text, the same for flag, environment and file. Each error says what would be right.

use std::net::{Ipv6Addr, SocketAddr};

use super::{Anchors, ApiAuth, LogFormat};
use crate::escape::is_unsafe;
use crate::vault::Choice;

/// Names travel to every peer and are shown in tables; more would not fit a line.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest name DNS has.
const MAX_HOST_BYTES: usize = 253;

/// `ADDRESS:PORT`, numbers only, port 0 for any free one.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 127.0.0.1:7470 or [::]:7471"))
}

/// `HOST:PORT` of a peer: a name, an IPv4 address or an IPv6 one in brackets, and a port that is not 0.
pub fn connect(text: &str) -> Result<String, String> {
    let bad = || format!("{text:?} is not HOST:PORT, such as nas.local:7471 or [fd00::1]:7471");
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port_good =
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0);
    if port_good && is_host(host) { Ok(text.to_owned()) } else { Err(bad()) }
}

/// A name for `api.hosts`: as in a `Host` header, without a port.
pub fn host(text: &str) -> Result<String, String> {
    if is_host(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is not a host name (without port, `*` or trailing dot)"))
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let (ip, _scope) = inner.split_once('%').unwrap_or((inner, ""));
        return ip.parse::<Ipv6Addr>().is_ok();
    }
    host.len() <= MAX_HOST_BYTES
        && host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// A device name: something to see, on one line.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("a device name cannot be empty".to_owned())
    } else if text.len() > MAX_NAME_BYTES {
        Err(format!("a device name has at most {MAX_NAME_BYTES} bytes, this one has {}", text.len()))
    } else if text.chars().any(is_unsafe) {
        Err("a device name has no control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// `text` or `json`.
pub fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is not a log format; there are \"text\" and \"json\"")),
    }
}

/// `error`, `warn`, `info`, `debug` or `trace`.
pub fn level(text: &str) -> Result<tracing::Level, String> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err(format!("{text:?} is not a log level; there are error, warn, info, debug and trace")),
    }
}

/// `same-user` or `required`.
pub fn auth(text: &str) -> Result<ApiAuth, String> {
    match text {
        "same-user" => Ok(ApiAuth::SameUser),
        "required" => Ok(ApiAuth::Required),
        _ => Err(format!("{text:?} is not a way to authenticate; there are \"same-user\" and \"required\"")),
    }
}

/// `full` or `short`.
pub fn anchors(text: &str) -> Result<Anchors, String> {
    match text {
        "full" => Ok(Anchors::Full),
        "short" => Ok(Anchors::Short),
        _ => Err(format!("{text:?} is no form of an anchor; there are \"full\" and \"short\"")),
    }
}

/// `auto`, `keystore` or `file`.
pub fn key_choice(text: &str) -> Result<Choice, String> {
    match text {
        "auto" => Ok(Choice::Auto),
        "keystore" => Ok(Choice::KeyStore),
        "file" => Ok(Choice::File),
        _ => Err(format!("{text:?} is no place for a key; there are \"auto\", \"keystore\" and \"file\"")),
    }
}

/// `true`, `1`, `yes` or `on`, and their opposites.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// A numeric user id.
pub fn uid(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a numeric user id"))
}

/// Bytes: a number alone or with `KiB`, `MiB`, `GiB` or `TiB`, such as `4GiB`.
pub fn storage(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a number of bytes, such as 4GiB, 500MiB or 1073741824");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kib" => 10,
        "mib" => 20,
        "gib" => 30,
        "tib" => 40,
        _ => return Err(bad()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)).ok_or_else(bad)
}

/// An app with a password of its own. Basic ends its name at `:`, and what stands before `\` is not part of it.
pub fn app_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("an app's name cannot be empty".to_owned())
    } else {
        basic_part("app's name", text)
    }
}

/// A user of the Bulk shapes. Basic ends the name at `:` and the site at `\`, so neither is part of one.
pub fn user_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("a user name cannot be empty".to_owned())
    } else {
        basic_part("user name", text)
    }
}

/// A site of the Bulk shapes; empty for any.
pub fn site(text: &str) -> Result<String, String> {
    basic_part("site", text)
}

fn basic_part(what: &str, text: &str) -> Result<String, String> {
    if text.len() > MAX_NAME_BYTES {
        Err(format!("a {what} has at most {MAX_NAME_BYTES} bytes, this one has {}", text.len()))
    } else if text.chars().any(|c| is_unsafe(c) || c == ':' || c == '\\') {
        Err(format!("a {what} has no `:`, `\\` or control characters"))
    } else {
        Ok(text.to_owned())
    }
}
