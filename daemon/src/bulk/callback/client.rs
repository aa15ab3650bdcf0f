//! One `POST` to one address: no redirects, no cookies, no proxy, and bounds on time and size.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::target::Target;

/// The longest head of an answer; some servers set many cookies.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The fields in it, as many as callers of this daemon may send.
const MAX_HEAD_FIELDS: usize = 100;
/// As much of an answer's body is read, so that a receiver sees it taken; nothing is done with it.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// For a connection to one address.
    pub(super) connect: Duration,
    /// For everything, the connection included.
    pub(super) whole: Duration,
}

/// What a receiver answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Of a redirect, if it can be read.
    pub(super) location: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("the connection broke or the answer is no HTTP: {0}")]
    Broken(#[from] hyper::Error),
    #[error("no answer in time")]
    Late,
    #[error("the request cannot be made: {0}")]
    Request(#[from] axum::http::Error),
}

/// Sends `body` to the first of the addresses that takes a connection.
pub(super) async fn post(
    target: &Target,
    addresses: &[SocketAddr],
    body: Bytes,
    times: Times,
) -> Result<Answer, NoAnswer> {
    let until = Instant::now() + times.whole;
    let request = request(target, body)?;
    let stream = within(until, connect(addresses, times.connect)).await?.map_err(NoAnswer::Connect)?;
    let mut http = http1::Builder::new();
    http.max_header_size(MAX_HEAD_BYTES).max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEAD_FIELDS);
    let (mut sender, connection) = within(until, http.handshake(TokioIo::new(stream))).await??;
    // The connection is closed when this function ends, whatever is still on it.
    let exchange = async {
        let response = sender.send_request(request).await?;
        let answer = answer(&response);
        // What was answered is known; how the rest of it goes changes nothing.
        let _ = timeout_at(until, take(response.into_body())).await;
        Ok(answer)
    };
    tokio::pin!(connection, exchange);
    within(until, async {
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            // What it had read before its end is still there for the exchange.
            _ = &mut connection => exchange.await,
        }
    })
    .await?
}

async fn within<T>(until: Instant, work: impl Future<Output = T>) -> Result<T, NoAnswer> {
    timeout_at(until, work).await.map_err(|_| NoAnswer::Late)
}

async fn connect(addresses: &[SocketAddr], time: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(time, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

fn request(target: &Target, body: Bytes) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    Request::post(&target.path)
        .header(HOST, &target.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("quire/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Full::new(body))
}

fn answer(response: &Response<Incoming>) -> Answer {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    Answer { status: response.status(), location: location.map(str::to_owned) }
}

async fn take(mut body: Incoming) {
    let mut left = MAX_BODY_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
