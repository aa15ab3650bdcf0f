//! Multicast DNS as a hostile host speaks it: instances that are none, by the thousand.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// The group of multicast DNS.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Its port.
const PORT: u16 = 5353;

const SERVICE: &str = "_quire._tcp.local";

/// Types of records.
const ADDRESS: u16 = 1;
const POINTER: u16 = 12;
const TEXT: u16 = 16;
const SERVER: u16 = 33;

/// Instances of one packet: more would not fit into 1,500 bytes.
pub const IN_ONE_PACKET: u32 = 4;

/// Digits of a tag, behind `t=` in a text of its own.
const TAG: usize = 32;

/// What a forged instance says of itself.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Makes its names unique.
    pub number: u32,
    /// Where it says to be.
    pub at: SocketAddrV4,
    /// Whom it says to be.
    pub tag: String,
}

/// A socket that hears and says everything.
#[derive(Debug)]
pub struct Host(UdpSocket);

impl Host {
    /// On the interface with that address.
    ///
    /// # Errors
    /// When the system refuses the port or the group.
    pub fn on(interface: Ipv4Addr) -> io::Result<Host> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
        socket.set_multicast_ttl_v4(255)?;
        socket.join_multicast_v4(&GROUP, &interface)?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        Ok(Host(socket))
    }

    /// Asks who is there until the host with that address says its tag.
    #[must_use]
    pub fn tag_of(&self, who: Ipv4Addr, deadline: Duration) -> Option<String> {
        let (start, mut packet) = (Instant::now(), [0; 9000]);
        while start.elapsed() < deadline {
            self.say(&question());
            while let Ok((count, from)) = self.0.recv_from(&mut packet) {
                if from.ip() == IpAddr::V4(who)
                    && let Some(tag) = tag_in(&packet[..count])
                {
                    return Some(tag);
                }
            }
        }
        None
    }

    /// Announces these.
    pub fn claim(&self, claims: &[Claim]) {
        self.say(&announced(claims));
        std::thread::yield_now();
    }

    fn say(&self, packet: &[u8]) {
        // A full queue is what a flood is about.
        let _ = self.0.send_to(packet, (GROUP, PORT));
    }
}

fn question() -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend(name(SERVICE));
    packet.extend([0, 12, 0, 1]);
    packet
}

fn tag_in(packet: &[u8]) -> Option<String> {
    let text = |part: &[u8]| part.starts_with(&[TAG as u8 + 2, b't', b'=']);
    let found = packet.windows(TAG + 3).find(|part| text(part))?;
    String::from_utf8(found[3..].to_vec()).ok()
}

fn announced(claims: &[Claim]) -> Vec<u8> {
    let records = u16::try_from(claims.len() * 4).unwrap_or(u16::MAX);
    let mut packet = vec![0, 0, 0x84, 0, 0, 0];
    packet.extend(records.to_be_bytes());
    packet.extend([0; 4]);
    for Claim { number, at, tag } in claims {
        let (instance, host) = (format!("f{number}.{SERVICE}"), format!("h{number}.local"));
        let text = format!("\x03v=1\x22t={tag}");
        let server = [&[0; 4][..], &at.port().to_be_bytes(), &name(&host)].concat();
        record(&mut packet, SERVICE, POINTER, &name(&instance));
        record(&mut packet, &instance, SERVER, &server);
        record(&mut packet, &instance, TEXT, text.as_bytes());
        record(&mut packet, &host, ADDRESS, &at.ip().octets());
    }
    packet
}

fn name(dotted: &str) -> Vec<u8> {
    let labels = dotted.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        std::iter::once(length).chain(label.bytes())
    });
    labels.chain([0]).collect()
}

fn record(packet: &mut Vec<u8>, of: &str, kind: u16, data: &[u8]) {
    packet.extend(name(of));
    packet.extend(kind.to_be_bytes());
    packet.extend(1_u16.to_be_bytes());
    packet.extend(120_u32.to_be_bytes());
    packet.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    packet.extend(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_has_its_tag_in_it_and_fits_a_packet() {
        let tag = "0123456789abcdef0123456789abcdef".to_owned();
        let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7470);
        let claims: Vec<Claim> =
            (0..IN_ONE_PACKET).map(|n| Claim { number: 249_000 + n, at, tag: tag.clone() }).collect();
        let packet = announced(&claims);
        assert_eq!(tag_in(&packet), Some(tag));
        assert!(packet.len() < 1_472, "{}", packet.len());
    }
}
