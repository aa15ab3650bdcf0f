//! The network interfaces in use, as far as discovery cares: to notice that they changed.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// The addresses of all running interfaces. Two of them are equal when nothing changed between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces(BTreeSet<Interface>);

/// One address of one interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Interface {
    name: String,
    index: u32,
    ip: IpAddr,
    /// How often the link came or went, where the system counts it. It tells of an interface that was
    /// down and up again between two looks, or while the machine slept.
    link_changes: Option<u64>,
}

impl Interfaces {
    /// The interfaces now. Those that are down or have no link are left out, and so are
    /// point-to-point ones, which carry no multicast DNS.
    pub(super) fn now() -> io::Result<Self> {
        let all = if_addrs::get_if_addrs()?;
        Ok(Self(all.into_iter().filter(|i| i.is_oper_up() && !i.is_p2p()).map(Interface::from).collect()))
    }

    /// Running interfaces with these indexes and addresses.
    pub(super) fn of(addresses: &[(u32, IpAddr)]) -> Self {
        let interface = |(index, ip): &(u32, IpAddr)| Interface {
            name: format!("if{index}"),
            index: *index,
            ip: *ip,
            link_changes: None,
        };
        Self(addresses.iter().map(interface).collect())
    }

    /// Whether there is nothing to speak or listen on.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is one of this machine.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|interface| interface.ip == ip)
    }

    /// Whether the interface with this index never leaves the machine.
    pub(super) fn is_loopback(&self, index: u32) -> bool {
        self.0.iter().any(|interface| interface.index == index && interface.ip.is_loopback())
    }
}

impl From<if_addrs::Interface> for Interface {
    fn from(found: if_addrs::Interface) -> Self {
        let link_changes = link_changes(&found.name);
        Self { index: found.index.unwrap_or_default(), ip: found.ip(), name: found.name, link_changes }
    }
}

/// The kernel's count of link changes; `None` where there is no such count.
#[cfg(target_os = "linux")]
fn link_changes(name: &str) -> Option<u64> {
    let path = std::path::Path::new("/sys/class/net").join(name).join("carrier_changes");
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn link_changes(_: &str) -> Option<u64> {
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Interfaces made of indexes and addresses.
    pub(in super::super) fn made_of(addresses: &[(u32, &str)]) -> Interfaces {
        let parsed: Vec<(u32, IpAddr)> =
            addresses.iter().map(|(index, ip)| (*index, ip.parse().unwrap())).collect();
        Interfaces::of(&parsed)
    }

    #[test]
    fn loopback_is_known_by_its_index() {
        let interfaces = made_of(&[(1, "127.0.0.1"), (2, "192.0.2.1")]);
        assert!(interfaces.is_loopback(1));
        assert!(!interfaces.is_loopback(2));
        assert!(!interfaces.is_loopback(3));
        assert!(interfaces.has("192.0.2.1".parse().unwrap()));
        assert!(!interfaces.is_empty());
    }

    #[test]
    fn looking_twice_finds_the_same() {
        assert_eq!(Interfaces::now().unwrap(), Interfaces::now().unwrap());
    }
}
