//! Whose process is at the other end of a connection.
//!
//! On loopback both ends of a connection are sockets of this machine, so the kernel knows the user of the other one. It
//! is asked once, when the connection is accepted, by `sock_diag` (one exact question, some 10 µs) or, where that is
//! forbidden, by the text tables in `/proc/net`. A socket without an inode is nobody's any more: the kernel then says
//! uid 0, which must never be taken for root.

use std::net::{IpAddr, SocketAddr};

use super::guard::Rules;

#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod table;

/// What the kernel says about one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The user; means nothing without an inode.
    pub(super) uid: u32,
    /// 0 once the process has closed the socket.
    pub(super) inode: u32,
}

/// Who is calling, as far as the machine can tell. Found once for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A live process of this user on this machine.
    User(u32),
    /// The caller had closed its socket before it could be looked at, or was not on this machine after all.
    Gone,
    /// A loopback caller on a system that does not tell, or in a place we cannot see into.
    Unknown,
    /// Not on loopback: comes from another machine.
    Remote,
}

/// What follows from who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One of ours: the documented shapes need nothing more.
    Trusted,
    /// Nobody knows: what is shown decides, an app password where these are asked for, else the bearer token.
    NeedsToken,
    /// Somebody else's process: 403.
    Refused,
}

impl Caller {
    /// Finds out who is at `peer`, the other end of a connection that was accepted at `local`.
    #[must_use]
    pub fn find(peer: SocketAddr, local: SocketAddr) -> Self {
        let (peer, local) = (plain(peer), plain(local));
        if !peer.ip().is_loopback() {
            // An address of this machine that is not loopback is this machine all the same.
            return if peer.ip() == local.ip() { Self::from_kernel(peer, local) } else { Self::Remote };
        }
        Self::from_kernel(peer, local)
    }

    #[cfg(target_os = "linux")]
    fn from_kernel(peer: SocketAddr, local: SocketAddr) -> Self {
        diag::owner(peer, local)
            .or_else(|_| table::owner(peer, local))
            .map_or(Self::Unknown, Self::from_owner)
    }

    #[cfg(not(target_os = "linux"))]
    fn from_kernel(_peer: SocketAddr, _local: SocketAddr) -> Self {
        Self::Unknown
    }

    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    fn from_owner(owner: Option<Owner>) -> Self {
        match owner {
            Some(Owner { uid, inode }) if inode != 0 => Self::User(uid),
            _ => Self::Gone,
        }
    }

    /// What this caller may do under these rules.
    #[must_use]
    pub fn standing(self, rules: &Rules) -> Standing {
        match self {
            Self::User(uid) if uid == rules.uid || rules.allow_uids.contains(&uid) => Standing::Trusted,
            Self::User(_) | Self::Gone => Standing::Refused,
            Self::Unknown | Self::Remote => Standing::NeedsToken,
        }
    }
}

