//! What the routes ask of the network of peers. The sockets behind it are the transport's business; tests put a
//! made-up network here.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::Rights;
use thiserror::Error;
use tokio::sync::watch;

pub use crate::pairing::{AcceptError, Accepted, Invitation};
pub use crate::peers::PeerStatus;

/// Peers, pairing and discovery, as far as a caller of `/v1` can see and move them.
pub trait Network: Send + Sync + 'static {
    /// Every paired device, in a stable order.
    fn peers(&self) -> Vec<PeerStatus>;
    /// Changes its number whenever a peer connects or goes.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Whether peers are found by themselves.
    fn discovery(&self) -> Discovery;
    /// Tries this peer now, or all of them, whatever back-off they are in.
    fn sync_now(&self, peer: Option<DeviceId>);
    /// Makes an invitation in the place of any older one. `None`: for a device of the same person.
    fn invite(&self, spaces: Option<Vec<(Space, Rights)>>) -> BoxFuture<'_, Result<Invitation, InviteError>>;
    /// Accepts an invitation, by its code or its URI, and answers the new peer and what it granted.
    fn accept(&self, code: String, address: Option<String>) -> BoxFuture<'_, Result<Accepted, AcceptError>>;
}

/// Why there is no invitation.
#[derive(Debug, Error)]
#[error("no invitation could be made: {0}")]
pub struct InviteError(pub String);

/// Whether peers are found by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// They are.
    Working,
    /// They are not, and why.
    Unavailable(String),
    /// It is switched off.
    Off,
}

impl Discovery {
    /// For people and scripts: `working`, `off`, or `unavailable: …`.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Working => "working".to_owned(),
            Self::Unavailable(why) => format!("unavailable: {why}"),
            Self::Off => "off".to_owned(),
        }
    }
}

/// Is this `HOST:PORT`, with IPv6 addresses in brackets?
#[must_use]
pub fn is_address(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0) {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let scoped = host.starts_with('[') && host.ends_with(']') && host.contains('%');
    let good_host = scoped || (!host.is_empty() && host.chars().all(plain));
    good_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in ["127.0.0.1:7471", "[::1]:7471", "desk.local:1", "desk:65535", "[fe80::1%eth0]:7471"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "desk", ":7471", "desk:0", "desk:65536", "::1:7471", "a b:1", "http://desk:1", "[]"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
