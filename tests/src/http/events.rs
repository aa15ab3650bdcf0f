//! A server-sent event stream, read one event at a time.

use super::{BodyReader, Head, connect, head_bytes, read_head};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The last id the stream gave, as a client would send it in `Last-Event-ID`.
    pub id: String,
    /// The kind of event; empty when the stream names none.
    pub kind: String,
    /// The data lines, joined by line feeds.
    pub data: String,
}

/// An open stream of events.
#[derive(Debug)]
pub struct EventStream {
    source: BufReader<TcpStream>,
    head: Head,
    pending: Vec<u8>,
    last_id: String,
}

impl EventStream {
    /// Opens a stream and reads its head. Reads block at most `timeout`.
    ///
    /// # Errors
    /// When the connection fails or the answer is no HTTP. The status is the caller's to look at.
    pub fn open(
        address: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
        timeout: Duration,
    ) -> io::Result<Self> {
        let mut stream = connect(address, timeout)?;
        stream.write_all(&head_bytes(address, "GET", target, headers, None))?;
        let mut source = BufReader::new(stream);
        let head = read_head(&mut source)?;
        Ok(Self { source, head, pending: Vec::new(), last_id: String::new() })
    }

    /// Status code of the answer.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The next event; comments and empty blocks are passed over.
    ///
    /// # Errors
    /// When the stream ends, breaks, or says nothing within the timeout.
    pub fn next_event(&mut self) -> io::Result<Event> {
        loop {
            if let Some(block) = self.take_block() {
                if let Some(event) = self.parse(&block) {
                    return Ok(event);
                }
                continue;
            }
            let piece = self.read_piece()?;
            self.pending.extend(piece.into_iter().filter(|byte| *byte != b'\r'));
        }
    }

    /// The bytes up to the next empty line, if it has arrived.
    fn take_block(&mut self) -> Option<String> {
        let end = self.pending.windows(2).position(|pair| pair == b"\n\n")?;
        let rest = self.pending.split_off(end + 2);
        let block = std::mem::replace(&mut self.pending, rest);
        Some(String::from_utf8_lossy(&block).into_owned())
    }

    /// One chunk, or whatever the socket has when the stream is not chunked.
    fn read_piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        if self.head.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding")) {
            let size = super::read_line(&mut self.source)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(|_| super::bad("no chunk size"))?;
            self.source.by_ref().take(size).read_to_end(&mut piece)?;
            super::read_line(&mut self.source)?;
        } else {
            piece.extend_from_slice(self.source.fill_buf()?);
            self.source.consume(piece.len());
        }
        if piece.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the event stream ended"));
        }
        Ok(piece)
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let mut event = Event::default();
        let mut data = Vec::new();
        for line in block.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "id" => value.clone_into(&mut self.last_id),
                "event" => value.clone_into(&mut event.kind),
                "data" => data.push(value),
                _ => {}
            }
        }
        if data.is_empty() {
            return None;
        }
        event.id.clone_from(&self.last_id);
        event.data = data.join("\n");
        Some(event)
    }

    /// The rest of an answer that is no event stream, for failure texts.
    pub fn body(mut self) -> String {
        let mut body = Vec::new();
        if let Ok(mut reader) = BodyReader::new(&mut self.source, "GET", &self.head) {
            // Whatever arrived is worth showing, also when the rest does not come.
            let _ = reader.read_to_end(&mut body);
        }
        String::from_utf8_lossy(&body).into_owned()
    }
}
