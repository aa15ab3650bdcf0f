//! Which of the addresses somebody claims are worth a dial.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::interfaces::Interfaces;

/// Addresses kept of one instance. A machine with more usable ones is not hurt by losing the last.
pub(super) const MAX_ADDRESSES: usize = 16;

/// An address as it was heard.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) ip: IpAddr,
    /// Indexes of the interfaces it was heard on.
    pub(super) on: Vec<u32>,
}

/// The addresses to dial, the most promising first.
///
/// `own` are our interfaces and our port: what leads back to this very daemon is left out. A loopback
/// address counts only when it was heard on the loopback interface. Another host cannot send there, so
/// it cannot make us dial services of our own machine.
pub(super) fn usable(heard: &[Heard], port: u16, own: (&Interfaces, u16)) -> Vec<SocketAddr> {
    let mut usable: Vec<SocketAddr> = heard.iter().filter_map(|heard| dialable(heard, port, own)).collect();
    usable.sort_by_key(|address| (rank(address.ip()), *address));
    usable.dedup();
    usable.truncate(MAX_ADDRESSES);
    usable
}

fn dialable(heard: &Heard, port: u16, (interfaces, own_port): (&Interfaces, u16)) -> Option<SocketAddr> {
    let ip = heard.ip.to_canonical();
    let on_loopback = heard.on.iter().any(|index| interfaces.is_loopback(*index));
    let refused = port == 0
        || ip.is_unspecified()
        || ip.is_multicast()
        || is_broadcast(ip)
        || (ip.is_loopback() && !on_loopback)
        || (port == own_port && (ip.is_loopback() || interfaces.has(ip)));
    if refused {
        return None;
    }
    match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => scoped(v6, port, &heard.on),
        _ => Some(SocketAddr::new(ip, port)),
    }
}

/// A link-local address means something only together with its interface.
fn scoped(ip: Ipv6Addr, port: u16, on: &[u32]) -> Option<SocketAddr> {
    let scope = on.iter().copied().find(|index| *index != 0)?;
    Some(SocketAddrV6::new(ip, port, 0, scope).into())
}

/// The limited broadcast address, and "this network", which some systems take for the own host.
fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0)
}

/// Plain addresses first, then loopback, which ends at this machine, then link-local, which is lost
/// with the interface.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(v4) if v4.is_link_local() => 2,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => 2,
        _ if ip.is_loopback() => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::interfaces::tests::made_of;
    use super::*;

    const OWN_PORT: u16 = 4000;

    fn heard(ip: &str, on: u32) -> Heard {
        Heard { ip: ip.parse().unwrap(), on: vec![on] }
    }

    /// What is left of one address on a host with loopback (1) and a network (2).
    fn left(ip: &str, on: u32, port: u16) -> Option<String> {
        let interfaces = made_of(&[(1, "127.0.0.1"), (1, "::1"), (2, "192.0.2.1"), (2, "fe80::1")]);
        usable(&[heard(ip, on)], port, (&interfaces, OWN_PORT)).first().map(ToString::to_string)
    }

    #[test]
    fn ordinary_addresses_stay() {
        assert_eq!(left("192.0.2.7", 2, 9).as_deref(), Some("192.0.2.7:9"));
        assert_eq!(left("2001:db8::7", 2, 9).as_deref(), Some("[2001:db8::7]:9"));
        assert_eq!(left("169.254.3.4", 2, 9).as_deref(), Some("169.254.3.4:9"));
        assert_eq!(left("::ffff:192.0.2.7", 2, 9).as_deref(), Some("192.0.2.7:9"));
    }

    #[test]
    fn nonsense_is_dropped() {
        for ip in ["0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.251", "::", "ff02::fb", "::ffff:0.0.0.0"]
        {
            assert_eq!(left(ip, 2, 9), None, "{ip}");
        }
        assert_eq!(left("192.0.2.7", 2, 0), None);
    }

    #[test]
    fn loopback_must_be_heard_on_loopback() {
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(left(ip, 2, 9), None, "{ip}");
            assert!(left(ip, 1, 9).is_some(), "{ip}");
        }
    }

    #[test]
    fn link_local_needs_and_keeps_its_interface() {
        assert_eq!(left("fe80::7", 0, 9), None);
        assert_eq!(left("fe80::7", 2, 9).as_deref(), Some("[fe80::7%2]:9"));
    }

    #[test]
    fn our_own_door_is_never_dialled() {
        assert_eq!(left("192.0.2.1", 2, OWN_PORT), None);
        assert_eq!(left("127.0.0.1", 1, OWN_PORT), None);
        assert!(left("192.0.2.1", 2, OWN_PORT + 1).is_some());
        assert!(left("192.0.2.2", 2, OWN_PORT).is_some());
    }

    #[test]
    fn bounded_sorted_and_without_repetition() {
        let interfaces = made_of(&[(1, "127.0.0.1"), (2, "192.0.2.1")]);
        let mut many: Vec<Heard> = (0..300).map(|n| heard(&format!("198.51.100.{}", n % 250), 2)).collect();
        many.push(heard("fe80::7", 2));
        assert_eq!(usable(&many, 9, (&interfaces, OWN_PORT)).len(), MAX_ADDRESSES);
        let mixed =
            [heard("fe80::7", 2), heard("127.0.0.1", 1), heard("192.0.2.7", 2), heard("192.0.2.7", 2)];
        let found = usable(&mixed, 9, (&interfaces, OWN_PORT));
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].to_string(), "192.0.2.7:9");
        assert_eq!(found[1].to_string(), "127.0.0.1:9");
    }
}
