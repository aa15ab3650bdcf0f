//! A TCP proxy that counts bytes and changes of direction, and can hold, cut and restore the way.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::wait::{PATIENCE, eventually};

/// Bytes forwarded at once. More would not be faster for what tests send.
const PIECE: usize = 64 * 1024;

/// A way to `target` under another address. Dropping it cuts the way for good.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From whoever connected to the target.
    There,
    /// From the target to whoever connected.
    Back,
}

/// Bytes that passed since the last [`Proxy::reset`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Runs of bytes in one direction, in the order they were seen.
    pub runs: Vec<(Direction, u64)>,
}

#[derive(Debug)]
struct Shared {
    way: Mutex<Way>,
    changed: Condvar,
    traffic: Mutex<Traffic>,
    connections: AtomicU64,
    ended: AtomicBool,
    /// Everything that passed both ways, when it is kept.
    recorded: Option<Mutex<Vec<u8>>>,
}

#[derive(Debug)]
struct Way {
    target: SocketAddr,
    open: bool,
    held: bool,
    streams: HashMap<u64, [TcpStream; 2]>,
}

impl Traffic {
    /// Bytes both ways.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|(_, bytes)| bytes).sum()
    }

    /// How often the direction changed: a question with its answer is one change.
    pub fn turns(&self) -> usize {
        self.runs.len().saturating_sub(1)
    }

    fn add(&mut self, direction: Direction, bytes: usize) {
        match self.runs.last_mut() {
            Some((last, sum)) if *last == direction => *sum += bytes as u64,
            _ => self.runs.push((direction, bytes as u64)),
        }
    }
}

impl Proxy {
    /// A proxy on a free port of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(target: SocketAddr) -> Self {
        Self::with(target, None)
    }

    /// The same, and what passes is kept.
    ///
    /// # Panics
    /// As [`Proxy::to`].
    pub fn recording(target: SocketAddr) -> Self {
        Self::with(target, Some(Mutex::default()))
    }

    fn with(target: SocketAddr, recorded: Option<Mutex<Vec<u8>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let way = Way { target, open: true, held: false, streams: HashMap::new() };
        let shared = Arc::new(Shared {
            way: Mutex::new(way),
            changed: Condvar::new(),
            traffic: Mutex::default(),
            connections: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            recorded,
        });
        let listening = Arc::clone(&shared);
        std::thread::spawn(move || listen(&listener, &listening));
        Self { address, shared }
    }

    /// Its own address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and new ones at once until [`Proxy::resume`].
    pub fn cut(&self) {
        let mut way = lock(&self.shared.way);
        way.open = false;
        for [one, other] in way.streams.values() {
            let _ = (one.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
        }
        way.streams.clear();
    }

    /// Keeps back what arrives, without closing anything, until [`Proxy::resume`].
    pub fn pause(&self) {
        lock(&self.shared.way).held = true;
    }

    /// Lets everything through again.
    pub fn resume(&self) {
        let mut way = lock(&self.shared.way);
        (way.open, way.held) = (true, false);
        self.shared.changed.notify_all();
    }

    /// Forgets what passed so far.
    pub fn reset(&self) {
        *lock(&self.shared.traffic) = Traffic::default();
    }

    /// What passed since the last reset.
    pub fn traffic(&self) -> Traffic {
        lock(&self.shared.traffic).clone()
    }

    /// Waits until nothing has passed for `silence`, and tells what passed since the last reset.
    ///
    /// # Panics
    /// When it never becomes quiet.
    pub fn wait_quiet(&self, silence: Duration) -> Traffic {
        let mut last = (self.traffic(), Instant::now());
        eventually("a quiet connection", PATIENCE, || {
            let now = self.traffic();
            if now != last.0 {
                last = (now, Instant::now());
            }
            (last.1.elapsed() >= silence).then(|| last.0.clone())
        })
    }

    /// What passed since the start, of a proxy that records.
    pub fn recorded(&self) -> Vec<u8> {
        self.shared.recorded.as_ref().map(|all| lock(all).clone()).unwrap_or_default()
    }

    /// Connections that were let through since the start.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        self.shared.changed.notify_all();
        // Wakes the listening thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        // A way that cannot be opened shows as a closed connection, as it would without a proxy.
        let _ = open(stream, shared);
    }
}

