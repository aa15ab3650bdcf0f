//! Where the hosts of one call are: asked once, checked, and never asked again, so that an answer that changes (DNS
//! rebinding) changes nothing.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::allowed::Allowed;
use super::target::Target;

/// A name has rarely more; each one that does not answer costs a time-out.
const MAX_ADDRESSES: usize = 4;
/// As long as the system's own resolver waits for one server.
const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// Finds the addresses of a host name.
pub(super) trait Resolve {
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// As the system does it.
pub(super) struct System;

impl Resolve for System {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Why a target is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unpinned {
    /// The configuration, or what the address is, forbids it.
    NotAllowed(String),
    /// It cannot be found.
    Unknown(String),
}

/// The addresses of every host that one call has had to do with, in all its attempts.
pub(super) struct Pins<'a, R> {
    resolver: &'a R,
    allowed: &'a Allowed,
    own: Vec<SocketAddr>,
    found: HashMap<(String, u16), Result<Vec<SocketAddr>, Unpinned>>,
}

impl<'a, R: Resolve> Pins<'a, R> {
    /// `own` are the sockets this daemon listens on.
    pub(super) fn new(resolver: &'a R, allowed: &'a Allowed, own: &[SocketAddr]) -> Self {
        Self { resolver, allowed, own: with_every_address(own), found: HashMap::new() }
    }

    /// The addresses of a target that may be called, the same ones each time.
    pub(super) async fn addresses(&mut self, target: &Target) -> Result<Vec<SocketAddr>, Unpinned> {
        let key = (target.host.clone(), target.port);
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let found = self.find(target).await;
        self.found.insert(key, found.clone());
        found
    }

