//! `GET /v1/events`: server-sent events, from wherever a reader stopped, without a gap and without a repetition.
//!
//! The stream is pulled by its reader: who does not read makes nothing grow here, and goes on from the store when it
//! reads again.

mod feed;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use self::feed::{Feed, Start};
use super::failure::off_thread;
use super::input::query;
use super::problem::Problem;
use super::router::Services;
use crate::engine::{Changed, Event};

/// Between signs of life. Proxies and apps give up on a silent connection after 30 s at the earliest.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Begins a stream: browsers shall wait a second before they come again.
const HELLO: &str = "retry: 1000\n\n";

const STILL_HERE: &str = ": still here\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The handler.
pub(super) async fn events(
    State(services): State<Services>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let start = start(&headers, &uri)?;
    // In this order: what is committed in between is either replayed or heard, or both and then skipped.
    let newest = services.engine.last_event();
    let heard = services.engine.subscribe();
    let (feed, first) = Feed::new(start, newest);
    let reader = Reader {
        feed,
        first: Some(format!("{HELLO}{first}")),
        heard,
        peers: Some(services.network.changes()),
        services,
    };
    let body = Body::from_stream(stream::unfold(reader, Reader::next));
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// Where a reader wants to go on: the header, which browsers send by themselves, before the query.
fn start(headers: &HeaderMap, uri: &Uri) -> Result<Start, Problem> {
    let asked = query(uri, &["lastEventId"])?;
    let header = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let id = header.or_else(|| asked.get("lastEventId").cloned());
    Ok(id.map_or(Start::Now, |id| Start::of(&id)))
}

/// One reader's stream.
struct Reader {
    feed: Feed,
    /// What is said before anything else.
    first: Option<String>,
    heard: broadcast::Receiver<Arc<Event>>,
    /// `None` once the network is gone.
    peers: Option<watch::Receiver<u64>>,
    services: Services,
}

/// What wakes a reader.
enum Woken {
    Event(Result<Arc<Event>, broadcast::error::RecvError>),
    Peers(bool),
    Idle,
}

impl Reader {
    /// The next piece of the stream; `None` ends it.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            let text = match self.first.take() {
                Some(first) => first,
                None if self.feed.is_behind() => self.replay().await?,
                None => self.listen().await?,
            };
            if !text.is_empty() {
                return Some((Ok(Bytes::from(text)), self));
            }
        }
    }

    async fn replay(&mut self) -> Option<String> {
        let engine = self.services.engine.clone();
        let after = self.feed.sent();
        let page = off_thread(move || {
            // Before the page is read: what comes later is heard.
            let newest = engine.last_event();
            Ok((engine.changes_after(after, feed::PAGE)?, newest))
        });
        // A reader that is cut off comes again with the last id.
        let (page, newest): (Option<Vec<Changed>>, u64) = page.await.ok()?;
        Some(self.feed.replayed(page, newest))
    }

    async fn listen(&mut self) -> Option<String> {
        let woken = tokio::select! {
            event = self.heard.recv() => Woken::Event(event),
            alive = changed(&mut self.peers) => Woken::Peers(alive),
            () = sleep(KEEP_ALIVE) => Woken::Idle,
        };
        match woken {
            Woken::Event(Ok(event)) => Some(match event.as_ref() {
                Event::Committed { changes, .. } => self.feed.heard(changes),
                Event::Roster => String::new(),
            }),
            Woken::Event(Err(broadcast::error::RecvError::Lagged(_))) => {
                self.feed.lagged();
                Some(String::new())
            }
            Woken::Event(Err(broadcast::error::RecvError::Closed)) => None,
            Woken::Peers(true) => Some(self.feed.peers(&self.services.network.peers())),
            Woken::Peers(false) => {
                self.peers = None;
                Some(String::new())
            }
            Woken::Idle => Some(STILL_HERE.to_owned()),
        }
    }
}

/// Waits for a peer to connect or go; false when that cannot happen any more.
async fn changed(peers: &mut Option<watch::Receiver<u64>>) -> bool {
    match peers {
        Some(peers) => peers.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(header: Option<&str>, uri: &str) -> Start {
        let headers = header.map(|id| (LAST_EVENT_ID, id.parse().unwrap())).into_iter().collect();
        start(&headers, &uri.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_header_goes_before_the_query() {
        assert_eq!(of(None, "/v1/events"), Start::Now);
        assert_eq!(of(Some("5"), "/v1/events?lastEventId=6"), Start::After(5));
        assert_eq!(of(None, "/v1/events?lastEventId=6"), Start::After(6));
        assert_eq!(of(Some("nonsense"), "/v1/events?lastEventId=6"), Start::Unknown);
        assert_eq!(of(Some("-1"), "/v1/events"), Start::Unknown);
    }
}
