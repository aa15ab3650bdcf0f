//! Somebody who is called back: an HTTP server that answers everything in one way and keeps what it was sent.

use crate::wait::eventually;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a caller may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came in one request.
#[derive(Debug, Clone)]
pub struct Call {
    /// When all of it was there.
    pub at: Instant,
    /// The request line and header fields.
    pub head: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server on a port of this machine. Dropping it ends it.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    /// Connections of a server that never answers, so that they stay open.
    silent: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Receiver {
    /// One that answers with these bytes as they are; with none it keeps the connection and says nothing.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn answering(answer: &'static str) -> Self {
        Self::on("127.0.0.1:0", move |_| answer.to_owned())
    }

    /// One on that address that answers what `answer` makes of each call.
    ///
    /// # Panics
    /// When the address is not free.
    pub fn on(address: &str, answer: impl Fn(&Call) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (serving, answer) = (Arc::clone(&shared), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, answer) = (Arc::clone(&serving), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &shared, &*answer));
            }
        });
        Self { address, shared }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it.
    pub fn url(&self) -> String {
        format!("http://{}/called?by=quire", self.address)
    }

    /// What came so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }

    /// Waits until there were so many calls; gives them.
    pub fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Call> {
        eventually(&format!("{count} calls at {}", self.address), deadline, || {
            Some(self.calls()).filter(|calls| calls.len() >= count)
        })
    }
}

impl Call {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        let shown = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", shown()))
    }

    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.iter().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listening thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// A connection carries one call: the answer ends it.
fn serve(stream: TcpStream, shared: &Shared, answer: &dyn Fn(&Call) -> String) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut reader = BufReader::new(&stream);
    let Some(call) = read(&mut reader) else { return };
    lock(&shared.calls).push(call.clone());
    let answer = answer(&call);
    if answer.is_empty() {
        lock(&shared.silent).push(stream);
    } else {
        let _ = (&stream).write_all(answer.as_bytes());
    }
}

/// One whole request; `None` for a connection on which none came.
fn read(from: &mut impl BufRead) -> Option<Call> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        head.push(line.to_owned());
    }
    let mut call = Call { at: Instant::now(), head, body: Vec::new() };
    let length = call.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    from.take(length).read_to_end(&mut call.body).ok()?;
    call.at = Instant::now();
    Some(call)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;

    #[test]
    fn what_comes_is_kept_and_answered() {
        let receiver =
            Receiver::answering("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let mut client = Client::new(receiver.address());
        let answer = client.request("POST", "/x", &[("Content-Type", "text/plain")], Some(b"{\"a\":1}"));
        assert_eq!(answer.expect("an answer").status, 202);
        let calls = receiver.wait_for(1, PATIENCE);
        assert_eq!(calls[0].head[0], "POST /x HTTP/1.1");
        assert_eq!(
            (calls[0].header("content-TYPE"), calls[0].json()["a"].as_i64()),
            (Some("text/plain"), Some(1))
        );
    }
}
