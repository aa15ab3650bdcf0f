//! Hosts of a small LAN on this machine: network namespaces on one bridge.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells apart the LANs that one test process makes.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A LAN of hosts numbered from 0, each with the address `10.77.0.(n + 1)`. Dropping it takes it down.
#[derive(Debug)]
pub struct Lan {
    /// Short and unique on this machine: interface names hold 15 characters.
    tag: String,
    hosts: usize,
}

impl Lan {
    /// A LAN of that many hosts.
    ///
    /// # Errors
    /// When this machine forbids it: the reason, in the words of the tool that failed.
    pub fn new(hosts: usize) -> Result<Self, String> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let tag = format!("q{:x}{number:x}", std::process::id());
        let lan = Self { tag, hosts };
        ip(&format!("link add {}br type bridge mcast_snooping 0", lan.tag))?;
        ip(&format!("link set {}br up", lan.tag))?;
        for host in 0..hosts {
            lan.add(host)?;
        }
        Ok(lan)
    }

    /// The namespace of a host.
    pub fn namespace(&self, host: usize) -> String {
        format!("{}n{host}", self.tag)
    }

    /// The address of a host.
    ///
    /// # Panics
    /// When there are more hosts than addresses.
    pub fn address(&self, host: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(host + 1).expect("fewer than 255 hosts"))
    }

    /// Takes a host's own interface down, as when a cable is pulled or Wi-Fi is switched off. Its address stays.
    ///
    /// # Panics
    /// When the tool fails.
    pub fn down(&self, host: usize) {
        ip(&format!("-n {} link set eth0 down", self.namespace(host))).expect("an interface goes down");
    }

    /// Takes it up again.
    ///
    /// # Panics
    /// When the tool fails.
    pub fn up(&self, host: usize) {
        ip(&format!("-n {} link set eth0 up", self.namespace(host))).expect("an interface comes up");
        self.route(host).expect("a route for multicast");
    }

    fn add(&self, host: usize) -> Result<(), String> {
        let (tag, namespace) = (&self.tag, self.namespace(host));
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("link add {tag}v{host} type veth peer name eth0 netns {namespace}"))?;
        ip(&format!("link set {tag}v{host} master {tag}br up"))?;
        ip(&format!("-n {namespace} link set lo up"))?;
        ip(&format!("-n {namespace} addr add {}/24 dev eth0", self.address(host)))?;
        ip(&format!("-n {namespace} link set eth0 up"))?;
        self.route(host)
    }

    /// Routes go with the interface: multicast needs its own again each time.
    fn route(&self, host: usize) -> Result<(), String> {
        ip(&format!("-n {} route replace 224.0.0.0/4 dev eth0", self.namespace(host)))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in 0..self.hosts {
            let _ = ip(&format!("link del {}v{host}", self.tag));
            let _ = ip(&format!("netns del {}", self.namespace(host)));
        }
        let _ = ip(&format!("link del {}br", self.tag));
    }
}

/// Runs `action` in a thread that lives in that network namespace; sockets it opens stay there.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn inside<T: Send + 'static>(
    namespace: &str,
    action: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::os::fd::AsFd;
    let file = File::open(format!("/run/netns/{namespace}"))?;
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(action())
    });
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("no program ip (Debian: iproute2): {error}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("ip {arguments}: {}", words.trim())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn hosts_reach_each_other_and_nobody_else() {
        let lan = match Lan::new(2) {
            Ok(lan) => lan,
            Err(reason) => return eprintln!("SKIPPED: network namespaces: {reason}"),
        };
        let address = lan.address(0);
        let listener = inside(&lan.namespace(0), move || TcpListener::bind((address, 0)));
        let listener = listener.expect("a namespace").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || listener.accept()?.0.write_all(b"hello"));
        let mut client = inside(&lan.namespace(1), move || TcpStream::connect((address, port)))
            .expect("a namespace")
            .expect("a way");
        let mut text = String::new();
        client.read_to_string(&mut text).expect("bytes");
        server.join().expect("the server").expect("an accepted connection");
        assert_eq!(text, "hello");
    }
}
