//! What multicast DNS says: a TXT record is read as it was written or not at all, and no claimed address leads to
//! this machine's own services or nowhere.

use std::net::{IpAddr, SocketAddr};

use quire_daemon::discovery::fuzzing::{addresses, text};

/// Our interfaces: loopback and a network.
fn own() -> [(u32, IpAddr); 4] {
    let ip = |text: &str| text.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
    [(1, ip("127.0.0.1")), (1, ip("::1")), (2, ip("192.0.2.1")), (2, ip("fe80::1"))]
}

const OWN_PORT: u16 = 7471;

/// Addresses that one daemon dials of one instance.
const MOST: usize = 16;

/// Reads the input as the strings of a TXT record, and as addresses.
pub fn check(data: &[u8]) {
    record(data);
    claimed(data);
}

/// Strings with a byte of length each; the name ends at the first equals sign.
fn record(mut data: &[u8]) {
    let mut properties: Vec<(&str, Option<&[u8]>)> = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        let end = string.iter().position(|byte| *byte == b'=');
        let (name, value) = match end {
            Some(end) => (&string[..end], Some(&string[end + 1..])),
            None => (string, None),
        };
        if let Ok(name) = std::str::from_utf8(name) {
            properties.push((name, value));
        }
    }
    if text(&properties).is_some() {
        let size: usize =
            properties.iter().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len)).sum();
        assert!(size <= 400, "{size} bytes were read");
    }
}

fn claimed(data: &[u8]) {
    let Some((port, rest)) = data.split_first_chunk::<2>() else { return };
    let port = if port[0] == 0 { OWN_PORT } else { u16::from_be_bytes(*port) };
    let heard: Vec<(IpAddr, u32)> = rest.chunks_exact(17).map(address).collect();
    let dialed = addresses(&heard, port, (&own(), OWN_PORT));
    assert!(dialed.len() <= MOST);
    for address in dialed {
        assert!(worth_a_dial(&address, &heard), "{address} of {heard:?}");
    }
}

/// One byte for the interface and the family, sixteen of address.
fn address(bytes: &[u8]) -> (IpAddr, u32) {
    let on = u32::from(bytes[0] & 3);
    let (v4, v6) = ([bytes[1], bytes[2], bytes[3], bytes[4]], bytes[1..17].try_into().unwrap_or([0; 16]));
    (if bytes[0] & 4 == 0 { IpAddr::from(v4) } else { IpAddr::from(v6) }, on)
}

fn worth_a_dial(address: &SocketAddr, heard: &[(IpAddr, u32)]) -> bool {
    let ip = address.ip().to_canonical();
    let on = |index: u32| heard.iter().any(|(claimed, on)| claimed.to_canonical() == ip && *on == index);
    let ours = own().iter().any(|(_, own)| *own == ip);
    address.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && (!ip.is_loopback() || on(1))
        && !(address.port() == OWN_PORT && (ours || ip.is_loopback()))
}
