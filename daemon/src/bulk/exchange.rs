//! A sync whose `syncedInstanceUri` is `/peers/{deviceId}`: it is one with that device, and tells what was exchanged.

use std::sync::Arc;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::inner::Inner;
use super::limits::{EXCHANGE_LOOK, EXCHANGE_TIME};
use super::log::{Code, Severity};
use super::sync::Status;
use super::worker::Outcome;

/// How it stands with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLink {
    /// A session is open.
    pub connected: bool,
    /// Records that its disk does not have, as far as it said.
    pub lacks: u64,
    /// Records that it has, as far as it said, and this device has not.
    pub has: u64,
}

/// What a sync with a peer needs of the network.
pub trait Exchange: Send + Sync + 'static {
    /// Whether a device of this id (as it is displayed) is paired.
    fn knows(&self, device: &str) -> bool;
    /// How it stands with it; `None` when it is not paired (any more).
    fn link(&self, device: &str) -> Option<PeerLink>;
    /// Tries to reach it now.
    fn sync_now(&self, device: &str);
}

/// Runs the exchange until both have all that the other has.
pub(super) async fn run(inner: &Arc<Inner>, device: &str) -> Outcome {
    let before = inner.engine.received();
    let sent = inner.exchange.link(device).map_or(0, |link| link.lacks);
    inner.exchange.sync_now(device);
    let deadline = Instant::now() + EXCHANGE_TIME;
    let mut looks = interval(EXCHANGE_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = inner.stop.subscribe();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Outcome::Stopped,
            _ = looks.tick() => {}
        }
        match inner.exchange.link(device) {
            None => return refused(inner, device, "it is not paired any more"),
            Some(PeerLink { connected: true, lacks: 0, has: 0 }) => {
                return ended(inner, device, sent, inner.engine.received().saturating_sub(before));
            }
            Some(link) if Instant::now() >= deadline => {
                let why = if link.connected { "it does not finish" } else { "it cannot be reached" };
                return refused(inner, device, why);
            }
            Some(_) => {}
        }
    }
}

fn ended(inner: &Inner, device: &str, sent: u64, received: u64) -> Outcome {
    let now = inner.now();
    let told = |count, what: &str| {
        let mut item = Code::PROCESSED.count(count, now);
        item.say(&format!("{what} {device}."));
        item
    };
    let logs = vec![
        told(sent, "Records sent to and kept by"),
        told(received, "Records received during the sync with"),
    ];
    Outcome::Ended { status: Status::Success, logs, exported: None }
}

fn refused(inner: &Inner, device: &str, why: &str) -> Outcome {
    let what = format!("sync with {device}: {why}");
    let log = Code::FAILED.with(&[&what], inner.now()).as_(Severity::Error);
    Outcome::Ended { status: Status::Error, logs: vec![log], exported: None }
}
