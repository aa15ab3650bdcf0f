//! An invitation as one line of text: `quire://pair?code=…&name=…&at=HOST:PORT&at=…`.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// How every invitation begins.
const PREFIX: &str = "quire://pair?";

/// Addresses in one invitation. It is shown as a QR code, which grows with each; a machine with more
/// networks than this is found by one of the first.
const MAX_ADDRESSES: usize = 8;

/// Bytes of an invitation that are read at all.
const MAX_LENGTH: usize = 4096;

/// What an invitation says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invite {
    /// The code, as it is shown or was typed.
    pub(super) code: String,
    /// What the inviter is called. Display only.
    pub(super) name: String,
    /// Where the inviter may be, as `HOST:PORT`.
    pub(super) at: Vec<String>,
}

impl Invite {
    /// Reads a URI, or takes the text for a bare code.
    pub(super) fn read(text: &str) -> Result<Invite, String> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err("this is too long for an invitation".to_owned());
        }
        let mut invite = Invite { code: String::new(), name: String::new(), at: Vec::new() };
        let Some(query) = strip_prefix(text) else {
            invite.code = text.to_owned();
            return Ok(invite);
        };
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or("the invitation is damaged; copy it whole")?;
            match key {
                "code" => invite.code = value,
                "name" => invite.name = value,
                "at" if invite.at.len() < MAX_ADDRESSES => invite.at.push(value),
                // A newer daemon may say more.
                _ => {}
            }
        }
        if invite.code.is_empty() { Err("the invitation has no code".to_owned()) } else { Ok(invite) }
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}code={}&name=", self.code)?;
        encode(&self.name, f)?;
        for at in self.at.iter().take(MAX_ADDRESSES) {
            f.write_str("&at=")?;
            encode(at, f)?;
        }
        Ok(())
    }
}

/// Where others may reach a socket that is bound to `bound`.
pub(super) fn own_addresses(bound: SocketAddr) -> Vec<String> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let up = interfaces.iter().filter(|i| i.is_oper_up()).map(if_addrs::Interface::ip);
    reachable(bound, up.collect())
}

fn reachable(bound: SocketAddr, mut own: Vec<IpAddr>) -> Vec<String> {
    let (ip, port) = (bound.ip().to_canonical(), bound.port());
    let written = |ip: IpAddr| SocketAddr::new(ip, port).to_string();
    if !ip.is_unspecified() {
        return vec![written(ip)];
    }
    // A link-local address means nothing without the interface of the one who uses it.
    own.retain(|own| !own.is_loopback() && !is_link_local(*own) && (own.is_ipv4() || ip.is_ipv6()));
    own.sort_unstable();
    own.dedup();
    if own.is_empty() {
        own.push(IpAddr::from([127, 0, 0, 1]));
    }
    own.into_iter().map(written).take(MAX_ADDRESSES).collect()
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn strip_prefix(text: &str) -> Option<&str> {
    let (head, rest) = text.split_at_checked(PREFIX.len())?;
    head.eq_ignore_ascii_case(PREFIX).then_some(rest)
}

fn encode(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                f.write_char(char::from(byte))?;
            }
            _ => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn comes_back_whatever_the_name() {
        let invite = Invite {
            code: "0123-4567-89ABC".into(),
            name: "Zoë's 100 % & more = \u{1F4D6}?#+".into(),
            at: vec!["192.0.2.7:7471".into(), "[2001:db8::1]:7471".into()],
        };
        let written = invite.to_string();
        assert!(written.starts_with("quire://pair?code=0123-4567-89ABC&name=Zo%C3%AB%27s%20100"));
        assert!(written.ends_with("&at=192.0.2.7:7471&at=%5B2001:db8::1%5D:7471"));
        assert_eq!(Invite::read(&format!("  {written}\n")).unwrap(), invite);
    }

    #[test]
    fn a_code_alone_is_an_invitation() {
        let invite = Invite::read(" 0123 4567 89ABC ").unwrap();
        assert_eq!((invite.code.as_str(), invite.at.len()), ("0123 4567 89ABC", 0));
    }

    #[test]
    fn damage_is_said_and_news_are_skipped() {
        for bad in ["quire://pair?", "quire://pair?name=x", "quire://pair?code=%F", "quire://pair?code=%ff"] {
            assert!(Invite::read(bad).is_err(), "{bad}");
        }
        assert!(Invite::read(&"x".repeat(MAX_LENGTH + 1)).is_err());
        let invite = Invite::read("QUIRE://pair?new&code=A&more=1&name=a+b").unwrap();
        assert_eq!((invite.code.as_str(), invite.name.as_str()), ("A", "a b"));
        let many = format!("quire://pair?code=A{}", "&at=h:1".repeat(99));
        assert_eq!(Invite::read(&many).unwrap().at.len(), MAX_ADDRESSES);
    }

    #[test]
    fn only_addresses_that_others_can_use_are_given() {
        let own = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpAddr>>();
        let any = "[::]:7471".parse().unwrap();
        let all = ["127.0.0.1", "fe80::1", "2001:db8::1", "192.0.2.7", "::1", "192.0.2.7", "169.254.1.1"];
        assert_eq!(reachable(any, own(&all)), ["192.0.2.7:7471", "[2001:db8::1]:7471"]);
        assert_eq!(reachable("0.0.0.0:1".parse().unwrap(), own(&all)), ["192.0.2.7:1"]);
        assert_eq!(reachable(any, own(&["::1"])), ["127.0.0.1:7471"]);
        assert_eq!(reachable("127.0.0.1:9".parse().unwrap(), own(&all)), ["127.0.0.1:9"]);
    }
}