/// IPv4 told as IPv6 (a dual-stack listener does) becomes IPv4 again.
fn plain(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::token::{ApiToken, TokenFile};
    use std::net::{Shutdown, TcpListener, TcpStream};

    type Lookup = fn(SocketAddr, SocketAddr) -> std::io::Result<Option<Owner>>;
    const WAYS: [(&str, Lookup); 2] = [("sock_diag", diag::owner), ("table", table::owner)];

    /// Connections of every family: (name, listener's address, address dialled).
    const FAMILIES: [(&str, &str, &str); 4] = [
        ("v4", "127.0.0.1:0", "127.0.0.1"),
        ("v6", "[::1]:0", "::1"),
        ("dual stack", "[::]:0", "127.0.0.1"),
        ("mapped by the client", "127.0.0.1:0", "::ffff:127.0.0.1"),
    ];

    fn connect(listen: &str, dial: &str) -> Option<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind(listen).ok()?;
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((dial.parse::<IpAddr>().unwrap(), port)).unwrap();
        Some((client, listener.accept().unwrap().0))
    }

    fn ends(server: &TcpStream) -> (SocketAddr, SocketAddr) {
        (plain(server.peer_addr().unwrap()), plain(server.local_addr().unwrap()))
    }

    #[test]
    fn our_own_connections_are_ours_by_both_ways() {
        let uid = rustix::process::geteuid().as_raw();
        for (family, listen, dial) in FAMILIES {
            let Some((_client, server)) = connect(listen, dial) else {
                eprintln!("SKIPPED {family}: no such address here");
                continue;
            };
            let (peer, local) = ends(&server);
            for (way, lookup) in WAYS {
                let owner = lookup(peer, local).unwrap_or_else(|e| panic!("{family} by {way}: {e}"));
                let owner = owner.unwrap_or_else(|| panic!("{family} by {way}: not found"));
                assert!(owner.uid == uid && owner.inode != 0, "{family} by {way}: {owner:?}");
            }
            assert_eq!(Caller::find(peer, local), Caller::User(uid), "{family}");
        }
    }

    #[test]
    fn a_half_closed_caller_is_known_and_a_gone_one_is_never_root() {
        let (client, server) = connect("127.0.0.1:0", "127.0.0.1").unwrap();
        let (peer, local) = ends(&server);
        client.shutdown(Shutdown::Write).unwrap();
        for (way, lookup) in WAYS {
            assert!(lookup(peer, local).unwrap().is_some_and(|o| o.inode != 0), "{way}");
        }
        drop(client);
        for (way, lookup) in WAYS {
            assert_eq!(Caller::from_owner(lookup(peer, local).unwrap()), Caller::Gone, "{way}");
        }
    }

    #[test]
    fn asking_costs_less_than_a_millisecond() {
        const TIMES: u32 = 200;
        let (_client, server) = connect("127.0.0.1:0", "127.0.0.1").unwrap();
        let (peer, local) = ends(&server);
        let start = std::time::Instant::now();
        (0..TIMES).for_each(|_| assert!(diag::owner(peer, local).unwrap().is_some()));
        let each = start.elapsed() / TIMES;
        assert!(each < std::time::Duration::from_millis(1), "{each:?}");
        eprintln!("one question by sock_diag: {each:?}");
        let start = std::time::Instant::now();
        (0..TIMES).for_each(|_| assert!(table::owner(peer, local).unwrap().is_some()));
        eprintln!("one question by the tables: {:?}", start.elapsed() / TIMES);
    }

    #[test]
    fn a_listener_on_the_same_port_is_not_the_caller() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody: SocketAddr = listener.local_addr().unwrap();
        let local: SocketAddr = "127.0.0.1:9".parse().unwrap();
        for (way, lookup) in WAYS {
            assert_eq!(lookup(nobody, local).unwrap(), None, "{way}");
        }
    }

    #[test]
    fn other_machines_are_remote() {
        let local = "192.0.2.1:7470".parse().unwrap();
        assert_eq!(Caller::find("192.0.2.9:1".parse().unwrap(), local), Caller::Remote);
        assert_eq!(Caller::find("[::ffff:192.0.2.9]:1".parse().unwrap(), local), Caller::Remote);
    }

    #[test]
    fn only_our_user_is_trusted() {
        let token = TokenFile::fixed(ApiToken::random().unwrap());
        let rules = Rules { allow_uids: vec![7], ..Rules::of(1, 1000, token) };
        let standings = [
            (Caller::User(1000), Standing::Trusted),
            (Caller::User(7), Standing::Trusted),
            (Caller::User(0), Standing::Refused),
            (Caller::User(1001), Standing::Refused),
            (Caller::Gone, Standing::Refused),
            (Caller::Unknown, Standing::NeedsToken),
            (Caller::Remote, Standing::NeedsToken),
        ];
        for (caller, standing) in standings {
            assert_eq!(caller.standing(&rules), standing, "{caller:?}");
        }
    }
}