fn open(near: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let target = {
        let way = lock(&shared.way);
        if !way.open {
            return Ok(());
        }
        way.target
    };
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let mut way = lock(&shared.way);
    if !way.open {
        return Ok(());
    }
    way.streams.insert(number, [near.try_clone()?, far.try_clone()?]);
    drop(way);
    pump(near.try_clone()?, far.try_clone()?, Direction::There, number, shared);
    pump(far, near, Direction::Back, number, shared);
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream, direction: Direction, number: u64, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let ended_well = forward(&mut from, &mut to, direction, &shared).is_ok();
        let both = if ended_well { Shutdown::Write } else { Shutdown::Both };
        let _ = to.shutdown(both);
        if !ended_well {
            let _ = from.shutdown(Shutdown::Both);
            lock(&shared.way).streams.remove(&number);
        }
    });
}

fn forward(
    from: &mut TcpStream,
    to: &mut TcpStream,
    direction: Direction,
    shared: &Shared,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        wait_while_held(shared);
        // Counted before it is written, so that whoever saw the effect also sees the count.
        lock(&shared.traffic).add(direction, length);
        if let Some(recorded) = &shared.recorded {
            lock(recorded).extend_from_slice(&piece[..length]);
        }
        to.write_all(&piece[..length])?;
    }
}

fn wait_while_held(shared: &Shared) {
    let held = |way: &mut Way| way.held && way.open;
    let guard = shared.changed.wait_while(lock(&shared.way), held);
    drop(guard.unwrap_or_else(PoisonError::into_inner));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A server that answers every 4 bytes with the same 4 bytes, twice.
    fn echo_twice() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut word = [0; 4];
                    while stream.read_exact(&mut word).is_ok() {
                        stream.write_all(&[word, word].concat()).unwrap();
                    }
                });
            }
        });
        address
    }

    fn ask(stream: &mut TcpStream) -> io::Result<[u8; 8]> {
        let mut answer = [0; 8];
        stream.write_all(b"ping")?;
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn bytes_and_turns_are_counted() {
        let proxy = Proxy::to(echo_twice());
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(&ask(&mut stream).unwrap(), b"pingping");
        assert_eq!(proxy.traffic().runs, [(Direction::There, 4), (Direction::Back, 8)]);
        assert_eq!((proxy.traffic().bytes(), proxy.traffic().turns()), (12, 1));
        ask(&mut stream).unwrap();
        assert_eq!(proxy.traffic().turns(), 3);
        assert_eq!(proxy.wait_quiet(Duration::from_millis(10)).bytes(), 24);
        proxy.reset();
        assert_eq!(proxy.traffic(), Traffic::default());
    }

    #[test]
    fn a_cut_way_is_closed_until_it_is_restored() {
        let proxy = Proxy::to(echo_twice());
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        ask(&mut stream).unwrap();
        proxy.cut();
        assert!(ask(&mut stream).is_err());
        let cut = TcpStream::connect(proxy.address()).and_then(|mut stream| ask(&mut stream));
        assert!(cut.is_err());
        proxy.resume();
        ask(&mut TcpStream::connect(proxy.address()).unwrap()).unwrap();
        assert_eq!(proxy.connections(), 2);
    }

    #[test]
    fn a_held_way_delivers_later() {
        let proxy = Proxy::to(echo_twice());
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        proxy.pause();
        stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
        assert!(ask(&mut stream).is_err(), "nothing passes a held proxy");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        proxy.resume();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"pingping");
    }

    #[test]
    fn the_end_of_one_side_reaches_the_other() {
        let proxy = Proxy::to(echo_twice());
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        eventually("the end", PATIENCE, || (stream.read(&mut [0; 1]).ok()? == 0).then_some(()));
    }
}
