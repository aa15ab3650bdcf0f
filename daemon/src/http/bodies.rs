//! Request bodies: read whole before a handler runs, so that how much and how long is decided in one place.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Taken before anything arrived; an honest small body never grows it.
const FIRST_BYTES: usize = 16 * 1024;

/// How much of a refused body is still read, and for how long, so that a client that sends before it reads gets our
/// answer and not a broken connection.
const LINGER_BYTES: usize = 256 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(5);

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is compressed; unpacking would undo every bound.
    #[error("The request's Content-Encoding is not supported; send it as it is.")]
    Encoded,
    /// It is longer than the route takes.
    #[error("The request's body is larger than is taken here.")]
    TooLarge,
    /// It did not arrive in time.
    #[error("The request's body did not arrive in time.")]
    TooSlow,
    /// Other bodies take all the memory there is for them.
    #[error("Too many large requests at once. Try again.")]
    Crowded,
    /// It is cut off or not framed as HTTP says.
    #[error("The request's body is cut off or malformed.")]
    Broken,
}

impl BodyError {
    /// The HTTP status that says it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// A body in memory. Its share of the memory for bodies is given back when this is dropped.
pub struct Held {
    /// The body.
    pub bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Reads a whole body of at most `limit` bytes within `deadline`, out of the `memory` (bytes) shared by all bodies.
///
/// # Errors
/// The bound that was passed. What is left of the body may be given to [`linger`].
pub async fn read(
    headers: &HeaderMap,
    body: &mut Incoming,
    limit: usize,
    deadline: Duration,
    memory: &Arc<Semaphore>,
) -> Result<Held, BodyError> {
    if is_encoded(headers) {
        return Err(BodyError::Encoded);
    }
    timeout(deadline, gather(body, limit, memory)).await.unwrap_or(Err(BodyError::TooSlow))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let plain = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"identity");
    !headers.get_all(CONTENT_ENCODING).iter().all(|coding| plain(coding.as_bytes()))
}

async fn gather(body: &mut Incoming, limit: usize, memory: &Arc<Semaphore>) -> Result<Held, BodyError> {
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > limit {
        return Err(BodyError::TooLarge);
    }
    let mut share = take(memory, 0)?;
    let mut bytes = Vec::with_capacity(told.min(FIRST_BYTES));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(BodyError::TooLarge);
        }
        share.merge(take(memory, data.len())?);
        bytes.extend_from_slice(&data);
    }
    Ok(Held { bytes: bytes.into(), _share: share })
}

/// Never waits: two bodies that each wait for the other's share would both be late.
fn take(memory: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    let bytes = u32::try_from(bytes).map_err(|_| BodyError::Crowded)?;
    Arc::clone(memory).try_acquire_many_owned(bytes).map_err(|_| BodyError::Crowded)
}

/// Reads on and throws away, while the refusal is on its way.
pub async fn linger(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    let discard = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    };
    // Late or not, the connection is closed now.
    let _ = timeout(LINGER_TIME, discard).await;
}