    async fn find(&self, target: &Target) -> Result<Vec<SocketAddr>, Unpinned> {
        let all = match target.literal() {
            Some(ip) => vec![SocketAddr::new(ip, target.port)],
            None => self.resolve(target).await.map_err(|why| self.unfound(target, why))?,
        };
        let named = self.allowed.has_host(&target.host);
        let mut refused = None;
        let mut good = Vec::new();
        for address in all {
            let address = SocketAddr::new(address.ip().to_canonical(), target.port);
            match self.check(address, named) {
                Ok(()) => good.push(address),
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        good.truncate(MAX_ADDRESSES);
        match refused {
            Some(reason) if good.is_empty() => {
                Err(Unpinned::NotAllowed(format!("{} {reason}", target.shown())))
            }
            _ if good.is_empty() => Err(self.unfound(target, format!("{} has no address", target.shown()))),
            _ => Ok(good),
        }
    }

    /// A name that is not in the list is allowed by its addresses alone: without any it is not.
    fn unfound(&self, target: &Target, why: String) -> Unpinned {
        if self.allowed.has_host(&target.host) {
            Unpinned::Unknown(why)
        } else {
            Unpinned::NotAllowed(format!("{} is not in bulk.callbacks, and {why}", target.shown()))
        }
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        match timeout(RESOLVE_TIME, self.resolver.resolve(&target.host, target.port)).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(format!("{} cannot be resolved: {error}", target.host)),
            Err(_) => Err(format!("{} is not resolved in time", target.host)),
        }
    }

    fn check(&self, address: SocketAddr, named: bool) -> Result<(), String> {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            Err(format!("({ip}) is no address of a single machine"))
        } else if self.own.iter().any(|own| is_own(*own, address)) {
            Err(format!("({ip}) is this daemon itself"))
        } else if named {
            Ok(())
        } else if ip.is_loopback() && address.port() < LEAST_PORT {
            Err(format!(
                "(port {}) is a service of the system: name its host in bulk.callbacks",
                address.port()
            ))
        } else if self.allowed.has_address(ip) {
            Ok(())
        } else {
            Err(format!("({ip}) is not in bulk.callbacks"))
        }
    }
}

/// Below it are services of this machine's system (printers, mail), which no receiver of callbacks is. A host that the
/// configuration names is reached at any port.
const LEAST_PORT: u16 = 1024;

/// A socket that listens on all addresses listens on each of this machine's.
fn with_every_address(own: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> =
        own.iter().map(|own| SocketAddr::new(own.ip().to_canonical(), own.port())).collect();
    if own.iter().any(|own| own.ip().is_unspecified()) {
        // Without the list, loopback is still known to be ours.
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let ports: Vec<u16> =
            own.iter().filter(|own| own.ip().is_unspecified()).map(SocketAddr::port).collect();
        let each = |interface: if_addrs::Interface| {
            let ip = interface.ip();
            ports.clone().into_iter().map(move |port| SocketAddr::new(ip, port))
        };
        all.extend(interfaces.into_iter().flat_map(each));
    }
    all
}

fn is_own(own: SocketAddr, address: SocketAddr) -> bool {
    let everywhere = own.ip().is_unspecified() && address.ip().is_loopback();
    own.port() == address.port() && (own.ip() == address.ip() || everywhere)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::callback::Place;

    /// Every name is at these addresses.
    struct At(Vec<&'static str>);

    impl Resolve for At {
        async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(self.0.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
        }
    }

    async fn found(
        places: &[&str],
        own: &[&str],
        at: &[&'static str],
        url: &str,
    ) -> Result<Vec<String>, String> {
        let allowed = Allowed::new(places.iter().map(|text| Place::parse(text).unwrap()).collect());
        let own: Vec<SocketAddr> = own.iter().map(|text| text.parse().unwrap()).collect();
        let at = At(at.to_vec());
        let mut pins = Pins::new(&at, &allowed, &own);
        match pins.addresses(&Target::parse(url).unwrap()).await {
            Ok(addresses) => Ok(addresses.iter().map(ToString::to_string).collect()),
            Err(Unpinned::NotAllowed(reason)) => Err(reason),
            Err(Unpinned::Unknown(reason)) => Err(format!("unknown: {reason}")),
        }
    }

    const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

    #[tokio::test]
    async fn only_addresses_of_the_list_are_called() {
        for good in [
            "http://127.0.0.1:1024",
            "http://[::1]:9000",
            "http://[::ffff:127.0.0.1]:9000",
            "http://127.9.9.9:9000",
        ] {
            assert_eq!(found(&LOOPBACK, &[], &[], good).await.unwrap().len(), 1, "{good}");
        }
        let bad = [
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://[::ffff:10.0.0.1]",
            "http://[fe80::1]",
            "http://8.8.8.8",
        ];
        for bad in bad {
            let reason = found(&LOOPBACK, &[], &[], bad).await.unwrap_err();
            assert!(reason.contains("is not in bulk.callbacks"), "{bad}: {reason}");
        }
        let reason = found(&[], &[], &[], "http://127.0.0.1:9000").await.unwrap_err();
        assert_eq!(reason, "127.0.0.1:9000 (127.0.0.1) is not in bulk.callbacks");
        for service in ["http://127.0.0.1", "http://[::1]:631", "http://[::ffff:127.0.0.1]:1023"] {
            let reason = found(&LOOPBACK, &[], &[], service).await.unwrap_err();
            assert!(reason.contains("is a service of the system"), "{service}: {reason}");
        }
        assert_eq!(found(&["10.0.0.1"], &[], &[], "http://10.0.0.1").await.unwrap(), ["10.0.0.1:80"]);
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses_unless_the_list_has_it() {
        let reason = found(&LOOPBACK, &[], &["10.0.0.1"], "http://nas:8/").await.unwrap_err();
        assert_eq!(reason, "nas:8 (10.0.0.1) is not in bulk.callbacks");
        assert_eq!(found(&["nas"], &[], &["10.0.0.1"], "http://NAS:8/").await.unwrap(), ["10.0.0.1:8"]);
        found(&["nas"], &[], &["10.0.0.1"], "http://nas2:8/").await.unwrap_err();
        let mixed = found(&LOOPBACK, &[], &["10.0.0.1", "127.0.0.1", "::1"], "http://x:9000/").await.unwrap();
        assert_eq!(mixed, ["127.0.0.1:9000", "[::1]:9000"]);
        let unfound = found(&LOOPBACK, &[], &[], "http://x/").await.unwrap_err();
        assert_eq!(unfound, "x:80 is not in bulk.callbacks, and x:80 has no address");
        assert_eq!(found(&["x"], &[], &[], "http://x/").await.unwrap_err(), "unknown: x:80 has no address");
    }

    #[tokio::test]
    async fn no_list_reaches_what_is_no_machine_or_ourselves() {
        let all = ["0.0.0.0/0", "::/0", "evil"];
        for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "[::]", "[ff02::1]", "[::ffff:0.0.0.0]"] {
            let reason = found(&all, &[], &[], &format!("http://{ip}:7")).await.unwrap_err();
            assert!(reason.contains("no address of a single machine"), "{ip}: {reason}");
        }
        let own = ["127.0.0.1:7470", "[::]:7471"];
        let ours = [
            "http://127.0.0.1:7470/x",
            "http://[::ffff:127.0.0.1]:7470",
            "http://127.0.0.1:7471",
            "http://127.8.8.8:7471",
            "http://[::1]:7471",
        ];
        for url in ours {
            let reason = found(&all, &own, &[], url).await.unwrap_err();
            assert!(reason.contains("is this daemon itself"), "{url}: {reason}");
        }
        let reason = found(&all, &own, &["127.0.0.1"], "http://evil:7470").await.unwrap_err();
        assert!(reason.contains("is this daemon itself"), "{reason}");
        found(&all, &own, &[], "http://127.0.0.1:7472").await.unwrap();
        found(&all, &own, &[], "http://127.0.0.2:7470").await.unwrap();
        for interface in if_addrs::get_if_addrs().unwrap() {
            let url = format!("http://{}", SocketAddr::new(interface.ip(), 7471));
            found(&all, &own, &[], &url).await.unwrap_err();
        }
    }
}
