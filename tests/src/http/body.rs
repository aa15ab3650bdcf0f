//! The body of an answer as a plain reader: by length, in chunks, or until the connection ends.

use super::{Head, bad, find, read_line};
use std::io::{self, BufRead, Read};

/// Reads a body and stops at its end.
#[derive(Debug)]
pub struct BodyReader<'a, R> {
    source: &'a mut R,
    framing: Framing,
}

/// How the end of the body is known.
#[derive(Debug)]
enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// So many bytes of the present chunk are still to come; `first` until a chunk was begun.
    Chunks { left: u64, first: bool },
    /// All chunks were read.
    ChunksEnded,
    /// Whatever comes until the connection ends.
    UntilClose,
}

impl<'a, R: BufRead> BodyReader<'a, R> {
    /// The body that follows `head` in `source`, as the answer to a request of that method.
    ///
    /// # Errors
    /// When `Content-Length` is no number.
    pub fn new(source: &'a mut R, method: &str, head: &Head) -> io::Result<Self> {
        let chunked = find(&head.headers, "transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let framing = if method == "HEAD" || matches!(head.status, 101..=199 | 204 | 304) {
            Framing::Length(0)
        } else if chunked {
            Framing::Chunks { left: 0, first: true }
        } else if let Some(length) = find(&head.headers, "content-length") {
            Framing::Length(length.parse().map_err(|_| bad(format!("Content-Length: {length:?}")))?)
        } else {
            Framing::UntilClose
        };
        Ok(Self { source, framing })
    }

    /// Whether another answer may follow on the same connection, once this body was read to its end.
    pub fn leaves_connection_usable(&self) -> bool {
        matches!(self.framing, Framing::Length(0) | Framing::ChunksEnded)
    }

    /// Moves on to the next chunk, or past the last one.
    fn next_chunk(&mut self, first: bool) -> io::Result<()> {
        if !first {
            read_line(self.source)?;
        }
        let line = read_line(self.source)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let left = u64::from_str_radix(size, 16).map_err(|_| bad(format!("no chunk size: {line:?}")))?;
        self.framing = Framing::Chunks { left, first: false };
        if left == 0 {
            while !read_line(self.source)?.is_empty() {}
            self.framing = Framing::ChunksEnded;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for BodyReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunks { left: 0, first } = self.framing {
            self.next_chunk(first)?;
        }
        let left = match &mut self.framing {
            Framing::UntilClose => return self.source.read(buffer),
            Framing::ChunksEnded | Framing::Length(0) => return Ok(0),
            Framing::Length(left) | Framing::Chunks { left, .. } => left,
        };
        let wanted = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let got = self.source.read(&mut buffer[..wanted])?;
        if got == 0 && wanted > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended in the middle of a body",
            ));
        }
        *left -= got as u64;
        Ok(got)
    }
}
