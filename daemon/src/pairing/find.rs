//! Where the inviter is: the address that was given, those of the invitation, configured ones, and who says
//! on the network that an invitation is live.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::AcceptError;
use super::exchange::Found;
use super::uri::Invite;
use crate::channel::{self, ChannelError};
use crate::peers::{Peers, PlaceError, connect};

/// How long an inviter is looked for on the network: an advertisement takes two seconds to be sent, and on
/// bad radio some to be heard.
const LOOK_FOR: Duration = Duration::from_secs(10);

/// The head start of each place before the next one.
const STAGGER: Duration = Duration::from_millis(250);

/// Failures that are told to a person.
const TOLD: usize = 3;

/// Opens a pairing channel to the inviter.
pub(super) async fn inviter(
    peers: &Peers,
    invite: &Invite,
    address: Option<String>,
) -> Result<Found, AcceptError> {
    let mut search =
        Search { peers, code: &invite.code, tried: BTreeSet::new(), refused: false, failures: Vec::new() };
    if let Some(address) = &address {
        let found = search.try_places(vec![address.clone()]).await?;
        // Who says where the inviter is wants to hear of that one.
        if found.is_some() || search.refused {
            return found.ok_or(AcceptError::NotAccepted);
        }
    }
    for places in [invite.at.clone(), peers.configured()] {
        if let Some(found) = search.try_places(places).await? {
            return Ok(found);
        }
    }
    let patience = if search.tried.is_empty() { LOOK_FOR } else { Duration::ZERO };
    match search.try_seen(patience).await? {
        Some(found) => Ok(found),
        None => Err(search.failure()),
    }
}

struct Search<'a> {
    peers: &'a Peers,
    code: &'a str,
    tried: BTreeSet<String>,
    /// Somebody answered and did not accept the code.
    refused: bool,
    failures: Vec<PlaceError>,
}

impl Search<'_> {
    /// Connects side by side, and tries the code one after another: every place may be the same inviter.
    async fn try_places(&mut self, places: Vec<String>) -> Result<Option<Found>, AcceptError> {
        let mut connecting = JoinSet::new();
        let mut delay = Duration::ZERO;
        for place in places {
            if self.tried.insert(place.clone()) {
                let head_start = delay;
                connecting.spawn(async move {
                    sleep(head_start).await;
                    connect(&place).await.map(|stream| (stream, place))
                });
                delay += STAGGER;
            }
        }
        while let Some(connected) = connecting.join_next().await {
            let (stream, place) = match connected {
                Ok(Ok(connected)) => connected,
                Ok(Err(failure)) => {
                    self.failures.push(failure);
                    continue;
                }
                Err(_) => continue,
            };
            match channel::dial_pairing(stream, self.peers.engine().channel_key(), self.code).await {
                Ok((channel, public)) => return Ok(Some(Found { channel, public, place })),
                Err(ChannelError::NotAccepted) => self.refused = true,
                Err(ChannelError::Code(error)) => return Err(AcceptError::Code(error.to_string())),
                Err(source) => self.failures.push(PlaceError::Channel { place, source }),
            }
        }
        Ok(None)
    }

    /// Tries those who are seen to invite, waiting for more of them.
    async fn try_seen(&mut self, patience: Duration) -> Result<Option<Found>, AcceptError> {
        let deadline = Instant::now() + patience;
        let mut seen = self.peers.inviters();
        loop {
            let sightings = seen.borrow_and_update().clone();
            let addresses = sightings.iter().rev().flat_map(|(_, sighting)| &sighting.addresses);
            let places = addresses.map(SocketAddr::to_string).collect();
            if let Some(found) = self.try_places(places).await? {
                return Ok(Some(found));
            }
            if !matches!(timeout_at(deadline, seen.changed()).await, Ok(Ok(()))) {
                return Ok(None);
            }
        }
    }

    fn failure(&self) -> AcceptError {
        if self.refused {
            return AcceptError::NotAccepted;
        }
        if self.failures.is_empty() {
            let advice = "no device that invites was seen; give its address, as the other device shows it";
            return AcceptError::Unreachable(advice.to_owned());
        }
        let told: Vec<String> = self.failures.iter().take(TOLD).map(ToString::to_string).collect();
        AcceptError::Unreachable(told.join("; "))
    }
}
