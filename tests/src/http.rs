//! A small blocking HTTP/1.1 client on a plain socket, keep-alive, for tests that must see every byte.
//!
//! It follows no redirect, repeats no request and hides no header. [`raw`] sends bytes that are no HTTP at all.

mod body;
mod events;

pub use body::BodyReader;
pub use events::{Event, EventStream};

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one read or write may block before the request counts as failed.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Longest head line read: longer than any daemon of ours sends.
const MAX_LINE: u64 = 64 * 1024;

/// Header fields as sent or received, in order.
pub type Headers = Vec<(String, String)>;

/// A client of one address that keeps its connection between requests.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    timeout: Duration,
    namespace: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// One whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in the order received.
    pub headers: Headers,
    /// Body with any transfer coding removed.
    pub body: Vec<u8>,
}

/// The status line and header fields of an answer whose body is still to be read.
#[derive(Debug)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// Header fields in the order received.
    pub headers: Headers,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, timeout: TIMEOUT, namespace: None, connection: None }
    }

    /// Changes how long one read or write may block.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects from inside the network namespace of that name.
    pub fn in_namespace(mut self, namespace: Option<&str>) -> Self {
        self.namespace = namespace.map(str::to_owned);
        self
    }

    /// Sends one request and reads its whole answer. `Host`, `Content-Length` are added unless `headers` has them.
    ///
    /// # Errors
    /// When the connection cannot be made, ends early, times out, or the answer is no HTTP.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Response> {
        let head = head_bytes(self.address, method, target, headers, body.map(<[u8]>::len));
        let mut connection = self.take_connection()?;
        let sent = send(connection.get_mut(), &head, body.unwrap_or_default());
        // A server may answer and close before it has read a body that it refuses: look for the answer first.
        let answer = read_response(&mut connection, method);
        let (response, reusable) = match (sent, answer) {
            (_, Ok(answer)) => answer,
            (Err(error), Err(_)) | (Ok(()), Err(error)) => return Err(error),
        };
        if reusable {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    /// The kept connection when it is still open, else a new one.
    fn take_connection(&mut self) -> io::Result<BufReader<TcpStream>> {
        match self.connection.take() {
            Some(kept) if is_open(kept.get_ref()) => Ok(kept),
            _ => self.connect().map(BufReader::new),
        }
    }
}

impl Client {
    fn connect(&self) -> io::Result<TcpStream> {
        let (address, timeout) = (self.address, self.timeout);
        match &self.namespace {
            None => connect(address, timeout),
            Some(name) => crate::host::inside(name, move || connect(address, timeout))?,
        }
    }
}

impl Response {
    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text; bytes that are no UTF-8 are shown as replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, showing status and body.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in answer {}: {}", self.status, self.text()))
    }

    /// This answer, when its status is `status`.
    ///
    /// # Panics
    /// When it is another, showing the body.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected status; the body says: {}", self.text());
        self
    }
}

/// Sends `bytes` as they are, closes the sending side, and returns whatever comes back until the end.
/// A reset by the other side counts as the end.
///
/// # Errors
/// When the connection cannot be made, or nothing ends it within `timeout`.
pub fn raw(address: SocketAddr, bytes: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
    let mut stream = connect(address, timeout)?;
    // The other side may refuse early and close: what it said before is what counts.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(answer),
    }
}

/// The status code of a raw answer, if it begins like one.
pub fn status_of(answer: &[u8]) -> Option<u16> {
    let text = answer.strip_prefix(b"HTTP/1.1 ").or_else(|| answer.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(text.get(..3)?).ok()?.parse().ok()
}

fn connect(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

/// Whether the other side has neither closed nor sent anything unasked.
fn is_open(stream: &TcpStream) -> bool {
    let waits = stream.set_nonblocking(true).is_ok()
        && matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    waits && stream.set_nonblocking(false).is_ok()
}

fn head_bytes(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    length: Option<usize>,
) -> Vec<u8> {
    let given = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !given("host") {
        head += &format!("Host: {address}\r\n");
    }
    if let Some(length) = length.filter(|_| !given("content-length") && !given("transfer-encoding")) {
        head += &format!("Content-Length: {length}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// Head and small bodies go out in one segment, so that a counted request is one packet.
fn send(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    const ONE_WRITE: usize = 64 * 1024;
    if body.len() <= ONE_WRITE {
        return stream.write_all(&[head, body].concat());
    }
    stream.write_all(head)?;
    stream.write_all(body)
}

fn read_response(connection: &mut BufReader<TcpStream>, method: &str) -> io::Result<(Response, bool)> {
    let head = loop {
        let head = read_head(connection)?;
        if head.status != 100 {
            break head;
        }
    };
    let mut body = Vec::new();
    let reusable = {
        let mut reader = BodyReader::new(connection, method, &head)?;
        reader.read_to_end(&mut body)?;
        reader.leaves_connection_usable()
    };
    let keeps = find(&head.headers, "connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    Ok((Response { status: head.status, headers: head.headers, body }, reusable && keeps))
}

/// Reads a status line and header fields.
fn read_head(source: &mut impl BufRead) -> io::Result<Head> {
    let line = read_line(source)?;
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| bad(format!("no status line: {line:?}")))?;
    let mut headers = Headers::new();
    loop {
        let line = read_line(source)?;
        if line.is_empty() {
            return Ok(Head { status, headers });
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("no header field: {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Reads one line and drops its end. The end of the stream before it is an error.
fn read_line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection ended in the middle of a line",
        ));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| bad("a head line is not UTF-8"))
}

fn find<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

#[cfg(test)]
mod tests;
