//! Who holds a port that we wanted, as far as this machine tells.

use std::fmt;

/// The process behind a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its user.
    pub uid: u32,
    /// Its number; none where it is another user's and cannot be looked into.
    pub pid: Option<u32>,
}

impl Holder {
    /// Whoever listens on this TCP port.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn of(port: u16) -> Option<Self> {
        let (uid, inode) = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].iter().find_map(|table| {
            let text = std::fs::read_to_string(table).ok()?;
            text.lines().find_map(|line| listener(line, port))
        })?;
        Some(Self { uid, pid: process_of(inode) })
    }

    /// Nobody can say.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn of(_port: u16) -> Option<Self> {
        None
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} of user {} holds it", self.uid),
            None => write!(f, "a process of user {} holds it", self.uid),
        }
    }
}

/// User and inode of a line of the table, when it is a socket that listens on the port.
#[cfg(target_os = "linux")]
fn listener(line: &str, port: u16) -> Option<(u32, u64)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, own) = fields.get(1)?.rsplit_once(':')?;
    if u16::from_str_radix(own, 16) != Ok(port) || *fields.get(3)? != LISTEN {
        return None;
    }
    Some((fields.get(7)?.parse().ok()?, fields.get(9)?.parse().ok()?))
}

/// The process that has this socket open.
#[cfg(target_os = "linux")]
fn process_of(inode: u64) -> Option<u32> {
    let wanted = std::path::PathBuf::from(format!("socket:[{inode}]"));
    let holds = |pid: u32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| target == wanted)
    };
    let numbers = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| holds(*pid))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_listener_is_found_with_its_process() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = Holder::of(socket.local_addr().unwrap().port()).unwrap();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(holder, Holder { uid, pid: Some(std::process::id()) });
        assert_eq!(holder.to_string(), format!("process {} of user {uid} holds it", std::process::id()));
    }

    #[test]
    fn other_lines_are_nobodys() {
        let line = "  1: 0100007F:1D2E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 x";
        assert_eq!(listener(line, 7470), Some((1000, 4242)));
        assert_eq!(listener(line, 7471), None);
        assert_eq!(listener(&line.replace(" 0A ", " 01 "), 7470), None);
        for bad in ["", "sl local_address", "1: x 2 0A", "1: :: :: 0A"] {
            assert_eq!(listener(bad, 7470), None);
        }
    }
}
