//! Exported rows on their way out: written as they are read, a piece at a time, so that never more than a piece is in
//! memory.

mod csv;
mod json;

use std::io::{self, ErrorKind};

use axum::body::{Body, Bytes};
use futures_util::stream::try_unfold;
use tokio::task::spawn_blocking;

pub(super) use csv::Csv;
pub(in crate::http) use csv::table;
pub(super) use json::Json;

/// Bytes of a piece, but for its last row: it takes less time to read and write than to send.
const PIECE: usize = 64 * 1024;

/// Rows that are still to be read.
type Reader = Box<dyn Iterator<Item = io::Result<Vec<String>>> + Send>;

/// A form in which rows are written.
pub(super) trait Form: Send {
    /// Writes a row.
    fn row(&mut self, row: &[String]) -> io::Result<()>;
    /// Writes what comes after the last row.
    fn end(&mut self);
    /// About how many bytes are written and not taken.
    fn written(&self) -> usize;
    /// Takes what is written.
    fn take(&mut self) -> io::Result<Vec<u8>>;
}

/// The pieces of a page of data.
pub(super) struct Pieces {
    rows: Reader,
    /// Rows that are to come; the answer's head has said so.
    left: u64,
    form: Box<dyn Form>,
    over: bool,
}

impl Pieces {
    /// Of that many rows.
    pub(super) fn new(rows: Reader, count: u64, form: Box<dyn Form>) -> Self {
        Self { rows, left: count, form, over: false }
    }

    fn piece(&mut self) -> io::Result<Bytes> {
        while self.left > 0 && self.form.written() < PIECE {
            let missing =
                || Err(io::Error::new(ErrorKind::UnexpectedEof, "there are fewer rows than were told"));
            let row = self.rows.next().unwrap_or_else(missing)?;
            self.form.row(&row)?;
            self.left -= 1;
        }
        if self.left == 0 {
            self.over = true;
            self.form.end();
        }
        Ok(self.form.take()?.into())
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.over {
            return None;
        }
        let piece = self.piece();
        self.over |= piece.is_err();
        Some(piece)
    }
}

/// The pieces as a body. Each is made when the one before is on its way, on a thread that may wait for the disk; a client
/// that does not read holds none. After an error the connection ends in the middle, so that nobody takes the part for the
/// whole.
pub(super) fn body(pieces: Pieces) -> Body {
    Body::from_stream(try_unfold(pieces, |mut pieces| async move {
        let made = spawn_blocking(move || (pieces.next().transpose(), pieces)).await;
        let (piece, pieces) = made.map_err(io::Error::other)?;
        match piece {
            Ok(piece) => Ok(piece.map(|piece| (piece, pieces))),
            Err(error) => {
                tracing::error!(%error, "exported data cannot be read to its end");
                Err(error)
            }
        }
    }))
}

#[cfg(test)]
mod tests;
