//! Doors for the fuzz target `mdns_txt` (`fuzz/shell`). Not an interface: it changes with the readers.

use std::net::{IpAddr, SocketAddr};

use super::address::{Heard, usable};
use super::interfaces::Interfaces;
use super::text::Text;

/// Whether a TXT record that can be read says that an invitation is live.
///
/// # Panics
/// When what it says, written again, is read otherwise.
pub fn text(properties: &[(&str, Option<&[u8]>)]) -> Option<bool> {
    let said = Text::parse(properties.iter().copied())?;
    let written = said.properties();
    let again = Text::parse(written.iter().map(|(key, value)| (*key, Some(value.as_bytes()))));
    assert_eq!(again, Some(said));
    Some(said.pairing)
}

/// The addresses worth a dial of those that an instance claims, each with the interface it was heard on, for a
/// daemon with this port on a machine with these interfaces (index and address).
pub fn addresses(
    claimed: &[(IpAddr, u32)],
    port: u16,
    (interfaces, own_port): (&[(u32, IpAddr)], u16),
) -> Vec<SocketAddr> {
    let claimed: Vec<Heard> = claimed.iter().map(|(ip, on)| Heard { ip: *ip, on: vec![*on] }).collect();
    usable(&claimed, port, (&Interfaces::of(interfaces), own_port))
}
