//! A small blocking HTTP/1.1 client for the daemon's own API: one connection a request, JSON both ways.

use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::folder::{self, FolderError, Ready};

/// The daemon answers from its own disk; longer means that it is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a waiting read looks whether it should go on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The greatest answer that is taken: many thousand conflicts.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// A line of a response head, and how many of them, are taken.
const MAX_LINE_BYTES: usize = 16 * 1024;
const MAX_HEAD_LINES: usize = 100;
/// A token has 64 digits.
const MAX_TOKEN_BYTES: u64 = 1024;

/// Why the daemon did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody is there.
    #[error("no daemon is running on {} ({reason}); start one with `quire serve`", .folder.display())]
    NoDaemon {
        /// The data folder that was looked at.
        folder: PathBuf,
        /// How that is known.
        reason: String,
    },
    /// The data folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The token cannot be read.
    #[error("cannot read the API token {}: {source}", .path.display())]
    Token {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke, or the answer took too long.
    #[error("the daemon at {address} did not answer {what}: {source}")]
    Io {
        /// Where it is.
        address: SocketAddr,
        /// The request.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The daemon says no.
    #[error("{detail} (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's `detail`.
        detail: String,
    },
}

/// Takes bytes as they come.
type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>;

/// Knows one daemon and its token.
#[derive(Clone, Debug)]
pub(super) struct Client {
    folder: PathBuf,
    address: SocketAddr,
    token: String,
    deadline: Duration,
    cancel: Option<Arc<AtomicBool>>,
}

impl Client {
    /// The daemon that runs on a data folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, ClientError> {
        let no_daemon = |reason: String| ClientError::NoDaemon { folder: folder.to_owned(), reason };
        let ready =
            folder::read_ready(folder)?.ok_or_else(|| no_daemon("there is no ready.json".to_owned()))?;
        if !folder::is_alive(ready.pid) {
            return Err(no_daemon(format!("its process {} has ended", ready.pid)));
        }
        Self::of_ready(folder, &ready)
    }

    /// The daemon that a ready file describes.
    pub(super) fn of_ready(folder: &Path, ready: &Ready) -> Result<Self, ClientError> {
        let address = ready.api.strip_prefix("http://").and_then(|rest| rest.parse().ok());
        let address = address.ok_or_else(|| ClientError::NoDaemon {
            folder: folder.to_owned(),
            reason: format!("its address {:?} cannot be called", ready.api),
        })?;
        let token = read_token(&ready.token_file)?;
        Ok(Self { folder: folder.to_owned(), address, token, deadline: ANSWER_WITHIN, cancel: None })
    }

    /// The same daemon with more or less patience.
    pub(super) fn within(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// The same daemon; a request ends as soon as `cancel` turns true.
    pub(super) fn until(&self, cancel: Arc<AtomicBool>) -> Self {
        Self { cancel: Some(cancel), ..self.clone() }
    }

    /// `GET`.
    pub(super) fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.request("GET", path, None)
    }

    /// `POST` with a JSON body.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.request("POST", path, Some(body))
    }

    /// `DELETE`.
    pub(super) fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.request("DELETE", path, None)
    }

    /// `GET` of bytes of any number, a piece at a time; each has the time that an answer has.
    pub(super) fn download(&self, path: &str, sink: Sink<'_>) -> Result<(), ClientError> {
        let broken = |source| ClientError::Io { address: self.address, what: format!("GET {path}"), source };
        let stream = self.connect(&broken)?;
        let mut wire = Wire::new(stream, self.deadline, self.cancel.clone());
        wire.send(&self.head_and_body("GET", path, None)).map_err(broken)?;
        let head = wire.head().map_err(broken)?;
        if head.status == 200 {
            return wire.pour(&head, self.deadline, sink).map_err(broken);
        }
        let body = wire.body(&head).map_err(broken)?;
        Err(ClientError::Refused { status: head.status, detail: detail(parse(&body).ok(), head.status) })
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let broken =
            |source| ClientError::Io { address: self.address, what: format!("{method} {path}"), source };
        let stream = self.connect(&broken)?;
        let mut wire = Wire::new(stream, self.deadline, self.cancel.clone());
        wire.send(&self.head_and_body(method, path, body)).map_err(broken)?;
        let (status, body) = wire.receive().map_err(broken)?;
        let value = parse(&body);
        if (200..300).contains(&status) {
            return value.map_err(|error| broken(std::io::Error::new(ErrorKind::InvalidData, error)));
        }
        Err(ClientError::Refused { status, detail: detail(value.ok(), status) })
    }

    fn connect(&self, broken: &dyn Fn(std::io::Error) -> ClientError) -> Result<TcpStream, ClientError> {
        match TcpStream::connect_timeout(&self.address, self.deadline) {
            Ok(stream) => Ok(stream),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(ClientError::NoDaemon {
                folder: self.folder.clone(),
                reason: format!("nothing listens on {}", self.address),
            }),
            Err(error) => Err(broken(error)),
        }
    }

    /// A name of the daemon that it always takes.
    fn host(&self) -> String {
        if self.address.ip().is_loopback() {
            self.address.to_string()
        } else {
            format!("localhost:{}", self.address.port())
        }
    }

    fn head_and_body(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: application/json\r\nConnection: close\r\n",
            self.host(),
            self.token
        );
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(&body.unwrap_or_default());
        head.into_bytes()
    }
}

fn read_token(path: &Path) -> Result<String, ClientError> {
    let failed = |source| ClientError::Token { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_TOKEN_BYTES).read_to_string(&mut text).map_err(failed)?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(failed(std::io::Error::new(ErrorKind::InvalidData, "it holds no token")));
    }
    Ok(token.to_owned())
}

fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) }
}

/// What the daemon says about its refusal: `detail` or `title` of a problem, `Message` of a shape's error.
fn detail(body: Option<Value>, status: u16) -> String {
    let said = |member: &str| body.as_ref()?.get(member)?.as_str().map(str::to_owned);
    said("detail")
        .or_else(|| said("title"))
        .or_else(|| said("Message"))
        .unwrap_or_else(|| format!("the daemon refuses with status {status} and no reason"))
}

/// One connection with a deadline for all of it.
struct Wire {
    stream: TcpStream,
    deadline: Instant,
    cancel: Option<Arc<AtomicBool>>,
    buffer: Vec<u8>,
    at: usize,
}

impl Wire {
    fn new(stream: TcpStream, deadline: Duration, cancel: Option<Arc<AtomicBool>>) -> Self {
        Self { stream, deadline: Instant::now() + deadline, cancel, buffer: Vec::new(), at: 0 }
    }

    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.stream.set_write_timeout(Some(left.max(LOOK_EVERY)))?;
        self.stream.set_nodelay(true)?;
        match self.stream.write_all(bytes) {
            // The daemon may refuse before it has read everything; its answer says more than this error.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Ok(())
            }
            done => done,
        }
    }

    fn receive(&mut self) -> std::io::Result<(u16, Vec<u8>)> {
        loop {
            let head = self.head()?;
            match head.status {
                100..=199 => {}
                204 | 304 => return Ok((head.status, Vec::new())),
                status => return Ok((status, self.body(&head)?)),
            }
        }
    }

    fn head(&mut self) -> std::io::Result<Head> {
        let first = self.line()?;
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
        let mut head =
            Head { status: status.ok_or_else(|| bad("not an HTTP answer"))?, length: None, chunked: false };
        for _ in 0..MAX_HEAD_LINES {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(head);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without colon"))?;
            if name.eq_ignore_ascii_case("content-length") {
                head.length =
                    Some(value.trim().parse().map_err(|_| bad("a Content-Length that is no number"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        Err(bad("too many headers"))
    }

    fn body(&mut self, head: &Head) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        match head.length {
            _ if head.chunked => loop {
                let size = self.chunk_size()?;
                if size == 0 {
                    return Ok(body);
                }
                self.take(size, &mut body)?;
                self.line()?;
            },
            Some(length) => self.take(length, &mut body)?,
            None => {
                while self.fill()? {
                    body.extend_from_slice(&self.buffer[self.at..]);
                    self.at = self.buffer.len();
                    check_size(body.len())?;
                }
            }
        }
        Ok(body)
    }

    /// Pours the body into `sink`. One that is cut is an error: only a body in chunks says where it ends.
    fn pour(&mut self, head: &Head, patience: Duration, sink: Sink<'_>) -> std::io::Result<()> {
        if !head.chunked {
            return Err(bad("an answer that is not in chunks"));
        }
        loop {
            self.deadline = Instant::now() + patience;
            let mut left = self.chunk_size()?;
            if left == 0 {
                return Ok(());
            }
            while left > 0 {
                if self.at == self.buffer.len() && !self.fill()? {
                    return Err(ended());
                }
                let part = &self.buffer[self.at..];
                let part = &part[..part.len().min(left)];
                sink(part)?;
                (left, self.at) = (left - part.len(), self.at + part.len());
            }
            self.line()?;
        }
    }

    fn chunk_size(&mut self) -> std::io::Result<usize> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        usize::from_str_radix(digits, 16).map_err(|_| bad("a chunk without size"))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        loop {
            if self.at == self.buffer.len() && !self.fill()? {
                return Err(ended());
            }
            let byte = self.buffer[self.at];
            self.at += 1;
            match byte {
                b'\n' => break,
                b'\r' => {}
                _ if line.len() == MAX_LINE_BYTES => return Err(bad("a line that is too long")),
                _ => line.push(byte),
            }
        }
        String::from_utf8(line).map_err(|_| bad("a header that is not UTF-8"))
    }

    fn take(&mut self, mut count: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        check_size(body.len().saturating_add(count))?;
        while count > 0 {
            if self.at == self.buffer.len() && !self.fill()? {
                return Err(ended());
            }
            let part = &self.buffer[self.at..];
            let part = &part[..part.len().min(count)];
            body.extend_from_slice(part);
            count -= part.len();
            self.at += part.len();
        }
        Ok(())
    }

    /// Replaces what has been used by what comes next; false at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        if self.at < self.buffer.len() {
            return Ok(true);
        }
        self.buffer.resize(MAX_LINE_BYTES, 0);
        self.at = 0;
        let got = self.read();
        self.buffer.truncate(*got.as_ref().unwrap_or(&0));
        got.map(|count| count > 0)
    }

    fn read(&mut self) -> std::io::Result<usize> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(std::io::Error::new(ErrorKind::TimedOut, "it took too long"));
            }
            if self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                return Err(std::io::Error::other("it was interrupted"));
            }
            self.stream.set_read_timeout(Some(left.min(LOOK_EVERY)))?;
            match self.stream.read(&mut self.buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                done => return done,
            }
        }
    }
}

struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
}

fn check_size(bytes: usize) -> std::io::Result<()> {
    if bytes > MAX_ANSWER_BYTES { Err(bad("an answer that is too large")) } else { Ok(()) }
}

fn bad(what: &'static str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, what)
}

fn ended() -> std::io::Error {
    std::io::Error::new(ErrorKind::UnexpectedEof, "the answer ended early")
}

#[cfg(test)]
mod tests;
