//! The owner of one socket, asked of the kernel by netlink `sock_diag` (see sock_diag(7)).

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::Owner;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
/// `nlmsghdr` and `inet_diag_req_v2`.
const REQUEST_BYTES: usize = 16 + 56;
/// Where in a request or an answer the two ends of the socket stand: ports (2 + 2) and addresses (16 + 16).
const REQUEST_ENDS: usize = 16 + 8;
const ANSWER_ENDS: usize = 16 + 4;
const ENDS_BYTES: usize = 36;
/// Where in an answer `idiag_uid` and `idiag_inode` stand.
const ANSWER_UID: usize = 16 + 64;
const ANSWER_INODE: usize = 16 + 68;
/// An answer about one socket takes 88 bytes and a few attributes.
const ANSWER_BYTES: usize = 1024;

/// Who holds the socket that is bound to `at` and connected to `to`; `None` if there is none.
///
/// # Errors
/// The system has no `sock_diag` or forbids it.
pub(super) fn owner(at: SocketAddr, to: SocketAddr) -> io::Result<Option<Owner>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    let ends = ends(at, to);
    send(&socket, &request(at, &ends), SendFlags::empty())?;
    let mut answer = [0; ANSWER_BYTES];
    // The kernel has answered before `send` returns.
    let (_, length) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
    read(answer.get(..length).ok_or(io::ErrorKind::InvalidData)?, &ends)
}

fn request(at: SocketAddr, ends: &[u8; ENDS_BYTES]) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    bytes[..4].copy_from_slice(&u32::try_from(REQUEST_BYTES).unwrap_or_default().to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    bytes[16] = if at.is_ipv4() { AF_INET } else { AF_INET6 };
    bytes[17] = IPPROTO_TCP;
    bytes[20..24].fill(0xff); // every state
    bytes[REQUEST_ENDS..REQUEST_ENDS + ENDS_BYTES].copy_from_slice(ends);
    bytes[REQUEST_BYTES - 8..].fill(0xff); // no cookie
    bytes
}

fn ends(at: SocketAddr, to: SocketAddr) -> [u8; ENDS_BYTES] {
    let mut bytes = [0; ENDS_BYTES];
    bytes[..2].copy_from_slice(&at.port().to_be_bytes());
    bytes[2..4].copy_from_slice(&to.port().to_be_bytes());
    put_address(&mut bytes[4..20], at.ip());
    put_address(&mut bytes[20..36], to.ip());
    bytes
}

fn put_address(field: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(v4) => field[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => field.copy_from_slice(&v6.octets()),
    }
}

/// Reads one answer. Where no such connection exists the kernel offers a listener on that port; that is not the caller.
fn read(answer: &[u8], ends: &[u8; ENDS_BYTES]) -> io::Result<Option<Owner>> {
    match u16::from_ne_bytes(field(answer, 4)?) {
        NLMSG_ERROR => {
            let errno = i32::from_ne_bytes(field(answer, 16)?).wrapping_neg();
            let missing = errno == rustix::io::Errno::NOENT.raw_os_error();
            if missing { Ok(None) } else { Err(io::Error::from_raw_os_error(errno)) }
        }
        SOCK_DIAG_BY_FAMILY => {
            let [_family, state, ..]: [u8; 4] = field(answer, 16)?;
            let owner = Owner {
                uid: u32::from_ne_bytes(field(answer, ANSWER_UID)?),
                inode: u32::from_ne_bytes(field(answer, ANSWER_INODE)?),
            };
            Ok((state != TCP_LISTEN && same_ends(field(answer, ANSWER_ENDS)?, ends)).then_some(owner))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A socket of IPv6 that speaks to IPv4 tells its addresses in the mapped form.
fn same_ends(told: [u8; ENDS_BYTES], asked: &[u8; ENDS_BYTES]) -> bool {
    told[..4] == asked[..4]
        && same_address(&told[4..20], &asked[4..20])
        && same_address(&told[20..], &asked[20..])
}

fn same_address(told: &[u8], asked: &[u8]) -> bool {
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    told == asked || (told[..12] == MAPPED && told[12..] == asked[..4] && asked[4..] == [0; 12])
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let field = bytes.get(at..at + N).and_then(|field| field.try_into().ok());
    field.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
