//! The owner of one socket, read from the text tables `/proc/net/tcp` and `/proc/net/tcp6` (see proc(5)).

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Owner;

const TABLE_V4: &str = "/proc/net/tcp";
const TABLE_V6: &str = "/proc/net/tcp6";
/// The kernel hands out a page at a time.
const BUFFER_BYTES: usize = 16 * 1024;
/// Two ends as the tables write them: address and port in hexadecimal, twice, with a blank between.
const ENDS_BYTES: usize = 2 * (32 + 1 + 4) + 1;
/// The table is not read at one instant, so a socket may be passed over when another goes away; look twice.
const LOOKS: usize = 2;

/// Who holds the socket that is bound to `at` and connected to `to`; `None` if there is none.
///
/// # Errors
/// The tables are not there or cannot be read.
pub(super) fn owner(at: SocketAddr, to: SocketAddr) -> io::Result<Option<Owner>> {
    for _ in 0..LOOKS {
        if let Some(owner) = look(at, to)? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

fn look(at: SocketAddr, to: SocketAddr) -> io::Result<Option<Owner>> {
    let v4 = at.is_ipv4().then(|| search(TABLE_V4, &Ends::v4(at, to)));
    if let Some(Ok(Some(owner))) = v4 {
        return Ok(Some(owner));
    }
    // A socket of IPv6 may speak to IPv4; where there is no IPv6 the first table has said it all.
    match (search(TABLE_V6, &Ends::v6(at, to)), v4) {
        (Err(_), Some(v4)) => v4,
        (v6, _) => v6,
    }
}

fn search(table: &str, ends: &Ends) -> io::Result<Option<Owner>> {
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, File::open(table)?);
    let mut line = Vec::with_capacity(256);
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some(owner) = owner_in(&line, ends.text()) {
            return Ok(Some(owner));
        }
        line.clear();
    }
    Ok(None)
}

/// `sl local remote state queues timer retransmits uid timeout inode …`
fn owner_in(line: &[u8], ends: &[u8]) -> Option<Owner> {
    let rest = line.trim_ascii_start();
    let rest = rest[rest.iter().position(|b| *b == b' ')?..].trim_ascii_start();
    let mut fields = rest.strip_prefix(ends)?.split(|b| *b == b' ').filter(|field| !field.is_empty());
    let uid = number(fields.nth(4)?)?;
    let inode = number(fields.nth(1)?)?;
    Some(Owner { uid, inode })
}

fn number(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// Both ends as a table writes them.
struct Ends {
    bytes: [u8; ENDS_BYTES],
    length: usize,
}

impl Ends {
    fn v4(at: SocketAddr, to: SocketAddr) -> Self {
        let mut ends = Self { bytes: [0; ENDS_BYTES], length: 0 };
        ends.put(&words_v4(at.ip()), at.port());
        ends.put_byte(b' ');
        ends.put(&words_v4(to.ip()), to.port());
        ends
    }

    fn v6(at: SocketAddr, to: SocketAddr) -> Self {
        let mut ends = Self { bytes: [0; ENDS_BYTES], length: 0 };
        ends.put(&words_v6(at.ip()), at.port());
        ends.put_byte(b' ');
        ends.put(&words_v6(to.ip()), to.port());
        ends
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn put(&mut self, words: &[u32], port: u16) {
        words.iter().for_each(|word| self.put_hex(*word, 8));
        self.put_byte(b':');
        self.put_hex(port.into(), 4);
    }

    fn put_hex(&mut self, value: u32, digits: u32) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        for place in (0..digits).rev() {
            self.put_byte(DIGITS[(value >> (4 * place) & 0xf) as usize]);
        }
    }

    fn put_byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
}

/// The kernel prints addresses as words of the machine's own byte order.
fn words_v4(address: IpAddr) -> [u32; 1] {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED).octets(),
    };
    [u32::from_ne_bytes(octets)]
}

fn words_v6(address: IpAddr) -> [u32; 4] {
    let octets = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    std::array::from_fn(|word| {
        let at = word * 4;
        u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_read_and_another_is_not() {
        let ends = Ends::v4("127.0.0.1:7470".parse().unwrap(), "127.0.0.1:40000".parse().unwrap());
        let line = format!(
            "   3: {} 01 00000000:00000000 00:00000000 00000000 65534        0 317397 1 0 20 4 30 10 -1\n",
            str::from_utf8(ends.text()).unwrap()
        );
        let owner = Owner { uid: 65534, inode: 317_397 };
        assert_eq!(owner_in(line.as_bytes(), ends.text()), Some(owner));
        let other = Ends::v4("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:7470".parse().unwrap());
        assert_eq!(owner_in(line.as_bytes(), other.text()), None);
        for cut in 0..line.len() {
            let _ = owner_in(&line.as_bytes()[..cut], ends.text());
        }
    }
}
