//! Reaching one peer at many places: side by side, the first that proves itself wins.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::channel::{self, Channel, ChannelError};
use crate::engine::Engine;

/// The head start of each place before the next one: long enough that a good first one is alone, short
/// enough that nobody waits for a dead one (RFC 8305 recommends it).
const STAGGER: Duration = Duration::from_millis(250);

/// How long a name may take to resolve, and each of its addresses to answer: two retransmissions fit.
const CONNECT: Duration = Duration::from_secs(5);

/// Addresses of one name that are tried.
const ADDRESSES_OF_NAME: usize = 4;

/// A connection to one place did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// Nobody answered there.
    #[error("cannot reach {place}: {reason}")]
    Unreachable {
        /// The address as it was given.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// Somebody answered, and it did not become a channel.
    #[error("{place}: {source}")]
    Channel {
        /// The address as it was given.
        place: String,
        /// Why not.
        source: ChannelError,
    },
}

impl PlaceError {
    /// Whether somebody else than the peer answered, and where.
    pub(crate) fn somebody_else(&self) -> Option<&String> {
        match self {
            Self::Channel { place, source: ChannelError::Refused | ChannelError::Myself } => Some(place),
            _ => None,
        }
    }
}

/// Dials a peer at these places, the first one first; gives the channel and the place that answered.
pub(super) async fn reach(
    engine: Engine,
    key: [u8; 32],
    places: Vec<String>,
) -> Result<(Channel, String), Vec<PlaceError>> {
    first(places, move |place| {
        let engine = engine.clone();
        async move {
            let stream = connect(&place).await?;
            let dialed = channel::dial(stream, engine.channel_key(), &key).await;
            dialed.map_err(|source| PlaceError::Channel { place, source })
        }
    })
    .await
}

/// A TCP connection to `HOST:PORT`.
pub(crate) async fn connect(place: &str) -> Result<TcpStream, PlaceError> {
    let unreachable = |reason: String| PlaceError::Unreachable { place: place.to_owned(), reason };
    let late = || unreachable("no answer".to_owned());
    let found = timeout(CONNECT, lookup_host(place)).await.map_err(|_| late())?;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| unreachable(error.to_string()))?.take(ADDRESSES_OF_NAME).collect();
    let mut last = unreachable("the name has no address".to_owned());
    for address in addresses {
        last = match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => unreachable(plain(&error)),
            Err(_) => late(),
        };
    }
    Err(last)
}

/// Tries all places with a head start for each, at once when the one before has failed. Dropping the future
/// drops every attempt; so does the first success.
async fn first<T, F>(
    places: Vec<String>,
    attempt: impl Fn(String) -> F,
) -> Result<(T, String), Vec<PlaceError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, PlaceError>> + Send + 'static,
{
    let mut waiting = places.into_iter();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        let more = waiting.next();
        let last = more.is_none();
        if let Some(place) = more {
            let attempt = attempt(place.clone());
            running.spawn(async move { attempt.await.map(|reached| (reached, place)) });
        } else if running.is_empty() {
            return Err(failures);
        }
        tokio::select! {
            Some(done) = running.join_next() => match done {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(failure)) => failures.push(failure),
                Err(error) => tracing::error!(%error, "an attempt to dial was lost"),
            },
            () = sleep(STAGGER), if !last => {}
        }
    }
}

/// What people know the common failures by.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no way there".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tokio::time::Instant;

    fn no(place: &str) -> PlaceError {
        PlaceError::Unreachable { place: place.to_owned(), reason: "no".to_owned() }
    }

    #[tokio::test]
    async fn a_place_that_does_not_answer_holds_nobody_up() {
        let start = Instant::now();
        let places = ["dead", "deaf", "good"].map(str::to_owned).to_vec();
        let reached = first(places, |place| async move {
            match place.as_str() {
                "dead" => Err(no(&place)),
                "deaf" => std::future::pending().await,
                _ => Ok(7),
            }
        });
        assert_eq!(reached.await.unwrap(), (7, "good".to_owned()));
        assert!(start.elapsed() >= STAGGER, "the deaf one had its head start");
    }

    #[tokio::test]
    async fn all_failures_are_told_in_the_order_they_came() {
        let places = ["a", "b"].map(str::to_owned).to_vec();
        let failed = first(places, |place| async move { Err::<(), _>(no(&place)) }).await.unwrap_err();
        let texts: Vec<String> = failed.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["cannot reach a: no", "cannot reach b: no"]);
    }

    #[tokio::test]
    async fn says_why_a_place_cannot_be_reached() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = connect(&free.to_string()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot reach {free}: nobody listens there"));
        assert!(connect("no port").await.is_err());
    }
}
