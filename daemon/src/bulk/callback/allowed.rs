//! Where callbacks may go (`bulk.callbacks`): networks, addresses and host names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name DNS has.
const MAX_HOST_BYTES: usize = 253;
/// An IPv4 address within an IPv6 one has this many bits before it (RFC 4291 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Addresses that have their first `bits` bits in common. IPv4-mapped IPv6 addresses count as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    start: IpAddr,
    bits: u8,
}

/// One entry of `bulk.callbacks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Every address of a network, whatever name led to it; an address alone is a network of one.
    Net(Net),
    /// A host of this name, in lower case, whatever it resolves to.
    Host(String),
}

/// The whole of `bulk.callbacks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Vec<Place>);

impl Default for Allowed {
    /// Loopback, both families.
    fn default() -> Self {
        let net = |start, bits| Place::Net(Net { start, bits });
        Self(vec![net(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), net(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)])
    }
}

impl Allowed {
    /// These and no others; an empty list allows none.
    #[must_use]
    pub fn new(places: Vec<Place>) -> Self {
        Self(places)
    }

    /// Whether a network of the list has this address.
    #[must_use]
    pub fn has_address(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|place| matches!(place, Place::Net(net) if net.has(ip)))
    }

    /// Whether the list names this host.
    #[must_use]
    pub fn has_host(&self, host: &str) -> bool {
        self.0.iter().any(|place| matches!(place, Place::Host(name) if name.eq_ignore_ascii_case(host)))
    }
}

impl Place {
    /// Reads `10.0.0.5`, `10.0.0.0/8`, `::1`, `fd00::/8` or `hooks.example.com`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is not an address, a network such as 10.0.0.0/8, or a host name (without port or `*`)"
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        match (bare.parse::<IpAddr>(), bits) {
            (Ok(ip), None) => Ok(Self::Net(Net::one(ip))),
            (Ok(ip), Some(bits)) => Net::parse(ip, bits).map(Self::Net),
            (Err(_), None) if is_name(text) => Ok(Self::Host(text.to_ascii_lowercase())),
            (Err(_), _) => Err(bad()),
        }
    }
}

impl Net {
    fn one(ip: IpAddr) -> Self {
        let start = ip.to_canonical();
        Self { start, bits: width(start) }
    }

    fn parse(ip: IpAddr, bits: &str) -> Result<Self, String> {
        let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = bits.parse::<u8>().ok().filter(|prefix| digits && *prefix <= width(ip));
        let prefix =
            prefix.ok_or_else(|| format!("a network of {ip} has 0 to {} bits, not {bits:?}", width(ip)))?;
        let net = match (ip.to_canonical(), prefix.checked_sub(MAPPED_BITS)) {
            (start @ IpAddr::V4(_), Some(inner)) if ip.is_ipv6() => Self { start, bits: inner },
            _ => Self { start: ip, bits: prefix },
        };
        let first = net.first();
        if first == net.start {
            return Ok(net);
        }
        Err(format!(
            "{ip}/{prefix} is an address within a network; the network is {}",
            Self { start: first, ..net }
        ))
    }

    /// The address of which all further bits are 0.
    fn first(self) -> IpAddr {
        match self.start {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & mask4(self.bits)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & mask6(self.bits)).into(),
        }
    }

    fn has(self, ip: IpAddr) -> bool {
        match (self.start, ip) {
            (IpAddr::V4(start), IpAddr::V4(ip)) => (start.to_bits() ^ ip.to_bits()) & mask4(self.bits) == 0,
            (IpAddr::V6(start), IpAddr::V6(ip)) => (start.to_bits() ^ ip.to_bits()) & mask6(self.bits) == 0,
            _ => false,
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.bits)
    }
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn mask4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0)
}

fn mask6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0)
}

/// A host name as DNS has them. One that ends in a number is a mistyped address, which resolvers read in ways
/// nobody expects (`127.1`, `0x7f.1`).
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    text.len() <= MAX_HOST_BYTES && text.split('.').all(label) && !number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(places: &[&str]) -> Allowed {
        Allowed::new(places.iter().map(|text| Place::parse(text).unwrap()).collect())
    }

    fn has(list: &Allowed, ip: &str) -> bool {
        list.has_address(ip.parse().unwrap())
    }

    #[test]
    fn loopback_is_the_default_and_empty_allows_none() {
        let default = Allowed::default();
        assert_eq!(default, allowed(&["127.0.0.0/8", "::1/128"]));
        for ip in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
            assert!(has(&default, ip), "{ip}");
            assert!(!has(&Allowed::new(Vec::new()), ip));
        }
        for ip in [
            "128.0.0.1",
            "126.255.255.255",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "::2",
            "::7f00:1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!has(&default, ip), "{ip}");
        }
    }

    #[test]
    fn networks_of_every_size() {
        let list =
            allowed(&["10.0.0.5", "192.168.4.0/22", "fd00::/8", "[2001:db8::1]", "::ffff:172.16.0.0/108"]);
        for ip in ["10.0.0.5", "192.168.7.255", "fdff::1", "2001:db8::1", "172.31.0.1", "::ffff:10.0.0.5"] {
            assert!(has(&list, ip), "{ip}");
        }
        for ip in ["10.0.0.4", "10.0.0.6", "192.168.8.0", "fe00::", "2001:db8::2", "172.32.0.1"] {
            assert!(!has(&list, ip), "{ip}");
        }
        let all = allowed(&["0.0.0.0/0", "::/0"]);
        assert!(has(&all, "1.2.3.4") && has(&all, "ff::1") && has(&all, "::ffff:1.2.3.4"));
        assert!(!has(&allowed(&["::/0"]), "::ffff:1.2.3.4"), "a mapped address is IPv4");
    }

    #[test]
    fn hosts_are_compared_without_letter_case() {
        let list = allowed(&["Hooks.Example.com", "nas"]);
        assert!(list.has_host("hooks.example.COM") && list.has_host("nas"));
        assert!(
            !list.has_host("example.com") && !list.has_host("x.hooks.example.com") && !list.has_host("nas.")
        );
    }

    #[test]
    fn what_is_neither_is_refused_with_words() {
        let bad = [
            ("", "not an address"),
            ("*.example.com", "not an address"),
            ("example.com:80", "not an address"),
            ("http://example.com", "not an address"),
            ("example.com/8", "not an address"),
            ("a..b", "not an address"),
            ("127.1", "not an address"),
            ("0x7f.0x1", "not an address"),
            ("300.1.1.1", "not an address"),
            ("fe80::1%eth0", "not an address"),
            ("10.0.0.0/33", "0 to 32 bits"),
            ("10.0.0.0/", "0 to 32 bits"),
            ("10.0.0.0/+8", "0 to 32 bits"),
            ("::/129", "0 to 128 bits"),
            ("10.0.0.5/8", "the network is 10.0.0.0/8"),
            ("fd00::1/8", "the network is fd00::/8"),
        ];
        for (text, words) in bad {
            let reason = Place::parse(text).unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }
}
