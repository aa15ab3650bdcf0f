//! The accept loop: connections bounded in number, in header time and in header size, and a stop that ends in time.
//! `axum::serve` bounds none of these (1,100 half-open connections silence it), so hyper is driven here.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::caller::{Caller, Standing};
use super::door::Door;
use super::guard::SharedRules;
use super::problem::Family;
use super::tls::SharedTls;

/// Each bound of the HTTP shell. The default is what the daemon uses; tests shorten it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections of callers we trust. Every app of one user together; a browser opens six.
    pub connections: usize,
    /// Connections of everybody else, so that another user cannot take the places of the first.
    pub stranger_connections: usize,
    /// From the first moment of waiting for a request until its head is complete; idle connections end by it too.
    pub header_time: Duration,
    /// Of a request's head. A full Basic or cookie header of 8 KiB fits several times.
    pub header_bytes: usize,
    /// Fields in a request's head.
    pub header_fields: usize,
    /// For a whole body to arrive.
    pub body_time: Duration,
    /// Of a body for `/v1`: one item, generously.
    pub native_body: usize,
    /// Of a body for a documented shape: some 50,000 markings, or one value of 16 MiB in any encoding.
    pub shape_body: usize,
    /// Of a body for the Bulk shapes: "32 MB a staging POST" (REFERENCE A7).
    pub bulk_body: usize,
    /// Bytes of all bodies together that are in memory at one time.
    pub body_memory: usize,
    /// Event streams at one time. A stream is a dashboard or a script.
    pub streams: usize,
    /// For requests in flight to finish when the daemon stops; it must be gone after 5 s.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            stranger_connections: 32,
            header_time: Duration::from_secs(5),
            header_bytes: 64 * 1024,
            header_fields: 100,
            body_time: Duration::from_secs(60),
            native_body: 1024 * 1024,
            shape_body: 64 * 1024 * 1024,
            bulk_body: 32 * 1024 * 1024,
            body_memory: 128 * 1024 * 1024,
            streams: 16,
            stop_time: Duration::from_secs(3),
        }
    }
}

impl Limits {
    /// Those of HTTPS beside HTTP: a part of them, since both are there at the same time.
    #[must_use]
    pub fn beside(self) -> Self {
        Self {
            connections: self.connections / 4,
            stranger_connections: self.stranger_connections / 4,
            body_memory: self.shape_body,
            streams: self.streams / 4,
            ..self
        }
    }

    /// The longest body that a family of routes takes, in bytes.
    #[must_use]
    pub fn body_bytes(&self, family: Family) -> usize {
        match family {
            Family::Native => self.native_body,
            Family::Shape => self.shape_body,
            Family::Bulk => self.bulk_body,
        }
    }
}

/// Refusals that are on their way at one time; beyond, a connection is closed without a word.
const TURNING_AWAY: usize = 64;
/// How long a refused client may take to read its refusal.
const TURN_AWAY_TIME: Duration = Duration::from_millis(500);
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 5\r\nconnection: close\r\n\
    x-content-type-options: nosniff\r\ncross-origin-resource-policy: same-origin\r\nreferrer-policy: no-referrer\r\n\
    cache-control: no-store\r\n\r\n";

/// Between tries while the system has no file handles or memory for a connection.
const BACKOFF: Duration = Duration::from_millis(50);

/// Serves `app` on `listener`, over TLS where there is one, until `shutdown`, then lets requests in flight finish within [`Limits::stop_time`].
///
/// # Errors
/// None after the start: what goes wrong with a connection is that connection's end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<SharedTls>,
    app: Router,
    rules: SharedRules,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let mut crew = JoinSet::new();
    let house = House::new(app, tls, rules, limits, stopped);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = crew.join_next() => {}
            stream = accept(&listener) => house.receive(stream, &mut crew),
        }
    }
    drop(listener);
    stop.send_replace(true);
    if timeout(limits.stop_time, async { while crew.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(connections = crew.len(), "stopping with requests still unanswered");
        crew.shutdown().await;
    }
    Ok(())
}

/// Accepts one connection, whatever it takes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(e) if is_the_callers_fault(&e) => {}
            Err(e) => {
                tracing::warn!(error = %e, "cannot accept connections just now");
                sleep(BACKOFF).await;
            }
        }
    }
}

/// Errors of the one connection that was to be accepted; the next may be good.
fn is_the_callers_fault(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::ConnectionRefused)
}

/// What every connection shares.
struct House {
    door: Door,
    tls: Option<SharedTls>,
    /// For a TLS handshake, as for a head.
    hand_time: Duration,
    rules: SharedRules,
    http: http1::Builder,
    places: Arc<Semaphore>,
    stranger_places: Arc<Semaphore>,
    turning_away: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl House {
    fn new(
        app: Router,
        tls: Option<SharedTls>,
        rules: SharedRules,
        limits: Limits,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            tls,
            hand_time: limits.header_time,
            door: Door::new(app, rules.clone(), limits, stopped.clone()),
            rules,
            http: builder(&limits),
            places: Arc::new(Semaphore::new(limits.connections)),
            stranger_places: Arc::new(Semaphore::new(limits.stranger_connections)),
            turning_away: Arc::new(Semaphore::new(TURNING_AWAY)),
            stopped,
        }
    }

    fn receive(&self, stream: TcpStream, crew: &mut JoinSet<()>) {
        // Who is gone already needs no answer.
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
        let caller = Caller::find(peer, local);
        if let Ok(place) = Arc::clone(self.places_for(caller)).try_acquire_owned() {
            crew.spawn(self.attend(stream, caller, place));
        } else if self.tls.is_some() {
            // A refusal would cost a handshake.
        } else if let Ok(place) = Arc::clone(&self.turning_away).try_acquire_owned() {
            crew.spawn(turn_away(stream, place));
        }
    }

    fn places_for(&self, caller: Caller) -> &Arc<Semaphore> {
        match caller.standing(&self.rules.load()) {
            Standing::Trusted => &self.places,
            Standing::NeedsToken | Standing::Refused => &self.stranger_places,
        }
    }

    fn attend(
        &self,
        stream: TcpStream,
        caller: Caller,
        place: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let door = self.door.clone();
        let stopped = wait_for_stop(self.stopped.clone());
        let http = self.http.clone();
        let (tls, hand_time) = (self.tls.clone(), self.hand_time);
        async move {
            let _place = place;
            // Only costs time where it fails.
            let _ = stream.set_nodelay(true);
            match tls {
                None => converse(stream, &http, door, caller, stopped).await,
                Some(tls) => match timeout(hand_time, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, &http, door, caller, stopped).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        }
    }
}

/// Answers the requests of one connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    http: &http1::Builder,
    door: Door,
    caller: Caller,
    stopped: impl Future<Output = ()>,
) {
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(caller, request).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "a connection ended early");
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.header_fields)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes)
        .half_close(true)
        .keep_alive(true);
    http
}

/// Ends once the daemon stops.
pub(super) async fn wait_for_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the server is gone: stopped all the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Says that there is no place, and waits a moment for the client to hear it: closing on unread bytes would reset the
/// connection and take the answer back.
async fn turn_away(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let say = async {
        stream.write_all(BUSY).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    // It is closed now in any case.
    let _ = timeout(TURN_AWAY_TIME, say).await;
}

#[cfg(test)]
mod tests;
