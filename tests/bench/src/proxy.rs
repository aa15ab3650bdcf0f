//! A TCP proxy that counts the bytes of a link, both ways together, and can cut it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Context, Outcome};

/// How many bytes are carried at a time.
const CARRIED: usize = 64 * 1024;

/// A listening proxy. Its threads end with the benchmark.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    is_cut: AtomicBool,
    bytes: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free loopback port and carries what arrives to `target`.
    pub fn to(target: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").while_doing("listen for the counting proxy")?;
        let address = listener.local_addr().while_doing("read the counting proxy's address")?;
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            is_cut: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            open: Mutex::new(Vec::new()),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || for_thread.accept(&listener));
        Ok(Self { address, shared })
    }

    /// Where to dial instead of the target.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Bytes carried since the start, both ways.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Breaks every connection, and every new one until [`Proxy::mend`].
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        for stream in self.shared.connections().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.shared.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if !self.is_cut.load(Ordering::SeqCst) {
                // A target that is away looks to the dialler like a link that breaks at once.
                let _ = self.carry_both_ways(client);
            }
        }
    }

    fn carry_both_ways(self: &Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(&self.target)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.connections().extend([client.try_clone()?, server.try_clone()?]);
        let (to_server, to_client) = (Arc::clone(self), Arc::clone(self));
        let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || to_server.carry(from_client, server));
        thread::spawn(move || to_client.carry(from_server, client));
        Ok(())
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; CARRIED];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    }
}

/// All the connections between two measured programs.
pub struct Link {
    /// One proxy for each direction in which somebody dials.
    pub proxies: Vec<Proxy>,
}

impl Link {
    /// Bytes carried since the start, over all proxies and both ways.
    pub fn bytes(&self) -> u64 {
        self.proxies.iter().map(Proxy::bytes).sum()
    }

    /// Separates the two.
    pub fn cut(&self) {
        self.proxies.iter().for_each(Proxy::cut);
    }

    /// Lets them meet again.
    pub fn mend(&self) {
        self.proxies.iter().for_each(Proxy::mend);
    }

    /// Waits until nothing was carried for `quiet`, at most `limit`, so that late acknowledgements are counted to the
    /// edit they belong to.
    pub fn settle(&self, quiet: Duration, limit: Duration) {
        let start = Instant::now();
        let (mut seen, mut since) = (self.bytes(), Instant::now());
        while since.elapsed() < quiet && start.elapsed() < limit {
            thread::sleep(Duration::from_millis(1));
            if self.bytes() != seen {
                (seen, since) = (self.bytes(), Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::Proxy;

    /// Answers every connection's bytes with the same bytes.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut bytes = [0; 5];
                    while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {}
                });
            }
        });
        address
    }

    fn exchange(stream: &mut TcpStream) -> std::io::Result<[u8; 5]> {
        let mut bytes = [0; 5];
        stream.write_all(b"hello")?;
        stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn bytes_are_counted_both_ways_and_a_cut_breaks_until_mended() {
        let proxy = Proxy::to(&echo()).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(&exchange(&mut stream).unwrap(), b"hello");
        assert_eq!(proxy.bytes(), 10);
        proxy.cut();
        assert!(exchange(&mut stream).is_err());
        assert!(exchange(&mut TcpStream::connect(proxy.address()).unwrap()).is_err());
        proxy.mend();
        assert_eq!(&exchange(&mut TcpStream::connect(proxy.address()).unwrap()).unwrap(), b"hello");
    }
}
