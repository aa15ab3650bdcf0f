//! A blocking HTTP/1.1 client with one kept-alive connection: as little as possible stands between the clock and the
//! server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::failure::{Context, Failure, Outcome, unusable};

/// No answer takes longer, not even one with 100,000 markings.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// A connection left alone for longer is opened anew, since a server may close it at any moment.
const IDLE_LIMIT: Duration = Duration::from_secs(2);
/// How much of a refusal is worth showing.
const SHOWN_OF_A_REFUSAL: usize = 300;

/// One connection to one server.
pub struct Client {
    address: String,
    bearer: Option<String>,
    accept: Option<&'static str>,
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    last_use: Instant,
}

/// What a server said.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, out of its chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Outcome<T> {
        serde_json::from_slice(&self.body).map_err(|error| unusable(what, error))
    }

    /// The answer itself, or a failure when the status is not a 2xx.
    pub fn success(self, what: &str) -> Outcome<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let shown = &self.body[..self.body.len().min(SHOWN_OF_A_REFUSAL)];
        let body = String::from_utf8_lossy(shown).into_owned();
        Err(Failure::Refused { what: what.to_owned(), status: self.status, body })
    }
}

impl Client {
    /// Connects to `address` (`127.0.0.1:PORT`).
    pub fn connect(address: &str, bearer: Option<&str>) -> Outcome<Self> {
        let stream = open(address).while_doing(&format!("connect to {address}"))?;
        let bearer = bearer.map(str::to_owned);
        Ok(Self {
            address: address.to_owned(),
            bearer,
            accept: None,
            stream,
            request: Vec::new(),
            last_use: Instant::now(),
        })
    }

    /// The same, asking for answers of that type.
    pub fn accepting(self, accept: Option<&'static str>) -> Self {
        Self { accept, ..self }
    }

    /// Sends one request and reads its whole answer, whatever its status.
    pub fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Outcome<Answer> {
        self.exchange(method, path, body).while_doing(&format!("{method} {path}"))
    }

    /// As [`Client::call`], but only a 2xx is good enough.
    pub fn demand(&mut self, method: &str, path: &str, body: &[u8]) -> Outcome<Answer> {
        self.call(method, path, body)?.success(&format!("{method} {path}"))
    }

    fn exchange(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        if self.last_use.elapsed() > IDLE_LIMIT {
            self.stream = open(&self.address)?;
        }
        self.write_head(method, path, body.len())?;
        self.request.extend_from_slice(body);
        self.stream.get_mut().write_all(&self.request)?;
        let answer = read_answer(&mut self.stream);
        self.last_use = Instant::now();
        answer
    }

    fn write_head(&mut self, method: &str, path: &str, length: usize) -> io::Result<()> {
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address)?;
        if let Some(bearer) = &self.bearer {
            write!(self.request, "Authorization: Bearer {bearer}\r\n")?;
        }
        if let Some(accept) = self.accept {
            write!(self.request, "Accept: {accept}\r\n")?;
        }
        if length > 0 {
            write!(self.request, "Content-Type: application/json\r\nContent-Length: {length}\r\n")?;
        } else if method != "GET" {
            write!(self.request, "Content-Length: 0\r\n")?;
        }
        write!(self.request, "\r\n")
    }
}

fn open(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(BufReader::with_capacity(64 * 1024, stream))
}

enum Framing {
    Length(usize),
    Chunked,
}

fn read_answer(stream: &mut impl BufRead) -> io::Result<Answer> {
    let mut line = Vec::with_capacity(128);
    read_line(stream, &mut line)?;
    let status = number(line.split(|byte| *byte == b' ').nth(1).unwrap_or_default(), 10)?;
    let framing = read_headers(stream, &mut line)?;
    let mut body = Vec::new();
    match framing {
        Framing::Length(length) => read_exactly(stream, &mut body, length)?,
        Framing::Chunked => read_chunks(stream, &mut line, &mut body)?,
    }
    let status = u16::try_from(status).map_err(|_| broken("a status that is none"))?;
    Ok(Answer { status, body })
}

fn read_headers(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Framing> {
    let mut framing = Framing::Length(0);
    loop {
        read_line(stream, line)?;
        if line.is_empty() {
            return Ok(framing);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            framing = Framing::Length(number(value, 10)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") && value.eq_ignore_ascii_case(b"chunked") {
            framing = Framing::Chunked;
        }
    }
}

fn read_chunks(stream: &mut impl BufRead, line: &mut Vec<u8>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        read_line(stream, line)?;
        let length = number(line.split(|byte| *byte == b';').next().unwrap_or_default(), 16)?;
        read_exactly(stream, body, length)?;
        read_line(stream, line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, body: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let before = body.len();
    stream.take(length as u64).read_to_end(body)?;
    if body.len() - before == length { Ok(()) } else { Err(broken("the answer ends early")) }
}

fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    stream.read_until(b'\n', line)?;
    if line.pop() != Some(b'\n') {
        return Err(broken("the connection was closed"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(())
}

fn number(digits: &[u8], radix: u32) -> io::Result<usize> {
    let digits = str::from_utf8(digits.trim_ascii()).map_err(|_| broken("a number that is none"))?;
    usize::from_str_radix(digits, radix).map_err(|_| broken("a number that is none"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::read_answer;

    #[test]
    fn a_length_frames_the_body() {
        let mut bytes = &b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}HTTP"[..];
        let answer = read_answer(&mut bytes).unwrap();
        assert_eq!((answer.status, answer.body.as_slice(), bytes), (201, &b"{}"[..], &b"HTTP"[..]));
    }

    #[test]
    fn chunks_are_joined() {
        let mut bytes =
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n"[..];
        assert_eq!(read_answer(&mut bytes).unwrap().body, b"abc");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        assert!(read_answer(&mut &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"[..]).is_err());
    }
}
