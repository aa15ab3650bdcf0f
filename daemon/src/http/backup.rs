//! `GET /v1/backup`: every row of one snapshot, as a stream.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use tokio::task::spawn_blocking;

use super::failure::off_thread;
use super::problem::Problem;
use super::router::Services;
use crate::backup::rows::Encoder;
use crate::engine::{EngineError, Snapshot};

/// Bytes of a piece, but for its last row.
const PIECE: usize = 256 * 1024;

/// `GET /v1/backup`.
pub(super) async fn backup(State(services): State<Services>) -> Result<Response, Problem> {
    const STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
    let encrypted = services.engine.key_place().is_some();
    let snapshot = off_thread(move || services.engine.snapshot()).await?;
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Another backup is being made. Try again.");
    let pieces = Pieces {
        snapshot: snapshot.ok_or_else(busy)?,
        encoder: Encoder::default(),
        begun: Some(Encoder::begin(encrypted)),
        is_over: false,
    };
    Ok(([(CONTENT_TYPE, STREAM)], body(pieces)).into_response())
}

struct Pieces {
    snapshot: Snapshot,
    encoder: Encoder,
    begun: Option<Vec<u8>>,
    is_over: bool,
}

impl Pieces {
    fn piece(&mut self) -> Result<Option<Bytes>, EngineError> {
        if self.is_over {
            return Ok(None);
        }
        let mut out = self.begun.take().unwrap_or_default();
        let rows = self.snapshot.next(PIECE)?;
        rows.iter().for_each(|(key, value)| self.encoder.row(key, value, &mut out));
        if rows.is_empty() {
            self.encoder.end(&mut out);
            self.is_over = true;
        }
        Ok(Some(out.into()))
    }
}

/// Each piece is read when the one before is on its way. After an error the connection ends in the middle, so that nobody
/// takes the part for the whole.
fn body(pieces: Pieces) -> Body {
    Body::from_stream(try_unfold(pieces, |mut pieces| async move {
        let made = spawn_blocking(move || (pieces.piece(), pieces)).await;
        let (piece, pieces) = made.map_err(io::Error::other)?;
        match piece {
            Ok(piece) => Ok(piece.map(|piece| (piece, pieces))),
            Err(error) => {
                tracing::error!(%error, "a backup cannot be read to its end");
                Err(io::Error::other(error))
            }
        }
    }))
}
